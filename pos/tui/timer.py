"""Timers of the screen, as one small function that tests replace by hand-driven time."""

import asyncio
from collections.abc import Callable

__all__ = ["Later", "later"]

Later = Callable[[int, Callable[[], None]], Callable[[], None]]
"""Takes a delay in ms and what to do then; gives a function that calls it off."""


def later(delay_ms: int, act: Callable[[], None]) -> Callable[[], None]:
    """The loop's own timer."""
    return asyncio.get_running_loop().call_later(delay_ms / 1000, act).cancel
