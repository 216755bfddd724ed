"""The hub at work: what its handlers share, and the task that lets the projections follow the facts."""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from pos.ports import Clock, Ids
from sync.hub import projector
from sync.hub.database import Database
from sync.hub.feed import Feeds, forget_all

__all__ = ["LOCAL_NETWORKS", "Hub", "Network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL_NETWORKS: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)
_LOOK_S: Final = 60.0
_AFTER_FAULT_S: Final = 1.0
_HOUSEKEEPING_S: Final = 6 * 3600.0

_log = logging.getLogger("tresen.hub")


class Hub:
    """One running hub. `public_url` is where customers' phones find it, without a slash at its end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        *,
        public_url: str,
        till_networks: Sequence[Network] = LOCAL_NETWORKS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.database = database
        self.clock = clock
        self.ids = ids
        self.public_url = public_url.rstrip("/")
        self.till_networks = tuple(till_networks)
        # Stands in for the key of a store that does not exist, so that both take the same time.
        self.no_key = ids.token(32)
        self.feeds = Feeds(database, clock, sleep=sleep)
        database.on_changes = self.feeds.ring
        self._sleep = sleep
        self._wake = asyncio.Event()

    def admits(self, address: str) -> bool:
        """Whether a client may use the tills' API (until tills are enrolled: by where it is)."""
        try:
            client = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
            client = client.ipv4_mapped
        return any(client in network for network in self.till_networks)

    def facts_arrived(self) -> None:
        """The projections have something to follow."""
        self._wake.set()

    async def follow(self) -> None:
        """Project whatever lags, now and whenever facts arrive. Ends only when cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._catch_up()
            except Exception:  # noqa: BLE001 - logged; the projections must not end
                _log.exception("the projections stopped; they go on in a moment")
                await asyncio.sleep(_AFTER_FAULT_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):  # wait_for may swallow a cancellation (Python 3.11)
                    await self._wake.wait()

    async def keep_house(self) -> None:
        """Four times a day, drop what nobody needs. Ends only when cancelled."""
        while True:
            await self._sleep(_HOUSEKEEPING_S)
            try:
                await forget_all(self.database, self.clock.wall_ms())
            except Exception:  # noqa: BLE001 - logged; the next time may do
                _log.exception("old changes could not be dropped")

    @asynccontextmanager
    async def running(self, _app: Any = None) -> AsyncIterator[None]:
        """The hub's own tasks, around the server's life."""
        tasks = (
            asyncio.create_task(self.follow(), name="hub-projections"),
            asyncio.create_task(self.keep_house(), name="hub-housekeeping"),
        )
        try:
            yield
        finally:
            self.feeds.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _catch_up(self) -> None:
        for store, till, epoch in await self.database.read("", projector.lagging):
            key = f"{store}/{till}"
            while await self.database.run(key, projector.follow, store, till, epoch, self.clock.wall_ms()):
                pass
