"""Drops a code that is read twice in a moment: a label left in the beam is one article."""

from collections.abc import Callable

from pos.ports import Clock

__all__ = ["OnRepeat", "RepeatFilter"]

OnRepeat = Callable[[str, int], None]
"""Hears what was dropped: the code, and how many ms after its last reading."""


class RepeatFilter:
    """Lets a code through unless it is the last one again within `window_ms`; 0 lets all through.

    The time counts from the last reading, dropped or not, so a label that stays in the beam counts
    once. Another code between two readings makes the second one a new article.
    """

    def __init__(self, window_ms: int, clock: Clock, on_repeat: OnRepeat) -> None:
        self._window_ms = window_ms
        self._clock = clock
        self._on_repeat = on_repeat
        self._last_code = ""
        self._last_ms = 0

    def passes(self, code: str) -> bool:
        if self._window_ms <= 0:
            return True
        now_ms = self._clock.mono_ms()
        gap_ms = now_ms - self._last_ms
        repeated = code == self._last_code and gap_ms < self._window_ms
        self._last_code = code
        self._last_ms = now_ms
        if repeated:
            self._on_repeat(code, gap_ms)
        return not repeated
