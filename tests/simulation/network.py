"""The network between machines, in virtual time: it delays, loses, doubles, reorders, cuts off and partitions.

A machine's httpx client gets a `Line` as its transport; the other end is the real ASGI application of a node,
called on the same loop. Every fault is drawn from one seeded source and counted.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import httpx
import msgspec

from tests.simulation.virtual import VirtualLoop

__all__ = ["Answer", "Asked", "Line", "Link", "Network", "Server"]

_TIMEOUT_S: Final = 30.0
REFUSED: Final = frozenset({400, 401, 413, 503})


class Asked(msgspec.Struct, frozen=True):
    """One request as it travels."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    client: str


class Answer(msgspec.Struct, frozen=True):
    """One answer as it travels."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Server(Protocol):
    """A node as the network sees it."""

    def serve(self, asked: Asked, answered: Callable[[Answer | None], None]) -> bool:
        """Begin to work on a request; False if nobody is there. `answered(None)`: the process died over it."""
        ...


class Weather(msgspec.Struct):
    """How likely each fault of one message is, in [0, 1], and how long a message takes, in seconds."""

    lose: float = 0.0
    lose_answer: float = 0.0
    late: float = 0.0
    double: float = 0.0
    reset: float = 0.0
    hang: float = 0.0
    trickle: float = 0.0
    alter: float = 0.0
    alter_answer: float = 0.0
    invent: float = 0.0
    spike: float = 0.0
    latency: tuple[float, float] = (0.002, 0.05)


class Link(msgspec.Struct):
    """The way from one machine to one node. `lost_out`: requests vanish; `lost_in`: answers do; `slow`: factor."""

    lost_out: bool = False
    lost_in: bool = False
    refused: bool = False
    slow: float = 1.0


class Network:
    """All links. `counts` are the faults that happened."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop = loop
        self.rng = rng
        self.weather = Weather()
        self.links: dict[tuple[str, str], Link] = {}
        self.servers: dict[str, Server] = {}
        self.counts: Counter[str] = Counter()
        self.requests = 0
        self.paused: dict[str, float] = {}
        self.log: Callable[[str], None] = lambda _text: None
        self.complain: Callable[[str], None] = lambda _text: None
        self.invent: Callable[[Asked], Answer]
        self.flip: Callable[[bytes], bytes]

    def link(self, client: str, node: str) -> Link:
        return self.links.setdefault((client, node), Link())

    def line(self, client: str, node: str) -> "Line":
        return Line(self, client, node)

    async def running(self, *names: str) -> None:
        """Wait until none of these processes is paused."""
        for name in names:
            seconds = self.paused.get(name, 0.0) - self.loop.now
            if seconds > 0:
                await asyncio.sleep(seconds)
                await self.running(*names)

    def heal(self) -> None:
        """Everything works again."""
        self.weather = Weather()
        self.links.clear()
        self.paused.clear()

    def fault(self, kind: str) -> None:
        self.counts[kind] += 1

    def happens(self, kind: str, chance: float) -> bool:
        if chance and self.rng.random() < chance:
            self.counts[kind] += 1
            return True
        return False

    def travel_s(self, link: Link) -> float:
        low, high = self.weather.latency
        seconds = self.rng.uniform(low, high) * link.slow
        if self.happens("delay", self.weather.spike):
            seconds += self.rng.choice((0.5, 2.0, 8.0))
        return seconds


class Line(httpx.AsyncBaseTransport):
    """One machine's way to one node, as httpx sees it."""

    def __init__(self, network: Network, client: str, node: str) -> None:
        self._network = network
        self._client = client
        self._node = node

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        network, weather = self._network, self._network.weather
        network.requests += 1
        await network.running(self._client)
        link = network.link(self._client, self._node)
        body = await request.aread()
        asked = Asked(
            request.method,
            request.url.path,
            request.url.query,
            tuple((name.lower(), value) for name, value in request.headers.raw),
            body,
            self._client,
        )
        network.log(f"{self._client} asks {self._node} {asked.method} {asked.path} {len(body)}")
        timeouts = request.extensions.get("timeout", {})
        connect_s = timeouts.get("connect") or _TIMEOUT_S
        read_s = timeouts.get("read") or _TIMEOUT_S
        if link.refused:
            await asyncio.sleep(network.travel_s(link))
            raise httpx.ConnectError("refused")
        if link.lost_out:
            await asyncio.sleep(connect_s)
            raise httpx.ConnectTimeout("no way out")
        if network.happens("request lost", weather.lose):
            await asyncio.sleep(connect_s)
            raise httpx.ConnectTimeout("lost")
        if network.happens("request late", weather.late):
            self._deliver_later(asked, network.rng.uniform(1, 90))
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("late")
        if network.happens("invented answer", weather.invent):
            return self._response(network.invent(asked), None)
        if body and network.happens("request altered", weather.alter):
            altered = msgspec.structs.replace(asked, body=network.flip(body))
            answer = await self._exchange(altered, link, read_s)
            if answer.status not in REFUSED:
                network.complain(f"an altered {asked.method} {asked.path} was answered {answer.status}")
            return await self._bring_back(answer, link, read_s)
        answer = await self._exchange(asked, link, read_s)
        if network.happens("double", weather.double):
            again = network.rng.choice((0.0, 0.1, 5.0, 60.0))
            self._deliver_later(asked, again, only_once=answer.status == 200)
        return await self._bring_back(answer, link, read_s)

    async def _exchange(self, asked: Asked, link: Link, read_s: float) -> Answer:
        """To the node and its answer."""
        network = self._network
        await asyncio.sleep(network.travel_s(link))
        answered: asyncio.Future[Answer | None] = network.loop.create_future()

        def settle(answer: Answer | None) -> None:
            if not answered.done():
                answered.set_result(answer)

        await network.running(self._node)
        server = network.servers.get(self._node)
        if server is None or not server.serve(asked, settle):
            raise httpx.ConnectError("nobody listens")
        try:
            async with asyncio.timeout(read_s):
                answer = await answered
        except TimeoutError:
            raise httpx.ReadTimeout("no answer") from None
        if answer is None:
            raise httpx.ReadError("the node died")
        return answer

    async def _bring_back(self, answer: Answer, link: Link, read_s: float) -> httpx.Response:
        network, weather = self._network, self._network.weather
        if link.lost_in:
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("no way in")
        if network.happens("answer lost", weather.lose_answer):
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("lost")
        await asyncio.sleep(network.travel_s(link))
        await network.running(self._client, self._node)
        if answer.body and network.happens("answer altered", weather.alter_answer):
            return self._response(msgspec.structs.replace(answer, body=network.flip(answer.body)), None)
        if network.happens("reset", weather.reset):
            return self._response(answer, _broken(answer.body))
        if network.happens("half-open", weather.hang):
            return self._response(answer, _hanging(read_s))
        if network.happens("trickle", weather.trickle):
            return self._response(answer, _trickling(answer.body, read_s))
        return self._response(answer, None)

    def _response(self, answer: Answer, stream: AsyncIterator[bytes] | None) -> httpx.Response:
        if stream is None:
            return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(stream))

    def _deliver_later(self, asked: Asked, seconds: float, *, only_once: bool = False) -> None:
        """A copy of the message reaches the node when nobody waits for it; `only_once`: it must be refused."""
        network = self._network

        def look(answer: Answer | None) -> None:
            if only_once and answer is not None and answer.status not in REFUSED:
                network.complain(f"a second {asked.method} {asked.path} was answered {answer.status}")

        def deliver() -> None:
            server = network.servers.get(self._node)
            if server is not None:
                server.serve(asked, look)

        network.loop.call_later(seconds, deliver)


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


async def _broken(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise httpx.ReadError("reset after half of the answer")


async def _hanging(read_s: float) -> AsyncIterator[bytes]:
    await asyncio.sleep(read_s)
    raise httpx.ReadTimeout("half-open")
    yield b""


async def _trickling(body: bytes, read_s: float) -> AsyncIterator[bytes]:
    """Never so slow that a read times out, and never done."""
    for at in range(len(body)):
        yield body[at : at + 1]
        await asyncio.sleep(read_s * 0.9)
