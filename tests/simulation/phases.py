"""What `make simulate` consists of: each phase a volume, cut into blocks that follow from a seed.

A phase's `run(seed, count, folder, progress)` does `count` units from `seed` on, raises AssertionError with what went
wrong, and returns figures: numbers are summed over the blocks, those whose name ends in "_max" are not summed but the
largest is kept. `bars` are the least sums that the whole volume must reach.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["PHASES", "Block", "Phase"]

Report = dict[str, Any]
Run = Callable[[int, int, Path, Callable[[int], None]], Report]


class Block(msgspec.Struct, frozen=True):
    """`count` units of a phase, beginning with `seed`."""

    seed: int
    count: int


class Phase(msgspec.Struct, frozen=True):
    """`volume` units in blocks of `block`; a block's seed is the first seed and the units before it.

    `whole`: one block, which keeps its own place and goes on in it.
    """

    name: str
    what: str
    unit: str
    volume: int
    block: int
    run: Run
    bars: Mapping[str, int] = {}
    whole: bool = False

    def blocks(self, first_seed: int, scale: float) -> list[Block]:
        volume = max(1, round(self.volume * scale))
        size = volume if self.whole else min(self.block, volume)
        return [Block(first_seed + start, min(size, volume - start)) for start in range(0, volume, size)]


def _steady(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.steady import sell

    return sell(folder, count, 0, seed, progress=lambda done, _: progress(done))


def _killed(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.steady import sell

    return sell(folder, count, count // 50, seed, progress=lambda done, _: progress(done))


def _processes(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.processes import process_kills

    return process_kills(seed, count, folder, progress)


PHASES: dict[str, Phase] = {
    phase.name: phase
    for phase in (
        Phase(
            "steady",
            "one till and one hub sell without a break",
            "baskets",
            10_000,
            10_000,
            _steady,
            {"sales_in_journal": 10_000},
            whole=True,
        ),
        Phase(
            "killed",
            "one till is killed at random moments while it sells",
            "baskets",
            10_000,
            10_000,
            _killed,
            {"sales_in_journal": 10_000, "kills": 200},
            whole=True,
        ),
        Phase(
            "processes",
            "tills, hub and PostgreSQL are killed while they work, on a failing line",
            "kills",
            2_000,
            40,
            _processes,
            {"kills": 2_000},
        ),
    )
}
