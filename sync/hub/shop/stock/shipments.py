"""Goods on their way: transfers between stores and suppliers' deliveries, received with differences.

A transfer is requested, shipped, received; what was shipped stands as `transit` in the receiving store until then. A
delivery may be announced; without that it is received blind. What differs becomes a task for the receiving store.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta, Struct

from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import Move, move_all
from sync.hub.shop.stock.messages import Name, Positive, Sku, TimeMs
from sync.hub.shop.stores.messages import StoreName
from sync.wire import encode_json

__all__ = [
    "AskShipments",
    "Handle",
    "HandleAsk",
    "PostDelivery",
    "PostTransfer",
    "Shipment",
    "ShipmentLine",
    "Shipments",
    "announce",
    "cancel",
    "find",
    "listing",
    "receive",
    "request_transfer",
    "ship",
]

DIFFERENCE: Final = "shipment-difference"
TRANSIT: Final = "transit"
_ZERO: Final = Decimal(0)


class Goods(Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    qty: Positive


_Lines = Annotated[tuple[Goods, ...], Meta(max_length=1000)]
_Some = Annotated[tuple[Goods, ...], Meta(min_length=1, max_length=1000)]


class PostTransfer(Struct, frozen=True, forbid_unknown_fields=True):
    """From `source` to `store`. `shipped`: the goods are on their way now, as the source's people say."""

    store: StoreName
    source: StoreName
    lines: _Some
    number: Name = ""
    shipped: bool = False
    operator: Name = ""
    occurred_ms: TimeMs | None = None


class PostDelivery(Struct, frozen=True, forbid_unknown_fields=True):
    """A supplier's delivery to `store`. `received`: it is here now; what was announced under its number is met with it."""

    store: StoreName
    lines: _Lines
    supplier: Name = ""
    number: Name = ""
    received: bool = False
    operator: Name = ""
    occurred_ms: TimeMs | None = None


class Handle(Struct, frozen=True, forbid_unknown_fields=True):
    """What was shipped or received; without `lines` as it was asked for. `more`: further parts are to come."""

    lines: _Lines = ()
    more: bool = False
    operator: Name = ""
    occurred_ms: TimeMs | None = None


class HandleAsk(Struct, frozen=True):
    kind: str
    shipment_id: str
    about: Handle


class AskShipments(Struct, frozen=True):
    kind: str
    store: str
    source: str
    state: str
    number: str
    cursor: str
    limit: int


class ShipmentLine(Struct, frozen=True):
    sku: str
    requested: str = "0"
    shipped: str = "0"
    received: str = "0"


class Shipment(Struct, frozen=True):
    """`kind` "transfer" or "delivery"; `source` a store or a supplier. `state` "requested", "shipped" (a delivery:
    announced), "received" or "cancelled". `differs`: less or more came than was sent.
    """

    shipment_id: str
    kind: Literal["transfer", "delivery"]
    store: str
    source: str
    number: str
    state: str
    version: int
    created_ms: int
    lines: tuple[ShipmentLine, ...]
    differs: bool = False


class Shipments(Struct, frozen=True):
    shipments: tuple[Shipment, ...]
    next: str


class _Body(Struct):
    lines: tuple[ShipmentLine, ...]
    differs: bool = False


def request_transfer(work: Work, ask: PostTransfer) -> Shipment:
    """Either store's people may ask for it; only the source's say that it is shipped."""
    if ask.store == ask.source:
        raise RefusedError(422, "same-store", "A transfer goes to another store", ask.store)
    work.actor.demand_store(ask.source if ask.shipped or work.actor.store == ask.source else ask.store)
    lines = tuple(ShipmentLine(sku, requested=_text(qty)) for sku, qty in _sum(ask.lines).items())
    made = _insert(work, "transfer", ask.store, ask.source, ask.number, "requested", lines)
    if not ask.shipped:
        return made
    return ship(
        work, HandleAsk("transfer", made.shipment_id, Handle((), False, ask.operator, ask.occurred_ms))
    )


def announce(work: Work, ask: PostDelivery) -> Shipment:
    """A delivery to come, or one that is here."""
    work.actor.demand_store(ask.store)
    if not ask.lines:
        raise RefusedError(422, "empty", "A delivery has lines")
    met = _announced(work, ask) if ask.received and ask.number else None
    if met is None:
        lines = tuple(ShipmentLine(sku, shipped=_text(qty)) for sku, qty in _sum(ask.lines).items())
        met = _insert(work, "delivery", ask.store, ask.supplier, ask.number, "shipped", lines)
        if not ask.received:
            return met
    handle = Handle(ask.lines, False, ask.operator, ask.occurred_ms)
    return receive(work, HandleAsk("delivery", met.shipment_id, handle))


def _announced(work: Work, ask: PostDelivery) -> Shipment | None:
    c = t.shipment.c
    row = work.execute(
        sa.select(t.shipment)
        .where(c.store == ask.store, c.kind == "delivery", c.number == ask.number, c.state == "shipped")
        .order_by(c.created_ms, c.shipment_id)
        .limit(1)
    ).first()
    return None if row is None else _shipment(row)


def ship(work: Work, ask: HandleAsk) -> Shipment:
    """The source's goods leave it."""
    found = find(work, ask.kind, ask.shipment_id, hold=True)
    work.actor.demand_store(found.source)
    if found.state != "requested":
        raise RefusedError(409, "state", "This transfer is shipped already, or cancelled", found.state)
    sent = _sum(ask.about.lines) or {line.sku: Decimal(line.requested) for line in found.lines}
    at_ms, by = _when(work, ask.about)
    for store, sign, type_, location in (
        (found.source, -1, "transfer_out", "store"),
        (found.store, 1, "transfer_in", TRANSIT),
    ):
        cause = f"shipment/{found.shipment_id}/shipped"
        moves = [
            Move(store, sku, sign * qty, type_, cause, at_ms, location, "", by) for sku, qty in sent.items()
        ]
        move_all(work, moves, subject=found.shipment_id)
    asked = {line.sku: line.requested for line in found.lines}
    lines = tuple(
        ShipmentLine(sku, asked.get(sku, "0"), _text(sent.get(sku, _ZERO))) for sku in sorted({*asked, *sent})
    )
    return _put(work, msgspec.structs.replace(found, lines=lines), "shipped")


def receive(work: Work, ask: HandleAsk) -> Shipment:
    """Goods came: all of it, or a part with more to come. What differs in the end becomes a task."""
    found = find(work, ask.kind, ask.shipment_id, hold=True)
    work.actor.demand_store(found.store)
    if found.state != "shipped":
        raise RefusedError(409, "state", "There is nothing to receive any more, or not yet", found.state)
    rest = {line.sku: max(_ZERO, Decimal(line.shipped) - Decimal(line.received)) for line in found.lines}
    came = _sum(ask.about.lines) or ({} if ask.about.more else rest)
    at_ms, by = _when(work, ask.about)
    cause = f"shipment/{found.shipment_id}/{found.version}"
    kind = "transfer_in" if found.kind == "transfer" else "receipt"
    moves = [
        Move(found.store, sku, qty, kind, cause, at_ms, "store", found.number, by)
        for sku, qty in came.items()
    ]
    known = {line.sku: line for line in found.lines}
    lines = []
    for sku in sorted({*known, *came}):
        line = known.get(sku, ShipmentLine(sku))
        lines.append(
            msgspec.structs.replace(line, received=_text(Decimal(line.received) + came.get(sku, _ZERO)))
        )
    if found.kind == "transfer":
        gone = dict(came) if ask.about.more else rest  # what did not come is on its way no more
        moves += [
            Move(found.store, sku, -qty, "transfer_arrived", cause, at_ms, TRANSIT, found.number, by)
            for sku, qty in gone.items()
        ]
    move_all(work, moves, subject=found.shipment_id)
    done = msgspec.structs.replace(found, lines=tuple(lines))
    if ask.about.more:
        return _put(work, done, "shipped")
    wrong = [line for line in lines if Decimal(line.shipped) != Decimal(line.received)]
    if wrong:
        data = {"kind": found.kind, "source": found.source, "number": found.number, "lines": wrong}
        tasks.add(
            work, found.store, DIFFERENCE, found.shipment_id, subject=found.number or found.source, data=data
        )
    return _put(work, msgspec.structs.replace(done, differs=bool(wrong)), "received")


def cancel(work: Work, ask: HandleAsk) -> Shipment:
    """Only what has not left yet; a delivery as long as it is announced."""
    found = find(work, ask.kind, ask.shipment_id, hold=True)
    work.actor.demand_store(found.source if work.actor.store == found.source else found.store)
    gone = found.state == "requested" or (found.kind == "delivery" and found.state == "shipped")
    if not gone:
        raise RefusedError(409, "state", "This cannot be cancelled any more", found.state)
    return _put(work, found, "cancelled")


def find(work: Work, kind: str, shipment_id: str, *, hold: bool = False) -> Shipment:
    """Raises RefusedError 404. `hold`: nobody else changes it in this transaction."""
    c = t.shipment.c
    store = shipment_id.rpartition(".")[0]
    query = sa.select(t.shipment).where(c.store == store, c.shipment_id == shipment_id, c.kind == kind)
    row = work.execute(query.with_for_update() if hold else query).first()
    if row is None:
        raise not_found(kind, shipment_id)
    found = _shipment(row)
    if work.actor.store not in {"", found.store, found.source}:
        raise not_found(kind, shipment_id)
    return found


def listing(work: Work, ask: AskShipments) -> Shipments:
    """Newest last. By the receiving store, or by the source."""
    c = t.shipment.c
    work.actor.demand_store(ask.store or ask.source)
    query = sa.select(t.shipment).where(c.kind == ask.kind)
    for column, value in (
        (c.store, ask.store),
        (c.source, ask.source),
        (c.state, ask.state),
        (c.number, ask.number),
    ):
        if value:
            query = query.where(column == value)
    place = after(ask.cursor, int, str)
    if place is not None:
        query = query.where(sa.tuple_(c.created_ms, c.shipment_id) > place)
    rows = work.execute(query.order_by(c.created_ms, c.shipment_id).limit(ask.limit + 1)).all()
    found = tuple(_shipment(row) for row in rows[: ask.limit])
    last = found[-1] if len(rows) > ask.limit else None
    return Shipments(found, cursor_of(last.created_ms, last.shipment_id) if last else "")


def _sum(lines: Sequence[Goods]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        found[line.sku] = found.get(line.sku, _ZERO) + Decimal(line.qty)
    return dict(sorted(found.items()))


def _text(quantity: Decimal) -> str:
    return format(quantity, "f")


def _when(work: Work, about: Handle) -> tuple[int, str]:
    at_ms = work.now_ms if about.occurred_ms is None else min(about.occurred_ms, work.now_ms)
    return at_ms, f"{work.actor.name} {about.operator}".strip()


def _insert(
    work: Work, kind: str, store: str, source: str, number: str, state: str, lines: tuple[ShipmentLine, ...]
) -> Shipment:
    row = {
        "store": store, "shipment_id": f"{store}.{work.new_id()}", "kind": kind, "source": source, "number": number,
        "state": state, "version": 1, "created_ms": work.now_ms, "changed_ms": work.now_ms,
        "body": encode_json(_Body(lines)),
    }  # fmt: skip
    work.execute(t.shipment.insert(), row)
    made = _of(row)
    _say(work, made)
    return made


def _put(work: Work, changed: Shipment, state: str) -> Shipment:
    c = t.shipment.c
    done = msgspec.structs.replace(changed, state=state, version=changed.version + 1)
    work.execute(
        t.shipment.update()
        .where(c.store == done.store, c.shipment_id == done.shipment_id)
        .values(
            state=state, version=done.version, changed_ms=work.now_ms,
            body=encode_json(_Body(done.lines, done.differs)),
        )
    )  # fmt: skip
    _say(work, done)
    return done


def _say(work: Work, one: Shipment) -> None:
    data = {"store": one.store, "source": one.source, "state": one.state, "differs": one.differs}
    for store in sorted({one.store, one.source} if one.kind == "transfer" else {one.store}):
        work.event(store, f"{one.kind}.{one.state}", one.shipment_id, data)


def _shipment(row: sa.Row[Any]) -> Shipment:
    return _of(dict(row._mapping))  # noqa: SLF001 - its public name


def _of(row: dict[str, Any]) -> Shipment:
    body = msgspec.json.decode(bytes(row["body"]), type=_Body)
    return Shipment(
        row["shipment_id"], row["kind"], row["store"], row["source"], row["number"], row["state"], row["version"],
        row["created_ms"], body.lines, body.differs,
    )  # fmt: skip
