"""Stock built anew: movements again from the tills' facts, levels from movements, counts and reservations.

What people told the hub (movements by command, counts, reservations, safety) is no projection and stays. The digest over
all of it is the same before and after, or something was damaged.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import FactError, UnknownFact, decode_fact
from sync.hub import tables as hub_tables
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import ACTIVE
from sync.hub.shop.stock.facts import moves_of
from sync.hub.shop.stock.levels import NEVER, SHOP_FLOOR
from sync.hub.shop.stock.units import micro
from sync.hub.stored import read_facts

__all__ = ["digest", "put_movements", "rebuild_all", "rebuild_level"]

_FACTS_AT_ONCE: Final = 500
_LEVELS_AT_ONCE: Final = 200
_HIDDEN: Final = {"recorded_ms"}
_KEEP_LEVEL: Final = Inserting(t.level, keep=True)
_KEEP_MOVE: Final = Inserting(t.movement, keep=True)
_Key = tuple[str, str, str]


def rebuild_all(transact: Callable[..., Any], now_ms: int) -> int:
    """All stores, some hundred rows in each transaction, while the hub goes on; counts the levels."""
    for store, till, epoch, heard in transact(_heard):
        after: int | None = 0
        while after is not None:
            after = transact(_facts, store, till, epoch, after, heard, now_ms)
    count = 0
    keys = transact(_keys)
    for start in range(0, len(keys), _LEVELS_AT_ONCE):
        part = keys[start : start + _LEVELS_AT_ONCE]
        transact(_levels, part)
        count += len(part)
    return count


def _heard(connection: Connection) -> list[tuple[str, str, int, int]]:
    c = hub_tables.shop_cursor.c
    rows = connection.execute(sa.select(c.store, c.till, c.epoch, c.seq))
    return sorted((row.store, row.till, row.epoch, row.seq) for row in rows)


def _facts(
    connection: Connection, store: str, till: str, epoch: int, after: int, heard: int, now_ms: int
) -> int | None:
    """Movements of the next facts; behind which to go on, None at the end of what the shop has heard."""
    found = read_facts(connection, store, till, epoch=epoch, after_seq=after, limit=_FACTS_AT_ONCE)
    arrived = []
    for stored in found:
        if stored.seq > heard:
            break
        try:
            fact = decode_fact(stored.kind, stored.version, stored.body)
        except FactError:
            continue
        if not isinstance(fact, UnknownFact):
            arrived.append(Arrived(store, till, epoch, stored.seq, stored.wall_ms, fact))
    put_movements(connection, arrived, now_ms)
    last = found[-1].seq if found else heard
    return last if found and last < heard else None


def put_movements(connection: Connection, arrived: Iterable[Arrived], now_ms: int) -> None:
    """What is missing of what these facts move; what is there stays."""
    rows = [
        {
            "store": move.store, "sku": move.sku, "type": move.type, "cause": move.cause, "location": move.location,
            "qty": micro(move.qty), "occurred_ms": move.occurred_ms, "recorded_ms": now_ms, "reason": "",
            "actor": move.by,
        }
        for one in arrived
        for move in moves_of(one)
    ]  # fmt: skip
    if rows:
        _KEEP_MOVE.all_of(connection, rows)


def _keys(connection: Connection) -> list[_Key]:
    found: set[_Key] = set()
    for table in (t.level, t.movement, t.counted):
        c = table.c
        found |= {tuple(row) for row in connection.execute(sa.select(c.store, c.sku, c.location).distinct())}
    return sorted(found)


def _levels(connection: Connection, keys: list[_Key]) -> None:
    for key in keys:
        rebuild_level(connection, *key)


def rebuild_level(connection: Connection, store: str, sku: str, location: str) -> None:
    """One level as it follows from the ledger; its safety stays."""
    key = (store, sku, location)
    empty = {
        "store": store, "sku": sku, "location": location, "on_hand": 0, "reserved": 0, "safety": -1,
        "counted_ms": NEVER, "count_id": "",
    }  # fmt: skip
    _KEEP_LEVEL.run(connection, empty)
    _locked.first(connection, *key)
    newest = _newest_count.first(connection, *key)
    qty, counted_ms, count_id = (0, NEVER, "") if newest is None else newest
    moved = int(_moved_since.scalar(connection, *key, counted_ms) or 0)
    reserved = int(_promised.scalar(connection, store, sku) or 0) if location == SHOP_FLOOR else 0
    _level_is.run(connection, *key, qty + moved, counted_ms, count_id, reserved)


@prepared
def _locked(store: Any, sku: Any, location: Any) -> Any:
    c = t.level.c
    mine = (c.store == store, c.sku == sku, c.location == location)
    return sa.select(c.sku).where(*mine).with_for_update()


@prepared
def _newest_count(store: Any, sku: Any, location: Any) -> Any:
    c = t.counted.c
    query = sa.select(c.qty, c.counted_ms, c.count_id)
    query = query.where(c.store == store, c.sku == sku, c.location == location)
    return query.order_by(c.counted_ms.desc(), c.count_id.desc()).limit(1)


@prepared
def _moved_since(store: Any, sku: Any, location: Any, at_ms: Any) -> Any:
    c = t.movement.c
    here = (c.store == store, c.sku == sku, c.location == location)
    return sa.select(sa.func.coalesce(sa.func.sum(c.qty), 0)).where(*here, c.occurred_ms > at_ms)


@prepared
def _promised(store: Any, sku: Any) -> Any:
    c = t.reservation.c
    mine = (c.store == store, c.sku == sku, c.state == ACTIVE)
    return sa.select(sa.func.coalesce(sa.func.sum(c.qty), 0)).where(*mine)


@prepared
def _level_is(store: Any, sku: Any, location: Any, qty: Any, at_ms: Any, count: Any, promised: Any) -> Any:
    c = t.level.c
    values = {"on_hand": qty, "counted_ms": at_ms, "count_id": count, "reserved": promised}
    return t.level.update().where(c.store == store, c.sku == sku, c.location == location).values(values)


def digest(connection: Connection, store: str = "") -> str:
    """SHA-256 over movements, counts, levels and reservations; when the hub heard of them does not count."""
    hasher = hashlib.sha256()
    for table in (t.movement, t.counted, t.level, t.reservation):
        query = sa.select(*(column for column in table.c if column.name not in _HIDDEN))
        if store:
            query = query.where(table.c.store == store)
        for line in sorted("\x1f".join(map(str, row)) for row in connection.execute(query)):
            hasher.update(line.encode() + b"\n")
        hasher.update(b"\n")
    return hasher.hexdigest()
