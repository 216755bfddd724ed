"""`make bench`: the till and the hub against their references on this machine, one table, build/bench.json.

Every program that is compared runs in this one run and takes turns with the other. Judge ratios; and run it
when the machine has nothing else to do.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks import (
    card_sale,
    claims,
    closing,
    codes,
    drain,
    hub_ingest,
    hub_stock,
    hub_verify,
    imports,
    lookups,
    memory,
    scans,
    scans_while_draining,
    second_copy,
    starts,
    storage,
)
from tests.benchmarks.report import BENCH_JSON, Report
from tests.benchmarks.shop import FOLDER, Catalogue, Shop, catalogue

QUICK_VARIANTS = 20_000


@dataclass(frozen=True, slots=True)
class Volume:
    """How much of each is done."""

    variants: int = 1_000_000
    scans: int = 300
    bursts: int = 5
    slow_scans: int = 200
    counted_sales: int = 200
    appends: int = 1_000
    slow_sales: int = 200
    card_sales: int = 250
    starts: int = 20
    lookups: int = 5_000
    searches: int = 200
    sales: int = 10_000
    hub_batches: int = 5
    hub_rounds: int = 5
    hub_tills: int = 10_000
    backlog: int = 8_400
    copied_sales: int = 300
    verified: int = 10_000
    own_backlog: int = 84_000
    draining_scans: int = 1_000
    closed_sales: int = 5_000
    imports: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    claims: int = 100


QUICK = Volume(
    QUICK_VARIANTS,
    10,
    1,
    20,
    40,
    300,
    40,
    20,
    2,
    1_000,
    40,
    100,
    2,
    1,
    1_000,
    500,
    20,
    1_000,
    8_400,
    60,
    imports=(2_000, 20_000),
    claims=20,
)


def hub_parts(volume: Volume, report: Report) -> dict[str, Callable[[], None]]:
    """What needs no catalogue."""
    return {
        "card": lambda: card_sale.measure(report, Shop(FOLDER / "card"), volume.card_sales),
        "ingest": lambda: hub_ingest.measure(report, 8, volume.hub_batches, volume.hub_rounds),
        "copy": lambda: second_copy.measure(report, FOLDER / "second-copy", volume.copied_sales),
        "tills": lambda: hub_ingest.measure_tills(report, 10, volume.hub_tills, 300),
        "verify": lambda: hub_verify.measure(report, 4, volume.verified, volume.hub_rounds),
        "stock": lambda: hub_stock.measure(report, volume.variants, volume.searches),
        "claims": lambda: claims.measure(report, volume.claims),
        "codes": lambda: codes.measure(report, volume.hub_rounds),
        "import": lambda: imports.measure(report, volume.imports),
        "import-postgresql": lambda: imports.measure_postgresql(report, volume.imports),
        "closing": lambda: closing.measure(
            report, FOLDER / "closing", volume.closed_sales, volume.hub_rounds
        ),
        "drain": lambda: drain.measure(report, 10, volume.backlog),
    }


def till_parts(volume: Volume, report: Report, shop: Shop, sells: Catalogue) -> dict[str, Callable[[], None]]:
    return {
        "scans": lambda: scans.measure(report, shop, sells, volume.scans),
        "bursts": lambda: scans.bursts(report, shop, sells, volume.bursts),
        "draining": lambda: scans_while_draining.measure(
            report, shop, sells, volume.own_backlog, volume.draining_scans
        ),
        "slow": lambda: scans.on_slow_disk(report, shop, sells, volume.slow_scans),
        "sale": lambda: storage.counts(report, shop, volume.counted_sales),
        "append": lambda: storage.appends(report, shop, volume.appends),
        "pay": lambda: storage.slow_payments(report, shop, volume.slow_sales),
        "starts": lambda: starts.measure(report, shop, sells, volume.starts),
        "lookups": lambda: lookups.measure(report, sells, volume.lookups, volume.searches),
        "memory": lambda: memory.measure(report, shop, sells, volume.sales),
    }


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    options.add_argument(
        "--quick", action="store_true", help="a minute, coarse figures, build/bench-quick.json"
    )
    options.add_argument("--variants", type=int, help="size of the catalogue")
    options.add_argument("--only", nargs="+", metavar="PART", help="some parts; the file is not written then")
    chosen = options.parse_args()
    volume = QUICK if chosen.quick else Volume()
    size = chosen.variants or volume.variants
    report = Report()
    all_parts = hub_parts(volume, report)
    if not set(chosen.only or [""]) <= set(all_parts):
        _say(f"catalogue of {size:,} variants")
        all_parts = till_parts(volume, report, Shop(FOLDER / "run"), catalogue(size)) | all_parts
    unknown = set(chosen.only or ()) - set(all_parts)
    if unknown:
        options.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(all_parts)}")
    try:
        for name in chosen.only or all_parts:
            began = time.monotonic()
            all_parts[name]()
            _say(f"{name}: {time.monotonic() - began:.0f} s")
    finally:  # what was measured before an error, or Ctrl-C, is seen
        report.print()
    bars = sum(result.bar is not None for result in report.results)
    print(f"\n{len(report.failed)} of {bars} bars missed")
    if not chosen.only:
        report.write(BENCH_JSON.with_stem("bench-quick") if chosen.quick else BENCH_JSON)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
