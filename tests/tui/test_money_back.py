"""Money goes back as it came: to the cent in the coins there are, onto the very card or account, also over an exchange or a void."""

import asyncio
import random

from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.rounding import PROFILES
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import TenderRules
from pos.domain.vouchers import shown_number
from pos.sale_facts import Sale
from tests.tui.fakes import BREAD, BUTTER, CHOCOLATE, MILK, SHIRT, YOGHURT, run
from tests.tui.test_returning import Counter

SWISS = TenderRules(card_number="none", rounding=PROFILES["CH"])
PLAIN = TenderRules(card_number="none")
CARD = own_code(ScanKind.GIFT_CARD, "CARD7")
ALONE = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))
CAREFUL = (
    Role("cashier", ("return", "return-late", "void-sale", "counter-last-sale", "retender", "on-account")),
    Role("supervisor", (ALL,)),
)


async def counter_with(rules: TenderRules = PLAIN) -> Counter:
    return await Counter(tenders=rules, roles=CAREFUL).open()


async def answers(counter: Counter, name: str, *said: str | int, text: str = "") -> None:
    """A key, then what is chosen (a number) or typed (a text)."""
    await counter.do(c.Do(name, text))
    for one in said:
        await counter.do(c.Choose(one) if isinstance(one, int) else c.Answer(one))


async def take_back(counter: Counter, sale: Sale, line: int = 1) -> None:
    """One line of a receipt, whole, because it was not wanted. Line 0: all that is left."""
    await counter.back(str(sale.number))
    question = counter.till.view.question
    assert question is not None
    keys = [option.key for option in question.options]
    await counter.do(c.Choose(keys.index(str(line) if line else "all") + 1 if len(keys) > 1 else 1))
    if counter.asked == "return-quantity":
        await counter.do(c.Answer(""))
    await counter.do(c.Choose(1), c.Cancel())


def last(counter: Counter) -> Sale:
    return counter.shop.journal.sales[-1]


def ways(sale: Sale) -> list[tuple[str, int]]:
    return [(tender.kind, tender.amount_minor) for tender in sale.tenders]


def cash(counter: Counter) -> int:
    return sum(
        tender.amount_minor
        for sale in counter.shop.journal.sales
        for tender in sale.tenders
        if tender.kind == "cash"
    )


def holds(sale: Sale) -> None:
    owed = sale.total_minor + sale.rounding_minor + sale.tip_minor
    assert sum(tender.amount_minor for tender in sale.tenders) == owed


def test_what_was_rounded_down_comes_back_in_cash_and_nobody_is_asked() -> None:
    async def case() -> None:
        counter = await counter_with(SWISS)
        sale = await counter.sell(MILK, YOGHURT, YOGHURT)  # 2.57 for 2.55
        assert ways(sale) == [("cash", 255)]
        await take_back(counter, sale, 0)
        await counter.do(c.PayCash())
        assert counter.till.view.state == "paid"
        assert ways(last(counter)) == [("cash", -255)]
        holds(last(counter))

    run(case)


def test_any_partition_of_returns_gives_back_in_coins_what_was_paid_in_coins() -> None:
    async def case(seed: int) -> None:
        rng = random.Random(seed)
        counter = await counter_with(SWISS)
        shelf = [rng.choice((MILK, YOGHURT, BUTTER, BREAD, CHOCOLATE, SHIRT)) for _ in range(5)]
        sale = await counter.sell(*shelf)
        lines = [line.n for line in sale.lines]
        rng.shuffle(lines)
        while lines:
            for _ in range(rng.randint(1, len(lines))):
                await take_back(counter, sale, lines.pop())
            shown = counter.till.view.cash_due_minor
            await counter.do(c.PayCash(-shown) if rng.random() < 0.5 and shown else c.PayCash())
            assert counter.till.view.state == "paid", seed
            paid = sum(tender.amount_minor for tender in last(counter).tenders)
            assert paid == shown, f"{seed}: what is shown before the key is what is paid"
            holds(last(counter))
            assert all(tender.amount_minor % 5 == 0 for tender in last(counter).tenders), seed
        assert cash(counter) == 0, seed

    for seed in range(12):
        asyncio.run(case(seed))


def test_a_return_that_was_voided_can_be_paid_out_as_before() -> None:
    async def case() -> None:
        counter = await counter_with(SWISS)
        sale = await counter.sell(MILK, YOGHURT, BUTTER)
        await take_back(counter, sale, 1)
        await counter.do(c.PayCash())
        await answers(counter, "void-sale", 1)
        assert last(counter).total_minor == 139
        await take_back(counter, sale, 0)
        await counter.do(c.PayCash())
        assert counter.till.view.state == "paid"
        assert cash(counter) == 0

    run(case)


def test_what_was_taken_in_exchange_goes_back_the_way_the_first_goods_were_paid() -> None:
    async def case() -> None:
        counter = await counter_with()
        counter.shop.scan(SHIRT)
        await answers(counter, "card", 1)
        first = last(counter)
        await take_back(counter, first)
        await counter.scan(SHIRT)
        await counter.do(c.PayCash())
        even = last(counter)
        assert (even.total_minor, even.tenders) == (0, ())
        await take_back(counter, even)
        await counter.do(c.PayCash())
        assert [key for key, _ in counter.choices] == ["card-manual", "cash", "credit"]
        await counter.do(c.Choose(1), c.Answer("77"))
        assert ways(last(counter)) == [("card-manual", -1_299)]
        (entry,) = last(counter).given_back
        keys = [f"3-1-{sale.number}" for sale in (even, first)]
        assert (entry.receipts, entry.paid) == (tuple(keys), "card-manual")

    run(case)


def test_an_exchange_with_a_price_between_gives_back_both_parts() -> None:
    async def case() -> None:
        counter = await counter_with()
        first = await counter.sell(MILK)
        await take_back(counter, first)
        await counter.scan(SHIRT)
        await answers(counter, "card", 1)
        exchange = last(counter)
        assert ways(exchange) == [("card-manual", 1_160)]
        await take_back(counter, exchange)
        await counter.do(c.PayCash())
        await counter.do(c.Choose(1), c.Answer("78"))
        assert ways(last(counter)) == [("card-manual", -1_160), ("cash", -139)]
        holds(last(counter))
        assert cash(counter) == 0

    run(case)


def test_a_gift_that_was_exchanged_is_still_never_paid_out() -> None:
    async def case() -> None:
        counter = await counter_with()
        first = await counter.sell(SHIRT)
        await counter.do(c.Do("return", f"{first.number}G"))
        await counter.do(c.Choose(1), c.Choose(1), c.Cancel())
        await counter.scan(SHIRT)
        await counter.do(c.PayCash())
        even = last(counter)
        await take_back(counter, even)
        await counter.do(c.PayCash())
        assert ways(last(counter)) == [("credit", -1_299)]

    run(case)


def test_a_gift_card_gets_its_part_back_first_and_may_pay_again() -> None:
    async def case() -> None:
        counter = await counter_with()
        await answers(counter, "gift-card", text="1000")
        await counter.scan(CARD)
        await counter.do(c.PayCash())
        counter.shop.scan(SHIRT)
        await answers(counter, "voucher", CARD)
        await counter.do(c.PayCash())
        sale = last(counter)
        assert ways(sale) == [("gift-card", 1_000), ("cash", 299)]
        await take_back(counter, sale)
        await counter.do(c.PayCash(), c.Choose(1))
        back = last(counter)
        assert ways(back) == [("gift-card", -1_000), ("cash", -299)]
        assert (back.tenders[0].reference, back.tenders[0].balance_minor) == ("CARD7", 1_000)
        await answers(counter, "voucher-balance", CARD)
        message = counter.till.view.message
        assert message is not None
        assert message.fields["balance"] == 1_000
        counter.shop.scan(MILK)
        await answers(counter, "voucher", CARD)
        await answers(counter, "void-sale", text=str(back.number))
        assert counter.said == "voucher-spent"

    run(case)


def test_a_return_lowers_what_the_customer_owes_and_no_further() -> None:
    async def case() -> None:
        counter = await counter_with()
        counter.shop.scan(SHIRT, MILK)
        await answers(counter, "account", "K1")
        sale = last(counter)
        await take_back(counter, sale, 2)
        await counter.do(c.PayCash(), c.Choose(1))
        assert [(t.kind, t.amount_minor, t.reference) for t in last(counter).tenders] == [
            ("on-account", -139, "K1")
        ]
        await answers(counter, "account-pay", "K1", 1, text="1299")
        assert counter.shop.journal.sales[-1].tenders[0].amount_minor == 1_299
        await take_back(counter, sale, 1)
        await counter.do(c.PayCash())
        assert [key for key, _ in counter.choices] == ["cash", "credit"], "nothing is owed any more"

    run(case)


def test_credit_comes_back_as_credit() -> None:
    async def case() -> None:
        counter = await counter_with()
        first = await counter.sell(SHIRT)
        await counter.do(c.Do("return", f"{first.number}G"))
        await counter.do(c.Choose(1), c.Choose(1), c.Cancel())
        await counter.do(c.PayCash())
        number = last(counter).tenders[0].reference
        counter.shop.scan(SHIRT)
        await answers(counter, "voucher", shown_number(number))
        assert ways(last(counter)) == [("credit", 1_299)]
        await take_back(counter, last(counter))
        await counter.do(c.PayCash())
        assert [key for key, _ in counter.choices] == ["credit", "cash"]
        await counter.do(c.Choose(1))
        assert counter.till.view.state == "paid"
        assert ways(last(counter)) == [("credit", -1_299)]
        assert last(counter).tenders[0].reference != number, "the old slip is gone: a new one is printed"

    run(case)


def test_a_receipt_is_re_tendered_again_and_its_rounding_comes_and_goes_with_the_cash() -> None:
    async def case() -> None:
        counter = await counter_with(SWISS)
        sale = await counter.sell(MILK, YOGHURT, YOGHURT)  # 2.57 for 2.55
        await answers(counter, "retender", 1, 1)
        assert ways(last(counter)) == [("cash", -255), ("card-manual", 257)]
        assert last(counter).rounding_minor == 2
        await answers(counter, "retender", 1, 1, text=str(sale.number))
        assert ways(last(counter)) == [("card-manual", -257), ("cash", 255)]
        assert last(counter).rounding_minor == -2
        await answers(counter, "retender", 1, 1, text=str(sale.number))
        for document in counter.shop.journal.sales:
            holds(document)
        await take_back(counter, sale, 0)
        await counter.do(c.PayCash(), c.Choose(1), c.Answer("12"))
        assert ways(last(counter)) == [("card-manual", -257)]
        assert (cash(counter), sum(one.rounding_minor for one in counter.shop.journal.sales)) == (0, 0)

    run(case)


def test_a_sale_whose_return_was_voided_can_be_voided() -> None:
    async def case() -> None:
        counter = await counter_with()
        sale = await counter.sell(MILK)
        await take_back(counter, sale)
        await counter.do(c.PayCash())
        await answers(counter, "void-sale", text=str(sale.number))
        assert counter.said == "receipt-returned"
        await answers(counter, "void-sale", 1, text=str(last(counter).number))
        await answers(counter, "void-sale", 1, text=str(sale.number))
        assert last(counter).total_minor == -139
        assert cash(counter) == 0

    run(case)


def test_an_account_is_paid_by_card_as_anything_is() -> None:
    async def case() -> None:
        counter = await counter_with(TenderRules())
        counter.shop.scan(SHIRT)
        await answers(counter, "account", "K1")
        await answers(counter, "account-pay", "K1", 2, text="1000")
        assert counter.asked == "card-approved-number"
        await counter.do(c.Cancel())
        assert len(counter.shop.journal.sales) == 1, "it was not approved"
        await answers(counter, "account-pay", "K1", 2, "0815", text="1000")
        assert [(t.kind, t.amount_minor, t.reference) for t in last(counter).tenders] == [
            ("card-manual", 1_000, "0815"), ("on-account", -1_000, "K1"),
        ]  # fmt: skip

    run(case)


def test_an_account_is_paid_in_the_coins_there_are() -> None:
    async def case() -> None:
        counter = await counter_with(SWISS)
        counter.shop.scan(SHIRT)
        await answers(counter, "account", "K1")
        await answers(counter, "account-pay", "K1", 1, text="1299")
        assert ways(last(counter)) == [("cash", 1_300), ("on-account", -1_299)]
        holds(last(counter))
        await answers(counter, "account-pay", "K1")
        assert counter.said == "account-nothing"

    run(case)


def test_no_tip_is_left_where_nothing_is_to_be_paid() -> None:
    async def case() -> None:
        counter = await counter_with()
        sale = await counter.sell(SHIRT)
        await counter.scan(MILK)
        await answers(counter, "tip", text="200")
        assert counter.till.view.due_minor == 339
        await take_back(counter, sale)
        assert counter.till.view.due_minor == -1_160
        await counter.do(c.PayCash())
        assert (ways(last(counter)), last(counter).tip_minor) == ([("cash", -1_160)], 0)

    run(case)


def test_cash_out_that_was_left_with_escape_ends_without_an_empty_tender() -> None:
    async def case() -> None:
        counter = await counter_with(TenderRules(cashback_max_minor=5_000))
        await counter.scan(SHIRT)
        await answers(counter, "card", 2, 1, text="3299")
        await counter.do(c.Cancel())
        assert counter.till.view.due_minor == 0
        await counter.do(c.PayCash(500))
        assert counter.said == "nothing-left-to-take"
        await counter.do(c.PayCash())
        assert ways(last(counter)) == [("card-manual", 3_299), ("cash", -2_000)]

    run(case)


def test_credit_by_its_key_says_for_what_it_stands() -> None:
    async def case() -> None:
        counter = await counter_with(SWISS)
        sale = await counter.sell(MILK)
        await take_back(counter, sale)
        await answers(counter, "voucher")
        (entry,) = last(counter).given_back
        assert (entry.paid, entry.kind, entry.worth_minor) == ("cash", "credit", 139)

    run(case)
