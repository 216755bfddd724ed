"""Stock over the channels' API: levels, movements, promises, transfers, deliveries, counts, in bulk."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


async def bring(office: Channel, qty: str, *, sku: str = "mug", store: str = "demo", **more: Any) -> None:
    said = {"store": store, "sku": sku, "qty": qty, "type": "receipt", "reason": "Start"}
    await office.post("/stock/movements", {**said, **more})


async def on_hand(office: Channel, store: str = "demo", sku: str = "mug", location: str = "store") -> str:
    found = await office.get(f"/stock?store={store}&sku={sku}&location={location}")
    return str(found["levels"][0]["on_hand"])


async def open_tasks(office: Channel, store: str = "demo") -> list[str]:
    found = await office.get(f"/stores/{store}/tasks")
    return [task["kind"] for task in found["tasks"]]


def test_levels_movements_and_promises(rig: Rig) -> None:
    async def go() -> None:
        office, shop = Channel(rig), Channel(rig, "storefront")
        await bring(office, "10")
        await bring(office, "0.350", sku="cheese")
        damaged = {"store": "demo", "sku": "mug", "qty": "2", "type": "damage", "reason": "Bruch"}
        await office.post("/stock/movements", damaged)
        wrong = await office.ask("POST", "/stock/movements", {**damaged, "qty": "-1"})
        assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:tresen:problem:quantity")
        assert (await on_hand(office), await on_hand(office, location="damaged")) == ("8", "2")
        wanted = {"store": "demo", "sku": "mug", "qty": "5", "purpose": "pickup", "subject": "o1"}
        kept = await office.post("/stock/reservations", wanted)
        refused = await office.ask("POST", "/stock/reservations", wanted)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:tresen:problem:not-available")
        seen = (await office.get("/stock?store=demo&sku=mug&sku=none"))["levels"]
        assert [(one["sku"], one["on_hand"], one["reserved"], one["available"]) for one in seen] == [
            ("mug", "8", "5", "3"),
            ("none", "0", "0", "0"),
        ]
        public = (await shop.get("/stock?store=demo&sku=mug"))["levels"][0]
        assert (public["available"], public["on_hand"], public["reserved"]) == ("3", None, None)
        assert (await shop.ask("POST", "/stock/reservations", wanted)).status_code == 403
        path = f"/stock/reservations/{kept['reservation_id']}"
        assert (await office.post(f"{path}/commit", {"cause": "o1"}))["state"] == "committed"
        assert (await office.post(f"{path}/release", {}))["state"] == "committed"
        assert await on_hand(office) == "3"
        found = await office.get("/stock/movements?store=demo&sku=mug")
        assert [(one["type"], one["qty"]) for one in found["movements"]] == [
            ("damage", "-2"),
            ("damage", "2"),
            ("pickup_issue", "-5"),
            ("receipt", "10"),
        ]
        await office.put("/stock/demo/mug/safety", {"safety": "2"})
        assert (await office.get("/stock?store=demo&sku=mug"))["levels"][0]["available"] == "1"
        events = (await office.get("/stores/demo/events"))["events"]
        assert {"stock.moved", "reservation.active", "reservation.committed"} <= {e["type"] for e in events}

    asyncio.run(go())


def test_an_article_in_all_stores_by_distance(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        for store, place in (("far", (48.1, 11.6)), ("near", (52.5, 13.4)), ("unknown", (None, None))):
            about = {"name": store, "latitude": place[0], "longitude": place[1]}
            await office.put(f"/stores/{store}", about)
        await office.put("/stores/closed", {"name": "closed", "active": False})
        await bring(office, "4", store="far")
        found = (await office.get("/stock/mug/stores?lat=52.52&lon=13.40"))["stores"]
        assert [(one["store"], one["available"]) for one in found] == [
            ("near", "0"),
            ("far", "4"),
            ("unknown", "0"),
        ]
        assert 2_000 < found[0]["distance_m"] < 3_000
        assert found[2]["distance_m"] is None
        assert found == (await office.get("/stock/stores?sku=mug&lat=52.52&lon=13.40"))["stores"]

    asyncio.run(go())


def test_a_transfer_is_on_its_way_and_what_differs_is_a_task(rig: Rig) -> None:
    async def go() -> None:
        here, there = Channel(rig, "staff", "demo"), Channel(rig, "staff", "b")
        office = Channel(rig)
        await bring(office, "10", store="b")
        asked = {"store": "demo", "source": "b", "lines": [{"sku": "mug", "qty": "5"}]}
        sent = await here.post("/stock/transfers", asked)
        path = f"/stock/transfers/{sent['shipment_id']}"
        assert (await here.ask("POST", f"{path}/ship", {})).status_code == 403
        early = await here.ask("POST", f"{path}/receive", {})
        assert early.status_code == 409
        assert (await there.post(f"{path}/ship", {}))["state"] == "shipped"
        assert [await on_hand(office, "b"), await on_hand(office, "demo", location="transit")] == ["5", "5"]
        part = await here.post(f"{path}/receive", {"lines": [{"sku": "mug", "qty": "2"}], "more": True})
        assert part["state"] == "shipped"
        assert [await on_hand(office), await on_hand(office, location="transit")] == ["2", "3"]
        done = await here.post(f"{path}/receive", {"lines": [{"sku": "mug", "qty": "2"}]})
        assert (done["state"], done["differs"]) == ("received", True)
        assert [await on_hand(office), await on_hand(office, location="transit")] == ["4", "0"]
        assert await open_tasks(office) == ["shipment-difference"]
        assert (await here.ask("POST", f"{path}/receive", {})).status_code == 409
        stranger = Channel(rig, "staff", "c")
        assert (await stranger.ask("POST", f"{path}/receive", {})).status_code == 404

    asyncio.run(go())


def test_a_delivery_is_received_against_its_number_or_blind(rig: Rig) -> None:
    async def go() -> None:
        office, till = Channel(rig), Channel(rig, store="demo", till="1")
        announced = {
            "store": "demo",
            "number": "B-7",
            "supplier": "Werk",
            "lines": [{"sku": "mug", "qty": "6"}],
        }
        sent = await office.post("/stock/deliveries", announced)
        found = await till.get("/stock/deliveries?store=demo&number=B-7&state=shipped")
        assert [one["shipment_id"] for one in found["shipments"]] == [sent["shipment_id"]]
        came = {"store": "demo", "number": "B-7", "received": True, "lines": [{"sku": "mug", "qty": "5"}]}
        met = await till.post("/stock/deliveries", came, key="once")
        assert (met["shipment_id"], met["state"], met["differs"]) == (sent["shipment_id"], "received", True)
        assert await till.post("/stock/deliveries", came, key="once") == met
        assert await on_hand(office) == "5"
        blind = await till.post("/stock/deliveries", {**came, "number": ""})
        assert (blind["differs"], await on_hand(office)) == (False, "10")
        assert await open_tasks(office) == ["shipment-difference"]

    asyncio.run(go())


def test_a_count_is_blind_and_late_sales_do_not_count_twice(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        start = rig.clock.wall_ms()
        await bring(office, "10", occurred_ms=start - 1000)
        count = await office.post(
            "/stock/counts", {"store": "demo", "name": "Regal 3", "skus": ["mug", "cup"]}
        )
        path = f"/stock/counts/{count['count_id']}"
        counted = {"lines": [{"sku": "mug", "qty": "7", "counted_ms": start}]}
        said = await office.post(f"{path}/lines", counted)
        assert (said["articles"], said["variances"]) == (1, None)
        rig.clock.ms += 1000
        sold = {"store": "demo", "sku": "mug", "qty": "-1", "type": "adjustment", "reason": "verkauft"}
        await office.post("/stock/movements", {**sold, "occurred_ms": start + 500})
        done = await office.post(f"{path}/close", {"missing": "none"})
        assert [(v["sku"], v["expected"], v["variance"]) for v in done["variances"]] == [
            ("cup", "0", "0"),
            ("mug", "10", "-3"),
        ]
        assert (done["state"], await on_hand(office)) == ("closed", "6")
        await office.post("/stock/movements", {**sold, "occurred_ms": start - 500})
        assert await on_hand(office) == "6"
        assert (await office.ask("POST", f"{path}/lines", counted)).status_code == 409

    asyncio.run(go())


def test_a_large_difference_is_approved_by_somebody_or_rejected(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        whole = {
            "store": "demo", "approve_over": 2, "closes": True,
            "lines": [{"sku": "mug", "qty": "1"}, {"sku": "mug", "qty": "2"}],
        }  # fmt: skip
        first = await office.post("/stock/counts", whole)
        assert (first["state"], await on_hand(office), await open_tasks(office)) == (
            "review",
            "0",
            ["count-approve"],
        )
        await office.post(f"/stock/counts/{first['count_id']}/reject", {})
        assert (await on_hand(office), await open_tasks(office)) == ("0", [])
        second = await office.post("/stock/counts", whole)
        rig.clock.ms += 5
        approved = await office.post(f"/stock/counts/{second['count_id']}/approve", {"operator": "berta"})
        assert (approved["state"], await on_hand(office), await open_tasks(office)) == ("closed", "3", [])

    asyncio.run(go())


def test_counts_come_in_by_line_and_levels_go_out(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        now = rig.clock.wall_ms()
        text = (
            "store;sku;qty;counted_ms;safety\n"
            f"demo;mug;4;{now};1\ndemo;cup;nonsense;{now};\ndemo;bowl;2;;\ndemo;jug;3\ndemo;tin;;;2\n"
        )

        async def send(body: str, kind: str) -> Any:
            headers = {"Content-Type": kind}
            answer = await office._line.request(
                "PUT", "/v1/stock/import", content=body.encode(), headers=headers
            )
            return answer.json()

        found = await send(text, "text/csv")
        assert (found["taken"], [one["line"] for one in found["errors"]]) == (2, [3, 4, 5])
        assert (await send(text, "text/csv"))["taken"] == 2
        lines = f'{{"store":"demo","sku":"bowl","qty":"2","counted_ms":{now}}}\nnonsense\n'
        found = await send(lines, "application/x-ndjson")
        assert (found["taken"], [one["line"] for one in found["errors"]]) == (1, [2])
        out = await office.get("/stock/export?store=demo&format=csv&limit=2")
        rest = await office.get(f"/stock/export?store=demo&format=csv&cursor={out['next']}")
        assert (out["text"] + rest["text"]).splitlines() == [
            "store,sku,location,on_hand,reserved,available,counted_ms",
            f"demo,bowl,store,2,0,2,{now}",
            f"demo,mug,store,4,0,3,{now}",
            "demo,tin,store,0,0,0,",
        ]

    asyncio.run(go())
