"""Byte streams to devices. A serial line here; every call returns at once or has a deadline."""

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable
from typing import Any

from drivers.supervisor import DeviceAbsentError, DeviceFaultError

__all__ = ["BAD_BYTE", "SerialPort", "unmark_parity"]

BAD_BYTE = 0xFF
"""Stands in received data for a byte whose parity was wrong; text in UTF-8 or ASCII never holds it."""

READ_SIZE = 4096
_PARITIES = frozenset("NEO")


class SerialPort:
    """One serial line, held for this process alone.

    `open` raises DeviceAbsentError or DeviceFaultError with a sentence for the cashier. Bytes that came
    with wrong parity arrive as BAD_BYTE.
    """

    def __init__(
        self, path: str, *, baud: int = 9600, bits: int = 8, parity: str = "N", stop_bits: int = 1
    ) -> None:
        if parity not in _PARITIES:
            raise ValueError(f"parity {parity!r}: N, E or O")
        self.path = path
        self._baud = baud
        self._bits = bits
        self._parity = parity
        self._stop_bits = stop_bits
        self._serial: Any = None
        self._held_back = b""

    def open(self) -> None:
        try:
            import serial  # noqa: PLC0415 - only a till with a serial device pays for it
        except ImportError:
            raise DeviceFaultError("the Python package pyserial is missing: pip install pyserial") from None
        self._held_back = b""
        try:
            self._serial = serial.Serial(
                self.path,
                baudrate=self._baud,
                bytesize=self._bits,
                parity=self._parity,
                stopbits=self._stop_bits,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise self._refusal(error) from error
        if self._parity != "N":
            self._mark_wrong_parity()

    @property
    def clear_to_send(self) -> bool | None:
        """The line CTS; None where there are no modem lines (a pty)."""
        try:
            return bool(self._serial.cts)
        except OSError:
            return None

    async def receive(self, on_data: Callable[[bytes], None]) -> None:
        """Give every piece of data to `on_data` inside the reader callback, until the line goes.

        Raises DeviceAbsentError when it went, and whatever `on_data` raised.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        fd = self._serial.fd

        def on_readable() -> None:
            if ended.done():
                return
            try:
                on_data(self._read(fd))
            except BlockingIOError:
                return
            except Exception as error:  # noqa: BLE001 - whoever awaits hears every error
                ended.set_exception(error)

        loop.add_reader(fd, on_readable)
        try:
            await ended
        finally:
            loop.remove_reader(fd)

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Hand all of `data` to the line within `timeout_s`; raises DeviceAbsentError or TimeoutError."""
        loop = asyncio.get_running_loop()
        fd = self._serial.fd
        rest = memoryview(data)
        async with asyncio.timeout(timeout_s):
            while rest:
                try:
                    rest = rest[os.write(fd, rest) :]
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
        if self._serial is not None:
            with contextlib.suppress(OSError):
                self._serial.close()
            self._serial = None

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, READ_SIZE)
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._gone() from error
        if not data:  # ready and empty: the line was hung up
            raise self._gone()
        if self._parity != "N":
            data, self._held_back = unmark_parity(self._held_back + data)
        return data

    def _gone(self) -> DeviceAbsentError:
        return DeviceAbsentError(f"{self.path}: unplugged")

    def _mark_wrong_parity(self) -> None:
        """By itself pyserial lets bytes of wrong parity pass as good ones; the kernel marks them if asked."""
        with contextlib.suppress(termios.error):
            settings = termios.tcgetattr(self._serial.fd)
            settings[0] = (settings[0] | termios.INPCK | termios.PARMRK) & ~termios.IGNPAR
            termios.tcsetattr(self._serial.fd, termios.TCSANOW, settings)

    def _refusal(self, error: Exception) -> DeviceAbsentError | DeviceFaultError:
        code = getattr(error, "errno", None)
        if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
            return DeviceAbsentError(f"{self.path}: not there; plug it in or correct its address")
        if code in {errno.EBUSY, errno.EAGAIN}:
            return DeviceFaultError(f"{self.path}: busy, another program holds it")
        if code in {errno.EACCES, errno.EPERM}:
            return DeviceFaultError(f"{self.path}: no permission; add the till's user to the group dialout")
        return DeviceFaultError(f"{self.path}: {error}")


def unmark_parity(data: bytes) -> tuple[bytes, bytes]:
    """Undo termios PARMRK: `FF 00 x` (x with wrong parity) and `FF FF` (a true FF) become BAD_BYTE.

    Returns what is complete, and the rest that the next read must be added to.
    """
    if b"\xff" not in data:
        return data, b""
    out = bytearray()
    at = 0
    while at < len(data):
        byte = data[at]
        if byte != BAD_BYTE:
            out.append(byte)
            at += 1
            continue
        width = 3 if data[at + 1 : at + 2] == b"\x00" else 2
        if at + width > len(data):
            break
        out.append(BAD_BYTE)
        at += width
    return bytes(out), data[at:]
