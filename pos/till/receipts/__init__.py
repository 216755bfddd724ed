"""Receipts of this till, found again: what was paid how, what came back, what takes one back."""
