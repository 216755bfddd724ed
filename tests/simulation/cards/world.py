"""One sale or more by card, cut somewhere; then everything comes back, and what the journal says is held against what the
cards were really charged. Only the terminal's bank knows that; nobody else is asked.
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from pos.domain import commands as c
from pos.journal.writer import create_journal
from pos.sale_facts import Sale
from pos.till_facts import EpochOpened
from tests.simulation.cards.till import CardTill
from tests.simulation.disk import Survival
from tests.simulation.goods import CODES
from tests.simulation.virtual import SimClock, VirtualLoop
from tests.simulators.terminal import Act, Personality, Pipe, SerialLink, Setup, Step, TcpLink, Terminal
from tests.simulators.terminal.memory import Memory, Transaction
from tests.simulators.terminal.pipe import End

__all__ = ["HOW", "CardWorld", "Cut", "How", "Outcome", "Where"]

How = Literal["link", "kill", "power", "terminal", "silence", "wire", "changed"]
Where = Literal["payment", "all", "disk"]
HOW: tuple[How, ...] = ("link", "kill", "power")
LIMIT_S = 15.0
"""From the moment at which till and terminal have a line again to a payment of which somebody knows."""

_BEFORE = Transaction(
    "sale", 0, 106, 4711, 814, 814, "0301", "175959", auth="123456"
)  # yesterday, of the same amount, at another till
_PLAIN = tuple(code for n, code in enumerate(CODES, start=1) if n % 10)


class Cut(msgspec.Struct, frozen=True):
    """What happens. `at`: the step of the first payment's conversation at which it falls, or else of all messages (`of` "all")
    or of the disk's writes and syncs ("disk"). `away_s` until it is over.

    `how`: "link", the line ends for both; "silence", nothing passes, and nobody is told; "kill" and "power" of the till, of
    which "power" loses what was not synced; "terminal", the terminal's power; "changed", another terminal takes its place;
    "wire", a disturbance on a serial line: a lost ACK, a wrong check byte, a frame that stops, noise.
    """

    how: How
    at: int
    of: Where = "payment"
    away_s: float = 3.0
    survival: Survival | None = Survival.NONE


class Outcome(msgspec.Struct):
    """`charged` at the bank, `kept` in the journal as sales or payments that wait, `open`: of which nobody knows.

    `end`: "sold", "manual" (a person must decide), "stuck". `seconds` until the till knew, from when it could ask.
    """

    struck: bool = False
    cuts: int = 0
    step: str = ""
    charged: int = 0
    kept: int = 0
    open: int = 0
    end: str = ""
    seconds: float = 0.0
    lives: int = 0
    failures: list[str] = []
    violations: list[str] = []


class CardWorld:
    """`fresh`: the terminal has no transaction yet; else its last one is of the amount that the first sale has.

    `shows`, `goes_on`, `numbered`: as the terminal is set up. `sync`: the till sends tag 1F1F. `lost` is what a terminal that was
    "changed" remembers of what it had; without it, nothing.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        parent: Path,
        *,
        personality: Personality,
        serial: bool,
        cuts: list[Cut],
        seed: int = 1,
        sales: int = 1,
        shows: Literal["it", "before"] = "it",
        goes_on: bool = True,
        sync: bool = False,
        fresh: bool = False,
        numbered: bool = False,
        lost: Callable[[Memory], Memory] | None = None,
    ) -> None:
        self.loop = loop
        self.rng = random.Random(seed)
        self.serial = serial
        self.sync = sync
        self.cuts = list(cuts)
        self.plugged = True
        self.pipe: Pipe | None = None
        self.sales_left = sales
        self.outcome = Outcome()
        self._steps = 0
        self._seen = 0
        self._retries = 0
        self._counted = (-1, 0)
        self._unknown_since: float | None = None
        self._back_at = 0.0
        self._lost = lost
        clock = SimClock(loop, "terminal")
        setup = Setup(personality=personality, faults=False, shows=shows, goes_on=goes_on, numbered=numbered)
        memory = Memory() if fresh else Memory(4712, 815, [_BEFORE], [_BEFORE])
        self.terminal = Terminal(setup, memory=memory, script=self._script, clock=clock.now)
        self.till = CardTill(self, loop, parent, self.rng)
        create_journal(
            self.till.disk.folder / "journal",
            self.till.clock,
            EpochOpened("shop", "t1", "new till", "simulation"),
        )
        self.ended = asyncio.Event()

    # -- the line

    def connected(self, pipe: Pipe) -> None:
        """The till opened its port; on a serial line it can while the terminal has no power."""
        self.pipe = pipe
        if self.terminal.on:
            self._attach(pipe.terminal)
        else:
            pipe.dead = True

    def _attach(self, end: End) -> None:
        kind = SerialLink if self.serial else TcpLink
        self.terminal.attach(kind(end.reader, end.writer))

    def _script(self, step: Step) -> Act | None:
        self._steps += 1
        if step.command == "0601" and step.number == 0:
            self._seen += 1
        if not self.cuts or self.cuts[0].of == "disk":
            return None
        cut = self.cuts[0]
        if cut.of == "all" and self._steps - 1 != cut.at:
            return None
        if cut.of == "payment" and (step.command, step.number, self._seen) != ("0601", cut.at, 1):
            return None
        self.cuts.pop(0)
        self.outcome.struck = True
        self.outcome.cuts += 1
        self.outcome.step = f"{'>' if step.to_till else '<'} {step.message}"
        return self._strike(cut)

    def _strike(self, cut: Cut) -> Act:
        if cut.how == "wire":
            return self._disturb()
        self.loop.call_later(cut.away_s, self._over, cut)
        if cut.how in ("terminal", "changed"):
            self.plugged = self.serial
            if self.serial and self.pipe is not None:
                self.pipe.dead = True
            return Act.POWER
        if cut.how == "link":
            self.plugged = False
            self._cut_pipe()
            return Act.CUT
        if cut.how == "silence":
            self.plugged = False
            assert self.pipe is not None
            self.pipe.dead = True
            if self.serial:
                return Act.PASS  # the line repeats it
            assert self.terminal.link is not None
            self.terminal.link.dead = True
            return Act.LOSE
        self._kill(cut)
        return Act.LOSE if self.serial or cut.how == "power" else Act.CUT

    def _disturb(self) -> Act:
        """Something on the wire that a serial line mends by itself; a connection has none of it."""
        link = self.terminal.link
        if isinstance(link, SerialLink):
            self._back_at = (
                self.loop.time()
            )  # no earlier does the line return, and what it repeats it repeats after that
            what = self.rng.choice(("lose_acks", "garble", "stutter", "noise"))
            setattr(link, what, b"\x00\xff\x41" if what == "noise" else self.rng.randint(1, 2))
        return Act.PASS

    def _cut_pipe(self) -> None:
        if self.pipe is not None:
            self.pipe.cut()

    def _kill(self, cut: Cut) -> None:
        """The till's process ends: its sockets are closed by the system, unless that went with the power."""
        if self.pipe is not None:
            if self.serial or cut.how == "power":
                self.pipe.dead = True
                if self.terminal.link is not None:
                    self.terminal.link.dead = True
            else:
                self.pipe.cut()
        self.till.die()

    def _over(self, cut: Cut) -> None:
        self._back_at = self.loop.time()
        self.plugged = True
        if cut.how in ("terminal", "changed"):
            if cut.how == "changed":
                before = self.terminal.memory
                self.terminal.stop(forget=True)
                if self._lost is not None:
                    self.terminal.memory = self._lost(before)
            self.terminal.start()
            if self.serial and self.pipe is not None:
                self.pipe.dead = False
                self._attach(self.pipe.terminal_anew())
        elif (
            cut.how in ("kill", "power") and not self.till.up
        ):  # it may be back already from a cut that fell meanwhile
            self.till.come_back(self._work, power=cut.how == "power", survival=cut.survival)
            self._arm_disk()
        elif cut.how == "silence" and self.pipe is not None:
            if self.serial:
                self.pipe.dead = False  # the plug is in again, and neither side noticed anything but silence
            else:
                self.pipe.cut()

    def _arm_disk(self) -> None:
        """The next cut falls on the disk: from now on so many writes and syncs go well."""
        if self.cuts and self.cuts[0].of == "disk":
            self.till.disk.cut_after(max(1, self.cuts[0].at))

    def _look_at_disk(self) -> None:
        if self.till.up and self.till.disk.dead and self.cuts and self.cuts[0].of == "disk":
            cut = self.cuts.pop(0)
            self.outcome.struck = True
            self.outcome.cuts += 1
            self.outcome.step = "disk"
            self.loop.call_later(cut.away_s, self._over, cut)
            self._kill(cut)

    # -- the cashier

    async def _work(self) -> None:
        """Sell what is left to sell, by card; try again where it was not approved, ask nobody what nobody knows."""
        till = self.till.till
        assert till is not None
        while not self.ended.is_set():
            await asyncio.sleep(0.05)
            view = till.view
            question = view.question
            if question is not None:
                await self._answer(till, question.code)
            elif view.state == "selling" and view.lines:
                self._retries += 1
                if self._retries > 8:
                    self.outcome.end = "stuck"
                    self.ended.set()
                    return
                if self._retries > 1:
                    await asyncio.sleep(2)
                await till.handle(c.Do("card"))
            elif self._waits_aside(view):
                await till.handle(c.ResumeParked(view.parked[0].cart_id))
            elif view.state in ("ready", "paid") and not self._sold_all():
                self._retries = 0
                await till.handle(c.Scan(_PLAIN[self._sold()]))
            else:
                await asyncio.sleep(0.5)

    def _waits_aside(self, view: Any) -> bool:
        return bool(view.state in ("ready", "paid") and view.parked)

    async def _answer(self, till: Any, code: str) -> None:
        match code:
            case "card-differs":
                self.outcome.end = "manual"
                self.ended.set()
            case "card-terminal-away" | "card-locked":
                await asyncio.sleep(1)
                await till.handle(c.Choose(1))
            case "card-sale" | "card-cancelling" | "card-unknown":
                await asyncio.sleep(0.2)
            case _:
                await till.handle(c.Choose(1))

    def _sold(self) -> int:
        journal = self.till.journal
        seq = journal.head.seq if journal is not None else -1
        if seq != self._counted[0]:
            self._counted = (seq, sum(isinstance(fact, Sale) for fact in self.till.facts()))
        return self._counted[1]

    def _sold_all(self) -> bool:
        return self._sold() >= self.sales_left

    # -- the run

    async def run(self, limit_s: float = 600.0) -> Outcome:
        self.terminal.start()
        self._arm_disk()
        self.till.start(self._work)
        try:
            async with asyncio.timeout(limit_s):
                await self._watch()
        except TimeoutError:
            self.outcome.end = "stuck"
        await asyncio.sleep(30)  # what the terminal still takes back it has taken back
        self._judge()
        self.till.die()
        self.terminal.stop()
        self.till.disk.close()
        return self.outcome

    async def _watch(self) -> None:
        """Until all is sold and nothing is open, and what was to happen has happened or cannot any more."""
        quiet = 0
        while not self.ended.is_set():
            await asyncio.sleep(0.1)
            self._look_at_disk()
            payments = self.till.payments
            if payments is None:
                self._unknown_since = None
                continue
            if payments.open and not self._running(payments):
                if self._unknown_since is None:
                    self._unknown_since = self.loop.time()
            elif self._unknown_since is not None:
                began = max(self._unknown_since, self._back_at)
                self.outcome.seconds = max(self.outcome.seconds, self.loop.time() - began)
                self._unknown_since = None
            done = not payments.open and self._sold_all() and self.till.up
            quiet = quiet + 1 if done else 0
            if quiet > 20:
                self.outcome.end = "sold"
                return

    def _running(self, payments: Any) -> bool:
        till = self.till.till
        question = till.view.question if till is not None else None
        return question is not None and question.code in ("card-sale", "card-cancelling")

    # -- the judgement

    def _judge(self) -> None:
        outcome = self.outcome
        outcome.lives = self.till.lives
        outcome.violations = list(self.terminal.violations)
        sold = [
            tender.amount_minor
            for fact in self.till.facts()
            if isinstance(fact, Sale)
            for tender in fact.tenders
            if tender.kind == "card"
        ]
        payments = self.till.payments
        held = [] if payments is None else [one.intent.amount_minor for one in payments.held]
        unknown = [] if payments is None else [one.intent.amount_minor for one in payments.open]
        charged = [charge.minor for charge in self.terminal.bank.standing]
        outcome.charged, outcome.kept, outcome.open = sum(charged), sum(sold) + sum(held), len(unknown)
        left = list(charged)
        for minor in sold:
            if minor in left:
                left.remove(minor)
            else:
                outcome.failures.append(f"a sale of {minor} is closed, and no card was charged")
        for minor in held:
            if minor in left:
                left.remove(minor)
            else:
                outcome.failures.append(f"{minor} counts as approved, and no card was charged")
        for minor in unknown:
            if minor in left:
                left.remove(minor)
        for minor in left:
            twice = minor in sold or minor in held or charged.count(minor) > 1
            outcome.failures.append(f"{minor} was charged {'twice' if twice else 'and is lost'}")
        if outcome.end == "stuck":
            outcome.failures.append(f"no end: {self._state()}")
        if outcome.end == "sold" and outcome.seconds > LIMIT_S:
            outcome.failures.append(f"{outcome.seconds:.1f} s until it knew")
        outcome.failures += [f"the till did what it may not: {what}" for what in outcome.violations]

    def _state(self) -> str:
        till = self.till.till
        if till is None:
            return "the till is down"
        view = till.view
        question = view.question.code if view.question is not None else "no question"
        return f"{view.state}, {question}, {view.message}, busy {self.terminal.busy or 'no'}"
