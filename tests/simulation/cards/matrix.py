"""The recovery matrix of card payments: three terminals, two lines, every step of the conversation, cut in every way.

Judged by what the cards were really charged. A row of the table is one terminal on one line with one kind of cut; a column
is a step. `.` the journal and the bank agree, and the till found out by itself; `M` a person must decide; `x` a failure.
"""

import itertools
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.simulation.cards.world import HOW, CardWorld, Cut, How, Outcome, Where
from tests.simulation.disk import ram_folder
from tests.simulation.virtual import VirtualLoop, run_virtual
from tests.simulators.terminal import Personality

__all__ = ["PERSONALITIES", "Matrix", "Row", "matrix", "one", "printed", "random_cuts", "table"]

PERSONALITIES: tuple[Personality, ...] = ("auto-reverse", "keep", "mark-declined")
LINES = ("tcp", "serial")
STEPS_MAX = 40
Shows = Literal["it", "before"]


def one(parent: Path, **setup: Any) -> Outcome:
    """One run in a folder of its own, in virtual time; `setup` is that of CardWorld."""
    folder = parent / "run"
    folder.mkdir()

    async def main(loop: VirtualLoop) -> Outcome:
        return await CardWorld(loop, folder, **setup).run()

    try:
        return run_virtual(main)
    finally:
        shutil.rmtree(folder)


class Row(msgspec.Struct):
    """`cells`: by step, "." or "M" or "x". `slowest` is in virtual seconds."""

    personality: Personality
    line: str
    how: How
    cells: str = ""
    slowest: float = 0.0
    failures: list[str] = []


class Matrix(msgspec.Struct):
    """`steps` are the names of the columns."""

    rows: list[Row] = []
    steps: list[str] = []
    runs: int = 0
    seconds: float = 0.0
    failures: list[str] = []


def matrix(
    rows: Iterable[tuple[Personality, str, How]] = (),
    *,
    steps: Iterable[int] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> Matrix:
    """Each step of the first payment's conversation, or only some `steps`; all rows, or only some."""
    found, began = Matrix(), time.perf_counter()
    wanted = list(rows) or list(itertools.product(PERSONALITIES, LINES, HOW))
    with ram_folder() as parent:
        for done, (personality, line, how) in enumerate(wanted):
            row = Row(personality, line, how)
            for at in steps if steps is not None else range(STEPS_MAX):
                outcome = one(parent, personality=personality, serial=line == "serial", cuts=[Cut(how, at)])
                if not outcome.struck:
                    break
                found.runs += 1
                _note(row, at, outcome)
                if len(found.steps) < len(row.cells):
                    found.steps.append(outcome.step)
            found.rows.append(row)
            found.failures += row.failures
            progress(done + 1, len(wanted))
    found.seconds = time.perf_counter() - began
    return found


def _note(row: Row, at: int, outcome: Outcome) -> None:
    row.cells += "x" if outcome.failures else "M" if outcome.end == "manual" else "."
    row.slowest = max(row.slowest, outcome.seconds)
    where = f"{row.personality}, {row.line}, {row.how} at step {at} ({outcome.step})"
    row.failures += [f"{where}: {failure}" for failure in outcome.failures]


def table(found: Matrix) -> list[str]:
    return [
        f"{row.personality:14} {row.line:7} {row.how:6} {row.cells}  slowest {row.slowest:4.1f} s"
        for row in found.rows
    ]


def printed(found: Matrix) -> str:
    out = table(found)
    out.append("steps: " + ", ".join(f"{n} {name}" for n, name in enumerate(found.steps)))
    cells = Counter("".join(row.cells for row in found.rows))
    out.append(
        f"{found.runs} runs: {cells['.']} settled by the till, {cells['M']} for a person, {cells['x']} failed"
    )
    return "\n".join(out)


class RandomCuts(msgspec.Struct):
    runs: int = 0
    cuts: int = 0
    sold: int = 0
    manual: int = 0
    virtual_seconds_max: float = 0.0
    failures: list[str] = []
    seconds: float = 0.0


def _drawn(rng: random.Random) -> dict[str, Any]:
    """A terminal, a line, a few sales, and one to three cuts of any kind anywhere."""
    cuts: list[Cut] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        of: Where = rng.choice(("payment", "all", "all", "disk") if not cuts else ("all", "disk"))
        hows: tuple[How, ...] = ("kill", "power") if of == "disk" else (
            "link", "kill", "power", "terminal", "silence", "wire",
        )  # fmt: skip
        at = rng.randint(1, 120) if of == "disk" else rng.randint(0, 17 if of == "payment" else 60)
        cuts.append(Cut(rng.choice(hows), at, of, rng.choice((0.3, 3.0, 3.0, 12.0, 40.0)), None))
    return {
        "personality": rng.choice(PERSONALITIES),
        "serial": rng.random() < 0.5,
        "cuts": cuts,
        "sales": rng.randint(1, 3),
        "shows": rng.choice(("it", "before")),
        "goes_on": rng.random() < 0.7,
        "sync": rng.random() < 0.3,
        "fresh": rng.random() < 0.2,
        "numbered": rng.random() < 0.5,
    }


def random_cuts(
    seed: int, count: int, progress: Callable[[int, int], None] = lambda _done, _whole: None
) -> RandomCuts:
    """So many runs, numbered `seed`, `seed` + 1 and so on; each with a cut or more somewhere."""
    found, began = RandomCuts(), time.perf_counter()
    with ram_folder() as parent:
        for number in range(seed, seed + count):
            rng = random.Random(f"cards:{number}")
            outcome = one(parent, seed=number, **_drawn(rng))
            found.runs += 1
            found.cuts += outcome.cuts
            found.sold += outcome.end == "sold"
            found.manual += outcome.end == "manual"
            found.virtual_seconds_max = max(found.virtual_seconds_max, outcome.seconds)
            found.failures += [f"random cut {number}: {failure}" for failure in outcome.failures]
            progress(number - seed + 1, count)
    found.seconds = time.perf_counter() - began
    return found
