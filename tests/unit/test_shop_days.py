"""A slice of the shop's random days; the whole is the phase `shop` of `make simulate`."""

import msgspec
import pytest

from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import levels
from tests.simulation.shop_days import shop_days


def test_random_days_of_the_shop_keep_their_promises() -> None:
    found = shop_days(1, 30)
    assert found["days"] == 30
    assert all(
        found[name] > 0 for name in ("sales", "promises", "counts", "again", "cuts", "broken", "transfers")
    )


def test_the_same_seed_is_the_same_day() -> None:
    assert shop_days(7, 2) == shop_days(7, 2)


def test_a_ledger_that_counts_late_sales_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    book = levels.book

    def forgetful(work: Work, moves: list[levels.Moved]) -> list[levels.Moved]:
        return book(work, [msgspec.structs.replace(move, occurred_ms=1 << 60) for move in moves])

    monkeypatch.setattr("sync.hub.shop.stock.core.book", forgetful)
    with pytest.raises(AssertionError, match="S1"):
        shop_days(1, 40)
