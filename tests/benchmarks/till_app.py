"""The till's real screen beside the bare list: `python -m tests.benchmarks.till_app` prints the figures.

With `--fd` it is the program itself: TillApp on a real Till over ports in memory, scans from an inherited
descriptor. What a scan costs here is the till's rules, its view and its whole screen, but no storage.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tests.benchmarks.harness import Candidate, Running

FIRST_FRAME = b"Bereit. Scannen"
PRICE_MINOR = 199


def code_of(number: int) -> str:
    """A 13-digit code with its check digit."""
    from pos.domain.codes import check_digit

    body = f"40{number:010d}"
    return f"{body}{check_digit(body)}"


def scan_by_line(app: Running, number: int) -> bytes:
    code = code_of(number).encode()
    os.write(app.scan_fd, code + b"\n")
    return b"Article " + code


def till_app(rows: int = 0) -> Candidate:
    return Candidate(
        name=f"till, {rows} rows",
        argv=(sys.executable, "-m", "tests.benchmarks.till_app", "--rows", str(rows), "--fd", "{scan}"),
        first_frame=FIRST_FRAME if not rows else b"Article",
        send_scan=scan_by_line,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )


async def _run(rows: int, scans_fd: int, theme: str) -> None:
    from pos.domain import commands as c
    from pos.domain.article import Article
    from tests.tui.fakes import FakeCatalogue, Shop

    class Endless(FakeCatalogue):
        """Knows every code."""

        def find(self, key: str) -> Article | None:
            return Article(key, f"Article {key}", "B", PRICE_MINOR, gtin=key)

    shop = Shop()
    shop.till._desk.world.catalogue.__class__ = Endless
    await shop.open()
    for number in range(rows):
        shop.scan(code_of(9_000_000 + number))
    app = shop.app(theme, painted=lambda: None)
    unread = b""

    def read_scans() -> None:
        nonlocal unread
        chunk = os.read(scans_fd, 4096)
        if not chunk:
            asyncio.get_running_loop().remove_reader(scans_fd)
            return
        *codes, unread = (unread + chunk).split(b"\n")
        for scanned in codes:
            shop.till.submit(c.Scan(scanned.decode()))

    asyncio.get_running_loop().add_reader(scans_fd, read_scans)
    await app.run_async()


def _bench(scans: int) -> None:
    from tests.benchmarks import reference
    from tests.benchmarks.harness import measure_first_frames, measure_scans, percentile, summarize
    from tests.benchmarks.report import Report

    report = Report()
    for rows in (5, 50, 500):
        ours, bare = till_app(rows), reference.custom_list(rows)
        samples = measure_scans([ours, bare], scans)
        mine, other = summarize(samples[ours.name]), summarize(samples[bare.name])
        for figure, bar in (
            ("cpu_ms_p50", 1.5),
            ("cpu_ms_mean", 1.5),
            ("wall_ms_p50", 1.5),
            ("wall_ms_p99", 2.0),
        ):
            value, against = getattr(mine, figure), getattr(other, figure)
            report.add(f"scan, {rows} rows, {figure}", value, "ms", reference=against, bar=bar)
        report.add(f"scan, {rows} rows, bytes mean", mine.output_bytes_mean, "B", bar=4096)
        most = max(sample.output_bytes for sample in samples[ours.name])
        report.add(f"scan, {rows} rows, bytes most", most, "B", bar=4096)
        report.add(f"scan, {rows} rows, frames most", mine.frames_max, "", bar=1)
    ours, bare = till_app(), reference.minimal()
    frames = measure_first_frames([ours, bare], 10)
    for figure in ("cpu_ms", "wall_ms"):
        value, against = (
            percentile([getattr(frame, figure) for frame in frames[name]], 50)
            for name in (ours.name, bare.name)
        )
        report.add(f"first frame, {figure} p50", value, "ms", reference=against)
    report.print()


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.till_app", description=__doc__)
    options.add_argument("--rows", type=int, default=0)
    options.add_argument("--fd", type=int)
    options.add_argument("--theme", default="dark")
    options.add_argument("--scans", type=int, default=100)
    chosen = options.parse_args()
    if chosen.fd is None:
        _bench(chosen.scans)
    else:
        asyncio.run(_run(chosen.rows, chosen.fd, chosen.theme))
