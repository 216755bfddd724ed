"""A promotion as a row of data. A row that could never be meant is refused with a sentence, when it is made or read."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from pos.domain.money import TOTAL_MAX_MINOR

__all__ = ["KINDS", "Kind", "Part", "Promotion", "Selection"]

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
        trouble = (
            _trouble_of_name(self)
            or _trouble_of_kind(self)
            or _trouble_of_numbers(self)
            or _trouble_of_time(self)
            or _trouble_of_limits(self)
        )
        if trouble:
            raise ValueError(f"promotion {self.id!r}: {trouble}")


def _trouble_of_name(row: Promotion) -> str:
    for field, value, longest in (("id", row.id, _ID_MAX), ("text", row.text, _TEXT_MAX)):
        if not 0 < len(value) <= longest or not value.isprintable():
            return f"{field} is not 1 to {longest} printable characters"
    return ""


def _trouble_of_kind(row: Promotion) -> str:
    """Each kind with its own fields, all of them and no other."""
    if row.kind not in KINDS:
        return f"kind {row.kind!r} is none of {', '.join(KINDS)}"
    needed, one_of = _NEEDS[row.kind], _ONE_OF.get(row.kind, ())
    given = [field for field in _OF_KINDS if getattr(row, field) not in (None, ())]
    missing = [field for field in needed if field not in given]
    foreign = [field for field in given if field not in needed and field not in one_of]
    if missing:
        return f"{row.kind} needs {' and '.join(missing)}"
    if foreign:
        return f"{row.kind} has no {' and no '.join(foreign)}"
    if one_of and sum(field in given for field in one_of) != 1:
        return f"{row.kind} needs exactly one of {', '.join(one_of)}"
    if row.each and (row.kind != "threshold" or row.amount_minor is None):
        return "each belongs to a threshold with amount_minor"
    return ""


def _trouble_of_numbers(row: Promotion) -> str:
    if row.percent is not None and not _is_percent(row.percent):
        return f"percent is above 0, at most 100 and has at most {_PERCENT_PLACES} places, not {row.percent}"
    for field, lowest in (("amount_minor", 1), ("price_minor", 0), ("min_minor", 1)):
        value = getattr(row, field)
        if value is not None and not lowest <= value <= TOTAL_MAX_MINOR:
            return f"{field} is {lowest} to {TOTAL_MAX_MINOR}, not {value}"
    if row.n is not None and row.n < 1:
        return f"n is at least 1, not {row.n}"
    if row.n is not None and row.m is not None and not 0 <= row.m < row.n:
        return f"m is 0 or more and below n, not {row.m} of {row.n}"
    return ""


def _is_percent(percent: Decimal) -> bool:
    if not percent.is_finite() or not 0 < percent <= 100:
        return False
    exponent = percent.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_PERCENT_PLACES


def _trouble_of_time(row: Promotion) -> str:
    if row.valid_from is not None and row.valid_to is not None and row.valid_to < row.valid_from:
        return f"valid_to {row.valid_to} is before valid_from {row.valid_from}"
    if not set(row.weekdays) <= set(range(1, 8)) or len(set(row.weekdays)) != len(row.weekdays):
        return "weekdays are 1 (Monday) to 7 (Sunday), each once"
    if (row.time_from is None) != (row.time_to is None):
        return "time_from and time_to are given together; 00:00:00 as time_to is the end of the day"
    if any(time is not None and time.tzinfo is not None for time in (row.time_from, row.time_to)):
        return "time_from and time_to are local times, without a zone"
    return ""


def _trouble_of_limits(row: Promotion) -> str:
    for field in ("per_sale", "per_coupon", "budget_uses", "budget_minor"):
        if (getattr(row, field) or 0) < 0:
            return f"{field} is not below 0"
    if row.per_coupon and not row.coupon:
        return "per_coupon needs a coupon"
    if row.coupon and not row.coupon.isprintable():
        return "coupon is not printable"
    if "" in row.groups:
        return "a group has an empty name"
    return ""
