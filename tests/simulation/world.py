"""A whole shop in one process, in virtual time, made from one seed: tills, nodes, network, faults, and checks.

python -m tests.simulation.world --seed 7 --log
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import random
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from sync.identity import Node
from tests.simulation.attacks import flipped, invented
from tests.simulation.audit import audit, unheard
from tests.simulation.chaos import Chaos
from tests.simulation.disk import ram_folder
from tests.simulation.goods import SaleMaker
from tests.simulation.history import HELLO_S, History
from tests.simulation.mishaps import Mishaps
from tests.simulation.network import Network
from tests.simulation.nodes import NodeMachine, empty_database
from tests.simulation.participant import Machine
from tests.simulation.tills import TillMachine
from tests.simulation.virtual import VirtualLoop, run_virtual

__all__ = ["Outcome", "Plan", "World", "run_seed"]

QUIET_S = 60 + 60 + 30
REVOKED_S = QUIET_S + 300 + 75  # a revoked till's line pauses that long
LIMIT_S = 1800
SHARING_EVERY = 40  # of the seeds, one is a shop whose tills want the same parked carts


class Plan(msgspec.Struct):
    """What one seed runs: how many machines, how much load, how much goes wrong."""

    tills: int
    sales: int
    flurry: int = 40
    gap_s: float = 0.04
    pause_s: float = 8.0
    fault_every_s: float = 1.5
    fault_every_sales: float = 0.0  # besides; 0: no others
    violence: float = 1.0
    relay: bool = False
    apply_fails: float = 0.1
    at_till: float = 0.16  # of the commits; the others are made past its screen
    park: float = 0.1
    resume: float = 0.3
    faults: tuple[str, ...] = ()  # only these, each as likely as it is often here; empty: all
    certain: tuple[str, ...] = ()  # mishaps that may happen in each run, not in some only


class Outcome(msgspec.Struct):
    """What came of one seed. `taken_over`: parked carts that went on at another till. `log`: a hash over every line of the event log."""

    seed: int
    sales: int = 0
    sales_at_tills: int = 0
    facts: int = 0
    taken_over: int = 0
    faults: dict[str, int] = {}
    requests: int = 0
    virtual_s: float = 0.0
    log: str = ""
    violations: list[str] = []


def plan_of(rng: random.Random) -> Plan:
    return Plan(
        tills=rng.randint(2, 4),
        sales=rng.randint(800, 1600),
        flurry=rng.choice((20, 120, 250)),
        gap_s=rng.choice((0.003, 0.01)),
        pause_s=rng.choice((1.5, 4.0)),
        fault_every_s=2.0,
        fault_every_sales=4.0,
        violence=rng.uniform(0.5, 1.5),
        relay=rng.random() < 0.35,
    )


class World:
    """The machines of one run and the time they live in."""

    def __init__(
        self,
        loop: VirtualLoop,
        folder: Path,
        seed: int,
        *,
        plan: Callable[[random.Random], Plan] = plan_of,
        show: bool = False,
    ) -> None:
        self.loop = loop
        self.folder = folder
        self.seed = seed
        self.rng = random.Random(seed)
        self._show = show
        self._hasher = hashlib.sha256()
        self.plan = plan(self.rng)
        self.network = Network(loop, random.Random(self.rng.getrandbits(64)))
        self.network.log = self.note
        self.network.complain = lambda text: self.history.violate([f"S1: {text}"])
        self.network.invent = lambda asked: invented(asked, self.network.rng)
        self.network.flip = lambda data: flipped(data, self.network.rng)
        self.history = History(self)
        self.sales = SaleMaker(random.Random(self.rng.getrandbits(64)))
        self.sold = 0
        self.sold_at_tills = 0
        self.nodes = [NodeMachine(self, "hub")]
        if self.plan.relay:
            self.nodes.append(NodeMachine(self, "relay"))
        for node in self.nodes:
            self.network.servers[node.name] = node
        self.tills = [
            TillMachine(self, f"till{n}", f"till{n}", self.plan.sales) for n in range(1, self.plan.tills + 1)
        ]
        self.mishaps = Mishaps(self, self.plan.certain)
        self.twins: list[TillMachine] = []
        self.chaos = Chaos(self, self.plan.faults)

    @property
    def hub(self) -> NodeMachine:
        return self.nodes[0]

    @property
    def machines(self) -> list[Machine]:
        return [*self.nodes, *self.tills]

    def lines(self) -> list[tuple[str, str]]:
        """Who speaks to whom."""
        pairs = [(till.name, node.name) for till in self.tills for node in self.nodes]
        return pairs + [(node.name, "hub") for node in self.nodes[1:]] * len(self.tills)

    def nodes_of(self, _till: TillMachine) -> tuple[Node, ...]:
        """The nodes that a till was enrolled at."""
        return tuple(
            Node(f"http://{node.name}", "hub" if node is self.hub else "relay", node.name, node.public_key)
            for node in reversed(self.nodes)
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def sold_some(self, count: int, *, at_the_till: bool = False) -> None:
        self.sold += count
        self.sold_at_tills += count if at_the_till else 0
        self.chaos.sold(count)

    def note(self, text: str) -> None:
        line = f"{self.loop.now:11.4f} {text}\n"
        self._hasher.update(line.encode())
        if self._show:
            sys.stdout.write(line)

    async def run(self) -> Outcome:
        self.hub.start()
        for node in self.nodes[1:]:
            node.join(self.hub)
            node.start()
        for till in self.tills:
            self.mishaps.open_shop(till)
            till.start()
        trouble = self.loop.create_task(self.chaos.run())
        try:
            while any(till.sales_left > 0 for till in self.tills) and not self.history.violations:
                await self.sleep(1)
                if self.loop.now > LIMIT_S:
                    self.history.violate(["I9: the shop never came to its end"])
        finally:
            trouble.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trouble
        if not self.history.violations:
            await self._quiet()
        return self._outcome()

    async def _quiet(self) -> None:
        """Heal everything, and wait until nobody holds anything back."""
        self.note("quiet")
        await self.chaos.heal()
        await self._switch_twins_off()
        await self.sleep(max(0.0, self.history.went_back_at + HELLO_S - self.loop.now))
        if not await self._settled():
            return
        self.plan.apply_fails = 0
        since = self.loop.now
        while unheard(self) and self.loop.now - since < QUIET_S:
            await self.sleep(5)
        self.history.check(self.hub, self.tills)
        self.history.violate(audit(self))

    async def _settled(self) -> bool:
        """Wait until every till has said all it has to say, and nothing new came of it. False, and a violation, where
        for so long nothing moved that a till must be stuck."""
        least, since = sys.maxsize, self.loop.now
        while True:
            waiting = {till.name: count for till in self.tills if (count := self._unsent(till))}
            if not waiting:
                await self.sleep(5)  # the projections
                if not any(self._unsent(till) for till in self.tills):
                    return True
            if (left := sum(waiting.values())) < least:
                least, since = left, self.loop.now
            if self.loop.now - since > (REVOKED_S if self.history.revoked else QUIET_S):
                self.history.violate(
                    [f"I9: {till} still holds {n} facts back" for till, n in waiting.items()]
                )
                return False
            await self.sleep(1)

    async def _switch_twins_off(self) -> None:
        """Two copies of one disk go on taking epochs from each other until a person ends it. Once all of the copy's
        facts were sent, it is switched off; what it writes after that moment goes with it."""
        for twin in self.twins:
            for _ in range(QUIET_S):
                if not self._unsent(twin):
                    break
                await self.sleep(1)
            else:
                self.history.violate([f"I9: {twin.name} never got rid of its branch"])
            twin.lost.append(list(twin.kept))
            twin.destroyed = True
            twin.sales_left = 0
            twin.die(for_good=True)

    def _unsent(self, till: TillMachine) -> int:
        if till.destroyed:
            return 0
        if not till.up or till.journal is None or till.till is None or till.client is None:
            return 1
        behind = not self.hub.holds(till.till_id, till.kept[-1])
        aside = (
            till.replaced
            or till.till_id in self.history.revoked
            or till.till.view.hub.problem not in {"", "clock", "unreachable"}
        )
        return behind + (not till.client.at_rest) + (0 if aside else till.till.view.unsent)

    def _outcome(self) -> Outcome:
        for machine in self.machines:
            machine.power_loss = False
            machine.die(for_good=True)
        for machine in self.machines:
            machine.disk.close()
        self.history.violate([f"a task broke: {text}" for text in self.loop.faults[:3]])
        return Outcome(
            self.seed,
            self.sold,
            self.sold_at_tills,
            sum(len(till.kept) for till in self.tills),
            self.history.taken_over,
            dict(sorted((self.network.counts + self.chaos.counts).items())),
            self.network.requests,
            round(self.loop.now, 3),
            self._hasher.hexdigest(),
            self.history.violations,
        )


def run_seed(
    seed: int,
    *,
    mutation: str = "",
    plan: Callable[[random.Random], Plan] = plan_of,
    show: bool = False,
) -> Outcome:
    """One run from its seed to its outcome; `mutation` names a fault of mutations.py to put into the code."""
    from tests.simulation import sharing
    from tests.simulation.mutations import mutated

    if plan is plan_of and seed % SHARING_EVERY == 0:
        plan = sharing.plan_of
    empty_database()
    logging.disable(logging.CRITICAL)
    try:
        with ram_folder() as folder, mutated(mutation), warnings.catch_warnings():
            # What a crash cut off before its first step.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)

            async def main(loop: VirtualLoop) -> Outcome:
                return await World(loop, folder, seed, plan=plan, show=show).run()

            return run_virtual(main)
    finally:
        logging.disable(logging.NOTSET)


def replay_command(seed: int, mutation: str = "") -> str:
    return f"python -m tests.simulation.world --seed {seed}" + (f" --mutation {mutation}" if mutation else "")


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.world", description="Run one seed.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--mutation", default="", help="put this fault of mutations.py into the code")
    parser.add_argument("--jepsen", action="store_true", help="the load and faults of jepsen.py")
    parser.add_argument("--sharing", action="store_true", help="the load and faults of sharing.py")
    parser.add_argument("--office", action="store_true", help="the load and faults of office.py")
    parser.add_argument("--log", action="store_true", help="print the event log")
    wanted = parser.parse_args()
    total: Counter[str] = Counter()
    for seed in range(wanted.seed, wanted.seed + wanted.count):
        if wanted.jepsen:
            from tests.simulation.jepsen import plan_of as plan
        elif wanted.sharing:
            from tests.simulation.sharing import plan_of as plan
        elif wanted.office:
            from tests.simulation.office import plan_of as plan
        else:
            plan = plan_of
        outcome = run_seed(seed, mutation=wanted.mutation, plan=plan, show=wanted.log)
        total += Counter(sales=outcome.sales, faults=sum(outcome.faults.values()))
        print(msgspec.json.format(msgspec.json.encode(outcome)).decode())
        if outcome.violations:
            print(f"seed {seed} at commit {commit()}; again: {replay_command(seed, wanted.mutation)}")
            return 1
    print(dict(total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
