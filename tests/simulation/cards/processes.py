"""Real processes on a real socket: tills that are killed while a card terminal charges a card, and started again."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.simulation.line_till import LineTill, make_till, run_tool
from tests.simulation.prepared import ROOT
from tests.simulation.steady import DEMO_CATALOGUE
from tests.simulators.terminal.desk import Saved

__all__ = ["process_cuts"]

CODE = "2000000000299"
PERSONALITIES = ("auto-reverse", "keep", "mark-declined")
_END_S = 60.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class _Terminal:
    """The terminal as a process; its bank is a file."""

    def __init__(self, folder: Path, personality: str) -> None:
        self._file = folder / "terminal.json"
        self.port = _free_port()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.simulators.terminal", "--listen", f"127.0.0.1:{self.port}"),
                *("--state", str(self._file), "--no-screen", "--no-faults", "--card-seconds", "0.3"),
                *("--personality", personality),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def charged(self) -> list[int]:
        if not self._file.exists():
            return []
        saved = msgspec.json.decode(self._file.read_bytes(), type=Saved)
        return [charge.minor for charge in saved.bank.standing]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def process_cuts(
    seed: int, count: int, folder: Path, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """`count` kills, each in a sale by card. Raises AssertionError where a card was charged and the sale is not closed by it
    once, or a sale is closed that no card paid."""
    found: dict[str, Any] = {"kills": 0, "seconds_max": 0.0}
    for number in range(seed, seed + count):
        chance = random.Random(f"card-process:{number}")
        place = folder / f"till-{number}"
        place.mkdir(parents=True)
        terminal = _Terminal(place, PERSONALITIES[number % 3])
        try:
            seconds = _one(place / "state", terminal, chance.uniform(0.0, 3.0))
        finally:
            terminal.close()
        found = {"kills": found["kills"] + 1, "seconds_max": max(found["seconds_max"], seconds)}
        progress(number + 1 - seed)
    return found


def _one(state: Path, terminal: _Terminal, after_s: float) -> float:
    make_till(state)
    run_tool("catalogue", "import", str(DEMO_CATALOGUE), "--state", str(state), "--good-rows")
    env = {**os.environ, "TRESEN_DEVICES_CARD": f"tcp:127.0.0.1:{terminal.port}"}
    till = LineTill(state, env=env)
    till.sign_in()
    _until(lambda: _ready(till), "the terminal")
    till.send(f"scan {CODE}")
    till.send("key card")
    time.sleep(after_s)
    till.kill()
    till = LineTill(state, env=env)
    began = time.monotonic()
    till.sign_in()
    _until(lambda: not _open(till.send("key help")), "what became of the payment")
    seconds = time.monotonic() - began
    while till.send("key help")["state"] != "paid":
        _until(lambda: _ready(till), "the terminal")
        till.send("key card")
        _until(lambda: not _open(till.send("key help")), "the second payment")
    total = [event for event in till.events if event.get("event") == "sale-paid"]
    till.close()
    charged = terminal.charged()
    assert len(charged) == 1, f"the card was charged {charged}, after a kill at {after_s:.2f} s"
    assert not total or total[-1]["total_minor"] == charged[0], (total, charged)
    return seconds


def _ready(till: LineTill) -> bool:
    till.send("key help")
    states = [
        event["state"]
        for event in till.events
        if event.get("event") == "device-changed" and event["device"] == "card"
    ]
    return bool(states) and states[-1] == "ready"


def _open(view: dict[str, Any]) -> bool:
    return view["state"] in ("question", "paying")


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _END_S
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)
