"""Customers: who they are, how they are found, what they agreed to, their points and purchases; erasable."""
