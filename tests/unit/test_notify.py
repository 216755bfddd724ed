"""What systemd hears of the till, on a real datagram socket."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pos.notify import READY, Watchdog, feed_from_loop, notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield ear


@pytest.mark.usefixtures("no_systemd")
def test_without_systemd_nothing_happens() -> None:
    assert notify(READY) is False
    assert Watchdog.from_environment().wanted is False
    assert Watchdog.from_environment().feed() is False


@pytest.fixture
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)


def test_ready_arrives_as_one_datagram(systemd: socket.socket) -> None:
    assert notify(READY) is True
    assert systemd.recv(100) == b"READY=1"


def test_words_with_umlauts_arrive_as_utf8(systemd: socket.socket) -> None:
    assert notify("STATUS=Kasse geöffnet") is True
    assert systemd.recv(100).decode() == "STATUS=Kasse geöffnet"


def test_an_abstract_socket_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"tresen-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name)
        ear.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert notify(READY) is True
        assert ear.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here", "/" + "x" * 200]
)
def test_a_socket_that_cannot_be_reached_is_harmless(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify(READY) is False


def test_a_systemd_that_does_not_read_costs_no_more_than_a_moment(systemd: socket.socket) -> None:
    for _ in range(10_000):
        began = time.monotonic()
        if not notify("STATUS=full"):
            break
    else:
        pytest.fail("the queue never filled")
    assert time.monotonic() - began < 1
    assert systemd.recv(100) == b"STATUS=full"


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [
        ("10000000", "", 5.0),
        ("10000000", "own", 5.0),
        ("10000000", "1", 0.0),
        ("", "", 0.0),
        ("soon", "", 0.0),
        ("-5", "", 0.0),
        ("0", "", 0.0),
    ],
)
def test_the_interval_is_half_of_what_systemd_waits(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, interval_s: float
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert Watchdog.from_environment().interval_s == interval_s


def test_the_loop_feeds_while_the_screen_keeps_up(systemd: socket.socket) -> None:
    answers = [True, False, True]

    async def turns() -> None:
        left = list(answers)
        done = asyncio.Event()

        async def sleep(delay_s: float) -> None:
            assert delay_s == 5.0
            if not left:
                done.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(feed_from_loop(Watchdog(5.0), lambda: left.pop(0), sleep=sleep))
        await asyncio.wait_for(done.wait(), 5)
        task.cancel()

    asyncio.run(turns())
    systemd.settimeout(0.2)
    assert [systemd.recv(100), systemd.recv(100)] == [b"WATCHDOG=1", b"WATCHDOG=1"]
    with pytest.raises(TimeoutError):
        systemd.recv(100)


def test_without_a_watchdog_the_task_ends_at_once() -> None:
    asyncio.run(asyncio.wait_for(feed_from_loop(Watchdog()), 1))


_CHILD = """
import asyncio, sys, threading, time
from pos.notify import Watchdog, feed_from_loop

async def main():
    feeding = asyncio.create_task(feed_from_loop(Watchdog.from_environment()))
    await asyncio.sleep(0.5)
    if sys.argv[1] == "block":
        time.sleep(60)
    await feeding

asyncio.run(main())
"""


def _falls_silent(ear: socket.socket) -> bool:
    for _ in range(100):
        try:
            ear.recv(100)
        except TimeoutError:
            return True
    return False


@pytest.mark.parametrize("how", ["stop", "block"])
def test_a_stopped_process_or_a_blocked_loop_falls_silent(systemd: socket.socket, how: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, how],
        env=os.environ | {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "", "PYTHONPATH": str(Path.cwd())},
    )
    try:
        systemd.settimeout(20)
        assert systemd.recv(100) == b"WATCHDOG=1"
        if how == "stop":
            child.send_signal(signal.SIGSTOP)
        systemd.settimeout(1.5)
        assert _falls_silent(systemd)
        assert child.poll() is None
        if how == "stop":
            child.send_signal(signal.SIGCONT)
            assert systemd.recv(100) == b"WATCHDOG=1"
    finally:
        child.kill()
        child.wait()
