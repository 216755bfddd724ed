"""What goods ask of the cashier: ages, serial numbers, prices by hand, empties, who sells and who buys."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.cart_facts import AgeRefused
from pos.domain import commands as c
from pos.domain.article import Article, Deposit
from pos.domain.goods_rules import GoodsRules, read_deposits
from pos.domain.promotions import Promotion
from pos.domain.rights import ALL, Role
from pos.facts import Training, body_of, decode_fact, kind_of
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from receipts.html import receipt_page
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import (
    APPLES,
    BEER,
    BUTTER,
    MILK,
    NO_PRICE,
    PIN,
    UNKNOWN,
    WATER,
    YOGHURT,
    Shop,
    code,
    run,
)
from tests.unit.receipt_samples import SHOP

GIN, CIDER, PHONE, PHONE_2 = code(700), code(701), code(702), code(703)
MORE = (
    Article("G1", "Gin 0,7 l", "A", 1990, gtin=GIN, min_age=18),
    Article("G2", "Apfelwein", "A", 199, gtin=CIDER, min_age=16),
    Article("G3", "Telefon", "A", 39900, gtin=PHONE, serial_required=True),
    Article("G4", "Telefon mini", "A", 29900, gtin=PHONE_2, serial_required=True),
)
EMPTIES = (Deposit("", "Mehrweg", 8, "A"), Deposit("", "Einweg", 25, "A"))
RULES = GoodsRules("ask", EMPTIES, ("damaged",), ("damaged", "Absprache"), 10, 15)
ROLES = (
    Role("cashier", ("discount", "deposit-return", "staff-purchase", "void-cart")),
    Role("supervisor", (ALL,)),
)


async def opened(rules: GoodsRules = RULES, **options: Any) -> Shop:
    shop = Shop(goods=rules, roles=ROLES, **options)
    shop.catalogue.add(*MORE)
    await shop.open()
    return shop


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


async def do(shop: Shop, *commands: c.Command) -> None:
    for command in commands:
        await shop.till.handle(command)


def refusals(shop: Shop) -> list[AgeRefused]:
    return [fact for fact in shop.journal.facts if isinstance(fact, AgeRefused)]


# -- age


def test_the_age_is_asked_with_the_scan_and_once_a_sale() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(BEER)
        question = shop.till.view.question
        assert question is not None
        assert (question.code, question.fields["age"], question.fields["day"]) == ("age", 16, "21.11.2010")
        await do(shop, c.Choose(1))
        assert (asked(shop), said(shop)) == ("", "")
        shop.scan(BEER, CIDER)
        assert asked(shop) == ""
        shop.scan(GIN)
        assert shop.till.view.question is not None
        assert shop.till.view.question.fields["age"] == 18
        await do(shop, c.Choose(1), c.PayCash())
        (sale,) = shop.journal.sales
        assert sale.total_minor == 2 * 119 + 199 + 1990
        shop.scan(BEER)
        assert asked(shop) == "age", "the next customer is another one"

    run(case)


def test_a_scan_meanwhile_sells_and_the_question_comes_back_before_any_payment() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(GIN, MILK, BUTTER)
        assert (asked(shop), said(shop), len(shop.till.view.lines)) == ("", "age-waits", 3)
        await do(shop, c.PayCash(3000))
        assert (asked(shop), shop.journal.sales) == ("age", [])
        await do(shop, c.Cancel(), c.Do("card"))
        assert (asked(shop), shop.journal.sales) == ("age", [])
        await do(shop, c.Cancel(), c.PayCash(3000), c.Choose(1))
        (sale,) = shop.journal.sales
        assert (sale.tenders[0].given_minor, sale.total_minor) == (3000, 1990 + 139 + 249)

    run(case)


def test_a_refusal_takes_the_lines_out_keeps_the_rest_and_is_a_fact_without_the_customer() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(BEER, MILK, GIN)
        await do(shop, c.Choose(2))
        assert (asked(shop), said(shop)) == ("age", "age-refused"), "16 is asked for the beer"
        await do(shop, c.Choose(1))
        assert [line.live for line in shop.till.view.lines] == [True, True, False]
        (fact,) = refusals(shop)
        assert (fact.min_age, fact.skus, fact.operator, fact.business_day) == (18, ("G1",), "1", "2026-11-21")
        assert set(type(fact).__struct_fields__) == {
            *("business_day", "cart_id", "operator", "min_age", "at_ms", "offset_min", "skus")
        }
        shop.scan(GIN)
        assert asked(shop) == "age", "refused is not passed"
        await do(shop, c.Choose(2), c.PayCash())
        assert [sale.total_minor for sale in shop.journal.sales] == [119 + 139]
        assert len(refusals(shop)) == 2

    run(case)


def test_a_refusal_at_the_payment_pays_nothing_by_itself() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(GIN, MILK)
        await do(shop, c.PayCash(5000), c.Choose(2))
        assert (shop.journal.sales, said(shop), shop.till.view.total_minor) == ([], "age-refused", 139)
        await do(shop, c.PayCash())
        assert [sale.total_minor for sale in shop.journal.sales] == [139]

    run(case)


@pytest.mark.parametrize(
    ("typed", "live", "code_said"),
    [
        ("211108", [True, True, True], ""),
        ("22.11.2008", [True, True, False], "age-refused"),
        ("21.11.2010", [True, True, False], "age-refused"),
        ("22.11.2010", [False, True, False], "age-refused"),
        ("1", [False, True, False], "age-refused"),
    ],
)
def test_a_typed_birth_date_passes_what_it_passes_and_is_kept_nowhere(
    typed: str, live: list[bool], code_said: str
) -> None:
    async def case() -> None:
        shop = await opened(GoodsRules("date"))
        shop.scan(BEER, MILK, GIN)
        assert asked(shop) == "age-date"
        await do(shop, c.Answer(typed))
        assert ([line.live for line in shop.till.view.lines], said(shop), asked(shop)) == (
            live,
            code_said,
            "",
        )
        await do(shop, c.PayCash())
        assert len(shop.journal.sales) == 1
        kept = b"".join(body_of(fact) for fact in shop.journal.facts)
        assert not any(part in kept for part in (b"2008", b"2010", b"211108", b"birth"))

    run(case)


@pytest.mark.parametrize("typed", ["24.12.2026", "1.1.1890"])
def test_a_day_that_is_no_birth_date_is_asked_again(typed: str) -> None:
    async def case() -> None:
        shop = await opened(GoodsRules("date"))
        shop.scan(GIN)
        await do(shop, c.Answer(typed))
        assert (asked(shop), said(shop), refusals(shop)) == ("age-date", "age-absurd", [])
        await do(shop, c.Answer("31.2.2008"))
        assert (asked(shop), said(shop)) == ("age-date", "not-a-day")

    run(case)


def test_a_refusal_that_cannot_be_written_leaves_the_lines_waiting() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(GIN)
        shop.journal.broken = JournalUnavailableError("disk-full", "no room")
        await do(shop, c.Choose(2))
        assert (said(shop), shop.till.view.lines[0].live) == ("disk-full", True)
        shop.journal.broken = None
        await do(shop, c.PayCash())
        assert (asked(shop), shop.journal.sales) == ("age", [])

    run(case)


def test_a_parked_cart_still_waits_for_its_age_and_keeps_one_that_passed() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(BEER)
        await do(shop, c.Choose(1))
        shop.scan(GIN)
        await do(shop, c.ParkCart(), c.ResumeParked(), c.PayCash())
        question = shop.till.view.question
        assert question is not None
        assert question.fields["age"] == 18
        await do(shop, c.Choose(2))
        assert (asked(shop), [line.live for line in shop.till.view.lines]) == ("", [True, False])

    run(case)


def test_a_refusal_in_training_is_kept_as_training() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.Do("training"))
        if shop.till.view.state == "approval":
            await do(shop, c.Approve("Alex", PIN))
        await do(shop, c.Choose(1))
        assert shop.till.view.training
        shop.scan(GIN)
        await do(shop, c.Choose(2))
        assert said(shop) == "age-refused"
        assert refusals(shop) == []
        trained = shop.journal.facts[-1]
        assert isinstance(trained, Training)
        assert isinstance(trained.fact, AgeRefused)
        kind, version = kind_of(trained)
        assert kind == "training.age.refused"
        assert decode_fact(kind, version, body_of(trained)) == trained

    run(case)


def test_where_the_shop_only_warns_nothing_is_asked() -> None:
    async def case() -> None:
        shop = await opened(GoodsRules("warn"))
        shop.scan(GIN)
        assert (asked(shop), said(shop)) == ("", "age-check")
        await do(shop, c.PayCash())
        assert len(shop.journal.sales) == 1

    run(case)


# -- serial numbers


def test_a_serial_number_is_taken_at_the_sale_by_scan_or_typing() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(PHONE)
        assert asked(shop) == "serial"
        shop.scan("SN-4711")
        await shop.till.settle()
        assert asked(shop) == ""
        shop.scan(PHONE_2)
        await do(shop, c.Answer("SN-4712"), c.PayCash())
        (sale,) = shop.journal.sales
        assert [(line.sku, line.serial, line.open_reason) for line in sale.lines] == [
            ("G3", "SN-4711", ""),
            ("G4", "SN-4712", ""),
        ]

    run(case)


def test_goods_scanned_instead_of_the_number_are_sold_and_it_is_asked_again() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(PHONE)
        await do(shop, c.Scan(MILK))
        assert ([line.sku for line in shop.till.view.lines], asked(shop)) == (["G3", "S1"], "")
        await do(shop, c.PayCash())
        assert (asked(shop), shop.journal.sales) == ("serial", [])
        await do(shop, c.Scan("SN-1"))
        assert len(shop.journal.sales) == 1

    run(case)


def test_a_number_that_is_sold_already_is_refused_until_it_comes_back() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(PHONE)
        await do(shop, c.Answer("SN-1"), c.PayCash())
        number = shop.journal.sales[0].number
        shop.scan(PHONE)
        await do(shop, c.Answer("SN-1"))
        message = shop.till.view.message
        assert message is not None
        assert (message.code, message.fields["receipt"], asked(shop)) == (
            "serial-sold",
            f"3-1-{number}",
            "serial",
        )
        await do(shop, c.Answer("SN-2"))
        shop.scan(PHONE)
        await do(shop, c.Answer("SN-2"))
        assert said(shop) == "serial-sold", "in this cart"
        await do(shop, c.VoidLast(), c.VoidLast(), c.VoidCart(), c.VoidCart())
        sold = shop.journal.sales[0]
        back = msgspec.structs.replace(sold.lines[0], kind="return", qty=Decimal(-1))
        shop.journal.facts.append(msgspec.structs.replace(sold, number=number + 1, lines=(back,)))
        shop.scan(PHONE)
        await do(shop, c.Answer("SN-1"))
        assert (asked(shop), said(shop)) == ("", "")

    run(case)


def test_what_has_a_number_is_sold_one_by_one_and_never_repeated() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.SetQuantity(Decimal(3)), c.Scan(PHONE))
        assert (said(shop), shop.till.view.lines) == ("serial-one-by-one", ())
        await do(shop, c.Cancel(), c.Scan(PHONE), c.Answer("SN-1"), c.SetQuantity(Decimal(2)), c.RepeatLast())
        assert (said(shop), len(shop.till.view.lines)) == ("nothing-to-repeat", 1)

    run(case)


# -- quantities, departments


def test_a_quantity_after_the_scan_goes_up_and_down() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(WATER)
        for wanted in (3, 5, 2, 1):
            await do(shop, c.SetQuantity(Decimal(wanted)), c.RepeatLast())
            assert shop.till.view.total_minor == wanted * (89 + 25)
        await do(shop, c.SetQuantity(Decimal("0.842")), c.Scan(APPLES))
        await do(shop, c.SetQuantity(Decimal("0.5")), c.RepeatLast())
        assert shop.till.view.total_minor == 114 + 125
        await do(shop, c.SetQuantity(Decimal("0.5")), c.VoidLast(), c.RepeatLast())
        assert (said(shop), shop.till.view.total_minor) == ("quantity-whole", 114)

    run(case)


@pytest.mark.parametrize("quantity", ["0", "0.000", "100", "999"])
def test_an_absurd_weight_gives_no_line(quantity: str) -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.SetQuantity(Decimal(quantity)), c.Scan(APPLES))
        assert said(shop) in {"weight-absurd", "weight-needed"}
        assert shop.till.view.lines == ()

    run(case)


def test_a_price_without_an_article_is_sold_in_its_department() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.SetPrice(250))
        assert (shop.till.view.state, said(shop)) == ("department", "department-needed-new")
        await do(shop, c.EnterCode("7"))
        assert (said(shop), shop.till.view.state) == ("department-unknown", "department")
        await do(shop, c.EnterCode("12"), c.SetQuantity(Decimal(2)), c.SetPrice(100, department=1))
        await do(shop, c.SetQuantity(Decimal(3)), c.RepeatLast(), c.PayCash())
        (sale,) = shop.journal.sales
        assert [
            (line.text, line.kind, line.price_source, line.department, line.tax, line.total_minor)
            for line in sale.lines
        ] == [
            ("Textil", "article", "asked", 12, "A", 250),
            ("Lebensmittel", "article", "asked", 1, "B", 200),
            ("Lebensmittel", "article", "asked", 1, "B", 100),
        ]

    run(case)


def test_a_price_goes_to_the_open_line_where_there_is_one() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK, UNKNOWN)
        await do(shop, c.SetPrice(300), c.EnterCode("1"), c.Scan(NO_PRICE), c.SetPrice(500))
        assert [(line.text, line.total_minor) for line in shop.till.view.lines[1:]] == [
            ("Lebensmittel", 300),
            ("Blumen vom Feld", 500),
        ]

    run(case)


# -- prices and discounts by hand


def test_a_discount_is_a_few_keys_and_its_share_says_who_why_and_how_much() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK, BUTTER)
        await do(shop, c.Do("discount", "10"), c.Choose(1), c.Choose(1))
        assert (said(shop), shop.till.view.total_minor) == ("discount-given", 139 + 249 - 25)
        await do(shop, c.Do("discount", "1,00"), c.Choose(5), c.Choose(1))
        assert asked(shop) == "", "100 of 363 is over the limit"
        assert shop.till.view.state == "approval"
        await do(shop, c.Approve("Alex", PIN))
        await do(shop, c.PayCash())
        (sale,) = shop.journal.sales
        discounts = [one for line in sale.lines for one in line.discounts]
        assert sale.total_minor == 263
        assert sum(one.amount_minor for one in discounts) == 125
        assert {(one.source, one.reason, one.by) for one in discounts} == {("manual", "damaged", "1")}
        assert {one.text for one in discounts} == {"Rabatt 10 %", "Rabatt"}
        assert [(one.right, one.by) for one in sale.approvals] == [("discount-over", "2")]
        assert {one.approved for one in discounts} == {"", "2"}

    run(case)


def test_a_discount_that_is_not_approved_is_not_given() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK)
        await do(shop, c.Do("discount", "50"), c.Choose(4), c.Choose(1))
        assert (shop.till.view.state, shop.till.view.asked_right) == ("approval", "discount-over")
        await do(shop, c.Cancel())
        assert (shop.till.view.total_minor, shop.till.view.state) == (139, "selling")

    run(case)


def test_a_discount_of_the_cart_follows_it_and_can_be_taken_back() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK)
        await do(shop, c.Do("discount", "10"), c.Choose(4), c.Choose(1))
        shop.scan(BUTTER, WATER)
        assert shop.till.view.total_minor == 139 + 249 + 89 + 25 - 48
        await do(shop, c.ParkCart(), c.ResumeParked(), c.VoidLast())
        assert shop.till.view.total_minor == 139 + 249 - 39
        await do(shop, c.Do("discount"), c.Choose(7))
        assert (shop.till.view.total_minor, said(shop)) == (388, "discount-back")

    run(case)


@pytest.mark.parametrize(
    ("typed", "choice", "question", "message"),
    [
        ("0", 1, "discount-percent", ""),
        ("5000", 2, "discount-amount", "discount-amount-limit"),
        ("", 3, "override-price", ""),
    ],
)
def test_a_value_that_cannot_be_is_asked_again(typed: str, choice: int, question: str, message: str) -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK)
        await do(shop, c.Do("discount", typed), c.Choose(choice))
        assert (asked(shop), said(shop)) == (question, message)
        assert shop.till.view.total_minor == 139

    run(case)


def test_another_price_needs_a_reason_and_a_right_and_keeps_the_old_one() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(MILK, BUTTER, YOGHURT)
        await do(shop, c.Do("discount", "1,99"), c.Choose(6), c.Choose(2), c.Choose(3), c.Choose(2))
        assert shop.till.view.asked_right == "price-override"
        await do(shop, c.Approve("Alex", PIN))
        assert said(shop) == "override-done"
        await do(shop, c.Do("override", "0,49"), c.Choose(1), c.Approve("Alex", PIN), c.PayCash())
        (sale,) = shop.journal.sales
        assert [
            (line.unit_minor, line.list_minor, line.price_source, line.reason, line.approved)
            for line in sale.lines
        ] == [
            (139, None, "catalogue", "", ""),
            (199, 249, "override", "Absprache", "2"),
            (49, 59, "override", "damaged", "2"),
        ]

    run(case)


def test_a_discount_on_a_line_takes_the_promotions_place_and_never_costs_the_customer_more() -> None:
    half = Promotion("half", "Alles halb", "percent", percent=Decimal(50))

    async def case() -> None:
        shop = await opened(promotions=(half,))
        shop.scan(BUTTER, MILK)
        before = shop.till.view.total_minor
        await do(shop, c.Do("discount", "10"), c.Choose(1), c.Choose(1))
        assert (said(shop), shop.till.view.total_minor) == ("discount-not-better", before)
        await do(shop, c.Do("discount", "60"), c.Choose(1), c.Choose(1), c.Approve("Alex", PIN))
        assert shop.till.view.total_minor == 124 + 56
        await do(shop, c.Do("discount", "10"), c.Choose(4), c.Choose(1))
        sources = [[one.source for one in line.discounts] for line in shop.till.view.lines]
        assert sources == [["promotion", "manual"], ["manual", "manual"]]

    run(case)


# -- empties, sellers, staff


def test_empties_come_back_without_a_purchase_and_are_paid_out() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.Do("deposit-return", "6"), c.Choose(2))
        assert shop.till.view.total_minor == -150
        await do(shop, c.Do("deposit-return"), c.Choose(1))
        await do(shop, c.Answer("1,5"))
        assert said(shop) == "deposit-whole"
        await do(shop, c.Answer("2"))
        await do(shop, c.SetQuantity(Decimal(3)), c.RepeatLast())
        assert shop.till.view.total_minor == -150 - 24
        await do(shop, c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.total_minor, [(t.kind, t.amount_minor) for t in sale.tenders]) == (
            -174,
            [("cash", -174)],
        )
        assert {line.case for line in sale.lines} == {"PfandRueckzahlung"}

    run(case)


def test_empties_lower_what_is_paid_and_are_never_discounted() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(BUTTER)
        await do(shop, c.SetQuantity(Decimal(4)), c.Do("deposit-return"), c.Choose(2))
        await do(shop, c.Do("discount", "10"), c.Choose(4), c.Choose(1))
        assert shop.till.view.total_minor == 249 - 25 - 100
        await do(shop, c.VoidLast())
        assert shop.till.view.total_minor == 249 - 25

    run(case)


def test_the_catalogues_deposits_are_offered_after_the_settings_ones() -> None:
    async def case() -> None:
        shop = await opened(GoodsRules(deposits=EMPTIES[:1]))
        await do(shop, c.Do("deposit-return"))
        question = shop.till.view.question
        assert question is not None
        assert [(option.text, option.amount_minor) for option in question.options] == [
            ("Mehrweg", 8),
            ("Pfand", 25),
        ]

    run(case)


def test_who_sells_is_kept_with_the_lines_to_come() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.Do("seller"), c.Choose(3))
        shop.scan(MILK)
        await do(shop, c.Do("seller"), c.Choose(2))
        shop.scan(WATER)
        await do(shop, c.Do("seller"), c.Choose(1))
        shop.scan(BUTTER)
        await do(shop, c.PayCash())
        (sale,) = shop.journal.sales
        assert [(line.sku, line.seller) for line in sale.lines] == [
            ("S1", "2"),
            ("S7", "1"),
            ("P25", ""),
            ("S3", ""),
        ]
        shop.scan(MILK)
        assert shop.till.view.lines[0].seller == "", "the next sale begins without a seller"

    run(case)


def test_staff_buys_at_anothers_sign_in_and_never_at_its_own() -> None:
    async def case() -> None:
        shop = await opened()
        await do(shop, c.Do("staff-purchase"))
        question = shop.till.view.question
        assert question is not None
        assert [option.key for option in question.options] == ["", "2"], "nobody sells to oneself"
        await do(shop, c.Choose(2))
        shop.scan(BUTTER)
        assert shop.till.view.total_minor == 249 - 37
        await do(shop, c.Lock(), c.SignIn("Alex", PIN), c.PayCash())
        assert (said(shop), shop.journal.sales) == ("staff-own", [])
        await do(shop, c.Lock(), c.SignIn("Kim", PIN), c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.staff, sale.total_minor, sale.lines[0].discounts[0].source) == ("2", 212, "staff")

    run(case)


def test_a_cart_parked_before_a_change_of_rates_is_paid_at_those_of_the_day() -> None:
    async def case() -> None:
        shop = await opened()
        shop.clock.time = dt.datetime(2020, 12, 31, 23, 59, tzinfo=dt.UTC)
        shop.scan(WATER)
        await do(shop, c.ParkCart())
        shop.clock.time = dt.datetime(2021, 1, 1, 9, 0, tzinfo=dt.UTC)
        await do(shop, c.ResumeParked(), c.PayCash())
        sale = next(fact for fact in shop.journal.facts if isinstance(fact, Sale))
        assert {str(line.percent) for line in sale.lines} == {"19"}
        assert [(tax.key, str(tax.percent)) for tax in sale.taxes] == [(1, "19")]

    run(case)


@pytest.mark.parametrize("text", ["", "A Einweg", "0 A Einweg", "25 A", "x A Einweg", "-5 A Einweg"])
def test_a_deposit_in_the_settings_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        read_deposits((text,))


# -- variants

SIZES, COLOURS = ("S", "M", "L", "XL", "XXL"), ("weiß", "dunkelblau")


def shirts() -> list[Article]:
    return [
        Article(
            f"V{size}{colour}",
            f"Hemd {size} {colour}",
            "A",
            1999 + 100 * SIZES.index(size),
            gtin=code(800 + 10 * SIZES.index(size) + COLOURS.index(colour)),
            options=(size, colour),
            product=7,
        )
        for size in SIZES
        for colour in COLOURS
    ]


def test_a_product_is_found_once_and_its_variant_chosen_by_colour_and_size() -> None:
    async def case() -> None:
        shop = await opened()
        shop.catalogue.add(*shirts())
        await do(shop, c.Search("hemd"))
        assert [article.text for article in shop.till.view.results] == ["Hemd (Größe, Farbe)"]
        await do(shop, c.PickResult(1))
        question = shop.till.view.question
        assert question is not None
        assert (question.code, [o.text for o in question.options]) == ("variant-axis", ["weiß", "dunkelblau"])
        await do(shop, c.Choose(2))
        question = shop.till.view.question
        assert question is not None
        assert [(o.text, o.amount_minor) for o in question.options][-1] == ("XXL", 2399)
        await do(shop, c.Choose(5))
        assert [(line.sku, line.total_minor) for line in shop.till.view.lines] == [("VXXLdunkelblau", 2399)]
        await do(shop, c.Do("variant"), c.Choose(1), c.Choose(1))
        assert [(line.sku, line.live) for line in shop.till.view.lines] == [
            ("VXXLdunkelblau", False),
            ("VSweiß", True),
        ]

    run(case)


def test_the_one_variant_that_was_searched_for_is_sold_at_once() -> None:
    async def case() -> None:
        shop = await opened()
        shop.catalogue.add(*shirts())
        await do(shop, c.Search("hemd xl dunkel"), c.PickResult(1))
        assert (asked(shop), [line.sku for line in shop.till.view.lines]) == ("", ["VXLdunkelblau"])
        shop.scan(MILK)
        await do(shop, c.Do("variant"))
        assert said(shop) == "no-variants"

    run(case)


def test_the_receipt_says_what_was_given_by_hand_what_came_back_and_which_piece_it_is() -> None:
    async def case() -> None:
        shop = await opened()
        shop.scan(BUTTER, PHONE)
        await do(shop, c.Answer("SN-4711"), c.Do("discount", "10"), c.Choose(1), c.Choose(1))
        await do(shop, c.Do("deposit-return", "6"), c.Choose(2))
        shop.scan(MILK)
        await do(shop, c.Do("override", "0,99"), c.Choose(1), c.Approve("Alex", PIN), c.PayCash())
        (sale,) = shop.journal.sales
        receipt = build(
            sale, SHOP, till="3", epoch=1, public_url="https://bon.example", copy=False, language="de"
        )
        rows = render_text(receipt, 32)
        at = rows.index("Telefon                 399,00 A")
        assert rows[at + 1 : at + 3] == [
            "  Seriennummer SN-4711",
            "  Rabatt 10 %           -39,90",
        ]
        at = rows.index("Einweg                   -1,50 A")
        assert rows[at + 1] == "  -6 x 0,25"
        at = next(n for n, row in enumerate(rows) if row.endswith(" 0,99 B"))
        assert rows[at + 1] == "  statt 1,39"
        page = receipt_page(receipt)
        assert all(f"<small>{text}</small>" in page for text in ("statt 1,39", "Seriennummer SN-4711"))
        assert "Rabatt 10 %" in page

    run(case)
