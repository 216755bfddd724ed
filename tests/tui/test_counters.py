"""Wrong tender, wrong sale: a counter-document takes it back, once, and the receipt itself stays."""

import pytest

from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.rounding import PROFILES
from pos.domain.tender import Tender, TenderRules
from pos.sale_facts import Sale
from pos.till.receipts.counters import negated, standing_tenders
from receipts.model import Shop as ReceiptShop
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import BUTTER, MILK, PIN, SHIRT, WATER, Shop, opened, run

PLAIN = TenderRules(card_number="none")
STRICT = (Role("cashier", ("counter-last-sale",)), Role("supervisor", (ALL,)))


async def sold(*codes: str, rules: TenderRules = PLAIN, roles: tuple[Role, ...] = ()) -> Shop:
    shop = Shop(tenders=rules, roles=roles)
    await shop.open()
    shop.scan(*codes)
    await shop.till.handle(c.PayCash())
    return shop


async def do(shop: Shop, name: str, *answers: int, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))
    for answer in answers:
        await shop.till.handle(c.Choose(answer))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def holds(sale: Sale) -> None:
    owed = sale.total_minor + sale.rounding_minor + sale.tip_minor
    assert sum(tender.amount_minor for tender in sale.tenders) == owed
    assert all(t.given_minor - t.change_minor == t.amount_minor for t in sale.tenders)
    assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor
    live = [line for line in sale.lines if line.voided_ms is None]
    assert sum(line.pay_minor for line in live) == sale.total_minor


def test_cash_that_was_a_card_is_re_tendered_and_the_cash_goes_back() -> None:
    async def case() -> None:
        shop = await sold(SHIRT)
        await do(shop, "retender", 1, 1)
        first, counter = shop.journal.sales
        assert (counter.number, counter.lines, counter.total_minor) == (first.number + 1, (), 0)
        assert [(t.kind, t.amount_minor) for t in counter.tenders] == [
            ("cash", -1_299),
            ("card-manual", 1_299),
        ]
        (reference,) = counter.references
        assert (reference.kind, reference.till, reference.number) == ("retender", "3", first.number)
        assert shop.till.view.last_sale is not None
        assert shop.till.view.last_sale.paid_out_minor == 1_299
        assert shop.drawer.opened == 2
        holds(counter)

    run(case)


def test_the_newest_tenders_are_voided_and_no_counter_is_countered() -> None:
    async def case() -> None:
        shop = await sold(SHIRT)
        number = shop.journal.sales[0].number
        await do(shop, "retender", 1, 1)
        supervisor = c.SignIn("Alex", PIN)
        await shop.till.handle(supervisor)
        await do(shop, "retender", 1, 1, text=str(number))
        await do(shop, "retender", 1, 1, text=str(number))
        await do(shop, "void-sale", text=str(number + 1))
        assert said(shop) == "counter-of-counter"
        await do(shop, "void-sale", 1, text=str(number))
        assert [t.kind for t in shop.journal.sales[4].tenders] == ["card-manual"], "by what stands now"
        await do(shop, "void-sale", text=str(number))
        assert said(shop) == "receipt-voided"
        await do(shop, "void-sale", text="99")
        assert said(shop) == "no-such-receipt"

    run(case)


def test_the_last_sale_is_voided_whole_exactly_the_negative() -> None:
    async def case() -> None:
        shop = await sold(SHIRT, WATER, BUTTER, rules=TenderRules(rounding=PROFILES["CH"]))
        await do(shop, "void-sale", 1)
        first, counter = shop.journal.sales
        holds(counter)
        assert counter.total_minor == -first.total_minor
        assert counter.rounding_minor == -first.rounding_minor
        assert counter.pieces == -first.pieces
        assert [(-line.qty, -line.total_minor, line.kind, line.tax) for line in counter.lines] == [
            (line.qty, line.total_minor, line.kind, line.tax) for line in first.lines
        ]
        assert counter.tenders == tuple(negated(t) for t in standing_tenders(first, ()))
        assert shop.till.view.last_sale is not None
        assert shop.till.view.last_sale.paid_out_minor == first.total_minor + first.rounding_minor

    run(case)


def test_an_older_one_wants_another_person_or_the_right() -> None:
    async def case() -> None:
        shop = await sold(SHIRT, roles=STRICT)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        old = shop.journal.sales[0].number
        await do(shop, "void-sale", text=str(old))
        assert (shop.till.view.state, shop.till.view.asked_right) == ("approval", "void-sale")
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        counter = shop.journal.sales[2]
        assert (counter.references[0].number, [a.by for a in counter.approvals]) == (old, ["2"])
        shop = await sold(SHIRT, roles=STRICT)
        shop.clock.time += shop.clock.time.resolution * 60_000_000 * 31
        await do(shop, "void-sale")
        assert shop.till.view.question is not None
        assert shop.till.view.question.code == "which-receipt"
        await shop.till.handle(c.Choose(1))
        assert shop.till.view.asked_right == "void-sale"

    run(case)


def test_nothing_turns_while_a_sale_is_open_and_escape_leaves_the_receipt() -> None:
    async def case() -> None:
        shop = await sold(SHIRT)
        await do(shop, "void-sale")
        await shop.till.handle(c.Cancel())
        await do(shop, "void-sale", 2)
        assert (said(shop), len(shop.journal.sales)) == ("receipt-stays", 1)
        shop.scan(MILK)
        await do(shop, "void-sale")
        assert (said(shop), len(shop.till.view.lines)) == ("cart-open", 1)

    run(case)


def test_part_card_part_cash_and_from_card_to_cash() -> None:
    async def case() -> None:
        shop = await sold(SHIRT)
        await do(shop, "retender", 2)
        await shop.till.handle(c.Answer("1000"))
        await shop.till.handle(c.Choose(1))
        counter = shop.journal.sales[1]
        assert [(t.kind, t.amount_minor) for t in counter.tenders] == [
            ("cash", -1_299), ("card-manual", 1_000), ("cash", 299),
        ]  # fmt: skip
        assert shop.till.view.last_sale is not None
        assert shop.till.view.last_sale.paid_out_minor == 1_000
        shop = Shop(tenders=PLAIN)
        await shop.open()
        shop.scan(SHIRT)
        await do(shop, "card", 1)
        await do(shop, "retender", 1, 1)
        assert [(t.kind, t.amount_minor) for t in shop.journal.sales[1].tenders] == [
            ("card-manual", -1_299), ("cash", 1_299),
        ]  # fmt: skip
        assert shop.till.view.last_sale is not None
        assert (shop.till.view.last_sale.to_take_minor, shop.till.view.last_sale.given_back_minor) == (
            1_299,
            0,
        )

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_one_letter_on_the_change_screen(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(tenders=PLAIN), size=size) as screen:
            await screen.scan(SHIRT)
            await screen.press("f12")
            await screen.press("w", "1", "1")
            assert [t.kind for t in screen.shop.journal.sales[1].tenders] == ["cash", "card-manual"]
            assert screen.row("12,99")

    run(case)


def test_a_receipt_of_a_counter_document_can_be_drawn() -> None:
    async def case() -> None:
        shop = await sold(SHIRT, WATER)
        await do(shop, "retender", 1, 1)
        await do(shop, "void-sale", 1, text=str(shop.journal.sales[0].number))
        for sale in shop.journal.sales:
            receipt = build(
                sale, ReceiptShop("Shop"), till="3", epoch=1, public_url="http://x", copy=False, language="de"
            )
            text = "\n".join(render_text(receipt, 42))
            for reference in sale.references:
                assert f"3-1-{reference.number}" in text

    run(case)


def test_the_tenders_that_stand_follow_from_all_documents() -> None:
    cash, card = Tender("cash", 500, 1_000, 500), Tender("card-manual", 500, 500)
    assert standing_tenders(_sale(cash), ()) == (Tender("cash", 500, 500),)
    assert standing_tenders(_sale(cash), [_sale(negated(cash), card, kind="retender")]) == (card,)


def _sale(*tenders: Tender, kind: str = "") -> Sale:
    from pos.sale_facts import Reference

    references = (Reference(kind, "3", 1, 1),) if kind else ()
    return Sale("c", 1, "2026-11-21", "1-1", "1", 0, 0, 0, 60, (), tenders, (), 0, 0, references=references)
