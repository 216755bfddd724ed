"""A web shop's cart becomes an order: at the shop's prices, once, with its goods or not at all."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sync.hub.shop.baskets.core import Named, make
from sync.hub.shop.baskets.messages import MakeBasket
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import perform
from sync.hub.shop.orders.from_cart import FromCart, order_cart
from sync.hub.shop.orders.messages import OrderCart
from sync.hub.shop.stock import core as stock
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do
from tests.contract.shop.orders_kit import on_hand
from tests.contract.shop.test_catalogue import bring, record

WATER = record(
    "W", "Wasser", 99, deposit={"sku": "P", "text": "Pfand 0,25", "price_minor": 25, "tax_code": "A"}
)
LINES = [{"sku": "A", "qty": "2"}, {"sku": "W", "qty": "4"}]
TOTAL = 2 * 300 + 4 * 99 + 4 * 25
PUBLIC = Actor("token", "web", "storefront")


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    bring(rig, record("A", "Tee", 300), WATER, record("K", "Käse", 1990, unit="kg"))
    for sku in ("A", "W", "K"):
        do(rig, stock.move, stock.Move("demo", sku, Decimal(5), "receipt", "delivery", 0))
    yield rig
    rig.close()


async def carted(shop: Channel, *lines: dict[str, str]) -> Any:
    made = await shop.post("/carts", {"store": "demo", "lines": list(lines) or LINES})
    return f"/carts/demo/{made['basket_id']}", made


def test_the_public_orders_a_cart_and_follows_the_order_with_its_secret(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        path, made = await carted(shop)
        said = {"total_minor": TOTAL, "pay_later": True, "person": {"name": "A", "email": "a@example.org"}}
        answer = await shop.ask("POST", f"{path}/order", said, secret=made["secret"], key="once")
        assert answer.status_code == 201, answer.text
        again = await shop.ask("POST", f"{path}/order", said, secret=made["secret"], key="once")
        assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")
        placed = answer.json()
        order = placed["order"]
        assert (order["state"], order["value_minor"], order["rest_minor"]) == ("confirmed", TOTAL, TOTAL)
        assert [(line["sku"], line["qty"], line["pay_minor"]) for line in order["lines"]] == [
            ("A", "2", 600), ("W", "4", 496),
        ]  # fmt: skip
        assert "example.org" not in answer.text
        found = f"/orders/{order['order_id']}"
        assert (await shop.ask("GET", found)).status_code == 404
        assert (await shop.get(found, secret=placed["secret"]))["number"] == order["number"]
        ended = await shop.get(path, secret=made["secret"])
        assert (ended["state"], ended["ended_by"]) == ("converted", f"order/{order['order_id']}")
        second = await shop.ask("POST", f"{path}/order", said, secret=made["secret"])
        assert second.status_code == 409
        assert on_hand(rig, "W") == (5, 4)

    asyncio.run(go())


def test_an_order_that_cannot_be_leaves_the_cart_as_it_was(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        path, made = await carted(shop)
        other = await shop.ask("POST", f"{path}/order", {"total_minor": TOTAL - 1}, secret=made["secret"])
        assert (other.json()["type"], other.json()["detail"]) == (
            "urn:tresen:problem:price-changed",
            str(TOTAL),
        )
        assert (await shop.ask("POST", f"{path}/order", {"total_minor": TOTAL})).status_code == 404
        await shop.put(path, {"lines": [{"sku": "A", "qty": "6"}]}, secret=made["secret"])
        many = await shop.ask("POST", f"{path}/order", {"total_minor": 1800}, secret=made["secret"])
        assert (many.status_code, many.json()["type"]) == (409, "urn:tresen:problem:not-available")
        stale = await shop.ask(
            "POST", f"{path}/order", {"total_minor": 1800}, secret=made["secret"], If_Match='"1"'
        )
        assert stale.status_code == 412
        assert (await shop.get(path, secret=made["secret"]))["state"] == "open"
        assert on_hand(rig, "A") == (5, 0)
        weighed, cheese = await carted(shop, {"sku": "K", "qty": "0.5"})
        unknown = await shop.ask("POST", f"{weighed}/order", {"total_minor": 995}, secret=cheese["secret"])
        assert (unknown.status_code, unknown.json()["type"]) == (422, "urn:tresen:problem:not-beforehand")
        empty, none = await carted(shop)
        await shop.put(empty, {"lines": []}, secret=none["secret"])
        nothing = await shop.ask("POST", f"{empty}/order", {"total_minor": 0}, secret=none["secret"])
        assert nothing.json()["type"] == "urn:tresen:problem:nothing-to-order"

    asyncio.run(go())


def test_a_cart_that_a_till_holds_is_not_ordered(rig: Rig) -> None:
    async def go() -> None:
        shop, till = Channel(rig, "storefront"), Channel(rig, store="demo", till="1")
        path, made = await carted(shop)
        await till.post("/carts/claim", {"store": "demo", "code": made["share_code"], "by": "Kim"})
        refused = await shop.ask("POST", f"{path}/order", {"total_minor": TOTAL}, secret=made["secret"])
        assert refused.json()["type"] == "urn:tresen:problem:claimed"
        assert on_hand(rig, "A") == (5, 0)

    asyncio.run(go())


def test_the_public_says_no_price_of_its_own_and_that_nothing_is_paid(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        line = {"sku": "A", "qty": "1", "pay_minor": 1}
        own = await shop.ask(
            "POST", "/orders", {"kind": "click_and_collect", "store": "demo", "lines": [line]}
        )
        assert own.status_code == 403
        path, made = await carted(shop)
        placed = await shop.post(f"{path}/order", {"total_minor": TOTAL}, secret=made["secret"])
        assert placed["order"]["state"] == "placed"
        pay = {"payment": {"amount_minor": TOTAL, "provider": "x", "reference": "1"}}
        path = f"/orders/{placed['order']['order_id']}/payments"
        assert (await shop.ask("POST", path, pay, secret=placed["secret"])).status_code == 403
        paid = await Channel(rig, "connector").post(path, pay)
        assert (paid["state"], paid["rest_minor"]) == ("confirmed", 0)

    asyncio.run(go())


def test_the_codes_are_pictures_for_who_has_the_secret(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        path, made = await carted(shop)
        picture = await shop.ask("GET", f"{path}/code.svg", secret=made["secret"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
        assert picture.text.startswith("<svg")
        assert (await shop.ask("GET", f"{path}/code.svg")).status_code == 404
        placed = await shop.post(f"{path}/order", {"total_minor": TOTAL}, secret=made["secret"])
        early = await shop.ask(
            "GET", f"/orders/{placed['order']['order_id']}/pickup.svg", secret=placed["secret"]
        )
        assert early.json()["type"] == "urn:tresen:problem:not-ready"

    asyncio.run(go())


def test_of_two_orders_of_one_cart_at_once_one_is_placed(rig: Rig) -> None:
    made = do(rig, make, MakeBasket("demo", (AskedLine("2", "A"),)), PUBLIC)
    ask = FromCart(Named("demo", made.basket_id, made.secret), OrderCart(600, pay_later=True))

    async def one(lane: str) -> str:
        def run(connection: Any) -> object:
            return perform(
                connection, order_cart, ask, now_ms=rig.clock.wall_ms(), ids=rig.hub.ids, actor=PUBLIC
            )

        try:
            await rig.hub.database.run(lane, run)
        except RefusedError as refused:
            return refused.code
        return "placed"

    async def both() -> list[str]:
        return sorted(await asyncio.gather(one("lane 1"), one("lane 2")))

    assert asyncio.run(both()) == ["nothing-to-order", "placed"]
    assert on_hand(rig, "A") == (5, 2)
