"""Takes facts in and never loses, doubles or refuses one: plain functions over a connection.

A till's facts are taken in under the lock of its epoch's head, so what the hub holds of an epoch is always
a prefix of what the till wrote. Under that lock a fact is new exactly when its seq is above the head's: the
hot path inserts without asking for conflicts. Nothing here commits; the caller's transaction does.
What is answered in which case: docs/protocol.md, section 4.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import GENESIS, StoredFact, hash_of
from sync.hub import openings, quarantine
from sync.hub import tables as t
from sync.hub.database import insert_or_keep, upsert
from sync.hub.exceptions import note
from sync.hub.rights import Intake, Key
from sync.hub.standing import (
    LINK_KEY_BYTES,
    hello,
    link_key,
    note_replaced,
    note_upstream,
    shop_of,
    upstream_of,
    went_on,
)
from sync.hub.stored import hash_at, locked_head, read_batch, read_facts, write
from sync.keys import verify
from sync.wire import BATCH_MAX_FACTS, Ack, Batch, Fork, Gap, Problem, seal_bytes

__all__ = [
    "LINK_KEY_BYTES",
    "REVOKED",
    "fault_of",
    "find_receipt",
    "hello",
    "ingest",
    "link_key",
    "note_upstream",
    "read_batch",
    "read_facts",
    "shop_of",
    "upsert",
]

REVOKED: Final = "urn:tresen:problem:revoked"
_INT8_MAX: Final = 2**63 - 1
_INT4_MAX: Final = 2**31 - 1
_WORD_MAX: Final = 64


def ingest(
    connection: Connection, batch: Batch, now_ms: int, intake: Intake | None = None
) -> Ack | Gap | Fork | Problem:
    """Store a batch, or say why not; the same batch again is an Ack. Acks are not signed yet.

    A Problem 400 means that the bytes are not what any till wrote (a broken chain, numbers with holes, a seal
    that does not hold): damage on the way, a fault of the program or an attack, never a rule of business.
    """
    intake = intake or Intake()
    fault = fault_of(batch)
    if fault:
        return Problem(400, "This batch does not hold together", fault)
    key, fault = _sealed_by(connection, batch, intake)
    if fault:
        return Problem(400, "The seal of this batch does not hold", fault)
    head = locked_head(connection, batch.store, batch.till, batch.epoch)
    if key is not None:
        refused = _out_of_right(connection, batch, key, head, now_ms)
        if refused is not None:
            return refused
        if key.last_epoch is not None:
            _note_late(connection, batch, head, intake, now_ms)
    if head is None:
        begun = _begin_epoch(connection, batch, intake, now_ms)
        if begun is not None:
            return begun
        head = locked_head(connection, batch.store, batch.till, batch.epoch)
        assert head is not None
    return _follow(connection, batch, head, intake, now_ms)


def _follow(
    connection: Connection, batch: Batch, head: tuple[int, bytes], intake: Intake, now_ms: int
) -> Ack | Gap | Fork:
    """The batch against the head of its epoch, which is locked."""
    head_seq, head_hash = head
    first, last = batch.facts[0], batch.facts[-1]
    if first.seq > head_seq + 1:
        if quarantine.holds(connection, batch.store, batch.till, batch.epoch, first.seq - 1, batch.prev_hash):
            return _fork(connection, batch, 0, (head_seq, head_hash), now_ms)
        return Gap(expected_seq=head_seq + 1)
    index, differs = _compare(connection, batch, head_seq, head_hash)
    if differs is not None:
        return _fork(connection, batch, index, differs, now_ms)
    if index < len(batch.facts):
        seal = batch.seal if intake.rights is not None else None
        write(connection, batch, batch.facts[index:], seal, now_ms)
        head_seq, head_hash = last.seq, last.hash
    return Ack(
        batch.epoch,
        head_seq,
        head_hash,
        now_ms,
        stored_by=intake.name,
        store=batch.store,
        till=batch.till,
        upstream=upstream_of(connection, batch.store, batch.till, batch.epoch) if intake.relay else None,
    )


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


def find_receipt(connection: Connection, store: str, token: bytes) -> tuple[str, StoredFact] | None:
    """The till and the fact of a sale by the token of its link; None until it is here."""
    c = t.receipt.c
    live = sa.select(t.generation.c.live).where(t.generation.c.store == store).scalar_subquery()
    found = connection.execute(
        sa.select(c.till, c.epoch, c.seq)
        .where(c.store == store, c.generation == live, c.token == token)
        .order_by(c.till, c.epoch, c.seq)
        .limit(1)
    ).first()
    if found is None:
        return None
    facts = read_facts(connection, store, found.till, epoch=found.epoch, after_seq=found.seq - 1, limit=1)
    return found.till, facts[0]


def _is_word(text: str, *, empty: bool = False) -> bool:
    return len(text) <= _WORD_MAX and text.isprintable() and bool(text or empty)


def _sealed_by(connection: Connection, batch: Batch, intake: Intake) -> tuple[Key | None, str]:
    """The key that sealed the batch (None where seals are not asked for), and what is wrong with the seal."""
    if intake.rights is None:
        return None, ""
    seal, last = batch.seal, batch.facts[-1]
    if seal is None:
        return None, "there is none"
    if (seal.last_seq, seal.last_hash) != (last.seq, last.hash) or not 1 <= seal.first_seq <= last.seq:
        return None, "it is not about the last fact of this batch"
    key = intake.rights.key_of(connection, batch.store, batch.till, seal.key_id)
    if key is None:
        return None, "its key is not one of this till"
    said = seal_bytes(batch.store, batch.till, batch.epoch, seal.first_seq, seal.last_seq, seal.last_hash)
    if not verify(key.public_key, seal.signature, said):
        return None, "its signature is not over these facts"
    return key, ""


def _out_of_right(
    connection: Connection, batch: Batch, key: Key, head: tuple[int, bytes] | None, now_ms: int
) -> Problem | Fork | None:
    """Quarantine for what a revoked key signed, and a retired one beyond its last epoch; None for all else."""
    retired = key.last_epoch is not None and batch.epoch > key.last_epoch
    if not (key.revoked or retired):
        return None
    index, differs = (0, None) if head is None else _compare(connection, batch, *head)
    quarantine.keep(connection, batch, index, "revoked" if key.revoked else "retired", now_ms)
    if key.revoked:
        return Problem(403, "The key of this till was revoked", "its facts are kept aside", REVOKED)
    if index == len(batch.facts):
        return None
    seq, hash_ = differs or head or (batch.first_seq - 1, GENESIS)
    return Fork(seq=seq, hub_hash=hash_, kept_seq=batch.facts[-1].seq)


def _note_late(
    connection: Connection, batch: Batch, head: tuple[int, bytes] | None, intake: Intake, now_ms: int
) -> None:
    """News of a machine that was replaced, whoever brings it: somebody should know that it is at work."""
    last = batch.facts[-1]
    if head is not None and last.seq <= head[0]:
        return
    if went_on(connection, batch.store, batch.till, batch.epoch, intake):
        assert batch.seal is not None
        note_replaced(connection, batch.store, batch.till, batch.seal.key_id, (batch.epoch, last.seq), now_ms)


def _begin_epoch(connection: Connection, batch: Batch, intake: Intake, now_ms: int) -> Gap | Fork | None:
    """The head's row for a new epoch, just before this batch, unless another batch came first."""
    first = batch.facts[0]
    if quarantine.holds(connection, batch.store, batch.till, batch.epoch, first.seq - 1, batch.prev_hash):
        return _fork(connection, batch, 0, (first.seq - 1, GENESIS), now_ms, "epoch")
    verdict = openings.judge(connection, batch, intake)
    if isinstance(verdict, Gap):
        return verdict
    if isinstance(verdict, openings.Aside):
        return _fork(connection, batch, 0, (first.seq - 1, verdict.hash), now_ms, "epoch")
    row = {
        "store": batch.store,
        "till": batch.till,
        "epoch": batch.epoch,
        "seq": batch.first_seq - 1,
        "hash": batch.prev_hash,
        "first_seq": batch.first_seq,
        "first_prev_hash": batch.prev_hash,
    }
    insert_or_keep(connection, t.till_head, [row])
    if verdict.detail:
        note(
            connection, batch.store, "epoch", f"{batch.till}/{batch.epoch}",
            till=batch.till, epoch=batch.epoch, seq=first.seq, detail=verdict.detail, now_ms=now_ms,
        )  # fmt: skip
    return None


def _fork(
    connection: Connection,
    batch: Batch,
    index: int,
    differs: tuple[int, bytes],
    now_ms: int,
    reason: str = "fork",
) -> Fork:
    quarantine.keep(connection, batch, index, reason, now_ms)
    return Fork(seq=differs[0], hub_hash=differs[1], kept_seq=batch.facts[-1].seq)


def _compare(
    connection: Connection, batch: Batch, head_seq: int, head_hash: bytes
) -> tuple[int, tuple[int, bytes] | None]:
    """How many facts of the batch are held already, and the seq and our hash where it leaves the chain, if it does.

    As hashes chain, one that is the same at a fact vouches for all bytes up to it.
    """
    first, last = batch.facts[0], batch.facts[-1]
    if first.seq > head_seq + 1:
        return 0, None
    if first.seq == head_seq + 1:
        return 0, None if batch.prev_hash == head_hash else (head_seq, head_hash)
    overlap = min(head_seq, last.seq)
    count = overlap - first.seq + 1
    place = (connection, batch.store, batch.till, batch.epoch)
    ours = head_hash if overlap == head_seq else hash_at(*place, overlap)
    if ours == batch.facts[count - 1].hash:
        return count, None
    stored = _hashes(connection, batch, first.seq - 1, overlap)
    if stored.get(first.seq - 1, batch.prev_hash) != batch.prev_hash:
        return 0, (first.seq - 1, stored[first.seq - 1])
    for index, fact in enumerate(batch.facts[:count]):
        held = stored.get(fact.seq, GENESIS)
        if held != fact.hash:
            return index, (fact.seq, held)
    raise AssertionError("hashes differ, and none of them does")


def _hashes(connection: Connection, batch: Batch, first_seq: int, last_seq: int) -> dict[int, bytes]:
    c = t.fact.c
    rows = connection.execute(
        sa.select(c.seq, c.hash).where(
            c.store == batch.store, c.till == batch.till, c.epoch == batch.epoch,
            c.seq >= first_seq, c.seq <= last_seq,
        )
    )  # fmt: skip
    return {row.seq: bytes(row.hash) for row in rows}
