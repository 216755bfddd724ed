"""Money that goes back: paid out in cash, back the way it came, or by right; and a cart that comes to nothing."""

from decimal import Decimal

import msgspec
import pytest

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.cart import Cart, Line, Origin
from pos.domain.refund import paid_back, payback_of, plan
from pos.domain.tender import Tender
from pos.sale_facts import Reference, Sale
from pos.till.settlement import line_again
from tests.tui.fakes import PIN, SHIRT, Shop, opened, run


class Returning:
    """A shop in which a shirt was sold; `take_back` puts it into a new cart as a return."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.till = self.shop.till

    async def sold(self, *kinds: str) -> Sale:
        """Paid in equal parts by these kinds of tender."""
        await self.shop.open()
        self.shop.scan(SHIRT)
        await self.till.handle(c.PayCash())
        sale = self.shop.journal.sales[-1]
        share = sale.total_minor // len(kinds)
        rest = sale.total_minor - share * (len(kinds) - 1)
        tenders = tuple(
            Tender(kind, amount, amount)
            for kind, amount in zip(kinds, [*[share] * (len(kinds) - 1), rest], strict=True)
        )
        changed = msgspec.structs.replace(sale, tenders=tenders)
        self.shop.journal.facts[self.shop.journal.facts.index(sale)] = changed
        return changed

    def take_back(self, sale: Sale, *, gift: bool = False) -> None:
        selling = self.till._selling
        cart = selling.cart or Cart("X" * 26, 0, "1")
        line = line_again(sale.lines[0], "1", 1)
        back = Origin("3", 1, sale.number, 1, gift=gift)
        selling._set_cart(
            carts.add_return(cart, line, Decimal(1), sale.total_minor, back, self.till._desk.mark())
        )

    @property
    def said(self) -> str:
        return self.till.view.message.code if self.till.view.message is not None else ""

    @property
    def paid_back(self) -> list[tuple[str, int, str]]:
        tenders = self.shop.journal.sales[-1].tenders
        return [(tender.kind, tender.amount_minor, tender.reference) for tender in tenders]


def test_what_was_paid_in_cash_is_paid_out_by_the_pay_key_alone() -> None:
    async def case() -> None:
        shop = Returning()
        sale = await shop.sold("cash")
        shop.take_back(sale)
        drawer = shop.shop.drawer.opened
        await shop.till.handle(c.PayCash())
        assert shop.paid_back == [("cash", -1299, "")]
        last = shop.till.view.last_sale
        assert last is not None
        assert (last.paid_out_minor, last.change_minor, last.given_minor) == (1299, 0, 0)
        assert shop.shop.drawer.opened == drawer + 1
        assert shop.shop.printer.jobs[-1].sale == shop.shop.journal.sales[-1]

    run(case)


def test_an_amount_that_is_not_the_one_to_pay_out_is_refused() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("cash"))
        await shop.till.handle(c.PayCash(500))
        assert (shop.said, len(shop.shop.journal.sales)) == ("pay-out-exact", 1)
        await shop.till.handle(c.PayCash(1299))
        assert shop.paid_back == [("cash", -1299, "")]

    run(case)


def test_what_a_card_paid_goes_back_to_the_card_with_the_terminals_number() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("card-manual"))
        await shop.till.handle(c.PayCash())
        question = shop.till.view.question
        assert question is not None
        assert [option.key for option in question.options] == ["card-manual", "cash", "credit"]
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Answer("0815"))
        assert shop.paid_back == [("card-manual", -1299, "0815")]
        last = shop.till.view.last_sale
        assert last is not None
        assert (last.paid_out_minor, last.given_back_minor) == (0, 1299)

    run(case)


def test_cash_for_what_a_card_paid_needs_another_person_and_the_sale_says_who() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("card-manual"))
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.Choose(2))
        assert (shop.till.view.state, shop.till.view.asked_right) == ("approval", "refund-cash")
        await shop.till.handle(c.Approve("Alex", PIN))
        assert shop.paid_back == [("cash", -1299, "")]
        approvals = shop.shop.journal.sales[-1].approvals
        assert [(approval.right, approval.by) for approval in approvals] == [("refund-cash", "2")]

    run(case)


def test_a_split_payment_goes_back_as_it_was_split() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("cash", "card-manual"))
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Answer("0815"))
        assert shop.paid_back == [("card-manual", -650, "0815"), ("cash", -649, "")]

    run(case)


def test_a_re_tender_changes_the_way_back() -> None:
    async def case() -> None:
        shop = Returning()
        sale = await shop.sold("card-manual")
        again = msgspec.structs.replace(
            sale,
            cart_id="R" * 26,
            number=sale.number + 1,
            lines=(),
            total_minor=0,
            tenders=(Tender("card-manual", -1299, -1299), Tender("cash", 1299, 1299)),
            references=(Reference("retender", "3", 1, sale.number),),
        )
        await shop.shop.journal.append([again])
        shop.take_back(sale)
        await shop.till.handle(c.PayCash())
        assert shop.paid_back == [("cash", -1299, "")]

    run(case)


def test_a_gift_is_never_paid_out_but_credited_or_exchanged() -> None:
    async def case() -> None:
        shop = Returning()
        sale = await shop.sold("cash")
        shop.take_back(sale, gift=True)
        await shop.till.handle(c.PayCash())
        ((kind, amount, number),) = shop.paid_back
        assert (kind, amount) == ("credit", -1299)
        assert number
        shop.take_back(sale, gift=True)
        shop.shop.scan(SHIRT)
        await shop.till.handle(c.PayCash())
        assert (shop.shop.journal.sales[-1].total_minor, shop.paid_back) == (0, [])

    run(case)


def test_without_a_way_to_credit_a_gift_is_goods_only() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("cash"), gift=True)
        refunds = shop.till._checkout.pay_out.__self__  # type: ignore[union-attr]
        del refunds.ways["credit"]
        await shop.till.handle(c.PayCash())
        assert (shop.said, len(shop.shop.journal.sales), shop.till.view.state) == (
            "refund-no-way",
            1,
            "selling",
        )

    run(case)


def test_an_even_exchange_ends_with_no_tender_and_a_shut_drawer() -> None:
    async def case() -> None:
        shop = Returning()
        shop.take_back(await shop.sold("card-manual"))
        shop.shop.scan(SHIRT)
        drawer = shop.shop.drawer.opened
        await shop.till.handle(c.PayCash())
        sale = shop.shop.journal.sales[-1]
        assert (sale.total_minor, sale.tenders, shop.till.view.state) == (0, (), "paid")
        assert shop.shop.drawer.opened == drawer

    run(case)


def test_a_deposit_that_comes_back_is_cash_without_asking() -> None:
    async def case() -> None:
        shop = Returning()
        await shop.shop.open()
        till = shop.till
        line = Line(1, "deposit", "Pfand", Decimal(-4), 25, -100, till._desk.mark(), tax_code="A")
        till._selling._set_cart(carts.cart_of("Y" * 26, 0, "1", (line,)))
        await till.handle(c.PayCash())
        assert shop.paid_back == [("cash", -100, "")]

    run(case)


def test_the_screen_says_what_to_pay_out() -> None:
    async def case() -> None:
        shop = Returning()
        sale = await shop.sold("cash")
        shop.take_back(sale)
        await shop.till.handle(c.PayCash())
        async with opened(shop.shop) as screen:
            assert "AUSZAHLEN" in screen.text

    run(case)


@pytest.mark.parametrize(
    ("owed", "left", "worth", "ways", "shares"),
    [
        (1000, {"card-manual": 600, "cash": 400}, 1000, ["card-manual"], {"card-manual": 600, "cash": 400}),
        (300, {"card-manual": 600, "cash": 400}, 1000, ["card-manual"], {"card-manual": 300}),
        (1000, {"invoice": 1000}, 1000, ["card-manual"], {}),
        (1000, {"cash": 5000}, 1000, [], {"cash": 1000}),
    ],
)
def test_a_plan_takes_what_was_paid_otherwise_first(
    owed: int, left: dict[str, int], worth: int, ways: list[str], shares: dict[str, int]
) -> None:
    assert plan(owed, payback_of([(left, worth)], cash_minor=0, free_minor=owed), ways) == shares


def test_what_earlier_returns_took_is_not_there_any_more() -> None:
    assert paid_back([("cash", 500), ("card-manual", 500)], [([("cash", -300)], 300, 300)]) == {
        "cash": 200,
        "card-manual": 500,
    }
    assert paid_back([("foreign", 500)], [([("cash", -600)], 300, 600)]) == {"cash": 200}
