"""How long a till takes to its first frame, and until it can take a scan, beside the least Textual can do."""

import dataclasses
import time

from tests.benchmarks import reference
from tests.benchmarks.harness import (
    NS_PER_MS,
    FirstFrame,
    Running,
    measure_first_frames,
    percentile,
)
from tests.benchmarks.real_till import RealTill
from tests.benchmarks.report import Report
from tests.benchmarks.shop import Catalogue, Shop

SCANNER_READY = b"Scanner bereit"


def measure(report: Report, shop: Shop, sells: Catalogue, runs: int) -> None:
    empty = RealTill("till, no articles", shop.till("start-empty"))
    name = f"till, {sells.variants:,} variants"
    full = RealTill(name, shop.till("start-full", sells), sells)
    ready = dataclasses.replace(full.candidate, name="ready", first_frame=SCANNER_READY)
    bare = reference.minimal()
    frames = measure_first_frames([bare, empty.candidate, full.candidate, ready], runs)
    for till in (empty, full):
        for figure, bar in (("cpu_ms", 1.3), ("wall_ms", None)):
            value, other = (_p50(frames[each.name], figure) for each in (till.candidate, bare))
            what = f"first frame, {till.candidate.name}, {figure[:-3].replace('cpu', 'CPU')} p50"
            report.add(what, value, "ms", reference=other, bar=bar)
    walls = [frame.wall_ms for frame in frames["ready"]]
    report.add(f"start to ready to scan, {name}, wall p50", percentile(walls, 50), "ms", bar=2000)
    report.add(f"start to ready to scan, {name}, wall worst", max(walls), "ms", bar=2000)
    # A till of its own for each: after a restart the last sale stands where "ready" would.
    fresh = [shop.till(f"start-{number}", sells) for number in range(max(1, runs // 4))]
    scanned = [_first_scan(RealTill("till", state, sells)) for state in fresh]
    report.add("start to first scan painted, signed in at once, wall p50", percentile(scanned, 50), "ms")


def _first_scan(till: RealTill) -> float:
    """Milliseconds from the launch to the first row: PIN typed and article scanned as soon as asked for."""
    with Running(till.candidate) as app:
        till.sign_in(app)
        app.wait_for(till.send(app))
        return (time.perf_counter_ns() - app._launched_ns) / NS_PER_MS


def _p50(frames: list[FirstFrame], figure: str) -> float:
    return percentile([getattr(frame, figure) for frame in frames], 50)
