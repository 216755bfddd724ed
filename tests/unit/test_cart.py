"""The cart's sums hold whatever is done to it, and the sale made of it balances."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain import cart as carts
from pos.domain import cart_goods
from pos.domain.article import Article, Deposit
from pos.domain.cart import (
    Cart,
    Discount,
    Line,
    Mark,
    Origin,
    cart_of,
    discount_lines,
    pieces,
    tax_totals,
    total_minor,
)
from pos.domain.money import round_minor
from pos.domain.tender import Tender
from pos.facts import body_of, decode_fact
from pos.resources import tax_table
from pos.till.settlement import SaleContext, sale_of

TAXES = tax_table("DE")
TODAY = dt.date(2026, 11, 22)
MARK = Mark(1_795_000_000_000, "1")
CONTEXT = SaleContext(
    number=1,
    business_day="2026-11-22",
    cash_session="1-2",
    operator="1",
    tendered_ms=1,
    completed_ms=2,
    offset_min=60,
    currency="EUR",
    link="",
    language="de",
    demo=True,
    software="test",
)


def article(price: int = 100, tax: str = "A", unit: str = "pc", deposit: int = 0) -> Article:
    return Article(
        sku="s",
        text="Artikel",
        tax_code=tax,
        price_minor=price,
        gtin="4006381333931",
        unit=unit,
        deposit=Deposit("p", "Pfand", deposit, tax) if deposit else None,
    )


def add(cart: Cart, what: Article, quantity: str = "1") -> Cart:
    rate = TAXES.rate(what.tax_code, TODAY)
    deposit = TAXES.rate(what.deposit.tax_code, TODAY) if what.deposit else None
    return cart_goods.add_article(
        cart, what, Decimal(quantity), (rate, deposit), MARK, code="4006381333931", source="scanner"
    )


def empty() -> Cart:
    return Cart("c1", 1, "1")


def test_the_deposit_comes_and_goes_with_its_article() -> None:
    cart = add(empty(), article(89, deposit=25), "2")
    assert [line.kind for line in cart.lines] == ["article", "deposit"]
    assert carts.total_minor(cart) == 2 * 114
    assert carts.pieces(cart) == 2
    cart = carts.void_line(cart, 1, MARK)
    assert carts.total_minor(cart) == 0
    assert [line.voided for line in cart.lines] == [MARK, MARK]


def test_a_weighed_line_is_rounded_once() -> None:
    cart = add(empty(), article(249, "B", "kg"), "0.842")
    assert carts.total_minor(cart) == 210
    assert carts.pieces(cart) == 1


def test_an_open_line_counts_nothing_until_it_has_a_price() -> None:
    cart = cart_goods.add_open_line(empty(), "4006381333931", Decimal(2), MARK, source="scanner")
    assert carts.total_minor(cart) == 0
    assert carts.open_lines(cart)
    cart = cart_goods.price_open_line(
        cart, 1, 150, TAXES.rate("A", TODAY), MARK, text="Schreibwaren", department=3
    )
    assert carts.total_minor(cart) == 300
    assert not carts.open_lines(cart)


def test_void_last_takes_the_article_not_its_deposit() -> None:
    cart = add(add(empty(), article()), article(deposit=25))
    last = carts.last_live_line(cart)
    assert last is not None
    assert last.n == 2


lines = st.tuples(
    st.integers(0, 99_999),
    st.sampled_from("ABC"),
    st.one_of(st.integers(1, 999).map(str), st.decimals("0.001", "99.999", places=3).map(str)),
    st.sampled_from([0, 8, 15, 25]),
    st.booleans(),
)


@given(st.lists(lines, max_size=25))
def test_lines_sum_to_the_total_and_net_and_vat_to_gross_in_any_cart(
    rows: list[tuple[int, str, str, int, bool]],
) -> None:
    cart = empty()
    for price, tax, quantity, deposit, void in rows:
        unit = "kg" if "." in quantity else "pc"
        cart = add(cart, article(price, tax, unit, deposit), quantity)
        if void:
            last = carts.last_live_line(cart)
            assert last is not None
            cart = carts.void_line(cart, last.n, MARK)
    total = carts.total_minor(cart)
    live = [line for line in cart.lines if line.live]
    assert total == sum(round_minor(line.quantity * line.unit_minor) for line in live)
    assert carts.cart_of(cart.cart_id, cart.opened_ms, cart.operator, cart.lines).sums == cart.sums
    taxes = carts.tax_totals(cart)
    assert sum(tax.gross_minor for tax in taxes) == total
    assert all(tax.net_minor + tax.vat_minor == tax.gross_minor for tax in taxes)
    assert [line.n for line in cart.lines] == list(range(1, len(cart.lines) + 1))

    sale = sale_of(cart, (Tender("cash", total, total + 500, 500),), CONTEXT)
    assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor == total
    assert len(sale.lines) == len(cart.lines)
    assert decode_fact("sale", 1, body_of(sale)) == sale


def test_what_is_taken_back_costs_what_was_paid_at_the_rate_of_then() -> None:
    """3 x 0.89 less 0.89 for the third: one back is worth 59, at the 16 percent of that day."""
    sold = Line(
        4, "article", "Jam", Decimal(3), 89, 267, Mark(1, "1"), tax_code="A", tax_percent=Decimal(16), tax_key=21,
        discounts=(Discount("p1", "3 for 2", 89, source="promotion"),),
    )  # fmt: skip
    cart = cart_goods.add_return(
        Cart("c", 1, "2"), sold, Decimal(1), 59, Origin("t1", 1, 17, 4), Mark(9, "2")
    )
    (line,) = cart.lines
    assert (line.quantity, line.total_minor, line.pay_minor, line.kind) == (Decimal(-1), -89, -59, "return")
    assert (total_minor(cart), pieces(cart)) == (-59, 0)
    assert [(one.of, one.source, one.amount_minor) for one in line.discounts] == [("promotion", "", -30)]
    (tax,) = tax_totals(cart)
    assert (tax.percent, tax.gross_minor, tax.vat_minor) == (Decimal(16), -59, -8)


def test_discounts_of_one_source_take_each_others_place_and_count_in_the_lines_own_rate() -> None:
    lines = tuple(
        Line(
            n,
            "article",
            "x",
            Decimal(1),
            1000,
            1000,
            Mark(1, "1"),
            tax_code=code,
            tax_percent=Decimal(percent),
        )
        for n, code, percent in ((1, "A", 19), (2, "B", 7))
    )
    cart = cart_of("c", 1, "1", lines)
    by_hand = discount_lines(cart, "manual", {1: [Discount("m", "kind", 100, source="manual")]})
    both = discount_lines(
        by_hand, "promotion", {n: [Discount("p", "sale", 50, source="promotion")] for n in (1, 2)}
    )
    assert [line.pay_minor for line in both.lines] == [850, 950]
    assert [tax.gross_minor for tax in tax_totals(both)] == [850, 950]
    assert discount_lines(both, "promotion", {}) == by_hand
    assert total_minor(discount_lines(by_hand, "manual", {})) == 2000


def test_empties_taken_back_are_paid_out_at_the_deposits_rate_and_void_last_takes_them() -> None:
    rate = TAXES.rate("A", TODAY)
    crate = Deposit("crate", "Kiste", 150, "A")
    cart = cart_goods.add_deposit_return(empty(), crate, Decimal(2), rate, MARK, source="typed")
    line = cart.lines[0]
    assert (line.kind, line.parent, line.quantity, line.total_minor) == ("deposit", None, Decimal(-2), -300)
    assert total_minor(cart) == -300
    assert pieces(cart) == 0
    assert tax_totals(cart)[0].gross_minor == -300
    last = carts.last_live_line(cart)
    assert last is not None
    assert total_minor(carts.void_line(cart, last.n, MARK)) == 0


def test_what_a_code_says_of_its_pack_stands_on_the_line() -> None:
    said = carts.Particulars(
        unit_minor=80, list_minor=100, serial="S1", batch="B7", best_before=dt.date(2026, 12, 1)
    )
    what = article(100, deposit=25)
    rate = TAXES.rate("A", TODAY)
    cart = cart_goods.add_article(
        empty(), what, Decimal(2), (rate, rate), MARK, code="x", source="scanner", said=said
    )
    line = cart.lines[0]
    assert (line.unit_minor, line.total_minor, line.list_minor, line.price_source) == (80, 160, 100, "label")
    assert (line.serial, line.batch, line.best_before) == ("S1", "B7", dt.date(2026, 12, 1))
    assert cart.lines[1].total_minor == 50


def test_a_discount_more_on_a_line_never_takes_off_more_than_it_costs() -> None:
    cart = add(empty(), article(100), "2")
    cart = carts.add_discount(cart, 1, Discount("sticker", "Reduziert", 150, source="mark-down"))
    assert (total_minor(cart), tax_totals(cart)[0].gross_minor) == (50, 50)
    with pytest.raises(AssertionError):
        carts.add_discount(cart, 1, Discount("sticker", "Reduziert", 51, source="mark-down"))
