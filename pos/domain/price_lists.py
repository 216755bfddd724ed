"""Price lists: what an article costs in a store, in a channel, or for a group of customers. Till and hub read them alike.

A list says where and for whom it holds, and how it ranks; articles have prices in it beside their own. Of all that hold on a day the
one that ranks first counts: the list's `priority`, then a list for customers before one for stores before one for channels before one
for all, then any list before the article's own prices. Within one rank the price that began last counts; of two that began together
the one that ends first (an offer), then the lower one.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pos.domain.price_said import Dated, Held, Listed

__all__ = [
    "CHANNEL_TILL",
    "EVERYBODY",
    "ID_MAX",
    "NAMES_MAX",
    "Ladder",
    "ListRan",
    "ListRefusedError",
    "Place",
    "PriceList",
    "PricesBefore",
    "Rung",
    "at_place",
    "group_rungs",
    "ladder",
    "read_price_list",
    "standing",
]

CHANNEL_TILL: Final = "till"
ID_MAX: Final = 64
NAMES_MAX: Final = 500
_TEXT_MAX: Final = 200
_PRIORITY_MAX: Final = 1_000
_FIELD: Final = re.compile(r"field `(\w+)`|`\$\.(\w+)")
_OWN: Final = (-_PRIORITY_MAX - 1, 0)


class PriceList(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where and for whom prices hold: no `stores`, `channels` or `groups` (of customers) means all of them.

    Days are included and the store's; no day is an open end. `priority` from -1,000 to 1,000, the highest first. A list that is not
    `active` holds nowhere.
    """

    id: str
    text: str
    stores: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    priority: int = 0
    active: bool = True


class ListRan(msgspec.Struct, frozen=True, array_like=True):
    """A price list as it stood from `since_ms` until before `until_ms` (None: it still does)."""

    since_ms: int
    until_ms: int | None
    price_list: PriceList


class Place(msgspec.Struct, frozen=True):
    """Where and for whom a price is asked. An empty name is in no list that names stores or channels."""

    store: str = ""
    channel: str = ""
    groups: tuple[str, ...] = ()


EVERYBODY: Final = Place()


class Rung(msgspec.Struct, frozen=True):
    """One price with its days, of a list (empty: the article's own), for these groups of customers (none: for everybody)."""

    minor: int
    first: dt.date | None = None
    last: dt.date | None = None
    list: str = ""
    groups: tuple[str, ...] = ()

    def holds(self, day: dt.date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class PricesBefore(msgspec.Struct, frozen=True):
    """What articles cost before, by sku, oldest first; the lists by which it counts, and the place where it is asked."""

    held: Mapping[str, tuple[Held, ...]] = {}
    lists: tuple[ListRan, ...] = ()
    place: Place = EVERYBODY


Ladder = tuple[Rung, ...]


class ListRefusedError(ValueError):
    """No till could mean this list; the text says why, `field` where."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def read_price_list(record: object) -> PriceList:
    """A list out of JSON's values. Raises ListRefusedError."""
    try:
        found = msgspec.convert(record, PriceList)
    except msgspec.ValidationError as error:
        named = _FIELD.search(str(error))
        raise ListRefusedError(str(error), next(filter(None, named.groups())) if named else "") from error
    for fine, field, cause in (
        (_is_name(found.id), "id", f"an id has 1 to {ID_MAX} printable characters"),
        (
            0 < len(found.text) <= _TEXT_MAX and found.text.isprintable(),
            "text",
            f"a text has 1 to {_TEXT_MAX} printable characters",
        ),
        *(
            (
                len(names) <= NAMES_MAX and all(map(_is_name, names)),
                field,
                f"at most {NAMES_MAX} names of 1 to {ID_MAX} printable characters",
            )
            for field, names in (
                ("stores", found.stores),
                ("channels", found.channels),
                ("groups", found.groups),
            )
        ),
        (
            found.valid_from is None or found.valid_to is None or found.valid_from <= found.valid_to,
            "valid_to",
            "it ends before it begins",
        ),
        (abs(found.priority) <= _PRIORITY_MAX, "priority", f"is from -{_PRIORITY_MAX} to {_PRIORITY_MAX}"),
    ):
        if not fine:
            raise ListRefusedError(f"{field}: {cause}", field)
    return found


def at_place(lists: Iterable[PriceList], place: Place) -> Mapping[str, PriceList]:
    """Those that hold there for anybody, whoever the customer is, by id."""
    return {
        one.id: one
        for one in lists
        if one.active
        and (not one.stores or place.store in one.stores)
        and (not one.channels or place.channel in one.channels)
    }


def ladder(own: Iterable[Dated], listed: Iterable[Listed], lists: Mapping[str, PriceList]) -> Ladder:
    """All prices of an article at a place (`lists` is `at_place`), the one that counts first. Of two own ones with the same days: the last."""
    by_days = {(one.first, one.last): one for one in own}
    rungs: list[tuple[Any, Rung]] = [
        (_place_in(_OWN, one.first, one.last, one.minor), Rung(one.minor, one.first, one.last))
        for one in by_days.values()
    ]
    for price in listed:
        one = lists.get(price.list)
        if one is None:
            continue
        first, last = _later(price.first, one.valid_from), _earlier(price.last, one.valid_to)
        if first is not None and last is not None and last < first:
            continue
        rank = (one.priority, 4 * bool(one.groups) + 2 * bool(one.stores) + bool(one.channels))
        rungs.append(
            (
                (*_place_in(rank, first, last, price.minor), one.id),
                Rung(price.minor, first, last, one.id, one.groups),
            )
        )
    rungs.sort(key=lambda each: each[0])
    return tuple(rung for _, rung in rungs)


def standing(rungs: Sequence[Rung], day: dt.date, groups: Sequence[str] = ()) -> Rung | None:
    """The price that counts on a day for who is in these groups of customers; None where there is none."""
    for rung in rungs:
        if rung.holds(day) and (not rung.groups or not set(rung.groups).isdisjoint(groups)):
            return rung
    return None


def group_rungs(rungs: Sequence[Rung], day: dt.date) -> Ladder:
    """The prices for groups of customers that come before everybody's on a day, the first that fits first."""
    found = []
    for rung in rungs:
        if rung.holds(day):
            if not rung.groups:
                break
            found.append(rung)
    return tuple(found)


def _place_in(
    rank: tuple[int, int], first: dt.date | None, last: dt.date | None, minor: int
) -> tuple[int, ...]:
    priority, kind = rank
    begins = first.toordinal() if first is not None else 0
    ends = (last or dt.date.max).toordinal()
    return (-priority, -kind, -begins, ends, minor)


def _later(one: dt.date | None, other: dt.date | None) -> dt.date | None:
    return max((day for day in (one, other) if day is not None), default=None)


def _earlier(one: dt.date | None, other: dt.date | None) -> dt.date | None:
    return min((day for day in (one, other) if day is not None), default=None)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= ID_MAX and text.isprintable()
