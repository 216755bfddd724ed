"""Without a receipt: another person always agrees, today's price holds, and there are limits for a customer and a day."""

import msgspec

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.rights import ALL, Role
from tests.tui.fakes import MILK, PIN, SHIRT, run
from tests.tui.test_returning import Counter

HEADS = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))


async def begun(counter: Counter, customer: str = "") -> Counter:
    await counter.open()
    await counter.do(c.Do("return-without-receipt"), c.Approve("Alex", PIN), c.Answer(customer))
    return counter


async def back(counter: Counter, code: str, pieces: str = "") -> None:
    await counter.scan(code)
    await counter.do(c.Answer(pieces))


def test_another_person_agrees_also_where_one_has_the_right() -> None:
    async def case() -> None:
        counter = Counter(roles=HEADS)
        await counter.open()
        await counter.do(c.Do("return-without-receipt"))
        assert counter.till.view.asked_right == "return-without-receipt"
        await counter.do(c.Approve("Kim", PIN))
        assert counter.said == "approve-oneself"
        await counter.do(c.Approve("Alex", PIN))
        assert counter.asked == "return-customer"

    run(case)


def test_it_comes_back_at_todays_price_and_the_sale_says_who_agreed() -> None:
    async def case() -> None:
        counter = await begun(Counter(), "K 4711")
        await back(counter, SHIRT)
        await counter.do(c.Choose(6))
        assert (counter.said, counter.cart) == ("taken-back-today", [("return", "-1", -1299)])
        await counter.do(c.PayCash(), c.Choose(1), c.Approve("Alex", PIN))
        sale = counter.shop.journal.sales[-1]
        assert (sale.total_minor, sale.customer) == (-1299, "K 4711")
        assert {approval.right for approval in sale.approvals} == {"return-without-receipt", "refund-cash"}
        origin = sale.lines[0].origin
        assert origin is not None
        assert (origin.till, origin.approved, origin.rule, origin.damaged) == ("", "2", "defect", True)

    run(case)


def test_a_customer_and_a_day_have_limits_that_count_what_the_journal_holds() -> None:
    async def case() -> None:
        counter = await begun(Counter(), "K1")
        await back(counter, SHIRT, "3")
        await counter.do(c.Choose(1), c.PayCash(), c.Choose(1), c.Approve("Alex", PIN))
        await counter.do(c.Do("return-without-receipt"), c.Approve("Alex", PIN), c.Answer("K1"))
        await back(counter, SHIRT)
        assert (counter.said, counter.cart) == ("no-receipt-customer-limit", [])
        await counter.do(c.Do("return-without-receipt"), c.Approve("Alex", PIN), c.Answer("K2"))
        await back(counter, SHIRT)
        assert counter.asked == "return-reason"
        policy = msgspec.structs.replace(counter.till._desk.returns, day_max_minor=4_000)
        counter.till._desk.returns = policy
        await counter.do(c.Cancel())
        await counter.do(c.Do("return-without-receipt"), c.Approve("Alex", PIN), c.Answer("K2"))
        await back(counter, SHIRT)
        assert counter.said == "no-receipt-day-limit"

    run(case)


def test_names_are_not_kept() -> None:
    async def case() -> None:
        counter = await begun(Counter(), "Meier")
        assert (counter.said, counter.asked) == ("customer-number-only", "return-customer")

    run(case)


def test_a_serial_number_that_was_sold_here_leads_to_its_receipt() -> None:
    async def case() -> None:
        counter = await Counter().open()
        sale = await counter.sell(MILK)
        lines = tuple(msgspec.structs.replace(line, serial="SN-5") for line in sale.lines)
        counter.shop.journal.facts[-1] = msgspec.structs.replace(sale, lines=lines)
        shelf: list[Article] = counter.shop.catalogue._shelf
        counter.shop.catalogue._by_code[MILK] = msgspec.structs.replace(shelf[0], serial_required=True)
        await counter.do(c.Do("return-without-receipt"), c.Approve("Alex", PIN), c.Answer(""))
        await counter.scan(MILK)
        await counter.do(c.Answer("SN-5"))
        assert (counter.said, counter.cart) == ("serial-has-receipt", [])

    run(case)
