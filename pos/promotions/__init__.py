"""The rows of promotions that a till keeps: brought in from a file or by the hub, and read between sales."""
