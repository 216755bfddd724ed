"""Line displays of two rows of 20, from outside: what they show after the bytes they were sent, and what they refuse.

Strict: a byte that the manual does not give is noted in `refused`, and shown as nothing. A display keeps its power
when its line is pulled, so it keeps its state too.

`python -m tests.simulators.display --pty LINK --protocol cd5220` shows one in a terminal.
"""

import argparse
import os
import re
import select
import sys
import threading
import tty
from pathlib import Path

__all__ = ["COLUMNS", "DisplayServer", "LineDisplay", "main"]

COLUMNS = 20
_PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 19: "cp858"}
CAN = 0x18
# Each command as its whole bytes, and as any beginning of them: what a stream may be cut into.
_GRAMMARS = {
    "cd5220": (
        (rb"\x1b@", "reset"),
        (rb"\x0c", "clear"),
        (rb"\x1bt(?P<page>[\x00\x02\x10\x13])", "page"),
        (rb"\x1bQ(?P<row>[AB])(?P<text>[\x20-\xff]{0,20})\r", "string"),
    ),
    "esc-pos": (
        (rb"\x1b@", "reset"),
        (rb"\x0c", "clear"),
        (rb"\x1f\x01", "overwrite"),
        (rb"\x1fC[\x00\x01]", "cursor"),
        (rb"\x1bR[\x00-\x0d]", "set"),
        (rb"\x1bt(?P<page>[\x00\x02\x10\x13])", "page"),
        (rb"\x1f\x24(?P<x>[\x01-\x14])(?P<y>[\x01\x02])", "move"),
        (rb"(?P<text>[\x20-\xff])", "text"),
    ),
    "ba63": (
        (rb"\x1b\[2J", "clear"),
        (rb"\x1b\[(?P<y>[12]);(?P<x>[1-9]|1[0-9]|20)H", "move"),
        (rb"\x1bR(?P<set>4)", "page858"),
        (rb"(?P<text>[\x20-\xff])", "text"),
    ),
}
_LONGEST = 3 + COLUMNS + 1


class LineDisplay:
    """The display itself: `feed` it bytes, read `rows`."""

    def __init__(self, protocol: str, *, hid: bool = False) -> None:
        self._grammar = [(re.compile(pattern, re.DOTALL), what) for pattern, what in _GRAMMARS[protocol]]
        self._protocol = protocol
        self._hid = hid
        self._held = bytearray()
        self._report = bytearray()
        self.refused = bytearray()
        self.received = 0
        self._reset()

    def _reset(self) -> None:
        self._page = "cp437"
        self._clear()

    def _clear(self) -> None:
        self._cells = [[" "] * COLUMNS, [" "] * COLUMNS]
        self._x = self._y = 0

    @property
    def rows(self) -> tuple[str, str]:
        upper, lower = ("".join(row).rstrip() for row in self._cells)
        return upper, lower

    def feed(self, data: bytes) -> None:
        self.received += len(data)
        if self._hid:
            self._report += data
            while len(self._report) >= 33:
                whole, self._report = bytes(self._report[:33]), self._report[33:]
                if whole[:3] != b"\x00\x02\x00" or whole[3] > 29 or any(whole[4 + whole[3] :]):
                    self.refused += whole
                else:
                    self._take(whole[4 : 4 + whole[3]])
            return
        self._take(data)

    def lose_report(self) -> None:
        """A report that did not come whole did not come."""
        self._report.clear()

    def _take(self, data: bytes) -> None:
        for byte in data:
            if byte == CAN:  # gives up what was begun
                self._held.clear()
                continue
            self._held.append(byte)
            self._try()

    def _try(self) -> None:
        held = bytes(self._held)
        for pattern, what in self._grammar:
            match = pattern.fullmatch(held)
            if match:
                self._held.clear()
                self._do(what, match.groupdict())
                return
        if not self._may_become(held):
            self.refused += held
            self._held.clear()

    def _may_become(self, held: bytes) -> bool:
        beginnings = {
            "cd5220": rb"\x1b(t|Q([AB][\x20-\xff]{0,20})?)?",
            "esc-pos": rb"\x1b[Rt]?|\x1f(C|\x24[\x01-\x14]?)?",
            "ba63": rb"\x1b(R|\[(2|[12];?|[12];[0-9]{1,2})?)?",
        }
        return re.fullmatch(beginnings[self._protocol], held, re.DOTALL) is not None

    def _do(self, what: str, found: dict[str, bytes]) -> None:
        if what == "reset":
            self._reset()
        elif what == "clear":
            self._clear()
        elif what == "page":
            self._page = _PAGES[found["page"][0]]
        elif what == "page858":
            self._page = "cp858"
        elif what == "string":
            text = found["text"].decode(self._page).ljust(COLUMNS)
            self._cells[found["row"] == b"B"] = list(text)
        elif what == "move":
            x, y = found["x"], found["y"]
            self._x, self._y = (
                (x[0] - 1, y[0] - 1) if self._protocol == "esc-pos" else (int(x) - 1, int(y) - 1)
            )
        elif what == "text":
            self._cells[self._y][self._x] = found["text"].decode(self._page)
            self._x += 1
            if self._x == COLUMNS:
                self._x, self._y = 0, 1 - self._y


class DisplayServer:
    """A display on a pty. `path` is a link that stays the same however often it is plugged."""

    def __init__(self, display: LineDisplay, link: Path) -> None:
        self.display = display
        self.path = link
        self.changed = threading.Condition()
        self._master = -1
        self._plugged = 0
        self._after: int | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.plug()
        self._thread.start()

    def plug(self) -> None:
        master, line = os.openpty()
        tty.setraw(line)
        self._line = line  # held, so that a till that closes does not hang the display up
        self.path.unlink(missing_ok=True)
        self._plugged += 1
        Path(os.ttyname(line)).chmod(0o600 | self._plugged % 2)  # a node that is new looks new
        self.path.symlink_to(os.ttyname(line))
        self._master = master

    def unplug(self) -> None:
        self.display.lose_report()
        master, self._master = self._master, -1
        self.path.unlink(missing_ok=True)
        if master >= 0:
            os.close(self._line)
            os.close(master)

    def unplug_after(self, count: int) -> None:
        """Pull the line when so many bytes more have come."""
        self._after = self.display.received + count

    def send(self, data: bytes) -> None:
        """Noise: a display has nothing to say."""
        os.write(self._master, data)

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self.unplug()

    def _run(self) -> None:
        while not self._stop:
            master = self._master
            if master < 0:
                with self.changed:
                    self.changed.wait(0.005)
                continue
            try:
                if not select.select([master], [], [], 0.01)[0]:
                    continue
                room = 64 if self._after is None else max(1, self._after - self.display.received)
                data = os.read(master, room)
            except (OSError, ValueError):
                continue
            self.display.feed(data)
            if self._after is not None and self.display.received >= self._after:
                self._after = None
                self.unplug()


def main() -> int:
    parser = argparse.ArgumentParser(prog="display")
    parser.add_argument("--pty", type=Path, required=True, metavar="LINK")
    parser.add_argument("--protocol", choices=sorted(_GRAMMARS), default="cd5220")
    chosen = parser.parse_args()
    server = DisplayServer(LineDisplay(chosen.protocol), chosen.pty)
    shown: tuple[str, str] | None = None
    try:
        while True:
            if server.display.rows != shown:
                shown = server.display.rows
                print(f"+{'-' * COLUMNS}+\n|{shown[0]:<{COLUMNS}}|\n|{shown[1]:<{COLUMNS}}|", flush=True)
            with server.changed:
                server.changed.wait(0.05)
    except KeyboardInterrupt:
        server.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
