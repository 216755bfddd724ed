"""Blocks of seeds for `make simulate`: functions that sum up what many runs came to, or say which one failed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.simulation import jepsen, office, sharing
from tests.simulation.mutations import MUTATIONS
from tests.simulation.score import SEEDS, catch
from tests.simulation.world import Outcome, commit, replay_command, run_seed

__all__ = ["BlockReport", "jepsen_block", "mutation_block", "run_block", "shops_block", "world_block"]


class BlockReport(msgspec.Struct):
    """What a block of seeds came to."""

    first_seed: int
    runs: int = 0
    sales: int = 0
    sales_at_tills: int = 0
    facts: int = 0
    faults: int = 0
    by_fault: dict[str, int] = {}
    requests: int = 0
    virtual_s: float = 0.0
    failed: list[str] = []

    def add(self, outcome: Outcome, again: str) -> None:
        self.runs += 1
        self.sales += outcome.sales
        self.sales_at_tills += outcome.sales_at_tills
        self.facts += outcome.facts
        self.faults += sum(outcome.faults.values())
        self.by_fault = dict(Counter(self.by_fault) + Counter(outcome.faults))
        self.requests += outcome.requests
        self.virtual_s += outcome.virtual_s
        if outcome.violations:
            self.failed.append(f"{outcome.violations[0]}; at commit {commit()}, again: {again}")


def run_block(
    first_seed: int,
    seeds: int,
    run: Callable[[int], Outcome] = run_seed,
    progress: Callable[[int], None] = lambda _done: None,
) -> BlockReport:
    """Seeds from `first_seed` on."""
    report = BlockReport(first_seed)
    flag = " --jepsen" if run is jepsen.run else ""
    for done, seed in enumerate(range(first_seed, first_seed + seeds), start=1):
        report.add(run(seed), replay_command(seed) + flag)
        progress(done)
    return report


def world_block(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """A phase of `make simulate`: `count` shops."""
    return _figures(run_block(seed, count, progress=progress))


def jepsen_block(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """A phase of `make simulate`: `count` runs of the fault list of jepsen-powersync."""
    return _figures(run_block(seed, count, jepsen.run, progress))


def shops_block(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """A phase of `make simulate`: `count` shops of special habits, by turns."""
    plans = {"--sharing": sharing.plan_of, "--office": office.plan_of}
    report = BlockReport(seed)
    for done, number in enumerate(range(seed, seed + count), start=1):
        flag = list(plans)[number % len(plans)]
        report.add(run_seed(number, plan=plans[flag]), f"{replay_command(number)} {flag}")
        progress(done)
    return _figures(report)


def mutation_block(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """A phase of `make simulate`: `count` mutations, the first one by number `seed` modulo their count."""
    names = sorted(MUTATIONS)
    found: dict[str, Any] = {"mutations": 0, "caught": 0}
    for done in range(1, count + 1):
        name = names[(seed + done - 1) % len(names)]
        caught = catch(name, range(1, SEEDS + 1))
        found["mutations"] += 1
        found["caught"] += caught.seed >= 0
        found[f"seed of {name}_max"] = caught.seed
        progress(done)
    return found


def _figures(report: BlockReport) -> dict[str, Any]:
    """Raises AssertionError with the runs that failed."""
    assert not report.failed, "\n".join(report.failed)
    return {
        "runs": report.runs,
        "sales": report.sales,
        "sales_at_tills": report.sales_at_tills,
        "facts": report.facts,
        "faults": report.faults,
        "requests": report.requests,
        "virtual_hours": round(report.virtual_s / 3600, 2),
        **{f"fault: {name}": count for name, count in report.by_fault.items()},
    }
