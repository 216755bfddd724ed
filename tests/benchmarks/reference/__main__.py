"""`python -m tests.benchmarks.reference`: the references against each other, so that the room is known.

Ratios are "custom list / DataTable": what a till could reach at best, before it has any rules.
"""

import argparse

from tests.benchmarks import reference
from tests.benchmarks.harness import measure_first_frames, measure_scans, percentile, summarize
from tests.benchmarks.report import Report

FIGURES = (
    ("wall_ms_p50", "ms"),
    ("wall_ms_p95", "ms"),
    ("wall_ms_p99", "ms"),
    ("cpu_ms_mean", "ms"),
    ("cpu_ms_p50", "ms"),
    ("cpu_ms_p99", "ms"),
    ("output_bytes_mean", "B"),
    ("frames_mean", ""),
)


def scans(report: Report, start_rows: int, count: int) -> None:
    ours, theirs = reference.custom_list(start_rows), reference.datatable(start_rows)
    samples = measure_scans([ours, theirs], count)
    mine, other = summarize(samples[ours.name]), summarize(samples[theirs.name])
    for figure, unit in FIGURES:
        value, against = getattr(mine, figure), getattr(other, figure)
        report.add(f"scan, {start_rows} rows at start, {figure}", value, unit, reference=against)


def first_frames(report: Report, runs: int) -> None:
    base, *tills = reference.minimal(), reference.custom_list(), reference.datatable()
    frames = measure_first_frames([base, *tills], runs)
    for till in tills:
        for figure in ("cpu_ms", "wall_ms"):
            value, against = (
                percentile([getattr(frame, figure) for frame in frames[name]], 50)
                for name in (till.name, base.name)
            )
            report.add(f"first frame, {till.name}, {figure} p50", value, "ms", reference=against)


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.reference", description=__doc__)
    options.add_argument("--scans", type=int, default=300)
    options.add_argument("--rows", type=int, nargs="*", default=[0, 50])
    options.add_argument("--starts", type=int, default=20)
    chosen = options.parse_args()
    collected = Report()
    for start_rows in chosen.rows:
        scans(collected, start_rows, chosen.scans)
    if chosen.starts:
        first_frames(collected, chosen.starts)
    collected.print()
