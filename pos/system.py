"""Real time, chance and threads: the one module that may touch them. Everything else asks a port."""

import asyncio
import contextlib
import datetime as dt
import logging
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pos.zones import zone_of

__all__ = ["SystemClock", "SystemIds", "ThreadWorker", "in_processes"]

_T = TypeVar("_T")
_Part = TypeVar("_Part")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class SystemClock:
    """The machine's clock; the boot id says when its monotonic time began anew.

    `time_zone` is the store's, by its name; empty: the machine's. Raises ValueError for one that there is not.
    """

    def __init__(self, time_zone: str = "") -> None:
        self._zone = zone_of(time_zone)
        try:
            self.boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            self.boot_id = "unknown"

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def now(self) -> dt.datetime:
        return dt.datetime.now(self._zone) if self._zone is not None else dt.datetime.now().astimezone()


class SystemIds:
    """Ids of 26 characters: 48 bits of time, then 80 bits of chance (the ULID layout)."""

    def new_id(self) -> str:
        number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
        return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))

    def token(self, size: int) -> bytes:
        return os.urandom(size)


class ThreadWorker:
    """One thread with a queue. Results come back on the loop that asked; errors too."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def job() -> None:
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - every error belongs to who asked
                self._answer(loop, future, None, error)
            else:
                self._answer(loop, future, result, None)

        self._queue.put(job)
        return future

    def post(self, function: Callable[[], None]) -> None:
        """Run without an answer; the function handles its own errors."""
        self._queue.put(function)

    def close(self, timeout_s: float = 10.0) -> None:
        """Finish what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except Exception:
                logging.getLogger("tresen.worker").exception("a job failed on %s", self._thread.name)

    @staticmethod
    def _answer(
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[_T],
        result: Any,
        error: BaseException | None,
    ) -> None:
        def settle() -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop was closed while the job ran
            loop.call_soon_threadsafe(settle)


def in_processes(work: Callable[[_Part], _T], parts: Sequence[_Part]) -> Iterator[_T]:
    """`work` of each part, in order, in as many processes at once as there are cores; with one core or part, just here.

    For commands only: the processes are forked, so nothing else may run beside the caller.
    """
    cores = min(len(os.sched_getaffinity(0)), len(parts))
    if cores < 2:
        yield from map(work, parts)
        return
    import concurrent.futures  # noqa: PLC0415 - a till needs neither
    import multiprocessing  # noqa: PLC0415

    with concurrent.futures.ProcessPoolExecutor(cores, multiprocessing.get_context("fork")) as pool:
        yield from pool.map(work, parts)
