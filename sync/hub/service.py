"""The hub at work: what its handlers share, and the task that lets the projections follow the facts."""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from pos.ports import Clock, Ids, Worker
from sync.hub import machines
from sync.hub.allowance import Allowance
from sync.hub.brand import Brand
from sync.hub.cart_moves import MOVES
from sync.hub.cart_rings import CartRings
from sync.hub.database import Database, transact
from sync.hub.feed import Feeds, forget_all
from sync.hub.follower import Follower
from sync.hub.key_ring import KeyRing
from sync.hub.relay import Relay
from sync.hub.rights import Intake
from sync.hub.shop.kit.facts import ShopFollower
from sync.hub.shop.kit.guests import Guests
from sync.hub.shop.kit.ticks import Ticker
from sync.hub.shop.kit.work import forget_keys
from sync.hub.shop.rooms import ROOMS, TICKS
from sync.hub.shop.webhooks.guard import PUBLIC_ONLY, Rules
from sync.hub.shop_page import ShopPage
from sync.hub.upstream import public_url as known_public_url
from sync.hub.vault import Vault, install
from sync.hub.visitors import Visitors
from sync.identity import Identity
from sync.keys import SEED_BYTES
from sync.wire import Ack, Batch, Hello, Welcome, ack_bytes

__all__ = ["LOCAL_NETWORKS", "Hub", "Network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOCAL_NETWORKS: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)
ENROLMENTS_AT_ONCE: Final = 30
ENROLMENT_EVERY_MS: Final = 2_000
_RUN_BYTES: Final = 8
_HOUSEKEEPING_S: Final = 6 * 3600.0

_log = logging.getLogger("tresen.hub")


class Hub:
    """One running node. `public_url` is where customers' phones find it, without a slash at its end.

    `key` is its own; it signs answers, acknowledgements and grants. `name` stands in acknowledgements. With
    `upstream`, who this machine is to its hub, it is a relay; `transport` stands in for the network then.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        *,
        public_url: str,
        name: str = "hub",
        office_networks: Sequence[Network] = LOCAL_NETWORKS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        upstream: Identity | None = None,
        transport: Callable[[], Any] | None = None,
        channels: bool = True,
        webhook_rules: Rules = PUBLIC_ONLY,
        vault: Vault | None = None,
        renderer: Worker | None = None,
        brand: Brand | None = None,
        shop_page: ShopPage | None = None,
    ) -> None:
        self.database = database
        if vault is not None:
            install(database.engine, vault)
        self.clock = clock
        self.ids = ids
        self.public_url = public_url.rstrip("/")
        self.office_networks = tuple(office_networks)
        self.name = upstream.machine if upstream else name
        if upstream:
            self.key = upstream.key
            self.public_url = transact(database.engine, known_public_url, upstream.store) or self.public_url
        else:
            self.key = transact(database.engine, machines.node_key, ids.token(SEED_BYTES), clock.wall_ms())
        self.key_ring = KeyRing(database, clock)
        self.intake = Intake(self.name, machines.Rights(clock.wall_ms), relay=upstream is not None)
        self.enrolments = Allowance(clock, ENROLMENTS_AT_ONCE, ENROLMENT_EVERY_MS)
        # Stands in for the key of a store that does not exist, so that both take the same time.
        self.no_key = ids.token(32)
        self.run = ids.token(_RUN_BYTES).hex()
        self.feeds = Feeds(database, clock, mirror=upstream is not None, run=self.run, sleep=sleep)
        self._sleep = sleep
        self.relay = self._relay(upstream, transport) if upstream else None
        if self.relay is not None:
            self.feeds.above = self.relay.look_above
            self.feeds.hub_away = lambda: self.relay is not None and self.relay.hub_away
        database.on_changes = self.feeds.ring
        self.cart_rings = CartRings(sleep)
        self.follower = Follower(database, clock)
        self.guests = Guests(clock)
        self.visitors = Visitors(clock)
        self.renderer = renderer
        self.brand = brand
        self.shop_page = shop_page
        self.shop = ShopFollower(database, clock, ids, ROOMS) if channels and not upstream else None
        self.webhook_rules = webhook_rules
        self._on_shop: list[Callable[[], None]] = []
        self._also: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []
        if self.shop is not None:
            self.shop.moved = self.shop_moved
            self.ticker = Ticker(database, clock, ids, TICKS, sleep=sleep, moved=self.shop_moved)

    def _relay(self, upstream: Identity, transport: Callable[[], Any] | None) -> Relay:
        def told_url(url: str) -> None:
            self.public_url = url

        return Relay(
            self.database, self.clock, self.ids, upstream,
            told_url=told_url, keys_changed=self.key_ring.forget, sleep=self._sleep, transport=transport,
        )  # fmt: skip

    def admits(self, address: str) -> bool:
        """Whether a client may use the office's part of the API: by where it is."""
        try:
            client = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
            client = client.ipv4_mapped
        return any(client in network for network in self.office_networks)

    def signed(self, ack: Ack) -> Ack:
        """The acknowledgement, worth something by itself."""
        ack = msgspec.structs.replace(ack, key_id=self.key.key_id)
        return msgspec.structs.replace(ack, signature=self.key.sign(ack_bytes(ack)))

    def welcome(self, message: Hello, welcome: Welcome) -> Welcome:
        """As it goes out: what a hub holds is signed; a relay says if the hub keeps the till's facts aside."""
        welcome = msgspec.structs.replace(welcome, run=self.run)
        if self.relay is not None:
            welcome = msgspec.structs.replace(welcome, hub_away=self.relay.hub_away)
            forked = welcome.standing == "ok" and self.relay.is_forked(message.till, message.epoch)
            return msgspec.structs.replace(welcome, standing="fork") if forked else welcome
        if not welcome.acked_epoch:
            return welcome
        ack = Ack(
            welcome.acked_epoch, welcome.acked_seq, welcome.acked_hash, welcome.hub_time_ms, self.name,
            message.store, message.till,
        )  # fmt: skip
        return msgspec.structs.replace(welcome, upstream=self.signed(ack))

    def facts_arrived(self, batch: Batch) -> None:
        """These facts are durable: the projections have something to follow, and a relay something to pass on."""
        self.follower.arrived(batch)
        if self.shop is not None:
            self.shop.wake()
        if any(fact.kind in MOVES for fact in batch.facts):
            self.cart_rings.ring(batch.store)
        if self.relay is not None:
            self.relay.kick()

    def also(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One more task that runs as long as the hub does, until it is cancelled."""
        self._also.append((name, run))

    def on_shop(self, heard: Callable[[], None]) -> None:
        """`heard` is called on the loop when something in the shop's tables may have changed."""
        self._on_shop.append(heard)

    def shop_moved(self) -> None:
        for heard in self._on_shop:
            heard()

    async def keep_house(self) -> None:
        """Four times a day, drop what nobody needs. Ends only when cancelled."""
        while True:
            await self._sleep(_HOUSEKEEPING_S)
            try:
                await forget_all(self.database, self.clock.wall_ms())
                await self.database.run("", forget_keys, self.clock.wall_ms())
            except Exception:  # noqa: BLE001 - logged; the next time may do
                _log.exception("old changes could not be dropped")

    def let_go(self) -> None:
        """Answer whoever waits for news: the hub is about to end."""
        self.feeds.close()
        self.cart_rings.close()

    @asynccontextmanager
    async def running(self, _app: Any = None) -> AsyncIterator[None]:
        """The hub's own tasks, around the server's life."""
        tasks = [
            asyncio.create_task(self.follower.run(), name="hub-projections"),
            asyncio.create_task(self.keep_house(), name="hub-housekeeping"),
        ]
        if self.shop is not None:
            tasks.append(asyncio.create_task(self.shop.run(), name="hub-shop"))
            tasks.append(asyncio.create_task(self.ticker.run(), name="hub-shop-clock"))
        if self.relay is not None:
            tasks.append(asyncio.create_task(self.relay.run(), name="relay"))
        tasks += [asyncio.create_task(run(), name=name) for name, run in self._also]
        try:
            yield
        finally:
            self.let_go()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
