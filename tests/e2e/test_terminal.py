"""The terminal goes away under a running till: it ends in order and lets go of its folder."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def started(state: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A till on a screen of its own, once it has painted."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "pos", "till", "--state", str(state)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(slave)
    seen = b""
    end = time.monotonic() + 30
    while b"DEMO" not in seen:
        assert time.monotonic() < end, seen[-500:]
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65_536)
    return process, master


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "typing"])
def test_a_till_whose_terminal_vanishes_ends_and_frees_its_folder(state: Path, busy: bool) -> None:
    process, master = started(state)
    try:
        if busy:
            os.write(master, b"1234567890" * 20)
        os.close(master)
        process.wait(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    assert process.returncode != -9
    again, master = started(state)
    again.terminate()
    deadline = time.monotonic() + 20
    while again.poll() is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                os.read(master, 65_536)
            except OSError:
                break
    assert again.wait(10) == 0
    os.close(master)
