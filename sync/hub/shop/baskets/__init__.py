"""Carts that travel between phone, web shop and till."""
