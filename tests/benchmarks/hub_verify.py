"""How long verification takes for one fact: at the hub on both databases, and in a till's journal.

On a machine that others use too, CPU time says more than the clock does; PostgreSQL's own is not in it.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median

from sqlalchemy.engine import Connection

from pos.facts import GENESIS
from pos.journal.reader import verify_journal
from pos.journal.segment import SegmentHead, create_segment
from sync.hub import ledger
from sync.hub.database import migrate, open_engine, transact
from sync.hub.verify import verify
from tests.benchmarks.hub_sales import BEGAN_MS, STORE, Keys, batches_of
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report

__all__ = ["measure"]

_BAR_US = 10.0  # 100,000 facts a second


def measure(report: Report, tills: int, facts: int, rounds: int) -> None:
    keys = Keys()
    journals = {str(n): list(batches_of(str(n), keys, [500] * (facts // 500))) for n in range(1, tills + 1)}
    with postgres() as fresh, tempfile.TemporaryDirectory() as folder:
        for name, url in (("PostgreSQL", fresh()), ("SQLite", f"sqlite:///{Path(folder) / 'hub.db'}")):
            engine = open_engine(url)
            migrate(engine)
            transact(engine, keys.enrol)
            for batches in journals.values():
                for batch in batches:
                    transact(engine, ledger.ingest, batch, BEGAN_MS, keys.intake)
            with engine.connect() as connection:
                _add(
                    report, f"tresen hub verify, {name}, a fact", partial(walk_hub, connection, keys), rounds
                )
            engine.dispose()
        journal = Path(folder) / "journal"
        journal.mkdir()
        create_segment(
            journal,
            SegmentHead(STORE, "1", 1, GENESIS),
            BEGAN_MS,
            [fact for batch in journals["1"] for fact in batch.facts],
        )

        bodies = [fact.body for batches in journals.values() for batch in batches for fact in batch.facts]

        def hash_alone() -> int:
            for body in bodies:
                sha256(body).digest()
            return len(bodies)

        _add(report, "SHA-256 over the bodies alone, a fact", hash_alone, rounds, bar=None)

        def walk_journal() -> int:
            totals = verify_journal(journal)
            assert totals.problems == []
            return totals.facts

        _add(report, "tresen journal verify, a fact", walk_journal, rounds)


def walk_hub(connection: Connection, keys: Keys) -> int:
    found = verify(connection, keys.intake.rights)
    assert found.damage == []
    return found.facts


def _add(
    report: Report, name: str, walk: Callable[[], int], rounds: int, bar: float | None = _BAR_US
) -> None:
    walk()
    cpu, wall = [], []
    for _ in range(rounds):
        cpu_began, began = time.process_time(), time.perf_counter()
        facts = walk()
        wall.append((time.perf_counter() - began) / facts * 1e6)
        cpu.append((time.process_time() - cpu_began) / facts * 1e6)
    report.add(f"{name}, CPU", median(cpu), "µs", bar=bar)
    report.add(f"{name}, by the clock", median(wall), "µs")
