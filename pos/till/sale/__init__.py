"""The open sale: what is scanned, weighed, priced and taken off, up to the moment when it ends."""
