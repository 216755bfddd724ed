"""Goods come back with their receipt: found by code, number, serial or list; line by line, for what was paid."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain.cart import Discount
from pos.domain.returns import ReturnPolicy
from pos.resources import shipped_reasons
from pos.sale_facts import Reference, Sale
from pos.till.receipts.receipt_book import receipt_code
from receipts.model import Shop as Paper
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import BEER, BUTTER, MILK, PIN, SHIRT, WATER, YOGHURT, Shop, opened, run

TOKEN = "demo.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAA"
ADDRESS = f"https://bon.example/r/{TOKEN}"
POLICY = ReturnPolicy(shipped_reasons(), {"exchange": 30, "withdrawal": 14, "defect": 730, "recall": 0})


class Counter:
    """A shop, and what one does at its counter."""

    def __init__(self, **options: Any) -> None:
        self.shop = Shop(link=TOKEN, returns=POLICY, **options)
        self.till = self.shop.till

    async def open(self) -> "Counter":
        await self.shop.open()
        return self

    async def sell(self, *codes: str) -> Sale:
        self.shop.scan(*codes)
        await self.till.handle(c.PayCash())
        return self.shop.journal.sales[-1]

    async def do(self, *commands: c.Command) -> None:
        for command in commands:
            await self.till.handle(command)

    async def scan(self, *codes: str) -> None:
        """Scan, and wait until it is handled: what news does not end goes on."""
        self.shop.scan(*codes)
        await self.till.handle(c.DeviceReported("scanner", "ready"))

    async def back(self, text: str = "") -> None:
        await self.till.handle(c.Do("return", text))

    @property
    def asked(self) -> str:
        question = self.till.view.question
        return question.code if question is not None else ""

    @property
    def choices(self) -> list[tuple[str, int | None]]:
        question = self.till.view.question
        assert question is not None
        return [(option.key, option.amount_minor) for option in question.options]

    @property
    def said(self) -> str:
        message = self.till.view.message
        return message.code if message is not None else ""

    @property
    def cart(self) -> list[tuple[str, str, int]]:
        lines = self.till.view.lines
        return [(line.kind, str(line.quantity), line.pay_minor) for line in lines if line.live]


@pytest.mark.parametrize("text", ["20417", "1-20417", "3-1-20417"])
def test_a_receipt_is_found_by_its_number_and_its_line_comes_back(text: str) -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back(text)
        assert (counter.asked, counter.choices) == ("return-lines", [("1", 1299)])
        await counter.do(c.Choose(1), c.Choose(2))
        assert (counter.said, counter.cart) == ("taken-back", [("return", "-1", -1299)])
        line = counter.till.view.lines[0]
        assert line.origin is not None
        assert (line.origin.number, line.origin.n, line.origin.rule, line.origin.reason) == (
            20_417,
            1,
            "exchange",
            "size",
        )
        await counter.do(c.PayCash())
        sale = counter.shop.journal.sales[-1]
        assert (sale.total_minor, sale.tenders[0].amount_minor) == (-1299, -1299)

    run(case)


def test_a_return_is_two_scans_and_two_keys_on_the_screen() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(MILK, SHIRT)
        async with opened(counter.shop) as screen:
            await screen.scan(ADDRESS)
            assert "Rückgabe: welcher Artikel?" in screen.text
            await screen.scan(SHIRT)
            assert "Warum kommt es zurück?" in screen.text
            await screen.press("2")
            await screen.press("f12")
            assert "AUSZAHLEN" in screen.text
            assert counter.shop.journal.sales[-1].total_minor == -1299

    run(case)


def test_our_own_code_and_a_copy_of_the_link_find_the_receipt_too() -> None:
    async def case() -> None:
        from pos.domain.scans import ScanKind, own_code

        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.scan(own_code(ScanKind.RECEIPT, receipt_code("3", 1, 20_417)))
        assert counter.asked == "return-lines"

    run(case)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4-1-20417", "receipt-elsewhere"),
        ("3-2-20417", "receipt-elsewhere"),
        ("99", "receipt-unknown"),
        ("SN-1", "receipt-unknown"),
    ],
)
def test_a_receipt_that_is_not_here_is_told_and_nothing_is_guessed(text: str, said: str) -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back(text)
        assert (counter.said, counter.asked) == (said, "")

    run(case)


def test_a_code_of_another_shop_is_told() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.scan(ADDRESS.replace("demo.A", "demo.B"))
        assert (counter.said, counter.asked) == ("receipt-elsewhere", "")

    run(case)


def test_the_list_shows_the_newest_first_and_goes_on_to_older_ones() -> None:
    async def case() -> None:
        counter = await Counter().open()
        for _ in range(10):
            await counter.sell(MILK)
        await counter.back()
        assert [key for key, _ in counter.choices] == [f"3-1-{n}" for n in range(20_426, 20_418, -1)] + [
            "more"
        ]
        await counter.do(c.Choose(9))
        assert [key for key, _ in counter.choices] == ["3-1-20418", "3-1-20417"]
        await counter.do(c.Choose(2))
        assert counter.asked == "return-lines"

    run(case)


def test_a_part_of_a_line_comes_back_and_no_more_than_was_bought() -> None:
    async def case() -> None:
        counter = await Counter().open()
        counter.till.submit(c.SetQuantity(Decimal(3)))
        await counter.sell(YOGHURT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Answer("4"))
        assert (counter.said, counter.asked) == ("too-much-back", "return-quantity")
        await counter.do(c.Answer("2"), c.Choose(1))
        assert (counter.asked, counter.choices) == ("return-lines", [("1", 59)])
        await counter.do(c.PayCash())
        await counter.back("20417")
        assert counter.choices == [("1", 59)]
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        await counter.back("20417")
        assert (counter.said, counter.asked) == ("nothing-left", "")
        assert [sale.total_minor for sale in counter.shop.journal.sales] == [177, -118, -59]

    run(case)


def test_what_waits_in_a_parked_cart_counts_as_taken() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.ParkCart())
        assert counter.till.view.state == "ready"
        await counter.back("20417")
        assert counter.said == "nothing-left"
        await counter.do(c.ResumeParked(), c.PayCash())
        assert counter.shop.journal.sales[-1].total_minor == -1299

    run(case)


def test_a_return_taken_out_of_the_cart_can_come_back_again() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.VoidLast())
        await counter.back("20417")
        assert counter.choices == [("1", 1299)]

    run(case)


def test_the_whole_receipt_comes_back_with_one_key() -> None:
    async def case() -> None:
        counter = await Counter().open()
        sale = await counter.sell(MILK, WATER, SHIRT)
        await counter.back("20417")
        assert counter.choices[0] == ("all", sale.total_minor)
        await counter.do(c.Choose(1), c.Choose(6), c.PayCash())
        back = counter.shop.journal.sales[-1]
        assert back.total_minor == -sale.total_minor
        assert {(tax.code, tax.gross_minor) for tax in back.taxes} == {
            (tax.code, -tax.gross_minor) for tax in sale.taxes
        }
        assert all(line.origin is not None and line.origin.damaged for line in back.lines)
        assert [line.case for line in back.lines] == ["Umsatz", "Umsatz", "PfandRueckzahlung", "Umsatz"]

    run(case)


def test_the_deposit_comes_back_only_with_the_bottle() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(WATER)
        await counter.back("20417")
        await counter.scan(WATER)
        assert counter.asked == "return-deposit"
        await counter.do(c.Choose(2), c.Choose(1))
        assert counter.cart == [("return", "-1", -89)]
        assert counter.choices == [("2", 25)]
        await counter.do(c.Choose(1), c.Choose(1))
        assert counter.cart == [("return", "-1", -89), ("deposit", "-1", -25)]

    run(case)


def test_an_article_that_is_not_on_the_receipt_is_neither_returned_nor_sold() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.scan(MILK)
        assert (counter.said, counter.asked, counter.cart) == ("not-on-receipt", "return-lines", [])
        await counter.do(c.Cancel())
        await counter.scan(MILK)
        assert counter.cart == [("article", "1", 139)]

    run(case)


def test_after_its_days_somebody_must_agree_and_a_recall_needs_nobody() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        counter.shop.clock.time += dt.timedelta(days=31)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1))
        assert counter.till.view.asked_right == "return-late"
        await counter.do(c.Approve("Alex", PIN))
        line = counter.till.view.lines[0]
        assert line.origin is not None
        assert line.origin.approved == "2"
        await counter.do(c.VoidLast())
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(8))
        assert (counter.till.view.state, counter.cart) == ("selling", [("return", "-1", -1299)])

    run(case)


@pytest.mark.parametrize(("kind", "said"), [("void", "return-of-voided"), ("retender", "")])
def test_nothing_of_a_voided_receipt_comes_back_and_of_a_re_tendered_one_everything(
    kind: str, said: str
) -> None:
    async def case() -> None:
        counter = await Counter().open()
        sale = await counter.sell(SHIRT)
        counted = msgspec.structs.replace(
            sale,
            number=20_418,
            cart_id="V" * 26,
            lines=(),
            references=(Reference(kind, "3", 1, 20_417),),
        )
        await counter.shop.journal.append([counted])
        await counter.back("20417")
        assert counter.said == said
        assert counter.asked == ("" if said else "return-lines")
        await counter.do(c.Cancel())
        await counter.back("20418")
        assert counter.said == "receipt-counter"

    run(case)


def test_a_return_is_not_returned_again() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        await counter.back("20418")
        assert (counter.said, counter.asked) == ("nothing-left", "")

    run(case)


def test_what_has_a_serial_number_comes_back_with_the_same_one() -> None:
    async def case() -> None:
        counter = await Counter().open()
        sale = await counter.sell(SHIRT)
        lines = tuple(msgspec.structs.replace(line, serial="SN-77") for line in sale.lines)
        counter.shop.journal.facts[-1] = msgspec.structs.replace(sale, lines=lines)
        await counter.back("SN-77")
        await counter.do(c.Choose(1))
        assert counter.asked == "return-serial"
        await counter.scan("SN-78")
        assert (counter.said, counter.asked) == ("serial-differs", "return-lines")
        await counter.do(c.Choose(1), c.Answer("SN-77"))
        assert counter.asked == "return-reason"

    run(case)


def test_an_exchange_is_one_sale_with_one_payment() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(2))
        await counter.scan(BUTTER)
        assert counter.till.view.total_minor == 249 - 1299
        await counter.do(c.PayCash())
        sale = counter.shop.journal.sales[-1]
        assert (sale.total_minor, sale.tenders[0].amount_minor) == (-1050, -1050)

    run(case)


def test_another_size_is_sold_at_the_price_that_was_paid() -> None:
    async def case() -> None:
        counter = await Counter().open()
        sale = await counter.sell(SHIRT)
        off = (Discount("summer", "Sommer", 300, source="promotion"),)
        lines = tuple(msgspec.structs.replace(line, discounts=off) for line in sale.lines)
        counter.shop.journal.facts[-1] = msgspec.structs.replace(sale, lines=lines, total_minor=999)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(2), c.Do("exchange-size"))
        await counter.scan(SHIRT)
        assert counter.cart == [("return", "-1", -999), ("article", "1", 999)]
        new = counter.till.view.lines[-1]
        assert (new.price_source, new.list_minor, new.unit_minor) == ("origin", 1299, 1299)
        await counter.do(c.PayCash())
        assert counter.shop.journal.sales[-1].tenders == ()

    run(case)


def test_another_price_is_no_other_size_unless_somebody_agrees() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(2), c.Do("exchange-size", BEER))
        assert counter.till.view.asked_right == "exchange-price"
        await counter.do(c.Cancel(), c.VoidLast(), c.Do("exchange-size"))
        assert counter.said == "exchange-after-return"

    run(case)


def test_a_receipt_from_the_list_is_printed_again_as_a_copy() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.sell(MILK)
        await counter.do(c.Do("receipts"), c.Choose(2), c.Choose(1))
        job = counter.shop.printer.jobs[-1]
        assert job.sale is not None
        assert (job.copy, job.sale.number, counter.said) == (True, 20_417, "copy-printing")

    run(case)


def test_a_receipt_whose_lines_wait_in_a_parked_cart_is_not_voided() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.ParkCart())
        await counter.do(c.Do("void-sale", "20417"))
        assert (counter.said, len(counter.shop.journal.sales)) == ("receipt-returned", 1)

    run(case)


def test_the_receipt_of_a_return_names_the_one_it_belongs_to_and_says_what_is_paid_out() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        sale = counter.shop.journal.sales[-1]
        assert sale.references == (Reference("return", "3", 1, 20_417),)
        receipt = build(sale, Paper("Laden"), till="3", epoch=1, public_url="", copy=False, language="de")
        text = "\n".join(render_text(receipt, 42))
        assert "Rückgabe/Umtausch zu Bon 3-1-20417" in text
        assert "zurückgenommen" in text
        assert "Bar ausgezahlt" in text
        assert "-12,99 A" in text

    run(case)


def test_a_trainee_asks_before_taking_back() -> None:
    async def case() -> None:
        from pos.domain.rights import ALL, Role

        counter = Counter(roles=(Role("cashier"), Role("supervisor", (ALL,))))
        await counter.open()
        await counter.sell(SHIRT)
        await counter.back("20417")
        assert counter.till.view.asked_right == "return"
        await counter.do(c.Approve("Alex", PIN))
        assert counter.asked == "return-lines"

    run(case)


def test_the_cart_of_an_exchange_adds_up() -> None:
    """A third of three for two, exchanged: the new line costs what the old one gives back."""
    from tests.tui.fakes import articles

    shop = Shop()
    article = articles()[5]
    rate = shop.till._desk.world.taxes.rate("A", dt.date(2026, 1, 1))
    mark = carts.Mark(0, "1")
    cart = cart_goods.add_article(
        carts.Cart("c", 0, "1"), article, Decimal(3), (rate, None), mark, code="", source=""
    )
    cart = cart_goods.add_return(cart, cart.lines[0], Decimal(1), 866, carts.Origin("3", 1, 7, 1), mark)
    cart = cart_goods.add_in_exchange(cart, cart.lines[-1], article, rate, mark, code="", source="")
    assert [line.pay_minor for line in cart.lines] == [3897, -866, 866]
