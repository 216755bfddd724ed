"""Stock as the other rooms use it: reserve, release, commit, move, available. Each inside the caller's transaction.

A reservation ends once: committed, released, expired, or broken by goods that went another way. Whoever ends it again
hears how it ended. On hand is what people sold, took and counted, so it may fall below what is promised: then the newest
promise that is not paid for is broken, with a task for the store's people, and never the sale.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.levels import (
    SHOP_FLOOR,
    Counted,
    Level,
    Moved,
    available,
    book,
    ensure,
    lock,
    safety_of,
    set_count,
)
from sync.hub.shop.stock.units import amount, amount_of, micro

__all__ = [
    "ACTIVE",
    "Level",
    "Move",
    "Reservation",
    "Reserve",
    "available",
    "commit",
    "expire_due",
    "find_reservation",
    "mark_paid",
    "move",
    "move_all",
    "postpone",
    "put_count",
    "release",
    "relieve",
    "reservation_of",
    "reserve",
    "set_safety",
]

ACTIVE: Final = "active"
BROKEN: Final = "reservation-broken"
_DUE_AT_ONCE: Final = 200
_MAKE: Final = Inserting(t.reservation)


@prepared
def _taken(of_store: Any, of_sku: Any, of_safety: Any, qty: Any) -> Any:
    c = t.level.c
    kept = sa.case((c.safety < 0, sa.cast(of_safety, sa.BigInteger)), else_=c.safety)
    here = (c.store == of_store, c.sku == of_sku, c.location == SHOP_FLOOR)
    return (
        t.level.update().where(*here, c.on_hand - c.reserved - kept >= qty).values(reserved=c.reserved + qty)
    )


@prepared
def _late(now_ms: Any) -> Any:
    return _late_rows(t.reservation.c.expires_ms <= now_ms)


@prepared
def _late_of_store(now_ms: Any, store: Any) -> Any:
    c = t.reservation.c
    return _late_rows(c.expires_ms <= now_ms, c.store == store)


@prepared
def _late_here(now_ms: Any, store: Any, sku: Any) -> Any:
    c = t.reservation.c
    return _late_rows(c.expires_ms <= now_ms, c.store == store, c.sku == sku)


def _late_rows(*which: Any) -> Any:
    c = t.reservation.c
    order = (c.store, c.sku, c.expires_ms, c.reservation_id)
    query = sa.select(c.reservation_id).where(c.state == ACTIVE, *which)
    return query.order_by(*order).limit(_DUE_AT_ONCE)


@prepared
def _found(store: Any, reservation_id: Any) -> Any:
    c = t.reservation.c
    return sa.select(t.reservation).where(c.store == store, c.reservation_id == reservation_id)


@prepared
def _postponed(of_store: Any, of_id: Any, later_ms: Any) -> Any:
    c = t.reservation.c
    mine = (c.store == of_store, c.reservation_id == of_id, c.state == ACTIVE, c.expires_ms < later_ms)
    return t.reservation.update().where(*mine).values(expires_ms=later_ms)


@prepared
def _marked(of_store: Any, of_id: Any) -> Any:
    c = t.reservation.c
    mine = (c.store == of_store, c.reservation_id == of_id, c.state == ACTIVE)
    return t.reservation.update().where(*mine).values(paid=True)


@prepared
def _ended(of_store: Any, of_id: Any, end: Any, now_ms: Any, why: Any) -> Any:
    c = t.reservation.c
    mine = (c.store == of_store, c.reservation_id == of_id, c.state == ACTIVE)
    return t.reservation.update().where(*mine).values(state=end, ended_ms=now_ms, cause=why)


@prepared
def _freed(of_store: Any, of_sku: Any, qty: Any) -> Any:
    c = t.level.c
    here = (c.store == of_store, c.sku == of_sku, c.location == SHOP_FLOOR)
    return t.level.update().where(*here).values(reserved=c.reserved - qty)


@prepared
def _promised(store: Any, sku: Any) -> Any:
    c = t.level.c
    here = (c.store == store, c.sku == sku, c.location == SHOP_FLOOR)
    return sa.select(c.on_hand, c.reserved).where(*here)


@prepared
def _newest(store: Any, sku: Any) -> Any:
    c = t.reservation.c
    mine = (c.store == store, c.sku == sku, c.state == ACTIVE)
    return (
        sa.select(t.reservation).where(*mine).order_by(c.paid, c.created_ms.desc(), c.reservation_id.desc())
    )


class Reserve(msgspec.Struct, frozen=True):
    """`purpose` is "cart", "pickup", "order", "transfer"; `subject` names whose it is. `paid`: it is broken last."""

    store: str
    sku: str
    qty: Decimal
    purpose: str
    subject: str
    expires_ms: int
    paid: bool = False


class Reservation(msgspec.Struct, frozen=True):
    """`reservation_id` is `STORE.UUID`. `state` is "active", "committed", "released", "expired" or "broken"."""

    reservation_id: str
    store: str
    sku: str
    qty: Decimal
    state: str
    purpose: str = ""
    subject: str = ""
    paid: bool = False
    expires_ms: int = 0
    ended_ms: int = 0


class Move(msgspec.Struct, frozen=True):
    """Goods that came (positive) or went. Once for each (store, sku, type, cause), however often it is said.

    `by` did it (empty: the caller). `type` is "sale", "return", "void", "receipt", "adjustment", "damage", "write_off", "transfer_out", "transfer_in" or
    "pickup_issue"; `location` "store" (the shop floor), "transit" or "damaged".
    """

    store: str
    sku: str
    qty: Decimal
    type: str
    cause: str
    occurred_ms: int
    location: str = SHOP_FLOOR
    reason: str = ""
    by: str = ""


def move(work: Work, ask: Move) -> None:
    move_all(work, [ask])


def move_all(work: Work, asked: list[Move], *, subject: str = "") -> list[Move]:
    """Several at once; gives those that were new. One event for all of a store, about `subject`."""
    moves = {
        _key(ask): Moved(
            ask.store,
            ask.sku,
            ask.type,
            ask.cause,
            micro(ask.qty),
            ask.occurred_ms,
            ask.location,
            ask.reason,
            ask.by or work.actor.name,
        )
        for ask in asked
        if ask.qty
    }
    new = book(work, list(moves.values()))
    for store in sorted({made.store for made in new}):
        mine = [made for made in new if made.store == store]
        said = [[made.sku, amount_of(made.qty), made.type, made.location] for made in mine]
        work.event(store, "stock.moved", subject or mine[0].cause, {"moves": said})
    for store, sku in sorted({(made.store, made.sku) for made in new if made.location == SHOP_FLOOR}):
        relieve(work, store, sku)
    fresh = {(made.store, made.sku, made.type, made.cause) for made in new}
    return [ask for ask in asked if _key(ask) in fresh]


def _key(ask: Move) -> tuple[str, str, str, str]:
    return ask.store, ask.sku, ask.type, ask.cause


def put_count(work: Work, said: Counted) -> bool:
    """A count that holds from now on. True: it is new."""
    if not set_count(work, said):
        return False
    work.event(
        said.store, "stock.counted", said.sku, {"sku": said.sku, "qty": amount_of(said.qty), "location": said.location}
    )  # fmt: skip
    if said.location == SHOP_FLOOR:
        relieve(work, said.store, said.sku)
    return True


def reserve(work: Work, ask: Reserve) -> Reservation:
    """Promise goods, if there are enough. Raises RefusedError 409 `not-available`, 422 for no quantity."""
    qty = micro(ask.qty)
    if qty <= 0:
        raise RefusedError(422, "quantity", "A reservation is of more than nothing", ask.sku[:64])
    if not _take(work, ask.store, ask.sku, qty):
        late = _due(work, ask.store, ask.sku)
        for reservation_id in late:
            _end(work, reservation_id, "expired", "")
        if not late or not _take(work, ask.store, ask.sku, qty):
            raise RefusedError(409, "not-available", "There is not enough of this article", ask.sku[:64])
    reservation_id = f"{ask.store}.{work.new_id()}"
    row = {
        "store": ask.store, "reservation_id": reservation_id, "sku": ask.sku, "qty": qty, "purpose": ask.purpose,
        "subject": ask.subject, "paid": ask.paid, "state": ACTIVE, "created_ms": work.now_ms,
        "expires_ms": ask.expires_ms, "ended_ms": 0, "cause": "", "actor": work.actor.name,
    }  # fmt: skip
    _MAKE.run(work.connection, row)
    made = Reservation(
        reservation_id, ask.store, ask.sku, amount(qty), ACTIVE, ask.purpose, ask.subject, ask.paid, ask.expires_ms
    )  # fmt: skip
    _say(work, made)
    return made


def _take(work: Work, store: str, sku: str, qty: int) -> bool:
    """One conditional update: of many that want the last unit, one gets it."""
    of_store = safety_of(work, [store]).get(store, 0)
    return bool(_taken.run(work.connection, store, sku, of_store, qty))


def release(work: Work, reservation_id: str, cause: str = "") -> Reservation:
    """The promise is taken back; what ended before stays as it ended."""
    return _end(work, reservation_id, "released", cause)


def commit(work: Work, reservation_id: str, cause: str, *, moved: bool = False) -> Reservation:
    """The goods go out: they leave the shop floor as a "pickup_issue" under `cause`. `moved`: another movement says so.

    Whoever gets another state than "committed" and hands the goods over nevertheless, says so by `move`.
    """
    return _end(work, reservation_id, "committed", cause, issue=not moved)


def expire_due(work: Work, store: str = "") -> int:
    """End what is over by the hub's clock, some at a time; counts them."""
    due = _due(work, store)
    for reservation_id in due:
        _end(work, reservation_id, "expired", "")
    return len(due)


def _due(work: Work, store: str, sku: str = "") -> list[str]:
    if not store:
        rows = _late.all(work.connection, work.now_ms)
    elif not sku:
        rows = _late_of_store.all(work.connection, work.now_ms, store)
    else:
        rows = _late_here.all(work.connection, work.now_ms, store, sku)
    return [row.reservation_id for row in rows]


def postpone(work: Work, reservation_id: str, expires_ms: int) -> Reservation:
    """It holds at least until then, if it is still active: somebody is at the counter with it."""
    found = find_reservation(work, reservation_id)
    lock(work, found.store, found.sku)
    _postponed.run(work.connection, found.store, reservation_id, expires_ms)
    return find_reservation(work, reservation_id)


def mark_paid(work: Work, reservation_id: str) -> Reservation:
    """It is paid for: broken only when nothing else is left to break."""
    found = find_reservation(work, reservation_id)
    lock(work, found.store, found.sku)
    _marked.run(work.connection, found.store, reservation_id)
    return find_reservation(work, reservation_id)


def find_reservation(work: Work, reservation_id: str) -> Reservation:
    """Raises RefusedError 404."""
    row = _found.first(work.connection, reservation_id.rpartition(".")[0], reservation_id)
    if row is None:
        raise not_found("reservation", reservation_id)
    return reservation_of(row)


def reservation_of(row: Any) -> Reservation:
    return Reservation(
        row.reservation_id, row.store, row.sku, amount(row.qty), row.state, row.purpose, row.subject, row.paid,
        row.expires_ms, row.ended_ms,
    )  # fmt: skip


def _end(work: Work, reservation_id: str, state: str, cause: str, *, issue: bool = False) -> Reservation:
    """End it, once. The level's row is locked first, as everybody does, so that nobody waits in a circle."""
    found = find_reservation(work, reservation_id)
    if found.state != ACTIVE:
        return found
    lock(work, found.store, found.sku)
    if not _ended.run(work.connection, found.store, reservation_id, state, work.now_ms, cause):
        return find_reservation(work, reservation_id)
    _freed.run(work.connection, found.store, found.sku, micro(found.qty))
    done = msgspec.structs.replace(found, state=state, ended_ms=work.now_ms)
    _say(work, done)
    if issue:
        out = Move(found.store, found.sku, -found.qty, "pickup_issue", cause or reservation_id, work.now_ms)
        move(work, out)
    return done


def _say(work: Work, one: Reservation) -> None:
    data = {
        "sku": one.sku, "qty": format(one.qty, "f"), "state": one.state, "purpose": one.purpose,
        "subject": one.subject,
    }  # fmt: skip
    work.event(one.store, f"reservation.{one.state}", one.reservation_id, data)


def relieve(work: Work, store: str, sku: str) -> None:
    """Break promises for which nothing is there any more: the newest first, those that are paid for last."""
    seen = _promised.first(work.connection, store, sku)
    if seen is None or seen.reserved <= max(0, seen.on_hand):
        return
    row = lock(work, store, sku)
    short = row.reserved - max(0, row.on_hand)
    for one in _newest.all(work.connection, store, sku):
        if short <= 0:
            return
        short -= one.qty
        _end(work, one.reservation_id, "broken", "")
        tasks.add(
            work, store, BROKEN, one.reservation_id, subject=one.subject,
            data={"sku": sku, "qty": amount_of(one.qty), "purpose": one.purpose, "paid": one.paid},
        )  # fmt: skip


def set_safety(work: Work, store: str, sku: str, safety: int) -> None:
    """Of one article, stored as in units; -1: as the store says."""
    ensure(work, [(store, sku, SHOP_FLOOR)])
    c = t.level.c
    here = (c.store == store, c.sku == sku, c.location == SHOP_FLOOR)
    work.execute(t.level.update().where(*here).values(safety=safety))
