"""A disk that is full, read-only, damaged, or fails in the middle: no new payment, and nothing lost."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulation.line_till import LineTill, run_tool

CUCUMBER = "2000000000299"


def sales(state: Path) -> list[int]:
    lines = run_tool("journal", "show", "--state", str(state), "--kind", "sale").splitlines()
    return [json.loads(line)["body"]["number"] for line in lines]


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


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
@pytest.mark.parametrize("when", [1, 2, 3, 4, 5, 6])
def test_a_failing_disk_ends_in_paid_and_kept_or_not_paid_and_said(
    start: Callable[..., LineTill], state: Path, tmp_path: Path, call: str, when: int
) -> None:
    """The n-th write or sync of the payment fails once with an I/O error; the till is asked until it is clear."""
    script = tmp_path / "strace-till"
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    tracer = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-p", str(till.pid), "-o", str(script), "-e", f"trace={call}"),
            *("-e", f"inject={call}:error=EIO:when={when}"),
        ],
        stderr=subprocess.PIPE,
    )
    try:
        _wait_until_traced(till.pid)
        view = till.send("key cash")
        for _ in range(4):
            if view["state"] == "paid":
                break
            assert view["message"] is not None
            view = till.send("key cash")
        assert view["state"] == "paid", view
        till.send(f"scan {CUCUMBER}")
        view = till.send("key cash")
        for _ in range(4):
            if view["state"] == "paid":
                break
            view = till.send("key cash")
        assert view["state"] == "paid"
    finally:
        tracer.terminate()
        tracer.wait()
        assert tracer.stderr is not None
        tracer.stderr.close()
    till.end()
    assert sales(state) == [1, 2]
    assert "clean" in run_tool("journal", "verify", "--state", str(state))


def _wait_until_traced(pid: int) -> None:
    task = Path(f"/proc/{pid}/task")
    for _ in range(500):
        threads = [tid / "status" for tid in task.iterdir()]
        if all("TracerPid:\t0\n" not in status.read_text(encoding="ascii") for status in threads):
            return
    raise AssertionError("strace did not attach")
