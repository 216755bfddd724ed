"""The slower looks at the end of a run: projections and views made anew, replays, flipped bits, exceptions, the feed."""

import random
import shutil
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
from sqlalchemy.engine import Connection

from pos.facts import StoredFact
from pos.journal.reader import verify_journal
from pos.journal.rebuild import compare_views
from sync.hub import ledger, machines, projector
from sync.hub.database import open_engine, transact
from sync.hub.digest import digest
from sync.hub.rights import Intake
from sync.keys import SigningKey
from sync.wire import BATCH_MAX_FACTS, Ack, Batch, Gap, Grant, sealed
from tests.simulation import invariants as inv
from tests.simulation.nodes import STORE, NodeMachine, empty_database

if TYPE_CHECKING:
    from tests.simulation.tills import TillMachine
    from tests.simulation.world import World

__all__ = ["audit", "unheard"]

SAMPLED = 3


def audit(world: "World") -> list[str]:
    """All of it, on machines that are quiet."""
    hub = world.hub
    rng = random.Random(world.seed)
    running = [till for till in world.tills if till.up]
    wrong = [text for till in rng.sample(running, min(1, len(running))) for text in _views(till)]
    wrong += _exceptions(hub.database, world.history.conflicts)
    wrong += unheard(world)
    if world.seed % SAMPLED == 0:
        wrong += _replayed(world.folder / "again.db", hub, rng)
        wrong += [
            text for till in world.tills[:1] if till.up for text in _flipped(world.folder / "flip", till, rng)
        ]
    return wrong


def _views(till: "TillMachine") -> list[str]:
    live, fresh = compare_views(till.disk.folder)
    return inv.i5_same_digest(live, fresh, f"to the views of {till.name}")


def _exceptions(database: Path, happened: set[inv.Conflict]) -> list[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("select kind, till, epoch, seq from exception").fetchall()
        starts = connection.execute(
            "select reason, till, epoch, min(seq) from quarantine group by branch, reason, epoch"
        )
        began = connection.execute("select till, epoch from till_head where epoch > 1").fetchall()
        granted = set(connection.execute("select till, epoch from till_epoch").fetchall())
        kept = {inv.Conflict(reason, f"{till}/{epoch}/{seq}") for reason, till, epoch, seq in starts}
    finally:
        connection.close()
    noted = [inv.Conflict(kind, f"{till}/{epoch}/{seq}") for kind, till, epoch, seq in rows]
    of_branches = [conflict for conflict in noted if conflict.kind in {"fork", "revoked", "retired"}]
    kept = {conflict for conflict in kept if conflict.kind in {"fork", "revoked", "retired"}}
    wrong = inv.i15_one_exception_each(kept, of_branches)
    alone = {inv.Conflict("epoch", f"{till}/{epoch}") for till, epoch in set(began) - granted}
    of_epochs = [inv.Conflict("epoch", f"{till}/{epoch}") for kind, till, epoch, _ in rows if kind == "epoch"]
    wrong += inv.i15_one_exception_each(alone, of_epochs, {"epoch"})
    tills = {conflict.subject.split("/")[0] for conflict in noted}
    wrong += [
        f"I6: {conflict.kind} of {conflict.subject} was silent"
        for conflict in happened
        if conflict.subject not in tills
    ]
    return wrong


def unheard(world: "World") -> list[str]:
    """Each till that listened to the end holds the records that the hub has, as it has them."""
    connection = sqlite3.connect(f"file:{world.hub.database}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "select n, key, body from change where scope = 'chain' order by n"
        ).fetchall()
    finally:
        connection.close()
    log = {key: body.encode() for _, key, body in rows}
    wrong = []
    for till in world.tills:
        if till.up and not till.replaced and till.till_id not in world.history.revoked:
            wrong += inv.i16_feed_misses_nothing(till.name, till.applied, log)[:2]
    return wrong


def _replayed(place: Path, hub: NodeMachine, rng: random.Random) -> list[str]:
    """The same facts in other batches, doubled and out of order, into an empty hub."""
    assert hub.engine is not None
    place.write_bytes(empty_database())
    engine = open_engine(f"sqlite:///{place}")
    try:
        with hub.engine.connect() as connection:
            live = digest(connection)
            rights = _Everybody(connection)
            heads = connection.exec_driver_sql(
                "select till, epoch, first_seq, first_prev_hash from till_head order by till, epoch"
            ).fetchall()
            if live.quarantined and any(
                head[1] > 1 and (head[0], head[1]) not in rights.grants for head in heads
            ):  # an epoch that nobody granted may follow facts that are kept aside, which are not sent here
                return []
            epochs: dict[str, list[tuple[bytes, list[StoredFact]]]] = defaultdict(list)
            for till, epoch, first, before in heads:
                facts: list[StoredFact] = []
                while more := ledger.read_facts(
                    connection, STORE, till, epoch=epoch, after_seq=first - 1 + len(facts), limit=2000
                ):
                    facts += more
                epochs[till].append((before, facts))
        for till, runs in epochs.items():
            for before, facts in runs:
                for batch in _batches(till, before, facts, rng):
                    again_sealed = sealed(batch, rights.key.key_id, rights.key.sign)
                    answer = transact(engine, ledger.ingest, again_sealed, 0, Intake(rights=rights))
                    if not isinstance(answer, Ack | Gap):
                        return [f"I5: a batch sent again is answered {type(answer).__name__}"]
        with engine.connect() as connection:
            lagging = projector.lagging(connection)
        for store, till, epoch in lagging:
            while transact(engine, projector.follow, store, till, epoch, 0):
                pass
        with engine.connect() as connection:
            again = digest(connection)
    finally:
        engine.dispose()
    return inv.i5_same_digest(
        (live.facts, live.digest, live.projections),
        (again.facts, again.digest, again.projections),
        "split and doubled",
    )


class _Everybody:
    """Implements Rights for a replay: one key seals for all tills, and the grants are those that the hub gave."""

    revoked = False
    last_epoch: int | None = None

    def __init__(self, connection: Connection) -> None:
        self.key = SigningKey(bytes(32))
        self.public_key = self.key.public
        rows = connection.exec_driver_sql("select till, epoch from till_epoch").fetchall()
        given = {(till, epoch): machines.grant_of(connection, STORE, till, epoch) for till, epoch in rows}
        self.grants = {place: grant for place, grant in given.items() if grant is not None}

    def key_of(self, _connection: Connection, _store: str, _machine: str, _key_id: str, /) -> "_Everybody":
        return self

    def grant_of(self, _connection: Connection, _store: str, till: str, epoch: int, /) -> Grant | None:
        return self.grants.get((till, epoch))


def _batches(till: str, before: bytes, facts: list[StoredFact], rng: random.Random) -> list[Batch]:
    """Cut at other places; some come twice, some too early as well."""
    batches = []
    at = 0
    while at < len(facts):
        size = rng.randint(1, min(BATCH_MAX_FACTS, 60))
        run = facts[at : at + size]
        previous = facts[at - 1].hash if at else before
        batches.append(Batch(STORE, till, run[0].epoch, run[0].seq, previous, tuple(run)))
        at += size
    disturbed = []
    for position, batch in enumerate(batches):
        if rng.random() < 0.2:
            disturbed.append(rng.choice(batches[position:][:3]))
        disturbed.append(batch)
        if rng.random() < 0.2:
            disturbed.append(rng.choice(batches[: position + 1]))
    return disturbed


def _flipped(place: Path, till: "TillMachine", rng: random.Random) -> list[str]:
    """One bit of one stored fact turns; the verifier must name that fact."""
    shutil.copytree(till.folder, place)
    fact = rng.choice(till.kept)
    segment = max(
        (path for path in place.glob("*.journal") if int(path.stem) <= fact.seq),
        key=lambda path: int(path.stem),
    )
    connection = apsw.Connection(str(segment))
    column = rng.choice(("body", "hash"))
    value = bytearray(fact.body if column == "body" else fact.hash)
    at = rng.randrange(len(value) * 8)
    value[at // 8] ^= 1 << at % 8
    connection.execute("drop trigger fact_keep")
    connection.execute(f"update fact set {column} = ? where seq = ?", (bytes(value), fact.seq))
    connection.close()
    return inv.i12_flip_is_named(verify_journal(place).problems, fact.seq)
