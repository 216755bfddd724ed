"""The faults that jepsen-powersync puts a client's queue through, on the real till, line and hub in virtual time.

5 to 10 clients write 10 to 50 transactions a second for 100 to 300 seconds, while clients are disconnected and
connected, disconnected and stopped, partitioned (in, out, both), paused and killed. In the end no queue may be stuck and
no two may differ.
"""

import random

from tests.simulation.world import Outcome, Plan, run_seed

__all__ = ["FAULTS", "plan_of", "run"]

FAULTS = ("disconnect", "stop", "partition", "pause", "till crash", "hub crash")


def plan_of(rng: random.Random) -> Plan:
    clients = rng.randint(5, 10)
    tps = rng.choice((10, 10, 10, 15, 20, 50))
    seconds = rng.randint(100, 300) if tps < 20 else 100
    return Plan(
        clients,
        sales=tps * seconds // clients,
        flurry=10**6,
        gap_s=2 * clients / tps,
        fault_every_s=rng.choice((3.0, 6.0, 12.0)),
        faults=FAULTS,
    )


def run(seed: int) -> Outcome:
    """One run; its violations are what would be stuck queues and divergence there."""
    return run_seed(seed, plan=plan_of)
