"""`make simulate`: the whole volume, phase by phase, each in blocks that follow from a seed.

Resumable: what a block found is kept under build/simulation and not done again while the code is the same; run it
again and it goes on. Ctrl-C ends it cleanly at any moment. The report stays in build/simulation/report.json.
A block that fails names the command that repeats it alone.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.simulation.phases import PHASES, Block, Phase
from tests.simulation.prepared import ROOT
from tests.simulation.runner import PROGRAM, Runner

SEED = 20_261_122


def main(program: Sequence[str] = PROGRAM) -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "simulation")
    parser.add_argument(
        "--only", action="append", choices=sorted(PHASES), metavar="PHASE", help="may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="blocks at once")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the volume, for trying out")
    parser.add_argument("--seed", type=int, default=SEED, help="where the seeds begin")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--block", nargs=3, metavar=("PHASE", "SEED", "COUNT"), help="one block alone, here")
    wanted = parser.parse_args()
    if wanted.list:
        for phase in PHASES.values():
            print(f"{phase.name:10} {phase.volume:>9,} {phase.unit:9} {phase.what}")
        return 0
    if wanted.block:
        name, seed, count = wanted.block
        return _one(PHASES[name], Block(int(seed), int(count)), wanted.folder)
    chosen = [phase for phase in PHASES.values() if not wanted.only or phase.name in wanted.only]
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with both ignored
        signal.signal(number, signal.default_int_handler)
    runner = Runner(wanted.folder, jobs=wanted.jobs, scale=wanted.scale, seed=wanted.seed, program=program)
    if wanted.fresh:
        runner.forget(chosen)
    try:
        met = runner.run(chosen)
    except KeyboardInterrupt:
        print("\nstopped; run it again and it goes on")
        return 130
    return 0 if met else 1


def _one(phase: Phase, block: Block, folder: Path) -> int:
    """One block in this process. Says how far it is, and at the end what it found, each as a line of JSON."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(143)  # so that every `finally` runs, and no till or server stays behind

    signal.signal(signal.SIGTERM, end)
    place = folder / "work" / f"{phase.name}-{block.seed}-{block.count}"
    place.mkdir(parents=True, exist_ok=True)

    def progress(done: int) -> None:
        print(json.dumps({"done": done}), flush=True)

    report = phase.run(block.seed, block.count, place, progress)
    print(json.dumps({"report": report}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
