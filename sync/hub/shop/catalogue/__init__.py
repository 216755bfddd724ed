"""Articles as channels see them, and what a cart of them costs."""
