"""Gift cards and store credit: numbers that nobody can guess, and what is left on one.

A number is worth what the facts say and nothing else: it is loaded by the sale that was paid, not by the line in a cart.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

import msgspec

from pos.domain.scan_table import ScanTable
from pos.domain.scans import ScanKind, own_code, read_scan

__all__ = [
    "NUMBER_BYTES",
    "Balance",
    "Move",
    "balance_of",
    "new_number",
    "number_of",
    "shown_number",
    "token_of",
]

NUMBER_BYTES: Final = 16
_LENGTH: Final = 25  # digits of base 36 that hold 128 bits
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GROUP: Final = 5
_PREFIX: Final = "TRSG"


class Move(msgspec.Struct, frozen=True):
    """What one document did to a number: `minor` came onto it, or went from it (negative). `kind`: "gift-card" or "credit"."""

    kind: str
    minor: int


class Balance(msgspec.Struct, frozen=True):
    """What is left on a number, and as what it was issued."""

    kind: str
    minor: int


def new_number(token: bytes) -> str:
    """A new number out of chance: 25 of 0-9 and A-Z."""
    assert len(token) == NUMBER_BYTES, "128 bits"
    value, digits = int.from_bytes(token), []
    for _ in range(_LENGTH):
        value, digit = divmod(value, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def token_of(number: str) -> bytes | None:
    """The chance that `new_number` made it of; None for a number that has another form."""
    if len(number) != _LENGTH or set(number) - set(_DIGITS):
        return None
    value = int(number, 36)
    return value.to_bytes(NUMBER_BYTES) if value < 1 << 8 * NUMBER_BYTES else None


def number_of(text: str, today: dt.date) -> str | None:
    """The number in a scanned code, or in what was typed from a slip: with its two check characters, spaces as one likes."""
    plain = "".join(text.split()).replace("-", "").upper()
    for code in (text, plain, _PREFIX + plain):
        meaning = read_scan(code, ScanTable(), today)
        if meaning.kind is ScanKind.GIFT_CARD:
            return meaning.payload
    return None


def shown_number(number: str) -> str:
    """As it is printed to be typed: in groups, with its check characters."""
    text = own_code(ScanKind.GIFT_CARD, number).removeprefix(_PREFIX)
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def balance_of(moves: Iterable[Move]) -> Balance | None:
    """None for a number of which nothing is known."""
    kind, minor = "", 0
    for move in moves:
        kind = kind or move.kind
        minor += move.minor
    return Balance(kind, minor) if kind else None
