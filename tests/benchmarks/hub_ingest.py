"""What the hub costs on top of bare inserts of the same rows, in one run and taking turns.

The hub's side is everything but HTTP: JSON decoded, the key looked up, seal and chain verified, facts, head and seal
stored durably, and the projections there. The references get rows that are ready: no JSON, no hash, no cursor. Each
round is on fresh databases that have taken a batch of each till; the rounds' medians are compared. Times are in µs
a sale.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from pos.system import SystemClock, ThreadWorker
from sync.hub import ledger, projector
from sync.hub import tables as t
from sync.hub.database import Database, deriving, migrate, open_engine, transact
from sync.hub.follower import Follower
from sync.hub.projector import effect_of
from sync.hub.stored import FACT_COLUMNS, fact_rows
from sync.wire import Ack, Batch, decode_batch, encode_json
from tests.benchmarks.hub_sales import STORE, Keys, batches_of
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report

__all__ = ["measure", "measure_tills"]

CONNECTIONS = 4
NOW_MS = 1_790_000_000_000
_BAR = 2.0  # half the speed of a bare insert
_SQLITE_BAR_US = 1000.0
_FLAT_BAR = 1.2
_SMALL = 20
_NEW = "hub, facts and projections"
_AGAIN = "hub, the same again"

Row = tuple[Any, ...]


class Load:
    """The same sales in each form that somebody takes: JSON for the hub, columns for array inserts."""

    def __init__(self, tills: int, batches: int) -> None:
        self.keys = Keys()
        self.batches: list[Batch] = []
        for till in range(tills):
            self.batches += batches_of(f"{till + 1}", self.keys, [500] * batches)
        # Tills in turn, as they send.
        self.batches.sort(key=lambda batch: (batch.first_seq, batch.till))
        self.raw = [encode_json(batch) for batch in self.batches]
        self.facts = [fact_rows(batch, batch.facts, NOW_MS) for batch in self.batches]
        self.receipts = [_receipts(batch) for batch in self.batches]
        self.warm = tills
        self.sales = sum(len(batch.facts) for batch in self.batches[self.warm :])


def _receipts(batch: Batch) -> list[Row]:
    rows: list[Row] = []
    for fact in batch.facts:
        effect = effect_of(batch.store, fact)
        if effect is not None:
            rows.append(
                (
                    batch.store, 1, effect.token, batch.till, fact.epoch, fact.seq, effect.number,
                    effect.gross_minor, effect.language,
                )
            )  # fmt: skip
    return rows


# The hub


async def through_the_hub(url: str, load: Load) -> tuple[float, float]:
    """Seconds until all is stored and projected, and for all of it sent once more."""
    engine = open_engine(url)
    migrate(engine)
    transact(engine, load.keys.enrol)
    workers = [
        ThreadWorker(f"bench-{n}") for n in range(1 if engine.dialect.name == "sqlite" else CONNECTIONS)
    ]
    database = Database(engine, workers)
    follower = Follower(database, SystemClock())
    task = asyncio.create_task(follower.run())

    async def send(raws: Sequence[bytes]) -> None:
        for raw in raws:
            batch = decode_batch(raw)
            answer = await database.run(
                f"{batch.store}/{batch.till}", ledger.ingest, batch, NOW_MS, load.keys.intake
            )
            assert isinstance(answer, Ack), answer
            follower.arrived(batch)

    async def projected() -> None:
        while await database.read("", projector.lagging):  # noqa: ASYNC110 - the database is what is watched
            await asyncio.sleep(0.002)

    try:
        seconds = []
        for raws in (load.raw[: load.warm], load.raw[load.warm :], load.raw[load.warm :]):
            began = time.perf_counter()
            await asyncio.gather(*(send(raws[n::CONNECTIONS]) for n in range(CONNECTIONS)))
            await projected()
            seconds.append(time.perf_counter() - began)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for worker in workers:
            worker.close()
        with engine.connect() as connection:
            stored = connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()
            receipts = connection.execute(sa.select(sa.func.count()).select_from(t.receipt)).scalar_one()
        engine.dispose()
    assert stored == sum(map(len, load.facts))
    assert receipts == sum(map(len, load.receipts))
    return seconds[1], seconds[2]


# The references


async def by_arrays(url: str, load: Load, *, receipts: bool) -> float:
    """asyncpg: one statement with one binary array for each column, for each table; a commit for each batch."""
    fact_sql = _unnest("fact", FACT_COLUMNS)
    receipt_sql = _unnest("receipt", projector.RECEIPT_COLUMNS)
    work = [
        (list(zip(*facts, strict=True)), list(zip(*rows, strict=True)))
        for facts, rows in zip(load.facts, load.receipts, strict=True)
    ]
    parts = make_url(url)
    connections = [
        await asyncpg.connect(
            user=parts.username, database=parts.database, host=parts.query.get("host", parts.host)
        )
        for _ in range(CONNECTIONS)
    ]

    async def insert(connection: Any, mine: Sequence[tuple[list[Row], list[Row]]]) -> None:
        for fact_columns, receipt_columns in mine:
            async with connection.transaction():
                await connection.execute(fact_sql, *fact_columns)
                if receipts:
                    await connection.execute(receipt_sql, *receipt_columns)

    for part in (work[: load.warm], work[load.warm :]):
        began = time.perf_counter()
        await asyncio.gather(*(insert(c, part[n::CONNECTIONS]) for n, c in enumerate(connections)))
        seconds = time.perf_counter() - began
    for connection in connections:
        await connection.close()
    return seconds


def _unnest(table: str, columns: dict[str, str]) -> str:
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(columns.values(), 1))
    return f"insert into {table} ({', '.join(columns)}) select * from unnest({arrays})"


async def by_psycopg(url: str, load: Load) -> float:
    """psycopg on one connection, the facts alone, binary arrays."""
    arrays = ", ".join(f"%b::{kind}[]" for kind in FACT_COLUMNS.values())
    sql = f"insert into fact ({', '.join(FACT_COLUMNS)}) select * from unnest({arrays})"
    work = [[list(column) for column in zip(*facts, strict=True)] for facts in load.facts]
    with psycopg.connect(url) as connection:
        for part in (work[: load.warm], work[load.warm :]):
            began = time.perf_counter()
            for columns in part:
                connection.execute(sql, columns)
                connection.commit()
        return time.perf_counter() - began


async def by_copy(url: str, load: Load) -> float:
    """psycopg on one connection, the facts alone, binary COPY."""
    with psycopg.connect(url) as connection:
        sql = f"copy fact ({', '.join(FACT_COLUMNS)}) from stdin (format binary)"
        for part in (load.facts[: load.warm], load.facts[load.warm :]):
            began = time.perf_counter()
            for rows in part:
                with connection.cursor() as cursor, cursor.copy(sql) as copy:
                    copy.set_types(tuple(FACT_COLUMNS.values()))
                    for row in rows:
                        copy.write_row(row)
                connection.commit()
        return time.perf_counter() - began


def measure(report: Report, tills: int, batches: int, rounds: int) -> None:
    """PostgreSQL in rounds of all ways, in an order by chance; SQLite by itself."""
    load = Load(tills, batches)
    took: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        took.setdefault(name, []).append(seconds / load.sales * 1e6)

    async def hub(url: str) -> None:
        first, again = await through_the_hub(url, load)
        note(_NEW, first)
        note(_AGAIN, again)

    async def arrays(url: str) -> None:
        note("the same rows", await by_arrays(url, load, receipts=True))

    async def facts(url: str) -> None:
        note("facts' rows", await by_arrays(url, load, receipts=False))

    async def arrays_of_psycopg(url: str) -> None:
        note("psycopg", await by_psycopg(url, load))

    async def copy(url: str) -> None:
        note("copy", await by_copy(url, load))

    ways: list[Callable[[str], Awaitable[None]]] = [hub, arrays, facts, arrays_of_psycopg, copy]
    with postgres() as fresh:
        for _ in range(rounds):
            random.shuffle(ways)
            for way in ways:
                asyncio.run(_once(way, fresh()))
    us = {name: median(values) for name, values in took.items()}
    report.add(
        f"{_NEW}, a sale; against asyncpg's arrays of the same rows",
        us[_NEW],
        "µs",
        reference=us["the same rows"],
        bar=_BAR,
    )
    report.add(
        "  against asyncpg's arrays of the facts' rows alone", us[_NEW], "µs", reference=us["facts' rows"]
    )
    report.add("  against psycopg's arrays of the facts' rows alone", us[_NEW], "µs", reference=us["psycopg"])
    report.add("  against psycopg's COPY of the facts' rows alone", us[_NEW], "µs", reference=us["copy"])
    report.add(f"{_AGAIN}; against the first time", us[_AGAIN], "µs", reference=us[_NEW], bar=1.0)
    _measure_sqlite(report, load, rounds)


async def _once(way: Callable[[str], Awaitable[None]], url: str) -> None:
    await way(url)


def _measure_sqlite(report: Report, load: Load, rounds: int) -> None:
    took: list[tuple[float, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            took.append(asyncio.run(through_the_hub(f"sqlite:///{Path(folder) / 'hub.db'}", load)))
    first, again = (median(pair[n] for pair in took) / load.sales * 1e6 for n in (0, 1))
    report.add("hub on SQLite, facts and projections, a sale", first, "µs", bar=_SQLITE_BAR_US)
    report.add("hub on SQLite, the same again; against the first time", again, "µs", reference=first, bar=1.0)


def measure_tills(report: Report, few: int, many: int, batches: int) -> None:
    """Whether a fact costs the same with many tills as with few: both databases hold as much, and take turns."""
    keys = Keys()
    held = 2 * many
    sizes = [500] * (held // few // 500) + [_SMALL] * (batches // few)
    journals = {few: [list(batches_of(f"{n}", keys, sizes)) for n in range(few)]}
    chosen = set(range(0, many, many // batches))
    journals[many] = [
        list(batches_of(f"{n}", keys, [2, _SMALL] if n in chosen else [2])) for n in range(many)
    ]
    took: dict[int, list[float]] = {few: [], many: []}
    with postgres() as fresh, ExitStack() as stack:
        engines = {}
        for tills, all_batches in journals.items():
            engines[tills] = open_engine(fresh())
            transact(engines[tills], keys.enrol)
            stack.callback(engines[tills].dispose)
            ready = [batch for batches_ in all_batches for batch in batches_ if len(batch.facts) != _SMALL]
            for first in range(0, len(ready), 100):
                transact(engines[tills], _take_all, ready[first : first + 100], keys)
        tails = {
            tills: [batch for batches_ in all_batches for batch in batches_ if len(batch.facts) == _SMALL]
            for tills, all_batches in journals.items()
        }
        for pair in zip(tails[few], tails[many], strict=False):
            for tills, batch in zip((few, many), pair, strict=True):
                raw = encode_json(batch)
                began = time.perf_counter()
                message = decode_batch(raw)
                answer = transact(engines[tills], ledger.ingest, message, NOW_MS, keys.intake)
                transact(
                    deriving(engines[tills]), projector.follow, STORE, message.till, 1, NOW_MS,
                    fresh=message.facts,
                )  # fmt: skip
                took[tills].append(time.perf_counter() - began)
                assert isinstance(answer, Ack)
    us = {tills: median(seconds) / _SMALL * 1e6 for tills, seconds in took.items()}
    report.add(
        f"a fact in batches of {_SMALL}: {many:,} tills against {few}",
        us[many],
        "µs",
        reference=us[few],
        bar=_FLAT_BAR,
    )


def _take_all(connection: sa.Connection, batches: Sequence[Batch], keys: Keys) -> None:
    for batch in batches:
        answer = ledger.ingest(connection, batch, NOW_MS, keys.intake)
        assert isinstance(answer, Ack)
        while projector.follow(connection, STORE, batch.till, 1, NOW_MS, fresh=batch.facts):
            pass
