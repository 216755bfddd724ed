"""Webhooks out: what happened in the shop, told to other systems, signed, and told again until they have heard it."""
