"""What ends or begins by the hub's clock: promises that expire, reminders, orders that nobody collects."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy.engine import Connection

from pos.ports import Clock, Ids
from sync.hub.database import Database
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work

__all__ = ["EVERY_S", "HUB", "Tick", "Ticker", "tick"]

Tick = Callable[[Work], int]
"""Does some of what is due at `work.now_ms` and counts it; called again at once as long as that is not 0."""

EVERY_S: Final = 5.0
HUB: Final = Actor("hub", "hub", "admin")
_log = logging.getLogger("tresen.hub")


def tick(connection: Connection, one: Tick, now_ms: int, ids: Ids) -> int:
    """One step in the caller's transaction."""
    work = Work(connection, now_ms, ids, HUB)
    count = one(work)
    work.finish()
    return count


class Ticker:
    """`run` is a task of the hub's. Each tick has transactions of its own; one that fails holds up no other."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        ticks: Sequence[Tick],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._ticks = ticks
        self._sleep = sleep
        self._moved = moved

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._sleep(EVERY_S)
            for one in self._ticks:
                await self._all(one)

    async def _all(self, one: Tick) -> None:
        try:
            while await self._database.run("", tick, one, self._clock.wall_ms(), self._ids):
                self._moved()
        except Exception:  # noqa: BLE001 - logged; the next time may do
            _log.exception("%s.%s failed; it is tried again", one.__module__, getattr(one, "__name__", ""))
