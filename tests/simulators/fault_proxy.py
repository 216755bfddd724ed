"""A line that fails on purpose: a TCP proxy between real processes, whose faults follow from a seed.

How the line is stands in a `Weather`, which may change at any moment, from a test, over the control port, or by
a plan drawn from a seed. What befalls the n-th connection, and when, follows from seed and n alone.

    python -m tests.simulators.fault_proxy --to 127.0.0.1:8080 --seed 7 --plan --control 0

prints where it listens; the control port takes one JSON object a line: {"weather": {"partition": "both"}},
{"follow": 7} or {}, and answers each with the weather and the faults so far.
"""

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any, Literal, TypeVar

import msgspec

__all__ = ["FATES", "Fate", "FaultProxy", "Weather", "plan", "running_proxy"]

_T = TypeVar("_T")

Fate = Literal["reset", "answer_lost", "half_open", "black_hole", "slow"]
FATES: tuple[Fate, ...] = ("reset", "answer_lost", "half_open", "black_hole", "slow")

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST
_CHUNK = 16_384
_SLOW_S = 0.002


class Weather(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the line is. Chances are per connection, 0 to 1; the first that strikes in the order of FATES is taken.

    - `latency_ms`, `jitter_ms`, `bytes_per_s`: each way, on every connection; 0 bytes/s is no limit.
    - `refuse`: nothing listens. `partition`: nothing gets "in" (to the till), "out" (of it), or "both"; the bytes
      wait, as TCP's would, and come when it heals. New connections open and stay silent.
    - `reset`: both ends get RST after some bytes. `answer_lost`: the server's whole answer is swallowed, then RST.
      `half_open`: what is asked arrives, and no answer ever returns. `black_hole`: nothing arrives anywhere.
      `slow`: one byte at a time.
    - `after`: from how many answers to how many pass before a fate strikes. `only`: it strikes only at a request
      that begins with this ("POST").
    """

    latency_ms: int = 0
    jitter_ms: int = 0
    bytes_per_s: int = 0
    refuse: bool = False
    partition: Literal["", "in", "out", "both"] = ""
    reset: float = 0.0
    answer_lost: float = 0.0
    half_open: float = 0.0
    black_hole: float = 0.0
    slow: float = 0.0
    after: tuple[int, int] = (0, 4)
    only: str = ""


def plan(seed: int) -> Iterator[tuple[float, Weather]]:
    """Spells of weather without end, (seconds, weather): about a third calm, the rest each kind of fault."""
    chance = random.Random(f"plan:{seed}")
    while True:
        calm = chance.random() < 0.35
        kind = chance.choice(("line", "refuse", "partition", *FATES))
        seconds = chance.uniform(0.1, 1.0)
        if calm:
            yield seconds, Weather()
        elif kind == "line":
            yield seconds, Weather(latency_ms=chance.randint(1, 80), jitter_ms=chance.randint(0, 80))
        elif kind == "refuse":
            yield seconds, Weather(refuse=True)
        elif kind == "partition":
            yield seconds, Weather(partition=chance.choice(("in", "out", "both")))
        else:
            yield seconds, msgspec.structs.replace(Weather(), **{kind: chance.uniform(0.3, 1.0)})


class _Line:
    """One connection: who is at its ends, and what will befall it."""

    def __init__(self, chance: random.Random, weather: Weather) -> None:
        self.chance = chance
        self.fate: Fate | None = next(
            (fate for fate in FATES if chance.random() < getattr(weather, fate)), None
        )
        self.passes = chance.randint(*weather.after)
        self.bytes_left = chance.randint(0, 4_000)
        self.only = weather.only.encode()
        self.answers = 0
        self.asking = False
        self.struck = False
        self.writers: list[asyncio.StreamWriter] = []

    def asked(self, data: bytes) -> None:
        """Bytes of the till: the first after an answer begin a request."""
        if not self.asking:
            self.asking = True
            self.struck = self.struck or (self.answers >= self.passes and data.startswith(self.only))

    def answered(self) -> None:
        if self.asking:
            self.asking = False
            self.answers += 1


class FaultProxy:
    """Listens on a free port of this machine and passes bytes to `target`. All methods belong to its loop."""

    def __init__(self, target: tuple[str, int], seed: int = 0, weather: Weather | None = None) -> None:
        self.target = target
        self.counts: Counter[str] = Counter()
        self._seed = seed
        self._weather = weather or Weather()
        self._changed = asyncio.Event()
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        # Bound but not listening: the port stays ours while nothing listens on it.
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]

    @property
    def weather(self) -> Weather:
        return self._weather

    async def start(self) -> None:
        if not self._weather.refuse:
            await self._listen()

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop_listening()
        self._place.close()

    async def set(self, weather: Weather) -> None:
        """From now on, for lines that stand too; their fates stay as they were drawn."""
        before, self._weather = self._weather, weather
        self._changed.set()
        self._changed = asyncio.Event()
        if weather.refuse and not before.refuse:
            self.counts["refuse"] += 1
            await self._stop_listening()
            self.cut()
        elif before.refuse and not weather.refuse:
            await self._listen()
        if weather.partition and weather.partition != before.partition:
            self.counts["partition"] += 1

    async def follow(self, seed: int) -> None:
        """Change the weather by the plan of this seed, until cancelled; then it is calm."""
        try:
            for seconds, weather in plan(seed):
                await self.set(weather)
                await asyncio.sleep(seconds)
        finally:
            await self.set(Weather())

    def cut(self) -> None:
        """RST on every line that stands."""
        for line in tuple(self._lines):
            _reset(line)

    async def _listen(self) -> None:
        listener = _bound(self.port)
        listener.listen(128)
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.counts["connections"] += 1
        line = _Line(random.Random(f"{self._seed}:{self.counts['connections']}"), self._weather)
        line.writers.append(writer)
        self._lines.add(line)
        try:
            await self._connected(line, reader, writer)
        except* (OSError, asyncio.CancelledError):
            _reset(line)
        finally:
            self._lines.discard(line)
            self._tasks.discard(task)
            for end in line.writers:
                end.close()

    async def _connected(
        self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if line.fate == "black_hole" and not line.only:
            self.counts["black_hole"] += 1
            while await reader.read(_CHUNK):
                pass
            return
        await self._passable("out")
        try:
            from_server, to_server = await asyncio.open_connection(*self.target)
        except OSError:
            self.counts["target away"] += 1
            raise
        line.writers.append(to_server)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._out(line, reader, to_server))
            both.create_task(self._in(line, from_server, writer))

    async def _out(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the till to the server."""
        while data := await reader.read(_CHUNK):
            await self._passable("out")
            line.asked(data)
            if line.struck and line.fate == "reset":
                if len(data) > line.bytes_left:
                    await self._push(line, writer, data[: line.bytes_left])
                    await self._strike(line)
                line.bytes_left -= len(data)
            if line.struck and line.fate == "black_hole":
                self._count_once(line)
                continue
            await self._push(line, writer, data)
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _in(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the server to the till. The server's end of the line is the till's."""
        while data := await reader.read(_CHUNK):
            await self._passable("in")
            if line.struck and line.fate == "answer_lost":
                await self._strike(line)
            if line.struck and line.fate == "half_open":
                self._count_once(line)
                continue
            line.answered()
            await self._push(line, writer, data)
        if not (line.struck and line.fate == "half_open"):
            writer.close()

    async def _push(self, line: _Line, writer: asyncio.StreamWriter, data: bytes) -> None:
        weather = self._weather
        if weather.latency_ms or weather.jitter_ms:
            self.counts["delayed"] += 1
            await asyncio.sleep((weather.latency_ms + line.chance.random() * weather.jitter_ms) / 1000)
        if weather.bytes_per_s:
            await asyncio.sleep(len(data) / weather.bytes_per_s)
        if line.struck and line.fate == "slow":
            self._count_once(line)
            for byte in data:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(_SLOW_S)
            return
        writer.write(data)
        await writer.drain()

    async def _passable(self, way: str) -> None:
        while self._weather.partition in {way, "both"}:
            await self._changed.wait()

    async def _strike(self, line: _Line) -> None:
        assert line.fate is not None
        self.counts[line.fate] += 1
        _reset(line)
        raise ConnectionResetError(line.fate)

    def _count_once(self, line: _Line) -> None:
        assert line.fate is not None
        if line.bytes_left >= 0:
            line.bytes_left = -1
            self.counts[line.fate] += 1


def _bound(port: int) -> socket.socket:
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    place.bind(("127.0.0.1", port))
    return place


def _reset(line: _Line) -> None:
    for writer in line.writers:
        sock = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("http://").partition(":")
    return host, int(port)


class ProxyThread:
    """A FaultProxy on a thread of its own, for tests that do not run in a loop."""

    def __init__(self, target: tuple[str, int], seed: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self._following: asyncio.Task[None] | None = None
        self._proxy = self._run(self._make(target, seed))
        self.url = f"http://127.0.0.1:{self._proxy.port}"

    @property
    def counts(self) -> dict[str, int]:
        return dict(self._proxy.counts)

    @property
    def faults(self) -> int:
        """All that went wrong so far; a connection is none."""
        return sum(count for what, count in self._proxy.counts.items() if what != "connections")

    def set(self, weather: Weather) -> None:
        self._run(self._set(weather))

    def follow(self, seed: int) -> None:
        self._run(self._follow(seed))

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._proxy.cut)

    def aim(self, target: str) -> None:
        """From now on new connections go to this server (http://host:port)."""
        self._proxy.target = _place(target)

    def stop(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _make(self, target: tuple[str, int], seed: int) -> FaultProxy:
        proxy = FaultProxy(target, seed)
        await proxy.start()
        return proxy

    async def _set(self, weather: Weather) -> None:
        await self._unfollow()
        await self._proxy.set(weather)

    async def _follow(self, seed: int) -> None:
        await self._unfollow()
        self._following = asyncio.create_task(self._proxy.follow(seed))

    async def _unfollow(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None

    async def _end(self) -> None:
        await self._unfollow()
        await self._proxy.stop()


@contextlib.contextmanager
def running_proxy(target: str, seed: int = 0) -> Iterator[ProxyThread]:
    """A proxy before `target` (http://host:port)."""
    proxy = ProxyThread(_place(target), seed)
    try:
        yield proxy
    finally:
        proxy.stop()


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the control port."""

    weather: Weather | None = None
    follow: int | None = None


async def _control(proxy: FaultProxy, port: int) -> asyncio.Server:
    following: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await reader.readline():
            try:
                order = msgspec.json.decode(raw, type=_Order)
            except msgspec.DecodeError as error:
                writer.write(msgspec.json.encode({"error": str(error)}) + b"\n")
                continue
            if order.weather is not None or order.follow is not None:
                for task in tuple(following):
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)
            if order.weather is not None:
                await proxy.set(order.weather)
            if order.follow is not None:
                task = asyncio.create_task(proxy.follow(order.follow))
                following.add(task)
                task.add_done_callback(following.discard)
            writer.write(msgspec.json.encode({"weather": proxy.weather, "counts": proxy.counts}) + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)


async def _main(wanted: argparse.Namespace) -> None:
    proxy = FaultProxy(_place(wanted.to), wanted.seed)
    await proxy.start()
    said = {"port": proxy.port}
    if wanted.control is not None:
        control = await _control(proxy, wanted.control)
        said["control"] = control.sockets[0].getsockname()[1]
    print(msgspec.json.encode(said).decode(), flush=True)
    if wanted.plan:
        await proxy.follow(wanted.seed)
    await asyncio.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plan", action="store_true", help="change the weather as the seed says")
    parser.add_argument("--control", type=int, metavar="PORT", help="listen for orders; 0: any free port")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
