"""Many writers of changes and two readers on a real database: does a reader ever miss one?

Half of the writers commit through the node's own `Database`, as its handlers do, half beside it, as another
process would. One reader polls, one is held by long poll.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from pos.system import SystemClock, ThreadWorker
from sync.hub import changes
from sync.hub.changes import CHAIN, Cursor
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.feed import Feeds
from tests.contract.hub_kit import Ids
from tests.contract.postgres import create_database, running_postgres

WRITERS = 32
AT_ONCE = (1, 2, 5, 25)

Append = Callable[[Connection, str, str, Sequence[tuple[str, str | None]], str, int], None]
Furthest = Callable[[int], None]
"""Told the highest number a reader has been given, after each of its answers."""


def nobody_asks(_: int) -> None:
    return None


class Seen(msgspec.Struct, frozen=True):
    """How one reader fared: changes never seen, numbers out of order or with a gap, records in a wrong order."""

    missed: int
    out_of_order: int
    gaps: int
    answers: int

    @property
    def sound(self) -> bool:
        return not (self.missed or self.out_of_order or self.gaps)


class Report(msgspec.Struct, frozen=True):
    database: str
    changes: int
    writers: int
    seconds: float
    poll: Seen
    long_poll: Seen

    @property
    def sound(self) -> bool:
        return self.poll.sound and self.long_poll.sound


def changes_race(count: int) -> dict[str, Report]:
    """The race on SQLite and on PostgreSQL, each in a fresh database."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        urls = {
            "sqlite": f"sqlite:///{Path(folder) / 'hub.db'}",
            "postgresql": create_database(server, "changes_race"),
        }
        return {name: race(url, count) for name, url in urls.items()}


def race(url: str, count: int, append: Append = changes.append, furthest: Furthest = nobody_asks) -> Report:
    """`count` changes of one scope, written by 32 writers."""
    began = time.monotonic()
    engine = open_engine(url)
    migrate(engine)
    sqlite = engine.dialect.name == "sqlite"
    workers = [ThreadWorker(f"race-{n}") for n in range(1 if sqlite else 4)]
    outside = engine if sqlite else sa.create_engine(engine.url, pool_size=WRITERS, max_overflow=0)
    try:
        report = asyncio.run(_race(Database(engine, workers), outside, count, append, furthest))
    finally:
        for worker in workers:
            worker.close()
        outside.dispose()
        engine.dispose()
    poll, long_poll = report
    seconds = round(time.monotonic() - began, 1)
    return Report(engine.dialect.name, count, WRITERS, seconds, poll, long_poll)


async def _race(
    database: Database, outside: Engine, count: int, append: Append, furthest: Furthest
) -> tuple[Seen, Seen]:
    feeds = Feeds(database, SystemClock())
    database.on_changes = feeds.ring
    parts = [_share(writer, count) for writer in range(WRITERS)]
    written = threading.Event()

    async def write_inside(writer: int) -> None:
        for rows in parts[writer]:
            await database.run(f"{writer}", append, CHAIN, "article", rows, stamp_of(writer), 0)

    def write_outside(writer: int) -> None:
        for rows in parts[writer]:
            transact(outside, append, CHAIN, "article", rows, stamp_of(writer), 0)

    # SQLite has one writer, the node itself; PostgreSQL has others beside it.
    inside = range(WRITERS if outside is database.engine else WRITERS // 2)
    threads = [threading.Thread(target=write_outside, args=(n,)) for n in range(WRITERS) if n not in inside]
    for thread in threads:
        thread.start()
    polling = asyncio.create_task(_poll(database, count, written, furthest))
    waiting = asyncio.create_task(_long_poll(feeds, count, written))
    await asyncio.gather(*(write_inside(n) for n in inside))
    for thread in threads:
        await asyncio.to_thread(thread.join)
    written.set()
    return await polling, await waiting


def stamp_of(writer: int) -> str:
    return changes.new_stamp(Ids(f"writer-{writer}"))


def _share(writer: int, count: int) -> list[list[tuple[str, str | None]]]:
    """What one writer brings: appends of 1 to 25 records, each numbered by the writer."""
    whole = count // WRITERS + (writer < count % WRITERS)
    appends: list[list[tuple[str, str | None]]] = []
    done = 0
    while done < whole:
        size = min(AT_ONCE[len(appends) % len(AT_ONCE)], whole - done)
        appends.append([(f"{writer}/{n}", f'{{"n":{n}}}') for n in range(done + 1, done + size + 1)])
        done += size
    return appends


async def _poll(database: Database, count: int, written: threading.Event, furthest: Furthest) -> Seen:
    cursor, answers = Cursor(CHAIN), 0
    seen: list[tuple[int, str]] = []
    while True:
        over = written.is_set()  # asked before the look: what is there then, the look must find
        (answer,) = await database.read("", changes.read_changes, [cursor], 500)
        answers += 1
        assert not answer.reset
        seen += [(change.n, change.key) for change in answer.changes]
        furthest(max((n for n, _ in seen), default=0))
        cursor = _next(answer.next)
        if over and not answer.changes:
            return _judge(seen, count, answers)


async def _long_poll(feeds: Feeds, count: int, written: threading.Event) -> Seen:
    cursor, answers = Cursor(CHAIN), 0
    seen: list[tuple[int, str]] = []
    while True:
        over = written.is_set()
        (answer,) = (await feeds.read([cursor], 500, 0 if over else 2)).scopes
        answers += 1
        assert not answer.reset
        seen += [(change.n, change.key) for change in answer.changes]
        cursor = _next(answer.next)
        if over and not answer.changes:
            return _judge(seen, count, answers)


def _next(text: str) -> Cursor:
    cursor = changes.read_cursor(f"{CHAIN}@{text}")
    assert cursor is not None
    return cursor


def _judge(seen: list[tuple[int, str]], count: int, answers: int) -> Seen:
    numbers = [n for n, _ in seen]
    newest: dict[str, int] = {}
    disorder = sum(after <= before for before, after in pairwise(numbers))
    for _, key in seen:
        writer, _, n = key.partition("/")
        disorder += int(n) <= newest.get(writer, 0)
        newest[writer] = int(n)
    return Seen(
        missed=count - len({key for _, key in seen}),
        out_of_order=disorder,
        gaps=max(numbers, default=0) - len(set(numbers)),
        answers=answers,
    )
