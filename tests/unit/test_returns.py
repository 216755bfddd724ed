"""What comes back of a line, in every partition and order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain.line import Discount
from pos.domain.returns import (
    Bought,
    ReturnPolicy,
    Taken,
    TooMuchError,
    refund_minor,
    rest_of,
    shares_back,
    too_late,
    worth_minor,
)


def test_three_for_two_gives_back_thirds_of_what_was_paid() -> None:
    """3 x 0.89 with one free: 1.78 paid; 59.33 each: 59, then 60 (119 less 59), then 59 (178 less 119)."""
    bought = Bought(1, Decimal(3), 178)
    before = [Taken(Decimal(0), 0), Taken(Decimal(1), 59), Taken(Decimal(2), 119)]
    assert [refund_minor(bought, taken, Decimal(1)) for taken in before] == [59, 60, 59]


def test_a_return_taken_out_again_costs_nobody_a_cent() -> None:
    """The second of three was worth 60; with the first one taken out again, 60 was given for one, and 118 are left."""
    bought = Bought(1, Decimal(3), 178)
    assert refund_minor(bought, Taken(Decimal(1), 60), Decimal(1)) == 59
    assert refund_minor(bought, Taken(Decimal(2), 119), Decimal(1)) == 59


@given(
    st.integers(0, 100_000),
    st.lists(st.decimals("0.001", 20, places=3), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
def test_any_partition_in_any_order_gives_back_exactly_what_was_paid(
    paid: int, parts: list[Decimal], rng: object
) -> None:
    rng.shuffle(parts)  # type: ignore[attr-defined]
    bought = Bought(1, sum(parts, Decimal(0)), paid)
    taken = Taken()
    for part in parts:
        refund = refund_minor(bought, taken, part)
        assert refund >= 0
        taken = Taken(taken.quantity + part, taken.refunded_minor + refund)
        assert taken.refunded_minor == worth_minor(bought, taken.quantity) <= paid
    assert taken.refunded_minor == paid
    assert rest_of([bought], {1: taken}) == ()


def test_more_than_was_bought_is_refused_and_says_what_is_left() -> None:
    bought = Bought(7, Decimal(2), 500)
    with pytest.raises(TooMuchError) as refused:
        refund_minor(bought, Taken(Decimal(1), 250), Decimal(2))
    assert (refused.value.n, refused.value.left) == (7, Decimal(1))
    assert rest_of([bought], {}) == ((7, Decimal(2), 500),)
    assert rest_of([bought], {7: Taken(Decimal(1), 250)}) == ((7, Decimal(1), 250),)


@pytest.mark.parametrize(
    ("rule", "age", "late"), [("exchange", 30, False), ("exchange", 31, True), ("recall", 9_999, False)]
)
def test_a_rule_holds_for_its_days_and_a_recall_for_ever(rule: str, age: int, *, late: bool) -> None:
    assert too_late(ReturnPolicy(days={"exchange": 30, "recall": 0}), rule, age) is late


def test_returns_take_back_of_each_discount_what_it_gave_in_any_parts() -> None:
    came_off = (Discount("p", "3 für 2", 89, source="promotion"), Discount("", "Delle", 41, source="manual"))
    for parts in ((130,), (1,) * 130, (43, 44, 43), (129, 1), (65, 65)):
        sums: dict[str, int] = {}
        before = 0
        for part in parts:
            shares = shares_back(came_off, before, -part)
            assert sum(minor for _, minor in shares) == -part
            for source, minor in shares:
                sums[source] = sums.get(source, 0) + minor
            before += part
        assert sums == {"promotion": -89, "manual": -41}


def test_a_cent_of_rounding_that_nobody_gave_is_nobodys_discount() -> None:
    assert shares_back((), 0, -1) == (("", -1),)
    assert shares_back((), 0, 0) == ()
    gone = (Discount("p", "x", 10, source="promotion"),)
    assert shares_back(gone, 10, -1) == (("promotion", -1),), "a cent too much stays with the one who gave"


def test_what_was_sold_in_exchange_goes_back_to_the_same_source() -> None:
    again = (Discount("origin", "", 30, of="promotion"),)
    assert shares_back(again, 0, -30) == (("promotion", -30),)
