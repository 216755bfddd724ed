"""Money that goes back: paid out in cash, back the way it came, or by right; and a cart that comes to nothing."""

from decimal import Decimal

import msgspec
import pytest

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain import commands as c
from pos.domain.cart import Cart, Line, Origin
from pos.domain.refund import (
    Coins,
    GivenBack,
    Part,
    Share,
    Source,
    as_paid,
    free_minor,
    given_by,
    in_coins,
    paid_by,
    shares_of,
)
from pos.domain.rounding import PROFILES
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
        selling = self.till.parts.selling
        cart = selling.cart or Cart("X" * 26, 0, "1")
        line = line_again(sale.lines[0], "1", 1)
        back = Origin("3", 1, sale.number, 1, gift=gift)
        selling._set_cart(
            cart_goods.add_return(cart, line, Decimal(1), sale.total_minor, back, self.till._desk.mark())
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
        refunds = shop.till.parts.checkout.pay_out.__self__  # type: ignore[union-attr]
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
        till.parts.selling._set_cart(carts.cart_of("Y" * 26, 0, "1", (line,)))
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


CARD = Source(("3-1-1",), "card-manual", "", {("3-1-1", "card-manual", ""): 600})
CASH = Source(("3-1-1",), "cash", "", {("3-1-1", "cash", ""): 400})
GIFT_CARD = Source(("3-1-1",), "gift-card", "C7", {("3-1-1", "gift-card", "C7"): 100})
INVOICE = Source(("3-1-1",), "invoice", "", {("3-1-1", "invoice", ""): 1000})


@pytest.mark.parametrize(
    ("owed", "sources", "ways", "shares"),
    [
        (1000, [CASH, CARD], ["card-manual", "cash"], [(CARD, 600), (CASH, 400)]),
        (300, [CASH, CARD], ["card-manual", "cash"], [(CARD, 300)]),
        (1000, [CASH, CARD, GIFT_CARD], ["card-manual", "gift-card"], [(GIFT_CARD, 100), (CARD, 600)]),
        (1000, [INVOICE], ["card-manual", "cash"], []),
        (1000, [CASH], ["cash"], [(CASH, 400)]),
    ],
)
def test_a_gift_card_comes_first_and_cash_last_and_none_gives_more_than_it_paid(
    owed: int, sources: list[Source], ways: list[str], shares: list[tuple[Source, int]]
) -> None:
    assert as_paid(owed, [Part(1000, sources)], ways) == [Share(*share) for share in shares]


def test_two_parts_that_lead_to_one_receipt_share_what_is_left_of_it() -> None:
    around = Source(("3-1-5", "3-1-1"), "card-manual", "", {("3-1-1", "card-manual", ""): 600})
    shares = as_paid(1000, [Part(500, [CARD]), Part(500, [around])], ["card-manual"])
    assert [share.worth_minor for share in shares] == [500, 100]


def test_all_by_one_kind_takes_what_was_paid_so_first_and_the_rest_stands_for_nothing() -> None:
    shares = shares_of(1200, [Part(1000, [CARD, CASH])], "cash")
    assert [(share.source.kind, share.worth_minor) for share in shares] == [
        ("cash", 400), ("card-manual", 600), ("", 200),
    ]  # fmt: skip


def test_what_a_gift_paid_is_not_free() -> None:
    gift = Source(("3-1-5", "3-1-1"), "gift", "", {("3-1-1", "gift", ""): 700})
    assert free_minor([Part(1000, [CASH, gift])]) == 400
    assert free_minor([Part(1000, [])]) == 1000


def test_an_older_return_gave_each_receipt_its_part_and_its_void_takes_that_back() -> None:
    back = [Tender("cash", -200, -200), Tender("card-manual", -100, -100)]
    assert given_by(back, 100, 300) == {("cash", ""): 66, ("card-manual", ""): 33}
    assert given_by([Tender("foreign", 300, 300)], -300, -300) == {("cash", ""): -300}
    assert given_by([Tender("cash", 500, 500)], 300, 300) == {}, "goods for more were taken"


def test_what_was_paid_is_counted_before_rounding_and_without_what_it_gave_back_itself() -> None:
    assert paid_by([Tender("cash", 995, 1000, 5)], -2, ()) == {("cash", ""): 997}
    own = GivenBack(("3-1-1",), "card-manual", "cash", 498, 500)
    assert paid_by([Tender("cash", -500, -500)], -2, [own]) == {}


def test_however_it_is_divided_a_receipt_gives_back_in_coins_what_its_whole_is_in_coins() -> None:
    given = in_coins(
        [Share(CASH, 333), Share(CASH, 333), Share(CASH, 332)], {"3-1-1": Coins(2, 0)}, PROFILES["CH"]
    )
    assert [entry.amount_minor for entry in given] == [335, 335, 330]
