"""How fast articles are found by code and by name, beside bare queries of the standard library on the same file."""

import asyncio
import contextlib
import datetime as dt
import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence

from pos.catalogue.reader import SEARCH_LIMIT, CatalogueReader
from pos.domain.codes import key_of
from pos.domain.folding import search_query
from pos.system import ThreadWorker
from tests.benchmarks.harness import percentile
from tests.benchmarks.report import Report
from tests.benchmarks.shop import Catalogue

BARE_LOOKUP = "select v.sku, v.text, v.tax_code, v.price_minor from code c join variant v on v.id = c.variant where c.key = ?"
BARE_SEARCH = (
    "select v.sku, v.text, v.tax_code, v.price_minor from"
    " (select rowid from variant_fts where variant_fts match ? order by rowid limit ?) f"
    " join variant v on v.id = f.rowid"
)
LETTERS = (2, 3, 5)
COLD = 200


def measure(report: Report, sells: Catalogue, lookups: int, searches: int) -> None:
    keys = [key_of(article.code) for article in sells.articles]
    random.Random(1).shuffle(keys)
    size = f"{sells.variants:,} variants"
    _drop_from_memory(sells)
    worker = ThreadWorker("search")
    reader = CatalogueReader(sells.file, worker)
    reader.refresh(dt.datetime.now(tz=dt.UTC).date())
    cold = _times_us([lambda key=key: reader.find(key) for key in keys[:COLD]])  # type: ignore[misc]
    report.add(f"lookup, {size}, file not in memory, p50", percentile(cold, 50), "us")
    report.add(f"lookup, {size}, file not in memory, p99", percentile(cold, 99), "us")
    with contextlib.closing(sqlite3.connect(f"file:{sells.file}?immutable=1", uri=True)) as bare:
        _lookups(report, reader, bare, keys[COLD : COLD + lookups], f"lookup, {size}")
        for letters in LETTERS:
            words = _beginnings(sells, letters, searches)
            asyncio.run(_searches(report, reader, bare, words, f"search, {size}, {letters} letters"))
    asyncio.run(_close(worker, reader))


def _lookups(
    report: Report, reader: CatalogueReader, bare: sqlite3.Connection, keys: Sequence[str], name: str
) -> None:
    for key in keys:  # both find every page in memory
        bare.execute(BARE_LOOKUP, (key,)).fetchone()
    ours, other = [], []
    for key in keys:
        ours += _times_us([lambda key=key: reader.find(key)])  # type: ignore[misc]
        other += _times_us([lambda key=key: bare.execute(BARE_LOOKUP, (key,)).fetchone()])  # type: ignore[misc]
    for percent in (50, 99):
        reference = percentile(other, percent)
        report.add(f"{name}, p{percent}", percentile(ours, percent), "us", reference=reference)


async def _searches(
    report: Report, reader: CatalogueReader, bare: sqlite3.Connection, words: Sequence[str], name: str
) -> None:
    ours, other = [], []
    for word in words:
        began = time.perf_counter()
        found = await reader.search(word)
        ours.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        rows = bare.execute(BARE_SEARCH, (search_query(word), SEARCH_LIMIT)).fetchall()
        other.append((time.perf_counter() - began) * 1000)
        assert len(found) == len(rows) > 0, word
    for percent in (50, 95):
        reference = percentile(other, percent)
        report.add(f"{name}, p{percent}", percentile(ours, percent), "ms", reference=reference)


def _beginnings(sells: Catalogue, letters: int, count: int) -> list[str]:
    """Beginnings of words as they are on the shelf: frequent ones come often, as cashiers would type them."""
    chance = random.Random(letters)
    words = [word for article in sells.articles[:2000] for word in article.name.split() if len(word) >= 5]
    return [chance.choice(words)[:letters].lower() for _ in range(count)]


def _times_us(calls: Sequence[Callable[[], object]]) -> list[float]:
    taken = []
    for call in calls:
        began = time.perf_counter_ns()
        found = call()
        taken.append((time.perf_counter_ns() - began) / 1000)
        assert found is not None
    return taken


def _drop_from_memory(sells: Catalogue) -> None:
    """Asks the system to forget the file; what other processes hold mapped may stay."""
    file = os.open(sells.file, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


async def _close(worker: ThreadWorker, reader: CatalogueReader) -> None:
    worker.close()
    reader.close()
