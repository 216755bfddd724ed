"""What customers do with their orders themselves: look, keep longer, cancel. By the address of the order's page."""

from typing import Final

from msgspec import Struct

from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import clocks, core, moves, tokens
from sync.hub.shop.orders.body import ENDED, Held, Task, hold, shown
from sync.hub.shop.orders.messages import Extend, Order, PickupCode
from sync.hub.shop.stores.messages import PutStore
from sync.keys import SigningKey

__all__ = ["Part", "SeenOrder", "cancel", "extend", "may_cancel", "may_extend", "seen"]

_SHIPPED: Final = frozenset({"ship_from_store", "endless_aisle"})


class Part(Struct, frozen=True):
    """What one store does for the order. `state` is the task's, with a claim that is over as "ready".

    `days`: so many days longer it may be kept by the customer's own wish; 0: not any more.
    """

    fulfillment_id: str
    store: str
    about: PutStore
    state: str
    due_ms: int
    deadline_ms: int
    days: int
    url: str
    carrier: str
    tracking: str


class SeenOrder(Struct, frozen=True):
    """An order as its customer sees it. `code` is there when something can be collected."""

    order: Order
    parts: tuple[Part, ...]
    shipped: bool
    may_cancel: bool
    code: PickupCode | None


class Named(Struct, frozen=True):
    """`version`: of the order as the form showed it; 0: whichever."""

    order_id: str
    version: int = 0


def seen(work: Work, store: str, order_id: str, key: SigningKey) -> SeenOrder:
    """Raises RefusedError 404. `key`: the hub's, which signs the code."""
    held = _held(work, store, order_id, lock=False)
    parts = tuple(_part(work, held, task) for task in held.tasks.values())
    waits = any(part.state in {"ready", "claimed"} for part in parts) and held.kind != "ship_from_store"
    code = tokens.pickup_code(work, tokens.PickupAsk(order_id, "", key)) if waits else None
    return SeenOrder(shown(held), parts, held.kind in _SHIPPED, may_cancel(work, held), code)


def extend(work: Work, store: str, fulfillment_id: str, ask: Named) -> None:
    """Keep it as long again as the store keeps things; once. Nothing happens where the form was sent twice."""
    held = _held(work, store, ask.order_id, lock=True)
    if held.version != ask.version:
        return
    task = held.task(fulfillment_id)
    days = may_extend(work, held, task)
    if not days:
        raise RefusedError(409, "extend", "It is not kept any longer", task.state)
    moves.extend(work, moves.Step(task.store, fulfillment_id, Extend(days)))


def cancel(work: Work, store: str, ask: Named) -> None:
    """Raises RefusedError where it is too late."""
    held = _held(work, store, ask.order_id, lock=True)
    if held.state == "cancelled":
        return
    if not may_cancel(work, held):
        raise RefusedError(409, "cancel", "It cannot be cancelled any more", held.state)
    core.cancel(work, core.CancelAsk(ask.order_id, "customer"))


def may_extend(work: Work, held: Held, task: Task) -> int:
    """Days; 0: no. It may wait for twice the store's time in all."""
    if task.state != "ready" or not task.deadline_ms or held.kind == "ship_from_store":
        return 0
    store = core.store_of(work, task.store)
    longest = clocks.keep_until(store, task.doing.ready_ms, 2 * store.keep_days)
    new = clocks.keep_until(store, max(work.now_ms, task.deadline_ms - 1), store.keep_days)
    return store.keep_days if new <= longest + 60_000 else 0


def may_cancel(work: Work, held: Held) -> bool:
    """Until something of it is handed over, packed for the carrier, or made for the customer."""
    if held.state not in {"placed", "confirmed"} or held.body.purpose == "alteration":
        return False
    if any(line.delivered for line in held.body.lines):
        return False
    for task in held.tasks.values():
        if task.state == "handed_over" or task.claimed(work.now_ms):
            return False
        if held.kind in _SHIPPED and task.state == "ready":
            return False
    return any(task.state not in ENDED for task in held.tasks.values())


def _held(work: Work, store: str, order_id: str, *, lock: bool) -> Held:
    held = hold(work, order_id, lock=lock)
    if held.store != store:
        raise RefusedError(404, "not-found", "There is no such order")
    return held


def _part(work: Work, held: Held, task: Task) -> Part:
    label = task.doing.label
    state = "ready" if task.state == "claimed" and not task.claimed(work.now_ms) else task.state
    return Part(
        task.fulfillment_id, task.store, core.store_of(work, task.store), state, task.due_ms, task.deadline_ms,
        may_extend(work, held, task), label.url if label else "", label.carrier if label else "",
        label.tracking if label else "",
    )  # fmt: skip
