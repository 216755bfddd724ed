"""Real tills, a relay, a hub on a real PostgreSQL, failing lines between them, and SIGKILL for each while all of it works.

One till speaks to the hub alone, the others have the store's relay before it and the hub behind it. What is checked: no till ever waits for the hub, whatever happens to it; after each kill of a till the cart holds each
line that was shown, once; at the end each sale that was shown as paid is in the journal once, line by line, and the
hub holds each till's journal byte by byte and nothing else; so does the relay with those of its tills.
"""

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pos.facts import StoredFact
from pos.journal.reader import iterate, verify_journal
from sync.hub import tables as t
from sync.hub.database import open_engine
from tests.simulation.baskets import BasketRun, load_codes
from tests.simulation.hubs import HubProcess
from tests.simulation.line_till import PIN
from tests.simulation.postgres import PostgresServer, running_postgres
from tests.simulation.prepared import Program, prepared_program, run
from tests.simulation.steady import DEMO_CATALOGUE
from tests.simulators.fault_proxy import ProxyThread, Weather, running_proxy

__all__ = ["Victims", "facts_at_hub", "plain", "process_kills", "wait_until_drained"]

TILLS = 3
_DRAIN_S = 120.0
_POLL_S = 0.1
_FACT = (
    t.fact.c.epoch, t.fact.c.seq, t.fact.c.kind, t.fact.c.version, t.fact.c.wall_ms, t.fact.c.mono_ms,
    t.fact.c.boot_id, t.fact.c.body, t.fact.c.hash,
)  # fmt: skip


def process_kills(
    seed: int,
    count: int,
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
    program: Program | None = None,
) -> dict[str, Any]:
    """`count` kills, most of them of tills; returns counts by victim, sales, and the line's faults."""
    with ExitStack() as stack:
        shop = _Shop(seed, folder, stack, program or stack.enter_context(prepared_program()))
        for done, victim in enumerate(Victims(seed, count)):
            shop.kill(victim)
            progress(done + 1)
        return shop.settle()


class Victims:
    """Who is killed, in turn: of twenty, twelve times a till, three times the hub, PostgreSQL and the relay less often."""

    SHARES = {"till": 12, "hub": 3, "postgresql": 3, "relay": 2}  # noqa: RUF012 - a constant table

    def __init__(self, seed: int, count: int) -> None:
        self._chance = random.Random(f"victims:{seed}")
        self._count = count

    def __iter__(self) -> Iterator[str]:
        whole = [victim for victim, share in self.SHARES.items() for _ in range(share)]
        hand: list[str] = []
        for _ in range(self._count):
            if not hand:
                hand = self._chance.sample(whole, len(whole))
            yield hand.pop()


class _Shop:
    """Everything that runs, and what happened to it."""

    def __init__(self, seed: int, folder: Path, stack: ExitStack, program: Program) -> None:
        self._chance = random.Random(f"shop:{seed}")
        self._seed = seed
        self._stack = stack
        self._kills: Counter[str] = Counter()
        self._program = program
        self._postgres: PostgresServer = stack.enter_context(running_postgres())
        self._folder = folder
        self._hub = HubProcess(self._postgres.url, folder / "hub.log", program=self._program)
        stack.callback(self._hub.stop)
        self._hub.start()
        address = self._hub.address()
        self._hub_lines: list[ProxyThread] = []
        self._relay_lines: list[ProxyThread] = []
        above = self._line(address, self._hub_lines)
        self._relay = HubProcess(
            f"sqlite:///{folder / 'relay.db'}",
            folder / "relay.log",
            *("--upstream", above.url),
            program=self._program,
        )
        run(
            self._program,
            "hub",
            "--db",
            self._relay.db,
            "join",
            "--hub",
            above.url,
            "--code",
            self._code("--relay"),
        )
        stack.callback(self._relay.stop)
        self._relay.start()
        relay = self._relay.address()
        self._states: list[Path] = []
        self._tills: list[BasketRun] = []
        codes = load_codes(DEMO_CATALOGUE, 5_000, seed)
        for number in range(1, TILLS + 1):
            state = self._make_till(number)
            hub = self._line(address, self._hub_lines)
            joins = ["--hub", hub.url, "--code", self._code("--till", f"k{number}")]
            if number > 1:
                joins += ["--relay-url", self._line(relay, self._relay_lines).url]
            run(self._program, "enrol", "--state", str(state), *joins)
            till = BasketRun(state, codes, seed=seed * 100 + number, program=self._program)
            stack.callback(till.close)
            till.start()
            self._tills.append(till)
        for at, line in enumerate(self._lines):
            line.follow(seed * 100 + at)

    @property
    def _lines(self) -> list[ProxyThread]:
        return [*self._hub_lines, *self._relay_lines]

    def _line(self, address: str, lines: list[ProxyThread]) -> ProxyThread:
        line = self._stack.enter_context(running_proxy(address, seed=self._seed * 100 + len(self._lines)))
        lines.append(line)
        return line

    def _code(self, *machine: str) -> str:
        return run(
            self._program, "hub", "--db", self._postgres.url, "enrol", "--store", "shop", *machine, "--quiet"
        ).strip()

    def _make_till(self, number: int) -> Path:
        state = self._folder / f"till-{number}"
        named = ("--store", "shop", "--till", f"k{number}", "--operator", "Kim")
        run(self._program, "init", "--state", str(state), *named, stdin=f"{PIN}\n")
        if self._states:
            shutil.copy(self._states[0] / "catalogue.db", state / "catalogue.db")
        else:
            run(
                self._program,
                "catalogue",
                "import",
                str(DEMO_CATALOGUE),
                "--state",
                str(state),
                "--good-rows",
            )
        self._states.append(state)
        return state

    def kill(self, victim: str) -> None:
        """One kill while the shop sells, and what it takes until the victim is back."""
        self._kills[victim] += 1
        if victim == "till":
            till = self._chance.choice(self._tills)
            self._sell(self._chance.randint(0, 2))
            if self._chance.random() < 0.3:
                till.basket()
                till.kill_between_sales()
            else:
                till.basket(kill=True)
            return
        self._sell(self._chance.randint(1, 3))
        time.sleep(self._chance.random() * 0.2)  # the moment of the kill is part of what is tried
        if victim in {"hub", "relay"}:
            node, lines = (
                (self._hub, self._hub_lines) if victim == "hub" else (self._relay, self._relay_lines)
            )
            node.kill()
            self._sell(1)
            self._postgres.ready()  # it may have been killed just before, and no hub starts without it
            node.start()
            self._sell(2)
            address = node.address()
            for line in lines:
                line.aim(address)
        else:
            self._postgres.kill()
            self._sell(2)
            self._postgres.start()
            self._sell(1)

    def settle(self) -> dict[str, Any]:
        """The faults end, each till is opened once more and sells, and all must be where it belongs."""
        for line in self._lines:
            line.set(Weather())
        self._postgres.ready()
        for till in self._tills:
            till.end()
            till.start()
            till.basket()
        started = time.monotonic()
        engine = open_engine(self._postgres.url)
        self._stack.callback(engine.dispose)
        facts = wait_until_drained(engine, self._states)
        relay = open_engine(self._relay.db)
        self._stack.callback(relay.dispose)
        wait_until_drained(relay, self._states[1:])  # a second copy of each sale is what it is for
        drained_s = time.monotonic() - started
        for till in self._tills:
            till.end()
            till.compare_with_journal()
        outcomes = [till.outcome for till in self._tills]
        assert self._kills["till"] == sum(outcome.kills for outcome in outcomes)
        return {
            "kills": self._kills.total(),
            "kills_of": dict(sorted(self._kills.items())),
            "sales": sum(outcome.baskets for outcome in outcomes),
            "gross_minor": sum(outcome.gross_minor for outcome in outcomes),
            "found_paid": sum(outcome.found_paid for outcome in outcomes),
            "facts": facts,
            "line_faults": sum(line.faults for line in self._lines),
            "drain_s_max": round(drained_s, 1),
        }

    def _sell(self, baskets: int) -> None:
        for _ in range(baskets):
            self._chance.choice(self._tills).basket()


def wait_until_drained(engine: sa.Engine, states: Sequence[Path]) -> int:
    """Wait until the hub holds these tills' journals byte by byte, and nothing else; returns how many facts.

    Raises AssertionError with the first difference, or when nothing moved for too long.
    """
    whole = 0
    for state in states:
        totals = verify_journal(state / "journal")
        assert not totals.problems, totals.problems
        journal = [plain(fact) for fact in iterate(state / "journal")]
        end = time.monotonic() + _DRAIN_S
        while (found := facts_at_hub(engine, totals.store, totals.till))[-1:] != journal[-1:]:
            assert time.monotonic() < end, (
                f"till {totals.till}: the hub holds {len(found)} of {len(journal)} facts after {_DRAIN_S} s"
            )
            time.sleep(_POLL_S)
        for ours, theirs in zip(journal, found, strict=True):
            assert ours == theirs, (ours, theirs)
        whole += len(journal)
    with engine.connect() as connection:
        in_all = connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()
        aside = connection.execute(sa.select(sa.func.count()).select_from(t.quarantine)).scalar_one()
    assert (in_all, aside) == (whole, 0), (in_all, aside, whole)
    return whole


def facts_at_hub(engine: sa.Engine, store: str, till: str) -> list[tuple[Any, ...]]:
    """All that the hub holds of one till, in the journal's order."""
    c = t.fact.c
    query = sa.select(*_FACT).where(c.store == store, c.till == till).order_by(c.epoch, c.seq)
    with engine.connect() as connection:
        return [
            tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
            for row in connection.execute(query)
        ]


def plain(fact: StoredFact) -> tuple[Any, ...]:
    return (
        fact.epoch, fact.seq, fact.kind, fact.version, fact.wall_ms, fact.mono_ms, fact.boot_id,
        bytes(fact.body), bytes(fact.hash),
    )  # fmt: skip
