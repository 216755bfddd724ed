"""Wakes those who wait for news of a store's parked carts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["CartRings"]

_F = TypeVar("_F")


class CartRings:
    """One for each running node. `ring` after a commit that may have changed a store's list."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._waiting: dict[str, dict[asyncio.Event, None]] = {}
        self.closed = False

    def ring(self, store: str) -> None:
        for event in self._waiting.get(store, ()):
            event.set()

    def close(self) -> None:
        self.closed = True
        for store in list(self._waiting):
            self.ring(store)

    async def until_other(
        self, store: str, wait_s: float, look: Callable[[], Awaitable[tuple[_F, bool]]]
    ) -> _F:
        """The first look that is news (`look` says so), or the last one before the time is over."""
        event = asyncio.Event()
        self._waiting.setdefault(store, {})[event] = None
        timer = asyncio.ensure_future(self._sleep(wait_s))
        try:
            while True:
                event.clear()  # before the look, so that nothing slips between look and wait
                found, news = await look()
                if news or wait_s <= 0 or timer.done() or self.closed:
                    return found
                rung = asyncio.ensure_future(event.wait())
                try:
                    await asyncio.wait((rung, timer), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    rung.cancel()
        finally:
            timer.cancel()
            del self._waiting[store][event]
