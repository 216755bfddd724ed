"""What a cash sale of ten lines costs the disk: commits, syncs, writes, bytes, and time beside raw SQLite."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.benchmarks import cash_sale, iocount
from tests.benchmarks.cash_sale import Pauses
from tests.benchmarks.harness import ROOT, percentile
from tests.benchmarks.iocount import FileCounts, Interval
from tests.benchmarks.journal_reference import RawReference
from tests.benchmarks.report import Report
from tests.benchmarks.shop import Shop

# Longer than a cart save takes: each line is saved by itself, as by a scanner, and none when the pay key comes.
UNHURRIED = Pauses(line_s=0.005, pay_s=0.03)
SYNC_MS = 20
KINDS = ("syncs", "writes", "bytes")
FILES = (("cart saves", "state.db"), ("views", "views.db"), ("journal's checkpoints", "journal/"))


@dataclass(frozen=True, slots=True)
class Counted:
    """Sales under `iocount`: what each payment did between pay key and drawer, and what the rest of it did."""

    sold: cash_sale.Sold
    payments: list[Interval]
    between: list[Interval]  # from a drawer to the next pay key

    def mean(self, kind: str) -> float:
        return _mean([_figure(interval, kind) for interval in self.payments])

    def most(self, kind: str) -> float:
        return max(_figure(interval, kind) for interval in self.payments)

    def mean_between(self, kind: str, file: str) -> float:
        """In files whose path begins so."""
        of_file = [
            sum(
                _figure(counts, kind) for path, counts in interval["by_file"].items() if path.startswith(file)
            )
            for interval in self.between
        ]
        return _mean(of_file)


def count(state: Path, sales: int, pauses: Pauses = UNHURRIED) -> Counted:
    """Sells on a till made for it, in all files of its folder."""
    out = state.with_suffix(".json")
    argv = _command(state, sales, out, pauses)
    intervals = iocount.run(argv, state)
    sold = msgspec.json.decode(out.read_bytes(), type=cash_sale.Sold)
    return Counted(sold, intervals[::2], intervals[1::2])


def counts(report: Report, shop: Shop, sales: int) -> None:
    counted = count(shop.folder / "cash-counted", sales)
    name = "10-line cash sale, pay key to drawer"
    report.add(f"{name}, commits", _mean(counted.sold.commits), "", bar=1)
    for kind, unit, bar in (("syncs", "", 1.05), ("writes", "", 8), ("bytes", "B", 16_384)):
        report.add(f"{name}, {kind} mean", counted.mean(kind), unit, bar=bar)
        report.add(f"{name}, {kind} most", counted.most(kind), unit)
    report.add("apart: cart saves of a sale", _mean(counted.sold.saves), "")
    for what, file in FILES:
        for kind in KINDS:
            unit = "B" if kind == "bytes" else ""
            report.add(f"apart, a sale: {what}, {kind} mean", counted.mean_between(kind, file), unit)


def appends(report: Report, shop: Shop, sales: int) -> None:
    """Encode, hash, chain and commit against the raw commit: same disk, same thread kind, turn by turn."""
    state = shop.folder / "cash-append"
    cash_sale.prepare(state)
    with RawReference(shop.folder) as raw:
        sold = asyncio.run(cash_sale.sell(state, sales, Pauses(), raw))
    ours, bare = sold.append_ms, sold.raw_ms
    assert len(ours) == len(bare) == sales
    name = "journal append against raw 12-row commit"
    report.add(f"{name}, p50", percentile(ours, 50), "ms", reference=percentile(bare, 50), bar=1.3)
    report.add(f"{name}, p99", percentile(ours, 99), "ms", reference=percentile(bare, 99))
    report.add("pay key to durable, this disk, p50", percentile(sold.pay_ms, 50), "ms")


def slow_payments(report: Report, shop: Shop, sales: int) -> None:
    """The pay key comes at any moment of the last line's save, which is waited for in the time taken."""
    state, out = shop.folder / "cash-slow", shop.folder / "cash-slow.json"
    cash_sale.prepare(state)
    argv = iocount.slow_fsync(_command(state, sales, out, Pauses(chance_s=SYNC_MS / 1000)), SYNC_MS)
    subprocess.run(argv, check=True, cwd=ROOT)
    sold = msgspec.json.decode(out.read_bytes(), type=cash_sale.Sold)
    name = f"pay key to durable at {SYNC_MS} ms a sync"
    first, *later = sold.pay_ms
    report.add(
        f"{name}, first sale after the start", first, "ms"
    )  # it begins the write-ahead log: 2 syncs more
    report.add(f"{name}, p50", percentile(later, 50), "ms")
    report.add(f"{name}, p99", percentile(later, 99), "ms", bar=2 * SYNC_MS + 5)


def _command(state: Path, sales: int, out: Path, pauses: Pauses) -> list[str]:
    command = [sys.executable, "-m", "tests.benchmarks.cash_sale", str(state), str(sales), "--out", str(out)]
    return [*command, "--pauses", *(str(pause) for pause in msgspec.structs.astuple(pauses))]


def _figure(counts: FileCounts, kind: str) -> int:
    return {"syncs": counts["syncs"], "writes": counts["writes"], "bytes": counts["bytes"]}[kind]


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
