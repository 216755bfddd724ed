"""Facts that do not belong into a till's chain, or from a key that has no right to it: kept aside, never lost.

A branch is a run of such facts that follow one another. It is noted as one exception when its first fact comes.
A person may take a branch in whose chain follows the head after all (a till whose key was revoked in error).
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import StoredFact
from sync.hub import tables as t
from sync.hub.database import insert_or_keep
from sync.hub.exceptions import note
from sync.hub.stored import FACT_COLUMNS, fact_rows, seal_row, write
from sync.wire import BATCH_MAX_FACTS, Batch, Seal

__all__ = ["Branch", "TakeInError", "branches", "holds", "keep", "take_in", "why"]

_DETAILS: Final = {
    "fork": "another fact stands under this number: two machines write as this till",
    "revoked": "written with a key that was revoked",
    "retired": "written with a key that was replaced, in an epoch after its last",
    "epoch": "this epoch does not follow from what is held, and was not granted so",
}


class TakeInError(Exception):
    """The branch cannot be taken in; the text is a sentence that says why."""


class Branch(msgspec.Struct, frozen=True):
    """A run of facts in quarantine. `taken_in` of its `facts` stand in the chain by now."""

    store: str
    till: str
    epoch: int
    branch: bytes
    reason: str
    first_seq: int
    last_seq: int
    facts: int
    taken_in: int


def holds(connection: Connection, store: str, till: str, epoch: int, seq: int, hash_: bytes) -> bool:
    """Whether this very fact is in quarantine."""
    return _branch_of(connection, store, till, epoch, seq, hash_) is not None


def why(connection: Connection, store: str, till: str, epoch: int, seq: int, hash_: bytes) -> str | None:
    """Why this very fact is in quarantine; None if it is not."""
    c = t.quarantine.c
    return connection.execute(
        sa.select(c.reason).where(
            c.store == store, c.till == till, c.epoch == epoch, c.seq == seq, c.hash == hash_
        )
    ).scalar_one_or_none()


def keep(connection: Connection, batch: Batch, index: int, reason: str, now_ms: int) -> None:
    """Keep a batch aside from its fact `index` on, with its seal; the same again changes nothing."""
    facts = batch.facts[index:]
    if not facts:
        return
    first = facts[0]
    previous = batch.facts[index - 1].hash if index else batch.prev_hash
    place = (connection, batch.store, batch.till, batch.epoch)
    branch = _branch_of(*place, first.seq, first.hash) or _branch_of(*place, first.seq - 1, previous)
    if branch is None:
        branch = first.hash
        note(
            connection,
            batch.store,
            reason,
            f"{batch.till}/{batch.epoch}/{branch.hex()[:32]}",
            till=batch.till,
            epoch=batch.epoch,
            seq=first.seq,
            detail=_DETAILS[reason],
            now_ms=now_ms,
        )
    rows: list[dict[str, Any]] = []
    for values in fact_rows(batch, facts, now_ms):
        row = dict(zip(FACT_COLUMNS, values, strict=True))
        rows.append({**row, "prev_hash": previous, "branch": branch, "reason": reason})
        previous = row["hash"]
    insert_or_keep(connection, t.quarantine, rows)
    if batch.seal is not None:
        insert_or_keep(connection, t.quarantine_seal, [seal_row(batch, batch.seal)])


def branches(connection: Connection, store: str = "") -> list[Branch]:
    """What is in quarantine, of one store or of all."""
    q, f = t.quarantine.c, t.fact.c
    same = [getattr(q, name) == getattr(f, name) for name in ("store", "till", "epoch", "seq", "hash")]
    run = (q.store, q.till, q.epoch, q.branch, q.reason)
    query = sa.select(
        *run, sa.func.min(q.seq), sa.func.max(q.seq), sa.func.count(), sa.func.count(f.seq)
    ).select_from(t.quarantine.outerjoin(t.fact, sa.and_(*same)))
    if store:
        query = query.where(q.store == store)
    rows = connection.execute(query.group_by(*run).order_by(q.store, q.till, q.epoch, sa.func.min(q.seq)))
    return [Branch(row[0], row[1], row[2], bytes(row[3]), *row[4:]) for row in rows]


def take_in(
    connection: Connection, store: str, till: str, epoch: int, branch: bytes, who: str, now_ms: int
) -> int:
    """Append a branch to the chain, where it follows it. Counts the facts; raises TakeInError."""
    h = t.till_head.c
    head = connection.execute(
        sa.select(h.seq, h.hash).where(h.store == store, h.till == till, h.epoch == epoch).with_for_update()
    ).first()
    kept = _kept(connection, store, till, epoch, branch)
    if not kept:
        raise TakeInError(f"there is no such branch of till {store}/{till} in epoch {epoch}")
    if head is None:
        first = min((fact for facts in kept.values() for fact, _ in facts), key=lambda fact: fact.seq)
        seq, hash_ = first.seq - 1, next(p for p, facts in kept.items() if any(f == first for f, _ in facts))
        row = {
            "store": store, "till": till, "epoch": epoch, "seq": seq, "hash": hash_,
            "first_seq": first.seq, "first_prev_hash": hash_,
        }  # fmt: skip
        insert_or_keep(connection, t.till_head, [row])
    else:
        seq, hash_ = head.seq, bytes(head.hash)
    taken = _following(kept, hash_)
    if not taken:
        raise TakeInError(
            f"the branch does not follow fact {seq} of epoch {epoch}, the newest that is held: it stays aside"
        )
    _append(connection, store, till, epoch, hash_, taken)
    note(
        connection, store, "taken-in", f"{till}/{epoch}/{branch.hex()[:32]}/{taken[-1][0].seq}",
        till=till, epoch=epoch, seq=taken[0][0].seq, now_ms=now_ms,
        detail=f"{len(taken)} facts out of quarantine, by {who}",
    )  # fmt: skip
    return len(taken)


_Kept = dict[bytes, list[tuple[StoredFact, int]]]


def _kept(connection: Connection, store: str, till: str, epoch: int, branch: bytes) -> _Kept:
    """The branch's facts, with when they came, under the hash that they follow."""
    c = t.quarantine.c
    rows = connection.execute(
        sa.select(
            c.epoch, c.seq, c.kind, c.version, c.wall_ms, c.mono_ms, c.boot_id, c.body, c.hash,
            c.received_ms, c.prev_hash,
        )
        .where(c.store == store, c.till == till, c.epoch == epoch, c.branch == branch)
        .order_by(c.seq)
    )  # fmt: skip
    kept: _Kept = {}
    for row in rows:
        fact = StoredFact(*row[:7], bytes(row[7]), bytes(row[8]))
        kept.setdefault(bytes(row.prev_hash), []).append((fact, row.received_ms))
    return kept


def _following(kept: _Kept, hash_: bytes) -> list[tuple[StoredFact, int]]:
    """The run that follows a hash. Where the branch has branches itself, it ends; a person must look."""
    taken: list[tuple[StoredFact, int]] = []
    while len(found := kept.get(hash_, [])) == 1:
        taken.append(found[0])
        hash_ = found[0][0].hash
    return taken


def _append(
    connection: Connection,
    store: str,
    till: str,
    epoch: int,
    previous: bytes,
    taken: Sequence[tuple[StoredFact, int]],
) -> None:
    c = t.quarantine_seal.c
    seals = {
        bytes(row.last_hash): Seal(
            row.first_seq, row.last_seq, bytes(row.last_hash), row.key_id, bytes(row.signature)
        )
        for row in connection.execute(
            sa.select(c.first_seq, c.last_seq, c.last_hash, c.key_id, c.signature).where(
                c.store == store, c.till == till, c.epoch == epoch
            )
        )
    }
    run: list[StoredFact] = []
    for place, (fact, received_ms) in enumerate(taken, 1):
        run.append(fact)
        seal = seals.get(fact.hash)
        if seal is None and place < len(taken) and len(run) < BATCH_MAX_FACTS:
            continue
        batch = Batch(store, till, epoch, run[0].seq, previous, tuple(run))
        write(connection, batch, run, seal, received_ms)
        previous, run = fact.hash, []


def _branch_of(
    connection: Connection, store: str, till: str, epoch: int, seq: int, hash_: bytes
) -> bytes | None:
    c = t.quarantine.c
    found = connection.execute(
        sa.select(c.branch).where(
            c.store == store, c.till == till, c.epoch == epoch, c.seq == seq, c.hash == hash_
        )
    ).scalar_one_or_none()
    return None if found is None else bytes(found)
