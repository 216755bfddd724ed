"""A USB/IP backend for pyusb whose transfers do not wait for each other.

The one on PyPI holds a lock over each transfer, so that a read without data stops every write, and opens
a broken line again behind the driver's back. This one sends requests as they come, hands each answer to
whom it belongs, cancels at the deadline, and stays broken when the line breaks.
"""

import contextlib
import errno
import socket
import struct
import threading
from typing import Any

import usb.core
from usbip_backend.backend import USBIPBackend  # type: ignore[import-untyped]

_SUBMIT, _UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_HEAD = struct.Struct(">IIIIIiiiii8s")
_IN = 1


class _Waiting:
    def __init__(self, *, reads: bool) -> None:
        self.reads = reads
        self.done = threading.Event()
        self.status = -errno.ECONNRESET
        self.data = b""


class _Connection:
    """One imported device; `submit` has the shape that the backend calls."""

    def __init__(self, line: socket.socket, devid: int) -> None:
        line.settimeout(None)
        self._line = line
        self._devid = devid
        self._lock = threading.Lock()
        self._seq = 0
        self._waiting: dict[int, _Waiting] = {}
        self._broken = False
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._broken = True
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def submit(
        self,
        *,
        direction: int,
        ep: int,
        setup: bytes,
        transfer_buffer_length: int,
        out_payload: bytes = b"",
        transfer_flags: int = 0,
        timeout_ms: int | None = None,
    ) -> tuple[int, bytes]:
        waiting = _Waiting(reads=direction == _IN)
        with self._lock:
            self._seq += 1
            seq = self._seq
            self._waiting[seq] = waiting
            head = (
                _SUBMIT,
                seq,
                self._devid,
                direction,
                ep,
                transfer_flags,
                transfer_buffer_length,
                0,
                -1,
                0,
            )
            self._send(_HEAD.pack(*head, setup) + out_payload)
        if not waiting.done.wait((timeout_ms or 2000) / 1000):
            with self._lock:
                unlink = (_UNLINK, seq + 1_000_000, self._devid, direction, ep, seq, 0, 0, 0, 0)
                self._send(_HEAD.pack(*unlink, bytes(8)))
            if not waiting.done.wait(0.02) or waiting.status:
                if self._broken:
                    raise usb.core.USBError("the line broke", errno=errno.ENODEV)
                raise usb.core.USBTimeoutError("timed out", errno=errno.ETIMEDOUT)
        if self._broken:
            raise usb.core.USBError("the line broke", errno=errno.ENODEV)
        return waiting.status, waiting.data

    def _send(self, data: bytes) -> None:
        try:
            self._line.sendall(data)
        except OSError as error:
            self._broken = True
            raise usb.core.USBError("the line broke", errno=errno.ENODEV) from error

    def _listen(self) -> None:
        try:
            while head := self._line.recv(_HEAD.size, socket.MSG_WAITALL):
                command, seq, _, _, _, status, length, *_rest = _HEAD.unpack(head)
                waiting = self._waiting.pop(seq, None) if command == _RET_SUBMIT else None
                if waiting is None:
                    continue
                waiting.data = (
                    self._line.recv(length, socket.MSG_WAITALL) if waiting.reads and length else b""
                )
                waiting.status = status
                waiting.done.set()
        except (OSError, struct.error):
            pass
        self._broken = True
        for waiting in list(self._waiting.values()):
            waiting.done.set()


class PipelinedBackend(USBIPBackend):  # type: ignore[misc]
    """pyusb's view of the devices of one USB/IP server."""

    def enumerate_devices(self) -> Any:
        self._devices = None
        self._cache.clear()
        self._conns.clear()
        return super().enumerate_devices()

    def _import_device(self, dev: Any) -> _Connection:
        return _Connection(super()._import_device(dev).sock, dev.devid)

    def close_device(self, dev_handle: _Connection) -> None:
        dev_handle.close()
