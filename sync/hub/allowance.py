"""How often somebody may ask."""

from pos.ports import Clock

__all__ = ["Allowance"]


class Allowance:
    """So many at once, and then one more every so often."""

    def __init__(self, clock: Clock, at_once: int, every_ms: int) -> None:
        self._clock = clock
        self._at_once = at_once
        self._every_ms = every_ms
        self._left = float(at_once)
        self._seen_ms = clock.mono_ms()

    def take(self) -> bool:
        if not self.is_left():
            return False
        self._left -= 1
        return True

    def is_left(self) -> bool:
        """Whether the next one may be taken."""
        now_ms = self._clock.mono_ms()
        self._left = min(self._at_once, self._left + (now_ms - self._seen_ms) / self._every_ms)
        self._seen_ms = now_ms
        return self._left >= 1
