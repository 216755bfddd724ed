"""A till of the simulation: the real till, journal, state, views and line to its node, on a disk that can die."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import msgspec

from pos.device_ports import PrintJob
from pos.domain import commands as c
from pos.domain import events as e
from pos.facts import Fact, StoredFact
from pos.journal.file_journal import FileJournal
from pos.journal.reader import JournalFeed, sales_after
from pos.journal.standing import lock_of
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.resources import tax_table
from pos.storage_ports import Head, JournalUnavailableError
from pos.till import Till, TillSetup
from pos.till import World as Ports
from pos.till_facts import EpochOpened
from sync.client import HubClient
from sync.downlink import News
from sync.identity import Identity
from sync.keys import SigningKey
from tests.simulation.cashier import Cashier
from tests.simulation.goods import People, Shelf
from tests.simulation.invariants import FeedSeen, Shown, i2_journal_is_a_whole_prefix
from tests.simulation.nodes import STORE
from tests.simulation.participant import Machine, SimDisk

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["TillMachine", "read_journal"]

_TAXES = tax_table("DE")


def read_journal(folder: Path, after: int = 0) -> tuple[list[StoredFact], dict[int, bytes]]:
    """All facts after a number, and the hash that each segment began on by its first seq; read past all code of
    the journal's own."""
    facts: list[StoredFact] = []
    starts: dict[int, bytes] = {}
    files = sorted(path for path in folder.glob("*.journal") if path.stem.isdigit())
    for at, path in enumerate(files):
        if at + 1 < len(files) and int(files[at + 1].stem) <= after + 1:
            continue
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        rows = connection.execute(
            "select epoch, seq, kind, version, wall_ms, mono_ms, boot_id, body, hash from fact"
            " where seq > ? order by seq",
            (after,),
        )
        facts += [StoredFact(*row) for row in rows]
        starts.update(
            {row[0]: row[1] for row in connection.execute("select first_seq, prev_hash from segment")}
        )
        connection.close()
    return facts, starts


class WatchedJournal(FileJournal):
    """The journal; what it says is kept is remembered beside it."""

    machine: "TillMachine"

    async def append(self, facts: Sequence[Fact]) -> Sequence[StoredFact]:
        machine = self.machine
        machine.under_way.append(len(facts))
        try:
            stored = await super().append(facts)
        except JournalUnavailableError as error:
            if error.stored is False:
                machine.under_way.remove(len(facts))
            raise
        machine.under_way.remove(len(facts))
        machine.kept += stored
        machine.world.history.wrote(machine.name, stored)
        return stored

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> StoredFact:
        machine = self.machine
        machine.under_way.append(1)
        try:
            stored = await super().open_epoch(fact, first_seq, prev_hash, epoch)
        except JournalUnavailableError as error:
            if error.stored is False:
                machine.under_way.remove(1)
            raise
        machine.under_way.remove(1)
        machine.kept.append(stored)
        machine.world.history.wrote(machine.name, [stored])
        return stored

    async def open(self) -> Head:
        head = await super().open()
        self.machine.look()
        return head


class Printer:
    """Implements ReceiptPrinter and CashDrawer: what comes out of it a customer has seen."""

    def __init__(self, machine: "TillMachine") -> None:
        self._machine = machine
        self.works = True

    def submit(self, job: PrintJob) -> None:
        if self.works and job.sale is not None:
            self._machine.showed("receipt", job.sale.cart_id)

    def decide(self, job_id: str, choice: str) -> None:
        pass

    def open(self) -> bool:
        if self.works:
            self._machine.showed("drawer", self._machine.paying)
        return self.works


class TillMachine(Machine):
    """One till. `kept` is what its journal said is durable; it outlives its crashes, not its disk."""

    def __init__(self, world: "World", name: str, till_id: str, sales: int) -> None:
        super().__init__(world, name)
        self.till_id = till_id
        self.kept: list[StoredFact] = []
        self.lost: list[list[StoredFact]] = []  # what disks that are gone held
        self.destroyed = False
        self.replaced = False
        self.under_way: list[int] = []  # facts of commits whose fate is open
        self.sales_left = sales
        self.paying = ""
        self.till: Till | None = None
        self.client: HubClient | None = None
        self.journal: WatchedJournal | None = None
        self.store: StateStore | None = None
        self.applied: list[FeedSeen] = []
        self.disk_trouble = False
        self.printer_works = True
        self.heard_fork = False
        self.cashier = Cashier(self)
        self.seed = self.rng.randbytes(32)

    @property
    def key(self) -> SigningKey:
        return SigningKey(self.seed)

    def new_life_on(self, disk: SimDisk) -> None:
        """Another disk; what the old one held is gone with it."""
        self.disk.close()
        self.disk = disk
        self.lost.append(self.kept)
        self.cashier.forget()

    def restored(self) -> None:
        """A backup is on the disk: what it holds is what this till knows from here on."""
        found, starts = read_journal(self.folder)
        wrong = i2_journal_is_a_whole_prefix(
            STORE, self.till_id, found, self.kept[: len(found)], under_way=self.under_way, starts=starts
        )
        if wrong:
            self.world.history.violate(
                [f"I10: the backup of {self.name} is not what was written: {wrong[0]}"]
            )
        self.world.history.wrote(self.name, found[len(self.kept) :])
        self.kept = found
        self.under_way.clear()

    @property
    def folder(self) -> Path:
        return self.disk.folder / "journal"

    @property
    def identity(self) -> Identity:
        return Identity(STORE, self.till_id, "till", self.seed, self.world.nodes_of(self))

    def start(self) -> None:
        self.up = True
        self.power_loss = False
        self.task(self._live())

    async def _live(self) -> None:
        """Open everything and sell until the power goes or nothing is left to sell."""
        dead = self.dead()
        while True:
            try:
                await self._open()
                break
            except JournalUnavailableError as error:
                if dead():
                    return
                self.world.note(f"{self.name} cannot open: {error.code}")
                self._close()
                await self.world.sleep(2)
        assert self.client is not None
        self.task(self.client.run())
        self.task(self.cashier.work())

    async def _open(self) -> None:
        folder, worker = self.disk.folder, self.worker()
        self.store = StateStore(folder / "state.db", self.worker())
        self.journal = WatchedJournal(folder / "journal", Views(folder / "views.db"), self.clock, worker)
        self.journal.machine = self
        cart = await self.store.open()
        await self.journal.open()
        self.cashier.found(cart)
        printer = Printer(self)
        printer.works = self.printer_works
        self.printer = printer
        self.client = self._client(JournalFeed(folder / "journal", self.worker()))
        await self.client.load()
        ports = Ports(
            journal=self.journal,
            state=self.store,
            catalogue=Shelf(),
            people=People(),
            clock=self.clock,
            ids=self.ids,
            taxes=_TAXES,
            printer=printer,
            drawer=printer,
            hub=self.client,
            parks=self.client.carts,
            memory=self.store,
        )
        self.till = Till(ports, TillSetup(demo=False, software="simulated"))
        self.till.subscribe(self._heard)
        epoch, _, seq = (await self.store.get("hub.cursor") or b"1:0").decode().partition(":")
        unsent = sales_after(folder / "journal", int(epoch), int(seq))
        head = self.journal.head
        locked = await lock_of(self.store, head, [(head.epoch, self.journal.known_seq)])
        await self.till.start(cart, unsent, None, locked)
        self.world.note(f"{self.name} is up at {head.epoch}/{head.seq} {head.hash.hex()[:8]}")

    def _client(self, feed: JournalFeed) -> HubClient:
        assert self.store is not None
        assert self.journal is not None
        journal = self.journal
        return HubClient(
            self.identity,
            epoch=lambda: journal.head.epoch,
            source=feed,
            memory=self.store,
            clock=self.clock,
            ids=self.ids,
            submit=self._report,
            apply_changes=self._apply,
            worker=self.worker(),
            transport=lambda node: self.world.network.line(self.name, node.name),
            software="simulated",
        )

    async def _apply(self, news: News) -> None:
        if self.rng.random() < self.world.plan.apply_fails:
            raise OSError("the catalogue could not be written")
        for at, change in enumerate(news.changes):
            begins = news.begins and at == 0
            self.applied.append(
                FeedSeen(change["n"], change["key"], msgspec.json.encode(change["body"]), begins)
            )

    def _report(self, command: c.Command) -> None:
        if isinstance(command, c.HubReported):
            self.world.note(f"{self.name} hears {command.acked_epoch}/{command.acked_seq} {command.problem}")
            place = (command.acked_epoch, command.acked_seq)
            self.world.history.believes(command.node, self.till_id, place)
            if command.problem == "fork":
                self.heard_fork = True
        if self.till is not None:
            self.till.submit(command)

    def _heard(self, events: Sequence[e.Event]) -> None:
        if self.disk.dead:
            return
        for event in events:
            if isinstance(event, e.SalePaid):
                self.showed("paid", self.paying)

    def showed(self, what: str, cart_id: str) -> None:
        """A customer sees something; the journal's file must hold that sale by now."""
        if self.disk.dead:
            return
        after = max(0, (self.kept[-1].seq if self.kept else 0) - 12)
        try:
            newest, _ = read_journal(self.folder, after)
        except apsw.Error:
            return
        held = any(f'"cart_id":"{cart_id}"'.encode() in fact.body for fact in newest if fact.kind == "sale")
        self.world.history.showed(Shown(what, cart_id, held))

    def look(self) -> None:
        """What the journal holds after it was opened, against all that was said to be durable."""
        found, starts = read_journal(self.folder)
        if self.disk.dead:
            return
        under_way = self.under_way if self.kept else [len(found)]
        wrong = i2_journal_is_a_whole_prefix(
            STORE, self.till_id, found, self.kept, under_way=under_way, starts=starts
        )
        self.world.history.violate(wrong)
        self.world.history.wrote(self.name, found[len(self.kept) :])
        self.kept = found
        self.under_way.clear()

    def _close(self) -> None:
        for part in (self.journal, self.store):
            if part is not None:
                with contextlib.suppress(Exception):
                    part._close()

    def ended(self) -> None:
        self._close()
        self.till = self.client = self.journal = self.store = None
