"""Carts between phone and till: one holder at a time, one end, and what a sale leaves goes back."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.sale_facts import Reference, SaleLine
from sync.hub.database import transact
from sync.hub.shop.baskets import facts, tables
from sync.hub.shop.baskets.core import LEASE_MS, Named, claim, convert, make, rest_id
from sync.hub.shop.baskets.messages import Claim, MakeBasket
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.rooms import TICKS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, TILL, Channel, do
from tests.contract.shop.races import race_for_basket
from tests.contract.shop.test_catalogue import bring, record
from tests.contract.test_journal import sale as any_sale

LINES = [{"sku": "A", "qty": "3"}, {"code": "4000000000020", "qty": "1"}]
CART = {"store": "demo", "lines": LINES}


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    bring(rig, record("A", "Tee"), record("B", "Kaffee", 400, codes=["4000000000020"], min_age=0))
    yield rig
    rig.close()


def test_a_cart_goes_from_the_phone_to_the_till_and_back(rig: Rig) -> None:
    async def go() -> None:
        phone, till, other = (
            Channel(rig, "storefront"),
            Channel(rig, store="demo", till="1"),
            Channel(rig, store="demo", till="2"),
        )
        made = await phone.post("/carts", CART)
        assert (made["state"], made["price"]["total_minor"], len(made["share_code"])) == ("open", 700, 8)
        path, secret = f"/carts/demo/{made['basket_id']}", made["secret"]
        assert (await phone.ask("GET", path)).status_code == 404
        assert (await phone.ask("GET", path, secret="wrong")).status_code == 404
        assert (await phone.get(path, secret=secret))["secret"] == ""
        changed = await phone.put(path, {"lines": LINES[:1]}, secret=secret, If_Match='"1"')
        assert (changed["price"]["total_minor"], changed["version"]) == (300, 2)
        assert (await phone.ask("PUT", path, {"lines": []}, secret=secret, If_Match='"1"')).status_code == 412
        assert (
            await phone.ask("POST", "/carts/claim", {"store": "demo", "code": made["share_code"]})
        ).status_code == 403
        took = await till.post(
            "/carts/claim", {"store": "demo", "code": made["share_code"].lower(), "by": "Kim"}
        )
        assert (took["state"], took["held"]["till"], took["basket_id"]) == ("claimed", "1", made["basket_id"])
        second = await other.ask("POST", "/carts/claim", {"store": "demo", "code": made["share_code"]})
        assert (second.status_code, second.json()["type"], second.json()["detail"]) == (
            409, "urn:tresen:problem:claimed", "1 Kim",
        )  # fmt: skip
        refused = await phone.ask("PUT", path, {"lines": LINES}, secret=secret)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:tresen:problem:claimed")
        assert (await other.ask("POST", f"{path}/extend", {})).status_code == 409
        rig.clock.ms += LEASE_MS - 1
        assert (await till.post(f"{path}/extend", {}))["held"]["until_ms"] == rig.clock.wall_ms() + LEASE_MS
        rig.clock.ms += LEASE_MS  # the till was silent: whoever comes next has it
        assert (await phone.get(path, secret=secret))["state"] == "open"
        assert (await other.post("/carts/claim", {"store": "demo", "code": made["share_code"]}))["held"][
            "till"
        ] == "2"
        assert (await till.ask("POST", f"{path}/extend", {})).status_code == 409
        assert (await till.post(f"{path}/hand-back", {}))["held"][
            "till"
        ] == "2"  # it is no longer this till's
        assert (await other.post(f"{path}/hand-back", {}))["state"] == "open"
        assert (await phone.put(path, {"lines": LINES}, secret=secret))["price"]["total_minor"] == 700

    asyncio.run(go())


def test_two_carts_become_one_and_one_that_is_over_is_over(rig: Rig) -> None:
    async def go() -> None:
        phone, till = Channel(rig, "storefront"), Channel(rig, store="demo", till="1")
        one, two = await phone.post("/carts", CART), await phone.post("/carts", {**CART, "coupons": ["TEE"]})
        path = f"/carts/demo/{one['basket_id']}"
        body = {"other": two["basket_id"], "other_secret": "no"}
        assert (await phone.ask("POST", f"{path}/merge", body, secret=one["secret"])).status_code == 404
        body["other_secret"] = two["secret"]
        merged = await phone.post(f"{path}/merge", body, secret=one["secret"])
        assert [(line["sku"], line["qty"]) for line in merged["lines"]] == [("A", "6"), ("B", "2")]
        gone = await phone.get(f"/carts/demo/{two['basket_id']}", secret=two["secret"])
        assert (gone["state"], gone["ended_by"]) == ("abandoned", f"basket/{one['basket_id']}")
        assert (await till.ask("POST", "/carts/claim", {"store": "demo", "code": two["share_code"]})).json()[
            "detail"
        ] == "abandoned"
        assert (await phone.post(f"{path}/abandon", secret=one["secret"]))["state"] == "abandoned"
        assert (await phone.ask("PUT", path, {"lines": LINES}, secret=one["secret"])).status_code == 409

    asyncio.run(go())


def test_codes_are_not_to_be_guessed(rig: Rig) -> None:
    async def go() -> None:
        till, phone = Channel(rig, store="demo", till="1"), Channel(rig, "storefront")
        made = await phone.post("/carts", CART)
        codes = [
            (await till.ask("POST", "/carts/claim", {"store": "demo", "code": f"AAAA00{n:02}"})).status_code
            for n in range(21)
        ]
        assert codes == [404] * 20 + [429]
        assert (
            await till.ask("POST", "/carts/claim", {"store": "demo", "code": made["share_code"]})
        ).status_code == 429
        rig.clock.ms += 3_000
        await till.post("/carts/claim", {"store": "demo", "code": made["share_code"]})
        assert (
            await till.ask("POST", "/carts/claim", {"store": "other", "code": made["share_code"]})
        ).status_code == 403

    asyncio.run(go())


def made(rig: Rig, *, minutes: int = 1440) -> Any:
    return do(rig, make, MakeBasket("demo", (AskedLine("3", "A"), AskedLine("1", "B")), minutes=minutes))


def state_of(rig: Rig, basket_id: str) -> Any:
    with rig.engine.connect() as connection:
        return connection.execute(
            sa.select(tables.basket).where(tables.basket.c.basket_id == basket_id)
        ).one()


def test_the_hubs_clock_ends_a_cart_but_not_in_a_tills_hands(rig: Rig) -> None:
    one, two = made(rig, minutes=5), made(rig, minutes=5)
    rig.clock.ms += 4 * 60_000
    do(rig, claim, Claim("demo", two.share_code), TILL)
    rig.clock.ms += 2 * 60_000
    while any(transact(rig.engine, tick, each, rig.clock.wall_ms(), rig.hub.ids) for each in TICKS):
        pass
    assert (state_of(rig, one.basket_id).state, state_of(rig, two.basket_id).state) == ("expired", "claimed")
    with pytest.raises(RefusedError) as refused:
        do(rig, claim, Claim("demo", one.share_code), TILL)
    assert (refused.value.code, refused.value.detail) == ("ended", "expired")


def sold(
    basket_id: str, lines: dict[str, int], *, till: str = "1", rest: bool = True, seq: int = 1
) -> Arrived:
    kinds = ("basket", "basket-rest") if rest else ("basket",)
    fact = msgspec.structs.replace(
        any_sale(1),
        references=tuple(Reference(kind, external=basket_id) for kind in kinds),
        lines=tuple(
            SaleLine(n, sku, 100, 100 * qty, "A", Decimal(19), 0, Decimal(qty), "article", sku=sku)
            for n, (sku, qty) in enumerate(lines.items(), start=1)
        ),
    )
    return Arrived("demo", till, 1, seq, 1_000 + seq, fact)


def hear(rig: Rig, *arrived: Arrived) -> None:
    for one in arrived:
        do(rig, facts.hear, one, OFFICE)


def test_a_sale_closes_its_cart_and_the_rest_goes_back(rig: Rig) -> None:
    cart = made(rig)
    do(rig, claim, Claim("demo", cart.share_code), TILL)
    hear(rig, *[sold(cart.basket_id, {"A": 1})] * 2)
    first = state_of(rig, cart.basket_id)
    assert (first.state, first.ended_by) == ("converted", "sale/1/1/1")

    async def go() -> None:
        phone = Channel(rig, "storefront")
        seen = await phone.get(f"/carts/demo/{cart.basket_id}", secret=cart.secret)
        rest = await phone.get(f"/carts/demo/{seen['rest']}", secret=cart.secret)
        assert [(line["sku"], line["qty"]) for line in rest["lines"]] == [("A", "2"), ("B", "1")]
        assert (rest["state"], rest["share_code"] != cart.share_code) == ("open", True)

    asyncio.run(go())
    hear(rig, sold(made(rig).basket_id, {"A": 1}, rest=False))
    with rig.engine.connect() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(tables.basket)).scalar_one()
    assert count == 3  # nothing goes back where the till did not say so


def test_two_sales_of_one_cart_both_stay_and_are_one_task_in_any_order(rig: Rig) -> None:
    ends = []
    for order in ((0, 1), (1, 0)):
        cart = made(rig)
        both = (
            sold(cart.basket_id, {"A": 1}, seq=5),
            sold(cart.basket_id, {"A": 1, "B": 1}, till="2", seq=3),
        )
        hear(rig, *(both[at] for at in order), *both)
        row = state_of(rig, cart.basket_id)
        rest = state_of(rig, rest_id(cart.basket_id))
        ends.append((row.state, row.ended_by, bytes(rest.body), rest.state))
    assert ends[0] == ends[1]
    found = do(rig, lambda work, _: tasks.listing(work, "demo", limit=9), None)
    assert [task.kind for task in found] == ["cart-sold-twice"] * 2


def test_a_sale_of_a_cart_that_became_an_order_is_a_task(rig: Rig) -> None:
    cart = made(rig)
    do(rig, lambda work, _: convert(work, Named("demo", cart.basket_id), "order/7"), None)
    hear(rig, sold(cart.basket_id, {"A": 3, "B": 1}))
    assert state_of(rig, cart.basket_id).ended_by == "order/7"
    found = do(rig, lambda work, _: tasks.listing(work, "demo", limit=9), None)
    assert [task.subject for task in found] == [cart.basket_id]
    hear(rig, sold("unknown", {"A": 1}))  # a fact is never refused


def test_of_two_tills_that_claim_at_once_one_wins(rig: Rig) -> None:
    for n in range(30):
        assert race_for_basket(rig, n) == 1
