"""Features that meet: what each does well alone must not undo what another promised."""

from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.sale_facts import Sale
from tests.demo.day import day_shop
from tests.demo.fronts import LineFront
from tests.tui.fakes import BREAD, MILK, PIN, SHIRT, Screen, Shop, opened, run


async def played(*steps: str) -> LineFront:
    front = LineFront(day_shop())
    await front.shop.open(signed_in=False)
    for step in steps:
        await front.do(step)
    return front


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def last(shop: Shop) -> Sale:
    return shop.journal.sales[-1]


def test_the_price_of_an_exchange_does_not_outlive_its_return() -> None:
    async def case() -> None:
        front = await played(
            *(f"in Kim {PIN}", f"scan {SHIRT}", "key cash"),
            *("key return", "pick 1", "pick 1", "pick 1", "key escape"),
            *("key exchange-size", f"scan {SHIRT}"),
        )
        shop = front.shop
        assert [line.price_source for line in shop.till.view.lines if line.live] == ["catalogue", "origin"]
        await front.do("1")
        await front.do("key void-line")
        assert said(shop) == "exchange-first"
        assert [line.live for line in shop.till.view.lines] == [True, True]
        for step in ("2", "key void-line", "1", "key void-line"):
            await front.do(step)
        assert not any(line.live for line in shop.till.view.lines)

    run(case)


def test_a_receipt_is_not_voided_with_cash_that_left_the_drawer() -> None:
    async def case() -> None:
        front = await played(
            *(f"in Alex {PIN}", f"scan {BREAD}", "key cash"),
            *("key float", "answer 0", "key cash-drop", "answer 329", "answer T 1"),
            *("key void-sale", "pick 1"),
        )
        assert said(front.shop) == "refund-not-in-drawer"
        assert len(front.shop.journal.sales) == 1
        assert front.shop.till.view.state != "paying"

    run(case)


def test_an_account_that_was_paid_keeps_its_receipt() -> None:
    async def case() -> None:
        front = await played(
            *(f"in Alex {PIN}", f"scan {MILK}", "key account", "answer K1"),
            *("139", "key account-pay", "answer K1", "pick 1"),
        )
        number = front.shop.journal.sales[0].number
        assert last(front.shop).tenders[-1].amount_minor in {139, -139}
        for key in ("retender", "void-sale"):
            await front.do(str(number))
            await front.do(f"key {key}")
            assert said(front.shop) == "account-paid", key
            await front.do("key escape")
        assert len(front.shop.journal.sales) == 2

    run(case)


def test_credit_for_what_is_not_paid_yet_wants_another_persons_word() -> None:
    async def case() -> None:
        front = await played(
            *(f"in Kim {PIN}", f"scan {MILK}", "key account", f"in Alex {PIN}", "answer K1"),
            *("key return", "pick 1", "pick 1", "pick 1", "key cash"),
        )
        view = front.shop.till.view
        assert view.question is not None
        credit = [option.key for option in view.question.options].index("credit") + 1
        await front.do(f"pick {credit}")
        assert (front.shop.till.view.state, front.shop.till.view.asked_right) == ("approval", "refund-cash")
        await front.do(f"in Alex {PIN}")
        assert last(front.shop).total_minor == -139

    run(case)


def test_where_nobody_may_approve_digits_do_nothing_and_the_screen_says_so() -> None:
    async def case(screen: Screen) -> None:
        till = screen.shop.till
        await till.handle(c.OpenDrawer())
        assert (till.view.state, till.view.approvers) == ("approval", ())
        assert screen.row("Niemand sonst hier darf das freigeben.")
        for key in ("0", "7", "enter"):
            await screen.press(key)
        assert till.view.state == "approval"
        await screen.press("escape", "escape", "escape")
        assert till.view.state == "ready"

    async def main() -> None:
        async with opened(
            Shop(roles=(Role("cashier"), Role("supervisor", ("void-cart",)), Role("x", (ALL,))))
        ) as on:
            await case(on)

    run(main)


def test_a_discount_leaves_goods_taken_in_exchange_at_the_price_that_was_paid() -> None:
    async def case() -> None:
        front = await played(
            *(f"in Alex {PIN}", f"scan {SHIRT}", "key cash"),
            *("key return", "pick 1", "pick 1", "pick 1", "key escape"),
            *("key exchange-size", f"scan {SHIRT}", "10", "key discount"),
        )
        shop = front.shop
        assert (said(shop), shop.till.view.question) == ("exchange-keeps-price", None)
        for step in ("key override", "2*", "enter"):
            await front.do(step)
        assert len(shop.till.view.lines) == 2
        await front.do(f"scan {MILK}")
        await front.do("10")
        await front.do("key discount")
        question = shop.till.view.question
        assert question is not None
        await front.do(f"pick {[option.key for option in question.options].index('cart-percent') + 1}")
        while shop.till.view.question is not None:
            await front.do("pick 1")
        lines = [(line.price_source, line.pay_minor) for line in shop.till.view.lines if line.live]
        assert lines == [("catalogue", -1299), ("origin", 1299), ("catalogue", 250)], "two milks"

    run(case)
