"""The lines to a printer, by address: all alike to the driver, none of them ever blocks the loop.

    file:/path             appended to; a character device such as /dev/usb/lp0 also answers
    tcp://host:9100        port 9100 if none is given
    serial:/dev/ttyUSB0?baud=115200&flow=rtscts
    usb:04b8:0202          endpoints found by the printer class

Problems are DeviceAbsentError("unreachable"), or DeviceFaultError with "busy" (it takes no data),
"held" (another program has it), "no-permission", "no-library".
"""

import asyncio
import contextlib
import errno
import os
import socket
import stat
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from pos.ports import Worker

__all__ = ["FileLine", "Line", "SerialLine", "TcpLine", "UsbLine", "Workers", "open_line"]

Workers = Callable[[str], Worker]
"""Gives a new thread by its name, for libraries that block."""

Patient = Callable[[], bool]

CONNECT_S: Final = 3.0
READ_BYTES: Final = 4096
USB_READ_MS: Final = 200
USB_PACKET_MAX: Final = 16_384
_GLANCE_S: Final = 0.5
_PRINTER_CLASS: Final = 7


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


def open_line(address: str, workers: Workers) -> Line:
    """The line of an address, not yet opened; raises ValueError with a sentence on what is wrong with it."""
    kind, _, rest = address.partition(":")
    parts = urlsplit(address)
    if kind == "file" and rest:
        return FileLine(rest, workers("printer-file"))
    if kind == "tcp" and parts.hostname:
        return TcpLine(parts.hostname, parts.port or 9100)
    if kind == "serial" and parts.path:
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        flow = options.pop("flow", "none")
        baud = options.pop("baud", "9600")
        if options or flow not in ("none", "rtscts", "xonxoff") or not baud.isdecimal():
            raise ValueError(f"{address}: a serial line knows baud=NUMBER and flow=none|rtscts|xonxoff")
        return SerialLine(parts.path, workers("printer-serial"), baud=int(baud), flow=flow)
    if kind == "usb":
        ids = rest.split(":")
        with contextlib.suppress(ValueError):
            if len(ids) == 2:
                return UsbLine(int(ids[0], 16), int(ids[1], 16), workers)
    raise ValueError(f"{address}: a printer's address is file:, tcp://, serial: or usb:VENDOR:PRODUCT")


def _refusal(error: OSError) -> DeviceAbsentError | DeviceFaultError:
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
            raise _refusal(error) from error
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
            raise _refusal(error) from error
        self._plain = stat.S_ISREG(mode)
        self.two_way = stat.S_ISCHR(mode)
        how = os.O_RDWR if self.two_way else os.O_WRONLY
        if self._plain:
            how |= os.O_CREAT | os.O_APPEND
        try:
            return os.open(self.path, how | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise _refusal(error) from error

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


class UsbLine:
    """A USB printer by vendor and product. pyusb blocks, so reading and writing have a thread each.

    The device is never reset; a kernel driver that held it gets it back.
    """

    two_way = True

    def __init__(self, vendor: int, product: int, workers: Workers, *, backend: Any = None) -> None:
        self.address = f"usb:{vendor:04x}:{product:04x}"
        self.written = 0
        self._ids = (vendor, product)
        self._writer = workers("printer-usb-out")
        self._reader = workers("printer-usb-in")
        self._backend = backend
        self._reading = threading.Lock()  # closing waits for a read that is under way
        self._device: Any = None
        self._out: Any = None
        self._in: Any = None
        self._interface = 0
        self._detached = False
        self._open = False
        self._pending = 0

    async def open(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            await self._writer.run(self._claim)
        self._open = True

    async def read(self) -> bytes:
        while self._open:
            data = await self._reader.run(self._read_once)
            if data:
                return data
        raise DeviceAbsentError("unreachable")

    async def write(self, data: bytes, deadline_s: float, patient: Patient = lambda: False) -> None:
        del patient  # a transfer that was given up has an uncertain length, so it is never continued
        self.written = 0
        if not self._open:
            raise DeviceAbsentError("unreachable")
        self._pending += 1
        self.written = len(data)  # until the transfer is over, all of it may have left
        self.written = await self._writer.run(self._write, data, max(1, int(deadline_s * 1000)))
        if self.written < len(data):
            raise DeviceFaultError("busy")

    def write_now(self, data: bytes) -> bool:
        if not self._open or self._pending:
            return False
        self._pending += 1
        pulse = self._writer.run(self._write, data, 1000)
        asyncio.ensure_future(pulse).add_done_callback(_swallow)
        return True

    def close(self) -> None:
        self._open = False
        asyncio.ensure_future(self._writer.run(self._release)).add_done_callback(_swallow)

    # -- on the threads

    def _claim(self) -> None:
        try:
            import usb.core  # noqa: PLC0415 - only a till with a USB printer pays for it
            import usb.util  # noqa: PLC0415
        except ImportError:
            raise DeviceFaultError("no-library") from None
        vendor, product = self._ids
        try:
            device = usb.core.find(idVendor=vendor, idProduct=product, backend=self._backend)
        except usb.core.NoBackendError:
            raise DeviceFaultError("no-library") from None
        except (usb.core.USBError, OSError) as error:
            raise DeviceAbsentError("unreachable") from error
        if device is None:
            raise DeviceAbsentError("unreachable")
        try:
            self._take(device, usb.util)
        except (usb.core.USBError, OSError, DeviceFaultError) as error:
            with contextlib.suppress(Exception):
                usb.util.dispose_resources(device)
            raise error if isinstance(error, DeviceFaultError) else _refusal(error) from error

    def _take(self, device: Any, util: Any) -> None:
        found = next(
            (
                (configuration, interface)
                for configuration in device
                for interface in configuration
                if interface.bInterfaceClass == _PRINTER_CLASS
            ),
            None,
        )
        if found is None:
            raise DeviceFaultError("no-printer")
        configuration, interface = found
        number = interface.bInterfaceNumber
        self._detached = False
        with contextlib.suppress(NotImplementedError):
            if device.is_kernel_driver_active(number):
                device.detach_kernel_driver(number)
                self._detached = True
        if self._configuration_of(device) != configuration.bConfigurationValue:
            device.set_configuration(configuration.bConfigurationValue)
        util.claim_interface(device, number)
        endpoints = {util.endpoint_direction(end.bEndpointAddress): end for end in interface}
        self._out = endpoints.get(util.ENDPOINT_OUT)
        self._in = endpoints.get(util.ENDPOINT_IN)
        if self._out is None:
            raise DeviceFaultError("no-printer")
        self.two_way = self._in is not None
        self._device, self._interface = device, number

    @staticmethod
    def _configuration_of(device: Any) -> int:
        try:
            return int(device.get_active_configuration().bConfigurationValue)
        except Exception:  # noqa: BLE001 - pyusb raises different kinds for "not configured"
            return -1

    def _read_once(self) -> bytes:
        import usb.core  # noqa: PLC0415

        with self._reading:
            if self._in is None or self._device is None:
                raise DeviceAbsentError("unreachable")
            try:
                return bytes(self._in.read(self._in.wMaxPacketSize, USB_READ_MS))
            except usb.core.USBTimeoutError:
                return b""
            except (usb.core.USBError, OSError) as error:
                raise DeviceAbsentError("unreachable") from error

    def _write(self, data: bytes, timeout_ms: int) -> int:
        import usb.core  # noqa: PLC0415

        try:
            if self._out is None:
                raise DeviceAbsentError("unreachable")
            sent = 0
            while sent < len(data):
                count = int(self._out.write(data[sent : sent + USB_PACKET_MAX], timeout_ms))
                sent += count
                if not count:
                    break
            return sent
        except usb.core.USBTimeoutError:
            raise DeviceFaultError("busy") from None
        except (usb.core.USBError, OSError) as error:
            raise DeviceAbsentError("unreachable") from error
        finally:
            self._pending -= 1

    def _release(self) -> None:
        import usb.util  # noqa: PLC0415

        with self._reading:
            device, self._device = self._device, None
            self._out = self._in = None
        if device is None:
            return
        with contextlib.suppress(Exception):
            usb.util.release_interface(device, self._interface)
            if self._detached:
                device.attach_kernel_driver(self._interface)
        with contextlib.suppress(Exception):
            usb.util.dispose_resources(device)


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


def _swallow(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
