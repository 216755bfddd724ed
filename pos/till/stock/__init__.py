"""The stockroom, and the labels on the shelves."""
