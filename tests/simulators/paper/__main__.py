"""`python -m tests.simulators.paper`: a printer for the demo, with its paper in the browser."""

import argparse
import contextlib
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from tests.simulators.paper.control import ControlServer
from tests.simulators.paper.page import PageServer
from tests.simulators.paper.printer import PaperPrinter
from tests.simulators.paper.profile import PROFILES
from tests.simulators.paper.servers import PtyServer, TcpServer, UsbServer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.paper", description=__doc__)
    parser.add_argument("--tcp", type=int, metavar="PORT", help="raw TCP port of the printer, usually 9100")
    parser.add_argument("--pty", type=Path, metavar="LINK", help="serial line; LINK will point to it")
    parser.add_argument(
        "--usbip", type=int, metavar="PORT", help="virtual USB printer by USB/IP, usually 3240"
    )
    parser.add_argument("--http", type=int, metavar="PORT", help="the paper in a browser")
    parser.add_argument("--control-port", type=int, metavar="PORT", help="lines such as `paper end`")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="48", help="columns of font A")
    parser.add_argument("--personality", choices=("full", "clone", "silent"), default="full")
    parser.add_argument("--speed", type=float, default=200.0, metavar="MM_S", help="0 prints at once")
    parser.add_argument("--buffer", type=int, default=4096, metavar="BYTES")
    return parser.parse_args()


def main() -> int:
    wanted = _arguments()
    printer = PaperPrinter(
        wanted.profile,
        buffer_bytes=wanted.buffer,
        speed_mm_s=wanted.speed or None,
        personality=wanted.personality,
    )
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with contextlib.ExitStack() as running:
        running.enter_context(printer)
        if wanted.tcp is not None:
            tcp = running.enter_context(TcpServer(printer, wanted.tcp))
            print(f"tcp 127.0.0.1:{tcp.port}", flush=True)
        if wanted.pty is not None:
            serial = running.enter_context(PtyServer(printer, wanted.pty))
            print(f"pty {wanted.pty} -> {serial.path}", flush=True)
        if wanted.usbip is not None:
            usb = running.enter_context(UsbServer(printer, wanted.usbip))
            print(f"usbip 127.0.0.1:{usb.port}", flush=True)
        if wanted.http is not None:
            page = PageServer(printer, wanted.http)
            _serve(running, page)
            print(f"http://127.0.0.1:{page.port}/", flush=True)
        if wanted.control_port is not None:
            control = ControlServer(printer, wanted.control_port)
            _serve(running, control)
            print(f"control 127.0.0.1:{control.port}", flush=True)
        ended.wait()
    return 0


def _serve(running: contextlib.ExitStack, server: PageServer | ControlServer) -> None:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    running.callback(thread.join)
    running.callback(server.server_close)
    running.callback(server.shutdown)


if __name__ == "__main__":
    sys.exit(main())
