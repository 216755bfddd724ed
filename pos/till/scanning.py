"""What a scan or a typed code does: an article is sold, a code of our own goes to the part whose business it is."""

from collections.abc import Callable
from typing import Any, Final

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.codes import shown
from pos.domain.scans import Meaning, ScanKind, read_scan, typed_own_code
from pos.till.desk import Desk, Refusal
from pos.till.selling import Selling

__all__ = ["Scanning"]

_NO_CODE: Final = (ScanKind.BROKEN, ScanKind.FOREIGN)
_SELLS: Final = (ScanKind.ARTICLE, ScanKind.PLU, ScanKind.OTHER)


class Scanning:
    """Reads scans and typed codes by the store's table. Decided in memory; what must look something up may await it."""

    def __init__(self, desk: Desk, selling: Selling) -> None:
        self._desk = desk
        self._selling = selling
        self.receivers: dict[ScanKind, Callable[[Meaning], Any]] = {}
        """Who takes a code that sells no article: the parts of the till that list its kind under `codes`. What they
        answer is what a command's handler may: nothing, a coroutine, or a function that asks."""
        self.handlers = {c.Scan: self._scan, c.EnterCode: self._enter_code}

    def _scan(self, command: c.Scan) -> Any:
        meaning = read_scan(command.code, self._desk.setup.scans, self._desk.today())
        reason = self._why_no_scan(meaning)
        if reason:
            self._desk.events.append(e.CodeRefused(meaning.text, reason))
            code = meaning.text or shown(command.code[:40])
            self._desk.message = e.Message(f"scan-{reason}", {"code": code})
            return None
        self._selling.results = None
        return self._take(meaning, command.source)

    def _why_no_scan(self, meaning: Meaning) -> str:
        if self._desk.standstill is not None or self._desk.in_doubt:
            return "stopped"
        if self._desk.operator is None and meaning.kind is not ScanKind.BADGE:
            return "signed-out"
        return meaning.kind.value if meaning.kind in _NO_CODE else ""

    def _enter_code(self, command: c.EnterCode) -> Any:
        self._desk.must_be_selling()
        if self._selling.open_price is not None:
            self._selling.price_with_department(command.code)
            return None
        code = typed_own_code(command.code) or command.code
        meaning = read_scan(code, self._desk.setup.scans, self._desk.today())
        if meaning.kind in _NO_CODE:
            raise Refusal(f"scan-{meaning.kind.value}", code=meaning.text)
        return self._take(meaning, "typed")

    def _take(self, meaning: Meaning, source: str) -> Any:
        if meaning.kind in _SELLS:
            self._selling.sell_code(meaning, source)
            return None
        receiver = self.receivers.get(meaning.kind)
        if receiver is None:
            raise Refusal(f"code-{meaning.kind.value}", level="warn")
        return receiver(meaning)
