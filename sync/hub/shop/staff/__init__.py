"""The staff page's devices: codes that a till makes for its operator, and the sessions that they open."""
