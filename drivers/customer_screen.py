"""The page on the customer's screen: a small HTTP server of the till that pushes the newest picture to whoever looks.

It answers GET and nothing else, sets no cookie, writes no log of who looks. Whoever reads too slowly, asks too much
or makes no sense is let go; the till gives pictures away and waits for nobody.
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from drivers.supervisor import DeviceFaultError, Health, Supervisor
from pos.ports import Clock, Submit

__all__ = ["BEAT_S", "CustomerScreen", "ScreenAddressError", "read_screen_address"]

BEAT_S: Final = 2.0  # a page that hears nothing for some of these shows no sum any more
HEAD_MAX: Final = 8_192
LOOKERS_MAX: Final = 16
_HEAD_S: Final = 5.0
_DRAIN_S: Final = 5.0
_PACE_S: Final = 0.1  # ten pictures a second, the newest each time
_PORT: Final = 8090
_HEADERS: Final = (
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
)
_REASONS: Final = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 421: "Misdirected Request",
}  # fmt: skip


class ScreenAddressError(ValueError):
    """An address that cannot be understood; the text says why."""


def read_screen_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:8090`: where to listen. Raises ScreenAddressError."""
    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(_PORT))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ScreenAddressError(
            f"{address!r}: it must be an address of this machine, as 127.0.0.1:8090"
        ) from None
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise ScreenAddressError(f"{address!r}: the port must be a number up to 65535")
    return host, int(port)


class CustomerScreen:
    """`run()` is its task. `files` are served as they are, by path: (type, bytes); `page` puts a picture into the page.

    Raises ScreenAddressError. News come as DeviceReported("customer-screen", ...).
    """

    def __init__(
        self,
        address: str,
        page: Callable[[str], str],
        files: dict[str, tuple[str, bytes]],
        submit: Submit,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._host, self._port = read_screen_address(address)
        self._page = page
        self._files = files
        self._make: Callable[[], str] = str
        self._picture: str | None = ""
        self._sleep = sleep
        self._news: set[asyncio.Event] = set()
        self._lookers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._supervisor = Supervisor("customer-screen", self, submit, clock, sleep=sleep)

    async def run(self) -> None:
        await self._supervisor.run()

    def show(self, make: Callable[[], str]) -> None:
        """The newest picture: a piece of HTML, safe as it is, made when somebody looks. Returns at once."""
        self._make, self._picture = make, None
        for news in self._news:
            news.set()

    def _now(self) -> str:
        if self._picture is None:
            self._picture = self._make()
        return self._picture

    # -- the supervised device

    async def open(self) -> str:
        try:
            self._server = await asyncio.start_server(self._look, self._host, self._port, limit=HEAD_MAX)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise DeviceFaultError(f"{self._host}:{self._port}: another program listens there") from error
            raise DeviceFaultError(f"{self._host}:{self._port}: {error.strerror}") from error
        return f"http://{self._host}:{self._port}/"

    async def serve(self, health: Health) -> None:
        assert self._server is not None, "open comes first"
        health.seen()
        await self._server.serve_forever()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for looker, writer in self._lookers.items():
            writer.transport.abort()
            looker.cancel()

    # -- whoever looks

    async def _look(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a handler runs in a task"
        self._lookers[task] = writer
        try:
            if len(self._lookers) <= LOOKERS_MAX:
                await self._answer(reader, writer)
        except (
            OSError,
            ValueError,
            EOFError,
            TimeoutError,
            asyncio.LimitOverrunError,
            asyncio.CancelledError,
        ):
            pass  # gone, too slow, or no browser
        finally:
            del self._lookers[task]
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        parts = first.split(" ")
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return await _send(writer, 400)
        if parts[0] not in ("GET", "HEAD"):
            return await _send(writer, 405)
        if not _is_us(fields.get("host", "")):
            return await _send(writer, 421)
        path = parts[1].partition("?")[0]
        if path == "/events" and parts[0] == "GET":
            return await self._stream(reader, writer)
        if path == "/":
            return await _send(
                writer,
                200,
                "text/html; charset=utf-8",
                self._page(self._now()).encode(),
                head=parts[0] == "HEAD",
            )
        if path in self._files:
            kind, body = self._files[path]
            return await _send(writer, 200, kind, body, head=parts[0] == "HEAD")
        return await _send(writer, 404)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The newest picture whenever there is one, and a beat in between."""
        news = asyncio.Event()
        news.set()
        sent: str | None = None
        gone = asyncio.ensure_future(reader.read(1))
        gone.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._news.add(news)
        try:
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{_HEADERS}Connection: close\r\n\r\nretry: 1000\n\n".encode()
            )
            while not writer.is_closing():
                news.clear()
                if self._now() != sent:
                    sent = self._now()
                    lines = "".join(f"data: {line}\n" for line in sent.splitlines() or [""])
                    writer.write(f"{lines}\n".encode())
                else:
                    writer.write(b"event: beat\ndata:\n\n")
                async with asyncio.timeout(_DRAIN_S):
                    await writer.drain()
                await self._sleep(_PACE_S)
                waiting = asyncio.ensure_future(news.wait())
                await asyncio.wait({waiting, gone}, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if gone.done():
                    return
        finally:
            gone.cancel()
            self._news.discard(news)


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    kind: str = "text/plain",
    body: bytes = b"",
    *,
    head: bool = False,
) -> None:
    body = body or (b"" if status == 200 else _REASONS[status].encode())
    writer.write(
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"{_HEADERS}Connection: close\r\n\r\n".encode()
        + (b"" if head else body)
    )
    async with asyncio.timeout(_DRAIN_S):
        await writer.drain()


def _is_us(host: str) -> bool:
    """No name but this machine's own: a page from elsewhere cannot look in under a name that it made."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in {"localhost", own, f"{own}.local"}
    return True
