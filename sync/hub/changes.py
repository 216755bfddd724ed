"""The log of changes that go down, by scope: `chain`, `store:{store}`, `till:{store}/{till}`.

A scope's numbers have no gaps and appear in order: the counter is taken in the last statement before the
commit, under its row's lock, so a reader that has seen n can never find a smaller number later. Each append
carries a stamp by chance, so that a reader is found whose numbers come from a log that was lost.

A change is a whole record under (kind, key); a body of None (JSON null) says that the record is gone. A
relay keeps a mirror of some scopes: the same rows, and in its counters what the hub said of them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import tables as t
from sync.hub.database import NEWS, upsert
from sync.wire import Change, Changes

__all__ = [
    "CHAIN",
    "KEPT_MS",
    "TOMBSTONE",
    "Cursor",
    "append",
    "cursor_text",
    "forget",
    "heads",
    "may_read",
    "new_stamp",
    "read_changes",
    "read_cursor",
    "store_scope",
    "till_scope",
]

CHAIN: Final = "chain"
TOMBSTONE: Final = "null"
KEPT_MS: Final = 30 * 24 * 3600 * 1000
_STAMP_BYTES: Final = 4
_SCOPES_NAMED: Final = 500
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
_CURSOR: Final = re.compile(
    rf"(chain|store:{_NAME}|till:{_NAME}/{_NAME})@(?:0|([1-9][0-9]{{0,17}})\.([0-9a-f]{{8}}))", re.ASCII
)

_TAKE_AND_INSERT: Final = sa.text(
    """
    with counter as (
      update change_counter set n = n + :count where scope = :scope returning n - :count as base
    )
    insert into change (scope, n, kind, key, body, stamp, changed_ms, history)
    select :scope, counter.base + record.position, :kind, record.key, record.body, :stamp, :now_ms, record.history
    from counter, unnest(cast(:keys as text[]), cast(:bodies as text[]), cast(:histories as text[]))
      with ordinality as record (key, body, history, position)
    """
)
# A record that was replaced at least so long ago that whoever still stands before it begins again.
_FORGET_SUPERSEDED: Final = sa.text(
    """
    delete from change where scope = :scope and n > :low and n <= :high and n in (
      select old.n from change old
      where old.scope = :scope and old.n > :low and old.n <= :high and old.changed_ms < :before
        and exists (
          select 1 from change newer
          where newer.scope = old.scope and newer.kind = old.kind and newer.key = old.key
            and newer.n > old.n and newer.changed_ms < :before))
    """
)
# The newest change of the scope stays: its stamp is what the readers' cursors are compared with. So does a
# tombstone that has older records of its key below it: without it, they would come back to life.
_FORGET_TOMBSTONES: Final = sa.text(
    """
    delete from change where scope = :scope and n > :low and n <= :high and body = 'null'
      and changed_ms < :before
      and n < (select n from change_counter where scope = :scope)
      and not exists (
        select 1 from change other
        where other.scope = change.scope and other.kind = change.kind and other.key = change.key
          and other.n <> change.n)
    returning n
    """
)


class Cursor(msgspec.Struct, frozen=True):
    """The last change that a reader applied. n 0: none."""

    scope: str
    n: int = 0
    stamp: str = ""


def store_scope(store: str) -> str:
    return f"store:{store}"


def till_scope(store: str, till: str) -> str:
    return f"till:{store}/{till}"


def may_read(scope: str, role: str, store: str, machine: str) -> bool:
    """A till reads the chain, its store and itself; a relay the chain, its store and that store's tills."""
    if scope in {CHAIN, store_scope(store)}:
        return True
    if role == "relay":
        return scope.startswith(f"till:{store}/")
    return scope == till_scope(store, machine)


def read_cursor(text: str) -> Cursor | None:
    """`scope@n.stamp` or `scope@0`; None if it is neither."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    scope, n, stamp = match.groups()
    return Cursor(scope, int(n or 0), stamp or "")


def cursor_text(cursor: Cursor) -> str:
    """As `read_cursor` reads it."""
    return f"{cursor.scope}@{_text(cursor.n, cursor.stamp)}"


def new_stamp(ids: Ids) -> str:
    """The stamp of one append: 8 hexadecimal digits of chance."""
    return ids.token(_STAMP_BYTES).hex()


def append(
    connection: Connection,
    scope: str,
    kind: str,
    rows: Sequence[tuple[str, str | None]],
    stamp: str,
    now_ms: int,
    history: Mapping[str, str] | None = None,
) -> None:
    """Add records (key, body as JSON; None: gone) to a scope. `history`: key -> what goes beside its record, as JSON.

    This is the last statement of a transaction: until its commit nobody else gets a number of the scope. Who
    appends to several scopes takes them in sorted order.
    """
    if not rows:
        return
    connection.get_execution_options().get(NEWS, set()).add(scope)
    connection.execute(upsert(connection, t.change_counter).values(scope=scope, n=0).on_conflict_do_nothing())
    bodies = [TOMBSTONE if body is None else body for _, body in rows]
    beside = history or {}
    if connection.dialect.name == "postgresql":
        connection.execute(
            _TAKE_AND_INSERT,
            {
                "scope": scope, "kind": kind, "stamp": stamp, "now_ms": now_ms, "count": len(rows),
                "keys": [key for key, _ in rows], "bodies": bodies, "histories": [beside.get(key) for key, _ in rows],
            },
        )  # fmt: skip
        return
    # SQLite has one writer at a time: nobody can come between these two.
    c = t.change_counter.c
    last = connection.execute(
        t.change_counter.update().where(c.scope == scope).values(n=c.n + len(rows)).returning(c.n)
    ).scalar_one()
    connection.execute(
        t.change.insert(),
        [
            {
                "scope": scope, "n": n, "kind": kind, "key": key, "body": body, "stamp": stamp,
                "changed_ms": now_ms, "history": beside.get(key),
            }
            for (n, (key, _)), body in zip(enumerate(rows, last - len(rows) + 1), bodies, strict=True)
        ],
    )  # fmt: skip


def read_changes(
    connection: Connection, cursors: Sequence[Cursor], limit: int, *, mirror: bool = False
) -> list[Changes]:
    """Up to `limit` changes behind the cursors, the limit shared by turns: what one leaves, the others get.

    A cursor that is not this log's has `reset` and is read from the start. A mirror may know less than its
    reader, who also asks the hub: it then has nothing to say, and `head` is the reader's own number.
    """
    answers: list[Changes] = []
    left = limit
    for position, cursor in enumerate(cursors):
        answer = _read_scope(connection, cursor, max(1, left // (len(cursors) - position)), mirror=mirror)
        left -= len(answer.changes)
        answers.append(answer)
    for position, answer in enumerate(answers):
        if left > 0 and answer.changes and answer.cursor < answer.head:
            more = _rows_after(connection, answer.scope, answer.cursor, left)
            left -= len(more)
            answers[position] = _extended(answer, more)
    return answers


def heads(connection: Connection, scopes: Sequence[str] = ()) -> Mapping[str, int]:
    """The newest number of these scopes, or of all; where there is none, the scope is left out."""
    c = t.change_counter.c
    query = sa.select(c.scope, c.n).where(c.n > 0)
    if 0 < len(scopes) <= _SCOPES_NAMED:
        query = query.where(c.scope.in_(scopes))
    return {row.scope: row.n for row in connection.execute(query)}


def forget(connection: Connection, scope: str, after: int, now_ms: int, span: int = 5000) -> int:
    """Drop what nobody needs among the next `span` numbers after `after`; gives where to go on, 0 at the end.

    Gone are records that were superseded more than 30 days ago and, that long after them, tombstones. Readers
    below a dropped tombstone begin again at the start, as they would never hear of it.
    """
    head, floor = _counter(connection, scope)
    window = {
        "scope": scope,
        "low": after,
        "high": after + span,
        "before": now_ms - KEPT_MS,
    }
    connection.execute(_FORGET_SUPERSEDED, window)
    dropped = connection.execute(_FORGET_TOMBSTONES, window).scalars().all()
    if dropped and max(dropped) > floor:
        connection.execute(
            t.change_counter.update().where(t.change_counter.c.scope == scope).values(floor=max(dropped))
        )
    return after + span if after + span < head else 0


def _read_scope(connection: Connection, cursor: Cursor, limit: int, *, mirror: bool) -> Changes:
    # The rows come before the floor: what `forget` drops in between is then noticed.
    rows = _rows_after(connection, cursor.scope, cursor.n, limit)
    head, floor = _counter(connection, cursor.scope)
    if mirror and (cursor.n > head or not head):
        # An unknown scope has at least one change more than the reader: nobody takes its silence for an end.
        return Changes(cursor.scope, (), cursor.n, cursor.n or 1, _text(cursor.n, cursor.stamp), floor=floor)
    if cursor.n > 0 and not _stands(connection, cursor, floor):
        answer = Changes(cursor.scope, (), 0, head, "0", reset=True, floor=floor)
        return _extended(answer, _rows_after(connection, cursor.scope, 0, limit))
    answer = Changes(cursor.scope, (), cursor.n, head, _text(cursor.n, cursor.stamp), floor=floor)
    return _extended(answer, rows)


def _stands(connection: Connection, cursor: Cursor, floor: int) -> bool:
    """Whether a reader may go on from its cursor: its change is still here, and so is all that follows."""
    c = t.change.c
    stamp = connection.execute(
        sa.select(c.stamp).where(c.scope == cursor.scope, c.n == cursor.n)
    ).scalar_one_or_none()
    return stamp == cursor.stamp and cursor.n >= floor


def _extended(answer: Changes, more: tuple[Change, ...]) -> Changes:
    if not more:
        return answer
    last = more[-1]
    return msgspec.structs.replace(
        answer,
        changes=(*answer.changes, *more),
        cursor=last.n,
        head=max(answer.head, last.n),
        next=_text(last.n, last.stamp),
    )


def _text(n: int, stamp: str) -> str:
    return f"{n}.{stamp}" if n else "0"


def _counter(connection: Connection, scope: str) -> tuple[int, int]:
    """Head and floor of a scope."""
    c = t.change_counter.c
    row = connection.execute(sa.select(c.n, c.floor).where(c.scope == scope)).first()
    return (row.n, row.floor) if row is not None else (0, 0)


def _rows_after(connection: Connection, scope: str, after: int, limit: int) -> tuple[Change, ...]:
    c = t.change.c
    rows = connection.execute(
        sa.select(c.n, c.kind, c.key, c.body, c.stamp, c.history)
        .where(c.scope == scope, c.n > after)
        .order_by(c.n)
        .limit(limit)
    )
    return tuple(
        Change(row.n, row.kind, row.key, msgspec.Raw(row.body.encode()), row.stamp, _beside(row.history))
        for row in rows
    )


def _beside(history: str | None) -> msgspec.Raw | None:
    return None if history is None else msgspec.Raw(history.encode())
