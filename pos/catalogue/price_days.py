"""Which prices of a catalogue's file become others on a day, and which came without a day."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from pos.catalogue.prices import Prices
from pos.domain.price_lists import Ladder, standing

__all__ = ["REPRICED", "repriced", "turning"]

REPRICED: Final = "CREATE TABLE IF NOT EXISTS repriced (n INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, price_minor INTEGER)"
"""The price before the last change that the hub's feed brought without a day, the newest with the highest n."""

_LIMIT: Final = 1_000
_TURNING: Final = (
    "SELECT DISTINCT sku FROM price WHERE valid_from BETWEEN :first AND :last"
    " OR valid_to BETWEEN :before_first AND :before_last ORDER BY sku LIMIT :limit"
)
_DAY: Final = dt.timedelta(days=1)


def turning(
    db: Any, prices: Prices, first: dt.date, last: dt.date
) -> Iterator[tuple[str, int | None, int, dt.date, dt.date | None]]:
    """sku, price on the day before `first`, price on `last`, the day it began, its last day; at most 1,000, where they differ."""
    days = {"first": first, "last": last, "before_first": first - _DAY, "before_last": last - _DAY}
    values = {name: day.isoformat() for name, day in days.items()}
    skus = {sku for (sku,) in db.execute(_TURNING, {**values, "limit": _LIMIT})}
    for sku in sorted(skus.union(prices.turning(first, last, _LIMIT)))[:_LIMIT]:
        row = db.execute("SELECT price_minor, dated FROM variant WHERE sku = ?", (sku,)).fetchone()
        if row is None:
            continue
        rungs = prices.rungs(sku, *row)
        old, new = standing(rungs, first - _DAY), standing(rungs, last)
        if new is None or (old is not None and old.minor == new.minor):
            continue
        began = _began(rungs, first, last) if new.first is None or new.first < first else new.first
        yield sku, old.minor if old is not None else None, new.minor, began, new.last


def _began(rungs: Ladder, first: dt.date, last: dt.date) -> dt.date:
    """The day after the price that held before ended: an offer is over, and the older price holds again."""
    ended = (
        one.last
        for one in rungs
        if one.last is not None and not one.groups and first - _DAY <= one.last < last
    )
    return max((day + _DAY for day in ended), default=first)


def repriced(db: Any) -> list[tuple[str, int | None]]:
    """Sku and the price before, the newest first."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'repriced'").fetchone():
        return []
    return list(db.execute("SELECT sku, price_minor FROM repriced ORDER BY n DESC LIMIT ?", (_LIMIT,)))
