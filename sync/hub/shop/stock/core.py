"""Stock as the other rooms use it: reserve, release, commit, move, available. Each inside the caller's transaction.

A reservation ends once: committed, released, expired, or broken by goods that went another way. Whoever ends it again
hears how it ended. On hand is what people sold, took and counted, so it may fall below what is promised: then the newest
promise that is not paid for is broken, with a task for the store's people, and never the sale.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

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
    work.execute(t.reservation.insert(), row)
    made = Reservation(
        reservation_id, ask.store, ask.sku, amount(qty), ACTIVE, ask.purpose, ask.subject, ask.paid, ask.expires_ms
    )  # fmt: skip
    _say(work, made)
    return made


def _take(work: Work, store: str, sku: str, qty: int) -> bool:
    """One conditional update: of many that want the last unit, one gets it."""
    c = t.level.c
    of_store = safety_of(work, [store]).get(store, 0)
    kept = sa.case((c.safety < 0, of_store), else_=c.safety)
    taken = work.execute(
        t.level.update()
        .where(c.store == store, c.sku == sku, c.location == SHOP_FLOOR, c.on_hand - c.reserved - kept >= qty)
        .values(reserved=c.reserved + qty)
    )
    return bool(taken.rowcount)


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
    c = t.reservation.c
    query = sa.select(c.reservation_id).where(c.state == ACTIVE, c.expires_ms <= work.now_ms)
    if store:
        query = query.where(c.store == store)
    if sku:
        query = query.where(c.sku == sku)
    rows = work.execute(query.order_by(c.store, c.sku, c.expires_ms, c.reservation_id).limit(_DUE_AT_ONCE))
    return list(rows.scalars())


def postpone(work: Work, reservation_id: str, expires_ms: int) -> Reservation:
    """It holds at least until then, if it is still active: somebody is at the counter with it."""
    found = find_reservation(work, reservation_id)
    lock(work, found.store, found.sku)
    c = t.reservation.c
    mine = (c.store == found.store, c.reservation_id == reservation_id)
    later = (c.state == ACTIVE, c.expires_ms < expires_ms)
    work.execute(t.reservation.update().where(*mine, *later).values(expires_ms=expires_ms))
    return find_reservation(work, reservation_id)


def mark_paid(work: Work, reservation_id: str) -> Reservation:
    """It is paid for: broken only when nothing else is left to break."""
    found = find_reservation(work, reservation_id)
    lock(work, found.store, found.sku)
    c = t.reservation.c
    mine = (c.store == found.store, c.reservation_id == reservation_id, c.state == ACTIVE)
    work.execute(t.reservation.update().where(*mine).values(paid=True))
    return find_reservation(work, reservation_id)


def find_reservation(work: Work, reservation_id: str) -> Reservation:
    """Raises RefusedError 404."""
    c = t.reservation.c
    store = reservation_id.rpartition(".")[0]
    row = work.execute(
        sa.select(t.reservation).where(c.store == store, c.reservation_id == reservation_id)
    ).first()
    if row is None:
        raise not_found("reservation", reservation_id)
    return reservation_of(row)


def reservation_of(row: sa.Row[Any]) -> Reservation:
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
    c, v = t.reservation.c, t.level.c
    mine = (c.store == found.store, c.reservation_id == reservation_id)
    ended = work.execute(
        t.reservation.update()
        .where(*mine, c.state == ACTIVE)
        .values(state=state, ended_ms=work.now_ms, cause=cause)
    ).rowcount
    if not ended:
        return find_reservation(work, reservation_id)
    here = (v.store == found.store, v.sku == found.sku, v.location == SHOP_FLOOR)
    work.execute(t.level.update().where(*here).values(reserved=v.reserved - micro(found.qty)))
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
    c = t.level.c
    here = (c.store == store, c.sku == sku, c.location == SHOP_FLOOR)
    seen = work.execute(sa.select(c.on_hand, c.reserved).where(*here)).first()
    if seen is None or seen.reserved <= max(0, seen.on_hand):
        return
    row = lock(work, store, sku)
    short = row.reserved - max(0, row.on_hand)
    r = t.reservation.c
    newest = (
        sa.select(t.reservation)
        .where(r.store == store, r.sku == sku, r.state == ACTIVE)
        .order_by(r.paid, r.created_ms.desc(), r.reservation_id.desc())
    )
    for one in work.execute(newest).all():
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
