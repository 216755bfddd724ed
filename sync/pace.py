"""How fast a line sends, how fast it tries again, and how it says that it ended: back-off with full jitter, and pauses."""

from typing import Final, NamedTuple

from pos.ports import Ids

__all__ = ["AT_WORK", "IDLE", "Backoff", "PauseError", "Stride", "jitter", "retry_after_ms"]

BACKOFF_FIRST_MS: Final = 500
BACKOFF_MAX_MS: Final = 60_000
RETRY_AFTER_MAX_MS: Final = 300_000


class Stride(NamedTuple):
    """How a backlog goes up: so many facts at a time, a pause after them, and news of it at most so often."""

    facts: int
    pause_s: float
    tell_ms: int


# What is told is painted, and a scan that comes right after a frame waits for the next one.
IDLE: Final = Stride(200, 0.1, 1_000)
AT_WORK: Final = Stride(50, 0.25, 10_000)


class PauseError(Exception):
    """The node answered, but this session ends. `wait_ms` 0: the pause is what the back-off says."""

    def __init__(self, problem: str, wait_ms: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.wait_ms = wait_ms


class Backoff:
    """Anything up to a bound that doubles with each failure (full jitter), from 0.5 s to 60 s."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._failures = 0

    def next_ms(self) -> int:
        bound = min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(self._failures, 7))
        self._failures += 1
        return max(BACKOFF_FIRST_MS // 5, jitter(self._ids, bound))

    def reset(self) -> None:
        self._failures = 0


def jitter(ids: Ids, bound_ms: int) -> int:
    """A number from 0 up to `bound_ms`, by chance."""
    return int.from_bytes(ids.token(4), "big") * bound_ms >> 32


def retry_after_ms(text: str) -> int:
    """Seconds only (RFC 9110, 10.2.3 knows dates too: then the back-off decides)."""
    return min(int(text) * 1000, RETRY_AFTER_MAX_MS) if text.isascii() and text.isdigit() else 0
