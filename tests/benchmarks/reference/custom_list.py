"""The fastest till one could write with Textual and no rules: what a scan costs when nothing is sold.

One plain Widget draws the lines itself, from cached strips, and a scan asks for one repaint. There is no
lookup, no journal, no key and no style: each scanned code becomes a row at the one price.
"""

import argparse
import asyncio
import os

from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Digits, Input

PRICES_CENTS = {"article": 199}


def euros(amount_cents: int) -> str:
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


class LineList(Widget):
    """Always shows the newest rows: its window is the last `height` of them."""

    DEFAULT_CSS = "LineList { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []
        self._strips: dict[int, Strip] = {}

    def on_resize(self, _event: events.Resize) -> None:
        self._strips.clear()

    def append(self, row: str) -> None:
        self.rows.append(row)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        index = max(0, len(self.rows) - height) + y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        strip = self._strips.get(index)
        if strip is None:
            text = self.rows[index][:width].ljust(width)
            strip = self._strips[index] = Strip([Segment(text, self.rich_style)], width)
        return strip


class CustomListTill(App[None]):
    CSS = "Digits { text-align: right; } Input { border: none; height: 1; }"

    def __init__(self, rows: int, scans_fd: int | None) -> None:
        super().__init__()
        self._scans_fd = scans_fd
        self._unread = b""
        self._total_cents = 0
        self._lines = LineList()
        self._digits = Digits("0.00")
        for number in range(rows):
            self._sell(f"start-{number}")

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._digits
        entry = Input(placeholder="Article or number")
        entry.cursor_blink = False
        yield entry

    def on_mount(self) -> None:
        self._digits.update(euros(self._total_cents))
        if self._scans_fd is not None:
            asyncio.get_running_loop().add_reader(self._scans_fd, self._read_scans, self._scans_fd)

    def _read_scans(self, fd: int) -> None:
        chunk = os.read(fd, 4096)
        if not chunk:
            asyncio.get_running_loop().remove_reader(fd)
            return
        *codes, self._unread = (self._unread + chunk).split(b"\n")
        for code in codes:
            self._sell(code.decode())
        self._digits.update(euros(self._total_cents))

    def _sell(self, code: str) -> None:
        price_cents = PRICES_CENTS["article"]
        self._total_cents += price_cents
        number, price = len(self._lines.rows) + 1, euros(price_cents)
        self._lines.append(f"{number:>4}  {'Article ' + code:<40} {1:>4} {price:>12} {price:>12}")


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=0)
    options.add_argument("--fd", type=int)
    chosen = options.parse_args()
    CustomListTill(chosen.rows, chosen.fd).run()
