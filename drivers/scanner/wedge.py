"""The fallback for a scanner nobody may grab: tells its keystrokes in the terminal from a person's.

Pure: characters and times go in, decisions come out. A scanner presses keys faster and more evenly than
fingers can. Until that is clear a key is held back, so that no scanned digit lands in a price or a PIN;
a person's key is given back within 60 ms of the last one.
"""

from itertools import pairwise
from statistics import median

import msgspec

from pos.domain.codes import is_gtin

__all__ = ["Scanned", "Typed", "WedgeDetector"]

MIN_LENGTH = 6
MEAN_GAP_MAX_MS = 30
GAP_MAX_MS = 60
TERMINATOR_MAX_MS = 100
SLACK_MS = 30  # what a run may be behind the mean before it is given back early
KEY_REPEAT_MIN_MS = 15  # a held key repeats every 30 ms or so; no scanner with equal digits is that slow
TYPED_BEFORE_MAX = 3  # keys of a person that may stand directly before a scan
PAUSE_MIN_MS = 10  # between such a key and the scan
MACHINE_MIN_LENGTH = 4  # as many keys at scanner speed are no person's: what follows soon is the same scan
MACHINE_PAUSE_MS = 300
LENGTH_MAX = 4096
GS = "\x1d"  # between the fields of a GS1 code
TERMINATORS = frozenset("\r\n\t")


class Typed(msgspec.Struct, frozen=True):
    """Give these keys, in order, to whatever has the focus: a person typed them."""

    text: str


class Scanned(msgspec.Struct, frozen=True):
    """These `keys` held keys were a scan of `code`: forget them. Prefix and terminator are counted too."""

    code: str
    keys: int


Decision = Typed | Scanned


class WedgeDetector:
    """Feed it every key with the time it was pressed; call `expire` at `due_ms`.

    Times must be those of the keys' arrival, not of their processing. The decisions account for each
    character fed exactly once and in order, so the caller can keep the original key events in a queue.

    A scan: at least 6 printable characters, mean gap at most 30 ms, no gap over 60 ms, Enter or Tab
    within 100 ms, not all the same character; or any code behind `prefix`. With scanner timing a wrong
    check digit changes nothing: it is a scan still, for the till to refuse; thirteen digits must never
    turn up as typing. The check digit decides only where a scan begins if keys were typed just before.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._chars: list[str] = []
        self._times: list[int] = []
        # A burst that was given back: its last key, and how long a pause still belongs to it.
        self._tail_ms = 0
        self._tail_pause_ms = -1

    @property
    def due_ms(self) -> int | None:
        """When the held keys must be given back if nothing else comes; None if none are held."""
        if not self._chars:
            return None
        return self._times[-1] + 1 + (TERMINATOR_MAX_MS if self._is_scan() else GAP_MAX_MS)

    def feed(self, char: str, time_ms: int) -> list[Decision]:
        """One key's character; "" for a key without one or a paste, which the caller passes on itself."""
        if char in TERMINATORS:
            return [*self.expire(time_ms), *self._finish(char)]
        decisions: list[Decision] = []
        if self._chars and time_ms - self._times[-1] > GAP_MAX_MS:
            decisions += self._give_back()
        if not self._is_content(char):
            decisions += self._give_back(char)
            self._tail_pause_ms = -1
        elif time_ms - self._tail_ms <= self._tail_pause_ms:
            # The burst's beginning was given back; its rest must not pass for a code of its own.
            self._tail_ms = time_ms
            decisions.append(Typed(char))
        else:
            self._tail_pause_ms = -1
            self._chars.append(char)
            self._times.append(max(time_ms, self._times[-1] if self._times else time_ms))
            if not self._is_hopeful():
                decisions += self._give_back()
        return decisions

    def expire(self, now_ms: int) -> list[Decision]:
        """Give the held keys back if it is `due_ms`.

        Call it from a timer set while the last key was handled: keys that have arrived meanwhile are
        then fed first, however late the loop is.
        """
        due_ms = self.due_ms
        return self._give_back() if due_ms is not None and now_ms >= due_ms else []

    def _finish(self, terminator: str) -> list[Decision]:
        """Enter or Tab: the held keys were a scan, or everything is given back."""
        self._tail_pause_ms = -1
        if not self._is_scan():
            decisions = self._give_back(terminator)
            self._tail_pause_ms = -1
            return decisions
        text = "".join(self._chars)
        start = self._start_of_scan(text)
        typed, code = text[:start], text[start:]
        self._forget()
        scanned = Scanned(code.removeprefix(self._prefix), len(code) + 1)
        return [Typed(typed), scanned] if typed else [scanned]

    def _is_content(self, char: str) -> bool:
        return bool(char) and (char.isprintable() or char == GS or char in self._prefix)

    def _is_scan(self) -> bool:
        """What is held would be a scan if a terminator came now."""
        count = len(self._chars)
        if self._prefix and self._prefix in "".join(self._chars[: len(self._prefix) + TYPED_BEFORE_MAX]):
            return count > len(self._prefix)
        return count >= MIN_LENGTH and self._mean_gap_ms() <= MEAN_GAP_MAX_MS and len(set(self._chars)) > 1

    def _is_hopeful(self) -> bool:
        """What is held may still become a scan: not too slow, not a key that is held down."""
        count = len(self._chars)
        if count > LENGTH_MAX:
            return False
        span_ms = self._times[-1] - self._times[0]
        if span_ms > MEAN_GAP_MAX_MS * (count - 1) + SLACK_MS:
            return False
        held_down = count == MIN_LENGTH and len(set(self._chars)) == 1
        return not (held_down and self._mean_gap_ms() >= KEY_REPEAT_MIN_MS)

    def _mean_gap_ms(self) -> float:
        return (self._times[-1] - self._times[0]) / max(len(self._times) - 1, 1)

    def _start_of_scan(self, text: str) -> int:
        """How many keys a person typed directly before the scan: none, unless that is plain to see.

        Plain: with them the code is no GTIN, without them it is, and a pause stands between.
        """
        if self._prefix and (found := text.find(self._prefix)) >= 0:
            return found
        if is_gtin(text):
            return 0
        gaps = [after - before for before, after in pairwise(self._times)]
        for start in range(1, TYPED_BEFORE_MAX + 1):
            pause_ms, within = gaps[start - 1], gaps[start:]
            if is_gtin(text[start:]) and pause_ms > max(PAUSE_MIN_MS, 3 * median(within)):
                return start
        return 0

    def _give_back(self, more: str = "") -> list[Decision]:
        text = "".join(self._chars) + more
        if self._chars:
            machine = len(self._chars) >= MACHINE_MIN_LENGTH and self._mean_gap_ms() <= MEAN_GAP_MAX_MS
            self._tail_ms = self._times[-1]
            self._tail_pause_ms = MACHINE_PAUSE_MS if machine else GAP_MAX_MS
        self._forget()
        return [Typed(text)] if text else []

    def _forget(self) -> None:
        self._chars.clear()
        self._times.clear()
