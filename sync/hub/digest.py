"""Figures and digests over all that the hub holds, to compare it with tills, copies and other databases."""

import hashlib
from collections import Counter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import FactError
from sync.hub import tables as t
from sync.hub.projector import figures_of

__all__ = ["Digest", "digest"]

_ROWS_AT_ONCE = 1000


class Digest(msgspec.Struct, frozen=True):
    """`digest` is over the facts' identity and hash, `projections` over receipts, day totals, parked carts and poison.

    Sales and gross amounts are counted from the facts, without training; `gross_minor` is the one sum there is,
    None where sales were in several currencies. The order of rows and
    the times of arrival do not matter.
    """

    facts: int
    kinds: dict[str, int]
    tills: dict[str, dict[str, int]]
    sales: int
    gross_minor: int | None
    gross_by_currency: dict[str, int]
    unreadable: int
    quarantined: int
    digest: str
    projections: str


def digest(connection: Connection) -> Digest:
    kinds: Counter[str] = Counter()
    gross: Counter[str] = Counter()
    sales = unreadable = 0
    tills: dict[str, dict[str, int]] = {}
    hasher = hashlib.sha256()
    c = t.till_head.c
    heads = sorted(tuple(row) for row in connection.execute(sa.select(c.store, c.till, c.epoch, c.seq)))
    for store, till, epoch, seq in heads:
        tills.setdefault(f"{store}/{till}", {})[str(epoch)] = seq
        for row in _facts_of(connection, store, till, epoch):
            kinds[row.kind] += 1
            hasher.update(f"{store}\x1f{till}\x1f{epoch}\x1f{row.seq}\n".encode())
            hasher.update(row.hash)
            try:
                sale = figures_of(row.kind, row.version, row.body)
            except FactError:
                unreadable += 1
                continue
            if sale is not None and not sale.training:
                sales += 1
                gross[sale.currency] += sale.total_minor
    return Digest(
        facts=kinds.total(),
        kinds=dict(sorted(kinds.items())),
        tills=tills,
        sales=sales,
        gross_minor=gross.total() if len(gross) <= 1 else None,
        gross_by_currency=dict(sorted(gross.items())),
        unreadable=unreadable,
        quarantined=_count(connection, t.quarantine),
        digest=hasher.hexdigest(),
        projections=projections_digest(connection),
    )


def projections_digest(connection: Connection) -> str:
    """SHA-256 over the sorted rows of the live generations; when a fact was found to be poison does not count."""
    hasher = hashlib.sha256()
    g = t.generation.c
    for table, hidden in (
        (t.receipt, {"generation"}),
        (t.day_total, {"generation"}),
        (t.cart_move, {"generation"}),
        (t.poison, {"generation", "reason", "noted_ms"}),
    ):
        live = sa.and_(g.store == table.c.store, g.live == table.c.generation)
        query = sa.select(*(column for column in table.c if column.name not in hidden)).select_from(
            table.join(t.generation, live)
        )
        for line in sorted("\x1f".join(map(_plain, row)) for row in connection.execute(query)):
            hasher.update(line.encode() + b"\n")
        hasher.update(b"\n")
    return hasher.hexdigest()


def _facts_of(connection: Connection, store: str, till: str, epoch: int) -> Any:
    c = t.fact.c
    query = (
        sa.select(c.seq, c.kind, c.version, c.body, c.hash)
        .where(c.store == store, c.till == till, c.epoch == epoch)
        .order_by(c.seq)
    )
    return connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _plain(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(int(value)) if isinstance(value, bool) else str(value)
