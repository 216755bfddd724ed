"""Keeps codes, words and deposits in step with the articles' records, in the transaction that brings these."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.article_record import ArticleChanged, RecordRefusedError, change_of
from pos.domain.codes import read_code
from pos.domain.folding import index_text
from sync.hub.database import upsert
from sync.hub.shop.catalogue import tables as t

__all__ = ["index_articles", "without_media"]

_CODES_MAX = 50
_AT_ONCE = 5_000


def without_media(record: dict[str, Any]) -> dict[str, Any]:
    """The record as tills read it; pictures are for other channels."""
    return {name: value for name, value in record.items() if name != "media"}


def index_articles(connection: Connection, rows: Sequence[tuple[str, str]]) -> None:
    """Take up records (sku, body as JSON) that are new or differ. A code that was another article's is now this one's."""
    codes: dict[str, str] = {}
    words: set[tuple[bytes, str]] = set()
    deposits: dict[str, bytes] = {}
    for sku, body in rows:
        try:
            change = change_of(without_media(msgspec.json.decode(body)))
        except RecordRefusedError:
            continue  # as an older hub took it: no till sells it, and no channel finds it
        if not isinstance(change, ArticleChanged):
            continue
        article = change.article
        texts = (*change.codes[:_CODES_MAX], *filter(None, (article.gtin,)))
        codes |= {code.key: sku for code in map(read_code, texts) if code.key}
        words |= {(word.encode(), sku) for word in index_text(article.text).split()}
        if article.deposit is not None:
            deposits[article.deposit.sku] = msgspec.json.encode(article.deposit)
    skus = [sku for sku, _ in rows]
    for table in (t.article_code, t.article_word):
        connection.execute(table.delete().where(table.c.sku.in_(skus)))
    _put(connection, t.article_code, ({"key": key, "sku": sku} for key, sku in sorted(codes.items())), "sku")
    _put(connection, t.article_word, ({"word": word, "sku": sku} for word, sku in sorted(words)), "")
    _put(
        connection,
        t.article_deposit,
        ({"sku": sku, "body": body} for sku, body in sorted(deposits.items())),
        "body",
    )


def _put(connection: Connection, table: sa.Table, rows: Iterable[dict[str, Any]], newest: str) -> None:
    """Insert; where the key is there already, take the new `newest`."""
    listed = list(rows)
    insert = upsert(connection, table)
    if newest:
        keys = [column.name for column in table.primary_key.columns]
        statement = insert.on_conflict_do_update(index_elements=keys, set_={newest: insert.excluded[newest]})
    else:
        statement = insert.on_conflict_do_nothing()
    for at in range(0, len(listed), _AT_ONCE):
        connection.execute(statement, listed[at : at + _AT_ONCE])
