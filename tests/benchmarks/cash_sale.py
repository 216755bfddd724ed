"""The real till paying in cash on real storage: marked for `iocount`, timed for a slow disk and beside raw SQLite.

`python -m tests.benchmarks.cash_sale STATE SALES`: sells ten-line baskets in process; a mark stands at each pay
key and at each opening of the drawer, so every second interval is a payment. Pauses say whether cart saves end
first, or are under way when the pay key comes. Prints what it saw as JSON.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pos.bootstrap import create_till, open_till
from pos.domain import commands as c
from pos.domain.article import Article
from pos.journal.file_journal import FileJournal
from pos.journal.state import StateStore
from pos.ports import Worker
from pos.settings import Settings, load_settings
from pos.till import Till
from tests.benchmarks.iocount import mark
from tests.benchmarks.journal_reference import RawReference

LINES = 10
PIN = "4711"
_T = TypeVar("_T")


class Sold(msgspec.Struct):
    """One entry a sale: milliseconds from pay key to open drawer, journal commits in them, cart saves before."""

    pay_ms: list[float] = []
    commits: list[int] = []
    saves: list[int] = []
    append_ms: list[float] = []  # the append alone, inside the writer's thread
    raw_ms: list[float] = []  # the raw commit that was its neighbour


class Pauses(msgspec.Struct, frozen=True):
    """Seconds after each line, before each pay key, and up to how many more by chance."""

    line_s: float = 0.0
    pay_s: float = 0.0
    chance_s: float = 0.0


class MarkingDrawer:
    """Stands where the drawer is: marks the moment and opens."""

    def __init__(self) -> None:
        self.opened_at = 0.0

    def open(self) -> bool:
        mark()
        self.opened_at = time.perf_counter()
        return True


class TimedWorker:
    """The writer's thread with a clock in it: notes how long each append took there."""

    def __init__(self, worker: Worker, append: Callable[..., Any], taken_ms: list[float]) -> None:
        self._worker, self._append, self._taken_ms = worker, append, taken_ms

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        if function != self._append:
            return self._worker.run(function, *args)

        def timed() -> _T:
            began = time.perf_counter()
            result = function(*args)
            self._taken_ms.append((time.perf_counter() - began) * 1000)
            return result

        return self._worker.run(timed)

    def post(self, function: Callable[[], None]) -> None:
        self._worker.post(function)


def prepare(state: Path) -> Settings:
    """A fresh till; articles come from `article`, so that no catalogue file is in the way."""
    settings = load_settings(state)
    create_till(state, settings, "bench", "Kim", PIN)
    return settings


async def sell(state: Path, sales: int, pauses: Pauses, raw: RawReference | None = None) -> Sold:
    """Sells; with `raw`, each sale is followed by a raw commit of its own, when the writer has nothing to do."""
    sold, chance = Sold(), random.Random(1)
    async with open_till(state, load_settings(state)) as opened:
        till, drawer = opened.till, MarkingDrawer()
        world = till._desk.world
        till._desk.world = msgspec.structs.replace(world, drawer=drawer)
        journal, store = world.journal, world.state
        assert isinstance(journal, FileJournal)
        assert isinstance(store, StateStore)
        commits = _count_commits(journal)
        journal._worker = TimedWorker(journal._worker, journal._append, sold.append_ms)
        await till.handle(c.SignIn("Kim", PIN))
        for sale in range(sales):
            saves = store.saves
            await _basket(till, sale, pauses.line_s)
            if pause_s := pauses.pay_s + chance.random() * pauses.chance_s:
                await asyncio.sleep(pause_s)
            sold.saves.append(store.saves - saves)
            before = len(commits)
            mark()
            began = time.perf_counter()
            await till.handle(c.PayCash(20_000))
            sold.pay_ms.append((drawer.opened_at - began) * 1000)
            sold.commits.append(len(commits) - before)
            assert till.view.state == "paid", till.view.message
            await till.settle()
            if raw is not None:
                await journal._worker.run(_nothing)  # the views have followed
                sold.raw_ms.append(raw.sale(sale) * 1000)
    return sold


def _nothing() -> None:
    """For the end of a queue."""


def _count_commits(journal: FileJournal) -> list[None]:
    """Grows by one with each transaction of the journal's open segment."""
    commits: list[None] = []

    def hook() -> bool:
        commits.append(None)
        return False

    assert journal._writer is not None, "the journal is open"
    journal._writer.segment.connection.set_commit_hook(hook)
    return commits


async def _basket(till: Till, sale: int, pause_s: float) -> None:
    for line in range(LINES):
        number = sale * LINES + line
        till.parts.selling.sell(article(number), f"{number:013d}", "scanner")
        await asyncio.sleep(pause_s)


def article(number: int) -> Article:
    """Never the same article twice: identical bytes write nothing."""
    return Article(
        sku=f"{4_000_000_000_000 + number * 7919 % 10**12}",
        gtin=f"{4_000_000_000_000 + number * 7919 % 10**12}",
        text=f"Artikel Nummer {number * 31 % 9973} mit Namen {number}",
        tax_code="B" if number % 3 else "A",
        price_minor=49 + number * 37 % 900,
        department=number % 12,
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.cash_sale", description=__doc__)
    options.add_argument("state", type=Path)
    options.add_argument("sales", type=int)
    options.add_argument(
        "--pauses", type=float, nargs=3, default=(0, 0, 0), metavar=("LINE", "PAY", "CHANCE")
    )
    options.add_argument("--out", type=Path, help="write what was seen to this file")
    chosen = options.parse_args()
    if not (chosen.state / "journal").is_dir():
        prepare(chosen.state)
    seen = msgspec.json.encode(asyncio.run(sell(chosen.state, chosen.sales, Pauses(*chosen.pauses))))
    if chosen.out is not None:
        chosen.out.write_bytes(seen)
    else:
        sys.stdout.write(f"{seen.decode()}\n")
