"""The promotions of the chain: rows that every till can read, as changes of the scope `chain`. One that is to end is
sent again with `active` false.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.promotions.record import RowRefusedError, read_row
from sync.hub import tables as t
from sync.hub.changes import CHAIN, append
from sync.hub.records import RecordError
from sync.hub.shop.catalogue.history import note_promotions

__all__ = ["RECORD_MAX_BYTES", "PromotionRecord", "put_promotions", "read_promotion"]

RECORD_MAX_BYTES: Final = 256 * 1024
_KIND: Final = "promotion"
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class PromotionRecord(msgspec.Struct, frozen=True):
    """A row under its id; `body` is its JSON as tills read it."""

    id: str
    body: str


def read_promotion(line: bytes) -> PromotionRecord:
    """One line of NDJSON, by the rules of the tills that are to price with it. Raises RecordError with every fault."""
    if len(line) > RECORD_MAX_BYTES:
        raise RecordError(f"a record holds at most {RECORD_MAX_BYTES} bytes")
    try:
        row = read_row(_decoder.decode(line))
        body = msgspec.json.encode(row).decode()
    except RowRefusedError as error:
        raise RecordError(str(error), error.faults[0].field) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"this is no JSON object: {error}") from error
    if "\\u0000" in body:
        raise RecordError("a promotion holds no NUL characters")
    return PromotionRecord(row.id, body)


def put_promotions(
    connection: Connection, records: Sequence[PromotionRecord], stamp: str, now_ms: int
) -> int:
    """Insert or replace rows; each that is new or differs from its newest change is one change. Counts the changes."""
    newest = {record.id: record.body for record in records}
    c = t.change.c
    found = connection.execute(
        sa.select(c.key, c.body)
        .where(c.scope == CHAIN, c.kind == _KIND, c.key.in_(sorted(newest)))
        .order_by(c.n)
    )
    known = {row.key: row.body for row in found}
    rows = [(name, body) for name, body in sorted(newest.items()) if known.get(name) != body]
    history = note_promotions(connection, rows, now_ms) if rows else {}
    append(connection, CHAIN, _KIND, rows, stamp, now_ms, history)
    return len(rows)
