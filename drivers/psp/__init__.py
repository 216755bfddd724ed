"""Payment services: links that customers pay by phone."""
