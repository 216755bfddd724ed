"""What a scan costs the real till, from the scanner's line to the painted row and total, beside bare screens.

All programs run at once and take turns. The carts: 5 lines (emptied and refilled between blocks), 50 and 500
lines (growing). A cart of 5 does not fill the window of 80 x 24, so it paints less than one of 500; whether the
cart's size costs anything is therefore asked in a window of five rows, which both fill.
"""

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks import reference
from tests.benchmarks.harness import QUIET_S, Candidate, Running, Sample, Summary, summarize
from tests.benchmarks.iocount import slow_fsync
from tests.benchmarks.real_till import RealTill
from tests.benchmarks.report import Report
from tests.benchmarks.shop import Catalogue, Shop
from tests.benchmarks.small_cart import restart, small_cart

SMALL, BLOCK, WARM_UP = 5, 5, 10
WAKING = 2  # scans before each block that do not count: the program has slept while others took their turns
ROWS, ROWS_FOR_FIVE = 24, 16  # in the lower terminal the cart's window has five rows
BURST, BURST_S = 20, 0.2
SLOW_MS = 200


@dataclass(slots=True)
class Player:
    """A candidate and its cart: `begin` once after the start, `refill` before each block of scans."""

    candidate: Candidate
    begin: Callable[[Running], None] = lambda _app: None
    refill: Callable[[Running], None] = lambda _app: None
    rows: int = ROWS
    samples: list[Sample] = field(default_factory=list)


def play(players: Sequence[Player], scans: int, seed: int = 1) -> list[Summary]:
    """So many samples of each; they take turns of `BLOCK` scans."""
    pauses = random.Random(seed)
    with contextlib.ExitStack() as stack:
        apps = [stack.enter_context(Running(player.candidate, 80, player.rows)) for player in players]
        for player, app in zip(players, apps, strict=True):
            app.settle()
            player.begin(app)
        for turn in range(-WARM_UP // BLOCK, -(-scans // BLOCK)):
            for player, app in zip(players, apps, strict=True):
                player.refill(app)
                block = [app.scan(pauses.uniform(*QUIET_S)) for _ in range(WAKING + BLOCK)]
                if turn >= 0:
                    player.samples += block[WAKING:]
    return [summarize(player.samples) for player in players]


def till_player(till: RealTill, lines: int, rows: int = ROWS) -> Player:
    """A till whose cart begins with so many lines; a small cart goes back to them before each block."""

    def back(app: Running) -> None:
        if till.lines > SMALL:
            till.pay(app)
        till.fill(app, SMALL)

    if lines == SMALL:
        return Player(till.candidate, refill=back, rows=rows)
    return Player(till.candidate, begin=lambda app: till.fill(app, lines), rows=rows)


def measure(report: Report, shop: Shop, sells: Catalogue, scans: int) -> None:
    def till(name: str, lines: int, rows: int = ROWS) -> Player:
        return till_player(RealTill(name, shop.till(name, sells), sells), lines, rows)

    players = [
        till("till-5", 5),
        Player(small_cart(), refill=lambda app: restart(app, SMALL)),
        till("till-50", 50),
        Player(reference.custom_list(50)),
        Player(reference.datatable(50)),
        till("till-500", 500),
        Player(reference.custom_list(500)),
        till("till-5-low", 5, ROWS_FOR_FIVE),
        till("till-500-low", 500, ROWS_FOR_FIVE),
    ]
    till_5, bare_5, till_50, bare_50, table, till_500, bare_500, low_5, low_500 = play(players, scans)
    for lines, ours, bare in ((5, till_5, bare_5), (50, till_50, bare_50), (500, till_500, bare_500)):
        _against_bare(report, f"scan, {lines} lines", ours, bare)
        most = max(sample.output_bytes for player in players if player.candidate.name == f"till-{lines}"
                   for sample in player.samples)  # fmt: skip
        report.add(f"scan, {lines} lines, frames most", ours.frames_max, "", bar=1)
        report.add(f"scan, {lines} lines, bytes most", most, "B", bar=4096)
    report.add("scan, bare list, 50 lines, bytes mean", bare_50.output_bytes_mean, "B")
    report.add("scan, 50 lines against DataTable, CPU p50", till_50.cpu_ms_p50, "ms",
               reference=table.cpu_ms_p50, bar=0.1)  # fmt: skip
    report.add("scan, 50 lines against DataTable, wall p50", till_50.wall_ms_p50, "ms",
               reference=table.wall_ms_p50, bar=0.1)  # fmt: skip
    report.add("scan, bare list against DataTable, CPU p50", bare_50.cpu_ms_p50, "ms",
               reference=table.cpu_ms_p50)  # fmt: skip
    report.add("scan, 500 lines against 5, same window, CPU p50", low_500.cpu_ms_p50, "ms",
               reference=low_5.cpu_ms_p50, bar=1.1)  # fmt: skip
    report.add("scan, 500 lines against 50, CPU p50", till_500.cpu_ms_p50, "ms",
               reference=till_50.cpu_ms_p50, bar=1.1)  # fmt: skip
    report.add("scan, 500 lines against 5, fuller window, CPU p50", till_500.cpu_ms_p50, "ms",
               reference=till_5.cpu_ms_p50)  # fmt: skip
    report.add("... the bare list's own, CPU p50", bare_500.cpu_ms_p50, "ms", reference=bare_5.cpu_ms_p50)


def bursts(report: Report, shop: Shop, sells: Catalogue, times: int) -> None:
    till = RealTill("till-burst", shop.till("till-burst", sells), sells)
    with Running(till.candidate) as app:
        app.settle()
        for same, what in ((False, "different codes"), (True, "one code")):
            done = [till.burst(app, BURST, BURST_S, same=same) for _ in range(times)]
            name = f"burst of {BURST} in {BURST_S * 1000:.0f} ms, {what}"
            report.add(f"{name}, missing or out of order", sum(burst.missing for burst in done), "", bar=0)
            painted = max(burst.last_painted_ms for burst in done)
            report.add(f"{name}, last painted after, worst", painted, "ms", bar=100)


def on_slow_disk(report: Report, shop: Shop, sells: Catalogue, scans: int) -> None:
    """Both under strace, so that its own cost falls on both; the reference writes nothing."""
    till = RealTill("till-slow", shop.till("till-slow", sells), sells, slow_fsync_ms=SLOW_MS)
    bare = reference.custom_list(50)
    argv = tuple(slow_fsync(bare.argv, SLOW_MS))
    traced = Candidate("custom list, slow", argv, bare.first_frame, bare.send_scan)
    ours, other = play([till_player(till, 50), Player(traced)], scans)
    _against_bare(report, f"scan at {SLOW_MS} ms a sync, 50 lines", ours, other)


def _against_bare(report: Report, name: str, ours: Summary, bare: Summary) -> None:
    for what, value, other, bar in (
        ("CPU p50", ours.cpu_ms_p50, bare.cpu_ms_p50, 1.5),
        ("wall p50", ours.wall_ms_p50, bare.wall_ms_p50, 1.5),
        ("wall p99", ours.wall_ms_p99, bare.wall_ms_p99, 2.0),
    ):
        report.add(f"{name}, {what}", value, "ms", reference=other, bar=bar)
