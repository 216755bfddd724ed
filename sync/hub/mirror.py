"""A relay's copy of what goes down to its store: the hub's changes with the hub's numbers and stamps.

What the relay itself must know of them, it takes from here: the public keys of its store's machines.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import machine_feed
from sync.hub import tables as t
from sync.hub.changes import CHAIN, Cursor, cursor_text, store_scope, till_scope
from sync.hub.database import NEWS, upsert

__all__ = ["Answer", "Part", "Row", "cursors", "query_of", "take"]


_NOTHING: Final = msgspec.Raw(b"null")


class Row(msgspec.Struct, frozen=True):
    """wire.Change with its body as it came."""

    n: int
    kind: str
    key: str
    body: msgspec.Raw
    stamp: str = ""
    history: msgspec.Raw = _NOTHING


class Part(msgspec.Struct, frozen=True):
    """wire.Changes."""

    scope: str
    changes: tuple[Row, ...]
    head: int
    reset: bool = False
    floor: int = 0


class Answer(msgspec.Struct, frozen=True):
    """wire.Feed."""

    scopes: tuple[Part, ...]
    run: str = ""


_NEWEST: Final = (
    sa.select(t.change.c.n, t.change.c.stamp).order_by(t.change.c.n.desc()).limit(1)
)  # of one scope


def cursors(connection: Connection, store: str) -> list[Cursor]:
    """How far this relay is with each scope of its store: the chain's, the store's, its tills'."""
    m = t.machine.c
    tills = connection.execute(
        sa.select(m.machine).where(m.store == store, m.role == "till").order_by(m.machine)
    ).scalars()
    found: list[Cursor] = []
    for scope in (CHAIN, store_scope(store), *(till_scope(store, till) for till in tills)):
        row = connection.execute(_NEWEST.where(t.change.c.scope == scope)).first()
        found.append(Cursor(scope, row.n, row.stamp) if row is not None else Cursor(scope))
    return found


def query_of(asked: Sequence[Cursor], limit: int, wait_s: int) -> list[tuple[str, str]]:
    """The question about these cursors, for GET /v1/changes."""
    query = [("cursor", cursor_text(cursor)) for cursor in asked]
    return [*query, ("limit", str(limit)), ("wait", str(wait_s))]


def take(connection: Connection, store: str, parts: Sequence[Part], now_ms: int) -> int:
    """Copy the hub's answer. Counts the changes; those that were here already are the same."""
    count = 0
    for part in parts:
        _count_as_told(connection, part)
        if part.reset:
            connection.execute(t.change.delete().where(t.change.c.scope == part.scope))
        if not part.changes:
            continue
        count += len(part.changes)
        connection.get_execution_options().get(NEWS, set()).add(part.scope)
        connection.execute(
            upsert(connection, t.change).on_conflict_do_nothing(),
            [
                {
                    "scope": part.scope, "n": row.n, "kind": row.kind, "key": row.key,
                    "body": bytes(row.body).decode(), "stamp": row.stamp, "changed_ms": now_ms,
                    "history": None if row.history == _NOTHING else bytes(row.history).decode(),
                }
                for row in part.changes
            ],
        )  # fmt: skip
        if part.scope == store_scope(store):
            for row in part.changes:
                if row.kind == machine_feed.KIND:
                    machine_feed.take(connection, store, bytes(row.body), now_ms)
    return count


def _count_as_told(connection: Connection, part: Part) -> None:
    """Head and floor as the hub has them, so that nobody takes a copy that is being made for the whole."""
    c = t.change_counter.c
    insert = upsert(connection, t.change_counter).values(scope=part.scope, n=part.head, floor=part.floor)
    floor = (
        insert.excluded.floor
        if part.reset
        else sa.case((insert.excluded.floor > c.floor, insert.excluded.floor), else_=c.floor)
    )
    connection.execute(
        insert.on_conflict_do_update(index_elements=["scope"], set_={"n": insert.excluded.n, "floor": floor})
    )
