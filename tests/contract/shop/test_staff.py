"""Codes that make a phone or tablet an operator's, and what it may do then: on SQLite and PostgreSQL."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from pos.domain.basket_code import SHARE_BITS
from sync.hub.database import transact
from sync.hub.shop.kit.actor import list_tokens, revoke_token
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders.messages import PlaceOrder
from sync.hub.shop.staff import core
from sync.hub.shop.staff import tables as t
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do
from tests.contract.shop.orders_kit import LINES, stocked
from tests.contract.shop.test_catalogue import bring, record

HOUR_MS = 3_600_000
BOTH = ["stock-move", "stock-write-off"]


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


class Phone:
    """A device of the store's people. Its secret says which one it is."""

    def __init__(self, rig: Rig, secret: str = "5b", address: str = "192.0.2.9") -> None:
        self.secret = secret * 24
        self.line = rig.stranger(address)
        self.token = ""

    async def pair(self, code: str) -> httpx.Response:
        answer = await self.line.post("/v1/staff/sessions", json={"code": code, "secret": self.secret})
        if answer.status_code == 201:
            self.token = f"tresen_{answer.json()['token_id']}_{self.secret}"
        return answer

    async def ask(self, method: str, path: str, data: Any = None, key: str = "k") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        if method == "POST":
            headers["Idempotency-Key"] = key
        content = None if data is None else msgspec.json.encode(data)
        if content:
            headers["Content-Type"] = "application/json"
        return await self.line.request(method, f"/v1{path}", content=content, headers=headers)


async def code_for(
    rig: Rig, operator: str = "2", rights: list[str] = BOTH, till: str = "1", **more: Any
) -> str:
    ask = {
        "operator": operator,
        "name": "Anna",
        "rights": rights,
        "until_ms": rig.clock.wall_ms() + 8 * HOUR_MS,
    }
    made = await Channel(rig, till=till, store="demo").post("/staff/codes", ask | more)
    assert made["url"] == "https://beleg.example/staff/"
    code: str = made["code"]
    return code


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_a_code_opens_a_session_in_which_the_operator_books_under_their_own_number(rig: Rig) -> None:
    async def go() -> None:
        bring(rig, record("S1", "Milch", 139))
        code = await code_for(rig)
        phone = Phone(rig)
        typed = f" {code[:4].lower()}-{code[4:8]} {code[8:]}"
        session = (await phone.pair(typed)).json()
        assert (session["who"], session["store"], session["name"]) == ("demo/1/2", "demo", "Anna")
        assert session["expires_ms"] == rig.clock.wall_ms() + 8 * HOUR_MS
        lost = {
            "store": "demo",
            "sku": "S1",
            "qty": "3",
            "type": "receipt",
            "reason": "found",
            "operator": "7",
        }
        made = await phone.ask("POST", "/stock/movements", lost)
        assert made.status_code == 201, made.text
        assert made.json()["movements"][0]["actor"] == "demo/1/2 7", (
            "what a device says of itself comes second"
        )
        again = await phone.ask("POST", "/stock/movements", lost)
        assert again.headers["idempotent-replayed"] == "true"
        (level,) = (await phone.ask("GET", "/stock?store=demo&sku=S1")).json()["levels"]
        assert level["on_hand"] == "3"

    asyncio.run(go())


def test_whoever_pairs_again_repeats_what_had_no_answer_and_it_is_booked_once(rig: Rig) -> None:
    async def go() -> None:
        bring(rig, record("S1", "Milch", 139))
        delivery = {"store": "demo", "lines": [{"sku": "S1", "qty": "4"}], "received": True}
        before, after = Phone(rig, "01"), Phone(rig, "02")
        await before.pair(await code_for(rig))
        assert (await before.ask("POST", "/stock/deliveries", delivery, "once")).status_code == 201
        rig.clock.ms += 9 * HOUR_MS
        assert (await before.ask("POST", "/stock/deliveries", delivery, "once")).status_code == 401
        await after.pair(await code_for(rig))
        told = await after.ask("POST", "/stock/deliveries", delivery, "once")
        assert (told.status_code, told.headers["idempotent-replayed"]) == (201, "true")
        (level,) = (await after.ask("GET", "/stock?store=demo&sku=S1")).json()["levels"]
        assert level["on_hand"] == "4"

    asyncio.run(go())


def test_the_session_may_what_the_operators_rights_allow_in_their_store_and_nothing_else(rig: Rig) -> None:
    async def go() -> None:
        bring(rig, record("S1", "Milch", 139))
        phone = Phone(rig)
        session = (await phone.pair(await code_for(rig, rights=["stock-move"]))).json()
        assert "stock:adjust" not in session["scopes"]
        lost = {"store": "demo", "sku": "S1", "qty": "3", "type": "write_off", "reason": "broken"}
        assert refusal(await phone.ask("POST", "/stock/movements", lost)) == (403, "forbidden")
        for path in (
            "/customers/export",
            "/orders",
            "/cases?store=demo",
            "/messages",
            "/stores/demo/tasks",
        ):
            assert (await phone.ask("GET", path)).status_code == 403, path
        assert (await phone.ask("PUT", "/stock/demo/S1/safety", {"safety": "9"})).status_code == 403
        there = {"store": "nord", "lines": [{"sku": "S1", "qty": "1"}], "received": True}
        assert refusal(await phone.ask("POST", "/stock/deliveries", there)) == (403, "forbidden")
        assert (
            await phone.ask("POST", "/staff/codes", {"operator": "1", "rights": BOTH, "until_ms": 1 << 50})
        ).status_code == 403
        count = {"store": "demo", "lines": [{"sku": "S1", "qty": "40"}], "closes": True, "approve_over": 1000}
        counted = (await phone.ask("POST", "/stock/counts", count, "c")).json()
        assert counted["state"] == "review", "whoever may not adjust does not say what needs no approval"
        approve = f"/stock/counts/{counted['count_id']}/approve"
        assert refusal(await phone.ask("POST", approve, {}, "a")) == (403, "forbidden")

    asyncio.run(go())


def test_whoever_packs_reaches_the_work_list_and_neither_orders_nor_their_money(rig: Rig) -> None:
    async def go() -> None:
        stocked(rig)
        order = do(rig, orders.place, PlaceOrder("reserve_and_collect", "demo", LINES)).order
        phone = Phone(rig)
        await phone.pair(await code_for(rig, rights=["pickup"]))
        (row,) = (await phone.ask("GET", "/stores/demo/fulfillments")).json()["rows"]
        look = {"code": row["order_id"], "peek": True}
        assert (await phone.ask("POST", "/stores/demo/pickups", look, "look")).json()[
            "order_id"
        ] == order.order_id
        claim = await phone.ask("POST", "/stores/demo/pickups", {"code": row["order_id"]}, "claim")
        assert refusal(claim) == (403, "forbidden")
        base = f"/stores/demo/fulfillments/{row['fulfillment_id']}"
        picked = await phone.ask("POST", f"{base}/pick", {"lines": [{"n": 1, "qty": "1"}]}, "pick")
        assert picked.json()["fulfillments"][0]["lines"][0]["picked"] == "1"
        for path in ("/orders", f"/orders/{order.order_id}"):
            assert (await phone.ask("GET", path)).status_code == 403, path
        paid = {"payment": {"reference": "x", "amount_minor": order.rest_minor, "method": "card"}}
        for path in (
            f"/orders/{order.order_id}/payments",
            f"/orders/{order.order_id}/cancel",
            f"{base}/reject",
        ):
            body = paid if path.endswith("payments") else {}
            assert (await phone.ask("POST", path, body, path[-9:])).status_code in {400, 403}, path
        assert order.state == do(rig, orders.see, orders.Seen(order.order_id)).state
        delivery = {"store": "demo", "lines": [{"sku": "S1", "qty": "1"}], "received": True}
        assert refusal(await phone.ask("POST", "/stock/deliveries", delivery, "d")) == (403, "forbidden")

    asyncio.run(go())


def test_a_code_is_good_once_and_for_five_minutes(rig: Rig) -> None:
    async def go() -> None:
        phone, other = Phone(rig, "01"), Phone(rig, "02")
        code = await code_for(rig)
        first = (await phone.pair(code)).json()
        assert (await phone.pair(code)).json() == first, "its answer was lost: the same device hears it again"
        assert refusal(await other.pair(code)) == (403, "code-used")
        late = await code_for(rig)
        rig.clock.ms += core.CODE_VALID_MS
        assert refusal(await other.pair(late)) == (403, "code-expired")
        earlier = await code_for(rig)
        newest = await code_for(rig)
        assert refusal(await other.pair(earlier)) == (403, "code-wrong"), "a new code ends the one before"
        assert (await other.pair(newest)).status_code == 201
        with rig.engine.connect() as connection:
            assert sum(token.role == "handheld" for token in list_tokens(connection)) == 2

    asyncio.run(go())


def test_five_wrong_tries_end_a_code_and_who_guesses_waits(rig: Rig) -> None:
    async def go() -> None:
        assert SHARE_BITS >= 40
        code = await code_for(rig)
        wrong = code[:4] + ("0" if code[4] != "0" else "1") + code[5:]
        one = Phone(rig)
        for _ in range(core.WRONG_MAX):
            assert refusal(await one.pair(wrong)) == (403, "code-wrong")
        assert refusal(await one.pair(code)) == (403, "code-tried")
        guesser = Phone(rig, address="198.51.100.3")
        seen = [await guesser.pair(f"Z{n:03d}ZZZZZZZZ") for n in range(21)]
        assert [answer.status_code for answer in seen] == [403] * 20 + [429]
        neighbour = Phone(rig, address="192.0.2.44")
        assert (await neighbour.pair(await code_for(rig, "3"))).status_code == 201
        for odd in ("", "K", "äöü" * 4, "-" * 12, "0" * 40, "K7QM 4T9X 2HP"):
            assert (await neighbour.pair(odd)).status_code in {400, 403}, odd

    asyncio.run(go())


def test_of_devices_that_redeem_a_code_at_once_one_gets_it(rig: Rig) -> None:
    async def go() -> None:
        code = await code_for(rig)
        phones = [Phone(rig, f"{n:02d}", f"192.0.2.{n}") for n in range(8)]
        answers = await asyncio.gather(*(phone.pair(code) for phone in phones))
        assert sorted(answer.status_code for answer in answers) == [201] + [403] * 7

    asyncio.run(go())


async def _by_office(rig: Rig, phone: Phone) -> None:
    assert transact(rig.engine, revoke_token, phone.token.split("_")[1], rig.clock.wall_ms())


async def _by_till(rig: Rig, _: Phone) -> None:
    assert (await Channel(rig, till="1", store="demo").post("/staff/end", {"operator": "2"})) == {"ended": 1}


async def _by_phone(rig: Rig, phone: Phone) -> None:
    assert (await phone.ask("POST", "/staff/sessions/end", {}, f"end-{rig.clock.ms}")).json() == {"ended": 1}


async def _by_time(rig: Rig, _: Phone) -> None:
    rig.clock.ms += 8 * HOUR_MS


def test_a_session_ends_by_the_office_the_till_the_phone_and_by_itself(rig: Rig) -> None:
    async def go() -> None:
        other = Phone(rig, "02")
        await other.pair(await code_for(rig, till="9", until_ms=rig.clock.wall_ms() + 99 * HOUR_MS))
        for ends in (_by_office, _by_till, _by_phone, _by_time):
            phone = Phone(rig, "01")
            await phone.pair(await code_for(rig))
            assert (await phone.ask("GET", "/stores")).status_code == 200
            await ends(rig, phone)
            rig.clock.ms += 2_001
            assert (await phone.ask("GET", "/stores")).status_code == 401, ends.__name__
            assert (await other.ask("GET", "/stores")).status_code == 200, (
                "another till's operator of that number"
            )
        rig.clock.ms += core.SESSION_MAX_MS
        assert (await other.ask("GET", "/stores")).status_code == 401, "twelve hours, whatever the till says"
        ask = {"operator": "2", "rights": BOTH, "until_ms": rig.clock.wall_ms()}
        refused = await Channel(rig, till="1", store="demo").ask("POST", "/staff/codes", ask)
        assert refusal(refused) == (422, "until"), "it would end before it begins"

    asyncio.run(go())


def test_names_go_soon_and_sessions_after_a_while(rig: Rig) -> None:
    async def go() -> None:
        await Phone(rig).pair(await code_for(rig))
        for hours, codes, tokens in ((1, 1, 1), (2, 0, 1), (24 * 92, 0, 0)):
            rig.clock.ms += hours * HOUR_MS - 60_000
            transact(rig.engine, tick, core.forget_old, rig.clock.wall_ms(), rig.hub.ids)
            with rig.engine.connect() as connection:
                assert len(connection.execute(t.staff_code.select()).all()) == codes, hours
                assert len([one for one in list_tokens(connection) if one.role == "handheld"]) == tokens, (
                    hours
                )

    asyncio.run(go())
