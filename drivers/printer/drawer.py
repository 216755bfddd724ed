"""Whether the drawer stands open, from the pin of the printer that its switch hangs on."""

import asyncio
from collections.abc import Callable

__all__ = ["CLOSED", "LEFT_OPEN", "OPEN", "DrawerSensor", "Later"]

CLOSED, OPEN, LEFT_OPEN = "", "open", "left-open"

Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
"""Calls a function after so many seconds, on the loop; the handle calls it off."""


class DrawerSensor:
    """Feed it the pin's level as often as it is heard; `tell` gets CLOSED, OPEN and, after `limit_s`, LEFT_OPEN.

    Which level means open differs from drawer to drawer, so it is a setting: `open_is_high`. Nothing is told before
    the first level, and a drawer that was shut all along is not told either.
    """

    def __init__(
        self, *, open_is_high: bool, limit_s: float, tell: Callable[[str], None], later: Later | None = None
    ) -> None:
        self._open_is_high = open_is_high
        self._limit_s = limit_s
        self._tell = tell
        self._later = later
        self._timer: asyncio.TimerHandle | None = None
        self.word = CLOSED

    def level(self, *, high: bool) -> None:
        is_open = high is self._open_is_high
        if is_open is (self.word != CLOSED):
            return
        self.forget()
        if is_open:
            self.word = OPEN
            later = self._later or asyncio.get_running_loop().call_later
            self._timer = later(self._limit_s, self._left_open)
        self._tell(self.word)

    def forget(self) -> None:
        """The printer is gone: nobody knows any more."""
        self.word = CLOSED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _left_open(self) -> None:
        self.word = LEFT_OPEN
        self._tell(self.word)
