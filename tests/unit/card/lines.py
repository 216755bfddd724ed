"""A line to a terminal in virtual time: the bytes of the other side are written in the test."""

import asyncio
from collections.abc import Callable

from drivers.supervisor import DeviceAbsentError

__all__ = ["ScriptedStream", "hexed"]


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


class ScriptedStream:
    """What the till writes is noted with its time, and goes to `on_write`; `say` is what the terminal sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.on_write: Callable[[bytes], None] = lambda _data: None
        self.opened = 0
        self.closed = 0
        self.refuses: Exception | None = None
        self._to_till: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    async def open(self) -> None:
        self.opened += 1
        self._to_till = asyncio.Queue()
        if self.refuses is not None:
            raise self.refuses

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        while True:
            item = await self._to_till.get()
            if isinstance(item, Exception):
                raise item
            on_data(item)

    async def write(self, data: bytes, timeout_s: float) -> None:
        del timeout_s
        self.sent.append((asyncio.get_running_loop().time(), data))
        self.on_write(data)

    def say(self, data: bytes) -> None:
        self._to_till.put_nowait(data)

    def hang_up(self, code: str = "card-closed") -> None:
        self._to_till.put_nowait(DeviceAbsentError(code))

    def close(self) -> None:
        self.closed += 1

    @property
    def bytes_sent(self) -> list[bytes]:
        return [data for _, data in self.sent]
