"""The real program in a real terminal: a scanner that types into it, and a hand that types the same digits."""

import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.harness import NS_PER_MS, Candidate, Running
from tests.simulation.line_till import PIN, make_till, run_tool

DEMO = Path(__file__).parents[2] / "config" / "demo"
LEMON, NAME = b"2000000000268", "Zitrone Stück".encode()
CASH = b"\x1b[24~"
GAP_S = 0.12
ECHO_MAX_MS = 60


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    make_till(folder)
    run_tool("catalogue", "import", str(DEMO / "articles.csv"), "--state", str(folder))
    return folder


def test_thirteen_digits_in_a_burst_are_a_scan_and_typed_by_hand_a_number(state: Path) -> None:
    candidate = Candidate(
        name="till",
        argv=(sys.executable, "-m", "pos", "till", "--state", str(state)),
        first_frame=b"Wer arbeitet",
        send_scan=lambda app, _number: NAME,
    )
    echoes_ms = []
    with Running(candidate) as till:
        os.write(till.terminal_fd, LEMON + b"\r")
        till.wait_for(b"Nicht verkauft: bitte zuerst anmelden.")
        os.write(till.terminal_fd, b"1")
        till.wait_for(b"PIN _")
        os.write(till.terminal_fd, PIN.encode() + b"\r")
        till.wait_for(b"Bereit.")
        till.read_until_quiet(0.2)
        os.write(till.terminal_fd, LEMON + b"\r")
        burst = till.wait_for(NAME) + till.read_until_quiet(0.2)[0]
        assert b"> 2" not in burst, "not a digit of a scan is shown"
        os.write(till.terminal_fd, CASH)
        till.wait_for("RÜCKGELD".encode())
        till.read_until_quiet(0.3)
        for length in range(1, len(LEMON) + 1):
            written_ns = time.perf_counter_ns()
            os.write(till.terminal_fd, LEMON[length - 1 : length])
            till.wait_for(b" > " + LEMON[:length] + b"_")
            echoes_ms.append((time.perf_counter_ns() - written_ns) / NS_PER_MS)
            time.sleep(max(0.0, GAP_S - echoes_ms[-1] / 1000))
        os.write(till.terminal_fd, b"\r")
        till.wait_for(NAME)
        os.write(till.terminal_fd, CASH)
        till.wait_for("RÜCKGELD".encode())
    facts = run_tool("journal", "show", "--kind", "sale", "--state", str(state)).splitlines()
    sold = [[(line["text"], line["source"]) for line in json.loads(fact)["body"]["lines"]] for fact in facts]
    assert sold == [[(NAME.decode(), "scanner:wedge")], [(NAME.decode(), "typed")]]
    print(
        "a digit typed by hand was shown after, in ms:", *(f"{echo_ms:.0f}" for echo_ms in sorted(echoes_ms))
    )
    assert median(echoes_ms) <= ECHO_MAX_MS, echoes_ms
