"""Lets the projections follow: at once what has just been stored, and from time to time whatever lags."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError

from pos.facts import StoredFact
from pos.ports import Clock
from sync.hub import projector
from sync.hub.database import Database
from sync.wire import Batch

__all__ = ["Follower"]

_LOOK_S: Final = 60.0
_AFTER_FAULT_S: Final = 1.0
# Facts that wait in memory for their projection, of one epoch and in all; what is more is read again.
_FRESH_MAX: Final = 2_000
_WAITING_MAX: Final = 20_000

_log = logging.getLogger("tresen.hub")

Key = tuple[str, str, int]


class Follower:
    """`run` is a task of the hub's. `arrived` is called on its loop, for facts that are durable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._wake = asyncio.Event()
        self._fresh: dict[Key, list[StoredFact]] = {}
        self._waiting = 0

    def arrived(self, batch: Batch) -> None:
        """These facts are stored, all of them."""
        fresh = self._fresh.setdefault((batch.store, batch.till, batch.epoch), [])
        fits = len(fresh) < _FRESH_MAX and self._waiting < _WAITING_MAX
        if fits and (not fresh or fresh[-1].seq + 1 == batch.facts[0].seq):
            fresh += batch.facts
            self._waiting += len(batch.facts)
        self._wake.set()

    async def run(self) -> None:
        """Follow until cancelled; survives everything else."""
        while True:
            try:
                await self._follow_lagging()
                while await self._woken():
                    await self._follow_fresh()
            except Exception:  # noqa: BLE001 - logged; the projections must not end
                _log.exception("the projections stopped; they go on in a moment")
                await asyncio.sleep(_AFTER_FAULT_S)

    async def _woken(self) -> bool:
        """Wait for facts; False when it is time to look for whatever was missed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):  # wait_for may swallow a cancellation (Python 3.11)
                await self._wake.wait()
        woken = self._wake.is_set()
        self._wake.clear()
        return woken

    async def _follow_fresh(self) -> None:
        while self._fresh:
            key, fresh = next(iter(self._fresh.items()))
            del self._fresh[key]
            self._waiting -= len(fresh)
            await self._follow(key, fresh)

    async def _follow_lagging(self) -> None:
        for key in await self._database.read("", projector.lagging):
            await self._follow(key, [])

    async def _follow(self, key: Key, fresh: list[StoredFact]) -> None:
        while await self._step(key, fresh):
            pass

    async def _step(self, key: Key, fresh: list[StoredFact]) -> bool:
        store, till, epoch = key
        lane = f"{store}/{till}"
        now_ms = self._clock.wall_ms()
        follow = projector.follow
        try:
            return await self._database.derive(lane, follow, store, till, epoch, now_ms, fresh=fresh)
        except (DataError, IntegrityError):
            return await self._database.derive(lane, follow, store, till, epoch, now_ms, careful=True)
