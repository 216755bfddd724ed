"""A printer on USB, driven from user space: the only line that needs threads, because pyusb blocks."""

import asyncio
import contextlib
import threading
from typing import Any, Final

from drivers.printer.transports import Patient, Workers, refusal
from drivers.supervisor import DeviceAbsentError, DeviceFaultError

__all__ = ["UsbLine"]

READ_MS: Final = 200
TRANSFER_MAX_BYTES: Final = 16_384
OPEN_S: Final = 3.0
_PRINTER_CLASS: Final = 7


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
        async with asyncio.timeout(OPEN_S):
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
            raise error if isinstance(error, DeviceFaultError) else refusal(error) from error

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
                return bytes(self._in.read(self._in.wMaxPacketSize, READ_MS))
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
                count = int(self._out.write(data[sent : sent + TRANSFER_MAX_BYTES], timeout_ms))
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


def _swallow(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
