"""A scan at a till with 200 promotions beside the same scan without any: rules, cart, sums and view, in memory.

Two tills take turns in one process; what counts is this thread's CPU time from the scan to the new view. Of the
promotions, ten each reach a tenth of the articles ("some"), or each article has two of its own ("every line"). Run
alone with `python -m tests.benchmarks.promoted_scans`.
"""

import asyncio
import time
from decimal import Decimal
from typing import Any

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.promotions import Promotion, Selection
from tests.benchmarks.harness import percentile
from tests.benchmarks.report import Report
from tests.tui.fakes import FakeCatalogue, Shop, code

LINES = (10, 100, 500)
PROMOTIONS = 200
SHELF = 100
ROUNDS = 20  # scans of a cart before it is emptied and filled again


def shelf() -> list[Article]:
    return [
        Article(f"A{n}", f"Artikel {n}", "AB"[n % 2], 99 + n, gtin=code(n), department=n % 20 + 1)
        for n in range(SHELF)
    ]


def rows(reach: str) -> list[Promotion]:
    """The kinds in turn. "some": 20 of the 200 reach five articles each, the others nothing that is sold here."""
    kinds: tuple[dict[str, Any], ...] = (
        {"kind": "percent", "percent": Decimal(10)},
        {"kind": "amount", "amount_minor": 20},
        {"kind": "n-for-m", "n": 3, "m": 2},
        {"kind": "fixed-price", "price_minor": 89},
        {"kind": "n-for-price", "n": 2, "price_minor": 150},
    )
    made = []
    for at in range(PROMOTIONS):
        if reach == "every line":
            skus: tuple[str, ...] = (f"A{at % SHELF}",)
        else:
            skus = tuple(f"A{5 * at + more}" for more in range(5)) if at < 2 else (f"B{at}",)
        made.append(
            Promotion(
                f"P{at:03}", "Aktion", selection=Selection(skus), combinable=bool(at % 2), **kinds[at % 5]
            )
        )
    return made


async def _shop(promotions: list[Promotion]) -> Shop:
    shop = Shop(promotions=promotions)
    shop.till._desk.world.catalogue.__dict__.update(FakeCatalogue(shelf()).__dict__)
    await shop.open()
    return shop


def _fill(shop: Shop, lines: int) -> None:
    selling = shop.till.parts.selling
    if selling.cart is not None:
        selling.end_cart()
    for n in range(lines):
        shop.till.submit(c.Scan(code(n % SHELF)))


def _scan_us(shop: Shop, number: int) -> float:
    before = shop.till.view.revision
    began = time.thread_time_ns()
    shop.till.submit(c.Scan(code(number % SHELF)))
    view = shop.till.view
    took = (time.thread_time_ns() - began) / 1_000
    assert view.revision == before + 1, "one scan is one change of the view"
    return took


async def _sample(reach: str, lines: int, scans: int) -> tuple[list[float], list[float]]:
    """CPU microseconds of each scan: without promotions, with them."""
    shops = await _shop([]), await _shop(rows(reach))
    took: tuple[list[float], list[float]] = ([], [])
    while len(took[0]) < scans:
        for shop in shops:
            _fill(shop, lines)
        for n in range(ROUNDS):
            for shop, found in zip(shops, took, strict=True):
                found.append(_scan_us(shop, lines + 7 * n))
    return took


def measure(report: Report, scans: int) -> None:
    for reach in ("some", "every line"):
        for lines in LINES:
            plain, promoted = asyncio.run(_sample(reach, lines, scans))
            for share in (50, 99):
                name = f"scan, {lines} lines, {PROMOTIONS} promotions on {reach}, CPU p{share}"
                report.add(name, percentile(promoted, share), "us", reference=percentile(plain, share))


if __name__ == "__main__":
    found = Report()
    measure(found, 400)
    found.print()
