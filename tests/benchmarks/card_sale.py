"""Payments at a card terminal over TCP and in real time: how soon the terminal has its answer, and the cashier the words.

`python -m tests.benchmarks.card_sale STATE SALES ADDRESS` sells in a process of its own, against a terminal in another.
Prints what it saw as JSON.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from drivers.card.addresses import CardAddress
from drivers.card.streams import TcpStream
from pos.bootstrap import OpenTill
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.card import CardState
from tests.benchmarks import iocount
from tests.benchmarks.harness import ROOT, percentile
from tests.benchmarks.report import Report
from tests.benchmarks.shop import Shop
from tests.simulation.cards.real import LocalTerminal, article, on_line, opened_with, prepare, until

SYNC_MS = 20
STATES = 3  # what this terminal says of itself in a payment: card, look at the terminal, bank
_STATUS, _STATE, _ACK = b"\x04\x0f", b"\x04\xff", b"\x80\x00\x00"


class Seen(msgspec.Struct):
    """Milliseconds: from the last byte of a 04 0F to the answer on the line; from a 04 FF to its words in the view."""

    answered_ms: list[float] = []
    shown_ms: list[float] = []
    sales: int = 0


class TimedStream(TcpStream):
    """Notes when what came and went. The terminal waits for each answer, so that a message comes in one piece; only its
    own answer may come with the first.
    """

    def __init__(self, address: CardAddress, seen: Seen, states: "deque[float]") -> None:
        super().__init__(address.place, address.port)
        self._seen = seen
        self._states = states
        self._status_at = 0.0

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        def timed(data: bytes) -> None:
            now = time.perf_counter()
            if data.startswith(_STATUS):
                self._status_at = now
            elif data.removeprefix(_ACK).startswith(_STATE):
                self._states.append(now)
            on_data(data)

        await super().receive(timed)

    async def write(self, data: bytes, timeout_s: float) -> None:
        await super().write(data, timeout_s)
        if data == _ACK and self._status_at:
            self._seen.answered_ms.append((time.perf_counter() - self._status_at) * 1000)
            self._status_at = 0.0


async def sell(state: Path, sales: int, address: str) -> Seen:
    seen, states = Seen(), deque[float]()

    def before(opened: OpenTill) -> None:
        driver: Any = opened.till._desk.world.cards[0]
        driver._open_stream = lambda where: TimedStream(where, seen, states)

        def heard(events: Sequence[e.Event]) -> None:
            for event in events:
                question = opened.till.view.question
                if isinstance(event, e.CardSaid) and event.code is not None and states:
                    assert question is not None, "the words are in the question"
                    words = opened.till.parts.cards._cards.terminals.words_of(
                        CardState(event.code, event.text)
                    )
                    assert question.rows[-1][0] == words
                    seen.shown_ms.append((time.perf_counter() - states.popleft()) * 1000)

        opened.till.subscribe(heard)

    async with opened_with(state, prepare(state, address), before) as opened:
        till = opened.till
        for sale in range(sales):
            await until(lambda: till._desk.world.cards[0].ready)
            states.clear()
            till.parts.selling.sell(article(1000 + sale % 5), "", "scanner")
            await till.handle(c.Do("card"))
            await until(lambda: till.view.state == "paid", lambda: till.view)
            seen.sales += 1
    return seen


def measure(report: Report, shop: Shop, sales: int) -> None:
    """The till under `slow_fsync`, the terminal here."""
    state = shop.folder / "card-slow"
    seen = asyncio.run(_beside(state, sales))
    name = f"card payment at {SYNC_MS} ms a sync"
    for what, values, bar in (
        ("approval heard to answer on the line", seen.answered_ms, 1000),
        ("state heard to words in the view", seen.shown_ms, 300),
    ):
        report.add(f"{name}, {what}, count", len(values), "")
        report.add(f"{name}, {what}, p50", percentile(values, 50), "ms")
        report.add(f"{name}, {what}, p99", percentile(values, 99), "ms", bar=bar)
        report.add(f"{name}, {what}, most", max(values), "ms")


async def _beside(state: Path, sales: int) -> Seen:
    out = state.with_suffix(".json")
    async with on_line(LocalTerminal(), "tcp", state) as address:
        argv = [sys.executable, "-m", "tests.benchmarks.card_sale", str(state), str(sales), address]
        argv = iocount.slow_fsync([*argv, "--out", str(out)], SYNC_MS)
        running = await asyncio.create_subprocess_exec(*argv, cwd=ROOT)
        if code := await running.wait():
            raise subprocess.CalledProcessError(code, argv)
    seen = msgspec.json.decode(out.read_bytes(), type=Seen)
    assert len(seen.answered_ms) == seen.sales == sales, "one approval, one answer"
    assert len(seen.shown_ms) == STATES * sales, "each state was shown"
    return seen


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.card_sale", description=__doc__)
    options.add_argument("state", type=Path)
    options.add_argument("sales", type=int)
    options.add_argument("address")
    options.add_argument("--out", type=Path, help="write what was seen to this file")
    chosen = options.parse_args()
    told = msgspec.json.encode(asyncio.run(sell(chosen.state, chosen.sales, chosen.address)))
    if chosen.out is not None:
        chosen.out.write_bytes(told)
    else:
        sys.stdout.write(f"{told.decode()}\n")
