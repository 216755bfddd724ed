"""The till most people would write first: Textual's DataTable, a total and an entry line.

As kind to DataTable as its documentation allows: fixed column widths, plain text cells, no header, no
zebra, no scrollbar, no animation. The newest row is the cursor row, so that it is on the screen.
"""

import argparse
import asyncio
import os

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Digits, Input

PRICES_CENTS = {"article": 199}


def euros(amount_cents: int) -> str:
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


class DataTableTill(App[None]):
    CSS = """
    DataTable { height: 1fr; scrollbar-size: 0 0; }
    Digits { text-align: right; }
    Input { border: none; height: 1; }
    """
    AUTO_FOCUS = "Input"

    def __init__(self, rows: int, scans_fd: int | None) -> None:
        super().__init__()
        self._start_rows = rows
        self._scans_fd = scans_fd
        self._unread = b""
        self._total_cents = 0
        self._table: DataTable[str] = DataTable(show_header=False, cursor_type="row")
        self._digits = Digits("0.00")

    def compose(self) -> ComposeResult:
        yield self._table
        yield self._digits
        entry = Input(placeholder="Article or number")
        entry.cursor_blink = False
        yield entry

    def on_mount(self) -> None:
        for label, width in (("no", 4), ("article", 38), ("quantity", 4), ("price", 10), ("amount", 10)):
            self._table.add_column(label, width=width)
        for number in range(self._start_rows):
            self._sell(f"start-{number}")
        self._show_newest()
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
        self._show_newest()

    def _sell(self, code: str) -> None:
        price_cents = PRICES_CENTS["article"]
        self._total_cents += price_cents
        number, price = self._table.row_count + 1, euros(price_cents)
        self._table.add_row(str(number), f"Article {code}", "1", price, price)

    def _show_newest(self) -> None:
        if self._table.row_count:
            self._table.move_cursor(row=self._table.row_count - 1)
        self._digits.update(euros(self._total_cents))


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=0)
    options.add_argument("--fd", type=int)
    chosen = options.parse_args()
    DataTableTill(chosen.rows, chosen.fd).run()
