"""Paying later: on account up to a limit, paid off; invoices with a buyer and numbers without gaps."""

from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.tender import TenderRules
from pos.facts import body_of
from receipts.model import Shop as ReceiptShop
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import MILK, PIN, SHIRT, Shop, run

OPEN = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))
RULES = TenderRules(card_number="none", account_limit_minor=2_000)


async def shop_with(*codes: str, roles: tuple[Role, ...] = OPEN) -> Shop:
    shop = Shop(tenders=RULES, roles=roles)
    await shop.open()
    shop.scan(*codes)
    return shop


async def do(shop: Shop, name: str, *answers: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))
    for answer in answers:
        await shop.till.handle(c.Answer(answer))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_on_account_up_to_the_limit_that_the_journal_counts_and_paid_off() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "account", "k 17")
        (sale,) = shop.journal.sales
        assert [(t.kind, t.amount_minor, t.reference) for t in sale.tenders] == [
            ("on-account", 1_299, "K 17")
        ]
        assert (sale.customer, said(shop), shop.drawer.opened) == ("K 17", "account-owed", 0)
        shop.scan(SHIRT)
        await do(shop, "account", "K 17")
        assert (said(shop), len(shop.journal.sales)) == ("account-limit", 1)
        await do(shop, "account", "K 17", text="701")
        assert shop.till.view.due_minor == 598
        await shop.till.handle(c.PayCash())
        await do(shop, "account-pay", "K 17", "9999", "2000", "1")
        paid = shop.journal.sales[2]
        assert [(t.kind, t.amount_minor) for t in paid.tenders] == [("cash", 2_000), ("on-account", -2_000)]
        assert (paid.total_minor, paid.lines, shop.drawer.opened) == (0, (), 2)
        await do(shop, "account-pay", "K 17")
        assert said(shop) == "account-nothing"

    run(case)


def test_it_is_not_for_everybody() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT, roles=(Role("cashier"), Role("supervisor", (ALL,))))
        await do(shop, "account")
        assert shop.till.view.asked_right == "on-account"
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Answer("K1"))
        assert [approval.by for approval in shop.journal.sales[0].approvals] == ["2"]

    run(case)


def test_an_invoice_has_a_buyer_and_the_next_number_and_no_name_in_the_fact() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "invoice", "Muster GmbH", "Weg 1", "12345 Ort", "1")
        assert (said(shop), shop.till.view.state) == ("invoice-wanted", "selling")
        await shop.till.handle(c.PayCash())
        (first,) = shop.journal.sales
        assert first.invoice == "3-1-R1"
        assert b"Muster" not in body_of(first)
        job = shop.printer.jobs[-1]
        assert job.buyer == ("Muster GmbH", "Weg 1", "12345 Ort")
        receipt = build(
            first,
            ReceiptShop("S"),
            till="3",
            epoch=1,
            public_url="",
            copy=False,
            language="de",
            buyer=job.buyer,
        )
        text = "\n".join(render_text(receipt, 42))
        assert "RECHNUNG 3-1-R1" in text
        assert "Muster GmbH" in text
        for n in range(2, 7):
            if n == 4:
                shop.memory.kept.pop("invoice.last.1", None)
            shop.scan(MILK)
            await do(shop, "invoice", "1", "2")
            assert shop.journal.sales[-1].invoice == f"3-1-R{n}"
        assert [(t.kind, t.reference) for t in shop.journal.sales[-1].tenders] == [("invoice", "3-1-R6")]
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        assert shop.journal.sales[-1].invoice == ""

    run(case)


def test_a_wrong_customer_is_another_one_after_the_payment_was_taken_back() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "account", "K 17", text="500")
        await do(shop, "tender-back")
        await do(shop, "account", "K 18")
        (sale,) = shop.journal.sales
        assert (sale.customer, sale.tenders[0].reference) == ("K 18", "K 18")

    run(case)


def test_a_wrong_buyer_is_another_one_or_none() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "invoice", "Muster GmbH", "Weg 1", "12345 Ort", "1")
        await do(shop, "invoice", "2", "2", "Beispiel AG", "Weg 2", "12345 Ort", "1")
        await shop.till.handle(c.PayCash())
        assert shop.printer.jobs[-1].buyer == ("Beispiel AG", "Weg 2", "12345 Ort")
        shop.scan(SHIRT)
        await do(shop, "invoice", "1", "1")
        await do(shop, "invoice", "3")
        assert (said(shop), shop.till.view.state) == ("invoice-not-wanted", "selling")
        await shop.till.handle(c.PayCash())
        assert shop.journal.sales[-1].invoice == ""

    run(case)


def test_an_invoice_is_printed_again_with_its_buyer_when_the_till_has_restarted() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "invoice", "Muster GmbH", "Weg 1", "12345 Ort", "1")
        await shop.till.handle(c.PayCash())
        number = str(shop.journal.sales[0].number)
        again = Shop(tenders=RULES, roles=OPEN, journal=shop.journal)
        again.memory.kept.update(shop.memory.kept)
        await again.open()
        await do(again, "receipts", text=number)
        question = again.till.view.question
        assert question is not None
        await again.till.handle(
            c.Choose([option.key for option in question.options].index("receipt-copy") + 1)
        )
        assert again.printer.jobs[-1].buyer == ("Muster GmbH", "Weg 1", "12345 Ort")

    run(case)


def test_an_invoice_without_its_buyer_is_not_written() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "invoice", "Muster GmbH", "Weg 1", "12345 Ort", "1")
        shop.memory.kept.clear()
        shop.till._desk.buyers.clear()
        await shop.till.handle(c.PayCash())
        assert (said(shop), shop.journal.sales, shop.till.view.state) == ("invoice-buyer-lost", [], "selling")
        await do(shop, "invoice", "3")
        await shop.till.handle(c.PayCash())
        assert shop.journal.sales[0].invoice == ""

    run(case)
