"""Baskets from a real catalogue through a real till in line mode, with kills at random moments.

What is checked: after each kill the cart holds every line whose view was printed, never one twice, and
every sale whose view said "paid" is in the journal exactly once; at the end the journal is clean, its
sales and totals are those that were paid, and the hub's digest says the same to the cent.
"""

import csv
import gzip
import io
import json
import random
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tests.simulation.line_till import LineTill, TillDiedError
from tests.simulation.prepared import Program, run, usual

__all__ = ["BasketRun", "Outcome", "load_codes"]


Line = tuple[int, str | None, Decimal, int, bool]
"""n, code, quantity, total in minor units, voided."""


class Outcome(msgspec.Struct):
    """What a run came to."""

    baskets: int = 0
    gross_minor: int = 0
    kills: int = 0
    found_paid: int = 0
    rss_start_kb: int = 0
    rss_end_kb: int = 0
    seconds: float = 0.0


def load_codes(catalogue: Path, count: int, seed: int) -> list[str]:
    """Codes of a catalogue file's articles by the piece that are sold without any question, shuffled by the seed."""
    raw = catalogue.read_bytes()
    text = (gzip.decompress(raw) if catalogue.suffix == ".gz" else raw).decode()
    rows = csv.DictReader(io.StringIO(text))
    codes = [row["gtin"].split("|")[0] for row in rows if row["unit"] == "pc" and not _asks(row)]
    random.Random(seed).shuffle(codes)
    return codes[:count]


def _asks(row: dict[str, str]) -> bool:
    """Is an age or a serial number asked for?"""
    return any(row.get(name, "0") not in {"", "0"} for name in ("min_age", "serial_required"))


class BasketRun:
    """Sells `baskets` baskets; `kills` of them are interrupted by SIGKILL at a random moment."""

    def __init__(
        self,
        state: Path,
        codes: list[str],
        *,
        seed: int,
        first_number: int = 1,
        till_options: tuple[str, ...] = (),
        program: Program = usual,
        progress: Callable[[int, int], None] = lambda _done, _whole: None,
    ) -> None:
        self._state = state
        self._codes = codes
        self._random = random.Random(seed)
        self._options = till_options
        self._program = program
        self.outcome = Outcome()
        self._till: LineTill | None = None
        self._seen_lines: list[dict[str, Any]] = []
        self._first_number = self._next_number = first_number
        self._progress = progress
        self.sold: list[tuple[int, list[Line]]] = []
        self._step_took_hold = False

    def run(self, baskets: int, kills: int) -> Outcome:
        started = time.monotonic()
        kill_at = set(self._random.sample(range(1, baskets + 1), kills))
        self.start()
        self.outcome.rss_start_kb = self._rss_kb() if baskets < 200 else 0
        while self.outcome.baskets < baskets:
            if self.outcome.baskets == 200:
                self.outcome.rss_start_kb = self._rss_kb()
            number = self.outcome.baskets + 1
            kill = number in kill_at
            kill_at.discard(number)
            self.basket(kill=kill)
            self._progress(self.outcome.baskets, baskets)
        self.outcome.rss_end_kb = self._rss_kb()
        self.end()
        self.outcome.seconds = time.monotonic() - started
        return self.outcome

    def start(self) -> None:
        self._till = LineTill(self._state, *self._options, program=self._program)
        view = self._till.sign_in()
        assert view["state"] in {"ready", "selling", "paid"}, view

    def end(self) -> None:
        """Close the till as a cashier does."""
        assert self._till is not None
        errors = self._till.end()
        assert not errors, errors

    def close(self) -> None:
        """End the till in any case."""
        if self._till is not None:
            self._till.close()

    def kill_between_sales(self) -> None:
        """SIGKILL up to 0.3 s after a sale, which is when it is on its way to the hub; then start again."""
        assert self._till is not None
        time.sleep(self._random.random() * 0.3)
        self._till.kill()
        self.outcome.kills += 1
        self.start()
        view = self._till.send("key help")
        assert view["lines"] == [], view
        self._till.events.clear()

    def wait_until_sent(self, patience_s: float = 60.0) -> None:
        """Until the till itself says that the hub holds everything."""
        assert self._till is not None
        end = time.monotonic() + patience_s
        while unsent := self._till.send("key help")["unsent"]:
            assert time.monotonic() < end, f"{unsent} facts are not sent"
            time.sleep(0.05)

    def compare_with_journal(self) -> None:
        """Each sale that was shown as paid is in the journal once, with the lines that were shown."""
        facts = [json.loads(line) for line in self._sales()]
        kept = [
            (fact["body"]["total_minor"], [_line_of_fact(line) for line in fact["body"]["lines"]])
            for fact in facts
        ]
        numbers = [fact["body"]["number"] for fact in facts]
        assert numbers == list(range(1, self._next_number)), numbers
        assert kept[self._first_number - 1 :] == self.sold

    def _sales(self) -> list[str]:
        shown = run(self._program, "journal", "show", "--state", str(self._state), "--kind", "sale")
        return shown.splitlines()

    def _rss_kb(self) -> int:
        assert self._till is not None
        status = Path(f"/proc/{self._till.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def basket(self, *, kill: bool = False) -> None:
        """One basket to its end. `kill`: SIGKILL at a random step, some moments into it, and the basket goes on."""
        assert self._till is not None
        steps = self._steps()
        self._seen_lines = []
        kill_step = -1
        if kill:  # every third kill falls into the payment, the others anywhere
            kill_step = len(steps) - 1 if self._random.random() < 0.34 else self._random.randrange(len(steps))
        at = 0
        while at < len(steps):
            try:
                self._till.write(self._typed(steps[at]))
                if at == kill_step:
                    kill_step = -1
                    time.sleep(self._random.random() * 0.003)
                    self._till.kill()
                    raise TillDiedError
                view = self._till.read_view()
            except TillDiedError:
                if self._after_kill(steps[at]):
                    return
                at += 1 if self._step_took_hold else 0
                continue
            self._note(steps[at], view)
            at += 1

    def _steps(self) -> list[str]:
        steps = []
        for _ in range(self._random.randint(1, 12)):
            if self._random.random() < 0.1:
                steps.append(f"{self._random.randint(2, 5)}*")
            steps.append(f"scan {self._random.choice(self._codes)}")
            if self._random.random() < 0.05:
                steps.append("key void-last")
        if all(step == "key void-last" or step.endswith("*") for step in steps[-1:]):
            steps.append(f"scan {self._random.choice(self._codes)}")
        if self._random.random() < 0.5:
            steps.append("given")
        steps.append("key cash")
        return steps

    def _typed(self, step: str) -> str:
        """What is typed for a step; a customer gives the next tenner."""
        if step != "given":
            return step
        total = sum(line["total_minor"] for line in self._seen_lines if not line["voided"])
        return str((total // 1000 + 1) * 1000)

    def _note(self, step: str, view: dict[str, Any]) -> None:
        if step == "key cash":
            self._must_be_paid(view)
        else:
            self._seen_lines = view["lines"]

    def _must_be_paid(self, view: dict[str, Any]) -> None:
        assert view["state"] == "paid", view
        assert self._till is not None
        paid = [event for event in self._till.events if event.get("event") == "sale-paid"]
        self._till.events.clear()
        assert len(paid) == 1, paid
        self._count_sale(paid[0]["number"], paid[0]["total_minor"])

    def _count_sale(self, number: int, total: int) -> None:
        assert number == self._next_number, (number, self._next_number)
        self._next_number += 1
        self.outcome.baskets += 1
        self.outcome.gross_minor += total
        self.sold.append((total, [_line_of_view(line) for line in self._seen_lines]))

    def _after_kill(self, step: str) -> bool:
        """Start again and compare; True when the kill fell just after the sale was written."""
        self.outcome.kills += 1
        self.start()
        assert self._till is not None
        view = self._till.send("key help")
        self._till.events.clear()
        if step == "key cash" and view["state"] == "paid":
            last = json.loads(
                run(
                    self._program,
                    *("journal", "show", "--state", str(self._state), "--kind", "sale", "--last", "1"),
                )
            )
            self.outcome.found_paid += 1
            self._count_sale(last["body"]["number"], last["body"]["total_minor"])
            return True
        now, before = view["lines"], self._seen_lines
        assert len(now) >= len(before), (before, now)
        for old, new in zip(before, now, strict=False):
            assert {**old, "voided": 0} == {**new, "voided": 0}, (old, new)
            assert new["voided"] or not old["voided"], (old, new)
        extra = now[len(before) :]
        voided_more = sum(line["voided"] for line in now) - sum(line["voided"] for line in before)
        self._step_took_hold = bool(extra) or (step == "key void-last" and voided_more > 0)
        assert len({line["n"] for line in now}) == len(now)
        if extra:
            assert step.startswith("scan "), (step, extra)
            assert len([line for line in extra if line["gtin"]]) == 1, extra
        self._seen_lines = now
        return False


def _line_of_view(line: dict[str, Any]) -> Line:
    return (
        line["n"],
        line["gtin"] or None,
        Decimal(str(line["quantity"])),
        line["total_minor"],
        bool(line["voided"]),
    )


def _line_of_fact(line: dict[str, Any]) -> Line:
    quantity = Decimal(line.get("qty", "1"))
    return line["n"], line.get("gtin"), quantity, line["total_minor"], line.get("voided_ms") is not None
