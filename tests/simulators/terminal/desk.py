"""Somebody at the terminal: by keys, by words over a control port, or nobody, and then all goes well after a while."""

import asyncio
import contextlib
from pathlib import Path
from typing import Literal

import msgspec

from tests.simulators.terminal.bank import Bank
from tests.simulators.terminal.customer import Customer, Timing
from tests.simulators.terminal.faults import FAULTS
from tests.simulators.terminal.memory import Memory
from tests.simulators.terminal.server import PtyPort, TcpPort
from tests.simulators.terminal.terminal import Terminal

__all__ = ["WORDS", "ControlServer", "Desk", "Look", "Person", "Saved", "load", "save"]

WORDS = {
    "a": ("approve", "the card is in, the bank says yes"),
    "d": ("decline", "the card is in, the bank says no"),
    "s": ("stop", "the customer presses the red key"),
    "m": ("manual", "wait for a key, or let all go well after a while"),
    "h": ("hang", "say nothing more, or go on"),
    "u": ("plug", "pull the cable out, or plug it in"),
    "p": ("power", "pull the plug, or power again"),
    "f": ("forget", "power off, and the memory is empty"),
}
"""Keys: the word, and what it does."""


class Person(Customer):
    """A customer whose card waits for a word where `manual` is set."""

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing)
        self.manual = False
        self.word = ""
        self._said = asyncio.Event()

    def say(self, word: str) -> None:
        self.word = word
        self._said.set()

    async def card_given(self, minor: int) -> Literal["card", "stop"]:
        self.word = ""
        self._said.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._said.wait(), None if self.manual else self.timing.card_s)
        return "stop" if self.word == "stop" else "card"

    async def answer(self, minor: int) -> int:
        await asyncio.sleep(self.timing.host_s)
        return 5 if self.word == "decline" else self.says


class Look(msgspec.Struct):
    """What one sees of the terminal. `said` are the newest messages, `charged` what stands on the cards.

    `words`: how many were done so far; a higher number than before says that one's own was.
    """

    screen: str
    busy: str
    connected: bool
    on: bool
    hanging: bool
    manual: bool
    charged: int
    count: int
    last: str
    said: list[str]
    violations: list[str]
    words: int


class Saved(msgspec.Struct):
    bank: Bank
    memory: Memory


def load(path: Path | None) -> Saved:
    if path is not None and path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Saved)
    return Saved(Bank(), Memory())


def save(path: Path, terminal: Terminal) -> None:
    data = msgspec.json.encode(Saved(terminal.bank, terminal.memory))
    if not path.exists() or path.read_bytes() != data:
        beside = path.with_suffix(".new")
        beside.write_bytes(data)
        beside.replace(path)


class Desk:
    """The terminal, its port, and who stands there. `plugged`: the cable to the till is in."""

    def __init__(self, port: TcpPort | PtyPort, person: Person) -> None:
        self.port = port
        self.terminal = port.terminal
        self.person = person
        self.plugged = False
        self.hanging = False
        self.words = 0

    async def start(self) -> None:
        self.terminal.start()
        await self.plug()

    async def plug(self) -> None:
        if not self.plugged:
            await self.port.plug()
            self.plugged = True

    async def do(self, word: str) -> None:
        """One of WORDS. Unknown words do nothing."""
        if word in ("approve", "decline", "stop"):
            self.person.say(word)
        elif word == "manual":
            self.person.manual = not self.person.manual
        elif word == "hang":
            self.hanging = not self.hanging
            if self.terminal.link is not None:
                self.terminal.link.dead = self.hanging
        elif word == "plug" and self.plugged:
            await self.port.unplug()
            self.plugged = False
        elif word == "plug" and self.terminal.on:
            await self.plug()
        elif word in ("power", "forget"):
            await self._power(forget=word == "forget")
        self.words += 1

    async def _power(self, *, forget: bool) -> None:
        if self.terminal.on:
            self.terminal.stop(forget=forget)
            if self.plugged:
                await self.port.unplug()
                self.plugged = False
        else:
            self.hanging = False
            self.terminal.start()
            await self.plug()

    def look(self) -> Look:
        terminal = self.terminal
        last = terminal.memory.last
        link = terminal.link
        if self.hanging and link is not None:
            link.dead = True  # also one that came since
        return Look(
            screen=terminal.screen or ("Bitte warten" if terminal.reversing else "Bereit"),
            busy=terminal.busy,
            connected=link is not None and not link.lost,
            on=terminal.on,
            hanging=self.hanging,
            manual=self.person.manual,
            charged=terminal.bank.net_minor,
            count=len(terminal.bank.standing),
            last=""
            if last is None
            else f"{last.kind} {last.minor} receipt {last.receipt:04d} code {last.code:02X}",
            said=[f"{way} {message[:48]}" for way, message in terminal.transcript[-6:]],
            violations=terminal.violations[-3:],
            words=self.words,
        )


class ControlServer:
    """Words in, one a line; after each, and whenever something changed, a Look as JSON out."""

    def __init__(self, desk: Desk, port: int) -> None:
        self._desk = desk
        self.port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        telling = asyncio.ensure_future(self._tell(writer))
        try:
            while line := await reader.readline():
                await self._desk.do(line.decode("utf-8", "replace").strip())
                writer.write(msgspec.json.encode(self._desk.look()) + b"\n")
        except OSError:
            pass
        finally:
            telling.cancel()
            writer.close()

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        told = b""
        with contextlib.suppress(OSError):
            while True:
                look = msgspec.json.encode(self._desk.look())
                if look != told:
                    told = look
                    writer.write(look + b"\n")
                    await writer.drain()
                await asyncio.sleep(0.1)


FAULT_TEXT = "\n".join(f"  ,{cents:02d}  {text}" for cents, (_, text) in sorted(FAULTS.items()))
