"""What comes back of a line, in every partition and order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain.returns import Bought, TooMuchError, refund_minor, rest_of, worth_minor


def test_three_for_two_gives_back_thirds_of_what_was_paid() -> None:
    """3 x 0.89 with one free: 1.78 paid; 59.33 each: 59, then 60 (119 less 59), then 59 (178 less 119)."""
    bought = Bought(1, Decimal(3), 178)
    assert [refund_minor(bought, Decimal(before), Decimal(1)) for before in range(3)] == [59, 60, 59]


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
    returned, refunded = Decimal(0), 0
    for part in parts:
        refund = refund_minor(bought, returned, part)
        assert refund >= 0
        returned += part
        refunded += refund
        assert refunded == worth_minor(bought, returned) <= paid
    assert refunded == paid
    assert rest_of([bought], {1: returned}) == ()


def test_more_than_was_bought_is_refused_and_says_what_is_left() -> None:
    bought = Bought(7, Decimal(2), 500)
    with pytest.raises(TooMuchError) as refused:
        refund_minor(bought, Decimal(1), Decimal(2))
    assert (refused.value.n, refused.value.left) == (7, Decimal(1))
    assert rest_of([bought], {}) == ((7, Decimal(2), 500),)
    assert rest_of([bought], {7: Decimal(1)}) == ((7, Decimal(1), 250),)
