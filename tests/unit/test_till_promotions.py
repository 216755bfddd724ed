"""Promotions on the real till: its cart, its sale, and what it tells."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.cart_facts import CartParked
from pos.domain import commands as c
from pos.domain.cart import Cart, with_about
from pos.domain.codes import check_digit
from pos.domain.line import Discount, Line
from pos.domain.promotions import Part, Promotion, Selection
from pos.domain.scans import ScanKind, own_code
from pos.ports import PromotionsUnavailableError
from pos.sale_facts import Sale
from tests.tui.fakes import (
    APPLES,
    BREAD,
    BUTTER,
    MILK,
    NO_PRICE,
    PIN,
    SHIRT,
    UNKNOWN,
    WATER,
    YOGHURT,
    Shop,
    run,
)

SUMMER = Promotion(
    "summer", "Sommer-Aktion 10 %", "percent", percent=Decimal(10), selection=Selection(("S6",))
)
THREE = Promotion("three", "3 für 2", "n-for-m", n=3, m=2, selection=Selection(("S2",)))
COUPON = Promotion(
    "coupon", "Coupon Brot", "amount", amount_minor=50, coupon="BROT50", per_coupon=1, selection=Selection(("S4",))
)  # fmt: skip


def lines_of(shop: Shop) -> Sequence[Line]:
    return shop.till.view.lines


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def shares(shop: Shop) -> list[tuple[int, str, int]]:
    return [
        (line.n, discount.code, discount.amount_minor)
        for line in lines_of(shop)
        for discount in line.discounts
    ]


async def opened(*rows: Promotion, **given: Any) -> Shop:
    shop = Shop(promotions=rows, **given)
    await shop.open()
    return shop


async def pay(shop: Shop) -> Sale:
    await shop.till.handle(c.PayCash())
    return shop.journal.sales[-1]


def test_a_scan_brings_its_promotion_with_it() -> None:
    async def case() -> None:
        shop = await opened(SUMMER)
        shop.scan(MILK, SHIRT)
        assert shop.till.view.total_minor == 139 + 1299 - 130
        assert lines_of(shop)[1].discounts == (
            Discount("summer", "Sommer-Aktion 10 %", 130, source="promotion"),
        )

    run(case)


def test_the_third_piece_discounts_the_lines_before_it_and_a_void_takes_that_back() -> None:
    async def case() -> None:
        shop = await opened(THREE)
        shop.scan(YOGHURT, MILK, YOGHURT)
        assert shares(shop) == []
        shop.scan(YOGHURT)
        assert shares(shop) == [(1, "three", 20), (3, "three", 20), (4, "three", 19)]
        shop.till.submit(c.VoidLast())
        assert shares(shop) == []
        assert shop.till.view.total_minor == 59 + 139 + 59

    run(case)


def test_only_lines_that_changed_are_new_objects() -> None:
    async def case() -> None:
        shop = await opened(SUMMER, THREE)
        shop.scan(SHIRT, YOGHURT, MILK)
        before = lines_of(shop)
        shop.scan(SHIRT)
        assert all(old is new for old, new in zip(before, lines_of(shop), strict=False))

    run(case)


def test_one_scan_is_one_cart_save_and_one_change_of_the_view() -> None:
    async def case() -> None:
        shop = await opened(THREE)
        shop.scan(YOGHURT, YOGHURT)
        saved: list[Cart | None] = []
        shop.state.save_cart = saved.append  # type: ignore[assignment, method-assign]
        revision = shop.till.view.revision
        shop.scan(YOGHURT)
        assert len(saved) == 1
        assert saved[0] is not None
        assert saved[0].lines == lines_of(shop)
        assert shop.till.view.revision == revision + 1

    run(case)


def test_the_sale_keeps_shares_per_line_uses_and_sums_that_agree() -> None:
    async def case() -> None:
        shop = await opened(SUMMER, THREE)
        shop.scan(SHIRT, YOGHURT, YOGHURT, WATER, YOGHURT)
        sale = await pay(shop)
        assert [(used.promotion, used.uses, used.minor) for used in sale.promotions] == [
            ("summer", 1, 130),
            ("three", 1, 59),
        ]
        assert sum(line.pay_minor for line in sale.lines) == sale.total_minor
        assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor == 1299 + 3 * 59 + 89 + 25 - 189

    run(case)


def test_what_somebody_priced_by_hand_takes_no_promotion() -> None:
    everything = Promotion("all", "Alles 50 %", "percent", percent=Decimal(50))

    async def case() -> None:
        shop = await opened(everything)
        shop.scan(NO_PRICE)
        shop.till.submit(c.SetPrice(1000))
        shop.scan(UNKNOWN)
        shop.till.submit(c.SetPrice(300, department=1))
        shop.scan(WATER)
        assert shares(shop) == [(3, "all", 45)]  # neither the asked prices nor the deposit

    run(case)


def test_a_discount_by_hand_takes_the_promotions_place_and_says_so() -> None:
    async def case() -> None:
        shop = await opened(SUMMER, THREE)
        shop.scan(SHIRT, YOGHURT, YOGHURT, YOGHURT)
        selling = shop.till.parts.selling
        cart = selling.the_cart()
        by_hand = Discount("", "Fleck", 500, source="manual", by="1")
        spotted = msgspec.structs.replace(cart.lines[0], discounts=(*cart.lines[0].discounts, by_hand))
        from pos.domain.cart import cart_of

        selling.keep(
            cart_of(cart.cart_id, cart.opened_ms, cart.operator, (spotted, *cart.lines[1:]), (), cart.about)
        )
        assert said(shop) == "promotion-replaced"
        assert lines_of(shop)[0].discounts == (by_hand,)
        assert shares(shop)[1:] == [(2, "three", 20), (3, "three", 20), (4, "three", 19)]
        assert shop.till.view.total_minor == 1299 - 500 + 118

    run(case)


def test_quantities_and_weights_are_units_of_their_own_kind() -> None:
    cheap = Promotion("kg", "Kilo 1,99", "fixed-price", price_minor=199, selection=Selection(("S8",)))

    async def case() -> None:
        shop = await opened(THREE, cheap)
        shop.till.submit(c.SetQuantity(Decimal(6)))
        shop.scan(YOGHURT)
        shop.till.submit(c.SetQuantity(Decimal("0.842")))
        shop.scan(APPLES)
        assert shares(shop) == [(1, "three", 118), (2, "kg", 42)]

    run(case)


def test_the_moment_of_the_first_line_counts_to_the_end_of_the_sale() -> None:
    happy = Promotion(
        "happy", "Happy Hour", "percent", percent=Decimal(50), time_from=dt.time(14), time_to=dt.time(15)
    )

    async def case() -> None:
        shop = await opened(happy)
        shop.scan(MILK)
        shop.clock.time += dt.timedelta(hours=1)
        shop.scan(MILK)
        assert [n for n, _, _ in shares(shop)] == [1, 2]
        await pay(shop)
        shop.scan(MILK)
        assert shares(shop) == []

    run(case)


def test_rows_that_come_in_meanwhile_wait_for_the_next_sale() -> None:
    async def case() -> None:
        shop = await opened(SUMMER)
        shop.scan(SHIRT)
        shop.promotions.rows = ()
        shop.scan(SHIRT)
        assert shop.till.view.total_minor == 2 * (1299 - 130)
        await pay(shop)
        shop.scan(SHIRT)
        assert shop.till.view.total_minor == 1299

    run(case)


def test_rows_that_cannot_be_read_are_told_and_the_sale_goes_on() -> None:
    async def case() -> None:
        shop = await opened(SUMMER)
        shop.promotions.broken = PromotionsUnavailableError("row 3")
        shop.scan(SHIRT)
        assert said(shop) == "promotions-unusable"
        assert shop.till.view.total_minor == 1299

    run(case)


def test_a_cart_found_at_start_is_priced_by_the_rows_of_now_and_says_what_changed() -> None:
    async def case() -> None:
        shop = await opened(SUMMER)
        shop.scan(SHIRT)
        cart = shop.state.cart
        for rows, code, total in (((SUMMER,), "", 1169), ((), "cart-repriced", 1299)):
            again = Shop(promotions=rows)
            await again.till.start(cart, (), None)
            assert said(again) == code
            assert again.till.view.total_minor == total
            assert again.state.cart is None or again.state.cart.sums.total_minor == total

    run(case)


def test_a_parked_sale_comes_back_with_the_promotions_of_now_at_its_first_lines_moment() -> None:
    async def case() -> None:
        shop = await opened(SUMMER)
        shop.scan(SHIRT)
        await shop.till.handle(c.ParkCart())
        parked = shop.journal.facts[-1]
        assert isinstance(parked, CartParked)
        assert parked.about.promotions[0].uses == 1
        shop.clock.time += dt.timedelta(days=2)
        await shop.till.handle(c.ResumeParked())
        assert said(shop) == "cart-resumed"
        assert shop.till.view.total_minor == 1169
        await shop.till.handle(c.ParkCart())
        shop.promotions.rows = (msgspec.structs.replace(SUMMER, percent=Decimal(20)),)
        await shop.till.handle(c.ResumeParked())
        assert said(shop) == "cart-repriced"
        assert shop.till.view.total_minor == 1299 - 260

    run(case)


def test_groups_of_customers_count_from_the_moment_they_are_known() -> None:
    club = Promotion("club", "Für Mitglieder", "percent", percent=Decimal(10), groups=("club",))

    async def case() -> None:
        shop = await opened(club)
        shop.scan(BUTTER, BREAD)
        selling = shop.till.parts.selling
        selling.keep(with_about(selling.the_cart(), groups=("club",)))
        assert shares(shop) == [(1, "club", 25), (2, "club", 33)]

    run(case)


# Coupons


def test_a_typed_coupon_takes_its_amount_off_and_stays_with_the_sale() -> None:
    async def case() -> None:
        shop = await opened(COUPON)
        shop.scan(BREAD, BREAD)
        shop.till.submit(c.Do("coupon", "BROT50"))
        assert said(shop) == "coupon-taken"
        assert shares(shop) == [(1, "coupon", 50)]
        shop.till.submit(c.Do("coupon", "BROT50"))
        assert shares(shop) == [(1, "coupon", 50), (2, "coupon", 50)]
        sale = await pay(shop)
        assert sale.coupons == ("BROT50", "BROT50")

    run(case)


def test_a_coupon_is_asked_for_and_a_scan_answers() -> None:
    async def case() -> None:
        shop = await opened(COUPON)
        shop.scan(BREAD)
        shop.till.submit(c.Do("coupon"))
        assert shop.till.view.state == "question"
        shop.scan("BROT50")
        assert shares(shop) == [(1, "coupon", 50)]

    run(case)


def test_a_scanned_coupon_counts_by_what_its_code_holds() -> None:
    async def case() -> None:
        shop = await opened(COUPON)
        shop.scan(BREAD)
        shop.scan(own_code(ScanKind.COUPON, "BROT50"))
        assert shares(shop) == [(1, "coupon", 50)]
        shop.till.submit(c.Do("coupon"))
        shop.scan(own_code(ScanKind.COUPON, "BROT50"))
        assert said(shop) == "coupon-waits"
        shop.scan(f"981400123050{check_digit('981400123050')}")
        assert said(shop) == "coupon-unknown"

    run(case)


@pytest.mark.parametrize(
    ("row", "code", "before", "message"),
    [
        (COUPON, "OTHER", (), "coupon-unknown"),
        (msgspec.structs.replace(COUPON, valid_to=dt.date(2026, 11, 20)), "BROT50", (), "coupon-not-now"),
        (msgspec.structs.replace(COUPON, groups=("club",)), "BROT50", (), "coupon-not-now"),
        (msgspec.structs.replace(COUPON, budget_uses=0), "BROT50", (), "coupon-used-up"),
        (msgspec.structs.replace(COUPON, budget_minor=0), "BROT50", (), "coupon-used-up"),
        (msgspec.structs.replace(COUPON, per_coupon=0), "BROT50", ("BROT50",), "coupon-enough"),
        (msgspec.structs.replace(COUPON, per_sale=1), "BROT50", ("BROT50",), "coupon-enough"),
        (COUPON, "x" * 80, (), "coupon-unknown"),
    ],
)
def test_a_coupon_that_changes_nothing_is_refused_with_the_reason(
    row: Promotion, code: str, before: tuple[str, ...], message: str
) -> None:
    async def case() -> None:
        shop = await opened(row)
        shop.scan(BREAD)
        for earlier in before:
            shop.till.submit(c.Do("coupon", earlier))
        cart = shop.state.cart
        shop.till.submit(c.Do("coupon", code))
        assert said(shop) == message
        assert shop.state.cart is cart

    run(case)


def test_a_coupon_needs_a_sale_and_may_wait_for_its_article() -> None:
    async def case() -> None:
        shop = await opened(COUPON)
        shop.till.submit(c.Do("coupon", "BROT50"))
        assert said(shop) == "coupon-after-article"
        shop.scan(MILK)
        shop.till.submit(c.Do("coupon", "BROT50"))
        assert said(shop) == "coupon-waits"
        shop.scan(BREAD)
        assert shares(shop) == [(2, "coupon", 50)]

    run(case)


def test_a_coupon_goes_back_to_the_customer() -> None:
    async def case() -> None:
        shop = await opened(COUPON, msgspec.structs.replace(COUPON, id="other", coupon="OTHER"))
        shop.scan(BREAD)
        shop.till.submit(c.Do("coupon-back"))
        assert said(shop) == "no-coupon"
        for code in ("BROT50", "OTHER"):
            shop.till.submit(c.Do("coupon", code))
        shop.till.submit(c.Do("coupon-back"))
        shop.till.submit(c.Choose(1))
        assert shop.till.parts.selling.the_cart().about.coupons == ("OTHER",)
        shop.till.submit(c.Do("coupon-back"))
        assert shop.till.parts.selling.the_cart().about.coupons == ()
        assert shop.till.view.total_minor == 329

    run(case)


# Budgets


def test_a_budget_is_what_the_sales_of_this_till_have_left_of_it() -> None:
    row = msgspec.structs.replace(SUMMER, budget_uses=3)

    async def case() -> None:
        shop = await opened(row)
        for taken in (2, 1, 0):
            shop.scan(SHIRT, SHIRT)
            assert len(shares(shop)) == taken
            await pay(shop)

    run(case)


def test_a_budget_is_counted_from_the_facts_after_a_restart() -> None:
    row = msgspec.structs.replace(SUMMER, budget_minor=300)

    async def case() -> None:
        shop = await opened(row)
        shop.scan(SHIRT)
        await pay(shop)
        again = await opened(row, journal=shop.journal)
        again.scan(SHIRT, SHIRT)
        assert shares(again) == [(1, "summer", 130)]

    run(case)


def test_a_sale_that_was_given_up_costs_no_budget() -> None:
    row = msgspec.structs.replace(SUMMER, budget_uses=1)

    async def case() -> None:
        shop = await opened(row)
        shop.scan(SHIRT)
        await shop.till.handle(c.VoidCart())
        await shop.till.handle(c.VoidCart())
        assert shop.till.view.state == "ready"
        shop.scan(SHIRT)
        assert shares(shop) == [(1, "summer", 130)]

    run(case)


def test_a_mix_is_one_price_over_its_parts() -> None:
    menu = Promotion(
        "menu",
        "Frühstück",
        "mix",
        price_minor=400,
        parts=(Part(1, Selection(("S1",))), Part(1, Selection(("S4",)))),
    )

    async def case() -> None:
        shop = await opened(menu)
        shop.scan(MILK, BREAD)
        assert shop.till.view.total_minor == 400
        assert [line.discounts[0].text for line in lines_of(shop)] == ["Frühstück", "Frühstück"]

    run(case)


def test_training_uses_no_budget_up() -> None:
    row = msgspec.structs.replace(SUMMER, budget_uses=1)

    async def case() -> None:
        shop = await opened(row)
        await shop.till.handle(c.SignIn("Alex", PIN))
        await shop.till.handle(c.Do("training"))
        await shop.till.handle(c.Choose(1))
        assert shop.till._desk.training
        shop.scan(SHIRT)
        assert shares(shop) == [(1, "summer", 130)]
        await shop.till.handle(c.PayCash())
        shop.scan(SHIRT)
        assert shares(shop) == [(1, "summer", 130)]

    run(case)
