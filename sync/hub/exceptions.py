"""What a person must look at: each conflict is noted once, however often what shows it comes again."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import tables as t
from sync.hub.database import insert_or_keep

__all__ = ["Noted", "listing", "note"]

_DETAIL_MAX = 500


class Noted(msgspec.Struct, frozen=True):
    """One exception. `key` tells conflicts of a kind apart; `epoch` and `seq` are 0 where it is about no fact."""

    store: str
    kind: str
    key: str
    till: str
    epoch: int
    seq: int
    detail: str
    noted_ms: int


def note(
    connection: Connection,
    store: str,
    kind: str,
    key: str,
    *,
    detail: str,
    now_ms: int,
    till: str = "",
    epoch: int = 0,
    seq: int = 0,
) -> None:
    """Note a conflict; what is noted under this kind and key already stays as it is."""
    row = {
        "store": store,
        "kind": kind,
        "key": key,
        "till": till,
        "epoch": epoch,
        "seq": seq,
        "detail": detail[:_DETAIL_MAX].replace("\0", ""),
        "noted_ms": now_ms,
    }
    insert_or_keep(connection, t.exception, [row])


def listing(connection: Connection, store: str = "") -> list[Noted]:
    """All exceptions, of one store or of all, oldest first."""
    c = t.exception.c
    query = sa.select(c.store, c.kind, c.key, c.till, c.epoch, c.seq, c.detail, c.noted_ms)
    if store:
        query = query.where(c.store == store)
    rows = connection.execute(query.order_by(c.noted_ms, c.store, c.kind, c.key))
    return [Noted(*row) for row in rows]
