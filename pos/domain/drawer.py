"""Cash in a drawer: notes and coins by currency, what was counted, and what the shop decided about it."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

__all__ = [
    "MOVEMENTS",
    "PAY_IN_REASONS",
    "PAY_OUT_REASONS",
    "CashRules",
    "Pieces",
    "counted_minor",
    "denominations",
    "read_pieces",
]

MOVEMENTS: Final = ("float", "pay-in", "pay-out", "drop", "lift")
"""float: what lies in the drawer when its session begins; pay-in, pay-out: cash for another reason than a sale;
drop: taken to the safe during the day; lift: taken to the safe at the closing."""

# Why cash comes or goes without a sale, and its business case (DSFinV-K, GV_TYP).
PAY_IN_REASONS: Final = {
    "change": "Geldtransit",
    "found": "Einzahlung",
    "private": "Privateinlage",
    "other": "Einzahlung",
}
PAY_OUT_REASONS: Final = {
    "goods": "Auszahlung",
    "postage": "Auszahlung",
    "wages": "Lohnzahlung",
    "private": "Privatentnahme",
    "other": "Auszahlung",
}

_PIECES_MAX: Final = 99_999
_NOTES: Final = {
    "EUR": (20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "CHF": (100000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5),
    "GBP": (5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "USD": (10000, 5000, 2000, 1000, 500, 200, 100, 50, 25, 10, 5, 1),
    "PLN": (50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "CZK": (500000, 200000, 100000, 50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100),
    "DKK": (100000, 50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50),
    "SEK": (100000, 50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100),
    "NOK": (100000, 50000, 20000, 10000, 5000, 2000, 1000, 500, 100),
}
_TIMES: Final = re.compile(r"([0-9]{1,5})[x*]([0-9]{1,5}(?:[.,][0-9]{1,2})?)", re.ASCII)


class CashRules(msgspec.Struct, frozen=True):
    """What the shop decided. Amounts are minor units.

    `ask_float`: whoever signs in is asked what lies in the drawer, until it is told. `float_minor`: what stays in the
    drawer at the closing (0: everything). `difference_limit_minor`: beyond it one counts again, then somebody else
    agrees. `drawer_limit_minor`: with more in the drawer a drop is proposed (0: never). `own_insert`: each operator has
    an insert of his own. `day_ends_hour`: until that hour of the night a sale belongs to the day that is open.
    """

    ask_float: bool = False
    float_minor: int = 0
    difference_limit_minor: int = 500
    drawer_limit_minor: int = 0
    own_insert: bool = False
    day_ends_hour: int = 0


class Pieces(msgspec.Struct, frozen=True):
    """So many notes or coins of one value (minor units)."""

    value_minor: int
    pieces: int


def denominations(currency: str) -> tuple[int, ...]:
    """The values of notes and coins, largest first; an unknown currency has steps of 1, 2 and 5."""
    return _NOTES.get(currency, _NOTES["EUR"])


def counted_minor(pieces: Iterable[Pieces]) -> int:
    return sum(entry.value_minor * entry.pieces for entry in pieces)


def read_pieces(text: str, value_minor: int, values: Sequence[int]) -> tuple[Pieces, ...] | None:
    """What was typed at one denomination: `3` pieces of it, or `3x50 2x0,20` of those named. None: it is neither."""
    words = text.split()
    if len(words) == 1 and words[0].isascii() and words[0].isdigit():
        return (Pieces(value_minor, int(words[0])),) if int(words[0]) <= _PIECES_MAX else None
    found = []
    for word in words:
        match = _TIMES.fullmatch(word.lower())
        if match is None:
            return None
        minor = Decimal(match.group(2).replace(",", ".")) * 100
        if minor not in values:
            return None
        found.append(Pieces(int(minor), int(match.group(1))))
    return tuple(found) or None
