"""The real till paying in cash on real storage, marked for `iocount`, timed for a slow disk.

`python -m tests.benchmarks.cash_sale STATE SALES`: sells ten-line baskets in process; a mark stands at each
pay key and at each opening of the drawer, so every second interval is a payment. Prints milliseconds from
pay key to durable as JSON, one number a sale.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec

from pos.bootstrap import create_till, open_till
from pos.domain import commands as c
from pos.domain.article import Article
from pos.settings import Settings, load_settings
from pos.till import Till
from tests.benchmarks.iocount import mark

LINES = 10
PIN = "4711"


class MarkingDrawer:
    """Stands where the drawer is: marks the moment and opens."""

    def open(self) -> bool:
        mark()
        return True


def prepare(state: Path) -> Settings:
    """A fresh till; articles come from `article`, so that no catalogue file is in the way."""
    settings = load_settings(state)
    create_till(state, settings, "bench", "Kim", PIN)
    return settings


async def sell(state: Path, sales: int, *, pause_s: float = 0.0) -> list[float]:
    """Milliseconds from each pay key until the sale was durable and the drawer opened."""
    taken = []
    async with open_till(state, load_settings(state)) as opened:
        till = opened.till
        world = till._desk.world
        till._desk.world = msgspec.structs.replace(world, drawer=MarkingDrawer())
        await till.handle(c.SignIn("Kim", PIN))
        for sale in range(sales):
            await _basket(till, sale)
            if pause_s:
                await asyncio.sleep(pause_s)
            mark()
            began = time.perf_counter()
            await till.handle(c.PayCash(20_000))
            taken.append((time.perf_counter() - began) * 1000)
            assert till.view.state == "paid", till.view.message
            await till.settle()
    return taken


async def _basket(till: Till, sale: int) -> None:
    for line in range(LINES):
        number = sale * LINES + line
        till._selling._sell(article(number), f"{number:013d}", "scanner")
        await asyncio.sleep(0)


def article(number: int) -> Article:
    """Never the same article twice: identical bytes write nothing."""
    return Article(
        sku=f"{4_000_000_000_000 + number * 7919 % 10**12}",
        gtin=f"{4_000_000_000_000 + number * 7919 % 10**12}",
        text=f"Artikel Nummer {number * 31 % 9973} mit Namen {number}",
        tax_code="B" if number % 3 else "A",
        price_minor=49 + number * 37 % 900,
        department=number % 12,
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if not (folder / "journal").is_dir():
        prepare(folder)
    pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    sys.stdout.write(json.dumps(asyncio.run(sell(folder, int(sys.argv[2]), pause_s=pause))) + "\n")
