"""Paying at the till: in parts, by card beside the till, with notes, tips and foreign cash; what can be taken back."""

import datetime as dt
from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.domain.rounding import PROFILES
from pos.domain.tender import ForeignRate, TenderRules
from pos.settings import SettingsError, load_settings
from tests.tui.fakes import BUTTER, MILK, SHIRT, Shop, opened, run

PLAIN = TenderRules(card_number="none")


async def selling(*codes: str, rules: TenderRules = PLAIN) -> Shop:
    shop = Shop(tenders=rules)
    await shop.open()
    shop.scan(*codes)
    return shop


async def do(shop: Shop, name: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def paid(shop: Shop) -> list[tuple[str, int]]:
    (sale,) = shop.journal.sales
    return [(tender.kind, tender.amount_minor) for tender in sale.tenders]


def test_a_part_in_cash_and_the_rest_by_card() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        await shop.till.handle(c.PayCash(1_000))
        assert (said(shop), shop.till.view.due_minor, shop.till.view.state) == ("part-paid", 299, "selling")
        assert shop.drawer.opened == 0
        assert shop.state.cart is not None
        assert len(shop.state.cart.tenders) == 1, "it is saved with the cart"
        await do(shop, "card")
        assert shop.till.view.state == "question"
        await shop.till.handle(c.Choose(1))
        assert paid(shop) == [("cash", 1_000), ("card-manual", 299)]
        assert shop.drawer.opened == 1

    run(case)


def test_lines_may_still_come_but_none_may_go_that_is_paid_for() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        await do(shop, "card", "1000")
        await shop.till.handle(c.Choose(1))
        shop.scan(MILK)
        assert shop.till.view.due_minor == 299 + 139
        await shop.till.handle(c.VoidLine(1))
        assert (said(shop), len([line for line in shop.till.view.lines if line.live])) == (
            "would-be-overpaid",
            2,
        )
        await shop.till.handle(c.VoidLast())
        assert shop.till.view.due_minor == 299
        for command in (c.ParkCart(), c.VoidCart()):
            await shop.till.handle(command)
            assert said(shop) == "part-paid-first"

    run(case)


def test_a_part_is_taken_back_and_a_card_only_after_the_terminal() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        await do(shop, "tender-back")
        assert said(shop) == "no-part-paid"
        await shop.till.handle(c.PayCash(500))
        await do(shop, "card", "300")
        await shop.till.handle(c.Choose(1))
        await do(shop, "tender-back")
        assert shop.till.view.question is not None
        assert shop.till.view.question.code == "card-back"
        await shop.till.handle(c.Choose(2))
        assert (said(shop), len(shop.till.view.tenders)) == ("part-stays", 2)
        await do(shop, "tender-back")
        await shop.till.handle(c.Choose(1))
        assert [tender.kind for tender in shop.till.view.tenders] == ["cash"]
        await do(shop, "tender-back", "1")
        assert (shop.till.view.tenders, shop.till.view.due_minor) == ((), 1_299)

    run(case)


def test_a_card_that_is_declined_loses_nothing() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        for answer in (c.Choose(2), c.Cancel()):
            await do(shop, "card")
            await shop.till.handle(answer)
            assert (shop.till.view.state, shop.till.view.due_minor, shop.journal.sales) == (
                "selling",
                1_299,
                [],
            )
        await do(shop, "card", "1300")
        assert said(shop) == ""
        assert shop.till.view.question is not None, "more than is owed: a tip?"
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("cash", 1_299)]

    run(case)


@pytest.mark.parametrize(("wanted", "reference"), [("ask", "0815"), ("ask", ""), ("required", "0815")])
def test_the_terminals_number_is_kept_and_asked_after_the_payment_is(wanted: str, reference: str) -> None:
    async def case() -> None:
        shop = await selling(SHIRT, rules=TenderRules(card_number=wanted))  # type: ignore[arg-type]
        await do(shop, "card")
        await shop.till.handle(c.Choose(1))
        assert shop.state.cart is not None
        assert shop.state.cart.tenders, "approved is kept before anything else is asked"
        await shop.till.handle(c.Cancel())
        assert (shop.till.view.state, shop.till.view.due_minor) == ("selling", 0)
        if wanted == "required":
            await shop.till.handle(c.PayCash())
            assert said(shop) == "card-number-missing"
        await do(shop, "card")
        await shop.till.handle(c.Answer(reference))
        (sale,) = shop.journal.sales
        assert [tender.reference for tender in sale.tenders] == [reference]

    run(case)


def test_more_by_card_is_a_tip_or_cash_paid_out() -> None:
    async def case() -> None:
        shop = await selling(SHIRT, rules=TenderRules(card_number="none", cashback_max_minor=5_000))
        await do(shop, "card", "1500")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        (sale,) = shop.journal.sales
        assert (sale.tip_minor, sale.total_minor, paid(shop)) == (201, 1_299, [("card-manual", 1_500)])
        shop = await selling(
            SHIRT, rules=TenderRules(card_number="none", cashback_max_minor=5_000, tips=False)
        )
        await do(shop, "card", "3299")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        assert paid(shop) == [("card-manual", 3_299), ("cash", -2_000)]
        assert (shop.till.view.change_minor, shop.drawer.opened) == (2_000, 1)
        shop = await selling(SHIRT, rules=TenderRules(tips=False))
        await do(shop, "card", "3299")
        assert said(shop) == "only-cash-over"

    run(case)


def test_a_tip_in_cash_is_owed_too() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        await do(shop, "tip", "101")
        assert (shop.till.view.total_minor, shop.till.view.due_minor) == (1_299, 1_400)
        await do(shop, "note-20")
        (sale,) = shop.journal.sales
        assert (sale.tip_minor, paid(shop), shop.till.view.change_minor) == (101, [("cash", 1_400)], 600)

    run(case)


def test_cash_is_rounded_where_the_small_coins_are_gone() -> None:
    async def case() -> None:
        shop = await selling(SHIRT, rules=TenderRules(rounding=PROFILES["CH"]))
        assert (shop.till.view.due_minor, shop.till.view.cash_due_minor) == (1_299, 1_300)
        await shop.till.handle(c.PayCash(1_299))
        assert said(shop) == "not-in-coins"
        await shop.till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.rounding_minor, paid(shop)) == (1, [("cash", 1_300)])

    run(case)


def test_foreign_cash_gives_change_at_home() -> None:
    async def case() -> None:
        rate = ForeignRate("CHF", Decimal("1.05"), dt.date(2026, 11, 20))
        shop = await selling(SHIRT, rules=TenderRules(foreign=(rate,)))
        await do(shop, "foreign-cash")
        await shop.till.handle(c.Answer("2000"))
        assert paid(shop) == [("foreign", 2_100), ("cash", -801)]
        assert (shop.till.view.change_minor, shop.drawer.opened) == (801, 1)

    run(case)


def test_what_the_shop_does_not_take_is_refused_and_not_in_the_menu() -> None:
    async def case() -> None:
        shop = await selling(SHIRT, rules=TenderRules(taken=("cash", "card"), card_number="none"))
        await do(shop, "foreign-cash")
        assert said(shop) == "tender-not-taken"
        await do(shop, "tenders")
        question = shop.till.view.question
        assert question is not None
        assert [option.key for option in question.options] == ["cash", "card"]
        await shop.till.handle(c.Choose(2))
        await shop.till.handle(c.Choose(1))
        assert paid(shop) == [("card-manual", 1_299)]

    run(case)


def test_likely_amounts_to_choose_from() -> None:
    async def case() -> None:
        shop = await selling(SHIRT)
        await do(shop, "cash-quick")
        question = shop.till.view.question
        assert question is not None
        assert [option.amount_minor for option in question.options][:4] == [1_299, 1_300, 1_500, 2_000]
        await shop.till.handle(c.Choose(4))
        assert shop.till.view.change_minor == 701

    run(case)


def test_exact_cash_is_one_key_and_a_given_amount_its_digits_and_one() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(BUTTER)
            await screen.press("f12")
            assert paid(screen.shop) == [("cash", 249)]
            await screen.scan(BUTTER)
            await screen.press(*"500", "f12")
            assert screen.row("251") or "RÜCKGELD" in screen.text
            assert screen.shop.journal.sales[1].tenders[0].change_minor == 251

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_the_screen_says_what_is_paid_and_left_and_a_held_key_does_not_pay_it(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(tenders=PLAIN), size=size) as screen:
            await screen.scan(SHIRT)
            await screen.press(*"1000", "f12", "f12")
            assert screen.shop.journal.sales == []
            assert screen.row("NOCH ZU ZAHLEN").endswith("2,99")
            assert screen.row("bezahlt: Bar").endswith("10,00")
            screen.shop.clock.ms += 2_000
            await screen.press("f10", "1")
            assert paid(screen.shop) == [("cash", 1_000), ("card-manual", 299)]
            assert screen.row("Karte ").endswith("2,99")

    run(case)


def test_the_settings_tell_a_rate_that_is_none() -> None:
    assert load_settings(environ={"TRESEN_TENDERS_ROUNDING": "CH"}).tenders.rules().rounding.step_minor == 5
    for wrong in ("off-course", "5"):
        with pytest.raises(SettingsError):
            load_settings(environ={"TRESEN_TENDERS_ROUNDING": wrong})
