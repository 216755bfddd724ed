"""Orders of the store: picked, made, handed over."""
