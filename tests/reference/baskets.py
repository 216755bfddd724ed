"""Random baskets with random promotions, each from a seed: small worlds, so that edges meet often.

Few goods, few prices and few departments make equal prices and overlapping selections the rule; limits, thresholds,
budgets and windows are drawn around the very figures of the basket.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from tests.reference.promotions import selects
from tests.reference.records import Basket, Left, Line, Part, Promotion, Selection

KINDS = ("percent", "amount", "fixed-price", "n-for-m", "n-for-price", "mix", "threshold")
SKUS = ("apple", "bread", "cheese", "dates", "egg")
DEPARTMENTS = (0, 1, 2, 3)
PRICES = (0, 1, 2, 3, 5, 7, 25, 33, 50, 99, 125, 199, 250, 333, 995, 1000, 1001, 1999, 12_345)
PERCENTS = ("50", "25", "10", "12.5", "2.5", "0.5", "33.33", "66.67", "7", "1", "20", "99.99", "100")
# Code points, UTF-16 units and languages each order some of these otherwise.
IDS = ("9", "10", "a", "B", "b", "Z", "zz", "ä", "é", "e\u0301", "\uff01", "\U0001f600", "A-1", "A_1", "A1")
GROUPS = ("club", "staff", "school")
CODES = ("SAVE", "save", "TEN")
TIMES = (
    time(0, 0),
    time(6, 0),
    time(12, 0),
    time(18, 0),
    time(22, 0),
    time(23, 59),
    time(23, 59, 59, 999_999),
)
MONDAY = date(2026, 11, 16)


def random_basket(seed: int) -> Basket:
    chance = Random(seed)
    prices = [_price(chance) for _ in range(chance.choice((1, 2, 2, 3, 5)))]
    lines = _lines(chance, prices)
    moment = _moment(chance)
    ids = chance.sample(IDS, chance.choice((1, 2, 2, 3, 3, 4, 5, 6, 8)))
    everything = chance.choice((0.1, 0.6, 0.8))
    promotions = tuple(_promotion(chance, name, lines, prices, moment, everything) for name in ids)
    return Basket(
        lines=lines,
        promotions=promotions,
        moment=moment,
        groups=tuple(chance.sample(GROUPS, chance.choice((0, 1, 1, 2)))),
        coupons={code: chance.choice((0, 1, 1, 2, 3)) for code in CODES if chance.random() < 0.8},
        left={p.id: _left(chance, p, lines) for p in promotions if chance.random() < 0.25},
    )


def _price(chance: Random) -> int:
    return chance.choice(PRICES) if chance.random() < 0.7 else chance.randint(1, 3000)


def _lines(chance: Random, prices: Sequence[int]) -> tuple[Line, ...]:
    lines = []
    n = 0
    for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 8))):
        n += chance.choice((1, 1, 1, 2, 9))
        quantity, unit = _quantity(chance)
        unit_minor = chance.choice(prices)
        total = (quantity * unit_minor).quantize(Decimal(1), ROUND_HALF_UP)
        sku, department = chance.choice((*SKUS, "")), chance.choice(DEPARTMENTS)
        lines.append(Line(n, sku, department, quantity, unit, unit_minor, int(total)))
    if chance.random() < 0.05:
        chance.shuffle(lines)
    return tuple(lines)


def _quantity(chance: Random) -> tuple[Decimal, str]:
    draw = chance.random()
    if draw < 0.002:
        return Decimal(999), "pc"
    if draw < 0.55:
        return Decimal(chance.choice((1, 1, 1, 2, 2, 3, 4))), "pc"
    if draw < 0.70:
        return Decimal(chance.randint(1, 20)), "pc"
    if draw < 0.75:
        return Decimal(f"{chance.randint(1, 4)}.000"), "pc"
    if draw < 0.80:
        return Decimal(chance.choice(("0.5", "1.5", "2.25", "0.125"))), "pc"
    if draw < 0.85:
        return Decimal(chance.choice(("1", "2", "3.000"))), "kg"
    return Decimal(chance.choice((1, 5, 250, 500, 750, chance.randint(1, 5000)))) / 1000, "kg"


def _moment(chance: Random) -> datetime:
    at = chance.choice((*TIMES, time(chance.randrange(24), chance.randrange(60), chance.randrange(60))))
    return datetime.combine(MONDAY + timedelta(days=chance.randrange(14)), at)


def _promotion(
    chance: Random,
    name: str,
    lines: Sequence[Line],
    prices: Sequence[int],
    moment: datetime,
    everything: float,
) -> Promotion:
    kind = chance.choice(KINDS)
    selection = _selection(chance, everything)
    sums = _sums(chance, selection, lines)
    coupon = chance.choice(CODES) if chance.random() < 0.2 else ""
    return Promotion(
        id=name,
        kind=kind,
        text=f"text of {name}",
        priority=chance.choice((0, 0, 0, 1, 5, -1)),
        combinable=chance.random() < 0.55,
        selection=selection,
        active=chance.random() < 0.96,
        coupon=coupon,
        per_coupon=chance.choice((0, 1, 1, 2)) if coupon else 0,
        groups=tuple(chance.sample(GROUPS, chance.randint(1, 2))) if chance.random() < 0.12 else (),
        per_sale=chance.choice((0, 0, 0, 1, 2, 3)),
        **_figures(chance, kind, prices, sums),
        **_calendar(chance, moment),
    )


def _selection(chance: Random, everything: float) -> Selection:
    """`everything`: how likely one is that names no goods."""
    skus: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    if chance.random() >= everything:
        skus = tuple(chance.sample(SKUS, chance.randint(1, 3)))
        departments = tuple(chance.sample(DEPARTMENTS, chance.randrange(3)))
    return Selection(
        skus,
        departments,
        tuple(chance.sample(SKUS, 1)) if chance.random() < 0.15 else (),
        tuple(chance.sample(DEPARTMENTS, 1)) if chance.random() < 0.15 else (),
    )


def _sums(chance: Random, selection: Selection, lines: Sequence[Line]) -> list[int]:
    """Amounts in which limits and thresholds are likely to meet the basket exactly."""
    totals = [line.total_minor for line in lines if selects(selection, line)]
    return [sum(totals), *totals, chance.randint(0, 5000)]


def _figures(chance: Random, kind: str, prices: Sequence[int], sums: Sequence[int]) -> dict[str, Any]:
    percent = {"percent": Decimal(chance.choice(PERCENTS))}
    some = (1, 2, 10, 50, 100, 999, chance.choice(prices), chance.choice(prices), chance.choice(sums))
    amount = {"amount_minor": max(1, chance.choice(some))}
    match kind:
        case "percent":
            return percent
        case "amount":
            return amount
        case "fixed-price":
            return {"price_minor": _near(chance, chance.choice((*prices, 0, 1, 50)))}
        case "n-for-m":
            n = chance.randint(1, 6)
            return {"n": n, "m": chance.randrange(n)}
        case "n-for-price":
            n = chance.randint(1, 5)
            return {"n": n, "price_minor": _near(chance, chance.randint(0, n) * chance.choice(prices))}
        case "mix":
            parts = tuple(
                Part(_selection(chance, 0.4), chance.choice((1, 1, 2, 3)))
                for _ in range(chance.choice((1, 2, 2, 3)))
            )
            count = sum(part.count for part in parts)
            price = {"price_minor": _near(chance, chance.randint(0, count) * chance.choice(prices))}
            return {"parts": parts, **chance.choice((price, percent, amount))}
        case _:
            least = (1, _near(chance, chance.choice(sums)), chance.choice(sums) // chance.randint(1, 5))
            each = {**amount, "each": True}
            return {"min_minor": max(1, chance.choice(least)), **chance.choice((percent, amount, each))}


def _near(chance: Random, minor: int) -> int:
    return max(0, minor + chance.choice((0, 0, 0, -1, 1, -chance.randint(0, 200))))


def _calendar(chance: Random, moment: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {}
    today = moment.date()
    if chance.random() < 0.35:
        found["time_from"] = _edge(chance, moment)
        found["time_to"] = found["time_from"] if chance.random() < 0.1 else _edge(chance, moment)
    if chance.random() < 0.15:
        found["valid_from"] = today + timedelta(days=chance.choice((-30, -1, 0, 0, 1)))
    if chance.random() < 0.15:
        last = today + timedelta(days=chance.choice((-1, 0, 0, 1, 30)))
        found["valid_to"] = max(last, found.get("valid_from", last))
    if chance.random() < 0.15:
        days = (today.isoweekday(), today.isoweekday(), (today - timedelta(days=1)).isoweekday())
        found["weekdays"] = tuple(sorted({chance.choice((*days, 1, 7)), chance.choice((*days, 3))}))
    return found


def _edge(chance: Random, moment: datetime) -> time:
    """A time of day; often the moment's own, or the least there is beside it."""
    beside = timedelta(microseconds=chance.choice((0, 0, -1, 1, 1_000_000)))
    return chance.choice(
        (*TIMES, (moment + beside).time(), (moment + beside).time(), (moment + beside).time())
    )


def _left(chance: Random, promotion: Promotion, lines: Sequence[Line]) -> Left:
    sums = _sums(chance, promotion.selection, lines)
    figures = (promotion.amount_minor or 0, 2 * (promotion.amount_minor or 0), *sums, *(s // 2 for s in sums))
    uses = chance.choice((0, 1, 1, 2, 3, 5, -1))
    minor = chance.choice(
        (0, chance.choice(figures), chance.choice(figures), chance.randint(1, 300), 100_000)
    )
    return chance.choice((Left(uses=uses), Left(minor=minor), Left(minor=minor), Left(uses, minor)))
