"""Which prices of a catalogue's file become others on a day, and which came without a day."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from pos.catalogue.schema import DAY_MAX, DAY_MIN

__all__ = ["REPRICED", "repriced", "turning"]

REPRICED: Final = "CREATE TABLE IF NOT EXISTS repriced (n INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, price_minor INTEGER)"
"""The price before the last change that the hub's feed brought without a day, the newest with the highest n."""

_LIMIT: Final = 1_000
_TURNING: Final = (
    "SELECT DISTINCT sku FROM price WHERE valid_from BETWEEN :first AND :last"
    " OR valid_to BETWEEN :before_first AND :before_last ORDER BY sku LIMIT :limit"
)
_HELD: Final = (
    "SELECT price_minor, valid_from, valid_to FROM price WHERE sku = :sku AND valid_from <= :day AND valid_to >= :day"
    " ORDER BY valid_from DESC, valid_to LIMIT 1"
)
_DAY: Final = dt.timedelta(days=1)


def turning(
    db: Any, first: dt.date, last: dt.date
) -> Iterator[tuple[str, int | None, int, dt.date, dt.date | None]]:
    """sku, price on the day before `first`, price on `last`, the day it began, its last day; at most 1,000, where they differ."""
    days = {"first": first, "last": last, "before_first": first - _DAY, "before_last": last - _DAY}
    values = {name: day.isoformat() for name, day in days.items()}
    skus = [sku for (sku,) in db.execute(_TURNING, {**values, "limit": _LIMIT})]
    for sku in skus:
        old = db.execute(_HELD, {"sku": sku, "day": values["before_first"]}).fetchone()
        new = db.execute(_HELD, {"sku": sku, "day": values["last"]}).fetchone()
        if new is None or (old is not None and old[0] == new[0]):
            continue
        minor, begins, ends = new
        began = (
            _began(db, sku, first, last)
            if begins == DAY_MIN or begins < values["first"]
            else dt.date.fromisoformat(begins)
        )
        yield (
            sku,
            old[0] if old else None,
            minor,
            began,
            None if ends == DAY_MAX else dt.date.fromisoformat(ends),
        )


def _began(db: Any, sku: str, first: dt.date, last: dt.date) -> dt.date:
    """The day after the price that held before ended: an offer is over, and the older price holds again."""
    row = db.execute(
        "SELECT max(valid_to) FROM price WHERE sku = ? AND valid_to >= ? AND valid_to < ?",
        (sku, (first - _DAY).isoformat(), last.isoformat()),
    ).fetchone()
    return dt.date.fromisoformat(row[0]) + _DAY if row and row[0] else first


def repriced(db: Any) -> list[tuple[str, int | None]]:
    """Sku and the price before, the newest first."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'repriced'").fetchone():
        return []
    return list(db.execute("SELECT sku, price_minor FROM repriced ORDER BY n DESC LIMIT ?", (_LIMIT,)))
