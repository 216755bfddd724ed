"""docs/promotions.md sentence by sentence: slow, and right by looking at it.

Every unit is an object of its own, every sum is a plain loop, every division a fraction. It shares no code with
what it judges, neither the promotions nor the rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TypeVar

from tests.reference.records import Application, Basket, Left, Line, Promotion, Result, Selection

Value = TypeVar("Value")


@dataclass
class Unit:
    """One unit; `price` is its current price."""

    line: Line
    place: int
    price: int
    countable: bool
    taken_from: bool = False
    closed: bool = False


def reference(basket: Basket) -> Result:
    units = units_of(basket.lines)
    applications: list[Application] = []
    used: dict[str, tuple[int, int]] = {}
    for promotion in in_order(basket.promotions):
        if not holds(promotion, basket):
            continue
        limit = limit_of(promotion, basket)
        remaining = basket.left.get(promotion.id, Left()).minor
        times = 0
        taken_off = 0
        rest = available(units, promotion)
        while limit is None or times < limit:
            chosen = next_application(promotion, rest)
            if not chosen:
                break
            discount = discount_of(promotion, chosen)
            if discount == 0 and promotion.kind in {"n-for-m", "n-for-price", "mix"}:
                break
            if remaining is not None and discount > remaining - taken_off:
                break
            rest = without(rest, chosen)
            if discount == 0:
                continue
            shares = take(promotion, chosen, discount)
            applications.append(Application(promotion.id, promotion.text, shares))
            times += 1
            taken_off += discount
            used[promotion.id] = (times, taken_off)
    return Result(tuple(applications), used)


# Units


def units_of(lines: Sequence[Line]) -> list[Unit]:
    units = []
    for line in lines:
        quantity = Fraction(line.quantity)
        if line.unit == "pc" and quantity.denominator == 1:
            units += [Unit(line, place, line.unit_minor, countable=True) for place in range(int(quantity))]
        else:
            units.append(Unit(line, 0, line.total_minor, countable=False))
    return units


def place_in_cart(unit: Unit) -> tuple[int, int]:
    return unit.line.n, unit.place


def without(units: Sequence[Unit], others: Sequence[Unit]) -> list[Unit]:
    """In their order. A unit is known by its line and its place in it."""
    known = {place_in_cart(unit) for unit in others}
    return [unit for unit in units if place_in_cart(unit) not in known]


def best_first(unit: Unit) -> tuple[int, int, int]:
    return -unit.price, unit.line.n, unit.place


def available(units: Sequence[Unit], promotion: Promotion) -> list[Unit]:
    """Best first. A promotion does not change the prices of units that it has yet to take: the order stays."""
    found = []
    for unit in units:
        if unit.price == 0:
            continue
        if unit.closed:
            continue
        if unit.taken_from and not promotion.combinable:
            continue
        if selects(promotion.selection, unit.line):
            found.append(unit)
    return sorted(found, key=best_first)


def selects(selection: Selection, line: Line) -> bool:
    if line.sku in selection.without_skus or line.department in selection.without_departments:
        return False
    if not selection.skus and not selection.departments:
        return True
    return line.sku in selection.skus or line.department in selection.departments


# Which promotions, in which order, how often


def in_order(promotions: Sequence[Promotion]) -> list[Promotion]:
    def position(promotion: Promotion) -> tuple[int, list[int]]:
        return -promotion.priority, [ord(character) for character in promotion.id]

    return sorted(promotions, key=position)


def holds(promotion: Promotion, basket: Basket) -> bool:
    if not promotion.active:
        return False
    day = day_of_window(promotion, basket.moment)
    if day is None:
        return False
    if promotion.valid_from is not None and day < promotion.valid_from:
        return False
    if promotion.valid_to is not None and day > promotion.valid_to:
        return False
    if promotion.weekdays and day.isoweekday() not in promotion.weekdays:
        return False
    if promotion.groups and not any(group in promotion.groups for group in basket.groups):
        return False
    return not promotion.coupon or basket.coupons.get(promotion.coupon, 0) > 0


def day_of_window(promotion: Promotion, moment: datetime) -> date | None:
    """The date on which the window that holds the moment began; None: no window holds it."""
    today = moment.date()
    time_from, time_to = promotion.time_from, promotion.time_to
    if time_from is None or time_to is None:
        assert time_from is time_to, "the times are given together or not at all"
        return today
    yesterday = today - timedelta(days=1)
    for day in (today, yesterday):
        ends_on = day if time_to > time_from else day + timedelta(days=1)
        if datetime.combine(day, time_from) <= moment < datetime.combine(ends_on, time_to):
            return day
    return None


def limit_of(promotion: Promotion, basket: Basket) -> int | None:
    """The greatest number of applications; None: no limit."""
    limits = []
    if promotion.per_sale != 0:
        limits.append(promotion.per_sale)
    if promotion.coupon and promotion.per_coupon != 0:
        limits.append(promotion.per_coupon * basket.coupons[promotion.coupon])
    uses = basket.left.get(promotion.id, Left()).uses
    if uses is not None:
        limits.append(uses)
    return min(limits) if limits else None


# Applications


def next_application(promotion: Promotion, rest: Sequence[Unit]) -> list[Unit]:
    """The units of the next application among those that are left, best first; none: there is no more."""
    match promotion.kind:
        case "percent":
            first = min((unit.line.n for unit in rest), default=0)
            return [unit for unit in rest if unit.line.n == first]
        case "amount" | "fixed-price":
            return list(rest[:1])
        case "n-for-m" | "n-for-price":
            n = given(promotion.n)
            countable = [unit for unit in rest if unit.countable]
            return countable[:n] if len(countable) >= n else []
        case "mix":
            return next_mix(promotion, rest)
        case "threshold":
            return list(rest) if sum_of(rest) >= given(promotion.min_minor) else []
    raise ValueError(promotion.kind)


def next_mix(promotion: Promotion, rest: Sequence[Unit]) -> list[Unit]:
    chosen: list[Unit] = []
    for part in promotion.parts:
        free = [unit for unit in without(rest, chosen) if unit.countable]
        candidates = [unit for unit in free if selects(part.selection, unit.line)]
        if len(candidates) < part.count:
            return []
        chosen += candidates[: part.count]
    return chosen


def discount_of(promotion: Promotion, chosen: Sequence[Unit]) -> int:
    whole = sum_of(chosen)
    match promotion.kind:
        case "percent":
            return percent_of(given(promotion.percent), whole)
        case "amount":
            return min(given(promotion.amount_minor), whole)
        case "fixed-price":
            return max(0, whole - fixed_price_of(chosen[0], given(promotion.price_minor)))
        case "n-for-m":
            lowest_first = sorted(unit.price for unit in chosen)
            return sum(lowest_first[: given(promotion.n) - given(promotion.m)])
        case "n-for-price":
            return max(0, whole - given(promotion.price_minor))
        case "mix":
            if promotion.price_minor is not None:
                return max(0, whole - promotion.price_minor)
            if promotion.percent is not None:
                return percent_of(promotion.percent, whole)
            return min(given(promotion.amount_minor), whole)
        case "threshold":
            if promotion.percent is not None:
                return percent_of(promotion.percent, whole)
            times = whole // given(promotion.min_minor) if promotion.each else 1
            return min(given(promotion.amount_minor) * times, whole)
    raise ValueError(promotion.kind)


def fixed_price_of(unit: Unit, price_minor: int) -> int:
    return price_minor if unit.countable else round_half_up(price_minor * Fraction(unit.line.quantity))


def given(value: Value | None) -> Value:
    assert value is not None, "the promotion lacks a figure of its kind"
    return value


# Money


def sum_of(units: Sequence[Unit]) -> int:
    return sum(unit.price for unit in units)


def percent_of(percent: Decimal, minor: int) -> int:
    return round_half_up(Fraction(percent) * minor / 100)


def round_half_up(value: Fraction) -> int:
    """Amounts are never negative here: up is away from zero."""
    assert value >= 0
    return floor(value + Fraction(1, 2))


def take(promotion: Promotion, chosen: Sequence[Unit], discount: int) -> tuple[tuple[int, int], ...]:
    """Spread a discount above 0 over the units; gives what falls on each line."""
    by_line: dict[int, int] = {}
    for unit, share in zip(sorted(chosen, key=place_in_cart), spread(discount, chosen), strict=True):
        assert 0 <= share <= unit.price, "no unit falls below 0"
        unit.price -= share
        unit.taken_from = True
        if not promotion.combinable:
            unit.closed = True
        by_line[unit.line.n] = by_line.get(unit.line.n, 0) + share
    assert sum(by_line.values()) == discount, "the shares sum exactly to the discount"
    return tuple((n, by_line[n]) for n in sorted(by_line) if by_line[n] > 0)


def spread(discount: int, chosen: Sequence[Unit]) -> list[int]:
    """The share of each unit, in the order of line number and place."""
    units = sorted(chosen, key=place_in_cart)
    whole = sum_of(units)
    exact = [Fraction(discount * unit.price, whole) for unit in units]
    shares = [floor(share) for share in exact]
    remainders = [exact[i] - shares[i] for i in range(len(units))]
    largest_first = sorted(range(len(units)), key=lambda i: (-remainders[i], i))
    for i in largest_first[: discount - sum(shares)]:
        shares[i] += 1
    return shares
