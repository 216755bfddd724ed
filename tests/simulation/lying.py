"""Power cuts on a disk that lies about syncs. It may lose and damage; what somebody else knew must not go unnoticed.

The hub stands outside as what it acknowledged: place and hash. A loss is found by the till at its start (it
stops, or takes no payment before its numbers begin anew), by the verifier, or by the hub at its first hello.
What only this disk ever held can vanish without a trace: no software sees that, so it is counted apart.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from pos.domain import commands as c
from pos.journal.reader import verify_journal
from pos.journal.segment import open_reader, read_facts, segment_files
from tests.simulation.disk import Disk, ram_folder
from tests.simulation.machine import CODES, Machine, Seen, SimClock, SimIds, make_folder
from tests.simulation.power import START, small_limits

__all__ = ["LyingReport", "lying_cuts"]

CUTS_A_HISTORY = 10


class LyingReport(msgspec.Struct):
    """How cuts on a lying disk ended. `alone`: facts vanished that nobody but this disk ever had."""

    cuts: int = 0
    harmless: int = 0
    stopped: int = 0
    locked: int = 0
    verifier: int = 0
    hub: int = 0
    alone: int = 0
    seconds: float = 0.0
    failures: list[str] = []

    @property
    def detected(self) -> int:
        return self.stopped + self.locked + self.verifier + self.hub


def lying_cuts(
    seed: int, count: int, progress: Callable[[int, int], None] = lambda _done, _whole: None
) -> LyingReport:
    """At least `count` cuts, from histories numbered `seed`, `seed` + 1 and so on; a history ends with its first loss."""
    report = LyingReport()
    began = time.perf_counter()
    number = seed
    with ram_folder() as parent, small_limits():
        template = parent / "template"
        make_folder(template, SimClock(START))
        while report.cuts < count:
            with Disk(parent, f"till{number}", random.Random(number), lying=True) as disk:
                shutil.copytree(template, disk.folder, dirs_exist_ok=True)
                try:
                    asyncio.run(_live(disk, random.Random(number), report))
                except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
                    report.failures.append(f"lying seed {number}: {error!r}")
                shutil.rmtree(disk.folder)
            number += 1
            progress(report.cuts, count)
    report.seconds = time.perf_counter() - began
    return report


async def _live(disk: Disk, rng: random.Random, report: LyingReport) -> None:
    seen = Seen()
    clock = SimClock(START)
    held: tuple[int, bytes] = (0, b"")  # what the hub holds

    async def start() -> Machine:
        machine = Machine(disk.folder, clock, SimIds(rng), seen, lambda: not disk.dead)
        await machine.start()
        return machine

    machine = await start()
    for boot in range(2, CUTS_A_HISTORY + 2):
        disk.cut_after(rng.randint(20, 200))
        while not disk.dead:
            await _act(machine, rng)
            if rng.random() < 0.7:
                await machine.acknowledge()
            if seen.cursor == seen.head[0]:
                held = seen.head
        disk.crash()
        report.cuts += 1
        clock.boot_id = f"boot-{boot}"
        machine = await start()
        if await _noticed(machine, report, held):
            return
        lost = not _holds(machine.state / "journal", seen.head)
        report.alone += lost
        report.harmless += not lost
        seen.head = (machine.journal.head.seq, machine.journal.head.hash)


async def _act(machine: Machine, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 3)):
        await machine.do(c.Scan(rng.choice(CODES)))
    if rng.random() < 0.85:
        await machine.do(c.PayCash())


async def _noticed(machine: Machine, report: LyingReport, held: tuple[int, bytes]) -> bool:
    if machine.stopped is not None or machine.locked:
        paid = len(machine.seen.paid)
        await machine.do(c.Scan(CODES[0]))
        await machine.do(c.PayCash())
        assert len(machine.seen.paid) == paid, "a till that found a loss takes a payment"
    if machine.stopped is not None:
        report.stopped += 1
    elif machine.locked:
        report.locked += 1
    elif verify_journal(machine.state / "journal").problems:
        report.verifier += 1
    elif not _holds(machine.state / "journal", held):
        report.hub += 1
    else:
        return False
    return True


def _holds(folder: Path, place: tuple[int, bytes]) -> bool:
    """Whether this journal has that fact."""
    seq, hash_ = place
    for path in reversed(segment_files(folder)):
        if int(path.stem) <= seq:
            segment = open_reader(path)
            found = [fact.hash for fact in read_facts(segment.connection, seq - 1, 1) if fact.seq == seq]
            segment.connection.close()
            return found == [hash_]
    return seq == 0
