"""What the till remembers: the journal (the truth), the state (mutable) and the views (rebuildable)."""
