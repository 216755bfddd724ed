"""Two ends of a line in memory, for virtual time: each has an asyncio.StreamReader and what is written to like a StreamWriter."""

import asyncio
from typing import Any

__all__ = ["End", "Pipe", "PipeWriter"]


class PipeWriter:
    """As much of asyncio.StreamWriter as a driver needs."""

    def __init__(self, pipe: "Pipe", other: int) -> None:
        self._pipe = pipe
        self._other = other
        self._closing = False
        self.transport = self

    def write(self, data: bytes) -> None:
        if self._closing or self._pipe.is_cut:
            return  # as with a socket: it is the next drain that says so
        self._pipe._carry(self._other, bytes(data))

    def writelines(self, parts: "list[bytes]") -> None:
        self.write(b"".join(parts))

    async def drain(self) -> None:
        await asyncio.sleep(0)
        if self._closing or self._pipe.is_cut:
            raise ConnectionResetError("the line is cut")

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._pipe._closed(self._other)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing or self._pipe.is_cut

    def can_write_eof(self) -> bool:
        return False

    async def wait_closed(self) -> None:
        await asyncio.sleep(0)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class End:
    """One end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: PipeWriter) -> None:
        self.reader = reader
        self.writer = writer


_TILL, _TERMINAL = 0, 1


class Pipe:
    """A line between a till and a terminal. `latency_s` each way.

    `cut`: both ends see that it ended. `dead`: whatever is sent is lost, and nobody is told (a cable that was pulled out
    of a serial port, a switch without power). `wires`: a serial line, on which nobody is told either when an end is closed.
    """

    def __init__(self, latency_s: float = 0.001, *, wires: bool = False) -> None:
        self.latency_s = latency_s
        self.wires = wires
        self.is_cut = False
        self.dead = False
        self._readers = [asyncio.StreamReader(), asyncio.StreamReader()]
        self.till = End(self._readers[_TILL], PipeWriter(self, _TERMINAL))
        self.terminal = End(self._readers[_TERMINAL], PipeWriter(self, _TILL))

    def terminal_anew(self) -> End:
        """The terminal's end after its power came back: what was sent to it before is gone."""
        self._readers[_TERMINAL] = asyncio.StreamReader()
        self.terminal = End(self._readers[_TERMINAL], PipeWriter(self, _TILL))
        return self.terminal

    def cut(self) -> None:
        if not self.is_cut:
            self.is_cut = True
            for reader in self._readers:
                self._end(reader)

    def _carry(self, to: int, data: bytes) -> None:
        if not self.dead:
            asyncio.get_running_loop().call_later(self.latency_s, self._arrive, self._readers[to], data)

    def _arrive(self, reader: asyncio.StreamReader, data: bytes) -> None:
        if not self.dead and not self.is_cut and not reader.at_eof() and not reader._eof:  # type: ignore[attr-defined]
            reader.feed_data(data)

    def _closed(self, to: int) -> None:
        if not self.wires:
            self._end(self._readers[to])

    def _end(self, reader: asyncio.StreamReader) -> None:
        def end() -> None:
            if not reader._eof:  # type: ignore[attr-defined]
                reader.feed_eof()

        asyncio.get_running_loop().call_later(self.latency_s, end)
