"""Tills that park and bring back all day, on lines that fail, so that one cart is wanted at several tills at once."""

import random

from tests.simulation.world import Plan

__all__ = ["FAULTS", "plan_of"]

FAULTS = ("weather", "partition", "disconnect", "pause", "till crash", "hub crash", "disk fault", "slow disk")


def plan_of(rng: random.Random) -> Plan:
    return Plan(
        tills=4,
        sales=12,
        flurry=4,
        gap_s=0.05,
        pause_s=0.6,
        fault_every_s=4.0,
        relay=rng.random() < 0.4,
        faults=FAULTS,
        at_till=1.0,
        park=0.8,
        resume=0.6,
    )
