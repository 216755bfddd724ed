"""Orders for tests: placed, made ready, and handed over by facts of tills."""

from decimal import Decimal
from typing import Any

from pos.facts import Fact
from pos.order_facts import HandedLine, OrderHandedOver
from sync.hub.database import transact
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core, moves
from sync.hub.shop.orders.facts import hear
from sync.hub.shop.orders.messages import ClaimCode, Order, Pick, Picked, PlaceLine, PlaceOrder, Ready
from sync.hub.shop.stock import core as stock
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do

LINES = (
    PlaceLine("S1", Decimal(2), 278, "Bio-Vollmilch 3,8 % 1 l", "4000000000013", tax="B"),
    PlaceLine("S6", Decimal(1), 1299, "T-Shirt Basic M dunkelblau", "4000000000068", tax="A"),
)


def stocked(rig: Rig, store: str = "demo", qty: int = 1_000) -> None:
    """So many of each article are there; said again, nothing more comes."""
    for sku in ("S1", "S6", "S9"):
        do(rig, stock.move, stock.Move(store, sku, Decimal(qty), "receipt", f"delivery/{store}", 0))


def on_hand(rig: Rig, sku: str, store: str = "demo") -> Any:
    """On hand, and reserved."""

    def look(work: Work, _: None) -> tuple[Decimal, Decimal]:
        level = stock.available(work, store, [sku])[sku]
        return level.on_hand, level.reserved

    return do(rig, look, None)


def placed(rig: Rig, **changes: Any) -> Any:
    stocked(rig, changes.get("store", "demo"))
    ask = PlaceOrder(**{"kind": "reserve_and_collect", "store": "demo", "lines": LINES, **changes})
    return do(rig, core.place, ask).order


def step(
    rig: Rig, move: moves.Move, order: Order, about: Any = None, *, at: int = 0, actor: Actor | None = None
) -> Any:
    task = order.fulfillments[at]
    actor = actor or Actor("till", f"{task.store}/1", "till", task.store)
    return do(rig, move, moves.Step(task.store, task.fulfillment_id, about), actor)


def picked(rig: Rig, order: Order, *, at: int = 0) -> Any:
    lines = tuple(
        Picked(line.n, line.qty - line.short - line.picked) for line in order.fulfillments[at].lines
    )
    return step(rig, moves.pick, order, Pick(tuple(line for line in lines if line.qty)), at=at)


def made_ready(rig: Rig, order: Order, shelf: str = "A1", *, at: int = 0) -> Any:
    return step(rig, moves.ready, picked(rig, order, at=at), Ready(shelf), at=at)


def claimed(rig: Rig, order: Order, till: str = "1") -> Any:
    actor = Actor("till", f"demo/{till}", "till", "demo")
    return do(rig, moves.claim, moves.ClaimAsk("demo", ClaimCode(order.code)), actor)


def hand_over(order: Order, *parts: tuple[int, int], at: int = 0, **changes: Any) -> OrderHandedOver:
    """The fact of a hand-over: (line, quantity), or all of it."""
    wanted = parts or tuple((line.n, int(line.qty - line.short)) for line in order.fulfillments[at].lines)
    lines = tuple(
        HandedLine(
            n, order.lines[n - 1].sku, Decimal(qty),
            int(order.lines[n - 1].pay_minor * qty / order.lines[n - 1].qty),
        )
        for n, qty in wanted
    )  # fmt: skip
    said = {
        "order_id": order.order_id, "fulfillment_id": order.fulfillments[at].fulfillment_id, "number": order.number,
        "business_day": "2026-11-22", "operator": "1", "at_ms": 1_000, "offset_min": 60, "lines": lines,
        "value_minor": sum(line.value_minor for line in lines),
    }  # fmt: skip
    return OrderHandedOver(**{**said, **changes})


def heard(rig: Rig, fact: Fact, till: str = "1", seq: int = 1, store: str = "demo") -> None:
    """As if the fact had come from this till."""

    def run(connection: Any) -> None:
        work = Work(
            connection, rig.clock.wall_ms(), rig.hub.ids, Actor("till", f"{store}/{till}", "till", store)
        )
        hear(work, Arrived(store, till, 1, seq, 1_000, fact))
        work.finish()

    transact(rig.engine, run)


def seen(rig: Rig, order: Order) -> Any:
    return do(rig, core.get, order.order_id, OFFICE)
