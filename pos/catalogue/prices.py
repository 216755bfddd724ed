"""What articles of a catalogue's file cost: own prices and those in price lists, as they count at the till's place.

A file that has no lists has none of their tables.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pos.catalogue.schema import DAY_MAX, DAY_MIN
from pos.domain.price_lists import Ladder, ListRan, Place, PriceList, at_place, ladder
from pos.domain.price_said import Dated, Listed

__all__ = ["DATED", "LISTED", "LIST_PRICE", "PRICE_LIST", "ListSaid", "Prices", "lists_ran"]

LIST_PRICE: Final = (
    "CREATE TABLE IF NOT EXISTS list_price (sku TEXT NOT NULL, list TEXT NOT NULL, valid_from TEXT NOT NULL,"
    " valid_to TEXT NOT NULL, price_minor INTEGER NOT NULL, PRIMARY KEY (sku, list, valid_from, valid_to)) WITHOUT ROWID"
)
PRICE_LIST: Final = "CREATE TABLE IF NOT EXISTS price_list (id TEXT PRIMARY KEY, said TEXT NOT NULL, doubt INTEGER NOT NULL) WITHOUT ROWID"
"""`said`: ListSaid as JSON."""

DATED: Final = 1
LISTED: Final = 2
"""Bits of `variant.dated`: the article has own prices with days; it has prices in lists."""


_TURNING: Final = (
    "SELECT DISTINCT sku FROM list_price WHERE list IN (SELECT value FROM json_each(:turning))"
    " OR (list IN (SELECT value FROM json_each(:lists)) AND (valid_from BETWEEN :first AND :last"
    " OR valid_to BETWEEN :before_first AND :before_last)) ORDER BY sku LIMIT :limit"
)


class ListSaid(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list as it is since `since_ms`, and how it stood before: (since, until, list), oldest first."""

    list: PriceList
    since_ms: int = 0
    was: tuple[tuple[int, int, PriceList], ...] = ()


_SAID: Final = msgspec.json.Decoder(ListSaid)


class Prices:
    """The prices of an open file; `place` decides which lists there are."""

    def __init__(self, db: Any, place: Place) -> None:
        self._db = db
        self.lists: Mapping[str, PriceList] = at_place((one.list for one in _all_lists(db)), place)

    def rungs(self, sku: str, price_minor: int | None, dated: int) -> Ladder:
        """All that an article costs, the price that counts first. `price_minor` and `dated` are its row's."""
        listed = self.listed(sku) if dated & LISTED and self.lists else ()
        return ladder(self.own(sku, price_minor, dated), listed, self.lists)

    def own(self, sku: str, price_minor: int | None, dated: int) -> tuple[Dated, ...]:
        if not dated & DATED:
            return () if price_minor is None else (Dated(price_minor),)
        rows = self._db.execute("SELECT price_minor, valid_from, valid_to FROM price WHERE sku = ?", (sku,))
        return tuple(Dated(minor, _day(first, DAY_MIN), _day(last, DAY_MAX)) for minor, first, last in rows)

    def listed(self, sku: str) -> tuple[Listed, ...]:
        rows = self._db.execute(
            "SELECT list, price_minor, valid_from, valid_to FROM list_price WHERE sku = ?", (sku,)
        )
        return tuple(
            Listed(name, minor, _day(first, DAY_MIN), _day(last, DAY_MAX))
            for name, minor, first, last in rows
        )

    def turning(self, first: dt.date, last: dt.date, limit: int) -> Sequence[str]:
        """Skus that have a price in a list which begins on one of these days, or ended on the day before one of them."""
        if not self.lists:
            return ()
        day = dt.timedelta(days=1)
        turning = [
            one.id
            for one in self.lists.values()
            if (one.valid_from is not None and first <= one.valid_from <= last)
            or (one.valid_to is not None and first - day <= one.valid_to < last)
        ]
        values: dict[str, str | int] = {
            "turning": _json(turning),
            "lists": _json(list(self.lists)),
            "limit": limit,
        }
        days = {"first": first, "last": last, "before_first": first - day, "before_last": last - day}
        values |= {name: one.isoformat() for name, one in days.items()}
        return [sku for (sku,) in self._db.execute(_TURNING, values)]


def lists_ran(db: Any) -> tuple[ListRan, ...]:
    """The file's lists as they stand and stood."""
    found: list[ListRan] = []
    for said in _all_lists(db):
        found += [ListRan(since, until, one) for since, until, one in said.was]
        found.append(ListRan(said.since_ms, None, said.list))
    return tuple(found)


def _all_lists(db: Any) -> list[ListSaid]:
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'price_list'").fetchone():
        return []
    return [_SAID.decode(said) for (said,) in db.execute("SELECT said FROM price_list ORDER BY id")]


def _day(text: str, open_end: str) -> dt.date | None:
    return None if text == open_end else dt.date.fromisoformat(text)


def _json(names: list[str]) -> str:
    return msgspec.json.encode(names).decode()
