"""Where a till finds the terminal: a TCP port, or a pty in the place of a serial port."""

import asyncio
import contextlib
import os
import tty
from pathlib import Path

from tests.simulators.terminal.links import SerialLink, TcpLink
from tests.simulators.terminal.terminal import Terminal

__all__ = ["PtyPort", "TcpPort"]


class TcpPort:
    """`port` 0 takes a free one. A new till takes the place of the one before; a terminal without power does not listen."""

    def __init__(self, terminal: Terminal, host: str = "127.0.0.1", port: int = 0) -> None:
        self.terminal = terminal
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self.connections = 0

    async def plug(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """The cable is out: who is on the line loses it, and nobody else gets one."""
        if self._server is not None:
            self._server.close()
            self.terminal.detach()
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if not self.terminal.on:
            writer.transport.abort()
            return
        self.terminal.attach(TcpLink(reader, writer))


class _PtyWriter:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.closed = False

    def write(self, data: bytes) -> None:
        if self.closed:
            raise ConnectionResetError("unplugged")
        with contextlib.suppress(BlockingIOError):  # nobody reads: the bytes are lost, as on a wire
            os.write(self._descriptor, data)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        self.closed = True


class PtyPort:
    """`path` is a link that stays the same however often it is plugged."""

    def __init__(self, terminal: Terminal, path: Path) -> None:
        self.terminal = terminal
        self.path = path
        self.link: SerialLink | None = None
        self._master = self._line = -1
        self._plugged = 0

    async def plug(self) -> None:
        self._master, self._line = os.openpty()
        tty.setraw(self._line)
        os.set_blocking(self._master, False)
        self._plugged += 1
        Path(os.ttyname(self._line)).chmod(0o600 | self._plugged % 2)  # a node that is new looks new
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._line))
        reader = asyncio.StreamReader()
        asyncio.get_running_loop().add_reader(self._master, self._read, reader)
        self.link = SerialLink(reader, _PtyWriter(self._master))
        self.terminal.attach(self.link)

    def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            data = os.read(self._master, 4096)
        except (BlockingIOError, OSError):
            return
        reader.feed_data(data)

    async def unplug(self) -> None:
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            self.terminal.detach()
            self.path.unlink(missing_ok=True)
            os.close(self._line)
            os.close(self._master)
            self._master = -1
