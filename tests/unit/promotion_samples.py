"""Lines and promotions for tests, and what an evaluation says, short to write."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pos.domain.promotions import Evaluated, Left, Part, Promotion, PromotionLine, evaluate

FRIDAY = dt.datetime(2026, 11, 20, 17, 30)  # noqa: DTZ001 local, as the rule reads it
AN_AMOUNT: dict[str, Any] = {"kind": "amount", "amount_minor": 10}
OF_KIND: Mapping[str, Mapping[str, Any]] = {
    "percent": {"percent": Decimal(10)},
    "amount": {"amount_minor": 10},
    "fixed-price": {"price_minor": 10},
    "n-for-m": {"n": 3, "m": 2},
    "n-for-price": {"n": 3, "price_minor": 100},
    "mix": {"parts": (Part(1),), "percent": Decimal(10)},
    "threshold": {"min_minor": 100, "amount_minor": 10},
}


def pieces(n: int, price: int, count: int = 1, sku: str = "", department: int = 0) -> PromotionLine:
    return PromotionLine(n, sku or f"A{n}", department, Decimal(count), "pc", price, price * count)


def weighed(n: int, quantity: str, price: int, total: int, department: int = 0) -> PromotionLine:
    return PromotionLine(n, f"A{n}", department, Decimal(quantity), "kg", price, total)


def row(identity: str = "P", **fields: Any) -> Promotion:
    return Promotion(id=identity, text=f"Aktion {identity}", **fields)


def price(
    lines: list[PromotionLine],
    *rows: Promotion,
    moment: dt.datetime = FRIDAY,
    groups: tuple[str, ...] = (),
    coupons: Mapping[str, int] | None = None,
    left: Mapping[str, Left] | None = None,
) -> Evaluated:
    return evaluate(lines, rows, moment=moment, groups=groups, coupons=coupons or {}, left=left or {})


def shares(result: Evaluated) -> list[dict[int, int]]:
    """Each application as line number -> minor units."""
    return [{share.n: share.minor for share in made.shares} for made in result.applications]


def off(result: Evaluated) -> dict[int, int]:
    """What each line costs less."""
    sums: dict[int, int] = {}
    for made in shares(result):
        for n, minor in made.items():
            sums[n] = sums.get(n, 0) + minor
    return sums
