"""`python -m tests.simulation.cards`: the whole recovery matrix, printed; `--random N`: so many random cuts."""

import argparse
import logging
import sys

from tests.simulation.cards.matrix import matrix, printed, random_cuts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.cards", description=__doc__)
    parser.add_argument("--random", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    logging.disable(logging.CRITICAL)

    def progress(done: int, whole: int) -> None:
        print(f"\r{done}/{whole}", end="", file=sys.stderr, flush=True)

    if wanted.random:
        cuts = random_cuts(wanted.seed, wanted.random, progress)
        print(
            f"\n{cuts.runs} runs, {cuts.cuts} cuts: {cuts.sold} settled by the till, {cuts.manual} for a person,"
            f" {len(cuts.failures)} failures; slowest {cuts.virtual_seconds_max:.1f} virtual s; {cuts.seconds:.0f} s"
        )
        failures = cuts.failures
    else:
        found = matrix(progress=progress)
        print(f"\n{printed(found)}\n{found.seconds:.0f} s")
        failures = found.failures
    print(*failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
