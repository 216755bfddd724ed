"""Orders: placed, paid, read, cancelled."""

from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from sync.hub.database import upsert
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.customers.keys import seal_for
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.actor import secret_hash
from sync.hub.shop.kit.links import ORDER, link_to
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import clocks, goods
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import ENDED, Body, Doing, Held, Task, hold, quantity, shown, value_of
from sync.hub.shop.orders.messages import (
    FulfillmentLine,
    Order,
    OrderLine,
    OrderList,
    Payment,
    Placed,
    PlaceLine,
    PlaceOrder,
)
from sync.hub.shop.orders.owing import owe
from sync.hub.shop.stores import core as stores
from sync.hub.shop.stores.messages import PutStore
from sync.wire import encode_json

__all__ = [
    "CODE_LENGTH",
    "CancelAsk",
    "ListOrders",
    "PayAsk",
    "Seen",
    "begin_work",
    "cancel",
    "confirm",
    "find_by_code",
    "get",
    "list_orders",
    "order_now",
    "pay",
    "place",
    "put_back",
    "see",
    "settle_order",
    "store_of",
]

_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXY"
"""Nothing that is read as something else; a Z begins what stands on a bag."""
CODE_LENGTH: Final = 7
_MAKE: Final = Inserting(t.order_head)


@prepared
def _by_id(order_id: Any) -> Any:
    return sa.select(t.order_head.c.order_id).where(t.order_head.c.order_id == order_id)


@prepared
def _by_number(store: Any, number: Any) -> Any:
    c = t.order_head.c
    return sa.select(c.order_id).where(c.store == store, c.number == number)


@prepared
def _by_code(store: Any, code: Any) -> Any:
    c = t.order_head.c
    return sa.select(c.order_id).where(c.store == store, c.code == code)


@prepared
def _by_external(store: Any, external: Any) -> Any:
    c = t.order_head.c
    query = sa.select(c.order_id).where(c.external == external, c.store == store)
    return query.order_by(c.created_ms.desc(), c.order_id.desc()).limit(2)


_PREPAID: Final = frozenset({"click_and_collect", "ship_from_store", "endless_aisle"})


class Seen(Struct, frozen=True):
    order_id: str
    secret: str = ""


class PayAsk(Struct, frozen=True):
    order_id: str
    payment: Payment


class CancelAsk(Struct, frozen=True):
    order_id: str
    reason: str = ""
    secret: str = ""


class ListOrders(Struct, frozen=True):
    """`store` empty: all. `customer`, `state` and `external` narrow it."""

    store: str
    customer: str
    state: str
    external: str
    cursor: str
    limit: int


def place(work: Work, ask: PlaceOrder) -> Placed:
    """Reserve the goods and take the order. Its prices are the caller's word. Raises RefusedError 409 where goods lack."""
    work.actor.demand_store(ask.store)
    if ask.payments and work.actor.is_public:
        raise RefusedError(403, "payment", "Who paid is told by the payment service, not by the public")
    if ask.kind == "in_store" and not ask.purpose:
        raise RefusedError(422, "purpose", "An order made in the store needs its purpose")
    from_store = ask.from_store or ask.store
    order_id, secret = work.new_id(), work.new_secret()
    lines = tuple(_line(n, line) for n, line in enumerate(ask.lines, 1))
    note = seal_for(work, f"order/{order_id}", ask.note.encode()) if ask.note else b""
    body = Body(
        lines, (), ask.currency, ask.language, ask.purpose, ask.channel, ask.external, ask.origin,
        pay_later=ask.pay_later, sealed_note=note,
    )  # fmt: skip
    number = _next_number(work, ask.store)
    head = {
        "store": ask.store, "order_id": order_id, "number": number, "code": _new_code(work, ask.store),
        "kind": ask.kind, "state": "placed", "version": 1, "terms": 1, "secret_hash": secret_hash(secret),
        "customer": ask.customer, "created_ms": work.now_ms, "body": encode_json(body),
        "external": ask.external,
    }  # fmt: skip
    _MAKE.run(work.connection, head)
    held = hold(work, order_id)
    begin_work(work, held, from_store, [(line.n, line.qty) for line in lines], ask.ready_ms, ask)
    person = b"" if ask.person is None else seal_for(work, f"order/{order_id}", encode_json(ask.person))
    held.body = replace(held.body, payments=ask.payments, person=person)
    confirm(work, held)
    held.event(work, "order.placed", kind=ask.kind, state=held.state)
    held.write(work)
    return Placed(shown(held), secret, link_to(work, ORDER, held.store, order_id))


def order_now(work: Work, ask: PlaceOrder) -> Placed:
    """An order from outside. What the public orders has the shop's prices: it comes from a cart. Raises RefusedError."""
    if work.actor.is_public:
        raise RefusedError(403, "price", "Order from a cart: its prices are the shop's", "POST /v1/carts")
    return place(work, ask)


def _line(n: int, line: PlaceLine) -> OrderLine:
    qty = quantity(line.qty)
    return OrderLine(
        n, line.sku, line.text or line.sku, qty, line.pay_minor, line.gtin, line.unit, line.tax, line.min_age
    )


def confirm(work: Work, held: Held) -> None:
    """What is to be paid beforehand is work for a store only when the money is there."""
    if held.state != "placed":
        return
    paid = sum(payment.amount_minor for payment in held.body.payments)
    if held.kind not in _PREPAID or paid >= value_of(held) or held.body.pay_later:
        held.state = "confirmed"
    if paid >= value_of(held):
        for task in held.tasks.values():
            for line in task.doing.lines:
                goods.paid(work, line.reservation)


def begin_work(
    work: Work,
    held: Held,
    store: str,
    wanted: list[tuple[int, Decimal]],
    ready_ms: int = 0,
    ask: PlaceOrder | None = None,
) -> Task:
    """A new fulfillment in a store, its goods reserved."""
    about = store_of(work, store)
    made = {n for n, line in enumerate(ask.lines, 1) if not line.reserve} if ask is not None else set()
    lines = tuple(
        FulfillmentLine(
            n,
            qty,
            reservation="" if n in made else goods.reserve(work, store, held.line(n).sku, qty, held.order_id),
        )
        for n, qty in wanted
    )
    due = ready_ms or clocks.ready_by(about, work.now_ms)
    task = Task(store, work.new_id(), "new", due, 0, 0, 0, "", 0, 0, Doing(lines, work.now_ms))
    held.put(task)
    return task


def store_of(work: Work, store: str) -> PutStore:
    found = stores.find(work, store)
    return clocks.ANYWHERE if found is None else found.about


def _next_number(work: Work, store: str) -> int:
    c = t.order_counter.c
    row = {"store": store, "n": 1}
    return int(
        work.execute(
            upsert(work.connection, t.order_counter)
            .values(row)
            .on_conflict_do_update(index_elements=[c.store], set_={"n": c.n + 1})
            .returning(c.n)
        ).scalar_one()
    )


def _new_code(work: Work, store: str) -> str:
    """Short enough to be said; it opens nothing by itself, only who is signed in at the store's till asks by it."""
    while True:
        number = int.from_bytes(work.ids.token(8), "big")
        code = "".join(_LETTERS[number // len(_LETTERS) ** at % len(_LETTERS)] for at in range(CODE_LENGTH))
        if _by_code.first(work.connection, store, code) is None:
            return code


# -- read


def get(work: Work, order_id: str) -> Order:
    """Whoever asks must be allowed to; see `see` for the public. Raises RefusedError 404."""
    return shown(hold(work, order_id, lock=False))


def see(work: Work, ask: Seen) -> Order:
    held = hold(work, ask.order_id, lock=False)
    work.demand_secret(ask.secret, held.secret_hash)
    _demand_one(work, held)
    return shown(held)


def _demand_one(work: Work, held: Held) -> None:
    """Who belongs to a store sees the orders that it made or works on."""
    stores_of = {held.store, *(task.store for task in held.tasks.values())}
    if work.actor.store and work.actor.store not in stores_of:
        raise not_found("order", held.order_id)


def find_by_code(work: Work, store: str, said: str) -> str:
    """The id of the order that this code, number or id names in a store, or the channel's own number for it.

    Raises RefusedError 404; 409 "several" where it names more than one.
    """
    said = said.strip()
    if said.isascii() and said.isdigit() and len(said) <= 12:
        found = _by_number.scalar(work.connection, store, int(said))
    elif len(said) == CODE_LENGTH:
        found = _by_code.scalar(work.connection, store, said.upper())
    else:
        found = _by_id.scalar(work.connection, said)
    named = {one.order_id for one in _by_external.all(work.connection, store, said)} if said else set()
    named |= {found} - {None}
    if not named:
        raise not_found("order", said)
    if len(named) > 1:
        raise RefusedError(409, "several", "More than one order has this number", said)
    return str(named.pop())


def list_orders(work: Work, ask: ListOrders) -> OrderList:
    if work.actor.is_public:
        raise RefusedError(403, "forbidden", "Orders are seen one by one, with their secret")
    if ask.store or work.actor.store:
        work.actor.demand_store(ask.store)
    c = t.order_head.c
    query = sa.select(c.order_id, c.created_ms).order_by(c.created_ms.desc(), c.order_id.desc())
    for column, value in (
        (c.store, ask.store),
        (c.customer, ask.customer),
        (c.state, ask.state),
        (c.external, ask.external),
    ):
        if value:
            query = query.where(column == value)
    place_ = after(ask.cursor, int, str)
    if place_ is not None:
        query = query.where(sa.tuple_(c.created_ms, c.order_id) < place_)
    rows: list[Any] = list(work.execute(query.limit(ask.limit + 1)))
    page = rows[: ask.limit]
    following = cursor_of(page[-1].created_ms, page[-1].order_id) if len(rows) > ask.limit else ""
    return OrderList(tuple(get(work, row.order_id) for row in page), following)


# -- paid, cancelled


def pay(work: Work, ask: PayAsk) -> Order:
    """Money was taken for it elsewhere; the same reference counts once."""
    if work.actor.is_public:
        raise RefusedError(403, "payment", "Who paid is told by the payment service, not by the public")
    held = hold(work, ask.order_id)
    known = {(one.provider, one.reference): one for one in held.body.payments}
    one = known.get((ask.payment.provider, ask.payment.reference))
    if one is not None:
        if one != ask.payment:
            raise RefusedError(409, "payment", "This payment is known with another amount")
        return shown(held)
    held.body = replace(held.body, payments=(*held.body.payments, ask.payment))
    if held.state not in {"placed", "confirmed"}:
        owe(work, held, "paid-after-end")
    confirm(work, held)
    held.event(work, "order.paid", amount_minor=ask.payment.amount_minor, state=held.state)
    held.write(work, terms=True)
    return shown(held)


def cancel(work: Work, ask: CancelAsk) -> Order:
    """Nothing is handed over any more: what was picked goes back, what was paid is to be given back."""
    held = hold(work, ask.order_id)
    work.demand_secret(ask.secret, held.secret_hash)
    _demand_one(work, held)
    if held.state not in {"placed", "confirmed"}:
        raise RefusedError(409, "order-ended", "This order is not open any more", held.state)
    if any(task.claimed(work.now_ms) for task in held.tasks.values()):
        raise RefusedError(409, "claimed", "A till hands it over just now")
    if any(task.state == "handed_over" for task in held.tasks.values()) or any(
        line.delivered for line in held.body.lines
    ):
        raise RefusedError(
            409, "handed-over", "Part of it was handed over; what is wrong with it is a return"
        )
    for task in list(held.tasks.values()):
        if task.state not in ENDED:
            put_back(work, held, task, "cancelled", ask.reason)
    held.state = "cancelled"
    owe(work, held, ask.reason or "cancelled")
    held.event(work, "order.cancelled", reason=ask.reason)
    held.write(work, terms=True)
    return shown(held)


def put_back(work: Work, held: Held, task: Task, state: str, reason: str) -> None:
    """A fulfillment ends without a hand-over: reservations are free, and what was picked goes back to its shelf."""
    picked = [(held.line(line.n).sku, str(line.picked)) for line in task.doing.lines if line.picked]
    for line in task.doing.lines:
        goods.release(work, line.reservation)
        if line.picked:
            known = held.line(line.n)
            held.put_line(replace(known, fulfilled=known.fulfilled - line.picked))
    if picked:
        todo.add(
            work, task.store, "put-back", task.fulfillment_id, subject=held.order_id,
            data={"number": held.number, "shelf": task.doing.shelf, "goods": picked},
        )  # fmt: skip
    doing = replace(task.doing, ended_ms=work.now_ms, reason=reason)
    held.put(replace(task, state=state, clock_ms=0, deadline_ms=0, claimed_by="", lease_ms=0, doing=doing))


def settle_order(work: Work, held: Held, reason: str) -> None:
    """After a fulfillment ended: the order closes when nothing more is to come of it."""
    if held.state != "confirmed" or any(task.state not in ENDED for task in held.tasks.values()):
        return
    for line in held.body.lines:
        left = line.qty - line.delivered - line.written_off
        if left > 0:
            held.write_off(line.n, left)
    held.state = "closed" if any(line.delivered for line in held.body.lines) else "cancelled"
    owe(work, held, reason)
    held.event(work, f"order.{held.state}", reason=reason)
