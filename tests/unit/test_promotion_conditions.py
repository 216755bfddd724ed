"""When a promotion holds, what it selects, and how often it may be used."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from pos.domain.promotions import (
    KINDS,
    Book,
    Left,
    Selection,
    Used,
)
from tests.unit.promotion_samples import AN_AMOUNT, OF_KIND, off, pieces, price, row, shares

# Conditions


@pytest.mark.parametrize(
    ("fields", "moment", "holds"),
    [
        ({"active": False}, "2026-11-20T17:30:00", False),
        ({"valid_from": dt.date(2026, 11, 20)}, "2026-11-20T00:00:00", True),
        ({"valid_from": dt.date(2026, 11, 21)}, "2026-11-20T23:59:59", False),
        ({"valid_to": dt.date(2026, 11, 20)}, "2026-11-20T23:59:59", True),
        ({"valid_to": dt.date(2026, 11, 19)}, "2026-11-20T00:00:00", False),
        ({"weekdays": (5,)}, "2026-11-20T12:00:00", True),  # a Friday
        ({"weekdays": (1, 2, 3, 4, 6, 7)}, "2026-11-20T12:00:00", False),
        ({"time_from": dt.time(17), "time_to": dt.time(19)}, "2026-11-20T17:00:00", True),
        ({"time_from": dt.time(17), "time_to": dt.time(19)}, "2026-11-20T18:59:59.999999", True),
        ({"time_from": dt.time(17), "time_to": dt.time(19)}, "2026-11-20T19:00:00", False),
        ({"time_from": dt.time(17), "time_to": dt.time(19)}, "2026-11-20T16:59:59", False),
        ({"time_from": dt.time(18), "time_to": dt.time(0)}, "2026-11-20T23:59:59", True),
        ({"time_from": dt.time(18), "time_to": dt.time(0)}, "2026-11-20T00:00:00", False),
        ({"time_from": dt.time(18), "time_to": dt.time(18)}, "2026-11-20T17:59:59", True),
    ],
)
def test_when_a_promotion_holds(fields: Mapping[str, Any], moment: str, holds: bool) -> None:
    result = price([pieces(1, 100)], row(**AN_AMOUNT, **fields), moment=dt.datetime.fromisoformat(moment))
    assert bool(result.applications) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-20T21:59:59", False),
        ("2026-11-20T22:00:00", True),  # Friday, the one day that is valid
        ("2026-11-21T01:59:59", True),  # Saturday, but the window began on Friday
        ("2026-11-21T02:00:00", False),
        ("2026-11-20T01:00:00", False),  # began on Thursday
        ("2026-11-21T22:00:00", False),
    ],
)
def test_a_window_over_midnight_counts_as_the_day_on_which_it_began(moment: str, holds: bool) -> None:
    day = dt.date(2026, 11, 20)
    for when in ({"weekdays": (5,)}, {"valid_from": day, "valid_to": day}):
        night = row(**AN_AMOUNT, time_from=dt.time(22), time_to=dt.time(2), **when)
        result = price([pieces(1, 100)], night, moment=dt.datetime.fromisoformat(moment))
        assert bool(result.applications) is holds


def test_a_moment_with_a_zone_counts_by_its_local_time() -> None:
    evening = row(**AN_AMOUNT, time_from=dt.time(17), time_to=dt.time(18))
    moment = dt.datetime.fromisoformat("2026-11-20T17:30:00+05:00")
    assert price([pieces(1, 100)], evening, moment=moment).applications


def test_only_for_a_group_of_the_customer() -> None:
    staff = row(**AN_AMOUNT, groups=("staff", "friends"))
    assert not price([pieces(1, 100)], staff).applications
    assert not price([pieces(1, 100)], staff, groups=("club",)).applications
    assert price([pieces(1, 100)], staff, groups=("club", "friends")).applications


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(), {1, 2, 3}),
        (Selection(skus=("A1",)), {1}),
        (Selection(departments=(7,)), {2, 3}),
        (Selection(skus=("A1",), departments=(7,)), {1, 2, 3}),
        (Selection(departments=(7,), without_skus=("A2",)), {3}),
        (Selection(without_departments=(7,)), {1}),
        (Selection(skus=("A1", "A2"), without_departments=(7,)), {1}),
        (Selection(skus=("A1",), without_skus=("A1",)), set()),
    ],
)
def test_what_a_selection_selects(selection: Selection, found: set[int]) -> None:
    lines = [pieces(1, 100, department=6), pieces(2, 100, department=7), pieces(3, 100, department=7)]
    selecting = row(**AN_AMOUNT, selection=selection)
    assert set(off(price(lines, selecting))) == found
    assert {line.n for line in lines if Book([selecting]).touches(line)} == found


# Limits


def test_a_limit_per_sale_takes_the_dearest_and_counts_lines_with_percent() -> None:
    lines = [pieces(1, 100), pieces(2, 300), pieces(3, 200)]
    assert shares(price(lines, row(**AN_AMOUNT, per_sale=2))) == [{2: 10}, {3: 10}]
    assert shares(price(lines, row(kind="percent", percent=Decimal(10), per_sale=2))) == [{1: 10}, {2: 30}]


def test_a_line_whose_percent_rounds_to_0_does_not_count() -> None:
    # 10 % of 4 = 0.4 -> 0.
    lines = [pieces(1, 4), pieces(2, 100)]
    assert shares(price(lines, row(kind="percent", percent=Decimal(10), per_sale=1))) == [{2: 10}]


def test_a_coupon_counts_as_often_as_it_was_presented() -> None:
    coupon = row(**AN_AMOUNT, coupon="C1", per_coupon=2)
    lines = [pieces(1, 100, 9)]
    for presented, uses in ((0, 0), (1, 2), (3, 6)):
        assert len(price(lines, coupon, coupons={"C1": presented}).applications) == uses
    assert not price(lines, coupon, coupons={"C2": 1}).applications
    without_limit = row(**AN_AMOUNT, coupon="C1")
    assert len(price(lines, without_limit, coupons={"C1": 1}).applications) == 9
    both = row(**AN_AMOUNT, coupon="C1", per_coupon=2, per_sale=3)
    assert len(price(lines, both, coupons={"C1": 2}).applications) == 3


def test_one_coupon_serves_each_promotion_that_names_it() -> None:
    rows = [row(name, **AN_AMOUNT, coupon="C", per_coupon=1, combinable=True) for name in "ab"]
    assert shares(price([pieces(1, 100)], *rows, coupons={"C": 1})) == [{1: 10}, {1: 10}]


@pytest.mark.parametrize(("left", "uses"), [(-1, 0), (0, 0), (1, 1), (2, 2), (None, 5)])
def test_no_more_uses_than_are_left(left: int | None, uses: int) -> None:
    result = price([pieces(1, 100, 5)], row(**AN_AMOUNT), left={"P": Left(uses=left)})
    assert len(result.applications) == uses


@pytest.mark.parametrize(("left", "uses"), [(-5, 0), (0, 0), (9, 0), (10, 1), (29, 2), (30, 3), (None, 5)])
def test_no_application_beyond_the_minor_units_that_are_left(left: int | None, uses: int) -> None:
    result = price([pieces(1, 100, 5)], row(**AN_AMOUNT), left={"P": Left(minor=left)})
    assert len(result.applications) == uses


def test_what_does_not_fit_the_budget_ends_the_promotion_though_a_smaller_one_would_fit() -> None:
    # 10 % of 100, 500, 100: 10 fits into 40, 50 does not, and the 10 after it is not tried.
    lines = [pieces(1, 100), pieces(2, 500), pieces(3, 100)]
    result = price(lines, row(kind="percent", percent=Decimal(10)), left={"P": Left(minor=40)})
    assert shares(result) == [{1: 10}]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_to_uses_and_budget(kind: Any) -> None:
    lines = [pieces(1, 100, 12), pieces(2, 90, 12)]
    one = row(kind=kind, **OF_KIND[kind])
    free = price(lines, one)
    first = sum(share.minor for share in free.applications[0].shares)
    assert not price(lines, one, left={"P": Left(uses=0)}).applications
    assert price(lines, one, left={"P": Left(uses=1)}).applications == free.applications[:1]
    assert price(lines, one, left={"P": Left(minor=first)}).applications == free.applications[:1]
    assert not price(lines, one, left={"P": Left(minor=first - 1)}).applications


def test_a_budget_of_another_promotion_limits_nothing() -> None:
    result = price([pieces(1, 100)], row(**AN_AMOUNT, budget_uses=1), left={"Q": Left(uses=0)})
    assert result.used == (Used("P", 1, 10),)
