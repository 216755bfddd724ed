"""Codes by pipe, one a line: scans from a script, the demo, or a program that owns the real scanner.

The shortest way in: one read, then a Scan for each line, inside the reader callback.
"""

import asyncio
import os
import stat
from collections.abc import Callable

from drivers.scanner.address import Address, AddressError
from drivers.scanner.framing import FRAME_MAX_BYTES, text_of
from drivers.supervisor import DeviceAbsentError, DeviceEndedError, DeviceFaultError, Health

__all__ = ["PipeScanner"]

READ_SIZE = 4096


class PipeScanner:
    """`fd:3` (an inherited descriptor) or `fifo:/run/tresen/scans` (a named pipe that exists)."""

    def __init__(self, address: Address, deliver: Callable[[str], None]) -> None:
        self._place = address.place
        self._inherited = address.kind == "fd"
        if self._inherited and not (self._place.isascii() and self._place.isdigit()):
            raise AddressError(f"scanner address fd:{self._place}: it must be a number")
        self._deliver = deliver
        self._fd = -1

    async def open(self) -> str:
        if self._inherited:
            self._fd = int(self._place)
            try:
                os.fstat(self._fd)
            except OSError:
                raise DeviceFaultError(f"fd:{self._place}: not open") from None
            return f"fd:{self._place}"
        try:
            # Read and write: without a writer of our own, the pipe would end with each one that leaves.
            self._fd = os.open(self._place, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise DeviceAbsentError(f"{self._place}: not there; make it with mkfifo") from None
        except OSError as error:
            raise DeviceFaultError(f"{self._place}: {error.strerror}") from error
        if not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
            raise DeviceFaultError(f"{self._place}: not a named pipe; make one with mkfifo")
        return self._place

    async def serve(self, health: Health) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        fd, deliver, rest = self._fd, self._deliver, b""

        def on_readable() -> None:
            nonlocal rest
            try:
                data = os.read(fd, READ_SIZE)
                if not data:
                    loop.remove_reader(fd)
                    ended.set_exception(DeviceEndedError(f"{self._place}: the other side has closed it"))
                    return
                lines = (rest + data).replace(b"\r", b"\n").split(b"\n")
                rest = lines.pop()[-FRAME_MAX_BYTES:]
                for line in lines:
                    if code := text_of(line):
                        deliver(code)
                health.seen()
            except BlockingIOError:
                return
            except Exception as error:  # noqa: BLE001 - the supervisor hears every error
                loop.remove_reader(fd)
                ended.set_exception(error)

        try:
            loop.add_reader(fd, on_readable)
        except OSError as error:  # epoll refuses plain files
            raise DeviceFaultError(f"{self._place}: not a pipe or terminal") from error
        try:
            await ended
        finally:
            loop.remove_reader(fd)

    def close(self) -> None:
        if self._fd >= 0 and not self._inherited:
            os.close(self._fd)
        self._fd = -1
