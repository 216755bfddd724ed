"""What every machine of the simulation has: a disk, a clock, a power switch, and a life that ends in a moment."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation.disk import Disk
from tests.simulation.virtual import SimClock, SimIds, SimWorker, start_owned

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Machine", "SimDisk"]


class SimDisk(Disk):
    """A disk that tells its machine when a planned cut fell."""

    def __init__(self, parent: Path, name: str, rng: random.Random, gone: Callable[[], None]) -> None:
        super().__init__(parent, name, rng)
        self._gone = gone

    def cut(self) -> None:
        falls = not self.dead
        super().cut()
        if falls:
            self._gone()


class Machine:
    """A till, a relay or the hub. A life lasts from a start to a crash; what belongs to it ends with it."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.rng = random.Random(world.rng.getrandbits(64))
        self.clock = SimClock(world.loop, name)
        self.ids = SimIds(random.Random(world.rng.getrandbits(64)))
        self.disks = 0
        self.disk = self.new_disk()
        self.up = False
        self.life = 0
        self.slow_until = 0.0
        self.power_loss = False
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def new_disk(self) -> SimDisk:
        """An empty disk for this machine."""
        self.disks += 1
        seed = self.world.rng.getrandbits(64)
        return SimDisk(self.world.folder, f"{self.name}-{self.disks}", random.Random(seed), self._power_gone)

    def dead(self) -> Callable[[], bool]:
        """Whether the life that asks now is over."""
        life, disk = self.life, self.disk
        return lambda: self.life != life or disk.dead

    def worker(self) -> SimWorker:
        return SimWorker(self.world.loop, self.dead(), self._pause)

    def _pause(self) -> tuple[float, float]:
        paused_s = self.world.network.paused.get(self.name, 0.0) - self.world.loop.now
        if paused_s > 0:
            return paused_s, 0.0
        if self.world.loop.now >= self.slow_until:
            return 0.0, 0.0
        seconds = self.rng.uniform(0.001, 0.08)
        return (seconds, 0.0) if self.rng.random() < 0.5 else (0.0, seconds)

    def task(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something that runs for as long as this life lasts."""
        start_owned(self.world.loop, self._tasks, work)

    def quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        """The same for something that may fail when the machine does."""

        async def guarded() -> None:
            with contextlib.suppress(Exception):
                await work

        self.task(guarded())

    def _power_gone(self) -> None:
        """The disk died in the middle of something: the machine is gone, and comes back after a while."""
        if self.up:
            self.world.loop.call_soon(self.die)

    def die(self, *, for_good: bool = False) -> None:
        """Nothing of this life acts any more."""
        if not self.up:
            return
        self.up = False
        self.life += 1
        self.disk.cut()
        tasks, self._tasks = list(self._tasks), {}
        for task in tasks:
            task.cancel()
        self.world.note(f"{self.name} died ({'power' if self.power_loss else 'kill'})")
        self.ended()
        if not for_good:
            self.world.loop.call_later(self.world.rng.uniform(0.5, 20), self.come_back, self.life)

    def come_back(self, life: int) -> None:
        """On again, unless something else happened to it meanwhile."""
        if self.up or life != self.life:
            return
        if self.power_loss:
            self.disk.crash()
            self.clock.boot()
        else:
            self.disk.kill()
        self.start()

    def start(self) -> None:
        raise NotImplementedError

    def ended(self) -> None:
        """Close what this life had open; the disk is dead."""
