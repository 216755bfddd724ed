"""Returns in every channel: what was bought anywhere, what of it is left, and the way its money goes back."""
