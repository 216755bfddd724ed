"""A phone's cart at the till, with a real hub behind it: claimed, expected, accepted, paid, handed back."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.domain import commands as c
from pos.domain.cart import total_minor
from pos.domain.goods_rules import GoodsRules
from pos.resources import texts
from pos.sale_facts import Sale
from sync.hub.shop.baskets import facts, tables
from sync.hub.shop.baskets.core import claim, make, rest_id
from sync.hub.shop.baskets.messages import Basket, Claim, MakeBasket
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do
from tests.contract.shop.test_catalogue import bring
from tests.demo.fronts import path_to
from tests.tui.fakes import BEER, BUTTER, MILK, WATER, articles, opened, run
from tests.tui.shop_rig import till_at

LINES = (
    ("S1", "2"),
    ("S7", "1"),
    ("S8", "0.5"),
    ("S9", "1"),
)  # milk, water with deposit, apples by weight, beer


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    bring(rig, *(msgspec.to_builtins(article) for article in articles() if article.price_minor is not None))
    yield rig
    rig.close()


def phone(rig: Rig, *lines: tuple[str, str]) -> Basket:
    return do(rig, make, MakeBasket("demo", tuple(AskedLine(qty, sku) for sku, qty in lines or LINES)))


def state_of(rig: Rig, basket_id: str) -> str:
    with rig.engine.connect() as connection:
        c_ = tables.basket.c
        return str(connection.execute(sa.select(c_.state).where(c_.basket_id == basket_id)).scalar_one())


def heard(rig: Rig, sale: Sale, till: str = "1") -> None:
    do(rig, facts.hear, Arrived("demo", till, 1, 1, 1, sale), OFFICE)


def code(shop: Any) -> str:
    return shop.till.view.message.code if shop.till.view.message is not None else ""


def _asked(shop: Any) -> str:
    return shop.till.view.question.code if shop.till.view.question is not None else ""


async def choose(shop: Any, name: str) -> None:
    """The option of this key in the question that stands there."""
    question = shop.till.view.question
    keys = [option.key for option in question.options]
    await shop.till.handle(c.Choose(keys.index(name) + 1))


async def start(rig: Rig, till: str = "1") -> Any:
    shop, way = till_at(rig, till, goods=GoodsRules(age_check="ask"))
    await shop.open()
    shop.way = way  # type: ignore[attr-defined]
    return shop


async def scan(shop: Any, *codes: str) -> None:
    for one in codes:
        await shop.till.handle(c.Scan(one))


def expected(shop: Any) -> list[tuple[str, str]]:
    return [(one.sku, f"{one.quantity:f}") for one in shop.till.view.expected]


def test_goods_wait_until_they_are_scanned_and_the_rest_goes_back(rig: Rig) -> None:
    basket = phone(rig)

    async def go() -> None:
        shop = await start(rig)
        await scan(shop, basket.code)
        assert (code(shop), state_of(rig, basket.basket_id)) == ("phone-cart-here", "claimed")
        assert expected(shop) == [("S1", "2"), ("S7", "1"), ("S8", "0.5"), ("S9", "1")]
        assert (shop.till.view.total_minor, shop.till.view.state) == (0, "selling")
        await shop.till.handle(c.PayCash(None))
        assert code(shop) == "nothing-to-pay"
        await scan(shop, MILK)
        assert (expected(shop)[0], shop.till.view.total_minor) == (("S1", "1"), 139)
        await scan(shop, WATER)  # with its deposit
        await shop.till.handle(c.PayCash(None))
        assert shop.till.view.question.code == "phone-cart-rest"
        await choose(shop, "stay")
        assert not shop.journal.sales
        await shop.till.handle(c.PayCash(None))
        await choose(shop, "back")
        (sale,) = shop.journal.sales
        assert sale.total_minor == 139 + 89 + 25
        assert [(one.kind, one.external) for one in sale.references] == [
            ("basket", basket.basket_id),
            ("basket-rest", basket.basket_id),
        ]
        heard(rig, sale)
        rest = rest_id(basket.basket_id)
        assert (state_of(rig, basket.basket_id), state_of(rig, rest)) == ("converted", "open")

    run(go)


def test_lines_are_accepted_by_a_key_and_goods_ask_what_they_ask_always(rig: Rig) -> None:
    basket = phone(rig)

    async def go() -> None:
        shop = await start(rig)
        await shop.till.handle(c.Do("phone-cart", basket.share_code.lower()))
        await shop.till.handle(c.Do("phone-cart-accept"))
        await choose(shop, "all")
        assert shop.till.view.question.code == "age"  # the beer
        await choose(shop, "yes")
        assert expected(shop) == [("S8", "0.5")]
        await shop.till.handle(c.SetQuantity(Decimal("0.48")))
        await scan(shop, "2000000000022")
        assert expected(shop) == []
        total = total_minor(shop.till.parts.selling.the_cart())
        assert total == 2 * 139 + 89 + 25 + 119 + 120
        await shop.till.handle(c.PayCash(None))
        (sale,) = shop.journal.sales
        assert [one.kind for one in sale.references] == ["basket"]
        heard(rig, sale)
        with rig.engine.connect() as connection:
            assert len(connection.execute(sa.select(tables.basket)).all()) == 1

    run(go)


def test_who_comes_second_hears_where_it_is_and_who_stands_there(rig: Rig) -> None:
    basket = phone(rig)

    async def go() -> None:
        one, two = await start(rig), await start(rig, "2")
        await scan(one, basket.code)
        await scan(two, basket.code)
        message = two.till.view.message
        assert (message.code, message.fields) == ("phone-cart-claimed", {"till": "1", "who": "Kim"})
        assert two.till.view.state == "ready"
        await one.till.handle(c.Do("phone-cart-back"))
        assert (code(one), one.till.view.state) == ("phone-cart-back", "ready")
        await scan(two, basket.code)
        assert code(two) == "phone-cart-here"
        await scan(two, MILK)
        await two.till.handle(c.VoidCart())
        await two.till.handle(c.VoidCart())
        await asyncio.gather(*two.till.parts.phone_carts._tasks)
        assert state_of(rig, basket.basket_id) == "open"

    run(go)


def test_a_silent_hub_leaves_the_lines_of_the_code_and_the_sale_closes_the_cart_later(rig: Rig) -> None:
    basket = phone(rig, ("S1", "2"), ("S3", "1"))

    async def go() -> None:
        shop = await start(rig)
        shop.way.away = True
        await shop.till.handle(c.Do("phone-cart", basket.share_code))
        assert (code(shop), shop.till.view.state) == ("phone-cart-silent", "ready")
        await scan(shop, basket.qr)
        assert shop.till.view.question.code == "phone-cart-offline"
        await choose(shop, "no")
        assert shop.till.view.state == "ready"
        await scan(shop, basket.qr)
        await choose(shop, "yes")
        await scan(shop, MILK, MILK, BUTTER)
        assert expected(shop) == []
        await shop.till.handle(c.PayCash(None))
        (sale,) = shop.journal.sales
        shop.way.away = False
        heard(rig, sale)
        assert state_of(rig, basket.basket_id) == "converted"
        await scan(shop, basket.qr)
        assert code(shop) == "phone-cart-ended"

    run(go)


def test_a_cut_leaves_the_till_as_it_was_and_a_claim_is_renewed_before_payment(rig: Rig) -> None:
    basket = phone(rig, ("S1", "2"))

    async def go() -> None:
        shop = await start(rig)
        shop.way.deaf = True  # the hub gave it, and the answer was lost
        await scan(shop, basket.code)
        assert (code(shop), state_of(rig, basket.basket_id)) == ("phone-cart-silent", "claimed")
        shop.way.deaf = False
        await scan(shop, basket.code)
        await scan(shop, MILK)
        again, way = till_at(rig, "1")
        await again.till.start(shop.state.cart, (), None)
        await again.till.handle(c.SignIn("Kim", "4711"))
        assert expected(again) == [("S1", "1")]
        rig.clock.ms += 700_000  # meanwhile another till took it
        do(rig, claim, Claim("demo", basket.share_code, "2"), Actor("till", "demo/2", "till", "demo"))
        await scan(again, MILK)
        await again.till.handle(c.PayCash(None))
        assert _asked(again) == "phone-cart-lost"
        await choose(again, "no")
        assert not again.journal.sales
        way.away = True  # nothing is heard: the goods lie here, and the sale goes on
        await again.till.handle(c.PayCash(None))
        assert len(again.journal.sales) == 1

    run(go)


def test_another_price_here_than_on_the_phone_is_told(rig: Rig) -> None:
    basket = phone(rig, ("S1", "2"))

    async def go() -> None:
        shop = await start(rig)
        shop.catalogue.add(msgspec.structs.replace(articles()[0], price_minor=99))
        shop.catalogue._shelf.pop(0)
        await scan(shop, basket.code)
        message = shop.till.view.message
        assert (message.code, message.fields) == ("phone-cart-differs", {"told": 278, "here": 198})

    run(go)


def test_codes_of_no_cart_and_of_other_stores_are_told(rig: Rig) -> None:
    basket = phone(rig, ("S1", "1"))

    async def go() -> None:
        shop = await start(rig)
        for typed, sentence in (("AAAAAAAA", "phone-cart-unknown"), ("ABC", "phone-cart-code")):
            await shop.till.handle(c.Do("phone-cart", typed))
            assert code(shop) == sentence
        await shop.till.handle(c.Do("phone-cart-accept"))
        assert code(shop) == "phone-cart-none"
        shop.journal.head = msgspec.structs.replace(shop.journal.head, store="b")
        await scan(shop, basket.qr)
        assert code(shop) == "phone-cart-store"

    run(go)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_what_is_expected_stands_in_the_cart_without_an_amount(rig: Rig, size: tuple[int, int]) -> None:
    basket = phone(rig)

    async def go() -> None:
        shop, _ = till_at(rig)
        async with opened(shop, size=size) as screen:
            await screen.scan(basket.code)
            await screen.pause()
            assert "Bio-Vollmilch" in screen.row("wartet")
            await screen.scan(MILK, BEER)
            await screen.press("2", "enter")
            row = screen.row("wartet")
            assert "1 x" in row
            assert "1,39" not in row

    run(go)


def test_the_keys_that_the_sentence_names_accept_the_lines() -> None:
    path = " ".join(path_to("phone-cart-accept")).upper()
    assert all(path in texts(language)("message.phone-cart-here", count=2) for language in ("de", "en"))
