"""The till itself, in parts: the desk they share, selling, checkout, surroundings, and the till that drives them."""

from pos.till.desk import PackSetup, TillSetup, World
from pos.till.till import Till

__all__ = ["PackSetup", "Till", "TillSetup", "World"]
