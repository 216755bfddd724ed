"""The parts of a screen: each a function from a scene to rows."""
