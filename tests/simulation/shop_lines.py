"""The network in the days of a shop: tills are cut off and come back; batches come late, in parts, again, in another order (S1, S9)."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from tests.simulation.shop_days import Day, Till

__all__ = ["Lines", "picture", "same"]

FOLLOWS: Final = {
    "stock_movement": "store, sku, type, cause, qty, occurred_ms, location, actor",
    "stock_counted": "store, sku, count_id, qty, counted_ms, location",
    "stock_level": "store, sku, location, on_hand, counted_ms, count_id",
    "gift_card": "*", "gift_card_move": "*", "gift_card_hold": "*",
    "customer_points": "*", "customer_purchase": "*",
    "orders": "store, order_id, number, code, kind, state, body", "orders_fulfillment": "*", "orders_hand_over": "*",
    "basket": "store, basket_id, state, ended_by, body", "basket_sale": "*",
    "shop_return_sale": "*", "shop_return": "*", "shop_return_taken": "*", "shop_return_paid": "*",
}  # fmt: skip
"""What follows from the facts alone, whichever came first. A promise that a sale broke does not: it was broken when it was heard."""
_BY_TURNS: Final = ("reservation-broken", "gift-card-overdrawn", "gift-card-without-hold", "put-back")
_BY_CHANCE: Final = re.compile(r',"reservation":"[^"]*"')
"""A promise that was made again has another name."""


class Lines:
    """Tills are cut off and come back; batches come late, in parts, and again."""

    def __init__(self, day: Day) -> None:
        self.day = day
        for till in day.tills:
            till.cut = day.rng.random() < 0.25

    def acts(self) -> list[Callable[[], None]]:
        return [self._time, self._cut, self._cut, self._some, self._again]

    def _time(self) -> None:
        self.day.now_ms += self.day.rng.choice((1, 500, 60_000, 600_000, 1_200_000))

    def _cut(self) -> None:
        till = self.day.rng.choice(self.day.tills)
        till.cut = not till.cut
        self.day.report.counts["partitions"] += till.cut
        if not till.cut:
            self.day.deliver(till)

    def _some(self) -> None:
        till = self.day.rng.choice(self.day.tills)
        self.day.deliver(till, self.day.rng.randint(0, len(till.waiting)))

    def _again(self) -> None:
        """A batch that was heard comes once more, in another order."""
        heard = [fact for till in self.day.tills for fact in till.said[: len(till.said) - len(till.waiting)]]
        batch = self.day.rng.sample(heard, min(len(heard), 3))
        if batch:
            before = picture(self.day)
            self.day.hear(batch)
            wrong = same(before, picture(self.day))
            assert not wrong, f"S1: what comes again changes {wrong}"
            self.day.report.counts["facts heard again"] += len(batch)

    def settle(self) -> None:
        """What waits is heard in two orders: both must end in the same rows."""
        tills = [till for till in self.day.tills if till.waiting]
        self.day.rng.shuffle(tills)
        if len(tills) > 1:
            self.day.driver.execute("savepoint orders")
            waiting = [list(till.waiting) for till in tills]
            self._hear_all(tills)
            first = picture(self.day)
            self.day.driver.execute("rollback to orders")
            self.day.driver.execute("release orders")
            for till, facts in zip(tills, waiting, strict=True):
                till.waiting = facts
            tills.reverse()
            self._hear_all(tills)
            wrong = same(first, picture(self.day))
            assert not wrong, f"S1: the same facts in another order are something else: {wrong}"
            self.day.report.counts["orders of facts compared"] += 1
        self._hear_all(tills)
        for till in self.day.tills:
            till.cut = False

    def _hear_all(self, tills: Sequence[Till]) -> None:
        while any(till.waiting for till in tills):
            for till in tills:
                self.day.deliver(till, 1 + len(till.waiting) // 2)

    def check(self) -> None:
        said = {(one.store, one.place) for till in self.day.tills for one in till.said}
        assert said == set(self.day.heard), "S4: a fact was lost"


Picture = dict[str, list[str]]


def picture(day: Day) -> Picture:
    """What follows from the facts, by table."""
    found = {
        table: sorted(
            _BY_CHANCE.sub("", repr(row)) for row in day.driver.execute(f"select {columns} from {table}")
        )
        for table, columns in FOLLOWS.items()
    }
    marks = ", ".join("?" * len(_BY_TURNS))
    query = f"select store, kind, key, state from task where kind not in ({marks}) and state <> 'withdrawn' order by store, kind, key"
    found["task"] = list(map(repr, day.driver.execute(query, _BY_TURNS)))
    return found


def same(one: Picture, other: Picture) -> str:
    """Where two differ; empty: nowhere."""
    return "; ".join(
        f"{table}: {sorted(set(rows) ^ set(other[table]))}"
        for table, rows in one.items()
        if rows != other[table]
    )
