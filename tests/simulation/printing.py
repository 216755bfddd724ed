"""A real till that is killed while it prints: no receipt lost, and none twice without being asked for.

The paper is simulated, its bytes and answers are real. After each kill the till starts again and is asked nothing;
what its spool held at the moment of the kill says what must follow: what was still queued prints by itself, once; of
what was on its way somebody is asked, once, and nothing moves until there is an answer; what was confirmed is done.
A sale that died before its receipt was in the spool is shown again, and its paper is asked for by a key, as a copy.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import apsw
import msgspec

from pos.facts import decode_fact
from pos.journal.reader import iterate
from pos.sale_facts import Sale
from tests.simulation.line_till import PIN, LineTill
from tests.simulation.prepared import Program, prepared_program, run
from tests.simulation.steady import DEMO_CATALOGUE
from tests.simulators.paper import PaperPrinter, TcpServer

__all__ = ["PrintReport", "print_kills"]

TILL = "k3"
ARTICLE = "2000000000299"
SPEED_MM_S = 400.0
PATIENCE_S = 20.0
QUIET_S = 0.3  # a printer that has anything to print begins sooner
_NUMBER = re.compile(rf"Bon {TILL}-(\d+)-(\d+)\b")
_OVER = frozenset({"confirmed", "dropped"})

Receipt = tuple[int, int]
"""Epoch and number."""


class PrintReport(msgspec.Struct):
    """What a block of kills came to. `by_state`: what the spool said of the newest receipt when the till was killed."""

    kills: int = 0
    receipts: int = 0
    originals: int = 0
    copies: int = 0
    asked: int = 0
    by_state: Counter[str] = msgspec.field(default_factory=Counter)
    failures: list[str] = []


def print_kills(
    seed: int,
    count: int,
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
    program: Program | None = None,
) -> PrintReport:
    """Sell, and kill the till `count` times somewhere between the cash key and the printer's last word."""
    with ExitStack() as stack:
        program = program or stack.enter_context(prepared_program())
        state = folder / "till"
        run(program, "init", "--state", str(state), "--operator", "Kim", "--till", TILL, stdin=f"{PIN}\n")
        run(program, "catalogue", "import", str(DEMO_CATALOGUE), "--state", str(state), "--good-rows")
        paper = stack.enter_context(PaperPrinter(speed_mm_s=SPEED_MM_S))
        server = stack.enter_context(TcpServer(paper))
        shop = _Shop(random.Random(f"printing:{seed}"), state, paper, server.port, program)
        stack.callback(shop.end)
        for done in range(1, count + 1):
            shop.life()
            progress(done)
        return shop.settle()


class _Shop:
    """One till and its printer, through its lives."""

    def __init__(
        self, chance: random.Random, state: Path, paper: PaperPrinter, port: int, program: Program
    ) -> None:
        self._chance = chance
        self._state = state
        self._paper = paper
        self._options = ("--printer", f"tcp://127.0.0.1:{port}")
        self._program = program
        self._till: LineTill | None = None
        self._wanted: Counter[Receipt] = Counter()  # how often each receipt was asked for after its original
        self._left: set[Receipt] = set()  # given up by the cashier's word
        self.report = PrintReport()

    def life(self) -> None:
        """Start, clear up what the life before left, sell, and die."""
        till = self._start()
        for _ in range(self._chance.choice((0, 0, 1))):
            till.send(f"scan {ARTICLE}")
            till.send("key cash")
            self._until(till, self._printed)
        if stuck := self._chance.random() < 0.25:  # its receipt waits
            self._paper.set(cover_open=True)
            self._until(till, lambda: _printer(till) == "fault")
        till.send(f"scan {ARTICLE}")
        till.events.clear()
        till.write("key cash")
        self._wait_for_the_moment(till, stuck=stuck)
        till.kill()
        self._till = None
        self._paper.set(cover_open=False)
        time.sleep(QUIET_S)  # what the kernel had taken reaches the printer
        self.report.kills += 1

    def settle(self) -> PrintReport:
        """The last life ends in order; then all of the paper against the journal."""
        till = self._start()
        self._until(till, self._idle)
        till.end()
        self._till = None
        sold = [
            (fact.epoch, sale.number)
            for fact in iterate(self._state / "journal")
            if fact.kind == "sale"
            and isinstance(sale := decode_fact(fact.kind, fact.version, fact.body), Sale)
        ]
        originals, copies = self._on_paper()
        self.report.receipts = len(sold)
        self.report.originals, self.report.copies = originals.total(), copies.total()
        for receipt in sold:
            if originals[receipt] > 1:
                self._wrong(f"receipt {receipt} came out {originals[receipt]} times without a mark")
            if not originals[receipt] + copies[receipt] and receipt not in self._left:
                self._wrong(f"receipt {receipt} never came out, and nobody was asked")
            if originals[receipt] + copies[receipt] > 1 + self._wanted[receipt]:
                self._wrong(f"receipt {receipt} came out again though nobody wanted it")
        for receipt in (originals + copies).keys() - set(sold):
            self._wrong(f"receipt {receipt} is on paper, and no such sale is in the journal")
        return self.report

    def end(self) -> None:
        if self._till is not None:
            self._till.close()

    # -- one life

    def _start(self) -> LineTill:
        """The till again, and everything that is to be said about the receipts of its last life."""
        newest, stood = self._newest(), self._stood()
        before = self._count(newest)
        till = self._till = LineTill(self._state, *self._options, program=self._program)
        view = till.sign_in()
        self._until(till, lambda: _printer(till) == "ready")
        if newest is None or not self.report.kills:
            return till
        self.report.by_state[stood] += 1
        if stood == "queued":
            self._until(till, self._idle)
            if self._count(newest) != before + 1:
                self._wrong(f"receipt {newest} was queued, and did not print by itself once")
        elif stood in {"sending", "sent"}:
            self._answer(till, newest, before)
        else:
            self._nothing_moves(till, newest, before, stood)
            if stood == "none":
                self._ask_for(till, newest, view)
        if view["state"] == "selling":  # it died before the payment
            till.send("key cash")
            self._until(till, self._printed)
        return till

    def _answer(self, till: LineTill, receipt: Receipt, before: int) -> None:
        """The cashier looks at the paper, and says what is to be done."""
        self._until(till, lambda: self._asked(till) > 0)
        self._nothing_moves(till, receipt, before, "on its way")
        self.report.asked += self._asked(till)
        if self._asked(till) != 1:
            self._wrong(f"{self._asked(till)} questions about receipt {receipt}")
        originals, copies = self._on_paper()
        seen = originals[receipt] + copies[receipt] > 0
        choice = self._chance.choice(("print-once-more", "print-came-out" if seen else "print-code-only"))
        if choice == "print-once-more":
            self._wanted[receipt] += 1
        elif choice == "print-code-only":
            self._left.add(receipt)
        till.send(f"key {choice}")
        self._until(till, self._idle)

    def _ask_for(self, till: LineTill, receipt: Receipt, view: dict[str, object]) -> None:
        """Its receipt never reached the spool: the sale is shown again, and a key prints it."""
        if view["state"] != "paid":
            self._wrong(f"receipt {receipt} is on no paper, and its sale was not shown again")
            return
        self._wanted[receipt] += 1
        till.send("key print")
        self._until(till, self._printed)

    def _nothing_moves(self, till: LineTill, receipt: Receipt, before: int, stood: str) -> None:
        """Some moments in which a till that printed by itself would have begun to."""
        end = time.monotonic() + QUIET_S
        while time.monotonic() < end:
            till.send("key help")
            time.sleep(0.02)
        if self._count(receipt) != before:
            self._wrong(f"receipt {receipt} ({stood}) came out again by itself")

    def _wait_for_the_moment(self, till: LineTill, *, stuck: bool) -> None:
        """By the clock, by what has reached the printer, or by what the till said of the job."""
        way = "clock" if stuck else self._chance.choice(("clock", "bytes", "word"))
        if way == "clock":
            time.sleep(self._chance.uniform(0.0, self._chance.choice((0.05, 0.4))))
        elif way == "bytes":
            wanted = len(self._paper.received) + self._chance.randint(1, 1500)
            end = time.monotonic() + 2
            while len(self._paper.received) < wanted and time.monotonic() < end:
                time.sleep(0.0005)
        else:
            word = self._chance.choice(("queued", "sent", "confirmed"))
            self._until(till, lambda: word in self._states(till).values() or self._idle())

    # -- looking

    def _until(self, till: LineTill, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > end:
                events = till.events[-5:]
                raise AssertionError(f"the till does not get on: {events}\n{till.kill()}")
            till.send("key help")
            time.sleep(0.005)

    def _states(self, till: LineTill) -> dict[str, str]:
        """Each receipt the till spoke of, with its last word."""
        return {
            event["job_id"]: event["state"] for event in till.events if event["event"] == "receipt-printing"
        }

    def _idle(self) -> bool:
        """No job is under way or waits, as the spool itself has it."""
        return all(state in _OVER for state, _ in self._spool())

    def _printed(self) -> bool:
        """The newest sale's receipt is out."""
        return self._stood() in _OVER and self._idle()

    def _asked(self, till: LineTill) -> int:
        return sum(
            event["event"] == "receipt-printing" and event["state"] == "unknown" for event in till.events
        )

    def _spool(self) -> list[tuple[str, bytes]]:
        """Each job's state and what is kept beside it, oldest first."""
        connection = apsw.Connection(str(self._state / "state.db"), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)
        try:
            return list(connection.execute("select state, info from spool order by n"))
        finally:
            connection.close()

    def _stood(self) -> str:
        """What the spool says of the newest sale's receipt; "none" where it is not in it."""
        newest = self._newest()
        if newest is None:
            return "none"
        found = [state for state, info in self._spool() if _names(info, newest)]
        return found[-1] if found else "none"

    def _newest(self) -> Receipt | None:
        """The newest sale in the journal."""
        newest = None
        for fact in iterate(self._state / "journal"):
            if fact.kind == "sale":
                newest = (fact.epoch, msgspec.json.decode(fact.body, type=_Numbered).number)
        return newest

    def _count(self, receipt: Receipt | None) -> int:
        """How often it is on paper, once the printer is done with what it has taken."""
        if receipt is None:
            return 0
        originals, copies = self._on_paper()
        return originals[receipt] + copies[receipt]

    def _on_paper(self) -> tuple[Counter[Receipt], Counter[Receipt]]:
        """Whole receipts, and those that bear the mark of a copy."""
        assert self._paper.wait_idle(PATIENCE_S), "the printer is never done"
        originals: Counter[Receipt] = Counter()
        copies: Counter[Receipt] = Counter()
        for receipt in self._paper.cut_receipts:
            found = _NUMBER.search(receipt.text)
            if found is not None and "SUMME" in receipt.text:
                place = (int(found[1]), int(found[2]))
                (copies if "KOPIE" in receipt.text else originals)[place] += 1
        return originals, copies

    def _wrong(self, text: str) -> None:
        self.report.failures.append(f"after {self.report.kills} kills: {text}")


class _Numbered(msgspec.Struct):
    number: int


class _Job(msgspec.Struct):
    sale: _Numbered | None = None
    epoch: int = 1


class _Info(msgspec.Struct):
    job: _Job


def _names(info: bytes, receipt: Receipt) -> bool:
    job = msgspec.json.decode(info, type=_Info).job
    return job.sale is not None and (job.epoch, job.sale.number) == receipt


def _printer(till: LineTill) -> str:
    return next((event["state"] for event in reversed(till.events) if event.get("device") == "printer"), "")
