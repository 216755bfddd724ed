"""What goes down to the tills: numbered changes by scope, and the articles that are the first of them.

A scope's numbers have no gaps and appear in order: the counter is taken in the last statement before the
commit, under its row's lock, so a reader that has seen n can never find a smaller number later.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import tables as t
from sync.hub.ledger import upsert
from sync.wire import Change, Changes

__all__ = ["CHAIN", "ArticleRecord", "RecordError", "changes_after", "put_articles", "read_article"]

CHAIN: Final = "chain"
RECORD_MAX_BYTES: Final = 64 * 1024
_SKU_MAX: Final = 64

_TAKE_AND_INSERT: Final = sa.text(
    """
    with counter as (
      update change_counter set n = n + :count where scope = :scope returning n - :count as base
    )
    insert into change (scope, n, kind, key, body, changed_ms)
    select :scope, counter.base + record.position, :kind, record.key, record.body, :now_ms
    from counter, unnest(cast(:keys as text[]), cast(:bodies as text[]))
      with ordinality as record (key, body, position)
    """
)


class RecordError(ValueError):
    """A record cannot be taken; the text says why."""


class ArticleRecord(msgspec.Struct, frozen=True):
    """An article as it was sent: `body` is its JSON, kept as it is."""

    sku: str
    body: str


def read_article(line: bytes) -> ArticleRecord:
    """One line of NDJSON. Raises RecordError."""
    if len(line) > RECORD_MAX_BYTES:
        raise RecordError(f"a record holds at most {RECORD_MAX_BYTES} bytes")
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"this is no JSON object: {error}") from error
    sku = record.get("sku")
    if not isinstance(sku, str) or not 0 < len(sku) <= _SKU_MAX or not sku.isprintable():
        raise RecordError(f"an article has a sku of 1 to {_SKU_MAX} printable characters")
    if b"\\u0000" in line:
        raise RecordError("an article holds no NUL characters")
    return ArticleRecord(sku, line.decode().strip())


def put_articles(connection: Connection, records: Sequence[ArticleRecord], now_ms: int) -> int:
    """Insert or replace articles; each that is new or differs is one change. Counts the changes."""
    newest = {record.sku: record.body for record in records}
    found = connection.execute(
        sa.select(t.article.c.sku, t.article.c.body).where(t.article.c.sku.in_(sorted(newest)))
    )
    known = {row.sku: row.body for row in found}
    # Sorted, so that two imports at once take their locks in the same order.
    rows = [(sku, body) for sku, body in sorted(newest.items()) if known.get(sku) != body]
    if not rows:
        return 0
    insert = upsert(connection, t.article)
    connection.execute(
        insert.on_conflict_do_update(index_elements=["sku"], set_={"body": insert.excluded.body}),
        [{"sku": sku, "body": body} for sku, body in rows],
    )
    _append(connection, CHAIN, "article", rows, now_ms)
    return len(rows)


def changes_after(connection: Connection, scope: str, after: int, limit: int) -> Changes:
    """Up to `limit` changes after number `after`, in order."""
    c = t.change.c
    rows = connection.execute(
        sa.select(c.n, c.kind, c.key, c.body).where(c.scope == scope, c.n > after).order_by(c.n).limit(limit)
    ).all()
    head = connection.execute(
        sa.select(t.change_counter.c.n).where(t.change_counter.c.scope == scope)
    ).scalar_one_or_none()
    found = tuple(Change(row.n, row.kind, row.key, msgspec.Raw(row.body.encode())) for row in rows)
    cursor = found[-1].n if found else after
    return Changes(scope, found, cursor, max(head or 0, found[-1].n if found else 0))


def _append(
    connection: Connection, scope: str, kind: str, rows: Sequence[tuple[str, str]], now_ms: int
) -> None:
    connection.execute(upsert(connection, t.change_counter).values(scope=scope, n=0).on_conflict_do_nothing())
    if connection.dialect.name == "postgresql":
        connection.execute(
            _TAKE_AND_INSERT,
            {
                "scope": scope, "kind": kind, "now_ms": now_ms, "count": len(rows),
                "keys": [key for key, _ in rows], "bodies": [body for _, body in rows],
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
            {"scope": scope, "n": n, "kind": kind, "key": key, "body": body, "changed_ms": now_ms}
            for n, (key, body) in enumerate(rows, last - len(rows) + 1)
        ],
    )
