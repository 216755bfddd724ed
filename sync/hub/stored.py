"""Facts and seals as they are stored: written in bulk, read in order, bundled for whoever passes them on."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import StoredFact
from sync.hub import tables as t
from sync.hub.database import Bulk
from sync.wire import BATCH_MAX_BYTES, BATCH_MAX_FACTS, Batch, Seal

__all__ = ["fact_rows", "facts_at", "hash_at", "heads_of", "locked_head", "read_batch", "read_facts", "write"]

FACT_COLUMNS: Final = {
    "store": "text", "till": "text", "epoch": "int8", "seq": "int8", "kind": "text", "version": "int4",
    "wall_ms": "int8", "mono_ms": "int8", "boot_id": "text", "body": "bytea", "hash": "bytea",
    "received_ms": "int8",
}  # fmt: skip
_FACTS: Final = Bulk("fact", FACT_COLUMNS)
_OF_EPOCH: Final = tuple(
    t.till_head.c[name] == sa.bindparam(f"of_{name}") for name in ("store", "till", "epoch")
)
_HEAD: Final = sa.select(t.till_head.c.seq, t.till_head.c.hash).where(*_OF_EPOCH).with_for_update()
_MOVE_HEAD: Final = (
    t.till_head.update()
    .where(*_OF_EPOCH)
    .values(seq=sa.bindparam("now_seq"), hash=sa.bindparam("now_hash", type_=sa.LargeBinary))
)
_KEEP_SEAL: Final = t.seal.insert()
_FACT: Final = (
    t.fact.c.epoch, t.fact.c.seq, t.fact.c.kind, t.fact.c.version, t.fact.c.wall_ms, t.fact.c.mono_ms, t.fact.c.boot_id,
    t.fact.c.body, t.fact.c.hash,
)  # fmt: skip
_AFTER: Final = (
    sa.select(*_FACT)
    .where(*(t.fact.c[name] == sa.bindparam(f"of_{name}") for name in ("store", "till", "epoch")))
    .where(t.fact.c.seq > sa.bindparam("after_seq"))
    .order_by(t.fact.c.seq)
    .limit(sa.bindparam("at_most"))
)
_PLACES: Final = sa.select(t.fact.c.till, *_FACT).where(
    t.fact.c.store == sa.bindparam("of_store"),
    sa.tuple_(t.fact.c.till, t.fact.c.epoch, t.fact.c.seq).in_(sa.bindparam("places", expanding=True)),
)
# What a fact takes in a batch's JSON beside its body.
_JSON_OF_A_FACT: Final = 400


def write(
    connection: Connection, batch: Batch, facts: Sequence[StoredFact], seal: Seal | None, now_ms: int
) -> None:
    """Insert facts that follow the head, under its lock, move the head, and keep the seal of the last."""
    _FACTS.insert(connection, fact_rows(batch, facts, now_ms))
    last = facts[-1]
    moved = connection.execute(
        _MOVE_HEAD,
        {
            "of_store": batch.store, "of_till": batch.till, "of_epoch": batch.epoch,
            "now_seq": last.seq, "now_hash": last.hash,
        },
    )  # fmt: skip
    assert moved.rowcount == 1
    if seal is not None:
        connection.execute(_KEEP_SEAL, seal_row(batch, seal))


def locked_head(connection: Connection, store: str, till: str, epoch: int) -> tuple[int, bytes] | None:
    """The epoch's newest fact, locked until the transaction ends; None before its first."""
    row = connection.execute(_HEAD, {"of_store": store, "of_till": till, "of_epoch": epoch}).first()
    return (row.seq, bytes(row.hash)) if row is not None else None


def fact_rows(batch: Batch, facts: Sequence[StoredFact], now_ms: int) -> list[tuple[Any, ...]]:
    """In the order of FACT_COLUMNS."""
    store, till = batch.store, batch.till
    return [
        (
            store, till, fact.epoch, fact.seq, fact.kind, fact.version, fact.wall_ms, fact.mono_ms,
            fact.boot_id, fact.body, fact.hash, now_ms,
        )
        for fact in facts
    ]  # fmt: skip


def seal_row(batch: Batch, seal: Seal) -> dict[str, Any]:
    return {
        "store": batch.store,
        "till": batch.till,
        "epoch": batch.epoch,
        "last_seq": seal.last_seq,
        "first_seq": seal.first_seq,
        "last_hash": seal.last_hash,
        "key_id": seal.key_id,
        "signature": seal.signature,
    }


def read_facts(
    connection: Connection, store: str, till: str, *, epoch: int, after_seq: int, limit: int
) -> list[StoredFact]:
    """Stored facts of one epoch in order."""
    of = {
        "of_store": store,
        "of_till": till,
        "of_epoch": epoch,
        "after_seq": after_seq,
        "at_most": limit,
    }
    return [StoredFact(*row[:7], bytes(row[7]), bytes(row[8])) for row in connection.execute(_AFTER, of)]


def facts_at(
    connection: Connection, store: str, places: Sequence[tuple[str, int, int]]
) -> dict[tuple[str, int, int], StoredFact]:
    """The facts at these places (till, epoch, seq), in one query; what is not there is left out."""
    if not places:
        return {}
    rows = connection.execute(_PLACES, {"of_store": store, "places": list(places)})
    return {(row[0], row[1], row[2]): StoredFact(*row[1:8], bytes(row[8]), bytes(row[9])) for row in rows}


def read_batch(
    connection: Connection,
    store: str,
    till: str,
    *,
    epoch: int,
    after_seq: int,
    limit: int = BATCH_MAX_FACTS,
    max_bytes: int = BATCH_MAX_BYTES,
) -> Batch | None:
    """The facts after a seq up to the newest seal within the limits, with that seal unchanged; None for no facts.

    If the next seal lies beyond the limits, the run up to it comes all the same: a till sealed it as one batch.
    Facts from before a node asked for seals have none and go without.
    """
    facts = read_facts(connection, store, till, epoch=epoch, after_seq=after_seq, limit=limit)
    if not facts:
        return None
    seals = _seals_after(connection, store, till, epoch, after_seq, limit)
    upto = _fitting(facts, max_bytes)
    seal = next((seal for seal in reversed(seals) if seal.last_seq <= upto), seals[0] if seals else None)
    if seal is not None:
        upto = seal.last_seq
        if upto > facts[-1].seq:
            facts = read_facts(
                connection, store, till, epoch=epoch, after_seq=after_seq, limit=BATCH_MAX_FACTS
            )
    chosen = tuple(fact for fact in facts if fact.seq <= upto)
    previous = _hash_before(connection, store, till, epoch, chosen[0].seq)
    return Batch(store, till, epoch, chosen[0].seq, previous, chosen, seal)


def heads_of(connection: Connection, store: str, till: str) -> list[tuple[int, int, bytes]]:
    """Epoch, seq and hash of the newest fact of each epoch, oldest epoch first."""
    c = t.till_head.c
    rows = connection.execute(
        sa.select(c.epoch, c.seq, c.hash).where(c.store == store, c.till == till).order_by(c.epoch)
    )
    return [(row.epoch, row.seq, bytes(row.hash)) for row in rows]


def hash_at(connection: Connection, store: str, till: str, epoch: int, seq: int) -> bytes | None:
    """The hash of a stored fact; None where this node has none."""
    c = t.fact.c
    found = connection.execute(
        sa.select(c.hash).where(c.store == store, c.till == till, c.epoch == epoch, c.seq == seq)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def _seals_after(
    connection: Connection, store: str, till: str, epoch: int, after_seq: int, limit: int
) -> list[Seal]:
    c = t.seal.c
    rows = connection.execute(
        sa.select(c.first_seq, c.last_seq, c.last_hash, c.key_id, c.signature)
        .where(c.store == store, c.till == till, c.epoch == epoch, c.last_seq > after_seq)
        .order_by(c.last_seq)
        .limit(limit)
    )
    return [
        Seal(row.first_seq, row.last_seq, bytes(row.last_hash), row.key_id, bytes(row.signature))
        for row in rows
    ]


def _fitting(facts: Sequence[StoredFact], max_bytes: int) -> int:
    """The last seq up to which the facts' JSON stays below `max_bytes`; at least the first one's."""
    size = 0
    for fact in facts:
        size += _JSON_OF_A_FACT + (len(fact.body) * 4 + 2) // 3
        if size > max_bytes:
            return max(fact.seq - 1, facts[0].seq)
    return facts[-1].seq


def _hash_before(connection: Connection, store: str, till: str, epoch: int, seq: int) -> bytes:
    """What the first fact of a batch follows: it stands with the epoch's beginning, or is the fact before."""
    c = t.till_head.c
    row = connection.execute(
        sa.select(c.first_seq, c.first_prev_hash).where(c.store == store, c.till == till, c.epoch == epoch)
    ).one()
    if row.first_seq == seq:
        return bytes(row.first_prev_hash)
    found = hash_at(connection, store, till, epoch, seq - 1)
    assert found is not None
    return found
