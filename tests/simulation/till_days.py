"""Random business days through the real till: keys and scans in, facts out; the Z is held to the journal's sales."""

import asyncio
import random
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from pos.cash_facts import CashMoved, DayClosed
from pos.domain import commands as c
from pos.domain.drawer import CashRules, denominations
from pos.sale_facts import Sale
from pos.totals import canonical, day_totals
from tests.tui.fakes import BREAD, BUTTER, CHOCOLATE, MILK, PIN, SHIRT, WATER, FakeJournal, Shop

__all__ = ["till_day", "till_days"]

_CODES = (MILK, BUTTER, BREAD, CHOCOLATE, SHIRT, WATER)


class _Day:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        journal = FakeJournal()
        journal.head = replace(journal.head, business_day="", next_number=1)
        self.shop = Shop(journal=journal, cash=CashRules(ask_float=True, difference_limit_minor=0))

    async def run(self) -> None:
        rng, shop = self._rng, self.shop
        await shop.open(signed_in=False)
        await shop.till.handle(c.SignIn("Alex", PIN))
        if rng.random() < 0.7:
            await self._say(str(rng.randrange(0, 30_000)))
        for _ in range(rng.randrange(2, 12)):
            await rng.choices((self._sale, self._void, self._drop, self._out, self._in), (8, 1, 2, 2, 1))[0]()
            session = shop.journal.head.days.current
            assert session is None or session.expected_minor >= 0, "a drawer holds less than nothing"
        await self._sale()
        await self._close()

    async def _say(self, *answers: str) -> None:
        for answer in answers:
            await self.shop.till.handle(
                c.Choose(int(answer[1:])) if answer.startswith("#") else c.Answer(answer)
            )

    async def _do(self, name: str, *answers: str) -> None:
        await self.shop.till.handle(c.Do(name))
        await self._say(*answers)
        await self.shop.till.handle(c.Cancel())

    async def _scan(self) -> None:
        for _ in range(self._rng.randrange(1, 5)):
            if self._rng.random() < 0.2:
                self.shop.till.submit(c.SetQuantity(Decimal(self._rng.randrange(2, 5))))
            self.shop.scan(self._rng.choice(_CODES))
            if self._rng.random() < 0.15:
                self.shop.till.submit(c.VoidLast())

    async def _sale(self) -> None:
        await self._scan()
        self.shop.scan(MILK)
        await self.shop.till.handle(c.PayCash())

    async def _void(self) -> None:
        await self._scan()
        for _ in range(2):
            await self.shop.till.handle(c.VoidCart())

    async def _drop(self) -> None:
        await self._do("cash-drop", str(self._rng.randrange(1, 20_000)), "B1")

    async def _out(self) -> None:
        await self._do("pay-out", "#1", str(self._rng.randrange(1, 20_000)))

    async def _in(self) -> None:
        await self._do("pay-in", "#1", str(self._rng.randrange(1, 20_000)))

    async def _close(self) -> None:
        shop = self.shop
        await shop.till.handle(c.Do("close-day"))
        question = shop.till.view.question
        if question is not None and question.code == "float-late":
            await self._say("")
        session = shop.journal.head.days.current
        assert session is not None
        assert session.expected_minor >= 0, "a drawer holds less than nothing"
        pieces, rest = [], session.expected_minor
        for value in denominations("EUR"):
            if rest >= value:
                pieces.append(f"{rest // value}x{value // 100}.{value % 100:02d}")
                rest %= value
        await self._say("#1", *([" ".join(pieces)] if pieces else []), "=", "#1", "")
        (closed,) = [fact for fact in shop.journal.facts if isinstance(fact, DayClosed)]
        _check(closed, shop.journal.facts)


def _check(closed: DayClosed, facts: list[Any]) -> None:
    sales = [fact for fact in facts if isinstance(fact, Sale)]
    (book,) = closed.totals.books
    (session,) = closed.totals.sessions
    assert book.receipts == len(sales)
    assert book.total_minor == sum(sale.total_minor for sale in sales)
    assert book.total_minor == sum(
        line.pay_minor for sale in sales for line in sale.lines if line.voided_ms is None
    )
    assert sum(tax.gross_minor for tax in book.taxes) == book.total_minor
    moved = sum(
        fact.amount_minor
        for fact in facts
        if isinstance(fact, CashMoved) and fact.kind != "lift" and not fact.currency
    )
    assert session.expected_minor == moved + book.total_minor
    assert session.difference_minor == 0
    again = day_totals([(1, fact) for fact in facts], closed.day)
    assert canonical(again) == canonical(closed.totals), "the Z is the fold of its facts"


def till_day(seed: int) -> None:
    """One day from a seed. Raises AssertionError."""
    asyncio.run(_Day(seed).run())


def till_days(seed: int, count: int) -> int:
    """`count` days from `seed` on; how many there were."""
    for number in range(seed, seed + count):
        try:
            till_day(number)
        except AssertionError as error:
            raise AssertionError(f"day {number} at the till: {error}") from error
    return count
