"""The reference for promotions on examples worked by hand, and the engine beside it on random baskets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.reference import promotions as rule
from tests.reference.baskets import KINDS, random_basket
from tests.reference.compare import difference, promotion_baskets, smallest
from tests.reference.promotions import Unit, reference
from tests.reference.records import Basket, Left, Line, Part, Promotion, Selection

MOMENT = datetime.fromisoformat("2026-11-18T17:30")  # a Wednesday
SLICE = 3000
FEW = 1500

Shares = Sequence[Sequence[tuple[int, int]]]


def pieces(n: int, price: int, count: int = 1, sku: str = "apple") -> Line:
    return Line(n, sku, 1, Decimal(count), "pc", price, price * count)


def weighed(n: int, kilos: str, price: int, total: int) -> Line:
    return Line(n, "cheese", 2, Decimal(kilos), "kg", price, total)


def shares(lines: Sequence[Line], *promotions: Promotion, **given: Any) -> Shares:
    return [
        list(application.shares)
        for application in reference(
            Basket(tuple(lines), promotions, **{"moment": MOMENT, **given})
        ).applications
    ]


@pytest.mark.parametrize(
    ("lines", "promotion", "wanted"),
    [
        # 5 % of 1.50 is 7.5: a half goes up. The weighed line is one unit: 5 % of 2.49 is 12.45.
        (
            [pieces(1, 50, 3), weighed(2, "0.250", 996, 249)],
            Promotion("p", "percent", percent=Decimal(5)),
            [[(1, 8)], [(2, 12)]],
        ),
        # Each unit once, the dearest first, never more than it costs.
        (
            [pieces(1, 30, 2), pieces(2, 100)],
            Promotion("p", "amount", amount_minor=50),
            [[(2, 50)], [(1, 30)], [(1, 30)]],
        ),
        # 0.500 kg at a fixed 5.01 is 250.5, rounded 2.51; what is cheaper already keeps its price.
        (
            [weighed(1, "0.500", 800, 400), pieces(2, 501), pieces(3, 502)],
            Promotion("p", "fixed-price", price_minor=501),
            [[(3, 1)], [(1, 149)]],
        ),
        # A weighed unit further down may still be above its fixed price.
        (
            [weighed(1, "0.100", 2000, 200), pieces(2, 501)],
            Promotion("p", "fixed-price", price_minor=600),
            [[(1, 140)]],
        ),
        # 3 for 2: of 3, 2, 2 the cheapest is free, spread by price: 200 x 3/7 = 85.7, 57.1, 57.1; then 1, 1, 1.
        (
            [pieces(1, 100, 3), pieces(2, 200, 2), pieces(3, 300), pieces(4, 100)],
            Promotion("p", "n-for-m", n=3, m=2),
            [[(2, 114), (3, 86)], [(1, 100)]],
        ),
        # 3 for 5.00: 3 x 1.99 less 5.00 is 0.97: 32.3 each, the cent to the first. The fourth stands alone.
        (
            [pieces(1, 199), pieces(2, 199, 3)],
            Promotion("p", "n-for-price", n=3, price_minor=500),
            [[(1, 33), (2, 64)]],
        ),
        # Bread and two others for 4.00; of the second set the bread is missing.
        (
            [pieces(1, 150, 4), pieces(2, 300, 1, "bread")],
            Promotion(
                "p",
                "mix",
                parts=(Part(Selection(skus=("bread",)), 1), Part(Selection(), 2)),
                price_minor=400,
            ),
            [[(1, 100), (2, 100)]],
        ),
        # Parts fill in order: the first takes the only bread, and the second stays short.
        (
            [pieces(1, 150), pieces(2, 300, 1, "bread")],
            Promotion(
                "p",
                "mix",
                parts=(Part(Selection(), 1), Part(Selection(skus=("bread",)), 1)),
                amount_minor=100,
            ),
            [],
        ),
        # 10.00 goes twice into 25.00: 2 x 3.00, spread 15 : 10.
        (
            [pieces(1, 500, 3), pieces(2, 1000)],
            Promotion("p", "threshold", min_minor=1000, amount_minor=300, each=True),
            [[(1, 360), (2, 240)]],
        ),
        ([pieces(1, 500)], Promotion("p", "threshold", min_minor=500, percent=Decimal(10)), [[(1, 50)]]),
        ([pieces(1, 499)], Promotion("p", "threshold", min_minor=500, percent=Decimal(10)), []),
    ],
)
def test_each_kind_on_an_example_worked_by_hand(
    lines: list[Line], promotion: Promotion, wanted: Shares
) -> None:
    assert shares(lines, promotion) == wanted


def test_what_is_not_combinable_takes_only_what_nobody_took_and_closes_it() -> None:
    first = Promotion("a", "amount", priority=2, amount_minor=10, per_sale=1)
    second = Promotion("b", "percent", priority=1, percent=Decimal(50), combinable=True)
    third = Promotion("c", "percent", percent=Decimal(50))
    assert shares([pieces(1, 100, 2)], third, second, first) == [[(1, 10)], [(1, 50)]]


def test_a_unit_whose_own_share_is_0_is_taken_all_the_same() -> None:
    cent = Promotion("a", "threshold", priority=1, min_minor=1, amount_minor=1, combinable=True)
    half = Promotion("b", "percent", percent=Decimal(50))
    assert shares([pieces(1, 100, 2)], cent, half) == [[(1, 1)]]


def test_equal_priority_goes_by_the_code_points_of_the_id() -> None:
    names = ["\U0001f600", "\uff01", "ä", "a", "Z", "9", "10"]
    promotions = [Promotion(name, "amount", amount_minor=1) for name in names]
    basket = Basket((pieces(1, 1),), tuple(promotions), MOMENT)
    assert [promotion.id for promotion in rule.in_order(basket.promotions)] == names[::-1]
    assert reference(basket).used == {"10": (1, 1)}


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-20 21:59:59", False),
        ("2026-11-20 22:00", True),
        ("2026-11-21 01:59:59.999999", True),  # Saturday, of Friday's window
        ("2026-11-21 02:00", False),
        ("2026-11-21 22:00", False),
        ("2026-11-20 01:00", False),  # Thursday's window
    ],
)
def test_a_window_over_midnight_has_the_day_of_its_beginning(moment: str, holds: bool) -> None:
    night = Promotion(
        "p",
        "amount",
        amount_minor=1,
        weekdays=(5,),
        valid_to=date(2026, 11, 20),
        time_from=time(22),
        time_to=time(2),
    )
    assert bool(shares([pieces(1, 10)], night, moment=datetime.fromisoformat(moment))) is holds


@pytest.mark.parametrize(
    ("given", "left", "times"),
    [
        ({}, Left(), 6),
        ({"per_sale": 4}, Left(), 4),
        ({"coupon": "SAVE", "per_coupon": 2}, Left(), 4),  # presented twice
        ({"coupon": "SAVE", "per_coupon": 2, "per_sale": 3}, Left(uses=5), 3),
        ({"coupon": "SAVE"}, Left(uses=5), 5),
        ({"coupon": "TEN"}, Left(), 0),  # not presented
        ({}, Left(uses=0), 0),
        ({}, Left(minor=30), 3),
        ({}, Left(minor=29), 2),
    ],
)
def test_applications_stop_at_the_lowest_limit(given: dict[str, Any], left: Left, times: int) -> None:
    promotion = Promotion("p", "amount", amount_minor=10, **given)
    found = shares([pieces(1, 100, 6)], promotion, coupons={"SAVE": 2, "TEN": 0}, left={"p": left})
    assert found == [[(1, 10)]] * times


def test_the_engine_and_the_reference_agree_on_random_baskets() -> None:
    told: list[int] = []
    figures = promotion_baskets(0, SLICE, told.append)
    assert told[-1] == figures["baskets"] == SLICE
    assert min(figures[kind] for kind in KINDS) > 150, figures


def _half_to_even(value: Fraction) -> int:
    return round(value)


def _last_first(unit: Unit) -> tuple[int, int, int]:
    return -unit.price, -unit.line.n, -unit.place


def _cheapest_first(unit: Unit) -> tuple[int, int, int]:
    return unit.price, unit.line.n, unit.place


def _in_order_of_utf_16(promotions: Sequence[Promotion]) -> list[Promotion]:
    return sorted(promotions, key=lambda p: (-p.priority, p.id.encode("utf-16-be")))


def _rest_to_the_last(discount: int, chosen: Sequence[Unit]) -> list[int]:
    units = sorted(chosen, key=rule.place_in_cart)
    whole = rule.sum_of(units)
    found = [discount * unit.price // whole for unit in units]
    for unit in range(discount - sum(found)):
        found[-1 - unit] += 1
    return found


_available, _day_of_window, _limit_of, _take = rule.available, rule.day_of_window, rule.limit_of, rule.take


def _closed_units_too(units: Sequence[Unit], promotion: Promotion) -> list[Unit]:
    for unit in units:
        unit.closed = False
    return _available(units, promotion)


def _end_included(promotion: Promotion, moment: datetime) -> date | None:
    day = _day_of_window(promotion, moment)
    if day is None and promotion.time_to == moment.time():
        return moment.date()
    return day


def _day_of_the_moment(promotion: Promotion, moment: datetime) -> date | None:
    return moment.date() if _day_of_window(promotion, moment) else None


def _coupon_counted_once(promotion: Promotion, basket: Basket) -> int | None:
    return _limit_of(promotion, replace(basket, coupons=dict.fromkeys(basket.coupons, 1)))


def _only_those_with_a_share(promotion: Promotion, chosen: Sequence[Unit], discount: int) -> Any:
    before = [(unit.price, unit.taken_from, unit.closed) for unit in chosen]
    found = _take(promotion, chosen, discount)
    for unit, (price, taken_from, closed) in zip(chosen, before, strict=True):
        if unit.price == price:
            unit.taken_from, unit.closed = taken_from, closed
    return found


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("round_half_up", _half_to_even),
        ("best_first", _last_first),
        ("best_first", _cheapest_first),
        ("in_order", _in_order_of_utf_16),
        ("spread", _rest_to_the_last),
        ("available", _closed_units_too),
        ("day_of_window", _end_included),
        ("day_of_window", _day_of_the_moment),
        ("limit_of", _coupon_counted_once),
        ("take", _only_those_with_a_share),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__.strip("_"),
)
def test_two_rules_that_differ_in_one_place_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[..., Any]
) -> None:
    assert not any(difference(random_basket(seed)) for seed in range(10))
    monkeypatch.setattr(rule, name, other)
    assert any(difference(random_basket(seed)) for seed in range(FEW))


def test_a_basket_that_differs_is_told_with_its_seed_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "round_half_up", _half_to_even)
    with pytest.raises(AssertionError, match=r"basket of seed \d+: reference"):
        promotion_baskets(0, FEW, lambda _: None)


def test_the_smallest_basket_still_differs_and_holds_nothing_else() -> None:
    def differs(basket: Basket) -> bool:
        return any(line.quantity >= 3 for line in basket.lines) and "a" in [p.id for p in basket.promotions]

    basket = Basket(
        (pieces(1, 5), pieces(2, 5, 7), pieces(3, 5, 3)),
        (Promotion("b", "amount", amount_minor=1), Promotion("a", "amount", amount_minor=1, priority=3)),
        MOMENT,
        left={"b": Left(1)},
        coupons={"TEN": 1},
    )
    small = smallest(basket, differs)
    assert small == Basket((pieces(3, 5, 3),), (Promotion("a", "amount", amount_minor=1),), MOMENT)
