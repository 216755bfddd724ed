"""A disk that is full, read-only, damaged, or fails in the middle: no new payment, and nothing lost."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulation.line_till import LineTill, run_tool
from tests.simulation.prepared import fresh, using
from tests.simulation.syscall_faults import FAULTS, fault_sweep

CUCUMBER = "2000000000299"


def sales(state: Path) -> list[int]:
    lines = run_tool("journal", "show", "--state", str(state), "--kind", "sale").splitlines()
    return [json.loads(line)["body"]["number"] for line in lines]


@pytest.fixture(autouse=True)
def _as_anybody_starts_it() -> Iterator[None]:
    """Which file is read when depends on what a process has loaded."""
    with using(fresh):
        yield


@pytest.fixture
def small_disk(fresh_till: Path, tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MB with the till on it."""
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(mount)], check=True)
    try:
        yield Path(shutil.copytree(fresh_till, mount / "state"))
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk_is_said_and_after_making_room_the_till_sells_on(
    start: Callable[..., LineTill], small_disk: Path
) -> None:
    till = start(small_disk)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("key cash")
    ballast = small_disk.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    paid = 1
    for _ in range(200):
        till.send(f"scan {CUCUMBER}")
        view = till.send("key cash")
        if view["state"] != "paid":
            break
        paid += 1
    assert view["message"]["code"] == "disk-full"
    assert "Platz" in view["message"]["text"]
    assert [line["voided"] for line in view["lines"]] == [False]
    assert len(sales(small_disk)) == paid
    ballast.unlink()
    view = till.send("key cash")
    assert view["state"] == "paid"
    assert till.end() == ""
    assert sales(small_disk) == list(range(1, paid + 2))
    assert "clean" in run_tool("journal", "verify", "--state", str(small_disk))


def test_on_a_read_only_disk_the_till_says_so_and_what_is_stored_stays_readable(
    start: Callable[..., LineTill], small_disk: Path
) -> None:
    till = start(small_disk)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("key cash")
    till.end()
    (small_disk / "lock").touch()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk.parent)], check=True)
    till = start(small_disk)
    view = till.sign_in()
    assert (view["state"], view["message"]["code"]) == ("stopped", "disk-read-only")
    view = till.send(f"scan {CUCUMBER}")
    assert view["lines"] == []
    assert till.send("key cash")["message"]["code"] == "disk-read-only"
    till.end()
    assert sales(small_disk) == [1]
    assert "clean" in run_tool("journal", "verify", "--state", str(small_disk))


def test_a_damaged_journal_takes_no_payment_and_says_where(
    start: Callable[..., LineTill], state: Path
) -> None:
    till = start(state)
    till.sign_in()
    for _ in range(3):
        till.send(f"scan {CUCUMBER}")
        till.send("key cash")
    till.end()
    (path,) = (state / "journal").glob("*.journal")
    body = json.loads(run_tool("journal", "show", "--state", str(state), "--kind", "sale", "--last", "1"))
    content = bytearray(path.read_bytes())
    content[content.index(bytes.fromhex(body["hash"]))] ^= 1
    path.write_bytes(content)
    till = start(state)
    view = till.sign_in()
    assert (view["state"], view["message"]["code"]) == ("stopped", "journal-damaged")
    assert f"fact {body['seq']}" in view["message"]["text"]
    till.send(f"scan {CUCUMBER}")
    assert till.send("key cash")["state"] == "stopped"
    till.end()
    assert len(sales(state)) == 3


@pytest.mark.parametrize(("calls", "fault"), FAULTS)
def test_each_call_of_a_sale_that_fails_ends_in_paid_and_kept_or_not_paid_and_said(
    till: LineTill, state: Path, tmp_path: Path, calls: str, fault: str
) -> None:
    """One till, one sale after the other; in the n-th sale the n-th write, read or sync fails."""
    sweep = fault_sweep(till, state, tmp_path, calls, fault, limit=3 if "delay" in fault else 60)
    assert sweep.failures == []
    assert sweep.hit >= (1 if calls == "pread64" else 3)  # a sale reads next to nothing
    assert sales(state) == list(range(1, sweep.sales + 1))
    if fault.endswith("+") and "error" in fault:
        assert sweep.said > 0
