"""Power cuts on the real journal, state and views, through the real till: a history of acts, cuts and restarts.

After each cut the till starts on what is left and is held to what it had shown (I1, I2 and their kin), see
`promises`. The history goes on from a few of its cuts; the others are put aside while it runs and looked at.
"""

import asyncio
import contextlib
import datetime as dt
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from pos.domain import commands as c
from pos.domain.cart import Cart
from pos.journal import file_journal, state, views
from pos.storage_ports import Head
from tests.simulation.aside import AsideDisk, digest
from tests.simulation.disk import ram_folder
from tests.simulation.machine import CODES, LazyWorker, Machine, Seen, SimClock, SimIds, make_folder
from tests.simulation.promises import LostError, check, sell_on

__all__ = ["CutReport", "power_cuts", "small_limits"]

START = dt.datetime(2026, 11, 21, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
CUTS_A_HISTORY = (2, 2, 2, 3, 10)  # that a history itself goes through
STEPS_ASIDE = 3.0  # before one write in so many the outcome of a cut is put aside


class CutReport(msgspec.Struct):
    """What a number of power cuts came to.

    `aside`: cuts whose outcome was looked at while the history went on; `alike`: of these, those with the very outcome
    of one before. `found_paid`: cut between the commit and the thanks.
    """

    cuts: int = 0
    aside: int = 0
    alike: int = 0
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
    *, segment_facts: int = 7, checkpoint_facts: int = 4, checkpoint_saves: int = 7, group_facts: int = 3
) -> Iterator[None]:
    """Segments roll, views follow and logs are written back every few acts, so that cuts fall on that too."""
    before = file_journal.SEGMENT_FACTS_MAX, file_journal.CHECKPOINT_FACTS, state.CHECKPOINT_SAVES
    group_before = views.GROUP_FACTS
    file_journal.SEGMENT_FACTS_MAX = segment_facts
    file_journal.CHECKPOINT_FACTS = checkpoint_facts
    state.CHECKPOINT_SAVES = checkpoint_saves
    views.GROUP_FACTS = group_facts
    try:
        yield
    finally:
        file_journal.SEGMENT_FACTS_MAX, file_journal.CHECKPOINT_FACTS, state.CHECKPOINT_SAVES = before
        views.GROUP_FACTS = group_before


class _History:
    """One till's life: acts until the power goes, a start on what is left, and so on."""

    def __init__(
        self, parent: Path, template: Path, seed: int, report: CutReport, steps_aside: float
    ) -> None:
        self.rng = random.Random(seed)
        self.seen = Seen()
        self.looked_at: set[bytes] = set()
        self.disk = AsideDisk(parent, f"till{seed}", self.rng, steps_aside, lambda: self.seen)
        shutil.copytree(template, self.disk.folder, dirs_exist_ok=True)
        self.clock = SimClock(START)
        self.boot = 1
        self.was_killed = False
        self.lazy = self.rng.random() < 0.5  # the state's thread runs behind
        self.report = report
        self.scratch = parent

    async def live(self, cuts: int) -> None:
        """`cuts` power cuts (or kills, one in ten), each somewhere in a run of acts, and those aside."""
        machine = await self._start()
        await self._look_aside([])
        self.seen.head = (machine.journal.head.seq, machine.journal.head.hash)
        for _ in range(cuts):
            self.disk.cut_after(self.rng.choice((self.rng.randint(1, 12), self.rng.randint(1, 90))))
            while not self.disk.dead:
                await self._act(machine)
                await self._look_aside(self.seen.carts)
            machine = await self._restart(machine)
            await check(
                machine, self.seen, self.scratch if self.was_killed or self.rng.random() < 0.2 else None
            )
            await self._take_over(machine)
        machine.abandon()
        self.report.sales += len(self.seen.paid)
        self.report.facts += machine.journal.head.seq
        self.report.writes += self.disk.writes
        self.report.syncs += self.disk.syncs

    async def _restart(self, machine: Machine) -> Machine:
        """Start on what is left; one time in six the power goes again while it starts."""
        while True:
            machine.abandon()
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
            await self._look_aside([])
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

    async def _look_aside(self, carts: Sequence[Cart | None]) -> None:
        """Start a till on each image that was put aside, hold it to what was shown by then, now and then sell on."""
        for aside in self.disk.taken(carts):
            self.report.cuts += 1
            self.report.aside += 1
            known = digest(aside.image, aside.seen)
            if known in self.looked_at:
                self.report.alike += 1
                continue
            self.looked_at.add(known)
            clock = SimClock(self.clock.time)
            clock.boot_id = f"boot-{self.boot}-{aside.step}"
            machine = Machine(aside.image, clock, SimIds(self.rng), aside.seen)
            try:
                await machine.start()
                await check(machine, aside.seen, self.scratch if self.rng.random() < 0.2 else None)
                if self.rng.random() < 0.1:
                    await sell_on(machine)
            except LostError as error:
                raise LostError(f"aside, before step {aside.step}: {error}") from error
            finally:
                await machine.close()

    async def _take_over(self, machine: Machine) -> None:
        """What is there now is what the till is held to from here on."""
        head = machine.head
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
        elif rng.random() < 0.02:  # training begins or ends; with a real cart it does neither
            await machine.do(c.Do("training"))
            await machine.do(c.Choose(1))
        elif machine.cart is None and dice > 0.8 and machine.head.parked:
            await machine.do(c.ResumeParked(rng.choice(machine.head.parked).cart_id))
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
    *,
    steps_aside: float = STEPS_ASIDE,
) -> CutReport:
    """At least `count` power cuts, from histories numbered `seed`, `seed` + 1 and so on. Failures name theirs.

    The same seed gives the same cuts. For several processes give each a range of seeds of its own:
    a range that starts at `seed` ends before `seed` + `count`. The greater `steps_aside`, the more of the cuts
    are those that the history goes on from.
    """
    report = CutReport()
    began = time.perf_counter()
    with ram_folder() as parent, small_limits():
        template = parent / "template"
        make_folder(template, SimClock(START))
        number = seed
        while report.cuts < count and number < seed + count:
            history = _History(parent, template, number, report, steps_aside)
            with history.disk:
                try:
                    asyncio.run(history.live(history.rng.choice(CUTS_A_HISTORY)))
                except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
                    what = str(error) if isinstance(error, LostError) else repr(error)
                    report.failures.append(f"power-cuts seed {number}, boot {history.boot}: {what}")
            shutil.rmtree(history.disk.folder)
            report.histories += 1
            number += 1
            progress(report.cuts, count)
    report.seconds = time.perf_counter() - began
    return report
