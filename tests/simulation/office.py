"""A shop whose office changes articles all day, while its hub goes back to older copies of itself."""

import random

from tests.simulation.world import Plan

__all__ = ["FAULTS", "plan_of"]

FAULTS = (
    *("articles",) * 5,
    *("hub backup",) * 2,
    *("hub restored", "hub crash", "disconnect", "partition", "pause"),
)


def plan_of(rng: random.Random) -> Plan:
    return Plan(
        tills=3,
        sales=rng.randint(40, 160),
        flurry=4,
        gap_s=0.5,
        pause_s=6.0,
        fault_every_s=1.2,
        relay=rng.random() < 0.35,
        faults=FAULTS,
        certain=("hub restored",),
    )
