"""How long verification takes for one fact: at the hub on both databases, and in a till's journal.

Beside it, by turns, SHA-256 over the same bodies alone in one process: on a machine that others use too the ratio says
more than the clock does.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy.engine import Engine

from pos.facts import GENESIS
from pos.journal.reader import verify_journal
from pos.journal.segment import SegmentHead, create_segment
from pos.system import in_processes
from sync.hub import ledger
from sync.hub.database import migrate, open_engine, transact
from sync.hub.verify import verify_spread
from sync.wire import Batch
from tests.benchmarks.hub_sales import BEGAN_MS, STORE, Keys, batches_of
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report

__all__ = ["measure"]

_BAR_US = 10.0  # 100,000 facts a second


def measure(report: Report, tills: int, facts: int, rounds: int) -> None:
    keys = Keys()
    journals = {str(n): list(batches_of(str(n), keys, [500] * (facts // 500))) for n in range(1, tills + 1)}
    every = [fact for batches in journals.values() for batch in batches for fact in batch.facts]

    def hash_alone() -> int:
        """What no verification can do without, and nothing else."""
        for fact in every:
            sha256(fact.body).digest()
        return len(every)

    with postgres() as fresh, tempfile.TemporaryDirectory() as folder:
        for name, url in (("PostgreSQL", fresh()), ("SQLite", f"sqlite:///{Path(folder) / 'hub.db'}")):
            engine = open_engine(url)
            migrate(engine)
            transact(engine, keys.enrol)
            for batches in journals.values():
                for batch in batches:
                    transact(engine, ledger.ingest, batch, BEGAN_MS, keys.intake)
            for how, spread in (("one process", _here), ("all cores", in_processes)):
                walk = partial(walk_hub, engine, keys, spread)
                _compare(report, f"tresen hub verify, {name}, {how}", walk, hash_alone, rounds)
            engine.dispose()
        journal = Path(folder) / "journal"
        journal.mkdir()
        long = list(batches_of("1", keys, [500] * (tills * facts // 500)))
        _many_segments(journal, long, tills)
        for how, spread in (("one process", _here), ("all cores", in_processes)):
            walk = partial(walk_journal, journal, spread)
            _compare(report, f"tresen journal verify, {how}", walk, hash_alone, rounds)


def _here(work: Callable[[Any], Any], parts: Sequence[Any]) -> Iterable[Any]:
    return map(work, parts)


def _many_segments(folder: Path, batches: Sequence[Batch], count: int) -> None:
    """One till's facts in `count` sealed files, as months make them."""
    facts = [fact for batch in batches for fact in batch.facts]
    size = -(-len(facts) // count)
    previous = GENESIS
    for at in range(0, len(facts), size):
        part = facts[at : at + size]
        create_segment(folder, SegmentHead(STORE, "1", part[0].seq, previous), BEGAN_MS, part)
        previous = part[-1].hash


def walk_hub(engine: Engine, keys: Keys, spread: Any) -> int:
    found = verify_spread(engine, keys.intake.rights, spread)
    assert found.damage == []
    return found.facts


def walk_journal(journal: Path, spread: Any) -> int:
    totals = verify_journal(journal, spread)
    assert totals.problems == []
    return totals.facts


def _compare(
    report: Report, name: str, walk: Callable[[], int], reference: Callable[[], int], rounds: int
) -> None:
    """Walk and reference by turns, by the clock, so that both meet the same neighbours on this machine."""
    times: dict[Callable[[], int], list[float]] = {walk: [], reference: []}
    walk()
    for _ in range(rounds):
        for work, taken in times.items():
            began = time.perf_counter()
            facts = work()
            taken.append((time.perf_counter() - began) / facts * 1e6)
    took, alone = median(times[walk]), median(times[reference])
    report.add(f"{name}, a fact", took, "µs", bar=_BAR_US if "all cores" in name else None)
    report.add(f"{name}, beside SHA-256 of the bodies alone", took, "µs", reference=alone)
