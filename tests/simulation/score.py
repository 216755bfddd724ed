"""How many of the mutations the simulation finds, and with which seed.

python -m tests.simulation.score            all of them, up to 100 seeds each
python -m tests.simulation.score NAME ...
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence

import msgspec

from tests.simulation import office, sharing
from tests.simulation.mutations import MUTATIONS
from tests.simulation.world import Plan, plan_of, run_seed

__all__ = ["Caught", "catch"]

SEEDS = 100
SHOPS: Sequence[Callable[[random.Random], Plan]] = (plan_of, sharing.plan_of, office.plan_of)
"""The seeds take these by turns: any shop, tills that want the same carts, an office at work over a hub that is restored."""


class Caught(msgspec.Struct):
    """`seed` is the first that found it, -1 for none of those tried; `by` is what it said."""

    mutation: str
    seed: int
    by: str = ""


def catch(
    mutation: str, seeds: Sequence[int], shops: Sequence[Callable[[random.Random], Plan]] = SHOPS
) -> Caught:
    """Try one seed after the other until one finds it."""
    for seed in seeds:
        try:
            violations = run_seed(seed, mutation=mutation, plan=shops[seed % len(shops)]).violations
        except Exception as error:  # noqa: BLE001 - a broken run is found as well
            violations = [f"the run broke: {error!r}"]
        if violations:
            return Caught(mutation, seed, violations[0][:120])
    return Caught(mutation, -1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.score", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=1)
    wanted = parser.parse_args()
    caught = 0
    names = wanted.names or sorted(MUTATIONS)
    for name in names:
        found = catch(name, range(wanted.first, wanted.first + wanted.seeds))
        caught += found.seed >= 0
        print(f"{name:42} {found.seed:4} {found.by}", flush=True)
    print(f"{caught} of {len(names)}")
    return 0 if caught * 100 >= 95 * len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
