"""The articles of the chain as they were brought in; what is new or differs becomes changes of the scope `chain`."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.article_record import RecordRefusedError, change_of
from sync.hub import tables as t
from sync.hub.changes import CHAIN, append
from sync.hub.database import upsert
from sync.hub.records import RecordError
from sync.hub.shop.catalogue.history import note_prices
from sync.hub.shop.catalogue.index import index_articles, without_media
from sync.hub.shop.catalogue.messages import Media
from sync.hub.shop.catalogue.price_lists import with_list_prices

__all__ = ["RECORD_MAX_BYTES", "ArticleRecord", "put_articles", "read_article"]

RECORD_MAX_BYTES: Final = 64 * 1024
_SKU_MAX: Final = 64
_MEDIA_MAX: Final = 20
_UPSERT_POSTGRESQL: Final = sa.text(
    """
    insert into article (sku, body)
    select sku, body from unnest(cast(:skus as text[]), cast(:bodies as text[])) as record (sku, body)
    on conflict (sku) do update set body = excluded.body
    """
)


class ArticleRecord(msgspec.Struct, frozen=True):
    """An article as it was sent: `body` is its JSON, kept as it is."""

    sku: str
    body: str


def read_article(line: bytes) -> ArticleRecord:
    """One line of NDJSON, by the rules of the tills that are to read it. Raises RecordError."""
    if len(line) > RECORD_MAX_BYTES:
        raise RecordError(f"a record holds at most {RECORD_MAX_BYTES} bytes")
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"this is no JSON object: {error}") from error
    sku = record.get("sku")
    if not isinstance(sku, str) or not 0 < len(sku) <= _SKU_MAX or not sku.isprintable():
        raise RecordError(f"an article has a sku of 1 to {_SKU_MAX} printable characters", "sku")
    if b"\\u0000" in line:
        raise RecordError("an article holds no NUL characters")
    if "list_prices" in record:
        raise RecordError("prices in lists are brought in by /catalogue/list-prices", "list_prices")
    try:
        change_of(without_media(record))
        msgspec.convert(
            record.get("media", ()), Annotated[tuple[Media, ...], msgspec.Meta(max_length=_MEDIA_MAX)]
        )
    except msgspec.ValidationError as error:
        raise RecordError(f"article {sku}: media: {error}", "media") from error
    except RecordRefusedError as error:
        raise RecordError(str(error), error.field) from error
    return ArticleRecord(sku, line.decode().strip())


def put_articles(connection: Connection, records: Sequence[ArticleRecord], stamp: str, now_ms: int) -> int:
    """Insert or replace articles; each that is new or differs is one change. Counts the changes."""
    newest = {record.sku: record.body for record in records}
    found = connection.execute(
        sa.select(t.article.c.sku, t.article.c.body).where(t.article.c.sku.in_(sorted(newest)))
    )
    known = {row.sku: row.body for row in found}
    # Compared as JSON: a sheet orders fields in its own way. Sorted, so that two imports at once take their locks in the same order.
    rows = [(sku, body) for sku, body in sorted(newest.items()) if not _same(known.get(sku), body)]
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        columns = {"skus": [sku for sku, _ in rows], "bodies": [body for _, body in rows]}
        connection.execute(_UPSERT_POSTGRESQL, columns)
    else:
        insert = upsert(connection, t.article)
        connection.execute(
            insert.on_conflict_do_update(index_elements=["sku"], set_={"body": insert.excluded.body}),
            [{"sku": sku, "body": body} for sku, body in rows],
        )
    index_articles(connection, rows)
    # Read behind the write, which holds the articles' rows: who brings prices in lists waits, or is seen here.
    told = list(with_list_prices(connection, dict(rows)).items())
    history = note_prices(connection, told, with_list_prices(connection, known), now_ms)
    append(connection, CHAIN, "article", told, stamp, now_ms, history)
    return len(rows)


def _same(known: str | None, body: str) -> bool:
    return known is not None and (known == body or _canonical(known) == _canonical(body))


def _canonical(body: str) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(body), order="sorted")
