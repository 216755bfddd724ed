"""Receipts that a terminal has the till print: lines and blocks, put together until each is whole."""

from typing import Final, Literal

from drivers.card.zvt import Apdu, PrintBlock, Printed, PrintLine, read, scan
from pos.domain.card import CardPaper

__all__ = ["Papers"]

_Kind = Literal["customer", "merchant", "administration"]
_CUSTOMER: Final = (
    "kundenbeleg",
    "kunden-beleg",
    "kundenquittung",
    "customer copy",
    "cardholder copy",
    "für den kunden",
)
_MERCHANT: Final = ("händlerbeleg", "haendlerbeleg", "händler-beleg", "merchant copy", "für den händler")
_MUST: Final = 0x80
_NEGATIVE: Final = 0x04


class Papers:
    """Gives out each receipt as soon as it is whole; `rest` is what has no end yet.

    Blocks say whose receipt it is. Lines mostly do not: then their words are looked at, and what says nothing is the merchant's,
    for that is what a terminal prints first, and a customer must not get what was not meant for one.
    """

    def __init__(self, charset: str, columns: int, unnamed: _Kind = "merchant") -> None:
        self._charset = charset
        self._columns = columns
        self._unnamed = unnamed
        self._lines: list[str] = []
        self._type: _Kind | None = None
        self._flags = 0
        self._last_id: str | None = None

    def take(self, apdu: Apdu) -> list[CardPaper]:
        """The receipts that this message completes. The same message again (by its id) adds nothing."""
        message = read(apdu, self._charset)
        if message.message_id is not None and message.message_id == self._last_id:
            return []
        self._last_id = message.message_id
        whole: list[CardPaper] = []
        if isinstance(message, PrintLine):
            self._type = _known(message.receipt_type) or self._type
            self._lines += (
                [""] * max(message.feed, 1) if message.attribute == 0xFF else [self._set(message.line)]
            )
            if message.line.last:
                whole += self.rest()
        elif isinstance(message, PrintBlock):
            kind = _known(message.receipt_type)
            if self._lines and kind is not None and self._type is not None and kind != self._type:
                whole += self.rest()
            self._type = kind or self._type
            self._flags |= message.receipt_information or 0
            self._lines += [self._set(line) for line in message.lines]
            if message.last:
                whole += self.rest()
        return whole

    def rest(self) -> list[CardPaper]:
        """What has come so far, as a receipt; nothing where nothing has."""
        if not self._lines:
            return []
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        lines = tuple(self._lines)
        kind = self._type or _by_words(lines) or self._unnamed
        flags = self._flags
        self._lines, self._type, self._flags = [], None, 0
        if not lines:
            return []
        return [CardPaper(kind, lines, bool(flags & 0x02), bool(flags & _NEGATIVE), bool(flags & _MUST))]

    def _set(self, line: Printed) -> str:
        text = scan(line.text.rstrip())
        if line.centred and len(text) < self._columns:
            return text.strip().center(self._columns).rstrip()
        return " " * line.indent + text


def _known(receipt_type: str | None) -> _Kind | None:
    if receipt_type in ("customer", "merchant", "administration"):
        return receipt_type  # type: ignore[return-value]
    return None


def _by_words(lines: tuple[str, ...]) -> _Kind | None:
    text = " ".join(lines).casefold().replace("- ", "").replace(" -", "")
    spaced = text.replace(" ", "").replace("*", "")
    if any(word.replace(" ", "") in spaced for word in _CUSTOMER):
        return "customer"
    return "merchant" if any(word.replace(" ", "") in spaced for word in _MERCHANT) else None
