"""The ledger's core: movements and counts go in, what is there follows from them in whichever order they come.

on_hand = the newest count + all movements that occurred after it. A movement that comes late but occurred before the
count changes nothing: whoever counted has seen it. Rows of the ledger are insert-only; `stock_level` is kept beside them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from sync.hub import tables as hub_tables
from sync.hub.database import upsert
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.units import ONE, amount

__all__ = [
    "NEVER",
    "SHOP_FLOOR",
    "Counted",
    "Level",
    "Moved",
    "available",
    "book",
    "ensure",
    "level_of",
    "levels_of",
    "lock",
    "on_hand_at",
    "safety_of",
    "set_count",
]

SHOP_FLOOR: Final = "store"
NEVER: Final = -1
_ROWS_AT_ONCE: Final = 500
_KEEP_LEVEL: Final = Inserting(t.level, keep=True)
_KEEP_MOVE: Final = Inserting(t.movement, keep=True, returning=("store",))
_KEEP_COUNT: Final = Inserting(t.counted, keep=True, returning=("store",))


@prepared
def _locked(store: Any, sku: Any, location: Any) -> Any:
    c = t.level.c
    mine = (c.store == store, c.sku == sku, c.location == location)
    return sa.select(t.level).where(*mine).with_for_update()


@prepared
def _moved_by(qty: Any, store: Any, sku: Any, location: Any, occurred_ms: Any) -> Any:
    c = t.level.c
    mine = (c.store == store, c.sku == sku, c.location == location)
    later = c.counted_ms < occurred_ms
    return t.level.update().where(*mine, later).values(on_hand=c.on_hand + qty)


@prepared
def _moved_since(of_store: Any, of_sku: Any, of_location: Any, at_ms: Any) -> Any:
    m = t.movement.c
    here = (m.store == of_store, m.sku == of_sku, m.location == of_location)
    return sa.select(sa.func.coalesce(sa.func.sum(m.qty), 0)).where(*here, m.occurred_ms > at_ms)


@prepared
def _counted_as(of_store: Any, of_sku: Any, of_location: Any, qty: Any, at_ms: Any, of_count: Any) -> Any:
    c = t.level.c
    mine = (c.store == of_store, c.sku == of_sku, c.location == of_location)
    return t.level.update().where(*mine).values(on_hand=qty, counted_ms=at_ms, count_id=of_count)


@prepared
def _body_of_store(store: Any) -> Any:
    c = hub_tables.store_info.c
    return sa.select(c.body).where(c.store == store)


class Level(msgspec.Struct, frozen=True):
    """What is there, what of it is promised, and what may still be promised: never below 0."""

    on_hand: Decimal
    reserved: Decimal
    available: Decimal


NOTHING: Final = Level(Decimal(0), Decimal(0), Decimal(0))


class Moved(msgspec.Struct, frozen=True):
    """A row for `stock_movement`; `qty` is stored as in units."""

    store: str
    sku: str
    type: str
    cause: str
    qty: int
    occurred_ms: int
    location: str = SHOP_FLOOR
    reason: str = ""
    actor: str = ""


class Counted(msgspec.Struct, frozen=True):
    """A row for `stock_counted`."""

    store: str
    sku: str
    count_id: str
    qty: int
    counted_ms: int
    location: str = SHOP_FLOOR


def ensure(work: Work, keys: Iterable[tuple[str, str, str]]) -> None:
    """Level rows (store, sku, location) that are there from now on."""
    for store, sku, location in sorted(set(keys)):
        row = {
            "store": store, "sku": sku, "location": location, "on_hand": 0, "reserved": 0, "safety": -1,
            "counted_ms": NEVER, "count_id": "",
        }  # fmt: skip
        _KEEP_LEVEL.run(work.connection, row)


def lock(work: Work, store: str, sku: str, location: str = SHOP_FLOOR) -> Any:
    """The level's row, held until the transaction ends; made if it is new."""
    row = _locked.first(work.connection, store, sku, location)
    if row is None:
        ensure(work, [(store, sku, location)])
        row = _locked.first(work.connection, store, sku, location)
        assert row is not None
    return row


def book(work: Work, moves: Sequence[Moved]) -> list[Moved]:
    """Put movements into the ledger; those that were there already (store, sku, type, cause) change nothing.

    Gives the new ones. Rows are touched in one order, so that two that book at once wait instead of blocking each other.
    """
    ordered = sorted(moves, key=lambda move: (move.store, move.sku, move.location, move.type, move.cause))
    if work.connection.dialect.name == "postgresql" and len(ordered) > 1:
        fresh = []
        for start in range(0, len(ordered), _ROWS_AT_ONCE):
            fresh += _insert_at_once(work, ordered[start : start + _ROWS_AT_ONCE])
    else:
        fresh = [move for move in ordered if _insert(work, move)]
    ensure(work, ((move.store, move.sku, move.location) for move in fresh))
    for move in fresh:
        _moved_by.run(work.connection, move.qty, move.store, move.sku, move.location, move.occurred_ms)
    return fresh


def _insert(work: Work, move: Moved) -> bool:
    row = {**msgspec.structs.asdict(move), "recorded_ms": work.now_ms}
    return _KEEP_MOVE.first(work.connection, row) is not None


def _insert_at_once(work: Work, moves: Sequence[Moved]) -> list[Moved]:
    """The same in one statement: a server is asked once."""
    named = {(move.store, move.sku, move.type, move.cause): move for move in reversed(moves)}
    rows = [{**msgspec.structs.asdict(move), "recorded_ms": work.now_ms} for move in named.values()]
    c = t.movement.c
    made = work.execute(
        upsert(work.connection, t.movement)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(c.store, c.sku, c.type, c.cause)
    )
    new = {tuple(row) for row in made}
    return [move for key, move in sorted(named.items()) if key in new]


def set_count(work: Work, said: Counted) -> bool:
    """Put a count into the ledger. True: it is new; a count that is older than the newest changes no level."""
    before = lock(work, said.store, said.sku, said.location)
    row = {**msgspec.structs.asdict(said), "recorded_ms": work.now_ms, "actor": work.actor.name}
    if _KEEP_COUNT.first(work.connection, row) is None:
        return False
    if (said.counted_ms, said.count_id) > (before.counted_ms, before.count_id):
        here = (said.store, said.sku, said.location)
        since = _moved_since.scalar(work.connection, *here, said.counted_ms)
        qty = said.qty + int(since or 0)
        _counted_as.run(work.connection, *here, qty, said.counted_ms, said.count_id)
    return True


def safety_of(work: Work, stores: Sequence[str]) -> dict[str, int]:
    """What each store promises to nobody, of articles that have no figure of their own."""
    if len(set(stores)) == 1:
        body = _body_of_store.scalar(work.connection, stores[0])
        return {} if body is None else {stores[0]: _safety_in(body)}
    c = hub_tables.store_info.c
    found = work.execute(sa.select(c.store, c.body).where(c.store.in_(sorted(set(stores)))))
    return {row.store: _safety_in(row.body) for row in found}


def _safety_in(body: bytes) -> int:
    return msgspec.json.decode(bytes(body), type=_Safety).safety * ONE


class _Safety(msgspec.Struct):
    safety: int = 0


def available(work: Work, store: str, skus: Sequence[str]) -> dict[str, Level]:
    """Levels on the shop floor; an article that never moved has nothing."""
    found = levels_of(work, [store], skus)
    return {sku: found.get((store, sku), NOTHING) for sku in skus}


def levels_of(
    work: Work, stores: Sequence[str], skus: Sequence[str], location: str = SHOP_FLOOR
) -> dict[tuple[str, str], Level]:
    """Levels by (store, sku), of those that have any."""
    c = t.level.c
    own = safety_of(work, stores)
    columns: tuple[Any, ...] = (c.store, c.sku, c.on_hand, c.reserved, c.safety)
    query = sa.select(*columns).where(
        c.store.in_(sorted(set(stores))), c.sku.in_(sorted(set(skus))), c.location == location
    )
    return {
        (row.store, row.sku): level_of(row.on_hand, row.reserved, row.safety, own.get(row.store, 0))
        for row in work.execute(query)
    }


def level_of(on_hand: int, reserved: int, safety: int, of_store: int) -> Level:
    kept = of_store if safety < 0 else safety
    return Level(amount(on_hand), amount(reserved), amount(max(0, on_hand - reserved - kept)))


def on_hand_at(work: Work, store: str, sku: str, location: str, at_ms: int) -> int:
    """What the ledger says was there then, as it knows it now; stored as in units."""
    c, m = t.counted.c, t.movement.c
    newest = work.execute(
        sa.select(c.qty, c.counted_ms)
        .where(c.store == store, c.sku == sku, c.location == location, c.counted_ms <= at_ms)
        .order_by(c.counted_ms.desc(), c.count_id.desc())
        .limit(1)
    ).first()
    since = newest.counted_ms if newest is not None else NEVER
    here = (m.store == store, m.sku == sku, m.location == location)
    total = sa.func.coalesce(sa.func.sum(m.qty), 0)
    moved = work.execute(
        sa.select(total).where(*here, m.occurred_ms > since, m.occurred_ms <= at_ms)
    ).scalar_one()
    return (newest.qty if newest is not None else 0) + int(moved)
