"""The way to a display: a serial line, or the raw HID node of a display on USB."""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from typing import Final, Protocol

from drivers.supervisor import DeviceAbsentError, DeviceFaultError

__all__ = ["REPORT_BYTES", "HidPort", "Port", "report"]

REPORT_BYTES: Final = 33
_ROOM: Final = REPORT_BYTES - 4


class Port(Protocol):
    """As drivers.transports.SerialPort."""

    path: str

    def open(self) -> None: ...
    async def receive(self, on_data: Callable[[bytes], None]) -> None: ...
    async def write(self, data: bytes, timeout_s: float) -> None: ...
    def close(self) -> None: ...


def report(message: bytes) -> bytes:
    """One output report of a BA63 on USB: no report number, 02 00, how many bytes, the bytes, zeros."""
    assert len(message) <= _ROOM, "a message fits one report"
    return (b"\x00\x02\x00" + bytes((len(message),)) + message).ljust(REPORT_BYTES, b"\x00")


class HidPort:
    """`/dev/hidrawN`. Every write is one whole message in one report; what the device sends is not for us."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def open(self) -> None:
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise DeviceFaultError(
                    f"{self.path}: no permission; add the till's user to the group tresen"
                ) from error
            if error.errno in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
                raise DeviceAbsentError(
                    f"{self.path}: not there; plug it in or correct its address"
                ) from error
            raise DeviceFaultError(f"{self.path}: {error.strerror}") from error

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def on_readable() -> None:
            try:
                data = os.read(self._fd, 4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                on_data(data)
            elif not ended.done():
                ended.set_exception(self._gone())

        fd = self._fd
        loop.add_reader(fd, on_readable)
        try:
            await ended
        finally:
            loop.remove_reader(fd)

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Raises DeviceAbsentError, or TimeoutError when the device takes nothing for `timeout_s`."""
        loop = asyncio.get_running_loop()
        fd, whole = self._fd, report(data)
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    os.write(fd, whole)
                    return
                except BlockingIOError:
                    writable = asyncio.Event()
                    loop.add_writer(fd, writable.set)
                    try:
                        await writable.wait()
                    finally:
                        loop.remove_writer(fd)
                except OSError as error:
                    raise self._gone() from error

    def close(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def _gone(self) -> DeviceAbsentError:
        return DeviceAbsentError(f"{self.path}: unplugged")
