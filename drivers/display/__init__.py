"""The customer's line display: shows the newest picture it was given, at its own pace, and holds up nobody.

It never answers, so that nobody knows what it shows: ready means that the line is there and takes bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from drivers.addresses import LineSettings, PortAddress, PortAddressError, read_address
from drivers.display.ports import HidPort, Port
from drivers.display.protocols import PAGES, PROTOCOLS, Protocol
from drivers.supervisor import DeviceFaultError, Health, Supervisor, presence
from drivers.transports import SerialPort
from pos.ports import Clock, Submit

__all__ = ["LineDisplay", "PortAddressError", "read_display_address"]

PACE_S: Final = 0.1  # ten pictures a second: nobody reads faster
WRITE_S: Final = 1.0
Rows = tuple[str, str]


def read_display_address(address: str, protocol: str) -> PortAddress:
    """Raises PortAddressError."""
    speaks = PROTOCOLS[protocol]
    kinds = ("serial", "hid") if protocol == "ba63" else ("serial",)
    where = read_address(address, kinds, LineSettings(speaks.baud, parity=speaks.parity), ("page",))
    page = where.options.get("page", "")
    if page and (page not in PAGES or protocol == "ba63"):
        raise PortAddressError(
            f"{address!r}: page={page}: it must be one of {', '.join(PAGES)}, and none for ba63"
        )
    return where


class LineDisplay:
    """`serial:/dev/ttyUSB1?baud=9600&page=858`, or `hid:/dev/hidraw0` for a BA63 on USB. `run()` is its task.

    Raises PortAddressError. News come as DeviceReported("display", ...).
    """

    def __init__(
        self,
        address: str,
        protocol: str,
        submit: Submit,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        where = read_display_address(address, protocol)
        self._page = where.options.get("page", "")
        line = where.line
        port: Port = (
            HidPort(where.path)
            if where.kind == "hid"
            else SerialPort(
                where.path, baud=line.baud, bits=line.bits, parity=line.parity, stop_bits=line.stop
            )
        )
        self._show = _Show(port, PROTOCOLS[protocol], self._page, sleep)
        self._supervisor = Supervisor(
            "display", self._show, submit, clock, trace=partial(presence, where.path), sleep=sleep
        )

    async def run(self) -> None:
        await self._supervisor.run()

    def show(self, rows: Rows) -> None:
        """The newest picture takes the place of one that was not shown yet. Returns at once."""
        self._show.want(rows)


class _Show:
    """The supervised device."""

    def __init__(
        self, port: Port, protocol: Protocol, page: str, sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        self._port = port
        self._protocol = protocol
        self._page = page
        self._sleep = sleep
        self._wanted: Rows = ("", "")
        self._news = asyncio.Event()

    def want(self, rows: Rows) -> None:
        if rows != self._wanted:
            self._wanted = rows
            self._news.set()

    async def open(self) -> str:
        self._port.open()
        await self._write(self._protocol.opening(self._page))
        return self._port.path

    async def serve(self, health: Health) -> None:
        """Until the line goes; whoever of the two notices it first."""
        watching = asyncio.ensure_future(self._port.receive(lambda _: health.seen()))
        showing = asyncio.ensure_future(self._show())
        try:
            await asyncio.wait({watching, showing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, showing):
                if task.done():
                    task.result()
        finally:
            for task in (watching, showing):
                task.cancel()
            await asyncio.gather(watching, showing, return_exceptions=True)

    async def _show(self) -> None:
        shown: Rows | None = None
        while True:
            self._news.clear()
            if self._wanted == shown:
                await self._news.wait()
                continue
            wanted = self._wanted
            for row in self._protocol.picture(*wanted, self._page):
                await self._write(row)
            shown = wanted
            await self._sleep(PACE_S)

    async def _write(self, data: bytes) -> None:
        try:
            await self._port.write(data, WRITE_S)
        except TimeoutError:
            raise DeviceFaultError(f"{self._port.path}: the display takes no data") from None

    def close(self) -> None:
        self._port.close()
