"""What promotions cost a scan: the whole cart priced again, by number of lines and of promotions.

"none" touch no line, "few" are promotions of which some touch a tenth of the lines, "each its own" divide the whole
cart among them, "all" each touch every line that is open to them. Run alone with `python -m tests.benchmarks.promotions`.
"""

import datetime as dt
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pos.domain.promotions import Book, Evaluated, Part, Promotion, PromotionLine, Selection
from tests.benchmarks.harness import percentile
from tests.benchmarks.report import Report

CARTS = (5, 50, 500)
DEPARTMENTS = 20
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
    selections = {
        "none": lambda at: Selection(departments=(1000 + at,), skus=(f"B{at}",)),
        "few": lambda at: Selection(departments=(at,) if at < DEPARTMENTS // 10 else (1000 + at,)),
        "each its own": lambda at: Selection(departments=(at,)),
        "all": lambda _at: Selection(),
    }
    return [row(at, selections[reach](at), combinable=combinable) for at in range(count)]


def scan(book: Book, lines: Sequence[PromotionLine]) -> Evaluated:
    return book.evaluate(lines, moment=MOMENT, groups=(), coupons={}, left={})


def measure(report: Report, rounds: int) -> None:
    for lines in CARTS:
        sold = cart(lines)
        for count, reach, combinable in (
            (0, "none", False),
            (20, "none", False),
            (200, "none", False),
            (200, "few", False),
            (200, "few", True),
            (20, "each its own", False),
            (20, "each its own", True),
            (20, "all", False),
            (20, "all", True),
        ):
            book = Book(rows(count, reach, combinable=combinable))
            scan(book, sold)
            took = []
            for _ in range(rounds):
                began = time.perf_counter_ns()
                scan(book, sold)
                took.append((time.perf_counter_ns() - began) / 1_000)
            name = f"promotions, {lines} lines, {count} {reach}{', combinable' if combinable else ''}"
            bar = None
            if lines == CARTS[-1]:
                bar = {"none": 30.0, "few": 1_000.0, "each its own": 1_000.0}.get(reach)
            report.add(f"{name}, p50", percentile(took, 50), "us", bar=bar)


if __name__ == "__main__":
    found = Report()
    measure(found, 100)
    found.print()
