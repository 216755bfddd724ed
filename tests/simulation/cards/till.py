"""A till with a card terminal: the real till, journal, state and driver on a disk that can die, in virtual time."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.card.addresses import CardAddress, read_card_address
from drivers.card.orders import Wishes
from drivers.card.terminal import ZvtTerminal
from drivers.supervisor import DeviceAbsentError
from pos.domain import commands as c
from pos.domain.tender import TenderRules
from pos.facts import decode_fact
from pos.journal.file_journal import FileJournal
from pos.journal.history import FileHistory
from pos.journal.standing import lock_of
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.payments import Payments
from pos.resources import tax_table
from pos.storage_ports import JournalUnavailableError
from pos.till import Till, TillSetup, World
from tests.simulation.disk import Disk, Survival
from tests.simulation.goods import PERSON, PIN, People, Shelf
from tests.simulation.machine import InlineWorker
from tests.simulation.tills import read_journal
from tests.simulation.virtual import SimClock, SimIds, VirtualLoop, start_owned
from tests.simulators.terminal import Pipe

if TYPE_CHECKING:
    from tests.simulation.cards.world import CardWorld

__all__ = ["CardTill", "SimStream"]

_TAXES = tax_table("DE")
_SHELF = Shelf()
ADDRESSES = {
    "tcp": read_card_address("tcp:192.0.2.20"),
    "serial": read_card_address("serial:/dev/null"),
}


class SimStream:
    """Implements drivers.card.streams.Stream over a Pipe to the simulated terminal."""

    def __init__(self, world: "CardWorld", address: CardAddress) -> None:
        self._world = world
        self._serial = address.kind == "serial"
        self._pipe: Pipe | None = None

    async def open(self) -> None:
        await asyncio.sleep(0.001)
        if not self._world.plugged or not (self._serial or self._world.terminal.on):
            raise DeviceAbsentError("unreachable")
        self._pipe = Pipe(wires=self._serial)
        self._world.connected(self._pipe)

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        assert self._pipe is not None
        while data := await self._pipe.till.reader.read(4096):
            on_data(data)
        raise DeviceAbsentError("card-closed")

    async def write(self, data: bytes, timeout_s: float) -> None:
        if self._pipe is None or self._pipe.is_cut:
            raise DeviceAbsentError("unreachable")
        self._pipe.till.writer.write(data)
        with contextlib.suppress(OSError):
            async with asyncio.timeout(timeout_s):
                await self._pipe.till.writer.drain()

    def close(self) -> None:
        """A connection that is closed is closed at both ends; of a serial port nobody is told."""
        if self._pipe is not None and not self._serial:
            self._pipe.till.writer.close()
        self._pipe = None


class CardTill:
    """One till; a life lasts from `start` to `die`. `came_back` is when the newest one began."""

    def __init__(self, world: "CardWorld", loop: VirtualLoop, parent: Path, rng: random.Random) -> None:
        self._world = world
        self._loop = loop
        self._rng = rng
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.clock = SimClock(loop, "till")
        self.disk = Disk(parent, f"till{rng.getrandbits(40)}", rng)
        self.up = False
        self.lives = 0
        self.till: Till | None = None
        self.journal: FileJournal | None = None
        self.store: StateStore | None = None
        self.driver: ZvtTerminal | None = None

    def start(self, work: Callable[[], Any]) -> None:
        """`work` makes what runs in this life when everything is open."""
        self.up = True
        self.lives += 1
        self.task(self._live(self.lives, work))

    def task(self, work: Any) -> None:
        start_owned(self._loop, self._tasks, work)

    async def _live(self, life: int, work: Callable[[], Any]) -> None:
        try:
            await self._open()
        except JournalUnavailableError:
            return  # the disk died while it started
        if self.lives != life or self.disk.dead or self.till is None or self.driver is None:
            return
        self.task(self.driver.run())
        self.task(self._ticks())
        self.task(work())

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.till is not None:
                self.till.submit(c.Tick())

    async def _open(self) -> None:
        folder, worker = self.disk.folder, InlineWorker()
        self.store = StateStore(folder / "state.db", worker)
        views = Views(folder / "views.db")
        self.journal = FileJournal(folder / "journal", views, self.clock, worker)
        cart = await self.store.open()
        head = await self.journal.open()
        address = ADDRESSES["serial" if self._world.serial else "tcp"]
        self.driver = ZvtTerminal(
            "1",
            address,
            lambda command: self.till.submit(command) if self.till is not None else None,
            self.clock,
            wishes=Wishes(sync=self._world.sync),
            memory=self.store,
            open_stream=lambda wanted: SimStream(self._world, wanted),
        )
        ports = World(
            journal=self.journal,
            state=self.store,
            catalogue=_SHELF,
            people=People(),
            clock=self.clock,
            ids=SimIds(random.Random(self._rng.getrandbits(64))),
            taxes=_TAXES,
            memory=self.store,
            history=FileHistory(folder / "journal", views, worker),
            cards=(self.driver,),
        )
        self.till = Till(ports, TillSetup(software="simulated", tenders=TenderRules()))
        locked = await lock_of(self.store, head, [(head.epoch, self.journal.known_seq)])
        await self.till.start(cart, [], None, locked)
        await self.till.handle(c.SignIn(PERSON, PIN))

    def die(self) -> None:
        """Nothing of this life acts any more."""
        if not self.up:
            return
        self.up = False
        self.disk.cut()
        tasks, self._tasks = list(self._tasks), {}
        for task in tasks:
            task.cancel()
        for part in (self.journal, self.store):
            if part is not None:
                with contextlib.suppress(Exception):
                    part._close()
        self.till = self.journal = self.store = self.driver = None

    def come_back(self, work: Callable[[], Any], *, power: bool, survival: Survival | None) -> None:
        if power:
            self.disk.crash(survival)
            self.clock.boot()
        else:
            self.disk.kill()
        self.start(work)

    # -- what is looked at

    @property
    def payments(self) -> Payments | None:
        """As the till that is up knows them; None while it is not."""
        return self.journal.head.payments if self.journal is not None and self.till is not None else None

    def facts(self) -> list[Any]:
        """All of the journal, read past its own code."""
        stored, _ = read_journal(self.disk.folder / "journal")
        return [decode_fact(fact.kind, fact.version, fact.body) for fact in stored]
