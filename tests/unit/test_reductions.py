"""Discounts by hand follow the cart, and their shares sum to the cent, whatever comes and goes."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos.domain import cart as carts
from pos.domain import cart_goods, reductions
from pos.domain.about import Reduction
from pos.domain.age import age_on, youngest_birth
from pos.domain.article import Article, Deposit
from pos.domain.cart import Cart, Mark, cart_of
from pos.domain.goods import override_price, set_last
from pos.domain.goods_rules import GoodsRules
from pos.domain.money import round_minor
from pos.resources import tax_table

TAXES = tax_table("DE")
TODAY = dt.date(2026, 11, 22)
MARK = Mark(1_795_000_000_000, "1")


def add(
    cart: Cart, price: int, tax: str = "A", quantity: str = "1", deposit: int = 0, unit: str = "pc"
) -> Cart:
    article = Article(
        sku=f"s{price}{tax}",
        text="Artikel",
        tax_code=tax,
        price_minor=price,
        unit=unit,
        deposit=Deposit("p", "Pfand", deposit, tax) if deposit else None,
    )
    rate = TAXES.rate(tax, TODAY)
    return cart_goods.add_article(
        cart, article, Decimal(quantity), (rate, rate if deposit else None), MARK, code="", source="scanner"
    )


def priced(cart: Cart) -> Cart:
    return reductions.reduce_cart(reductions.reduce_lines(cart))


def percent(value: str, n: int = 0, source: str = "manual") -> Reduction:
    return Reduction(source, "Rabatt", n=n, percent=Decimal(value))


def amount(minor: int, n: int = 0) -> Reduction:
    return Reduction("manual", "Rabatt", n=n, amount_minor=minor)


def off(cart: Cart) -> int:
    return sum(one.amount_minor for line in cart.lines if line.live for one in line.discounts)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 9_999), st.sampled_from("ABC"), st.integers(0, 50)),
        st.tuples(st.just("void"), st.integers(1, 30)),
        st.tuples(st.just("percent"), st.integers(1, 1_000), st.integers(0, 12)),
        st.tuples(st.just("amount"), st.integers(1, 20_000), st.integers(0, 12)),
        st.tuples(st.just("staff"), st.integers(1, 100)),
        st.tuples(st.just("last"), st.integers(1, 9)),
    ),
    min_size=1,
    max_size=25,
)


def act(cart: Cart, what: tuple[Any, ...]) -> Cart:
    match what:
        case ("add", price, tax, deposit):
            return add(cart, price, tax, deposit=deposit)
        case ("void", n) if n <= len(cart.lines):
            return carts.void_line(cart, cart.lines[n - 1].parent or n, MARK)
        case ("percent", tenths, n):
            return reductions.add_reduction(cart, percent(str(Decimal(tenths) / 10), min(n, len(cart.lines))))
        case ("amount", minor, n):
            return reductions.add_reduction(cart, amount(minor, min(n, len(cart.lines))))
        case ("staff", value):
            return reductions.add_reduction(cart, percent(str(value), source="staff"))
        case ("last", quantity):
            line = carts.last_live_line(cart)
            if line is not None:
                changed, source = set_last(cart, line.n, Decimal(quantity), MARK)
                return reductions.carry_over(changed, source, len(cart.lines) + 1) if source else changed
    return cart


@settings(max_examples=120, deadline=None)
@given(ACTS)
def test_whatever_is_done_lines_taxes_and_total_agree_and_no_line_falls_below_nothing(
    acts: list[Any],
) -> None:
    cart = Cart("c", 1, "1")
    for what in acts:
        cart = priced(act(cart, what))
        live = [line for line in cart.lines if line.live]
        assert all(0 <= line.pay_minor <= line.total_minor for line in live)
        assert all(not line.discounts for line in live if line.kind == "deposit")
        total = carts.total_minor(cart)
        assert (
            total
            == sum(line.pay_minor for line in live)
            == sum(line.total_minor for line in live) - off(cart)
        )
        assert sum(tax.gross_minor for tax in carts.tax_totals(cart)) == total
        again = cart_of(cart.cart_id, cart.opened_ms, cart.operator, cart.lines, cart.tenders, cart.about)
        assert again.sums == cart.sums
        assert priced(cart) is cart or priced(cart) == cart, "pricing twice changes nothing"


@given(
    st.lists(st.tuples(st.integers(1, 9_999), st.sampled_from("ABC")), min_size=1, max_size=20),
    st.integers(1, 1_000),
)
def test_a_percentage_of_the_cart_is_rounded_once_and_split_to_the_cent(
    goods: list[Any], tenths: int
) -> None:
    cart = Cart("c", 1, "1")
    for price, tax in goods:
        cart = add(cart, price, tax)
    whole = carts.total_minor(cart)
    rate = Decimal(tenths) / 10
    cart = priced(reductions.add_reduction(cart, percent(str(rate))))
    assert off(cart) == round_minor(whole * rate / 100)
    exact = [line.total_minor * off(cart) / whole for line in cart.lines]
    assert all(
        abs(line.total_minor - line.pay_minor - e) < 1 for line, e in zip(cart.lines, exact, strict=True)
    )


def test_a_discount_on_the_cart_follows_lines_that_come_and_go() -> None:
    cart = priced(reductions.add_reduction(add(Cart("c", 1, "1"), 1000), percent("10")))
    assert carts.total_minor(cart) == 900
    cart = priced(add(cart, 500, "B", deposit=25))
    assert (carts.total_minor(cart), off(cart)) == (1350 + 25, 150)
    cart = priced(carts.void_line(cart, 1, MARK))
    assert carts.total_minor(cart) == 450 + 25


def test_an_amount_that_is_more_than_what_is_left_takes_that() -> None:
    cart = add(add(Cart("c", 1, "1"), 1000), 300)
    cart = priced(reductions.add_reduction(cart, amount(1200)))
    assert carts.total_minor(cart) == 100
    cart = priced(carts.void_line(cart, 1, MARK))
    assert carts.total_minor(cart) == 0
    assert priced(add(cart, 2000)).sums.total_minor == 2300 - 1200


def test_lines_first_then_the_cart_then_the_staff() -> None:
    cart = add(add(Cart("c", 1, "1"), 1000), 1000)
    for rule in (percent("50", source="staff"), percent("10"), amount(500, n=1)):
        cart = reductions.add_reduction(cart, rule)
    cart = priced(cart)
    assert [line.pay_minor for line in cart.lines] == [225, 450]
    assert [[one.source for one in line.discounts] for line in cart.lines] == [
        ["manual", "manual", "staff"],
        ["manual", "staff"],
    ]


def test_another_price_keeps_the_first_and_a_percentage_counts_from_the_new_one() -> None:
    cart = override_price(add(Cart("c", 1, "1"), 1000, quantity="2"), 1, 800, "damaged", "2")
    cart = override_price(cart, 1, 700, "damaged", "2")
    line = priced(reductions.add_reduction(cart, percent("10"))).lines[0]
    assert (line.unit_minor, line.list_minor, line.price_source, line.reason, line.approved) == (
        700,
        1000,
        "override",
        "damaged",
        "2",
    )
    assert (line.total_minor, line.pay_minor) == (1400, 1260)


def test_fewer_takes_whole_lines_out_and_sells_the_rest_anew_with_its_deposit() -> None:
    cart = add(add(Cart("c", 1, "1"), 89, quantity="2", deposit=25), 89, quantity="3", deposit=25)
    fewer, source = set_last(cart, 3, Decimal(4), MARK)
    assert source == 3
    assert [(line.n, str(line.quantity), line.live) for line in fewer.lines] == [
        (1, "2", True),
        (2, "2", True),
        (3, "3", False),
        (4, "3", False),
        (5, "2", True),
        (6, "2", True),
    ]
    assert carts.total_minor(fewer) == 4 * (89 + 25)
    more, source = set_last(cart, 3, Decimal(6), MARK)
    assert (source, carts.total_minor(more), carts.pieces(more)) == (3, 6 * (89 + 25), 6)
    assert set_last(cart, 3, Decimal(2), MARK)[0].sums.total_minor == 2 * (89 + 25)
    assert set_last(cart, 3, Decimal(5), MARK) == (cart, 0)


def test_measured_goods_are_always_sold_anew() -> None:
    cart = add(Cart("c", 1, "1"), 249, quantity="0.842", unit="kg")
    for quantity in ("0.5", "1.2"):
        changed, _ = set_last(cart, 1, Decimal(quantity), MARK)
        assert [line.live for line in changed.lines] == [False, True]
        assert carts.total_minor(changed) == round_minor(Decimal(quantity) * 249)


@pytest.mark.parametrize(
    ("today", "age", "born"),
    [
        ("2026-11-22", 18, "2008-11-22"),
        ("2028-02-29", 16, "2012-02-29"),
        ("2028-02-29", 18, "2010-02-28"),
        ("2026-02-28", 18, "2008-02-28"),
        ("2026-03-01", 18, "2008-03-01"),
    ],
)
def test_the_birth_date_that_still_passes(today: str, age: int, born: str) -> None:
    on, last = dt.date.fromisoformat(today), dt.date.fromisoformat(born)
    assert youngest_birth(on, age) == last
    assert age_on(on, last) == age
    assert age_on(on, last + dt.timedelta(days=1)) == age - 1


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31)), st.integers(0, 99))
def test_age_and_birth_date_agree_on_every_day(today: dt.date, age: int) -> None:
    limit = youngest_birth(today, age)
    assert age_on(today, limit) == age
    if limit < today:
        assert age_on(today, limit + dt.timedelta(days=1)) < max(age, 1)


def test_goods_whose_price_is_fixed_are_named_by_code_or_department_and_cart_discounts_pass_them_by() -> None:
    rules = GoodsRules(fixed_price_codes=("978", "977"), fixed_price_departments=(13,))
    assert rules.price_is_fixed("9783000000003", 1)
    assert rules.price_is_fixed("2000000002514", 13)
    assert not rules.price_is_fixed("4000000000013", 5)
    assert not GoodsRules().price_is_fixed("9783000000003", 13)
