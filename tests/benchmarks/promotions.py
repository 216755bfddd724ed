"""What promotions cost a scan: the whole cart priced again, by number of lines and of promotions.

"none" touch no line, "few" are promotions of which some touch a tenth of the lines, "each its own" divide the whole
cart among them, "its own, one all" has a threshold over the whole cart besides, "all" each touch every line that is open to them. Run alone with `python -m tests.benchmarks.promotions`.
"""

import datetime as dt
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pos.domain.promotions import Book, Evaluated, Part, Pricer, Promotion, PromotionLine, Selection
from tests.benchmarks.harness import percentile
from tests.benchmarks.report import Report

CARTS = (5, 50, 500)
DEPARTMENTS = 20
LAST = 20  # scans
# How many promotions, what they reach, whether they combine.
CASES = (
    (0, "none", False),
    (20, "none", False),
    (200, "none", False),
    (200, "few", False),
    (200, "few", True),
    (20, "each its own", False),
    (20, "each its own", True),
    (20, "its own, one all", False),
    (20, "its own, one all", True),
    (20, "all", False),
    (20, "all", True),
)
BARS = {"none": 30.0, "few": 1_000.0, "each its own": 1_000.0}  # microseconds for a scan at 500 lines
MOMENT = dt.datetime(2026, 11, 20, 17, 30)  # noqa: DTZ001 local time of a shop


def cart(lines: int) -> tuple[PromotionLine, ...]:
    """Lines of 1 to 3 pieces, each eighth by weight, over 20 departments."""
    return tuple(
        PromotionLine(n, f"A{n}", n % DEPARTMENTS, Decimal(n % 3 + 1), "pc", 99 + n, (99 + n) * (n % 3 + 1))
        if n % 8
        else PromotionLine(n, f"A{n}", n % DEPARTMENTS, Decimal("0.486"), "kg", 1299, 631)
        for n in range(1, lines + 1)
    )


def row(number: int, selection: Selection, *, combinable: bool) -> Promotion:
    """The kinds in turn, all on one selection."""
    kinds: tuple[dict[str, Any], ...] = (
        {"kind": "percent", "percent": Decimal(10)},
        {"kind": "amount", "amount_minor": 20},
        {"kind": "n-for-m", "n": 3, "m": 2},
        {"kind": "fixed-price", "price_minor": 89},
        {"kind": "n-for-price", "n": 2, "price_minor": 150},
        {"kind": "mix", "parts": (Part(1), Part(2)), "percent": Decimal(15)},
        {"kind": "threshold", "min_minor": 1000, "amount_minor": 100},
    )
    fields = kinds[number % len(kinds)]
    return Promotion(id=f"P{number:03}", text="Aktion", selection=selection, combinable=combinable, **fields)


def rows(count: int, reach: str, *, combinable: bool) -> list[Promotion]:
    made = [row(at, _selection(at, reach), combinable=combinable) for at in range(count)]
    if reach == "its own, one all":  # the last one is for whoever buys for 50.00
        made[-1] = Promotion(
            "P999", "Aktion", "threshold", min_minor=5_000, amount_minor=500, combinable=True
        )
    return made


def _selection(at: int, reach: str) -> Selection:
    if reach == "all":
        return Selection()
    within = {
        "none": 0,
        "few": DEPARTMENTS // 10,
        "each its own": DEPARTMENTS,
        "its own, one all": DEPARTMENTS,
    }[reach]
    return Selection(departments=(at if at < within else 1000 + at,), skus=(f"B{at}",))


def scan(book: Book | Pricer, lines: Sequence[PromotionLine]) -> Evaluated:
    return book.evaluate(lines, moment=MOMENT, groups=(), coupons={}, left={})


def scans_us(rows_: Sequence[Promotion], lines: Sequence[PromotionLine], rounds: int) -> list[float]:
    """What each of the last scans of a cart costs, as the till does it."""
    last = min(len(lines) - 1, LAST)
    took: list[float] = []
    while len(took) < rounds:
        pricer = Pricer(Book(rows_))
        scan(pricer, lines[: len(lines) - last])
        counts = range(len(lines) - last + 1, len(lines) + 1)
        took.extend(_time_us(pricer, lines[:count]) for count in counts)
    return took


def whole_us(rows_: Sequence[Promotion], lines: Sequence[PromotionLine], rounds: int) -> list[float]:
    """What it costs to price the whole cart from the beginning, as after a removed line."""
    book = Book(rows_)
    scan(book, lines)
    return [_time_us(book, lines) for _ in range(rounds)]


def _time_us(book: Book | Pricer, lines: Sequence[PromotionLine]) -> float:
    """CPU time of this thread, which a busy machine disturbs least."""
    began = time.thread_time_ns()
    scan(book, lines)
    return (time.thread_time_ns() - began) / 1_000


def measure(report: Report, rounds: int) -> None:
    for lines in CARTS:
        sold = cart(lines)
        for count, reach, combinable in CASES:
            given = rows(count, reach, combinable=combinable)
            name = f"promotions, {lines} lines, {count} {reach}{', combinable' if combinable else ''}"
            bar = BARS.get(reach) if lines == CARTS[-1] else None
            scanned = scans_us(given, sold, rounds)
            report.add(f"{name}, a scan, CPU p50", percentile(scanned, 50), "us", bar=bar)
            if reach != "none":
                report.add(f"{name}, a scan, CPU p95", percentile(scanned, 95), "us")
            report.add(
                f"{name}, the whole cart, CPU p50", percentile(whole_us(given, sold, rounds), 50), "us"
            )


if __name__ == "__main__":
    found = Report()
    measure(found, 60)
    found.print()
