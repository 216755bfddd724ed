"""The shop's brand: one set for pages and messages, put by the office."""
