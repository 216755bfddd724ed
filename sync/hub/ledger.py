"""Takes facts in and never loses, doubles or refuses one: plain functions over a connection.

A till's facts are taken in under the lock of its epoch's head, so what the hub holds of an epoch is always
a prefix of what the till wrote. Under that lock a fact is new exactly when its seq is above the head's: the
hot path inserts without asking for conflicts. Nothing here commits; the caller's transaction does.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pos.facts import GENESIS, StoredFact, hash_of
from sync.hub import tables as t
from sync.hub.database import Bulk
from sync.wire import BATCH_MAX_FACTS, Ack, Batch, Fork, Gap, Hello, Problem, ShopInfo, Welcome, encode_json

__all__ = ["find_receipt", "hello", "ingest", "link_key", "read_facts", "shop_of", "upsert"]

_COLUMNS: Final = {
    "store": "text", "till": "text", "epoch": "int8", "seq": "int8", "kind": "text", "version": "int4",
    "wall_ms": "int8", "mono_ms": "int8", "boot_id": "text", "body": "bytea", "hash": "bytea",
    "received_ms": "int8",
}  # fmt: skip
_FACTS: Final = Bulk("fact", _COLUMNS)
_INT8_MAX: Final = 2**63 - 1
_INT4_MAX: Final = 2**31 - 1
_WORD_MAX: Final = 64
LINK_KEY_BYTES: Final = 32


def hello(connection: Connection, message: Hello, new_key: bytes, public_url: str, now_ms: int) -> Welcome:
    """Remember the till and say where its facts stand. `new_key` is used if the store has none yet."""
    key = link_key(connection, message.store)
    if key is None:
        _insert_or_keep(
            connection, t.store_key, {"store": message.store, "link_key": new_key, "created_ms": now_ms}
        )
        key = link_key(connection, message.store)
        assert key is not None
    _remember_till(connection, message, now_ms)
    heads = connection.execute(
        sa.select(t.till_head.c.epoch, t.till_head.c.seq, t.till_head.c.hash)
        .where(t.till_head.c.store == message.store, t.till_head.c.till == message.till)
        .order_by(t.till_head.c.epoch)
    ).all()
    upto = [head for head in heads if head.epoch <= message.epoch]
    epoch, seq, hash_ = tuple(upto[-1]) if upto else (0, 0, GENESIS)
    return Welcome(
        key, public_url, epoch, seq, bytes(hash_), now_ms, latest_epoch=heads[-1].epoch if heads else 0
    )


def link_key(connection: Connection, store: str) -> bytes | None:
    """The key of a store's receipt links, None for a store that no till ever reported from."""
    key = connection.execute(
        sa.select(t.store_key.c.link_key).where(t.store_key.c.store == store)
    ).scalar_one_or_none()
    return None if key is None else bytes(key)


def ingest(connection: Connection, batch: Batch, now_ms: int) -> Ack | Gap | Fork | Problem:
    """Store a batch, or say why not; the same batch again is an Ack.

    A Problem means that the bytes are not what any till wrote (a broken chain, numbers with holes): damage on
    the way or a fault of the program, never a rule of business.
    """
    fault = fault_of(batch)
    if fault:
        return Problem(400, "This batch does not hold together", fault)
    head = _locked_head(connection, batch.store, batch.till, batch.epoch)
    first, last = batch.facts[0], batch.facts[-1]
    if head is None:
        if first.seq != 1 and first.kind != "epoch.opened":
            return Gap(expected_seq=1)
        _begin_epoch(connection, batch)
        head = _locked_head(connection, batch.store, batch.till, batch.epoch)
        assert head is not None
    head_seq, head_hash = head
    if first.seq > head_seq + 1:
        return Gap(expected_seq=head_seq + 1)
    if first.seq == head_seq + 1:
        if batch.prev_hash != head_hash:
            _quarantine(connection, batch, 0, now_ms)
            return Fork(seq=head_seq, hub_hash=head_hash)
        return _append(connection, batch, batch.facts, now_ms)

    fork_at = _first_difference(connection, batch, head_seq)
    if fork_at is not None:
        index, hub_hash = fork_at
        _quarantine(connection, batch, index, now_ms)
        return Fork(seq=batch.facts[index].seq, hub_hash=hub_hash)
    if last.seq <= head_seq:
        return Ack(batch.epoch, head_seq, head_hash, now_ms)
    return _append(connection, batch, batch.facts[head_seq - first.seq + 1 :], now_ms)


def fault_of(batch: Batch) -> str:
    """What does not hold together in a batch by itself, in words; empty if all does."""
    if not 1 <= len(batch.facts) <= BATCH_MAX_FACTS:
        return f"a batch holds 1 to {BATCH_MAX_FACTS} facts, not {len(batch.facts)}"
    if batch.epoch < 1 or batch.first_seq < 1:
        return "epochs and numbers begin at 1"
    sound: set[tuple[str, str]] = set()
    previous = batch.prev_hash
    for expected, fact in enumerate(batch.facts, batch.first_seq):
        if (fact.epoch, fact.seq) != (batch.epoch, expected):
            return f"fact {fact.epoch}/{fact.seq} stands where {batch.epoch}/{expected} belongs"
        words = (fact.kind, fact.boot_id)  # few in each batch: looked at once
        if words not in sound:
            if not _is_word(fact.kind) or not _is_word(fact.boot_id, empty=True):
                return f"fact {expected}: kind and boot_id are up to {_WORD_MAX} printable characters"
            sound.add(words)
        if (
            not 0 <= fact.version <= _INT4_MAX
            or max(abs(fact.wall_ms), abs(fact.mono_ms), fact.seq) > _INT8_MAX
        ):
            return f"fact {expected}: a number is out of range"
        previous = hash_of(previous, batch.store, batch.till, fact)
        if fact.hash != previous:
            return f"fact {expected}: its hash does not follow from its bytes and the fact before it"
    return ""


def read_facts(
    connection: Connection, store: str, till: str, *, epoch: int, after_seq: int, limit: int
) -> list[StoredFact]:
    """Stored facts of one epoch in order."""
    c = t.fact.c
    rows = connection.execute(
        sa.select(
            c.epoch, c.seq, c.kind, c.version, c.wall_ms, c.mono_ms, c.boot_id, c.body, c.hash
        )
        .where(c.store == store, c.till == till, c.epoch == epoch, c.seq > after_seq)
        .order_by(c.seq)
        .limit(limit)
    )  # fmt: skip
    return [StoredFact(*row[:7], bytes(row[7]), bytes(row[8])) for row in rows]


def find_receipt(connection: Connection, store: str, token: bytes) -> tuple[str, StoredFact] | None:
    """The till and the fact of a sale by the token of its link; None until it is here."""
    c = t.receipt.c
    found = connection.execute(
        sa.select(c.till, c.epoch, c.seq)
        .where(c.store == store, c.token == token)
        .order_by(c.till, c.epoch, c.seq)
        .limit(1)
    ).first()
    if found is None:
        return None
    facts = read_facts(connection, store, found.till, epoch=found.epoch, after_seq=found.seq - 1, limit=1)
    return found.till, facts[0]


def shop_of(connection: Connection, store: str, till: str = "") -> ShopInfo | None:
    """Who sells: as the till itself says, or, for `till` empty, as the till that reported last."""
    query = sa.select(t.till.c.shop).where(t.till.c.store == store, t.till.c.shop != "")
    if till:
        query = query.where(t.till.c.till == till)
    shop = connection.execute(query.order_by(t.till.c.last_hello_ms.desc()).limit(1)).scalar_one_or_none()
    return msgspec.json.decode(shop, type=ShopInfo) if shop else None


def _is_word(text: str, *, empty: bool = False) -> bool:
    return len(text) <= _WORD_MAX and text.isprintable() and bool(text or empty)


def _locked_head(connection: Connection, store: str, till: str, epoch: int) -> tuple[int, bytes] | None:
    """The epoch's newest fact, locked until the transaction ends; None before its first."""
    c = t.till_head.c
    query = (
        sa.select(c.seq, c.hash).where(c.store == store, c.till == till, c.epoch == epoch).with_for_update()
    )
    row = connection.execute(query).first()
    return (row.seq, bytes(row.hash)) if row is not None else None


def _begin_epoch(connection: Connection, batch: Batch) -> None:
    """The head's row for a new epoch, just before this batch, unless another batch came first."""
    row = {
        "store": batch.store,
        "till": batch.till,
        "epoch": batch.epoch,
        "seq": batch.first_seq - 1,
        "hash": batch.prev_hash,
    }
    _insert_or_keep(connection, t.till_head, row)


def _append(connection: Connection, batch: Batch, facts: Sequence[StoredFact], now_ms: int) -> Ack:
    """Insert facts that follow the head, and move the head."""
    _FACTS.insert(connection, [_row(batch, fact, now_ms) for fact in facts])
    last, c = facts[-1], t.till_head.c
    moved = connection.execute(
        t.till_head.update()
        .where(c.store == batch.store, c.till == batch.till, c.epoch == batch.epoch)
        .values(seq=last.seq, hash=last.hash)
    )
    assert moved.rowcount == 1
    return Ack(batch.epoch, last.seq, last.hash, now_ms)


def _first_difference(connection: Connection, batch: Batch, head_seq: int) -> tuple[int, bytes] | None:
    """Index and our hash of the first fact that we hold otherwise. Compares every stored byte."""
    stored = {
        fact.seq: fact
        for fact in read_facts(
            connection,
            batch.store,
            batch.till,
            epoch=batch.epoch,
            after_seq=batch.first_seq - 1,
            limit=min(head_seq, batch.facts[-1].seq) - batch.first_seq + 1,
        )
    }
    for index, fact in enumerate(batch.facts):
        if fact.seq > head_seq:
            break
        ours = stored.get(fact.seq)
        if ours != fact:
            return index, ours.hash if ours else GENESIS
    return None


def _quarantine(connection: Connection, batch: Batch, index: int, now_ms: int) -> None:
    """Keep the other branch from `index` on; the same branch again changes nothing."""
    previous = batch.facts[index - 1].hash if index else batch.prev_hash
    for fact in batch.facts[index:]:
        row = dict(zip(_COLUMNS, _row(batch, fact, now_ms), strict=True))
        _insert_or_keep(connection, t.quarantine, {**row, "prev_hash": previous})
        previous = fact.hash


def _row(batch: Batch, fact: StoredFact, now_ms: int) -> tuple[Any, ...]:
    return (
        batch.store, batch.till, fact.epoch, fact.seq, fact.kind, fact.version, fact.wall_ms, fact.mono_ms,
        fact.boot_id, fact.body, fact.hash, now_ms,
    )  # fmt: skip


def _remember_till(connection: Connection, message: Hello, now_ms: int) -> None:
    shop = encode_json(message.shop).decode() if message.shop else ""
    row = {
        "store": message.store,
        "till": message.till,
        "epoch": message.epoch,
        "software": message.software[:200].replace("\0", ""),
        "shop": shop,
        "first_hello_ms": now_ms,
        "last_hello_ms": now_ms,
    }
    news = ("epoch", "software", "last_hello_ms", *(("shop",) if shop else ()))
    connection.execute(
        upsert(connection, t.till)
        .values(row)
        .on_conflict_do_update(index_elements=["store", "till"], set_={name: row[name] for name in news})
    )


def _insert_or_keep(connection: Connection, table: sa.Table, row: dict[str, Any]) -> None:
    connection.execute(upsert(connection, table).values(row).on_conflict_do_nothing())


def upsert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
