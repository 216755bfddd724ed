"""A relay between tills and a hub inside a test: two real applications, and a network that can be cut."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from sqlalchemy.engine import Engine

from sync.hub import changes, machine_feed, stored
from sync.hub.changes import Cursor
from sync.hub.database import transact
from sync.hub.relay import LOOK_S, WAIT_S
from sync.keys import SigningKey
from sync.wire import Ack, Batch, Changes, Welcome
from tests.contract.hub_kit import NOW_MS, Till, key_for, sealed_by
from tests.contract.hub_rig import Rig, say_hello, send

STORE = "demo"
RELAY = "relay-1"
_stamps = (f"{n:08x}" for n in itertools.count(1))


async def nap(seconds: float) -> None:
    """Pauses of the line are short here; what waits for something to do waits for that alone."""
    await asyncio.sleep(3600 if seconds in {LOOK_S, WAIT_S} else 0.002)


class Network(httpx.AsyncBaseTransport):
    """What lies between relay and hub."""

    def __init__(self, inner: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self.inner = inner
        self.up = True
        self.lose_answers = 0
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("the line is cut")
        self.asked.append((request.method, request.url.path))
        response = await self.inner().handle_async_request(request)
        if self.lose_answers and request.method == "POST":
            self.lose_answers -= 1
            raise httpx.ReadError("the answer was lost")
        if not self.up:
            raise httpx.ReadError("the line was cut")
        return response


class RelayRig(Rig):
    """A relay of the store "demo" below a hub. Its machines are those that the hub knows."""

    def __init__(self, url: str, above: Rig, name: str = RELAY) -> None:
        self.above = above
        self.network = Network(above.transport)
        super().__init__(
            url,
            name,
            upstream=above.identity(STORE, name, "relay"),
            transport=lambda: self.network,
            public_url="http://relay",
            sleep=nap,
        )

    def enrolled(self, store: str = STORE, machine: str = "1", role: str = "till") -> SigningKey:
        return key_for(store, machine)


class Shop:
    """A hub, its relay, and what tests ask of both."""

    def __init__(self, hub: Rig, relay: RelayRig) -> None:
        self.hub = hub
        self.relay = relay

    async def join(self, *tills: str) -> None:
        """Tills that the hub knows, once the relay knows them too."""
        for till in tills:
            self.hub.enrolled(STORE, till)
            self.publish(till)
        keys = [f"{till}/{key_for(STORE, till).key_id}" for till in tills]
        await until(lambda: set(keys) <= {change.key for change in self.held("store:demo").changes})

    def publish(self, machine: str) -> None:
        transact(self.hub.engine, machine_feed.publish, STORE, machine, next(_stamps), NOW_MS)
        self.hub.hub.feeds.ring({"store:demo"})

    def append(self, scope: str, *keys: str) -> None:
        """Changes at the hub."""
        rows: list[tuple[str, str | None]] = [(key, f'{{"sku": "{key}"}}') for key in keys]
        transact(self.hub.engine, changes.append, scope, "article", rows, next(_stamps), NOW_MS)
        self.hub.hub.feeds.ring({scope})

    def held(self, scope: str, cursor: Cursor | None = None, rig: Rig | None = None) -> Changes:
        """What a node has of a scope; the relay, if none is named."""
        with (rig or self.relay).engine.connect() as connection:
            (answer,) = changes.read_changes(connection, [cursor or Cursor(scope)], 5000)
        return answer

    async def hand_in(self, batch: Batch, rig: Rig | None = None) -> httpx.Response:
        """A batch as its till sends it, to the relay if no other node is named."""
        async with (rig or self.relay).asking_from() as line:
            return await send(line, batch)

    async def ack(self, batch: Batch, rig: Rig | None = None) -> Ack:
        answer = await self.hand_in(batch, rig)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Ack)

    async def hello(self, till: str, rig: Rig | None = None, **fields: Any) -> Welcome:
        async with (rig or self.relay).asking_from() as line:
            return await say_hello(line, STORE, till, **fields)

    async def until_passed_on(self, *tills: Till) -> None:
        """Until the hub holds every fact of these tills, byte by byte."""
        await until(lambda: all(facts_at(self.hub, till) == till.facts for till in tills))


def facts_at(rig: Rig, till: Till) -> list[Any]:
    with rig.engine.connect() as connection:
        return [
            fact
            for epoch, _, _ in stored.heads_of(connection, till.store, till.till)
            for fact in stored.read_facts(
                connection, till.store, till.till, epoch=epoch, after_seq=0, limit=10_000
            )
        ]


def batches(till: Till, size: int = 50) -> list[Batch]:
    """All of a till's facts in sealed batches that end with each epoch."""
    found: list[Batch] = []
    start = 1
    for place, fact in enumerate(till.facts, 1):
        last = place == len(till.facts) or till.facts[place].epoch != fact.epoch
        if last or place - start + 1 == size:
            found.append(sealed_by(till.batch(start, place)))
            start = place + 1
    return found


def rows_of(engine: Engine, query: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(query))


async def until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - the other side is a database
            await asyncio.sleep(0.005)


@asynccontextmanager
async def shop(hub_url: str, relay_url: str) -> AsyncIterator[Shop]:
    """Hub and relay, both at work."""
    hub = Rig(hub_url)
    relay = RelayRig(relay_url, hub)
    try:
        async with hub.hub.running(), relay.hub.running():
            yield Shop(hub, relay)
    finally:
        relay.close()
        hub.close()
