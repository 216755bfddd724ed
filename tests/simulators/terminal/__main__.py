"""`python -m tests.simulators.terminal --listen 127.0.0.1:20007`: a card terminal for the demo, with a small screen and keys."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from tests.simulators.terminal.customer import Timing
from tests.simulators.terminal.desk import FAULT_TEXT, ControlServer, Desk, Person, load, save
from tests.simulators.terminal.panel import run_panel
from tests.simulators.terminal.server import PtyPort, TcpPort
from tests.simulators.terminal.statuses import Identity
from tests.simulators.terminal.terminal import Setup, Terminal


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulators.terminal",
        description=__doc__,
        epilog=f"faults by the cents of an amount:\n{FAULT_TEXT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--listen", metavar="HOST:PORT", help="TCP, usually port 20007; port 0 takes a free one"
    )
    where.add_argument("--serial", type=Path, metavar="LINK", help="serial line; LINK will point to it")
    where.add_argument(
        "--attach", metavar="PORT", help="the screen of one that runs: its control port, or a file with it"
    )
    parser.add_argument(
        "--personality", choices=("auto-reverse", "keep", "mark-declined"), default="auto-reverse"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="memory and charges, kept over restarts")
    parser.add_argument("--control", type=int, default=0, metavar="PORT", help="words in, JSON out")
    parser.add_argument("--password", default="000000")
    parser.add_argument("--no-faults", action="store_true", help="amounts make no difference")
    parser.add_argument("--manual", action="store_true", help="each card waits for a key")
    parser.add_argument("--no-screen", action="store_true")
    parser.add_argument("--card-seconds", type=float, default=2.5, help="until the card is there")
    return parser.parse_args()


async def _run(wanted: argparse.Namespace) -> None:
    timing = Timing(card_s=wanted.card_seconds, pin_s=0.8, host_s=0.8)
    person = Person(timing)
    person.manual = wanted.manual
    saved = load(wanted.state)
    setup = Setup(
        personality=wanted.personality,
        identity=Identity(tippable=True),
        password=wanted.password,
        faults=not wanted.no_faults,
    )
    terminal = Terminal(setup, timing=timing, bank=saved.bank, memory=saved.memory, customer=person)
    if wanted.state is not None:
        terminal.keep = lambda: save(wanted.state, terminal)
    port: TcpPort | PtyPort
    if wanted.serial is not None:
        port = PtyPort(terminal, wanted.serial)
    else:
        host, _, number = wanted.listen.rpartition(":")
        port = TcpPort(terminal, host, int(number))
    desk = Desk(port, person)
    await desk.start()
    control = ControlServer(desk, wanted.control)
    await control.start()
    place = wanted.serial if isinstance(port, PtyPort) else f"{port.host}:{port.port}"
    print(f"terminal {place}, control {control.port}", flush=True)
    try:
        if wanted.no_screen or not sys.stdin.isatty():
            await asyncio.Event().wait()
        else:
            await run_panel(control.port)
    finally:
        if wanted.state is not None:
            save(wanted.state, terminal)
        terminal.stop()
        await port.unplug()


def _port(text: str) -> int:
    return int(text if text.isdecimal() else Path(text).read_text(encoding="ascii"))


def main() -> int:
    wanted = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(wanted) if wanted.attach is None else run_panel(_port(wanted.attach)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
