"""Ways to reach the paper printer: a TCP port, a pseudo terminal, a virtual USB printer."""

import contextlib
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import threading
import tty
from pathlib import Path
from typing import Self

from tests.simulators.paper.printer import PaperPrinter

_POLL_S = 0.05
_CHUNK = 1024
_LINGER_RESET = struct.pack("ii", 1, 0)
_RECEIVE_WINDOW = 2048  # the smallest the kernel gives: a full printer soon holds up its sender


class _Server:
    """A thread that serves the printer's line while the printer is powered."""

    def __init__(self, printer: PaperPrinter) -> None:
        self.printer = printer
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        self._halt.clear()
        self._open()
        self.printer.on_power(self._power)
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread is None:
            return
        self._halt.set()
        self.printer.off_power(self._power)
        self._thread.join()
        self._thread = None
        self._close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _wanted(self) -> bool:
        return not self._halt.is_set() and self.printer.powered

    def _deliver(self, data: bytes) -> bool:
        """Give all of `data` to the printer, waiting for room; False when the line ended first."""
        while data and self._wanted():
            if self.printer.room(_POLL_S):
                data = data[self.printer.receive(data) :]
        return not data

    def _serve(self) -> None:
        while not self._halt.is_set():
            if self.printer.powered:
                self._session()
            else:
                self._halt.wait(_POLL_S)

    def _open(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _session(self) -> None:
        """Serve until the line breaks, the power goes or `stop()` is called."""
        raise NotImplementedError

    def _power(self, on: bool) -> None:
        """Called by the thread that switches the printer; the line must break or come back at once."""
        raise NotImplementedError


class TcpServer(_Server):
    """The printer on 127.0.0.1, one connection at a time as printers do; port 0 picks a free one.

    Power-off resets the connection and closes the port, power-on opens the same port again.
    """

    def __init__(self, printer: PaperPrinter, port: int = 0) -> None:
        super().__init__(printer)
        self.port = port
        self.connections = 0
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def drop_connection(self) -> None:
        """Reset the connection as a crash would (seen within 50 ms); the port stays open."""
        with self._lock:
            if self._connection is not None:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
                self._connection.close()
                self._connection = None

    def _open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_WINDOW)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(4)
        self.port = listener.getsockname()[1]
        with self._lock:
            self._listener = listener

    def _close(self) -> None:
        with self._lock:
            if self._listener is not None:
                # Closing alone would wait for the thread that selects on it.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None

    def _power(self, on: bool) -> None:
        if on:
            self._open()
        else:
            self._close()  # first, so that whoever sees the reset finds the port closed
            self.drop_connection()

    def _session(self) -> None:
        with self._lock:
            listener = self._listener
        if listener is None:
            self._halt.wait(_POLL_S)
            return
        try:
            if not select.select([listener], [], [], _POLL_S)[0]:
                return
            connection, _address = listener.accept()
        except (OSError, ValueError):  # closed by power-off meanwhile
            return
        with self._lock:
            if self._listener is not listener:
                connection.close()
                return
            self._connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        with self.printer.attached(self._send):
            self._pump(connection)
        with self._lock:
            connection.close()
            self._connection = None

    def _send(self, data: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.send(data, socket.MSG_DONTWAIT)

    def _pump(self, connection: socket.socket) -> None:
        while self._wanted():
            room = self.printer.room(_POLL_S)
            if not room:
                continue
            try:
                if not select.select([connection], [], [], _POLL_S)[0]:
                    continue
                data = connection.recv(min(room, _CHUNK))
            except (OSError, ValueError):
                return
            if not data:
                return
            self._deliver(data)


class PtyServer(_Server):
    """The printer as a serial line: open `path`. Power-off hangs the line up, power-on makes a new one.

    `link` is a name that always points to the newest line, as a udev rule would make it.
    """

    def __init__(self, printer: PaperPrinter, link: Path | None = None) -> None:
        super().__init__(printer)
        self.path = ""
        self._link = link
        self._master = self._slave = -1
        self._lock = threading.Lock()

    def _open(self) -> None:
        with self._lock:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            self.path = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)

    def _close(self) -> None:
        with self._lock:
            for descriptor in (self._master, self._slave):
                if descriptor >= 0:
                    os.close(descriptor)
            self._master = self._slave = -1
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def _power(self, on: bool) -> None:
        if on:
            self._open()
        else:
            self._close()

    def _send(self, data: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._master >= 0:
                os.write(self._master, data)

    def _session(self) -> None:
        with self.printer.attached(self._send):
            while self._wanted():
                room = self.printer.room(_POLL_S)
                data = self._read(min(room, _CHUNK)) if room else b""
                if data:
                    self._deliver(data)

    def _read(self, count: int) -> bytes:
        with self._lock:
            master = self._master
        if master < 0:
            self._halt.wait(_POLL_S)
            return b""
        with contextlib.suppress(OSError, ValueError):
            if select.select([master], [], [], _POLL_S)[0]:
                with self._lock:
                    return os.read(master, count) if self._master == master else b""
        return b""


class UsbServer(_Server):
    """The printer as a USB device of class 7 behind a USB/IP server on 127.0.0.1, in a child process.

    `unplug()` kills the child, which breaks the session as a pulled plug does; `plug()` brings the
    device back, on the same port unless told another. An OUT transfer completes only when the printer's
    buffer has taken all of it.
    """

    VENDOR, PRODUCT = 0x1209, 0x5450

    def __init__(self, printer: PaperPrinter, port: int = 0) -> None:
        super().__init__(printer)
        self.port = port
        self._child: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._lock = threading.RLock()

    def plug(self, port: int | None = None) -> None:
        with self._lock:
            if self._child is None:
                self.port = self.port if port is None else port
                self._open()

    def unplug(self) -> None:
        self._close()

    def _open(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.simulators.paper.usb_device",
                    str(theirs.fileno()),
                    str(self.port),
                    f"{self.VENDOR:04x}:{self.PRODUCT:04x}",
                ],
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[3],
            )
        ours.settimeout(20.0)
        hello = ours.recv(2, socket.MSG_WAITALL)
        if len(hello) != 2:
            ours.close()
            child.wait()
            raise RuntimeError(f"the USB/IP child ended with {child.returncode}")
        ours.settimeout(None)
        with self._lock:
            self.port = int.from_bytes(hello, "big")
            self._child, self._line = child, ours

    def _close(self) -> None:
        with self._lock:
            child, line = self._child, self._line
            self._child = self._line = None
        if line is not None:
            line.shutdown(socket.SHUT_RDWR)
        if child is not None:
            child.kill()
            child.wait()
        if line is not None:
            line.close()

    def _power(self, on: bool) -> None:
        if on:
            self._open()
        else:
            self._close()

    def _frame(self, kind: bytes, data: bytes = b"") -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._line is not None:
                self._line.sendall(kind + len(data).to_bytes(2, "big") + data)

    def _send(self, data: bytes) -> None:
        self._frame(b"D", data)

    def _session(self) -> None:
        with self._lock:
            line = self._line
        if line is None:
            self._halt.wait(_POLL_S)
            return
        with self.printer.attached(self._send), contextlib.suppress(OSError, ValueError):
            while self._wanted() and self._line is line:
                if not select.select([line], [], [], _POLL_S)[0]:
                    continue
                head = line.recv(4, socket.MSG_WAITALL)
                if len(head) < 4:
                    return
                data = line.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                if self._deliver(data) and self._line is line:
                    self._frame(b"A")
