"""Reads ESC/POS bytes as a printer would and notes every byte a printer would not understand.

Written from the command specification alone, so that a composer and its judge cannot share a mistake.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from tests.simulators.paper import codepages, grammar
from tests.simulators.paper.model import (
    DrawerPulse,
    Item,
    PaperError,
    Receipt,
    TextLine,
    TextRun,
    UnknownBytes,
    Violation,
)
from tests.simulators.paper.profile import PROFILES, Profile
from tests.simulators.paper.roll import Roll
from tests.simulators.paper.settings import HANDLERS, Settings
from tests.simulators.paper.symbols import Outcome, Place, Symbols

_DRAWER_PIN = {0: 2, 1: 5, 48: 2, 49: 5}
_CONTEXT_BYTES = 12
_FORBIDDEN_IN_DATA = (bytes([grammar.DLE, 5, 1]), bytes([grammar.DLE, 5, 2]), grammar.CLEAR_BUFFERS)

Query = Callable[[str, bytes], None]


class Interpreter:
    """Feed bytes in any portions, then look at `receipts` and `violations`.

    `strict` makes `finish()` raise PaperError when anything was wrong. `on_item` hears each printed item,
    `on_query` each command that asks for an answer (its name as in the manual, its parameters).
    With `realtime=False` the real-time commands are passed over, because the printer around this
    interpreter has carried them out when they arrived.
    """

    def __init__(
        self,
        profile: Profile = PROFILES["48"],
        *,
        strict: bool = False,
        realtime: bool = True,
        on_item: Callable[[Item], None] | None = None,
        on_query: Query | None = None,
    ) -> None:
        self.profile = profile
        self.strict = strict
        self.roll = Roll(profile, on_item)
        self._realtime = realtime
        self._on_query = on_query or (lambda _name, _arguments: None)
        self._pending = bytearray()
        self._at = 0  # place in _pending of the command at work
        self._offset = 0  # offset in the whole stream of _pending[0]
        self._before = b""
        self._runs: list[TextRun] = []
        self._x = 0
        self._line_complained = False
        self._settings = Settings(profile, self._complain, self._at_line_start)
        self._symbols = Symbols(profile)

    @property
    def receipts(self) -> list[Receipt]:
        return self.roll.receipts

    @property
    def violations(self) -> list[Violation]:
        return self.roll.violations

    @property
    def mm(self) -> float:
        """Paper used since the beginning, in millimetres."""
        return self.profile.mm(self.roll.dots_total)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream and carry out every command that is complete."""
        self._pending += data
        self._at = 0
        while self._at < len(self._pending):
            used = self._step()
            if not used:
                break
            self._at += used
        self._before = (self._before + bytes(self._pending[: self._at]))[-4:]
        self._offset += self._at
        del self._pending[: self._at]
        self._at = 0

    def finish(self) -> list[Violation]:
        """Say that the stream ends here. Returns all violations; a strict interpreter raises them."""
        if self._pending:
            self._complain("truncated", "the stream ends inside a command")
            self._offset += len(self._pending)
            self._pending.clear()
        if self._runs:
            self._complain("lost text", f"text without a line feed: {self._line_text()!r}")
            self._drop_line()
        if self.strict and self.violations:
            raise PaperError(list(self.violations))
        return self.violations

    def power_cycle(self) -> None:
        """Forget all settings and the unprinted line without a complaint, as switching off does."""
        self.clear()
        self._settings.reset()
        self._symbols = Symbols(self.profile)

    def clear(self) -> None:
        """Forget what has not been printed; settings stay (DLE ENQ 2, DLE DC4 8)."""
        self._offset += len(self._pending)
        self._pending.clear()
        self._drop_line()

    def pulse(self, pulse: DrawerPulse) -> None:
        """Note a drawer pulse between the things printed so far."""
        self.roll.add(pulse)

    # -- one command -----------------------------------------------------------------------------

    def _step(self) -> int:
        code = self._pending[self._at]
        if code in grammar.PREFIXES:
            return self._command()
        if code >= 0x20:
            self._character(code)
        elif code == 0x0A:
            self._line_feed()
        elif code == 0x09:
            self._tab()
        elif code == 0x0C:
            if self._runs:
                self._line_feed()
        elif code not in (0x0D, 0x18):  # CR does nothing on a line printer, CAN only clears page mode
            self._unknown(1, f"byte {code:02X}")
        return 1

    def _command(self) -> int:
        length = grammar.command_length(self._pending, self._at)
        if length == grammar.NEED_MORE:
            return 0
        command = bytes(self._pending[self._at : self._at + abs(length)])
        if length < 0:
            self._unknown(-length, f"command {command.hex(' ').upper()}")
            return -length
        if command[0] == grammar.DLE:
            self._real_time(command)
            return length
        if command[:2] in self._HAS_DATA and self._hides_real_time(command[2:]):
            self._complain("real-time in data", "data that a printer takes for a real-time command")
        if command[:2] in HANDLERS:
            HANDLERS[command[:2]](self._settings, command[2:])
        else:
            self._HANDLERS[command[:2]](self, command[2:])
        return length

    def _hides_real_time(self, data: bytes) -> bool:
        if any(mark in data for mark in _FORBIDDEN_IN_DATA):
            return True
        at = data.find(b"\x10\x14\x01")
        while at >= 0:
            if data[at + 3 : at + 4] in (b"\x00", b"\x01") and 1 <= sum(data[at + 4 : at + 5]) <= 8:
                return True
            at = data.find(b"\x10\x14\x01", at + 1)
        return False

    def _real_time(self, command: bytes) -> None:
        allowed = {4: range(1, 5), 5: range(3)}.get(command[1])
        if allowed is not None and command[2] not in allowed:
            self._bad(f"DLE {'EOT' if command[1] == 4 else 'ENQ'} {command[2]}")
        elif command[1] == 0x14 and command[2] == 8 and command != grammar.CLEAR_BUFFERS:
            self._bad("DLE DC4 8 with a wrong signature")
        elif command[1] == 0x14 and command[2] == 1:
            if command[3] > 1 or not 1 <= command[4] <= 8:
                self._bad(f"DLE DC4 1 {command[3]} {command[4]}")
            elif self._realtime:
                self.pulse(real_time_pulse(command))
        elif self._realtime:
            self._on_query(f"DLE {command[1]:02X}", command[2:])

    # -- complaints ------------------------------------------------------------------------------

    def _context(self, length: int = _CONTEXT_BYTES) -> str:
        shown = bytes(self._pending[self._at : self._at + max(length, _CONTEXT_BYTES)])[:_CONTEXT_BYTES]
        return f"{self._before_here().hex(' ')} > {shown.hex(' ')}".strip().upper()

    def _before_here(self) -> bytes:
        return (self._before + bytes(self._pending[max(0, self._at - 4) : self._at]))[-4:]

    def _complain(self, kind: str, message: str) -> None:
        self.roll.record(Violation(self._offset + self._at, kind, message, self._context()))

    def _unknown(self, length: int, what: str) -> None:
        context = self._context(length)
        self.roll.record(UnknownBytes(self._offset + self._at, "unknown bytes", f"unknown {what}", context))

    def _bad(self, what: str) -> None:
        self._complain("bad parameter", what)

    def _one_of(self, name: str, value: int, allowed: tuple[int, ...] | range) -> bool:
        if value in allowed:
            return True
        self._bad(f"{name} {value}")
        return False

    # -- text ------------------------------------------------------------------------------------

    def _line_text(self) -> str:
        return "".join(run.text for run in self._runs)

    def _drop_line(self) -> None:
        self._runs, self._x, self._line_complained = [], 0, False

    def _character(self, code: int) -> None:
        state = self._settings
        char = None if state.kanji and code >= 0x80 else codepages.decode(code, state.page, state.national)
        if char is None:
            self._complain("undefined character", f"byte {code:02X} has no picture in page {state.page}")
            char = "\ufffd"
        style = state.style
        if self._x + style.cell[0] > self._settings.area and self._x:
            if not self._line_complained:
                self._complain(
                    "line too long",
                    f"no room for {char!r} at dot {self._x} of {self._settings.area} after {self._line_text()!r}",
                )
            self._end_line(wrapped=True)
            self._line_complained = True
        last = self._runs[-1] if self._runs else None
        if last is not None and last.style == style and last.x + last.width == self._x:
            self._runs[-1] = replace(last, text=last.text + char)
        else:
            self._runs.append(TextRun(char, style, self._x))
        self._x += style.advance

    def _tab(self) -> None:
        stop = next((stop for stop in self._settings.tabs if stop > self._x), None)
        if stop is None or stop >= self._settings.area:
            self._complain("ignored command", "HT with no tab stop left in the line")
        else:
            self._x = stop

    def _end_line(self, feed: int | None = None, *, wrapped: bool = False) -> int:
        """Print the line and move `feed` dots (one line spacing when None). Returns the dots moved."""
        feed = self._settings.line_spacing if feed is None else feed
        high = max((run.style.cell[1] for run in self._runs), default=0)
        inked = any(run.text.strip() or run.style.inverse or run.style.underline for run in self._runs)
        slack = max(0, self._settings.area - self._x)
        indent = {"left": 0, "centre": slack // 2, "right": slack}[self._settings.align]
        line = TextLine(
            dots=max(feed, high),
            left=self._settings.left_margin + indent,
            runs=tuple(self._runs),
            align=self._settings.align,
            wrapped=wrapped,
        )
        self._quiet(self.roll.add(line, ink_dots=high if inked else 0))
        self._drop_line()
        return line.dots

    def _quiet(self, complaint: str | None) -> None:
        if complaint:
            self._complain("quiet zone", complaint)

    def _line_feed(self, _arguments: bytes = b"") -> None:
        self._end_line()

    def _feed_lines(self, arguments: bytes) -> None:
        lines = arguments[0]
        if self._runs:
            self._end_line(None if lines else 0)
            lines = max(0, lines - 1)
        self.roll.feed(lines * self._settings.line_spacing)

    def _feed_dots(self, arguments: bytes) -> None:
        if self._runs:
            self._end_line(arguments[0])
        else:
            self.roll.feed(arguments[0])

    def _at_line_start(self, name: str) -> bool:
        if self._x == 0:
            return True
        self._complain("ignored command", f"{name} works only at the beginning of a line")
        return False

    # -- settings --------------------------------------------------------------------------------

    def _initialise(self, _arguments: bytes) -> None:
        if self._line_text().strip():
            self._complain("lost text", f"ESC @ throws away {self._line_text()!r}")
        self._drop_line()
        self._settings.reset()
        self._symbols = Symbols(self.profile)

    # -- things that are not text ----------------------------------------------------------------

    def _drawer(self, arguments: bytes) -> None:
        pin, on, off = arguments
        if pin not in _DRAWER_PIN or not on:
            self._bad(f"ESC p {pin} {on} {off}")
        else:
            self.pulse(DrawerPulse(pin=_DRAWER_PIN[pin], on_ms=2 * on, off_ms=2 * off))

    def _cut(self, arguments: bytes) -> None:
        mode = arguments[0]
        if mode in (97, 98):
            self._bad(f"GS V {mode}: cut at a stored place is not modelled")
            return
        if not self._at_line_start("GS V"):
            return
        feeding = mode in (65, 66, 103, 104)
        feed = self.profile.cutter_dots + arguments[1] if feeding else 0
        complaint = self.roll.cut(partial=mode in (1, 49, 66, 104), feed_dots=feed)
        if complaint:
            violation = Violation(self._offset + self._at, "cut through print", complaint, self._context())
            self.roll.violations.append(violation)
            self.roll.done[-1].violations.append(violation)

    def _ask(self, name: str, allowed: tuple[int, ...] | range) -> Callable[[bytes], None]:
        def ask(arguments: bytes) -> None:
            if self._one_of(name, arguments[0], allowed):
                self._on_query(name, arguments)

        return ask

    def _status_back(self, arguments: bytes) -> None:
        self._ask("GS a", range(256))(arguments)

    def _transmit(self, arguments: bytes) -> None:
        self._ask("GS r", (1, 2, 49, 50))(arguments)

    def _identity(self, arguments: bytes) -> None:
        self._ask("GS I", (1, 2, 3, 49, 50, 51, *range(65, 70)))(arguments)

    @property
    def _place(self) -> Place:
        return Place(self._settings.align, self._settings.area, self._settings.left_margin)

    def _bar_height(self, arguments: bytes) -> None:
        self._settle(self._symbols.setting("h", arguments[0]))

    def _bar_width(self, arguments: bytes) -> None:
        self._settle(self._symbols.setting("w", arguments[0]))

    def _bar_text(self, arguments: bytes) -> None:
        self._settle(self._symbols.setting("H", arguments[0]))

    def _bar_font(self, arguments: bytes) -> None:
        self._settle(self._symbols.setting("f", arguments[0]))

    def _barcode(self, arguments: bytes) -> None:
        if self._at_line_start("GS k"):
            self._settle(self._symbols.barcode(arguments, self._place))

    def _raster(self, arguments: bytes) -> None:
        if self._at_line_start("GS v 0"):
            self._settle(self._symbols.raster(arguments, self._place))

    def _block(self, arguments: bytes) -> None:
        letter, body = chr(arguments[0]), arguments[3:]
        if letter != "H":
            self._settle(self._symbols.block(letter, body, self._place))
        elif len(body) == 6 and body[:2] == b"00" and all(32 <= code <= 126 for code in body[2:]):
            self._on_query("GS ( H", body[2:])
        else:
            self._unknown(len(arguments) + 2, f"function of GS ( H: {body.hex(' ').upper()}")

    def _settle(self, outcome: Outcome) -> None:
        """Put what a symbol command made on the paper and note what it got wrong."""
        if outcome.unknown:
            self._unknown(_CONTEXT_BYTES, outcome.unknown)
        for kind, message in outcome.complaints:
            self._complain(kind, message)
        if outcome.item is not None and self._at_line_start("a code or picture"):
            item = outcome.item
            self._quiet(self.roll.add(item, ink_dots=item.dots, quiet=outcome.quiet))

    _HAS_DATA: ClassVar[frozenset[bytes]] = frozenset({b"\x1dk", b"\x1d(", b"\x1dv"})
    _HANDLERS: ClassVar[dict[bytes, Callable[["Interpreter", bytes], None]]] = {
        b"\x1b@": _initialise,
        b"\x1bd": _feed_lines,
        b"\x1bJ": _feed_dots,
        b"\x1bp": _drawer,
        b"\x1dV": _cut,
        b"\x1da": _status_back,
        b"\x1dr": _transmit,
        b"\x1dI": _identity,
        b"\x1d(": _block,
        b"\x1dh": _bar_height,
        b"\x1dw": _bar_width,
        b"\x1dH": _bar_text,
        b"\x1df": _bar_font,
        b"\x1dk": _barcode,
        b"\x1dv": _raster,
    }


def real_time_pulse(command: bytes) -> DrawerPulse:
    """The pulse of DLE DC4 1 m t: t times 100 ms on and as long off."""
    return DrawerPulse(
        pin=_DRAWER_PIN[command[3]], on_ms=100 * command[4], off_ms=100 * command[4], realtime=True
    )
