"""What the tills' facts mean for orders."""

from pos.order_facts import OrderHandedOver
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.handing import handed_over

__all__ = ["hear"]


def hear(work: Work, arrived: Arrived) -> None:
    fact = arrived.fact
    if not isinstance(fact, OrderHandedOver):
        return
    try:
        handed_over(work, arrived, fact)
    except RefusedError as refused:
        if refused.status != 404:
            raise
        todo.add(
            work, arrived.store, "unknown-order", fact.order_id[:64], subject=fact.order_id[:64],
            data={"number": fact.number, "till": arrived.till, "value_minor": fact.value_minor},
        )  # fmt: skip
