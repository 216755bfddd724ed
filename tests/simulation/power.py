"""Power cuts on the real journal, state and views, through the real till: a history of acts, cuts and restarts.

After each cut the till starts on what is left and is held to what it had shown (I1, I2 and their kin):
the chain is whole and gapless and holds every fact whose commit returned, a sale is there whole or not at all,
receipt numbers have no gap, the open cart is as it was or paid but never both, views are those derived anew.
"""

import asyncio
import contextlib
import datetime as dt
import itertools
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from pos.domain import commands as c
from pos.facts import (
    CartAbandoned,
    CartParked,
    CartResumed,
    DrawerOpenedFact,
    ReceiptCopied,
    Sale,
    StoredFact,
    decode_fact,
)
from pos.journal import file_journal, state
from pos.journal.reader import verify_journal
from pos.journal.segment import open_reader, read_facts, segment_files
from pos.journal.views import Views
from pos.ports import Head
from pos.till.settlement import cart_again
from tests.simulation.disk import Disk, ram_folder
from tests.simulation.machine import CODES, LazyWorker, Machine, Seen, SimClock, SimIds, jobs_of, make_folder

__all__ = ["CutReport", "LostError", "check", "power_cuts", "small_limits"]

START = dt.datetime(2026, 11, 21, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
CUTS_A_HISTORY = 12


class LostError(AssertionError):
    """The till broke a promise; the text names seed and cut."""


class CutReport(msgspec.Struct):
    """What a number of power cuts came to. `found_paid`: cut between the commit and the thanks."""

    cuts: int = 0
    kills: int = 0
    faults: int = 0
    histories: int = 0
    sales: int = 0
    facts: int = 0
    found_paid: int = 0
    writes: int = 0
    syncs: int = 0
    seconds: float = 0.0
    failures: list[str] = []

    def add(self, other: "CutReport") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@contextlib.contextmanager
def small_limits(
    *, segment_facts: int = 7, checkpoint_facts: int = 4, checkpoint_saves: int = 7
) -> Iterator[None]:
    """Segments roll and logs are written back every few acts, so that cuts fall on that too."""
    before = file_journal.SEGMENT_FACTS_MAX, file_journal.CHECKPOINT_FACTS, state.CHECKPOINT_SAVES
    file_journal.SEGMENT_FACTS_MAX = segment_facts
    file_journal.CHECKPOINT_FACTS = checkpoint_facts
    state.CHECKPOINT_SAVES = checkpoint_saves
    try:
        yield
    finally:
        file_journal.SEGMENT_FACTS_MAX, file_journal.CHECKPOINT_FACTS, state.CHECKPOINT_SAVES = before


async def check(machine: Machine, seen: Seen, scratch: Path | None) -> None:
    """Hold a till that has just started to what it had shown. Raises LostError.

    With a `scratch` folder the views are derived anew and compared.
    """
    _must(machine.stopped is None, f"the till is stopped: {machine.stopped}")
    _must(not machine.locked, f"the till is locked: {machine.locked}")
    facts = _verified(machine.state / "journal")
    seq, hash_ = seen.head
    last = facts[-1]
    kept = any((fact.seq, fact.hash) == (seq, hash_) for fact in facts)
    _must(kept, f"fact {seq} was committed and is gone; the last is {last.seq}")
    _must(sum(fact.seq > seq for fact in facts) <= 2, "more than one commit was under way")
    head = machine.journal.head
    _must(
        (head.epoch, head.seq, head.hash) == (last.epoch, last.seq, last.hash),
        "the head is not the last fact",
    )

    ended = _check_shown(machine, seen, facts)
    _check_cart(machine, seen, ended)
    cursor = await machine.cursor()
    _must(cursor in (seen.cursor, *seen.cursor_asked), f"the cursor is {cursor}, not {seen.cursor}")
    _must((await jobs_of(machine.store)).keys() >= set(seen.jobs), "a receipt left the spool")
    if scratch is not None:
        fresh = Views(scratch / "fresh.db")
        fresh.rebuild(machine.state / "journal", "fresh")
        _must(fresh.digest() == machine.views.digest(), "the views are not those of the journal")
        fresh.close()


def _must(holds: object, what: str) -> None:
    if not holds:
        raise LostError(what)


def _verified(folder: Path) -> list[StoredFact]:
    """All facts, the chain walked from the first on."""
    problems = verify_journal(folder).problems
    _must(not problems, f"verify: {problems}")
    facts: list[StoredFact] = []
    for path in segment_files(folder):
        segment = open_reader(path)
        facts += read_facts(segment.connection, 0)
        segment.connection.close()
    for before, fact in itertools.pairwise(facts):
        leap = fact.kind == "epoch.opened" and fact.epoch > before.epoch
        _must(fact.seq == before.seq + 1 or leap, f"fact {before.seq + 1} is missing")
    return facts


def _check_shown(machine: Machine, seen: Seen, stored: Sequence[StoredFact]) -> set[str]:
    """Whatever was shown is kept; returns the ids of carts that are over."""
    facts = [decode_fact(fact.kind, fact.version, fact.body) for fact in stored]
    sales = {fact.cart_id: fact.number for fact in facts if isinstance(fact, Sale)}
    voided = {fact.cart_id for fact in facts if isinstance(fact, CartAbandoned)}
    parked = {fact.cart_id for fact in facts if isinstance(fact, CartParked)}
    resumed = {fact.cart_id for fact in facts if isinstance(fact, CartResumed)}
    lost = seen.paid.items() - sales.items()
    _must(not lost, f"shown as paid, and not kept: {lost}")
    _must(voided.issuperset(seen.voided), "shown as voided, and not kept")
    _must(parked.issuperset(seen.parked), "shown as parked, and not kept")
    _must(resumed.issuperset(seen.resumed), "shown as resumed, and not kept")
    waiting = {cart.cart_id for cart in machine.journal.head.parked}
    _must(waiting == parked - resumed, f"{parked - resumed} wait, not {waiting}")
    drawer = sum(isinstance(fact, DrawerOpenedFact) and not fact.by_key for fact in facts)
    _must(drawer >= seen.drawer, "the drawer opened and no fact says so")
    copies = sum(isinstance(fact, ReceiptCopied) for fact in facts)
    _must(copies >= seen.copies, "a copy was printed and no fact says so")
    numbers: dict[int, int] = {}
    for row, fact in zip(stored, facts, strict=True):
        if isinstance(fact, Sale):
            _must(
                fact.number == numbers.get(row.epoch, 0) + 1,
                f"receipt {row.epoch}-{fact.number} out of order",
            )
            numbers[row.epoch] = fact.number
    head = machine.journal.head
    _must(head.next_number == numbers.get(head.epoch, 0) + 1, "the next number is not the next")
    return sales.keys() | voided | parked


def _check_cart(machine: Machine, seen: Seen, ended: set[str]) -> None:
    """The open cart is as it was last seen or about to be; if it is gone, a fact ended it."""
    cart, resumed = machine.cart, machine.journal.head.resumed
    if cart is None:
        kept = any(old is None or old.cart_id in ended for old in seen.carts)
        _must(kept and resumed is None, f"the open cart is gone: {seen.carts}, {resumed}")
        return
    _must(cart.cart_id not in ended, "the cart is open and over")
    known = cart in seen.carts
    if resumed is not None and resumed[0].new_cart_id == cart.cart_id:
        known = known or cart == cart_again(resumed[1], cart.cart_id)
    _must(known, f"a cart that never was: {cart}; {seen.carts}")


class _History:
    """One till's life: acts until the power goes, a start on what is left, and so on."""

    def __init__(
        self, parent: Path, template: Path, seed: int, report: CutReport, *, lying: bool = False
    ) -> None:
        self.rng = random.Random(seed)
        self.disk = Disk(parent, f"till{seed}", self.rng, lying=lying)
        shutil.copytree(template, self.disk.folder, dirs_exist_ok=True)
        self.clock = SimClock(START)
        self.seen = Seen()
        self.boot = 1
        self.was_killed = False
        self.lazy = self.rng.random() < 0.5  # the state's thread runs behind
        self.report = report
        self.scratch = parent

    async def live(self, cuts: int) -> None:
        """`cuts` power cuts (or kills, one in ten), each somewhere in a run of acts."""
        machine = await self._start()
        self.seen.head = (machine.journal.head.seq, machine.journal.head.hash)
        for _ in range(cuts):
            self.disk.cut_after(self.rng.choice((self.rng.randint(1, 12), self.rng.randint(1, 90))))
            while not self.disk.dead:
                await self._act(machine)
            machine = await self._restart()
            await check(
                machine, self.seen, self.scratch if self.was_killed or self.rng.random() < 0.2 else None
            )
            await self._take_over(machine)
        self.report.sales += len(self.seen.paid)
        self.report.facts += machine.journal.head.seq
        self.report.writes += self.disk.writes
        self.report.syncs += self.disk.syncs

    async def _restart(self) -> Machine:
        """Start on what is left; one time in six the power goes again while it starts."""
        while True:
            if self.rng.random() < 0.1:
                self.disk.kill()
                self.report.kills += 1
                self.was_killed = True
            else:
                self.disk.crash()
                self.was_killed = False
                self.report.cuts += 1
                self.boot += 1
            if self.rng.random() < 0.16:
                self.disk.cut_after(self.rng.randint(1, 25))
            machine = await self._start()
            if not self.disk.dead:
                self.disk.cut_after(None)
                return machine

    async def _start(self) -> Machine:
        self.clock.boot_id = f"boot-{self.boot}"
        machine = Machine(
            self.disk.folder,
            self.clock,
            SimIds(self.rng),
            self.seen,
            lambda: not self.disk.dead,
            LazyWorker(self.rng) if self.lazy else None,
        )
        await machine.start()
        return machine

    async def _take_over(self, machine: Machine) -> None:
        """What is there now is what the till is held to from here on."""
        head = machine.journal.head
        self.seen.head = (head.seq, head.hash)
        self.seen.carts = [machine.cart]
        self.seen.cursor, self.seen.cursor_asked = await machine.cursor(), []
        if head.last_sale is not None and head.last_sale.cart_id not in self.seen.paid:
            self.report.found_paid += 1
            machine.show(head.last_sale)

    async def _act(self, machine: Machine) -> None:
        rng = self.rng
        if machine.till.view.state == "stopped":
            await machine.do(c.Retry())
            return
        if rng.random() < 0.02:
            self.disk.fail(rng.choice(("write", "sync", "full")), rng.randint(1, 2), after=rng.randint(0, 8))
            self.report.faults += 1
        dice = rng.random()
        if rng.random() < 0.01:
            await machine.do(self._grant(machine.journal.head))
        elif machine.cart is None and dice > 0.8 and machine.journal.head.parked:
            await machine.do(c.ResumeParked(rng.choice(machine.journal.head.parked).cart_id))
        elif machine.cart is None or dice < 0.45:
            if dice < 0.1 and machine.cart is not None:
                await machine.do(c.VoidLast())
            elif dice < 0.06:
                await machine.do(c.OpenDrawer())
            else:
                if rng.random() < 0.2:
                    await machine.do(c.SetQuantity(Decimal(rng.randint(2, 5))))
                await machine.do(c.Scan(rng.choice(CODES)))
        elif dice < 0.54:
            await machine.do(c.ParkCart())
        elif dice < 0.85:
            await machine.do(c.PayCash(None if rng.random() < 0.5 else 20_000))
        elif dice < 0.89:
            await machine.do(c.VoidCart())
            await machine.do(c.VoidCart())
        elif dice < 0.92:
            await machine.do(c.OpenDrawer())
        elif dice < 0.94:
            await machine.do(c.PrintAgain())
        else:
            await machine.acknowledge()

    def _grant(self, head: Head) -> c.OpenEpoch:
        """The next epoch, here or after facts that lie elsewhere."""
        first_seq = head.seq + 1 + 50 * self.rng.randint(0, 1)
        return c.OpenEpoch(head.epoch + 1, first_seq, self.rng.randbytes(32), head.epoch, "restored")


def power_cuts(
    seed: int,
    count: int,
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> CutReport:
    """At least `count` power cuts, from histories numbered `seed`, `seed` + 1 and so on. Failures name theirs.

    The same seed gives the same cuts. For several processes give each a range of seeds of its own:
    a range that starts at `seed` takes `count` / CUTS_A_HISTORY of them.
    """
    report = CutReport()
    began = time.perf_counter()
    with ram_folder() as parent, small_limits():
        template = parent / "template"
        make_folder(template, SimClock(START))
        for number in range(seed, seed + -(-count // CUTS_A_HISTORY)):
            history = _History(parent, template, number, report)
            with history.disk:
                try:
                    asyncio.run(history.live(CUTS_A_HISTORY))
                except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
                    what = str(error) if isinstance(error, LostError) else repr(error)
                    report.failures.append(f"power-cuts seed {number}, boot {history.boot}: {what}")
            shutil.rmtree(history.disk.folder)
            report.histories += 1
            progress(report.cuts, count)
    report.seconds = time.perf_counter() - began
    return report
