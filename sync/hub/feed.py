"""Answers readers of changes, at once or when there is something: long poll over `sync.hub.changes`.

A commit of this process wakes those who wait for its scopes. What other processes commit is found by a look
once a second, which is taken only while somebody waits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from pos.ports import Clock
from sync.hub import changes
from sync.hub.changes import Cursor
from sync.hub.database import Database
from sync.wire import Changes, Feed

__all__ = ["LOOK_S", "Feeds", "forget_all"]

LOOK_S: Final = 1.0


class _Waiter:
    """Somebody who has read up to `heads` and wants to hear of more."""

    def __init__(self, scopes: Sequence[str]) -> None:
        self.scopes = scopes
        self.heads: Mapping[str, int] = {}
        self.woken = asyncio.Event()


class Feeds:
    """One for each running node. A `mirror` is a relay's: who is ahead of it is answered by the hub, `above`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        mirror: bool = False,
        run: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._clock = clock
        self._mirror = mirror
        self._run = run
        self._sleep = sleep
        self.above: Callable[[Cursor, int], Awaitable[Changes | None]] | None = None
        self.hub_away: Callable[[], bool] = lambda: False
        self._waiters: dict[str, dict[_Waiter, None]] = defaultdict(dict)  # in the order of their coming
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, cursors: Sequence[Cursor], limit: int, wait_s: float = 0) -> Feed:
        """What follows the cursors. With nothing to say, the answer is held for up to `wait_s`."""
        waiter = _Waiter([cursor.scope for cursor in cursors])
        for scope in waiter.scopes:
            self._waiters[scope][waiter] = None
        timer: asyncio.Future[None] | None = None
        try:
            while True:
                waiter.woken.clear()  # before the look, so that nothing slips between look and wait
                answers = await self._database.read(
                    waiter.scopes[-1], changes.read_changes, cursors, limit, mirror=self._mirror
                )
                if timer is None and self.above is not None:
                    answers = await self._ask_above(cursors, answers, limit)
                over = wait_s <= 0 or self._closed or (timer is not None and timer.done())
                if over or any(answer.changes or answer.reset for answer in answers):
                    return Feed(tuple(answers), self._clock.wall_ms(), self._run, self.hub_away())
                waiter.heads = {answer.scope: answer.head for answer in answers}
                if timer is None:
                    timer = asyncio.ensure_future(self._sleep(wait_s))
                await self._until_woken(waiter, timer)
        finally:
            if timer is not None:
                timer.cancel()
            for scope in waiter.scopes:
                self._waiters[scope].pop(waiter, None)
                if not self._waiters[scope]:
                    del self._waiters[scope]

    async def _ask_above(
        self, cursors: Sequence[Cursor], answers: list[Changes], limit: int
    ) -> list[Changes]:
        """A reader who was at the hub may know more than this mirror, or come from a hub that was restored."""
        assert self.above is not None
        known = await self._database.read(
            cursors[-1].scope, changes.heads, [cursor.scope for cursor in cursors]
        )
        return [
            (await self.above(cursor, limit)) or answer if cursor.n > known.get(cursor.scope, 0) else answer
            for cursor, answer in zip(cursors, answers, strict=True)
        ]

    def ring(self, scopes: Collection[str]) -> None:
        """Changes were added to these scopes, and are committed."""
        for scope in sorted(scopes):
            for waiter in self._waiters.get(scope, ()):
                waiter.woken.set()

    def close(self) -> None:
        """Nobody waits any more: the node is about to end."""
        self._closed = True
        self.ring(list(self._waiters))
        if self._looking is not None:
            self._looking.cancel()

    async def _until_woken(self, waiter: _Waiter, timer: "asyncio.Future[None]") -> None:
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="feed-look")
        woken = asyncio.ensure_future(waiter.woken.wait())
        try:
            await asyncio.wait((woken, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def _look(self) -> None:
        """Find what other processes committed, as long as somebody waits. A database that fails is asked again."""
        try:
            while self._waiters and not self._closed:
                await self._sleep(LOOK_S)
                if not self._waiters:
                    return
                with suppress(Exception):
                    self._compare(await self._database.read("", changes.heads, sorted(self._waiters)))
        finally:
            self._looking = None

    def _compare(self, heads: Mapping[str, int]) -> None:
        for waiter in [waiter for _, waiters in sorted(self._waiters.items()) for waiter in waiters]:
            if any(heads.get(scope, 0) != head for scope, head in waiter.heads.items()):
                waiter.woken.set()


async def forget_all(database: Database, now_ms: int) -> None:
    """Drop what no reader needs any more (`changes.forget`), in small transactions."""
    for scope in sorted(await database.read("", changes.heads)):
        after = 0
        while True:
            after = await database.run(scope, changes.forget, scope, after, now_ms)
            if not after:
                break
