"""Cash rounding, and that it never makes or loses money between a sale and its returns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain.rounding import OFF, PROFILES, cash_due, cash_refund, rounded


@pytest.mark.parametrize(
    ("amount", "paid"),
    [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 5),
        (4, 5),
        (5, 5),
        (6, 5),
        (7, 5),
        (8, 10),
        (9, 10),
        (1_002, 1_000),
        (1_003, 1_005),
    ],
)
@pytest.mark.parametrize("country", ["CH", "NL", "FI", "BE"])
def test_one_and_two_go_down_three_and_four_go_up(country: str, amount: int, paid: int) -> None:
    assert rounded(amount, PROFILES[country]) == paid
    assert rounded(-amount, PROFILES[country]) == -paid
    assert rounded(amount, OFF) == amount


@given(st.integers(-10_000, 10_000), st.sampled_from(sorted(PROFILES)))
def test_the_difference_is_less_than_half_a_coin_and_adds_up(amount: int, country: str) -> None:
    profile = PROFILES[country]
    paid, difference = cash_due(amount, profile)
    assert amount + difference == paid
    assert paid % profile.step_minor == 0
    assert 2 * abs(difference) <= profile.step_minor - (country == "off")


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=12), st.sampled_from(sorted(PROFILES)))
def test_returns_in_any_partition_give_back_what_one_return_would(parts: list[int], country: str) -> None:
    profile = PROFILES[country]
    worth = given_back = 0
    for part in parts:
        given_now, difference = cash_refund(worth, part, given_back, profile)
        assert part + difference == given_now
        assert given_now >= 0
        worth += part
        given_back += given_now
    assert given_back == cash_due(sum(parts), profile)[0]
