"""What goes wrong: faults drawn from the world's one source of chance, each with an end, each counted."""

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pos.domain import commands as c
from tests.simulation.network import Weather
from tests.simulation.participant import Machine
from tests.simulation.tills import TillMachine

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Chaos"]

DAY_MS: Final = 86_400_000
HARMLESS: Final = ("till backup", "hub backup", "articles")


class Chaos:
    """Draws a fault every now and then."""

    def __init__(self, world: "World", only: tuple[str, ...] = ()) -> None:
        self._world = world
        self._rng = world.rng
        self.counts: Counter[str] = Counter()
        self._kinds: list[tuple[float, str, Callable[[], None]]] = [
            (20, "weather", self._weather),
            (20, "partition", self._partition),
            (60, "clock", self._clock),
            (60, "printer", self._printer),
            (60, "slow disk", self._slow_disk),
            (4, "till crash", self._till_crash),
            (3, "hub crash", self._hub_crash),
            (5, "disk fault", self._disk_fault),
            (3, "swizzle", self._swizzle),
            *self._of_identity(),
            (10, "disconnect", self._disconnect),
            (0.3, "stop", self._stop),
            (10, "pause", self._pause),
        ]
        if only:
            self._kinds = [(only.count(name), name, act) for _, name, act in self._kinds if name in only]
        self._weights = [kind[0] for kind in self._kinds]
        self._due = 0.0
        self._running = False

    def _of_identity(self) -> list[tuple[float, str, Callable[[], None]]]:
        mishaps = self._world.mishaps
        return [
            (weight, name, self._counted(name, act))
            for weight, name, act in (
                (1, "till backup", mishaps.till_backup),
                (0.6, "till restored", mishaps.till_restored),
                (0.3, "clone", mishaps.clone),
                (0.3, "replaced", mishaps.replace),
                (1, "hub backup", mishaps.hub_backup),
                (0.6, "hub restored", mishaps.hub_restored),
                (0.6, "relay lost", mishaps.relay_lost),
                (0.3, "revoked", mishaps.revoke),
                (2, "articles", mishaps.articles),
            )
        ]

    def _counted(self, name: str, act: Callable[[], bool]) -> Callable[[], None]:
        def run() -> None:
            if act() and name not in HARMLESS:
                self._count(name)

        return run

    async def run(self) -> None:
        """As time goes on."""
        world = self._world
        self._running = True
        try:
            while True:
                await world.sleep(self._rng.expovariate(world.plan.violence / world.plan.fault_every_s))
                self._act()
        finally:
            self._running = False

    def sold(self, count: int) -> None:
        """As sales are made, each fault somewhere in the commits that follow."""
        world = self._world
        if world.plan.fault_every_sales:
            self._due -= count * world.plan.violence
            while self._due <= 0:
                self._due += self._rng.expovariate(1 / world.plan.fault_every_sales)
                world.loop.call_later(self._rng.uniform(0, 0.05), self._act)

    def _act(self) -> None:
        if self._running:
            (_, name, act) = self._rng.choices(self._kinds, self._weights)[0]
            self._world.note(f"fault: {name}")
            act()

    async def heal(self) -> None:
        """No fault from now on: links, clocks' jumps stay, disks and printers work, machines come back."""
        world = self._world
        world.network.heal()
        for machine in world.machines:
            machine.disk.cut_after(None)
            machine.disk.fail("write", 0)
            machine.slow_until = 0
        for till in world.tills:
            till.printer_works = True
        for _ in range(120):
            if all(machine.up for machine in world.machines if not _gone(machine)):
                break
            await world.sleep(1)
        for till in world.tills:
            for _ in range(60):
                if till.destroyed or (till.till is not None and till.till.view.state != "stopped"):
                    break
                if till.till is not None:
                    await till.till.handle(c.Retry())
                await world.sleep(1)
            till.disk_trouble = False

    def _count(self, name: str) -> None:
        self.counts[name] += 1

    def _later(self, low: float, high: float, undo: Callable[[], None]) -> None:
        self._world.loop.call_later(self._lasting(low, high), undo)

    def _lasting(self, low: float, high: float) -> float:
        """Seconds: as often between `low` and twice that as between half of `high` and `high`."""
        return math.exp(self._rng.uniform(math.log(low), math.log(high)))

    def _a_till(self) -> TillMachine:
        return self._rng.choice(self._world.tills)

    # -- the network

    def _weather(self) -> None:
        """For a while, messages suffer in another mixture of ways."""
        rng = self._rng
        bad = rng.random() * 0.5
        self._world.network.weather = Weather(
            lose=bad * rng.random() * 0.6,
            lose_answer=bad * rng.random(),
            late=bad * rng.random() * 0.6,
            double=bad * rng.random() * 2,
            reset=bad * rng.random(),
            hang=bad * rng.random() * 0.4,
            trickle=bad * rng.random() * 0.2,
            spike=bad * rng.random() * 3,
            alter=bad * rng.random() * 0.5,
            alter_answer=bad * rng.random() * 0.5,
            invent=bad * rng.random() * 0.5,
            latency=rng.choice(((0.001, 0.01), (0.005, 0.1), (0.1, 1.2))),
        )

    def _partition(self) -> None:
        """One line, or all of them, cut in one direction, the other, both, refused, or only slowed down."""
        world, rng = self._world, self._rng
        everything = sorted(set(world.lines()))
        pairs = [rng.choice(world.lines())] if rng.random() < 0.8 else everything
        how = rng.choice(("out", "in", "both", "refused", "slow"))
        for pair in pairs:
            link = world.network.link(*pair)
            link.lost_out = how in {"out", "both"}
            link.lost_in = how in {"in", "both"}
            link.refused = how == "refused"
            link.slow = rng.uniform(5, 40) if how == "slow" else 1.0
            self._count(f"partition {how}")
        self._later(0.05, 20, lambda: self._heal(pairs))

    def _heal(self, pairs: list[tuple[str, str]]) -> None:
        for pair in pairs:
            self._world.network.links.pop(pair, None)

    def _disconnect(self) -> None:
        """A client is told to disconnect, and later to connect again."""
        pair = self._rng.choice(self._world.lines())
        self._world.network.link(*pair).refused = True
        self._count("disconnect")
        self._later(0.05, 20, lambda: self._heal([pair]))

    def _stop(self) -> None:
        """A client disconnects, its process ends in order, and starts again."""
        till = self._a_till()
        if till.up:
            self._disconnect()
            till.power_loss = False
            till.die()
            self._count("stop")

    def _pause(self) -> None:
        """A process stands still for a while and knows nothing of it."""
        machine: Machine = self._rng.choice(self._world.machines)
        self._world.network.paused[machine.name] = self._world.loop.now + self._lasting(0.05, 8)
        self._count("pause")

    def _swizzle(self) -> None:
        """Links stop one by one and come back one by one in another order."""
        world, rng = self._world, self._rng
        order = sorted(set(world.lines()))
        rng.shuffle(order)
        for at, pair in enumerate(order):
            world.loop.call_later(at * rng.uniform(0.2, 2), self._clog, pair)
        rng.shuffle(order)
        for at, pair in enumerate(order):
            world.loop.call_later(10 + at * rng.uniform(0.2, 2), self._heal, [pair])

    def _clog(self, pair: tuple[str, str]) -> None:
        if not self._running:  # everything was healed meanwhile
            return
        self._world.network.link(*pair).lost_out = True
        self._count("swizzle clog")

    # -- machines

    def _clock(self) -> None:
        machine: Machine = self._rng.choice(self._world.machines)
        jump = self._rng.choice((DAY_MS, -DAY_MS, 3_600_000, -3_600_000, 600_000, -120_000, 1_800_000))
        machine.clock.offset_ms += jump
        self._count("clock jump")

    def _printer(self) -> None:
        till = self._a_till()
        till.printer_works = not till.printer_works
        if till.till is not None:
            till.printer.works = till.printer_works
        self._count("printer")

    def _slow_disk(self) -> None:
        machine: Machine = self._rng.choice(self._world.machines)
        machine.slow_until = self._world.loop.now + self._lasting(0.05, 3)
        self._count("slow disk")

    def _till_crash(self) -> None:
        self._crash(self._a_till(), "till")

    def _hub_crash(self) -> None:
        node = self._rng.choice(self._world.nodes)
        self._crash(node, node.name)

    def _crash(self, machine: Machine, what: str) -> None:
        """The process is killed or the power goes: at once, or at one of the next writes."""
        if not machine.up:
            return
        machine.power_loss = self._rng.random() < 0.5
        self._count(f"{what} {'power cut' if machine.power_loss else 'kill'}")
        if self._rng.random() < 0.3:
            machine.die()
        else:
            machine.disk.cut_after(self._rng.randint(1, 60))

    def _disk_fault(self) -> None:
        """A till's disk refuses for a while."""
        till = self._a_till()
        if not till.up:
            return
        till.disk_trouble = True
        kind = self._rng.choice(("write", "sync", "full"))
        till.disk.fail(kind, self._rng.randint(1, 4), after=self._rng.randint(0, 30))
        self._count(f"disk {kind}")


def _gone(machine: Machine) -> bool:
    return isinstance(machine, TillMachine) and machine.destroyed
