"""System calls of an unmodified till that fail: by strace, the n-th write or sync of a sale, n = 1 to the end.

One till sells on through all of them. Each sale must end as paid and kept, exactly once, or as not paid and said
so; once the disk is well again the same cart is paid by the same key.
"""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pos.facts import decode_fact
from pos.journal.reader import verify_journal
from pos.journal.rebuild import compare_views
from pos.journal.segment import open_reader, read_facts, segment_files
from pos.journal.views import GROUP_FACTS
from pos.sale_facts import Sale
from tests.simulation.line_till import LineTill

__all__ = ["FAULTS", "Sweep", "fault_sweep", "traced"]

CODE = "2000000000299"
KEYS_MAX = 8
# (system calls, what becomes of the n-th)
FAULTS = (
    ("pwrite64", "error=EIO:when={n}"),
    ("fdatasync,fsync", "error=EIO:when={n}"),
    ("pread64", "error=EIO:when={n}"),
    ("pwrite64", "error=ENOSPC:when={n}"),
    ("pwrite64", "error=ENOSPC:when={n}+"),
    ("pwrite64,ftruncate,unlink", "error=EROFS:when={n}+"),
    ("fdatasync,fsync", "delay_exit=150000:when={n}+"),
)


class Sweep(msgspec.Struct):
    """What a sweep came to. `hit`: sales in which a call really failed (or was slow)."""

    sales: int = 0
    hit: int = 0
    said: int = 0
    seconds: float = 0.0
    failures: list[str] = []


@contextlib.contextmanager
def traced(pid: int, calls: str, fault: str, log: Path) -> Iterator[None]:
    """While this lasts, system calls of a running process fail as strace is told."""
    command = ("strace", "-f", "-qq", "-p", str(pid), "-o", str(log), "-e", f"trace={calls}")
    tracer = subprocess.Popen([*command, "-e", f"inject={calls}:{fault}"], stderr=subprocess.PIPE)
    try:
        _wait_until_traced(pid)
        yield
    finally:
        tracer.terminate()
        tracer.wait()
        assert tracer.stderr is not None
        tracer.stderr.close()


def fault_sweep(
    till: LineTill,
    state: Path,
    scratch: Path,
    calls: str,
    fault: str,
    *,
    every: int = 1,
    first: int = 1,
    limit: int = 10_000,
    progress: Callable[[int], None] = lambda _n: None,
) -> Sweep:
    """Sales for each n (`first`, `first` + `every`, ...) until one makes an n-th call; at most a group's, for what is
    done once for a group of commits. Ends when none does, or after `limit` numbers.
    """
    sweep = Sweep()
    began = time.perf_counter()
    for n in range(first, first + every * limit, every):
        if not any(_hit(till, state, scratch, calls, fault.format(n=n), sweep) for _ in range(GROUP_FACTS)):
            break
        progress(n)
    problems = verify_journal(state / "journal").problems
    if problems:
        sweep.failures.append(f"{calls} {fault}: {problems}")
    if len(set(compare_views(state))) != 1:
        sweep.failures.append(f"{calls} {fault}: the views are not those of the journal")
    sweep.seconds = time.perf_counter() - began
    return sweep


def _hit(till: LineTill, state: Path, scratch: Path, calls: str, fault: str, sweep: Sweep) -> bool:
    """One sale under the fault; whether it met it."""
    log = scratch / "strace.log"
    problem = _sale(till, state, calls, fault, log, sweep)
    if problem:
        sweep.failures.append(f"{calls} {fault}: {problem}")
    met = re.search(r"\((INJECTED|DELAYED)\)", log.read_text(encoding="ascii")) is not None
    sweep.hit += met
    return met


def _sale(till: LineTill, state: Path, calls: str, fault: str, log: Path, sweep: Sweep) -> str:
    """A sale, and a cart given up, under the fault and to their end; returns what was wrong, or nothing."""
    before = sales(state)
    till.events.clear()
    with traced(till.pid, calls, fault, log):
        views = [till.send(f"scan {CODE}"), till.send(f"scan {CODE}"), *_pay(till)]
        if views[-1]["state"] == "paid":  # what follows a payment is done before the next fact
            views += [till.send(f"scan {CODE}"), *_give_up(till)]
    sweep.sales += 1
    if not _paid(till):
        sweep.said += 1
        views += _pay(till)
    views += _give_up(till)
    silent = [view for view in views if view["state"] == "stopped" and not view["message"]]
    kept = sales(state)
    if views[-1]["lines"] or not _paid(till):
        return f"no end when the disk is well again: {views[-1]['state']}, {views[-1]['message']}"
    if silent:
        return f"nothing was said: {silent[0]}"
    if len(kept) != len(before) + 1 or _paid(till) != [len(kept)]:
        return f"shown as paid {_paid(till)}, kept {kept[len(before) :]}"
    return ""


def _paid(till: LineTill) -> list[int]:
    return [event["number"] for event in till.events if event.get("event") == "sale-paid"]


def _pay(till: LineTill) -> list[dict[str, Any]]:
    """The pay key until it is paid, or said KEYS_MAX times why not."""
    views = []
    for _ in range(KEYS_MAX):
        views.append(till.send("key cash"))
        if views[-1]["state"] == "paid":
            break
    return views


def _give_up(till: LineTill) -> list[dict[str, Any]]:
    """Void what is in the cart; in doubt the pay key only looks what the journal holds."""
    views = [till.send("key help")]
    for _ in range(KEYS_MAX):
        if views[-1]["state"] == "stopped":
            views.append(till.send("key cash"))
        elif not views[-1]["lines"]:
            break
        else:
            views.append(till.send("key void-cart"))
    return views


def sales(state: Path) -> list[int]:
    """The receipt numbers in the journal, read beside the till."""
    numbers = []
    for path in segment_files(state / "journal"):
        segment = open_reader(path)
        for row in read_facts(segment.connection, 0):
            fact = decode_fact(row.kind, row.version, row.body)
            if isinstance(fact, Sale):
                numbers.append(fact.number)
        segment.connection.close()
    return numbers


def _wait_until_traced(pid: int) -> None:
    """Every thread has its tracer; a thread that begins later gets it from strace."""
    task = Path(f"/proc/{pid}/task")
    for _ in range(5_000):
        statuses = []
        for thread in task.iterdir():
            with contextlib.suppress(OSError):
                statuses.append((thread / "status").read_text(encoding="ascii"))
        if statuses and all("TracerPid:\t0\n" not in status for status in statuses):
            return
        time.sleep(0.001)
    raise AssertionError("strace did not attach")
