"""A receiver of webhooks on a real socket that does what it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec


class Received(msgspec.Struct, frozen=True):
    """A request, its header names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return msgspec.json.decode(self.body)


class Receiver:
    """Answers by `script`, one step a request, then 200: a status, "hang", "cut", "drip", "redirect", "wait" (429)."""

    def __init__(self) -> None:
        self.script: list[int | str] = []
        self.got: list[Received] = []
        self.port = 0
        self.now = 0
        self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.now -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.got.append(Received(head[0].split()[1], headers, body))
        step = self.script.pop(0) if self.script else 200
        if step == "cut":
            return
        if step == "hang":
            await reader.read()
            return
        if step == "drip":
            for byte in b"HTTP/1.1 200 OK\r\n" * 100:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.01)
            return
        extra = ""
        if step == "redirect":
            step, extra = 302, f"Location: http://127.0.0.1:{self.port}/other\r\n"
        if step == "wait":
            step, extra = 429, "Retry-After: 600\r\n"
        # A body without end: whoever reads it all never comes back.
        writer.write(f"HTTP/1.1 {step} X\r\n{extra}Content-Length: 999999999\r\n\r\nsecret".encode())
        await writer.drain()
        await reader.read()


@asynccontextmanager
async def receiving(tls: tuple[str, str] | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
