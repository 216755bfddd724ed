"""The lines to a printer: all alike to the driver, none of them ever blocks the loop.

Problems are DeviceAbsentError("unreachable"), or DeviceFaultError with "busy" (it takes no data),
"held" (another program has it), "no-permission", "no-library".
"""

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from typing import Any, Final, Protocol

from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from pos.ports import Worker

__all__ = ["FileLine", "Line", "Patient", "SerialLine", "TcpLine", "Workers", "refusal"]

Workers = Callable[[str], Worker]
"""Gives a new thread by its name, for libraries that block."""

Patient = Callable[[], bool]
"""Says whether a write that makes no progress should wait on, because the reason is known."""

CONNECT_S: Final = 3.0
READ_BYTES: Final = 4096
_GLANCE_S: Final = 0.5


class Line(Protocol):
    """One way to a printer.

    `written` counts the bytes of the newest `write` that have left, also after it failed or was cancelled;
    it may say too much, never too little.
    """

    address: str
    two_way: bool
    written: int

    async def open(self) -> None: ...

    async def read(self) -> bytes:
        """Wait for bytes; raises DeviceAbsentError when the line is gone."""
        ...

    async def write(self, data: bytes, deadline_s: float, patient: Patient = lambda: False) -> None:
        """Hand over all of `data`. `deadline_s` without progress ends it, unless `patient()` says to wait."""
        ...

    def write_now(self, data: bytes) -> bool:
        """Hand over a few bytes at once or not at all; False when a write is under way or the line is full."""
        ...

    def close(self) -> None: ...


def refusal(error: OSError) -> DeviceAbsentError | DeviceFaultError:
    """What an error of the system at opening means to the cashier."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceFaultError("no-permission")
    if error.errno in (errno.EBUSY, errno.EAGAIN):
        return DeviceFaultError("held")
    return DeviceAbsentError("unreachable")


class _DescriptorLine:
    """What sockets, serial lines and character devices share: a file descriptor that never blocks."""

    two_way = True

    def __init__(self, address: str) -> None:
        self.address = address
        self.written = 0
        self._fd = -1
        self._writing = False
        self._ended = False

    async def read(self) -> bytes:
        while True:
            await self._ready(reading=True)
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                self._ended = True
                raise DeviceAbsentError("unreachable") from error
            if not data:
                self._ended = True
                raise DeviceAbsentError("unreachable")
            return data

    async def write(self, data: bytes, deadline_s: float, patient: Patient = lambda: False) -> None:
        self.written = 0
        if self._peer_is_gone():
            raise DeviceAbsentError("unreachable")
        self._writing = True
        try:
            while self.written < len(data):
                try:
                    self.written += os.write(self._fd, data[self.written :])
                except BlockingIOError:
                    await self._room(deadline_s, patient)
                except OSError as error:
                    raise DeviceAbsentError("unreachable") from error
        finally:
            self._writing = False

    def write_now(self, data: bytes) -> bool:
        if self._fd < 0 or self._writing or self._peer_is_gone():
            return False
        try:
            return os.write(self._fd, data) == len(data)
        except OSError:
            return False

    def _peer_is_gone(self) -> bool:
        """True when it is known that the other side has closed, before a byte is risked on it."""
        return self._ended or self._fd < 0

    async def _room(self, deadline_s: float, patient: Patient) -> None:
        waited_s = 0.0
        while True:
            step_s = min(_GLANCE_S, deadline_s)
            try:
                async with asyncio.timeout(step_s):
                    return await self._ready(reading=False)
            except TimeoutError:
                waited_s += step_s
                if waited_s >= deadline_s and not patient():
                    raise DeviceFaultError("busy") from None

    async def _ready(self, *, reading: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        add, remove = (
            (loop.add_reader, loop.remove_reader) if reading else (loop.add_writer, loop.remove_writer)
        )
        fd = self._fd
        if fd < 0:
            raise DeviceAbsentError("unreachable")
        add(fd, _settle, ready)
        try:
            await ready
        finally:
            remove(fd)


class TcpLine(_DescriptorLine):
    """Raw printing over TCP."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"tcp://{host}:{port}")
        self._peer = (host, port)
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        family = socket.AF_INET6 if ":" in self._peer[0] else socket.AF_INET
        line = socket.socket(family, socket.SOCK_STREAM)
        line.setblocking(False)
        self._socket = line
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(line, self._peer)
        except (OSError, TimeoutError) as error:  # gaierror is an OSError
            self.close()
            raise DeviceAbsentError("unreachable") from error
        self._fd, self._ended = line.fileno(), False

    def _peer_is_gone(self) -> bool:
        """A printer that closed is readable and empty; the first write after it would look like a success."""
        if super()._peer_is_gone() or self._socket is None:
            return True
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._fd = -1
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class SerialLine(_DescriptorLine):
    """A serial port, held for this process alone; pyserial opens it, the descriptor does the rest."""

    def __init__(self, path: str, worker: Worker, *, baud: int = 9600, flow: str = "none") -> None:
        super().__init__(f"serial:{path}")
        self.path = path
        self._worker = worker
        self._baud = baud
        self._flow = flow
        self._serial: Any = None

    async def open(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            self._serial = await self._worker.run(self._open)
        self._fd, self._ended = self._serial.fd, False

    def _open(self) -> Any:
        try:
            import serial  # noqa: PLC0415 - only a till with a serial printer pays for it
        except ImportError:
            raise DeviceFaultError("no-library") from None
        try:
            return serial.Serial(
                self.path,
                baudrate=self._baud,
                timeout=0,
                write_timeout=0,
                exclusive=True,
                rtscts=self._flow == "rtscts",
                xonxoff=self._flow == "xonxoff",
            )
        except OSError as error:  # pyserial's own errors are OSErrors too
            raise refusal(error) from error
        except ValueError as error:
            raise DeviceFaultError(f"{self.path}: {error}") from error

    def close(self) -> None:
        self._fd = -1
        if self._serial is not None:
            with contextlib.suppress(OSError):
                self._serial.close()
            self._serial = None


class FileLine(_DescriptorLine):
    """A path. Devices are used without blocking; a plain file is appended to on the worker's thread."""

    def __init__(self, path: str, worker: Worker) -> None:
        super().__init__(f"file:{path}")
        self.path = path
        self._worker = worker
        self._plain = False

    async def open(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            self._fd = await self._worker.run(self._open)
        self._ended = False

    def _open(self) -> int:
        try:
            mode = os.stat(self.path).st_mode  # noqa: PTH116 - beside os.open, which Path does not offer
        except FileNotFoundError:
            mode = stat.S_IFREG
        except OSError as error:
            raise refusal(error) from error
        self._plain = stat.S_ISREG(mode)
        self.two_way = stat.S_ISCHR(mode)
        how = os.O_RDWR if self.two_way else os.O_WRONLY
        if self._plain:
            how |= os.O_CREAT | os.O_APPEND
        try:
            return os.open(self.path, how | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise refusal(error) from error

    async def read(self) -> bytes:
        if self.two_way:
            return await super().read()
        await asyncio.Event().wait()  # nothing ever comes back
        return b""

    async def write(self, data: bytes, deadline_s: float, patient: Patient = lambda: False) -> None:
        if not self._plain:
            return await super().write(data, deadline_s, patient)
        self.written = 0
        self._writing = True
        try:
            async with asyncio.timeout(deadline_s):
                await self._worker.run(self._append, data)
        except TimeoutError:
            raise DeviceFaultError("busy") from None
        except OSError as error:
            raise DeviceAbsentError("unreachable") from error
        finally:
            self._writing = False

    def _append(self, data: bytes) -> None:
        while self.written < len(data):
            self.written += os.write(self._fd, data[self.written :])

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
