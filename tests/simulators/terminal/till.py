"""A till that says what a test tells it to say, and hears everything: bytes only, no driver."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from tests.simulators.terminal.links import SerialLink, TcpLink
from tests.simulators.terminal.pipe import Pipe
from tests.simulators.terminal.terminal import Terminal
from tests.simulators.terminal.wire import split_apdu

__all__ = ["REGISTER", "ScriptedTill", "connected"]

REGISTER = "060010000000BE09780301060626040A0206D3"
ACK = bytes.fromhex("800000")
_ENDS = ("060F", "061E")


class ScriptedTill:
    """`heard` is every message of the terminal, in hex. It acknowledges all but what `answers` gives another answer for."""

    def __init__(self, end: Any, *, serial: bool = False) -> None:
        link = SerialLink if serial else TcpLink
        self.link = link(end.reader, end.writer)
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.link.on_message = self.inbox.put_nowait
        self.link.start(contextvars.copy_context())
        self.heard: list[str] = []
        self.answers: dict[str, str] = {}
        self.on_message: Callable[[str], None] = lambda _: None

    async def send(self, message: str) -> None:
        await self.link.send(bytes.fromhex(message))

    async def next(self, seconds: float = 200) -> bytes | None:
        """The next message; None when the line ended. Raises TimeoutError."""
        message = await asyncio.wait_for(self.inbox.get(), seconds)
        if message is not None:
            self.heard.append(message.hex().upper())
            self.on_message(self.heard[-1])
        return message

    async def run(self, command: str, *, seconds: float = 400) -> list[str]:
        """A command to its end: what the terminal said, in hex. An answer "" is none at all."""
        begin = len(self.heard)
        await self.send(command)
        while (message := await self.next(seconds)) is not None:
            found = split_apdu(message)
            assert found is not None
            control = found[0].hex().upper()
            if control[:2] == "84" or (control == "8000" and command[:4] in ("0602", "06B0")):
                break
            if control == "8000":
                continue
            answer = self.answers.get(control, "800000")
            if answer:
                await self.send(answer)
            if control in _ENDS:
                break
        return self.heard[begin:]


def connected(terminal: Terminal, *, serial: bool = False) -> tuple[Pipe, ScriptedTill]:
    """A new line between a till and the terminal."""
    pipe = Pipe()
    link = SerialLink if serial else TcpLink
    terminal.attach(link(pipe.terminal.reader, pipe.terminal.writer))
    return pipe, ScriptedTill(pipe.till, serial=serial)
