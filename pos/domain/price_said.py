"""What an article's record said of its price, and for which time: as the hub keeps it and sends it down beside the record."""

import datetime as dt
from collections.abc import Sequence

import msgspec

__all__ = ["Dated", "Held", "Listed", "PastOf", "prices_of"]


class Dated(msgspec.Struct, frozen=True, array_like=True):
    """A gross price with its first and last day; None is an open end."""

    minor: int
    first: dt.date | None = None
    last: dt.date | None = None


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """A gross price in a price list, by the list's id, with its first and last day; None is an open end."""

    list: str
    minor: int
    first: dt.date | None = None
    last: dt.date | None = None


class Held(msgspec.Struct, frozen=True, array_like=True):
    """What was said of an article's price, from `since_ms` until before `until_ms` (None: it still is): its own prices, and those in lists."""

    since_ms: int
    until_ms: int | None
    prices: tuple[Dated, ...]
    listed: tuple[Listed, ...] = ()


class PastOf(msgspec.Struct, frozen=True, omit_defaults=True):
    """As it goes down beside an article's record: since when its price is as it stands there, and what was before."""

    since_ms: int
    was: tuple[Held, ...] = ()

    def with_now(self, prices: Sequence[Dated], listed: Sequence[Listed] = ()) -> tuple[Held, ...]:
        return (*self.was, Held(self.since_ms, None, tuple(prices), tuple(listed)))


def prices_of(price_minor: int | None, dated: Sequence[Dated]) -> tuple[Dated, ...]:
    """The prices of a record: those with days take the place of the one without."""
    return tuple(dated) if dated else (() if price_minor is None else (Dated(price_minor),))
