"""A slice of the shop's random days; the whole is the phase `shop` of `make simulate`."""

import pytest

from tests.simulation.mutations_of_shop import MUTATIONS, caught
from tests.simulation.shop_days import shop_days

AT_STAKE = (
    "sales", "returns", "promises", "counts", "transfers", "orders", "picks", "hand-overs", "hand-overs without the hub",
    "cards loaded", "cards held", "cards spent", "cards spent without the hub", "points earned", "points burnt", "carts sold",
    "partitions", "restarts", "silences", "facts heard again", "orders of facts compared", "conflict: promise broken",
    "conflict: handed over twice", "conflict: card overdrawn", "conflict: cart sold twice", "returns by the hub's word",
    "returns of others' receipts alone", "returns of own receipts alone", "conflict: more came back than was sold",
)  # fmt: skip


def test_random_days_of_the_shop_keep_their_promises_and_each_is_at_stake() -> None:
    found = shop_days(1, 150)
    assert found["days"] == 150
    assert [name for name in AT_STAKE if not found.get(name)] == []


def test_the_same_seed_is_the_same_day() -> None:
    assert shop_days(7, 2) == shop_days(7, 2)


@pytest.mark.parametrize(
    "mutation",
    [
        "availability-not-asked", "late-sale-counted-twice", "reservation-ends-twice", "promise-broken-without-a-word",
        "second-hand-over-dropped", "double-hand-over-not-said", "pickup-claimed-by-two", "card-spent-again-when-heard-again",
        "points-not-taken-back", "cart-given-to-two", "return-not-counted",
    ],
)  # fmt: skip
def test_a_fault_put_into_the_rooms_is_found_within_days(mutation: str) -> None:
    assert mutation in MUTATIONS
    days, by = caught(mutation, 1, 40)
    assert days > 0, f"{mutation} was not found"
    assert by
