"""How long a till takes for each code of the table of scans: what it means and what it sells, to the till's new picture.

Everything but the disk and the screen is real. Beside it the library biip, which only reads what it is given.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable
from statistics import median

import biip

from pos.domain import commands as c
from tests.benchmarks.harness import percentile
from tests.benchmarks.report import Report
from tests.unit.scan_samples import SAMPLES, Sample
from tests.unit.test_scans_at_the_till import Everything, at

LIMIT_MS = 5.0


def measure(report: Report, rounds: int) -> None:
    """Each code so often, as the first of a sale; its median counts, so that a pause of the machine is no code's own."""
    for sample in SAMPLES:
        _read(sample.raw)  # what is loaded with a first code belongs to no code
    ours = [median(asyncio.run(_ours(sample, rounds))) for sample in SAMPLES]
    bare = [median(_times_ms(lambda code=sample.raw: _read(code), rounds)) for sample in SAMPLES]  # type: ignore[misc]
    name = f"{len(SAMPLES)} codes through the till"
    for percent in (50, 99):
        report.add(
            f"{name}, wall p{percent}", percentile(ours, percent), "ms", reference=percentile(bare, percent)
        )
    report.add(f"{name}, slowest", max(ours), "ms", bar=LIMIT_MS)


async def _ours(sample: Sample, rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds + 1):
        shop = await at(sample.table, Everything())
        gc.collect(0)
        begun = time.perf_counter_ns()
        await shop.till.handle(c.Scan(sample.raw))
        shop.till.view  # noqa: B018 - it is made when it is asked for
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    return taken[1:]


def _read(code: str) -> None:
    with contextlib.suppress(biip.ParseError, IndexError):  # of a lone "]", which is none
        biip.parse(code)


def _times_ms(work: Callable[[], None], rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        work()
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    return taken
