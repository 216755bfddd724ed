"""Cash of other currencies in a drawer: what came, what was counted, what was found at the end of a session.

Amounts are minor units of the currency that is named; nothing here is ever added to the till's own cash.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pos.domain.drawer import Pieces, counted_minor, denominations, read_pieces
from pos.domain.money import round_minor
from pos.domain.question import to_minor
from pos.domain.tender import ForeignRate

__all__ = ["ForeignAmount", "ForeignCount", "ForeignEnd", "home_minor", "read_foreign", "to_count"]

_COUNTED_MAX: Final = 99_999_999


class ForeignAmount(msgspec.Struct, frozen=True):
    """So much of one currency."""

    currency: str
    amount_minor: int


class ForeignCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was counted of one currency; `pieces` where it was told by notes and coins, else only the sum."""

    currency: str
    counted_minor: int
    pieces: tuple[Pieces, ...] = ()


class ForeignEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """One currency at the end of a cash session. `difference_minor` = counted - since - expected is booked by the fact.

    `counted_minor` None: it was not counted. `since_minor` is what later sessions had put into the same drawer before it
    was counted. `left_minor` stays for whoever goes on with the drawer, `lifted_minor` went to the safe.
    """

    currency: str
    expected_minor: int
    counted_minor: int | None
    difference_minor: int
    lifted_minor: int = 0
    left_minor: int = 0
    since_minor: int = 0
    pieces: tuple[Pieces, ...] = ()


def to_count(rates: Iterable[ForeignRate], known: Iterable[str]) -> tuple[str, ...]:
    """The currencies that are asked for: all that the shop takes, and those that the session knows."""
    return tuple(sorted({rate.currency for rate in rates} | set(known)))


def read_foreign(text: str, currency: str, *, digits_are_cents: bool) -> ForeignCount | None:
    """A sum (`250,00`), or pieces (`2x100 1x50`). None: it is neither."""
    if "x" in text.lower() or "*" in text:
        values = denominations(currency)
        pieces = read_pieces(text, values[0], values)
        found = None if pieces is None else ForeignCount(currency, counted_minor(pieces), pieces)
    else:
        minor = to_minor(text, digits_are_cents=digits_are_cents)
        found = None if minor is None or minor < 0 else ForeignCount(currency, minor)
    return found if found is not None and found.counted_minor <= _COUNTED_MAX else None


def home_minor(currency: str, amount_minor: int, rates: Sequence[ForeignRate]) -> int:
    """What it is worth in the till's currency at today's rate; at its face value where there is none any more."""
    rate = next((one.rate for one in rates if one.currency == currency), None)
    return amount_minor if rate is None else round_minor(amount_minor * rate)
