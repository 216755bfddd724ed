"""A closing over a day's sales, from the last answer to the Z, beside a raw scan of the same journal."""

import asyncio
import contextlib
import datetime as dt
import random
import shutil
import sqlite3
import statistics
import time
from pathlib import Path

from pos.cash_facts import DayOpened
from pos.domain import commands as c
from tests.benchmarks.report import Report
from tests.simulation.goods import SaleMaker
from tests.simulation.machine import Machine, Seen, SimClock, SimIds, make_folder

__all__ = ["measure"]

BAR_S = 3.0
_START = dt.datetime(2026, 11, 21, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
_DAY, _SESSION, _GROUP = "2026-11-21", "1-2", 100


def measure(report: Report, folder: Path, sales: int, rounds: int) -> None:
    """Each round closes a copy of the same journal, then reads every body of it with nothing but SQLite."""
    state = folder / "closing"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    make_folder(state, SimClock(_START))
    asyncio.run(_sell(state, sales))
    ours, raw = [], []
    for number in range(rounds):
        copy = folder / f"closing-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(state, copy)
        raw.append(_scan(copy))
        ours.append(asyncio.run(_close(copy, sales)))
        shutil.rmtree(copy)
    shutil.rmtree(state)
    name = f"Z over {sales:,} sales"
    report.add(f"{name}, last answer to closed", statistics.median(ours), "s", bar=BAR_S)
    report.add(
        f"{name}, beside a raw scan of its journal",
        statistics.median(ours),
        "s",
        reference=statistics.median(raw),
    )


async def _sell(state: Path, sales: int) -> None:
    """The day's facts, written by the journal in groups."""
    machine = _machine(state)
    await machine.start()
    maker = SaleMaker(random.Random(1))
    await machine.journal.append([DayOpened(_DAY, _SESSION)])
    made = [
        maker.make(number, cart_id=f"{number:026d}", day=_DAY, session=_SESSION, now_ms=0, link="")
        for number in range(1, sales + 1)
    ]
    for start in range(0, sales, _GROUP):
        await machine.journal.append(made[start : start + _GROUP])
    await machine.close()


async def _close(state: Path, sales: int) -> float:
    """Seconds of the command that closes the day; all questions before it are answered."""
    machine = _machine(state)
    await machine.start()
    for command in (c.Do("close-day"), c.Answer("0")):
        await machine.do(command)
    began = time.perf_counter()
    await machine.do(c.Choose(2))
    took = time.perf_counter() - began
    head = machine.journal.head
    assert (head.days.z_number, head.next_number) == (1, sales + 1), machine.till.view.message
    await machine.close()
    return took


def _scan(state: Path) -> float:
    began = time.perf_counter()
    read = 0
    for path in sorted((state / "journal").glob("*.journal")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            for row in connection.execute("select seq, epoch, kind, body, hash from fact order by seq"):
                read += len(row[3])
    assert read
    return time.perf_counter() - began


def _machine(state: Path) -> Machine:
    return Machine(state, SimClock(_START), SimIds(random.Random(1)), Seen())
