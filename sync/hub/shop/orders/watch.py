"""Clocks of orders: reminders and the end of what was not collected, once each, by the hub's own time."""

from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from sync.hub.prepared import prepared
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import clocks, core
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import Held, Task, held_by_fulfillment

__all__ = ["ring", "ring_due"]


@prepared
def _due(now_ms: Any) -> Any:
    c = t.order_fulfillment.c
    query = sa.select(c.store, c.fulfillment_id).where(c.clock_ms > 0, c.clock_ms <= now_ms)
    return query.order_by(c.clock_ms, c.fulfillment_id).limit(1)


def ring_due(work: Work) -> int:
    """Look at the fulfillment whose clock ran out longest ago; counts it. See kit.ticks."""
    row = _due.first(work.connection, work.now_ms)
    if row is None:
        return 0
    ring(work, row.store, row.fulfillment_id)
    return 1


def ring(work: Work, store: str, fulfillment_id: str) -> str:
    """What the clock of one fulfillment asks for: "reminder", "expired", or nothing.

    Two hubs over one database do it once: the order's row is locked, and the clock is looked at again.
    """
    held, task = held_by_fulfillment(work, store, fulfillment_id)
    if not 0 < task.clock_ms <= work.now_ms:
        return ""
    if task.claimed(work.now_ms):
        held.put(replace(task, clock_ms=task.lease_ms + 1))
        held.write(work)
        return ""
    if task.state not in {"ready", "claimed"}:
        held.put(replace(task, clock_ms=0))
        held.write(work)
        return ""
    if work.now_ms >= task.deadline_ms:
        core.put_back(work, held, task, "expired", "not-collected")
        held.event(work, "order.expired", fulfillment_id=fulfillment_id)
        core.settle_order(work, held, "not-collected")
        held.write(work, terms=True)
        return "expired"
    return _remind(work, held, task)


def _remind(work: Work, held: Held, task: Task) -> str:
    reminded = task.reminded
    while reminded < len(clocks.REMINDERS) and work.now_ms >= clocks.next_clock(
        task.doing.ready_ms, task.deadline_ms, reminded
    ):
        reminded += 1
    clock = clocks.next_clock(task.doing.ready_ms, task.deadline_ms, reminded)
    held.put(replace(task, state="ready", claimed_by="", clock_ms=clock, reminded=reminded))
    if reminded > task.reminded:
        held.event(work, "order.reminder", fulfillment_id=task.fulfillment_id, deadline_ms=task.deadline_ms)
    held.write(work)
    return "reminder" if reminded > task.reminded else ""
