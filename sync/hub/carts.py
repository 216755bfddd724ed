"""Who may go on with a parked cart: decided here, once, for all tills of the store.

A cart is given by the till that parked it, when that till has promised not to go on with it unasked; until then nobody
else gets it. A claim stands until the claiming till's fact is here, or the till gives it up; it never lapses by itself,
for a till that went on with the cart may be out of reach. A person may override it, after a while (`FORCE_MS`).
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.cart_facts import CartParked
from pos.facts import FactError, StoredFact, decode_fact
from sync.cart_messages import (
    BUSY,
    CARTS_MAX,
    GONE,
    UNKNOWN,
    CartGone,
    Claim,
    Claimed,
    Given,
    ParkedAsk,
    ParkedList,
    StoreCart,
)
from sync.hub import tables as t
from sync.hub.cart_moves import lock, moves_of
from sync.hub.projector import follow, lagging, live_generation
from sync.hub.stored import facts_at
from sync.wire import Problem, encode_json

__all__ = ["FORCE_MS", "answer", "claim"]

FORCE_MS: Final = 10 * 60_000
_OPEN: Final = (
    sa.select(t.cart_claim)
    .where(t.cart_claim.c.store == sa.bindparam("of_store"), t.cart_claim.c.done.is_(False))
    .order_by(t.cart_claim.c.cart_id)
    .limit(2 * CARTS_MAX)
)


def answer(connection: Connection, ask: ParkedAsk, now_ms: int) -> tuple[ParkedList, bool]:
    """Take what the till gives and gives up; the store's carts. True: others may see another list now."""
    _catch_up(connection, ask.store, now_ms)
    changed = [_give(connection, ask.store, ask.till, given) for given in ask.given]
    changed += [_release(connection, ask.store, ask.till, key) for key in ask.released]
    carts, gone = _listing(connection, ask)
    version = hashlib.sha256(encode_json((carts, gone))).hexdigest()[:16]
    return ParkedList(carts, gone, version, now_ms), any(changed)


def claim(connection: Connection, ask: Claim, now_ms: int) -> Claimed | Problem:
    """Yes to one till, no to all others."""
    _catch_up(connection, ask.store, now_ms)
    live = live_generation(connection, ask.store)
    moves = moves_of(connection, ask.store, live, [ask.cart_id])
    parked = next((move for move in moves if move.what == "parked"), None)
    if parked is None and not ask.own:
        return _no(UNKNOWN, "This cart is not known here", "")
    row = lock(connection, ask.store, ask.cart_id)
    moves = moves_of(connection, ask.store, live, [ask.cart_id])
    gone = next((move for move in moves if move.what == "resumed"), None)
    if gone is not None:
        return _no(GONE, "This cart went on already", gone.till)
    if parked is not None and parked.till != ask.till and row.till != parked.till:
        return _no(UNKNOWN, "The till that parked this cart has not given it", parked.till)
    held = row.claimed_by and (row.claimed_by, row.claim_key) != (ask.till, ask.key)
    if held and not _may_override(row, ask, now_ms):
        return _no(BUSY, "Another till has claimed this cart", row.claimed_by)
    c = t.cart_claim.c
    connection.execute(
        t.cart_claim.update()
        .where(c.store == ask.store, c.cart_id == ask.cart_id)
        .values(claimed_by=ask.till, claim_key=ask.key, claimed_ms=now_ms)
    )
    if parked is None or parked.till == ask.till:
        return Claimed(ask.cart_id, ask.key)
    fact = _fact(connection, ask.store, parked)
    return Claimed(
        ask.cart_id, ask.key, parked.till, parked.epoch, parked.seq, version=fact.version, body=fact.body
    )


def _may_override(row: Any, ask: Claim, now_ms: int) -> bool:
    return ask.force and now_ms - row.claimed_ms >= FORCE_MS


def _catch_up(connection: Connection, store: str, now_ms: int) -> None:
    """A rule that decides waits until the last fact is applied."""
    for _, till, epoch in lagging(connection, store):
        while follow(connection, store, till, epoch, now_ms, careful=True):
            pass


def _give(connection: Connection, store: str, till: str, given: Given) -> bool:
    """True if it is news. A row that another till gave stays as it is."""
    c = t.cart_claim.c
    held = connection.execute(
        sa.select(c.till).where(c.store == store, c.cart_id == given.cart_id)
    ).scalar_one_or_none()
    if held:
        return False
    row = lock(connection, store, given.cart_id)
    if row.till:
        return False
    connection.execute(
        t.cart_claim.update()
        .where(c.store == store, c.cart_id == given.cart_id)
        .values(till=till, follows=given.follows)
    )
    return True


def _release(connection: Connection, store: str, till: str, key: str) -> bool:
    """Free what this till claimed under this key, unless it went on with it."""
    c = t.cart_claim.c
    freed = connection.execute(
        t.cart_claim.update()
        .where(c.store == store, c.done.is_(False), c.claimed_by == till, c.claim_key == key)
        .values(claimed_by="", claim_key="", claimed_ms=0)
    )
    return bool(freed.rowcount)


def _listing(connection: Connection, ask: ParkedAsk) -> tuple[tuple[StoreCart, ...], tuple[CartGone, ...]]:
    rows = {row.cart_id: row for row in connection.execute(_OPEN, {"of_store": ask.store})}
    own = [given.cart_id for given in ask.given]
    live = live_generation(connection, ask.store)
    moves = moves_of(connection, ask.store, live, sorted({*rows, *own})) if rows or own else []
    resumed = {move.cart_id: move.till for move in moves if move.what == "resumed"}
    _mark_done(connection, ask.store, [cart_id for cart_id in rows if cart_id in resumed])
    waiting = [
        (move, rows[move.cart_id])
        for move in moves
        if move.what == "parked" and move.cart_id not in resumed and move.cart_id in rows
    ]
    waiting = [(move, row) for move, row in waiting if row.till == move.till]
    facts = facts_at(connection, ask.store, [(move.till, move.epoch, move.seq) for move, _ in waiting])
    found = (_cart(facts[move.till, move.epoch, move.seq], move.till, row) for move, row in waiting)
    carts = [cart for cart in found if cart is not None]
    carts.sort(key=lambda cart: (cart.parked_ms, cart.cart_id))
    gone = (CartGone(cart_id, resumed[cart_id]) for cart_id in own if cart_id in resumed)
    return tuple(carts[:CARTS_MAX]), tuple(one for one in gone if one.till != ask.till)


def _mark_done(connection: Connection, store: str, cart_ids: Sequence[str]) -> None:
    if cart_ids:
        c = t.cart_claim.c
        connection.execute(
            t.cart_claim.update().where(c.store == store, c.cart_id.in_(cart_ids)).values(done=True)
        )


def _cart(fact: StoredFact, till: str, row: Any) -> StoreCart | None:
    """None for one that this software cannot read."""
    try:
        parked = decode_fact(fact.kind, fact.version, fact.body)
    except FactError:
        return None
    if not isinstance(parked, CartParked):
        return None
    text = next((line.text for line in parked.lines if line.voided_ms is None), "")
    return StoreCart(
        parked.cart_id, till, parked.parked_ms, parked.offset_min, parked.operator, parked.pieces,
        parked.total_minor, parked.currency, parked.note, text, row.follows, row.claimed_by,
        row.claimed_ms,
    )  # fmt: skip


def _fact(connection: Connection, store: str, move: Any) -> StoredFact:
    place = (move.till, move.epoch, move.seq)
    return facts_at(connection, store, [place])[place]


def _no(problem: str, title: str, till: str) -> Problem:
    return msgspec.structs.replace(Problem(409, title, till), type=problem)
