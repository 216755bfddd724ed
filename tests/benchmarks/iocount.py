"""Counts what a program does to the disk, by strace: syncs, writes and bytes between marks it sets itself.

The program calls `mark()` at the borders of what it wants counted (once before the first sale, once after
each). Counts, unlike times, are the same on every machine. `slow_fsync` gives any program a slow disk.
"""

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

MARKS_ENV = "IOCOUNT_MARKS"
SYNCS = frozenset({"fsync", "fdatasync", "sync_file_range", "msync"})
WRITES = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2"})
CALLS = ",".join(sorted(SYNCS | WRITES | {"ftruncate"}))
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq")

# 17 pwrite64(3</shop/journal.db-wal>, ""..., 4096, 32) = 4096      or cut in two by another thread's call:
# 17 fsync(3</shop/journal.db> <unfinished ...>                     17 <... fsync resumed>) = 0
_FIRST_HALF = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_SECOND_HALF = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^\d+ +(\w+)\(\d+<(/[^>]*)>.* = (\d+)(?: \([^)]*\))?$")


class FileCounts(TypedDict):
    syncs: int
    writes: int
    bytes: int
    truncates: int


class Interval(FileCounts):
    """What happened below the path prefix between two marks; `by_file` by path relative to it."""

    by_file: dict[str, FileCounts]


def mark() -> None:
    """Ends one interval and begins the next; does nothing when the program is not being counted."""
    if (path := os.environ.get(MARKS_ENV)) is not None:
        os.write(_marks_fd(path), b"mark\n")


def run(argv: Sequence[str], path_prefix: Path, env: Mapping[str, str] | None = None) -> list[Interval]:
    """Runs the program to its end; one entry for each pair of neighbouring marks, in their order.

    Only files below `path_prefix` count. Raises CalledProcessError if the program fails.
    """
    prefix = path_prefix.resolve()
    with tempfile.TemporaryDirectory() as folder:
        trace, marks = Path(folder, "trace"), Path(folder, "marks")
        command = [*STRACE, "-o", str(trace), "-s", "0", "-yy", "-e", f"trace={CALLS}", *argv]
        subprocess.run(command, check=True, env={**(env or os.environ), MARKS_ENV: str(marks)})
        with trace.open(encoding="utf-8", errors="replace") as lines:
            return count(lines, prefix, marks)


def count(trace: Iterable[str], prefix: Path, marks: Path) -> list[Interval]:
    """Sorts the calls of a trace into intervals; a call belongs where it returned."""
    intervals: list[Interval] = []
    for name, path, result in _calls(trace):
        if path == marks:
            intervals.append(Interval(**_nothing(), by_file={}))
        elif intervals and path.is_relative_to(prefix):
            interval = intervals[-1]
            file = interval["by_file"].setdefault(str(path.relative_to(prefix)), _nothing())
            for counts in (interval, file):
                _add(counts, name, result)
    return intervals[:-1]  # what came after the last mark belongs to no interval


def slow_fsync(argv: Sequence[str], delay_ms: int) -> list[str]:
    """The same program on a disk whose every sync takes `delay_ms` longer.

    strace stands aside (-D), so that the process started is the program itself, with its own CPU clock.
    """
    syncs = "fsync,fdatasync"
    delay = f"inject={syncs}:delay_exit={delay_ms * 1000}"
    return [*STRACE, "-D", "-o", "/dev/null", "-e", f"trace={syncs}", "-e", delay, *argv]


def _calls(trace: Iterable[str]) -> Iterator[tuple[str, Path, int]]:
    halves: dict[str, str] = {}
    for line in trace:
        text = line.rstrip("\n")
        if first := _FIRST_HALF.match(text):
            halves[first[1]] = f"{first[1]} {first[2]}"
            continue
        if (second := _SECOND_HALF.match(text)) and second[1] in halves:
            text = halves.pop(second[1]) + second[2]
        if call := _CALL.match(text):  # a call that failed has a negative result, and counts nothing
            yield call[1], Path(call[2]), int(call[3])


def _nothing() -> FileCounts:
    return FileCounts(syncs=0, writes=0, bytes=0, truncates=0)


def _add(counts: FileCounts, call: str, result: int) -> None:
    if call in SYNCS:
        counts["syncs"] += 1
    elif call in WRITES:
        counts["writes"] += 1
        counts["bytes"] += result
    else:
        counts["truncates"] += 1


@functools.cache
def _marks_fd(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
