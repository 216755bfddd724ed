"""Gift cards and store credit: worth what the paid sales say, spent in parts, never twice."""

from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.domain.document import Document
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import TenderRules
from pos.domain.vouchers import Balance, Move, balance_of, new_number, number_of, shown_number
from receipts.model import Shop as ReceiptShop
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import MILK, SHIRT, Shop, opened, run

CARD = own_code(ScanKind.GIFT_CARD, "CARD7")
OTHER = own_code(ScanKind.GIFT_CARD, "CARD8")


async def shop_with_card(value: int = 5_000) -> Shop:
    shop = Shop(tenders=TenderRules(card_number="none"))
    await shop.open()
    await do(shop, "gift-card", text=str(value))
    shop.scan(CARD)
    await shop.till.settle()
    await shop.till.handle(c.PayCash())
    assert len(shop.journal.sales) == 1
    return shop


async def do(shop: Shop, name: str, *answers: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))
    for answer in answers:
        await shop.till.handle(c.Answer(answer))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def balance(shop: Shop) -> object:
    assert shop.till.view.message is not None
    return shop.till.view.message.fields.get("balance")


def test_a_card_bears_no_tax_when_it_is_sold_and_holds_nothing_before_it_is_paid() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        await do(shop, "gift-card", text="5000")
        shop.scan(CARD)
        await shop.till.settle()
        (line,) = shop.till.view.lines
        assert (line.kind, line.serial, line.total_minor) == ("voucher", "CARD7", 5_000)
        assert (line.tax_percent, line.tax_key) == (Decimal(0), 5), "DSFinV-K: not taxable, key 5"
        await do(shop, "voucher-balance", CARD)
        assert said(shop) == "voucher-unknown"
        await shop.till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.lines[0].case, sale.taxes[0].vat_minor) == ("MehrzweckgutscheinKauf", 0)
        await do(shop, "voucher-balance", CARD)
        assert (said(shop), balance(shop)) == ("voucher-balance", 5_000)

    run(case)


def test_it_is_spent_in_parts_and_never_more_than_is_on_it() -> None:
    async def case() -> None:
        shop = await shop_with_card(2_000)
        shop.scan(SHIRT)
        await do(shop, "voucher", CARD)
        sale = shop.journal.sales[1]
        (tender,) = sale.tenders
        assert (tender.kind, tender.amount_minor, tender.reference, tender.balance_minor) == (
            "gift-card", 1_299, "CARD7", 701,
        )  # fmt: skip
        assert shop.drawer.opened == 1, "nothing for the drawer"
        shop.scan(SHIRT)
        await do(shop, "voucher", CARD, text="1000")
        assert said(shop) == "voucher-too-little"
        await do(shop, "voucher", CARD)
        assert (shop.till.view.due_minor, said(shop)) == (598, "part-paid")
        await do(shop, "voucher", CARD)
        assert said(shop) == "voucher-empty", "what the open sale took counts too"
        await shop.till.handle(c.PayCash())
        shop.scan(SHIRT)
        await do(shop, "voucher", CARD)
        assert (said(shop), shop.till.view.tenders) == ("voucher-empty", ())

    run(case)


def test_a_scan_of_a_card_pays_or_says_what_it_holds() -> None:
    async def case() -> None:
        shop = await shop_with_card()
        shop.scan(CARD)
        await shop.till.handle(c.Cancel())
        shop.scan(SHIRT, CARD)
        await shop.till.settle()
        await shop.till.handle(c.Choose(1))
        assert [t.kind for t in shop.journal.sales[1].tenders] == ["gift-card"]
        await do(shop, "voucher-balance", CARD)
        assert balance(shop) == 5_000 - 1_299
        shop.scan(MILK)
        await do(shop, "voucher", OTHER)
        assert said(shop) == "voucher-unknown"
        await do(shop, "voucher", "TRSGCARD7AA")
        assert said(shop) == "voucher-no-number"

    run(case)


def test_the_sale_of_a_spent_card_is_not_voided_and_of_an_unspent_one_takes_its_value_back() -> None:
    async def case() -> None:
        shop = await shop_with_card(2_000)
        await shop.till.handle(c.Do("void-sale"))
        await shop.till.handle(c.Choose(1))
        assert shop.journal.sales[1].total_minor == -2_000
        await do(shop, "voucher-balance", CARD)
        assert balance(shop) == 0
        shop = await shop_with_card(2_000)
        loaded = shop.journal.sales[0].number
        shop.scan(SHIRT)
        await do(shop, "voucher", CARD)
        await shop.till.handle(c.SignIn("Alex", "4711"))
        await do(shop, "void-sale", text=str(loaded))
        assert said(shop) == "voucher-spent"
        await do(shop, "void-sale", text=str(loaded + 1))
        await shop.till.handle(c.Choose(1))
        await do(shop, "voucher-balance", CARD)
        assert balance(shop) == 2_000, "what was paid with it is on it again"

    run(case)


def test_a_new_number_is_printed_as_a_code_and_can_be_typed() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        await do(shop, "gift-card", "", text="2500")
        await shop.till.handle(c.PayCash())
        (slip,) = [job.document for job in shop.printer.jobs if job.document is not None]
        assert isinstance(slip, Document)
        (code,) = [row.left for row in slip.rows if row.style == "code"]
        typed = next(row.left for row in slip.rows if row.style == "centre")
        assert "21.11.2026" in [row.right for row in slip.rows], "the day as people write it"
        assert number_of(code, shop.till._desk.today()) == number_of(typed, shop.till._desk.today())
        shop.scan(SHIRT)
        await do(shop, "voucher", typed.lower())
        sale = shop.journal.sales[1]
        assert sale.tenders[0].balance_minor == 1_201
        text = "\n".join(
            render_text(
                build(sale, ReceiptShop("S"), till="3", epoch=1, public_url="", copy=False, language="de"), 42
            )
        )
        assert "Restguthaben" in text
        assert sale.tenders[0].reference not in text, "the whole number is money"
        await shop.till.handle(c.Do("voucher-slip"))
        assert said(shop) == "voucher-no-slip"

    run(case)


def test_the_eleventh_key_pays_with_a_card_on_the_screen() -> None:
    async def case() -> None:
        shop = await shop_with_card()
        async with opened(shop) as screen:
            await screen.scan(SHIRT)
            await screen.press("f11")
            await screen.scan(CARD)
            assert [t.kind for t in shop.journal.sales[1].tenders] == ["gift-card"]
            assert screen.row("Geschenkkarte")

    run(case)


def test_numbers_are_chance_and_a_wrong_character_is_found() -> None:
    number = new_number(bytes(range(16)))
    today = Shop().clock.now().date()
    assert (len(number), number_of(shown_number(number), today)) == (25, number)
    shown = shown_number(number)
    for at, char in enumerate(shown):
        if char != " ":
            wrong = shown[:at] + ("0" if char != "0" else "1") + shown[at + 1 :]
            assert number_of(wrong, today) is None
    assert new_number(b"\xff" * 16) != new_number(b"\xff" * 15 + b"\xfe")


@pytest.mark.parametrize(
    ("moves", "left"),
    [
        ((), None),
        ((Move("gift-card", 500),), Balance("gift-card", 500)),
        ((Move("credit", 500), Move("credit", -200), Move("credit", 200)), Balance("credit", 500)),
    ],
)
def test_a_balance_is_the_sum_of_what_was_done(moves: tuple[Move, ...], left: Balance | None) -> None:
    assert balance_of(moves) == left
