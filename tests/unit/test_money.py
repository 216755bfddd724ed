"""Rounding and splitting of amounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain.money import allocate, gross_of_net, round_minor, vat_of_gross


@pytest.mark.parametrize(
    ("gross", "percent", "vat"),
    [
        (1064, "7", 70),  # 69.607...
        (1283, "19", 205),  # 204.848...
        (119, "19", 19),
        (1, "19", 0),
        (3, "19", 0),  # 0.478...
        (4, "19", 1),  # 0.638...
        (-119, "19", -19),
        (250, "0", 0),
    ],
)
def test_the_tax_inside_a_gross_amount(gross: int, percent: str, vat: int) -> None:
    assert vat_of_gross(gross, Decimal(percent)) == vat


def test_half_a_cent_goes_away_from_zero_so_that_a_return_gives_back_what_was_paid() -> None:
    assert round_minor(Decimal("0.5")) == 1
    assert round_minor(Decimal("1.5")) == 2
    assert round_minor(Decimal("2.5")) == 3
    assert round_minor(Decimal("-2.5")) == -3


@given(
    st.integers(-10_000_000, 10_000_000), st.sampled_from(["0", "5", "5.5", "7", "10.7", "16", "19", "25"])
)
def test_taking_back_undoes_the_tax_exactly(gross: int, percent: str) -> None:
    assert vat_of_gross(-gross, Decimal(percent)) == -vat_of_gross(gross, Decimal(percent))


def test_a_net_price_becomes_gross() -> None:
    assert gross_of_net(Decimal(100), Decimal(19)) == 119
    assert gross_of_net(Decimal("100.5"), Decimal(7)) == 108  # 107.535


@given(st.integers(-1_000_000, 1_000_000), st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_a_split_amount_sums_to_itself_and_no_part_is_more_than_a_cent_off(
    total: int, weights: list[int]
) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Decimal(total) * weight / whole) < 1
