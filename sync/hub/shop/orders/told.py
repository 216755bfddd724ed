"""The hand-overs of an order as the tills told them, less those whose receipt was taken back.

All are kept. Which of them are primary follows from them alone, in the order of their times: those that fit into what was
ordered. So the same facts in any order end in the same rows, and what is too much is told once, with its value.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.order_facts import OrderHandedOver
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import receipts
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import Held
from sync.wire import encode_json

__all__ = ["Told", "fitting", "keep", "mark", "receipt_of", "told_of"]

_KEEP: Final = Inserting(t.order_hand_over, keep=True, returning=("place",))


@prepared
def _marked(of_store: Any, of_order: Any, of_place: Any, primary: Any) -> Any:
    c = t.order_hand_over.c
    mine = (c.store == of_store, c.order_id == of_order, c.place == of_place)
    return t.order_hand_over.update().where(*mine).values(main=primary)


@prepared
def _hand_overs(store: Any, order_id: Any) -> Any:
    c = t.order_hand_over.c
    mine = (c.store == store, c.order_id == order_id)
    return sa.select(c.place, c.at_ms, c.body).where(*mine).order_by(c.at_ms, c.place)


class Told(Struct, frozen=True):
    """One hand-over: where its fact stands (`place` is TILL/EPOCH/SEQ), when it was, and the fact. `voided_ms`: when its receipt was
    taken back; 0: it stands.
    """

    store: str
    place: str
    at_ms: int
    fact: OrderHandedOver
    voided_ms: int = 0

    @property
    def name(self) -> str:
        return f"{self.store}/{self.place}"


def receipt_of(place: str, fact: OrderHandedOver) -> str:
    """`TILL-EPOCH-NUMBER` of the receipt that counts its goods; empty where the fact itself does."""
    till, epoch, _ = place.split("/")
    return f"{till}-{epoch}-{fact.receipt}" if fact.receipt else ""


def keep(work: Work, held: Held, store: str, place: str, fact: OrderHandedOver) -> bool:
    """As it was told; False, and nothing happens, the second time."""
    row = {
        "store": held.store, "order_id": held.order_id, "place": f"{store}/{place}",
        "at_ms": fact.at_ms, "main": 0, "body": encode_json(fact),
    }  # fmt: skip
    return _KEEP.first(work.connection, row) is not None


def told_of(work: Work, held: Held, *, all_: bool = False) -> list[Told]:
    """The hand-overs of an order that stand, or all of them, by their times."""
    found = []
    for row in _hand_overs.all(work.connection, held.store, held.order_id):
        store, _, place = row.place.partition("/")
        fact = msgspec.json.decode(bytes(row.body), type=OrderHandedOver)
        receipt = receipt_of(place, fact)
        voided = receipts.voided_ms(work, store, receipt) if receipt else 0
        if all_ or not voided:
            found.append(Told(store, place, row.at_ms, fact, voided))
    return found


def mark(work: Work, held: Held, told: Iterable[Told], primary: set[str]) -> None:
    for one in told:
        _marked.run(work.connection, held.store, held.order_id, one.name, int(one.name in primary))


def fitting(told: Iterable[Told], ordered: Mapping[int, Decimal]) -> tuple[set[str], dict[int, Decimal]]:
    """The names of the primary ones, and by line what was handed over beyond what was ordered."""
    given: dict[int, Decimal] = {}
    all_of: dict[int, Decimal] = {}
    primary: set[str] = set()
    for one in sorted(told, key=lambda each: (each.at_ms, each.name)):
        wants: dict[int, Decimal] = {}
        for line in one.fact.lines:
            wants[line.n] = wants.get(line.n, Decimal(0)) + line.qty
            all_of[line.n] = all_of.get(line.n, Decimal(0)) + line.qty
        if all(given.get(n, Decimal(0)) + qty <= ordered.get(n, Decimal(0)) for n, qty in wants.items()):
            primary.add(one.name)
            given = {**given, **{n: given.get(n, Decimal(0)) + qty for n, qty in wants.items()}}
    over = {n: qty - ordered.get(n, Decimal(0)) for n, qty in sorted(all_of.items())}
    return primary, {n: qty for n, qty in over.items() if qty > 0}
