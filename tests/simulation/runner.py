"""Runs the blocks of phases as processes, a few at once, keeps what they found, and adds it up."""

import concurrent.futures
import functools
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.simulation.phases import Block, Phase
from tests.simulation.prepared import ROOT

__all__ = ["Runner", "add_up", "code_digest"]

_CODE = ("pos", "drivers", "receipts", "sync", "config", "tests/simulation", "tests/simulators")
PROGRAM = (sys.executable, "-m", "tests.simulation")
_POLL_S = 0.2
_UNWATCHED_S = 30.0
_WIDTH = 32


class BlockFailedError(Exception):
    """A block ended without a report; the text is what it said."""


class Runner:
    """Phases into `folder`: blocks/ what each block found, failures/ what failing ones said, report.json the sums."""

    def __init__(
        self, folder: Path, *, jobs: int, scale: float, seed: int, program: Sequence[str] = PROGRAM
    ) -> None:
        self._folder = folder
        self._jobs = jobs
        self._scale = scale
        self._seed = seed
        self._program = program
        self._code = code_digest()
        self._running: dict[Block, subprocess.Popen[str]] = {}
        self._done_in: dict[Block, int] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._drawn_s = -_UNWATCHED_S

    def forget(self, phases: Iterable[Phase]) -> None:
        for phase in phases:
            shutil.rmtree(self._folder / "blocks" / phase.name, ignore_errors=True)
            for place in (self._folder / "work").glob(f"{phase.name}-*"):
                shutil.rmtree(place, ignore_errors=True)

    def run(self, phases: Sequence[Phase]) -> bool:
        """True when no block failed and every bar is met."""
        self._folder.mkdir(parents=True, exist_ok=True)
        good = True
        for phase in phases:
            good = self._phase(phase) and good
        print(f"report: {self._folder / 'report.json'}")
        return good

    def _phase(self, phase: Phase) -> bool:
        blocks = phase.blocks(self._seed, self._scale)
        open_blocks = [block for block in blocks if self._kept(phase, block) is None]
        before = sum(block.count for block in blocks) - sum(block.count for block in open_blocks)
        whole = sum(block.count for block in blocks)
        print(
            f"{phase.name}: {whole:,} {phase.unit}, {phase.what}"
            + (f"; {before:,} done before" if before else "")
        )
        failures: dict[Block, str] = {}
        started = time.monotonic()
        self._done_in = {}
        self._drawn_s = -_UNWATCHED_S
        self._stopping = False
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            waiting = {pool.submit(self._block, phase, block): block for block in open_blocks}
            try:
                while waiting:
                    ended, _ = concurrent.futures.wait(waiting, timeout=_POLL_S)
                    for future in ended:
                        block = waiting.pop(future)
                        error = future.exception()
                        if error is not None:
                            failures[block] = str(error)
                            print(f"\r{error}", file=sys.stderr)
                    self._draw(before, whole, time.monotonic() - started)
            except BaseException:
                self._stop(waiting)
                raise
        print()
        return self._write(phase, blocks, failures)

    def _stop(self, waiting: Iterable[concurrent.futures.Future[None]]) -> None:
        with self._lock:
            self._stopping = True
            for process in self._running.values():
                process.send_signal(signal.SIGTERM)
        for future in waiting:
            future.cancel()

    def _block(self, phase: Phase, block: Block) -> None:
        place = self._folder / "work" / f"{phase.name}-{block.seed}-{block.count}"
        self._make_place(place, keep=phase.whole)
        arguments = ["--block", phase.name, str(block.seed), str(block.count)]
        said_path = self._folder / "failures" / f"{phase.name}-{block.seed}.log"
        said_path.parent.mkdir(exist_ok=True)
        started = time.monotonic()
        report: dict[str, Any] | None = None
        with said_path.open("w", encoding="utf-8") as said:
            with self._lock:
                if self._stopping:
                    return
                process = subprocess.Popen(
                    [*self._program, *arguments, "--folder", str(self._folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    cwd=ROOT,
                    start_new_session=True,  # Ctrl-C is for the runner, which then asks each block to end
                )
                self._running[block] = process
            assert process.stdout is not None
            for line in process.stdout:
                news = json.loads(line)
                report = news.get("report", report)
                self._done_in[block] = news.get("done", block.count)
            process.wait()
            process.stdout.close()
        with self._lock:
            del self._running[block]
            if self._stopping and report is None:
                return
        if report is None or process.returncode:
            last = said_path.read_text(encoding="utf-8").strip().splitlines()[-1:]
            raise BlockFailedError(
                f"FAILED {' '.join(last)[:300]}\n  all of it: {said_path}\n  again: python -m tests.simulation {' '.join(arguments)}"
            )
        said_path.unlink()
        shutil.rmtree(place, ignore_errors=True)
        kept = {"code": self._code, "seconds": round(time.monotonic() - started, 3), "report": report}
        path = self._path(phase, block)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(path)

    def _make_place(self, place: Path, *, keep: bool) -> None:
        """An empty folder; what an interrupted block of this very code left stays where it can go on."""
        stamp = place / "code"
        if not (keep and stamp.exists() and stamp.read_text(encoding="ascii") == self._code):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            stamp.write_text(self._code, encoding="ascii")

    def _path(self, phase: Phase, block: Block) -> Path:
        return self._folder / "blocks" / phase.name / f"{block.seed}-{block.count}.json"

    def _kept(self, phase: Phase, block: Block) -> dict[str, Any] | None:
        """What this block found with this code; None if it has not been done."""
        path = self._path(phase, block)
        if not path.exists():
            return None
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept if kept["code"] == self._code else None

    def _draw(self, before: int, whole: int, seconds: float) -> None:
        if not sys.stdout.isatty():
            if seconds - self._drawn_s < _UNWATCHED_S:
                return
            self._drawn_s = seconds
        now = sum(self._done_in.values())
        done = min(whole, before + now)
        filled = _WIDTH * done // whole
        left = f", {_clock(seconds / now * (whole - done))} left" if now else ""
        bar = "#" * filled + "." * (_WIDTH - filled)
        print(f"\r[{bar}] {done:,}/{whole:,}  {_clock(seconds)}{left}   ", end="", flush=True)

    def _write(self, phase: Phase, blocks: Sequence[Block], failures: dict[Block, str]) -> bool:
        kept = [found for block in blocks if (found := self._kept(phase, block)) is not None]
        sums = add_up([found["report"] for found in kept])
        part = min(self._scale, 1.0)
        bars = {
            name: {"least": int(least * part), "found": sums.get(name, 0)}
            for name, least in phase.bars.items()
        }
        missed = [name for name, bar in bars.items() if bar["found"] < bar["least"]]
        path = self._folder / "report.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if report.get("code") != self._code:
            report = {"code": self._code, "commit": _commit(), "phases": {}}
        report["phases"][phase.name] = {
            "what": phase.what,
            "scale": self._scale,
            "first_seed": self._seed,
            "blocks": len(kept),
            "blocks_failed": [block.seed for block in failures],
            "seconds": round(sum(found["seconds"] for found in kept), 1),
            "bars": bars,
            "met": not failures and not missed,
            "figures": sums,
        }
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.replace(path)
        print(*(f"  {row}" for row in sums.pop("table", ())), sep="\n", end="\n" if "rows" in sums else "")
        print(f"  {json.dumps(sums, ensure_ascii=False)}")
        for name in missed:
            print(f"  MISSED: {name} {bars[name]['found']:,} of {bars[name]['least']:,}", file=sys.stderr)
        return not failures and not missed


def add_up(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Sums of numbers, largest of "_max", sums inside of tables, lists joined; of anything else the last."""
    whole: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            if name not in whole or isinstance(value, bool | str) or value is None:
                whole[name] = value
            elif name.endswith("_max"):
                whole[name] = max(whole[name], value)
            elif isinstance(value, dict):
                whole[name] = add_up([whole[name], value])
            else:
                whole[name] = whole[name] + value
    return whole


@functools.cache  # what is loaded does not change while it runs
def code_digest() -> str:
    """SHA-256 over the code that a simulation runs, so that what another code found is not taken for this one's."""
    hasher = hashlib.sha256()
    for part in _CODE:
        for path in sorted((ROOT / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                hasher.update(f"{path.relative_to(ROOT)}\0".encode())
                hasher.update(path.read_bytes())
    return hasher.hexdigest()[:16]


def _commit() -> str:
    """The commit, with "+" where files differ from it; "unknown" outside of a checkout."""
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.stdout.strip() or "unknown"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
