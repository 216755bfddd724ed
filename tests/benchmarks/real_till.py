"""The real `tresen till` as a candidate for the harness: started by its command, signed in by keys, scanned by pipe."""

import itertools
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.benchmarks.harness import NS_PER_MS, Candidate, Running
from tests.benchmarks.iocount import slow_fsync
from tests.benchmarks.shop import PIN, Catalogue, Shelved, tresen

FIRST_FRAME = b"Wer arbeitet an dieser Kasse?"
ASKS_PIN = b"Bitte die PIN tippen"
READY = b"Bereit. Scannen"
PAID = "RÜCKGELD".encode()
PAY_KEY = b"\x1b[24~"  # F12
# The window of 80 x 24 has 13 rows of lines; these many in one write are read in one piece.
FILL = 20


class RealTill:
    """One till. Sells articles it has not sold before until the catalogue's list of them is used up."""

    def __init__(
        self, name: str, state: Path, sells: Catalogue | None = None, slow_fsync_ms: int = 0
    ) -> None:
        self.state = state
        self.lines = 0
        self._articles: Iterator[Shelved] = itertools.cycle(sells.articles if sells else ())
        argv = [sys.executable, "-m", "pos", "till", "--state", str(state), "--scanner", "fd:{scan}"]
        self.candidate = Candidate(
            name=name,
            argv=tuple(slow_fsync(argv, slow_fsync_ms) if slow_fsync_ms else argv),
            first_frame=FIRST_FRAME,
            send_scan=lambda app, _number: self.send(app),
            setup=self.sign_in,
        )

    def sign_in(self, app: Running) -> None:
        """By keys, as a cashier does: the operator's number, then PIN and Enter."""
        os.write(app.terminal_fd, b"1")
        app.wait_for(ASKS_PIN)
        os.write(app.terminal_fd, PIN.encode() + b"\r")
        app.wait_for(READY)

    def send(self, app: Running) -> bytes:
        """Scans the next article; what its row shows."""
        article = next(self._articles)
        os.write(app.scan_fd, article.code.encode() + b"\n")
        self.lines += 1
        return newest_row(self.lines, article.name)

    def fill(self, app: Running, lines: int) -> None:
        """Scans until the cart has so many lines; not measured."""
        while (wanted := min(lines - self.lines, FILL)) > 0:
            marker = [self.send(app) for _ in range(wanted)][-1]
            app.wait_for(marker)
        app.read_until_quiet(0.1)

    def pay(self, app: Running) -> None:
        """Takes the exact amount in cash; the next scan begins an empty cart."""
        app.read_until_quiet(0.05)
        os.write(app.terminal_fd, PAY_KEY)
        app.wait_for(PAID)
        app.read_until_quiet(0.1)
        self.lines = 0

    def burst(self, app: Running, scans: int, seconds: float, *, same: bool) -> "Burst":
        """So many scans in so much time into an empty cart, paid at the end."""
        articles = [next(self._articles)] * scans if same else [next(self._articles) for _ in range(scans)]
        app.read_until_quiet(0.1)
        begun_ns = time.perf_counter_ns()
        output = b""
        for place, article in enumerate(articles):
            due_ns = begun_ns + round(place * seconds * 1e9 / scans)
            while (left_ns := due_ns - time.perf_counter_ns()) > 0:
                output += app.read_until_quiet(left_ns / 1e9)[0]
            os.write(app.scan_fd, article.code.encode() + b"\n")
        sent_ns = time.perf_counter_ns()
        self.lines = scans
        last_row = newest_row(scans, articles[-1].name)
        if last_row not in output:
            app.wait_for(last_row)
        painted_ns = time.perf_counter_ns()
        self.pay(app)
        sold = tuple(line["gtin"] for line in self.last_sale()["lines"])
        codes = tuple(article.code for article in articles)
        return Burst(codes, sold, (sent_ns - begun_ns) / NS_PER_MS, (painted_ns - sent_ns) / NS_PER_MS)

    def last_sale(self) -> dict[str, list[dict[str, str]]]:
        """The body of the newest sale in the journal, read beside the running till."""
        shown = tresen("journal", "show", "--state", str(self.state), "--kind", "sale", "--last", "1")
        sale: dict[str, list[dict[str, str]]] = msgspec.json.decode(shown)["body"]
        return sale


@dataclass(frozen=True, slots=True)
class Burst:
    """What was scanned and what was sold, in order; how long the scans took, and the picture after the last one."""

    scanned: tuple[str, ...]
    sold: tuple[str, ...]
    sent_ms: float
    last_painted_ms: float

    @property
    def missing(self) -> int:
        """How many scans are not in their place."""
        return sum(mine != theirs for mine, theirs in itertools.zip_longest(self.scanned, self.sold))


def newest_row(number: int, name: str) -> bytes:
    """The beginning of a cart's newest row: its number, one piece, and what fits of the name in any case."""
    return f"{number:>4}{1:>10}  {name[:16]}".encode()
