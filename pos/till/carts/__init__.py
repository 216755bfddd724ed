"""Carts that wait, at this till, in the store or on a phone."""
