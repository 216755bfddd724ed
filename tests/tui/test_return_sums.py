"""Any partition and order of returns, through the till, gives back exactly what was paid; never more, whatever is tried."""

import asyncio
import random
from decimal import Decimal

import msgspec

from pos.domain import commands as c
from pos.domain.cart import Discount
from pos.sale_facts import Sale
from tests.tui.fakes import APPLES, BUTTER, CHOCOLATE, MILK, SHIRT, YOGHURT
from tests.tui.test_returning import Counter

_CASES = 100
_SHELF = (MILK, YOGHURT, BUTTER, CHOCOLATE, SHIRT)


async def _sold(counter: Counter, rng: random.Random) -> Sale:
    """A sale of random lines, a discount of any size on some of them."""
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.3:
            counter.till.submit(c.SetQuantity(Decimal(rng.randint(1, 2_000)) / 1000))
            counter.shop.scan(APPLES)
        else:
            counter.till.submit(c.SetQuantity(Decimal(rng.randint(1, 7))))
            counter.shop.scan(rng.choice(_SHELF))
    await counter.do(c.PayCash())
    sale = counter.shop.journal.sales[-1]
    lines = tuple(
        msgspec.structs.replace(
            line,
            discounts=(Discount("p", "Aktion", rng.randint(0, line.total_minor), source="promotion"),)
            if rng.random() < 0.7
            else (),
        )
        for line in sale.lines
    )
    paid = sum(line.pay_minor for line in lines)
    changed = msgspec.structs.replace(
        sale,
        lines=lines,
        total_minor=paid,
        tenders=(msgspec.structs.replace(sale.tenders[0], amount_minor=paid, given_minor=paid),),
    )
    counter.shop.journal.facts[counter.shop.journal.facts.index(sale)] = changed
    return changed


async def _some_back(counter: Counter, sale: Sale, rng: random.Random) -> bool:
    """One return of a random part; False when nothing was left. Now and then it is taken out again, parked, or paid later."""
    await counter.back(str(sale.number))
    question = counter.till.view.question
    if question is None:
        return False
    at = rng.randrange(len(question.options))
    await counter.do(c.Choose(at + 1))
    if counter.asked == "return-quantity":
        asked = counter.till.view.question
        assert asked is not None
        left = Decimal(str(asked.fields["left"]).split(" ")[0].replace(",", "."))
        whole = "kg" not in str(asked.fields["left"])
        part = (
            Decimal(rng.randint(1, int(left))) if whole else rng.randint(1, int(left * 1000)) / Decimal(1000)
        )
        await counter.do(c.Answer(str(part)))
    await counter.do(c.Choose(rng.randint(1, 8)))
    if counter.till.view.state == "question":
        await counter.do(c.Cancel())
    if rng.random() < 0.2:
        await counter.do(c.VoidLast())
    elif rng.random() < 0.5:
        if rng.random() < 0.3:
            await counter.do(c.ParkCart(), c.ResumeParked())
        await counter.do(c.PayCash())
    return True


def test_any_partition_and_order_of_returns_gives_back_exactly_what_was_paid() -> None:
    async def case(seed: int) -> None:
        rng = random.Random(seed)
        counter = await Counter(hub=False).open()
        sale = await _sold(counter, rng)
        paid = sale.total_minor
        for _ in range(60):
            if not await _some_back(counter, sale, rng):
                break
            refunded = -sum(other.total_minor for other in counter.shop.journal.sales[1:])
            assert 0 <= refunded <= paid, seed
        await counter.do(c.PayCash())
        returns = counter.shop.journal.sales[1:]
        assert -sum(other.total_minor for other in returns) == paid, seed
        for line in sale.lines:
            back = [
                part
                for other in returns
                for part in other.lines
                if part.voided_ms is None and part.origin is not None and part.origin.n == line.n
            ]
            assert sum((part.qty for part in back), Decimal(0)) == -line.qty, seed
            assert sum(part.pay_minor for part in back) == -line.pay_minor, seed

    for seed in range(_CASES):
        asyncio.run(case(seed))
