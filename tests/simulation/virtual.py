"""Virtual time and seeded chance: a loop that never waits, and the ports of a machine on it."""

import asyncio
import contextvars
import datetime as dt
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["SimClock", "SimIds", "SimWorker", "StuckError", "VirtualLoop", "run_virtual", "start_owned"]

_T = TypeVar("_T")
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ZONE = dt.timezone(dt.timedelta(hours=1))
START_MS = 1_772_434_800_000  # 2026-03-02 08:00 in that zone


class StuckError(RuntimeError):
    """Everybody waits and nothing is due: nothing can ever happen again."""


_owner: contextvars.ContextVar[dict[asyncio.Task[Any], None] | None] = contextvars.ContextVar(
    "owner", default=None
)


def _owned_task(
    loop: asyncio.AbstractEventLoop, work: Any, *, context: contextvars.Context | None = None
) -> "asyncio.Task[Any]":
    """A task belongs to the life in which it was made, and so do those that it makes."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
    owner = (context or contextvars.copy_context()).get(_owner)
    if owner is not None:
        owner[task] = None
        task.add_done_callback(lambda done: owner.pop(done, None))
    return task


def start_owned(
    loop: asyncio.AbstractEventLoop, tasks: dict[asyncio.Task[Any], None], work: Coroutine[Any, Any, Any]
) -> None:
    """Start a task; it, and all that come from it, stand in `tasks` until they are done."""
    context = contextvars.copy_context()
    context.run(_owner.set, tasks)
    loop.create_task(work, context=context)


class _NoWaiting:
    """Stands where a selector would: instead of waiting, time goes on."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise StuckError("nothing is due")
        if timeout > 0:
            self._loop.now += timeout
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio in virtual time: callbacks in the order in which they became due, no sockets, no threads."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _NoWaiting(self)
        self._clock_resolution = 1e-9
        self.faults: list[str] = []
        self.set_exception_handler(self._note)
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        raise AssertionError(f"{func} asks for a thread that no Worker gave it")

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody awaited, and what broke in a callback; the world looks at it in the end."""
        self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, _T]]) -> _T:
    """Run to the end in a fresh loop at time 0."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


class SimClock:
    """One machine's clock: `offset_ms` is how far its wall is off; a boot begins its monotonic time anew."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self._loop = loop
        self._name = name
        self._boots = 0
        self._booted = 0.0
        self.offset_ms = 0
        self.boot_id = ""
        self.boot()

    def boot(self) -> None:
        self._boots += 1
        self._booted = self._loop.now
        self.boot_id = f"{self._name}-{self._boots}"

    def true_ms(self) -> int:
        """The time of the world."""
        return START_MS + int(self._loop.now * 1000)

    def wall_ms(self) -> int:
        return START_MS + int(self._loop.now * 1000) + self.offset_ms

    def mono_ms(self) -> int:
        return int((self._loop.now - self._booted) * 1000)

    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.wall_ms() / 1000, ZONE)


class SimIds:
    """Seeded chance."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new_id(self) -> str:
        number = self._rng.getrandbits(130)
        return "".join(_BASE32[number >> shift & 31] for shift in range(125, -5, -5))

    def token(self, size: int) -> bytes:
        return self._rng.randbytes(size)


class SimWorker:
    """A thread in virtual time: jobs in order, each one whole, its result a moment later.

    `pause()`: seconds before a job is done, and seconds until its result is heard. `dead()`: the machine is
    gone; nothing is done and nobody hears anything any more.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        dead: Callable[[], bool],
        pause: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0),
    ) -> None:
        self._loop = loop
        self._dead = dead
        self._pause = pause
        self._jobs: deque[tuple[Callable[[], None], asyncio.Future[Any] | None]] = deque()
        self._busy = False

    def run(self, function: Callable[..., _T], *args: Any) -> "asyncio.Future[_T]":
        future: asyncio.Future[_T] = self._loop.create_future()
        self._add(lambda: function(*args), future)
        return future

    def post(self, function: Callable[[], None]) -> None:
        self._add(function, None)

    def _add(self, job: Callable[[], Any], future: "asyncio.Future[Any] | None") -> None:
        self._jobs.append((job, future))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = True
        while self._jobs and not self._dead():
            before, after = self._pause()
            if before or after:
                self._loop.call_later(before, self._slowly, after)
                return
            self._work(0.0)
        self._busy = False

    def _slowly(self, after: float) -> None:
        if not self._dead():
            self._work(after)
            self._loop.call_later(after, self._next)

    def _work(self, after: float) -> None:
        job, future = self._jobs.popleft()
        try:
            result = job()
        except BaseException as error:
            if future is None:
                raise
            self._hear(after, future, None, error)
        else:
            if future is not None:
                self._hear(after, future, result, None)

    def _settle(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        if future.done() or self._dead():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _hear(
        self, after: float, future: "asyncio.Future[Any]", result: Any, error: BaseException | None
    ) -> None:
        if after:
            self._loop.call_later(after, self._settle, future, result, error)
        else:
            self._loop.call_soon(self._settle, future, result, error)
