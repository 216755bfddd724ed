"""A promotion as a row of data. A row that could never be meant is refused with a sentence, when it is made or read."""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, get_args

import msgspec

from pos.domain.money import TOTAL_MAX_MINOR

__all__ = ["KINDS", "Kind", "Part", "Promotion", "Selection", "troubles_of"]

Kind = Literal["percent", "amount", "fixed-price", "n-for-m", "n-for-price", "mix", "threshold"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_ID_MAX: Final = 64
_TEXT_MAX: Final = 200
_PERCENT_PLACES: Final = 4
# What each kind needs, and of which fields it needs exactly one.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "percent": ("percent",),
    "amount": ("amount_minor",),
    "fixed-price": ("price_minor",),
    "n-for-m": ("n", "m"),
    "n-for-price": ("n", "price_minor"),
    "mix": ("parts",),
    "threshold": ("min_minor",),
}
_ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "mix": ("price_minor", "percent", "amount_minor"),
    "threshold": ("percent", "amount_minor"),
}
_OF_KINDS: Final = ("percent", "amount_minor", "price_minor", "n", "m", "parts", "min_minor")


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Lines by sku or department (neither given: every line), without those of the last two."""

    skus: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    without_skus: tuple[str, ...] = ()
    without_departments: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if "" in self.skus or "" in self.without_skus:
            raise ValueError("a selection names an empty sku")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`count` pieces of a selection, as one part of a mix."""

    count: int
    selection: Selection = Selection()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"a part of a mix counts at least 1 piece, not {self.count}")


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One promotion. Amounts are minor units, dates include both ends, 0 is no limit; docs/promotions.md has the rule.

    `budget_uses` and `budget_minor` are kept for who counts them; what is left of them comes in with the cart.
    """

    id: str
    text: str
    kind: Kind
    selection: Selection = Selection()
    percent: Decimal | None = None
    amount_minor: int | None = None
    price_minor: int | None = None
    n: int | None = None
    m: int | None = None
    parts: tuple[Part, ...] = ()
    min_minor: int | None = None
    each: bool = False
    priority: int = 0
    combinable: bool = False
    active: bool = True
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    weekdays: tuple[int, ...] = ()
    time_from: dt.time | None = None
    time_to: dt.time | None = None
    groups: tuple[str, ...] = ()
    coupon: str = ""
    per_sale: int = 0
    per_coupon: int = 0
    budget_uses: int | None = None
    budget_minor: int | None = None

    def __post_init__(self) -> None:
        for _, trouble in troubles_of(self):
            raise ValueError(f"promotion {self.id!r}: {trouble}")


Trouble = tuple[str, str]
"""The field, and what is wrong with it as a sentence."""


def troubles_of(row: Any) -> Iterator[Trouble]:
    """All that is wrong with a row's values, which are of their fields' types: anything with a promotion's fields."""
    yield from _troubles_of_name(row)
    yield from _troubles_of_kind(row)
    yield from _troubles_of_numbers(row)
    yield from _troubles_of_time(row)
    yield from _troubles_of_limits(row)


def _troubles_of_name(row: Any) -> Iterator[Trouble]:
    for field, value, longest in (("id", row.id, _ID_MAX), ("text", row.text, _TEXT_MAX)):
        if not 0 < len(value) <= longest or not value.isprintable():
            yield field, f"{field} is not 1 to {longest} printable characters"


def _troubles_of_kind(row: Any) -> Iterator[Trouble]:
    """Each kind with its own fields, all of them and no other."""
    if row.kind not in KINDS:
        yield "kind", f"kind {row.kind!r} is none of {', '.join(KINDS)}"
        return
    needed, one_of = _NEEDS[row.kind], _ONE_OF.get(row.kind, ())
    given = [field for field in _OF_KINDS if getattr(row, field) not in (None, ())]
    for field in needed:
        if field not in given:
            yield field, f"{row.kind} needs {field}"
    for field in given:
        if field not in needed and field not in one_of:
            yield field, f"{row.kind} has no {field}"
    if one_of and sum(field in given for field in one_of) != 1:
        yield one_of[-1], f"{row.kind} needs exactly one of {', '.join(one_of)}"
    if row.each and (row.kind != "threshold" or row.amount_minor is None):
        yield "each", "each belongs to a threshold with amount_minor"


def _troubles_of_numbers(row: Any) -> Iterator[Trouble]:
    if row.percent is not None and not _is_percent(row.percent):
        yield (
            "percent",
            f"percent is above 0, at most 100 and has at most {_PERCENT_PLACES} places, not {row.percent}",
        )
    for field, lowest in (("amount_minor", 1), ("price_minor", 0), ("min_minor", 1)):
        value = getattr(row, field)
        if value is not None and not lowest <= value <= TOTAL_MAX_MINOR:
            yield field, f"{field} is {lowest} to {TOTAL_MAX_MINOR}, not {value}"
    if row.n is not None and row.n < 1:
        yield "n", f"n is at least 1, not {row.n}"
    if row.n is not None and row.m is not None and not 0 <= row.m < row.n:
        yield "m", f"m is 0 or more and below n, not {row.m} of {row.n}"


def _is_percent(percent: Decimal) -> bool:
    if not percent.is_finite() or not 0 < percent <= 100:
        return False
    exponent = percent.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_PERCENT_PLACES


def _troubles_of_time(row: Any) -> Iterator[Trouble]:
    if row.valid_from is not None and row.valid_to is not None and row.valid_to < row.valid_from:
        yield "valid_to", f"valid_to {row.valid_to} is before valid_from {row.valid_from}"
    if not set(row.weekdays) <= set(range(1, 8)) or len(set(row.weekdays)) != len(row.weekdays):
        yield "weekdays", "weekdays are 1 (Monday) to 7 (Sunday), each once"
    if (row.time_from is None) != (row.time_to is None):
        missing = "time_from" if row.time_from is None else "time_to"
        yield missing, "time_from and time_to are given together; 00:00:00 as time_to is the end of the day"
    for field in ("time_from", "time_to"):
        time = getattr(row, field)
        if time is not None and time.tzinfo is not None:
            yield field, "time_from and time_to are local times, without a zone"


def _troubles_of_limits(row: Any) -> Iterator[Trouble]:
    for field in ("per_sale", "per_coupon", "budget_uses", "budget_minor"):
        if (getattr(row, field) or 0) < 0:
            yield field, f"{field} is not below 0"
    if row.per_coupon and not row.coupon:
        yield "per_coupon", "per_coupon needs a coupon"
    if row.coupon and not row.coupon.isprintable():
        yield "coupon", "coupon is not printable"
    if "" in row.groups:
        yield "groups", "a group has an empty name"
