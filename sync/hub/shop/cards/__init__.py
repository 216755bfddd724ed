"""Gift cards and store credit: numbers, and what is left on each, for all tills and channels."""
