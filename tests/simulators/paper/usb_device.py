"""Child process of `UsbServer`: shows a USB printer by USB/IP and passes its bytes through a socket.

Frames from here: length (4 bytes, big endian), data of one OUT transfer. Frames to here: kind (`D` data for
the IN endpoint, `A` the last OUT transfer has been taken), length (2 bytes), data. First the port, 2 bytes.
A process of its own because only killing it breaks an open USB/IP session the way a pulled plug does.
"""

import queue
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from usbip import In, Interface, Out, USBDevice
from usbip.core import OUT, Setup, Stall
from usbip.transport import USBIP

_BULK_OUT, _BULK_IN = 0x01, 0x82
_GET_DEVICE_ID, _GET_PORT_STATUS, _SOFT_RESET = 0, 1, 2
_PORT_STATUS_OK = b"\x18"  # selected, no error, paper present
_DEVICE_ID = b"MFG:Tresen;CMD:ESC/POS;MDL:Paper Simulator;CLS:PRINTER;"


class PrinterInterface(Interface):  # type: ignore[misc]
    """USB printer class 1.1: class 7, subclass 1, bidirectional."""

    bulk_out = Out(_BULK_OUT, "bulk", mps=64)
    bulk_in = In(_BULK_IN, "bulk", mps=64)

    def __init__(self) -> None:
        super().__init__()
        self.bInterfaceClass, self.bInterfaceSubClass, self.bInterfaceProtocol = 7, 1, 2

    def on_control(self, setup: Setup, data: bytes = b"") -> bytes:
        if setup.bRequest == _GET_DEVICE_ID:
            return (len(_DEVICE_ID) + 2).to_bytes(2, "big") + _DEVICE_ID
        if setup.bRequest == _GET_PORT_STATUS:
            return _PORT_STATUS_OK
        if setup.bRequest == _SOFT_RESET:
            return b""
        raise Stall


class PrinterDevice(USBDevice):  # type: ignore[misc]
    """Holds OUT transfers back until the printer has room, while IN transfers go on."""

    def __init__(self, vendor: int, product: int) -> None:
        super().__init__(vendor, product, manufacturer="Tresen", product="Paper Simulator", serial="SIM1")
        self.waiting: queue.Queue[tuple[Any, Callable[[Any], None]]] = queue.Queue()
        self._cancelled: set[int] = set()

    def handle_urb(self, urb: Any, respond: Callable[[Any], None] | None = None) -> Any:
        if urb.direction == OUT and urb.ep == _BULK_OUT and respond is not None:
            self.waiting.put((urb, respond))
            return None
        return super().handle_urb(urb, respond)

    def cancel_urb(self, seqnum: int) -> Any:
        self._cancelled.add(seqnum)
        return super().cancel_urb(seqnum)

    def pass_on(self, line: socket.socket, taken: threading.Semaphore) -> None:
        """Send waiting OUT transfers to the printer one by one and complete each when it is taken."""
        while True:
            urb, respond = self.waiting.get()
            if urb.seqnum in self._cancelled:
                continue
            line.sendall(len(urb.buffer).to_bytes(4, "big") + urb.buffer)
            taken.acquire()
            if urb.seqnum not in self._cancelled:
                urb.actual, urb.status = len(urb.buffer), 0
                respond(urb)


def main(descriptor: int, port: int, ids: str) -> None:
    vendor, product = (int(part, 16) for part in ids.split(":"))
    line = socket.socket(fileno=descriptor)
    device = PrinterDevice(vendor, product)
    interface = device.add(PrinterInterface())
    transport = USBIP("127.0.0.1", port)
    device.plug(via=transport)
    bound = transport._listener.socks[0].getsockname()[1]
    line.sendall(bound.to_bytes(2, "big"))
    taken = threading.Semaphore(0)
    threading.Thread(target=device.pass_on, args=(line, taken), daemon=True).start()
    while True:
        head = line.recv(3, socket.MSG_WAITALL)
        if len(head) < 3:
            return  # the parent is gone or has unplugged us
        length = int.from_bytes(head[1:], "big")
        data = line.recv(length, socket.MSG_WAITALL) if length else b""
        if head[:1] == b"A":
            taken.release()
        else:
            interface.bulk_in.write(data)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
