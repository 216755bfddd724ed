"""What the returns room knows of purchases, told again from the facts that the shop has heard; receipts from before the room too.

What people and services did (returns that are kept, refunds, announcements) is no projection and stays.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import FactError, decode_fact
from pos.ports import Ids
from pos.sale_facts import Sale
from sync.hub import tables as hub_tables
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.ticks import HUB
from sync.hub.shop.kit.work import Work
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.facts import tell
from sync.hub.stored import read_facts

__all__ = ["FOLLOWS", "digest", "rebuild_all"]

FOLLOWS: Final = (t.return_sale, t.return_find, t.return_taken, t.return_paid)
_AT_ONCE: Final = 200


def rebuild_all(transact: Callable[..., Any], now_ms: int, ids: Ids) -> int:
    """All stores, some hundred facts in each transaction, while the hub goes on; counts the receipts that are known then."""
    for store, till, epoch, heard in transact(_heard):
        after: int | None = 0
        while after is not None:
            after = transact(_facts, store, till, epoch, after, heard, now_ms, ids)
    return int(transact(_count))


def _heard(connection: Connection) -> list[tuple[str, str, int, int]]:
    c = hub_tables.shop_cursor.c
    rows = connection.execute(sa.select(c.store, c.till, c.epoch, c.seq))
    return sorted((row.store, row.till, row.epoch, row.seq) for row in rows)


def _facts(
    connection: Connection, store: str, till: str, epoch: int, after: int, heard: int, now_ms: int, ids: Ids
) -> int | None:
    """The next facts of an epoch; behind which to go on, None at the end of what the shop has heard."""
    found = read_facts(connection, store, till, epoch=epoch, after_seq=after, limit=_AT_ONCE)
    work = Work(connection, now_ms, ids, HUB)
    for stored in found:
        if stored.seq > heard:
            break
        try:
            fact = decode_fact(stored.kind, stored.version, stored.body)
        except FactError:
            continue
        if isinstance(fact, Sale) and not fact.training:
            tell(work, Arrived(store, till, epoch, stored.seq, stored.wall_ms, fact), fact)
    work.finish()
    last = found[-1].seq if found else heard
    return last if found and last < heard else None


def _count(connection: Connection) -> int:
    c = t.return_sale.c
    return int(
        connection.execute(
            sa.select(sa.func.count()).select_from(t.return_sale).where(c.seq > 0)
        ).scalar_one()
    )


def digest(connection: Connection, store: str = "") -> str:
    """SHA-256 over the rows that follow from facts."""
    hasher = hashlib.sha256()
    for table in FOLLOWS:
        query = sa.select(table)
        if store:
            query = query.where(table.c.store == store)
        for line in sorted("\x1f".join(map(str, row)) for row in connection.execute(query)):
            hasher.update(line.encode() + b"\n")
        hasher.update(b"\n")
    return hasher.hexdigest()
