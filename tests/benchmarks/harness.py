"""Runs tills in a terminal of its own and measures what one scan, or one start, costs each of them.

The harness plays the terminal (a fresh pty) and the scanner (a pipe, or a second pty for a serial
scanner). It knows nothing of the program but its `Candidate`. Programs that are compared run at the same
time and take turns, so that a noisy machine is noisy for all; only ratios from one run mean anything.

Wall-clock figures hold the scheduler's mood; CPU time, bytes and frames are the steady ones.
"""

import contextlib
import fcntl
import os
import pty
import random
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Literal, Self

ROOT = Path(__file__).parents[2]
SCAN = "{scan}"  # in argv or env: the number of the inherited pipe, or the path of the scanner's pty

# Synchronized output, a DEC private mode: an app asks whether the terminal has it, then wraps each frame.
SYNC_QUERY = b"\x1b[?2026$p"
SYNC_AVAILABLE = b"\x1b[?2026;2$y"
FRAME_START = b"\x1b[?2026h"

START_TIMEOUT_S = 30.0
SCAN_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3.0
START_QUIET_S = 0.3
QUIET_S = (0.020, 0.040)  # random within, so that no scan locks on to the app's frame timer
READ_BYTES = 65_536
NS_PER_MS = 1_000_000


class HarnessError(Exception):
    """The program ended, or never showed what it was asked for; the text holds its last output."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program to measure, and how to speak to it.

    `send_scan(app, number)` sends the scan of that number (to `app.scan_fd`, or to `app.terminal_fd` for
    one that is typed) and returns bytes that stand in one piece in the output once its row is painted, and
    only then. `prepare` runs before each launch (a fresh folder, say), `setup` once the first frame stands.
    """

    name: str
    argv: tuple[str, ...]
    first_frame: bytes
    send_scan: Callable[["Running", int], bytes]
    env: Mapping[str, str] = field(default_factory=dict)
    channel: Literal["pipe", "pty"] = "pipe"
    prepare: Callable[[], None] | None = None
    setup: Callable[["Running"], None] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One scan. `wall_ms` ends when the row's text arrived, `settled_ms` with the last byte it caused."""

    number: int
    wall_ms: float
    settled_ms: float
    cpu_ms: float  # all threads, until the output was quiet
    output_bytes: int
    frames: int  # 0 if the program never asked for synchronized output


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """One start, from the launch until the first frame's text arrived."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Summary:
    count: int
    wall_ms_p50: float
    wall_ms_p95: float
    wall_ms_p99: float
    settled_ms_p50: float
    cpu_ms_mean: float
    cpu_ms_p50: float
    cpu_ms_p99: float
    output_bytes_mean: float
    frames_mean: float
    frames_max: int


class Running:
    """A candidate under way in its own terminal; use it in a `with` statement, which also ends it."""

    def __init__(self, candidate: Candidate, columns: int = 80, rows: int = 24) -> None:
        self.candidate = candidate
        self.answers_sync_query = False
        self._columns, self._rows = columns, rows
        self._files = contextlib.ExitStack()
        self._recent = bytearray()
        self._scans_sent = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._launch()
            self._wait_for(self.candidate.first_frame, START_TIMEOUT_S)
            self.first_frame = FirstFrame(
                (time.perf_counter_ns() - self._launched_ns) / NS_PER_MS, cpu_ns(self.pid) / NS_PER_MS
            )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "ask while it runs"
        return self._process.pid

    def settle(self) -> None:
        """Waits until the start is over, then runs the candidate's own setup."""
        self.read_until_quiet(START_QUIET_S)
        if self.candidate.setup is not None:
            self.candidate.setup(self)
            self.read_until_quiet(START_QUIET_S)

    def scan(self, quiet_s: float) -> Sample:
        """Sends the next scan and measures it until its output has been quiet for `quiet_s`."""
        while self._read(0.0):  # what the program painted meanwhile (a clock) is not this scan's doing
            pass
        number = self._scans_sent = self._scans_sent + 1
        cpu_before_ns = cpu_ns(self.pid)
        sent_ns = time.perf_counter_ns()
        marker = self.candidate.send_scan(self, number)
        output, seen_ns = self._wait_for(marker, SCAN_TIMEOUT_S)
        rest, last_ns = self.read_until_quiet(quiet_s)
        cpu_after_ns = cpu_ns(self.pid)
        output += rest
        return Sample(
            number=number,
            wall_ms=(seen_ns - sent_ns) / NS_PER_MS,
            settled_ms=(max(seen_ns, last_ns) - sent_ns) / NS_PER_MS,
            cpu_ms=(cpu_after_ns - cpu_before_ns) / NS_PER_MS,
            output_bytes=len(output),
            frames=output.count(FRAME_START),
        )

    def read_until_quiet(self, quiet_s: float) -> tuple[bytes, int]:
        """All output up to a pause of `quiet_s`, and when its last byte came (0 if none did)."""
        output, last_ns = bytearray(), 0
        while data := self._read(quiet_s):
            last_ns = time.perf_counter_ns()
            output += data
        return bytes(output), last_ns

    def wait_for(self, marker: bytes, timeout_s: float = SCAN_TIMEOUT_S) -> bytes:
        """Reads until `marker` is in the output; for a candidate's setup (keys go to `terminal_fd`)."""
        return self._wait_for(marker, timeout_s)[0]

    def stop(self) -> None:
        """Asks the program to end, and ends it if it does not."""
        with self._files:
            process, self._process = self._process, None
            if process is None:
                return
            if process.poll() is None:
                process.terminate()
                self._drain_until_ended(process)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it may have left behind in its own session
            process.wait()

    def _launch(self) -> None:
        if self.candidate.prepare is not None:
            self.candidate.prepare()
        self.terminal_fd, terminal = self._open_pty()
        termios.tcsetwinsize(terminal, (self._rows, self._columns))
        scan, inherited = self._open_channel()
        kept = ("PATH", "HOME", "TMPDIR", "TRESEN_CASH_ASK_FLOAT")
        env = {key: os.environ[key] for key in kept if key in os.environ}
        env |= {"LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env |= {"TEXTUAL_ANIMATIONS": "none"}  # for all alike
        env |= {key: value.replace(SCAN, scan) for key, value in self.candidate.env.items()}
        self._launched_ns = time.perf_counter_ns()
        self._process = subprocess.Popen(
            [part.replace(SCAN, scan) for part in self.candidate.argv],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=ROOT,
            env=env,
            pass_fds=inherited,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # the harness has one thread
        )
        for fd in (terminal, *inherited):
            os.close(fd)

    def _open_pty(self) -> tuple[int, int]:
        master, slave = pty.openpty()
        self._files.callback(os.close, master)
        return master, slave

    def _open_channel(self) -> tuple[str, tuple[int, ...]]:
        if self.candidate.channel == "pipe":
            reader, self.scan_fd = os.pipe()
            self._files.callback(os.close, self.scan_fd)
            return str(reader), (reader,)
        self.scan_fd, slave = self._open_pty()
        tty.setraw(slave)
        self._files.callback(os.close, slave)  # held open: a scanner stays plugged in while the till restarts
        return os.ttyname(slave), ()

    def _read(self, timeout_s: float) -> bytes:
        """The next piece of output, or nothing after `timeout_s`."""
        if not select.select([self.terminal_fd], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self.terminal_fd, READ_BYTES)
        except OSError as error:  # a pty reports its closed other end as an input/output error
            raise HarnessError(self._story("ended")) from error
        self._recent += data
        if not self.answers_sync_query and SYNC_QUERY in self._recent:
            self.answers_sync_query = True
            os.write(self.terminal_fd, SYNC_AVAILABLE)
        if self.answers_sync_query:
            del self._recent[:-4096]
        return data

    def _wait_for(self, marker: bytes, timeout_s: float) -> tuple[bytes, int]:
        """The output up to the piece that completed `marker`, and when that piece came."""
        output, deadline = bytearray(), time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            data = self._read(left_s)
            seen_ns = time.perf_counter_ns()
            search_from = max(0, len(output) - len(marker))
            output += data
            if data and output.find(marker, search_from) >= 0:
                return bytes(output), seen_ns
        raise HarnessError(self._story(f"did not show {marker!r} within {timeout_s} s"))

    def _story(self, what: str) -> str:
        return f"{self.candidate.name} {what}; its last output was: {bytes(self._recent[-2000:])!r}"

    def _drain_until_ended(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                self._read(0.02)
            except HarnessError:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
                return


def measure_scans(
    candidates: Sequence[Candidate],
    scans: int,
    *,
    columns: int = 80,
    rows: int = 24,
    block: int = 10,
    warm_up: int = 5,
    seed: int = 1,
) -> dict[str, list[Sample]]:
    """`scans` samples of each candidate by name; all run at once and take turns of `block` scans."""
    pauses = random.Random(seed)
    samples: dict[str, list[Sample]] = {candidate.name: [] for candidate in candidates}
    assert len(samples) == len(candidates), "candidates need different names"
    with contextlib.ExitStack() as stack:
        apps = [stack.enter_context(Running(candidate, columns, rows)) for candidate in candidates]
        for app in apps:
            app.settle()
            for _ in range(warm_up):
                app.scan(pauses.uniform(*QUIET_S))
        for turn in _turns(scans, block):
            for app in apps:
                samples[app.candidate.name] += [app.scan(pauses.uniform(*QUIET_S)) for _ in range(turn)]
    return samples


def measure_first_frames(
    candidates: Sequence[Candidate], runs: int, *, columns: int = 80, rows: int = 24
) -> dict[str, list[FirstFrame]]:
    """`runs` starts of each candidate by name, one after another in turns.

    One more start of each goes before and is not counted: it fills the caches for compiled modules and files.
    """
    frames: dict[str, list[FirstFrame]] = {candidate.name: [] for candidate in candidates}
    assert len(frames) == len(candidates), "candidates need different names"
    for run in range(runs + 1):
        for candidate in candidates:
            with Running(candidate, columns, rows) as app:
                if run:
                    frames[candidate.name].append(app.first_frame)
    return frames


def summarize(samples: Sequence[Sample]) -> Summary:
    wall = [sample.wall_ms for sample in samples]
    cpu = [sample.cpu_ms for sample in samples]
    return Summary(
        count=len(samples),
        wall_ms_p50=percentile(wall, 50),
        wall_ms_p95=percentile(wall, 95),
        wall_ms_p99=percentile(wall, 99),
        settled_ms_p50=percentile([sample.settled_ms for sample in samples], 50),
        cpu_ms_mean=fmean(cpu),
        cpu_ms_p50=percentile(cpu, 50),
        cpu_ms_p99=percentile(cpu, 99),
        output_bytes_mean=fmean(sample.output_bytes for sample in samples),
        frames_mean=fmean(sample.frames for sample in samples),
        frames_max=max(sample.frames for sample in samples),
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile: always one of the values."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def cpu_ns(pid: int) -> int:
    """CPU time of a process, all its threads, those that ended too.

    This is the process's own CPU clock (clock_getcpuclockid(3)), which Linux derives from the same counters
    as /proc/PID/task/*/schedstat, but which neither forgets a thread that ended nor lags behind one that runs.
    """
    assert sys.platform == "linux"
    return time.clock_gettime_ns((~pid << 3) | 2)


def rss_kb(pid: int) -> int:
    """Resident memory, shared pages included."""
    return _smaps_kb(pid, "Rss")


def uss_kb(pid: int) -> int:
    """Memory that would be free if this process alone ended."""
    return _smaps_kb(pid, "Private_Clean", "Private_Dirty")


def _smaps_kb(pid: int, *names: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    sizes_kb = {name: int(size.split()[0]) for name, size in (line.split(":") for line in lines)}
    return sum(sizes_kb[name] for name in names)


def _turns(total: int, block: int) -> Iterator[int]:
    for start in range(0, total, block):
        yield min(block, total - start)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
