"""Keys on their way to the controls, past a scanner that plays keyboard in the terminal.

A detector from outside says of each key whether a person or a scanner pressed it. Until it knows, the key
waits here with its original event; a scan's keys are forgotten and its code goes to the till as a scan.
Waiting keys are shown before they are given, so that typing never looks slow.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from pos.tui.keypad import pad_key
from pos.tui.timer import Later

__all__ = ["ECHO_MS", "KeySieve", "Wedge"]

ECHO_MS = 30
"""A key that waits is shown after this: later than a scanner's next key, sooner than a hand misses it."""

GS_KEY, GS = "ctrl+right_square_bracket", "\x1d"


class TypedKeys(Protocol):
    """The decision that a person typed these characters; see drivers.scanner.wedge.Typed."""

    @property
    def text(self) -> str: ...


@runtime_checkable
class ScannedKeys(Protocol):
    """The decision that `keys` keys were a scan of `code`; see drivers.scanner.wedge.Scanned."""

    @property
    def code(self) -> str: ...
    @property
    def keys(self) -> int: ...


class Wedge(Protocol):
    """Tells scans from typing; drivers.scanner.wedge.WedgeDetector does.

    Each character fed is accounted for in one later decision, in order. "" stands for a key without one.
    """

    @property
    def due_ms(self) -> int | None: ...
    def feed(self, char: str, time_ms: int) -> Sequence[TypedKeys | ScannedKeys]: ...
    def expire(self, now_ms: int) -> Sequence[TypedKeys | ScannedKeys]: ...


class KeySieve:
    """Takes every key with the time it arrived; gives keys to `press`, codes to `scanned`.

    `echo` is told which characters wait, so that they can be shown, and "" when that is over. `later` must run its callback in line with the keys: those that have arrived by then come first.
    """

    def __init__(
        self,
        wedge: Wedge | None,
        *,
        press: Callable[[str, str | None], None],
        scanned: Callable[[str], None],
        echo: Callable[[str], None],
        later: Later,
    ) -> None:
        self._wedge = wedge
        self._press = press
        self._scanned = scanned
        self._echo = echo
        self._later = later
        self._held: deque[tuple[str, str | None, str]] = deque()
        self._last_ms = 0
        self._echo_ms: int | None = None
        self._echoed = False
        self._wake_ms: int | None = None
        self._call_off: Callable[[], None] | None = None

    def key(self, key: str, character: str | None, time_ms: int) -> None:
        """A key of the terminal; it is pressed at once, a little later, or never."""
        if self._wedge is None:
            self._press(key, character)
            return
        char = _char_of(key, character)
        if char:
            self._held.append((key, character, char))
        self._settle(self._wedge.feed(char, time_ms))
        if not char:
            self._press(key, character)
        self._last_ms = time_ms
        self._echo_ms = time_ms + ECHO_MS if self._held else None
        self._set_timer(time_ms)

    def flush(self, time_ms: int) -> None:
        """What waits is given now: something comes that is no key, and must not overtake it."""
        if self._wedge is not None and self._held:
            self._settle(self._wedge.feed("", time_ms))

    def _wake(self) -> None:
        """Counts with the time the timer was set for: a late loop makes no key older than it is."""
        if self._wake_ms is None or self._wedge is None:
            return
        now_ms, self._wake_ms = max(self._wake_ms, self._last_ms), None
        self._settle(self._wedge.expire(now_ms))
        if self._held and self._echo_ms is not None and now_ms >= self._echo_ms:
            self._echo_ms, self._echoed = None, True
            self._echo("".join(char for _, _, char in self._held))
        self._set_timer(now_ms)

    def _settle(self, decisions: Sequence[TypedKeys | ScannedKeys]) -> None:
        for decision in decisions:
            if isinstance(decision, ScannedKeys):
                for _ in range(decision.keys):
                    self._held.popleft()
                self._hide()
                self._scanned(decision.code)
            else:
                for _ in decision.text:
                    key, character, _ = self._held.popleft()
                    self._hide()
                    self._press(key, character)

    def _hide(self) -> None:
        if self._echoed:
            self._echoed = False
            self._echo("")

    def _set_timer(self, now_ms: int) -> None:
        """One timer is enough for all keys that wait: when it rings, the next time is set from there."""
        due_ms = self._wedge.due_ms if self._wedge is not None else None
        if due_ms is None:
            return
        if self._echo_ms is not None:
            due_ms = min(due_ms, self._echo_ms)
        if self._wake_ms is not None and self._call_off is not None:
            if self._wake_ms <= due_ms:
                return
            self._call_off()
        self._wake_ms = due_ms
        self._call_off = self._later(max(0, due_ms - now_ms), self._wake)


def _char_of(key: str, character: str | None) -> str:
    """What the detector is told of a key; the pad's operators are keys, its digits and Enter characters."""
    if key in ("enter", "kp_enter"):
        return "\r"
    if key == GS_KEY:
        return GS
    if pad_key(key) != key or character is None or len(character) != 1:
        return ""
    return character
