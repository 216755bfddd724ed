"""Orders at the hub: placed, worked on, handed over; each step once, and each conflict said once."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.order_facts import RefusedLine
from sync.hub.database import transact
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.kit.work import read_events
from sync.hub.shop.orders import core, moves
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.messages import (
    ClaimCode,
    Extend,
    Label,
    Order,
    Payment,
    Pick,
    Picked,
    PlaceLine,
    Ready,
    Reason,
    Released,
    Ship,
    Short,
)
from sync.hub.shop.returns import refunds
from sync.hub.shop.returns.messages import Refunded, RefundRefused
from sync.hub.shop.returns.tables import return_refund
from sync.hub.shop.rooms import TICKS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import TILL, Channel, do
from tests.contract.shop.orders_kit import (
    LINES,
    claimed,
    hand_over,
    heard,
    made_ready,
    on_hand,
    picked,
    placed,
    seen,
    step,
    stocked,
)

DAY_MS = 24 * 3600 * 1000
OTHER = Actor("till", "demo/2", "till", "demo")


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def refused(call: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*args, **named)
    return caught.value.code


def open_tasks(rig: Rig, store: str = "demo") -> list[tuple[str, Any]]:
    async def go() -> list[tuple[str, Any]]:
        found = (await Channel(rig).get(f"/stores/{store}/tasks"))["tasks"]
        return [(task["kind"], task["data"]) for task in found]

    return asyncio.run(go())


def events(rig: Rig) -> list[str]:
    with rig.engine.connect() as connection:
        return [event.type for event in read_events(connection, "demo", 0, 1_000)]


def test_an_order_goes_its_way_over_the_api_and_closes_with_the_fact(rig: Rig) -> None:
    stocked(rig)

    async def go() -> None:
        web, till = Channel(rig, "connector"), Channel(rig, till="1", store="demo")
        body = {
            "kind": "click_and_collect",
            "store": "demo",
            "lines": [msgspec.to_builtins(x) for x in LINES],
        }
        made = await web.post("/orders", body, key="a")
        again = await web.post("/orders", body, key="a")
        assert made == again
        order, path = made["order"], f"/orders/{made['order']['order_id']}"
        assert (order["number"], order["state"], order["rest_minor"]) == (1, "placed", 1577)
        assert (await till.get("/stores/demo/fulfillments"))["rows"] == []  # nobody picks what is not paid
        paid = {"payment": {"amount_minor": 1577, "provider": "psp", "reference": "p-1"}}
        assert (await web.post(f"{path}/payments", paid))["state"] == "confirmed"
        assert (await web.post(f"{path}/payments", paid))["paid_minor"] == 1577  # the same money once
        (row,) = (await till.get("/stores/demo/fulfillments"))["rows"]
        assert (row["state"], row["pieces"], row["rest_minor"]) == ("new", "3", 0)
        work = f"/stores/demo/fulfillments/{row['fulfillment_id']}"
        await till.post(f"{work}/accept", {})
        await till.post(f"{work}/pick", {"lines": [{"n": 1, "qty": "2"}]})
        early = await till.ask("POST", f"{work}/ready", {"shelf": "B2"})
        assert (early.status_code, early.json()["type"]) == (409, "urn:tresen:problem:not-picked")
        await till.post(f"{work}/pick", {"lines": [{"n": 2, "qty": "1"}]})
        assert (await till.post(f"{work}/ready", {"shelf": "B2"}))["fulfillments"][0]["shelf"] == "B2"
        assert (await till.ask("POST", f"{work}/accept", {})).json()["type"].endswith(":state")
        held = await till.post("/stores/demo/pickups", {"code": order["code"].lower()})
        assert held["fulfillments"][0]["claim"]["till"] == "demo/1"
        assert held["lines"][0]["fulfilled"] == "2"

    asyncio.run(go())


def test_who_has_no_secret_and_who_is_of_another_store_sees_no_order(rig: Rig) -> None:
    order = placed(rig)

    async def go() -> None:
        shop, other = Channel(rig, "storefront"), Channel(rig, "staff", "elsewhere")
        path = f"/orders/{order.order_id}"
        assert (await shop.ask("GET", path)).status_code == 404
        assert (await other.ask("GET", path)).status_code == 404
        assert (await shop.ask("GET", "/orders")).status_code == 403
        assert (await shop.ask("POST", f"{path}/cancel", {})).status_code == 404
        assert (await other.ask("GET", "/stores/demo/fulfillments")).status_code == 403
        free = {
            "kind": "reserve_and_collect",
            "store": "demo",
            "lines": [{"sku": "S6", "qty": "1", "pay_minor": 1}],
        }
        answer = await shop.ask("POST", "/orders", free)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:tresen:problem:price")

    asyncio.run(go())


def test_an_order_is_found_by_the_number_of_its_channel(rig: Rig) -> None:
    first, second = placed(rig, external="WEB-77"), placed(rig, external="2")
    twice = [placed(rig, external="WEB-78") for _ in range(2)]
    till = Actor("till", "demo/1", "till", "demo")

    def named(said: str) -> str:
        ask = moves.ClaimAsk("demo", ClaimCode(said, peek=True))
        return str(do(rig, moves.claim, ask, till).order_id)

    assert named("WEB-77") == first.order_id
    assert named(" WEB-77 ") == first.order_id
    assert (
        refused(do, rig, moves.claim, moves.ClaimAsk("demo", ClaimCode("WEB-78", peek=True)), till)
        == "several"
    )
    assert (
        refused(do, rig, moves.claim, moves.ClaimAsk("demo", ClaimCode("WEB-7", peek=True)), till)
        == "not-found"
    )
    assert named("1") == first.order_id
    assert named("2") == second.order_id  # its own number, and its channel's
    third = placed(rig, external="1")
    assert refused(do, rig, moves.claim, moves.ClaimAsk("demo", ClaimCode("1", peek=True)), till) == "several"
    assert named(third.code) == third.order_id

    async def go() -> None:
        web = Channel(rig, "connector")
        rows = (await web.get("/orders?external=WEB-78"))["orders"]
        assert [row["order_id"] for row in rows] == [one.order_id for one in reversed(twice)]
        assert (await web.get("/orders?external=WEB"))["orders"] == []

    asyncio.run(go())


@pytest.mark.parametrize("qty", ["NaN", "0", "-1", "1e9", "0.0001", "Infinity"])
def test_a_quantity_that_is_none_is_refused(rig: Rig, qty: str) -> None:
    assert refused(placed, rig, lines=(PlaceLine("S1", Decimal(qty), 100),)) == "quantity"


def test_never_more_is_picked_than_is_wanted(rig: Rig) -> None:
    order = placed(rig)
    assert refused(step, rig, moves.pick, order, Pick((Picked(1, Decimal(3)),))) == "too-much"
    assert refused(step, rig, moves.pick, order, Pick((Picked(1, Decimal(-1)),))) == "too-much"
    assert refused(step, rig, moves.pick, order, Pick((Picked(9, Decimal(1)),))) == "line"
    step(rig, moves.pick, order, Pick((Picked(1, Decimal(2)),)))
    assert step(rig, moves.pick, order, Pick((Picked(1, Decimal(-1)),))).lines[0].fulfilled == 1


def test_what_is_missing_is_left_out_follows_later_or_is_replaced(rig: Rig) -> None:
    order = placed(rig)
    part = step(rig, moves.short, order, Short(1, Decimal(1)))
    assert (part.value_minor, part.lines[0].written_off, part.fulfillments[0].state) == (
        1438,
        1,
        "short_picked",
    )
    instead = PlaceLine("S9", Decimal(1), 1500, "Bier", tax="A", min_age=16)
    swapped = step(rig, moves.short, part, Short(2, Decimal(1), "substitute", instead))
    assert [(line.sku, line.pay_minor, line.for_n, line.min_age) for line in swapped.lines[2:]] == [
        ("S9", 1299, 2, 16)
    ]
    assert swapped.value_minor == 1438
    done = made_ready(rig, swapped)
    assert done.fulfillments[0].state == "ready"

    later = step(rig, moves.short, placed(rig), Short(1, Decimal(1), "backorder"))
    assert [(task.state, task.lines[0].qty) for task in later.fulfillments] == [
        ("short_picked", 2),
        ("new", 1),
    ]
    assert later.value_minor == 1577

    nothing = placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p-2"),))
    step(rig, moves.short, nothing, Short(1, Decimal(2)))
    ended = step(rig, moves.short, nothing, Short(2, Decimal(1)))
    assert (ended.state, ended.rest_minor) == ("cancelled", -1577)
    assert [data["amount_minor"] for kind, data in open_tasks(rig) if kind == "refund"] == [1577]


def test_a_store_that_cannot_hands_the_work_to_another_one(rig: Rig) -> None:
    stocked(rig, "b")
    order = placed(rig, kind="ship_from_store", payments=(Payment(1577, "psp", "p"),))
    moved = step(rig, moves.reject, order, Reason("closed", "b"))
    assert [(task.store, task.state) for task in moved.fulfillments] == [("demo", "rejected"), ("b", "new")]
    there = Actor("till", "b/1", "till", "b")
    fid = moved.fulfillments[1].fulfillment_id
    do(rig, moves.pick, moves.Step("b", fid, Pick((Picked(1, Decimal(2)), Picked(2, Decimal(1))))), there)
    do(rig, moves.ready, moves.Step("b", fid, Ready()), there)
    assert refused(do, rig, moves.ship, moves.Step("b", fid, Ship()), there) == "label"
    sent: Any = do(
        rig, moves.ship, moves.Step("b", fid, Ship(Label("dhl", "00340", "https://dhl.example/00340"))), there
    )
    assert (sent.state, [line.delivered for line in sent.lines]) == ("closed", [2, 1])
    assert (on_hand(rig, "S1"), on_hand(rig, "S1", "b")) == ((1_000, 0), (998, 0))
    step(rig, moves.reject, placed(rig), Reason("closed"))
    assert [kind for kind, _ in open_tasks(rig)] == ["re-route"]


def test_a_cancelled_order_goes_back_to_its_shelf_and_its_money_back(rig: Rig) -> None:
    order = picked(rig, placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p"),)))
    ended = do(rig, core.cancel, core.CancelAsk(order.order_id, "changed-mind"))
    assert (ended.state, ended.fulfillments[0].state) == ("cancelled", "cancelled")
    assert sorted(kind for kind, _ in open_tasks(rig)) == ["put-back", "refund"]
    assert refused(do, rig, core.cancel, core.CancelAsk(order.order_id)) == "order-ended"
    assert on_hand(rig, "S1") == (1_000, 0)


def test_of_what_is_not_there_nothing_is_ordered(rig: Rig) -> None:
    placed(rig)
    assert refused(placed, rig, lines=(PlaceLine("S1", Decimal(999), 100),)) == "not-available"
    made = placed(
        rig, kind="in_store", purpose="alteration", lines=(PlaceLine("HEM", Decimal(1), 900, reserve=False),)
    )
    assert made.fulfillments[0].lines[0].reservation == ""


def test_a_claim_holds_off_all_others_until_its_lease_is_over(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    first = claimed(rig, order)
    assert claimed(rig, order).fulfillments[0].claim == first.fulfillments[0].claim  # the same till again
    assert refused(claimed, rig, order, "2") == "claimed"
    assert refused(do, rig, core.cancel, core.CancelAsk(order.order_id)) == "claimed"
    assert refused(step, rig, moves.extend, order, Extend(2)) == "claimed"
    rig.clock.ms += moves.LEASE_MS + 1
    second = claimed(rig, order, "2").fulfillments[0].claim
    assert second is not None
    assert (second.till, second.n) == ("demo/2", 2)
    step(rig, moves.release, order, Released(1))  # an old claim gives up nothing
    assert refused(claimed, rig, order) == "claimed"
    step(rig, moves.release, order, Released(2), actor=OTHER)
    assert claimed(rig, order).fulfillments[0].claim is not None


def test_what_is_not_ready_is_not_handed_over_and_the_answer_says_why(rig: Rig) -> None:
    order = placed(rig)
    assert refused(claimed, rig, order) == "pickup-new"
    assert refused(do, rig, moves.claim, moves.ClaimAsk("demo", ClaimCode("999"))) == "not-found"
    ready = made_ready(rig, order)
    heard(rig, hand_over(ready))
    assert refused(claimed, rig, order) == "pickup-handed-over"
    assert (
        do(rig, moves.claim, moves.ClaimAsk("demo", ClaimCode(str(order.number), peek=True)), TILL).state
        == "closed"
    )


def test_of_many_tills_that_want_one_hand_over_one_gets_it(rig: Rig) -> None:
    tills = [Actor("till", f"demo/{n}", "till", "demo") for n in range(1, 5)]
    with ThreadPoolExecutor(len(tills)) as pool:
        for _ in range(10):
            order = made_ready(rig, placed(rig))

            def go(till: Actor, code: str = order.code) -> str:
                try:
                    do(rig, moves.claim, moves.ClaimAsk("demo", ClaimCode(code)), till)
                except RefusedError as refusal:
                    return refusal.code
                return "won"

            assert sorted(pool.map(go, tills)) == ["claimed"] * 3 + ["won"]


def test_a_hand_over_closes_the_order_and_the_same_fact_again_does_nothing(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    assert on_hand(rig, "S1") == (1_000, 2)
    fact = hand_over(order, paid_minor=1577, receipt=17)
    heard(rig, fact)
    heard(rig, fact)
    closed = seen(rig, order)
    assert (closed.state, closed.rest_minor, closed.fulfillments[0].state) == ("closed", 0, "handed_over")
    assert [line.delivered for line in closed.lines] == [2, 1]
    assert open_tasks(rig) == []
    assert on_hand(rig, "S1") == (1_000, 0)  # the receipt's lines move it
    order = made_ready(rig, placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p"),)))
    heard(rig, hand_over(order), seq=2)
    heard(rig, hand_over(order), seq=2)
    assert on_hand(rig, "S1") == (998, 0)


def test_part_of_it_waits_on_and_what_is_refused_goes_back(rig: Rig) -> None:
    order = made_ready(rig, placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p"),)))
    heard(rig, hand_over(order, (1, 1)))
    waiting = seen(rig, order)
    assert (waiting.state, waiting.fulfillments[0].state, waiting.lines[0].delivered) == (
        "confirmed",
        "ready",
        1,
    )
    rest = hand_over(order, (1, 1), at_ms=2_000, refused=(RefusedLine(2, Decimal(1), "damaged"),))
    heard(rig, rest, seq=2)
    closed = seen(rig, order)
    assert (closed.state, closed.lines[1].written_off, closed.rest_minor) == ("closed", 1, -1299)
    assert sorted(kind for kind, _ in open_tasks(rig)) == ["damaged", "refund"]


def test_two_hand_overs_of_one_order_stay_and_are_said_once_in_whatever_order_they_are_heard(
    rig: Rig,
) -> None:
    def rows(order: Order) -> Any:
        c = t.order_hand_over.c
        with rig.engine.connect() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    sa.select(c.place, c.main).where(c.order_id == order.order_id).order_by(c.place)
                )
            ]

    seen_rows = []
    for backwards in (False, True):
        order = made_ready(rig, placed(rig))
        facts = [(hand_over(order, at_ms=5_000), "1"), (hand_over(order, at_ms=4_000, alone=True), "2")]
        for fact, till in facts[::-1] if backwards else facts:
            heard(rig, fact, till)
            heard(rig, fact, till)
        seen_rows.append(rows(order))
        assert seen(rig, order).lines[0].delivered == 2
    assert seen_rows == [[("demo/1/1/1", 0), ("demo/2/1/1", 1)]] * 2
    doubles = [data for kind, data in open_tasks(rig) if kind == "double-hand-over"]
    assert [data["value_minor"] for data in doubles] == [1577, 1577]


def test_a_hand_over_of_what_nobody_knows_is_kept_as_a_task(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    heard(rig, hand_over(order, order_id="nothing"))
    assert [kind for kind, _ in open_tasks(rig)] == ["unknown-order"]


def test_customers_are_reminded_twice_and_what_is_not_collected_ends_once(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))

    def look() -> int:
        """What two hubs over one database say when their clocks ring at once."""

        def rung(_: int) -> None:
            for one in TICKS:
                while transact(rig.engine, tick, one, rig.clock.wall_ms(), rig.hub.ids):
                    pass

        before = len(events(rig))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(rung, range(2)))
        return sum(kind in {"order.reminder", "order.expired"} for kind in events(rig)[before:])

    ready_ms, deadline_ms = order.fulfillments[0].ready_ms, order.fulfillments[0].deadline_ms
    assert deadline_ms - ready_ms > 3 * DAY_MS
    assert look() == 0
    for percent in (50, 80):
        rig.clock.ms += ready_ms + (deadline_ms - ready_ms) * percent // 100 - rig.clock.wall_ms()
        assert (look(), look()) == (1, 0)
    held = claimed(rig, order)
    rig.clock.ms += deadline_ms - rig.clock.wall_ms() - 1
    held = claimed(rig, order)
    rig.clock.ms += 2
    assert look() == 0  # somebody stands at the counter
    claim = held.fulfillments[0].claim
    assert claim is not None
    rig.clock.ms += moves.LEASE_MS
    assert (look(), look()) == (1, 0)
    ended = seen(rig, order)
    assert (ended.state, ended.fulfillments[0].state) == ("cancelled", "expired")
    assert [kind for kind, _ in open_tasks(rig)] == ["put-back"]
    heard(rig, hand_over(order))  # it was handed over nevertheless
    assert (seen(rig, order).state, [kind for kind, _ in open_tasks(rig)]) == ("closed", ["handed-over-late"])


def test_a_part_that_left_in_time_and_is_told_again_after_the_end_is_not_late(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    fact = hand_over(order, (2, 1))
    heard(rig, fact)
    rig.clock.ms += order.fulfillments[0].deadline_ms - rig.clock.wall_ms() + 1
    rung(rig)
    ended = seen(rig, order)
    assert ended.fulfillments[0].state == "expired"
    tasks = open_tasks(rig)
    heard(rig, fact)
    assert (seen(rig, order), open_tasks(rig)) == (ended, tasks)
    assert "handed-over-late" not in dict(tasks)


def test_an_order_that_is_kept_longer_ends_later(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    longer = step(rig, moves.extend, order, Extend(4))
    assert longer.fulfillments[0].deadline_ms >= order.fulfillments[0].deadline_ms + 4 * DAY_MS - 3_600_000
    assert longer.terms > order.terms


def paid_by_service(rig: Rig, *, listens: bool = True) -> Order:
    """Paid online; a connector hears what happens."""
    if listens:
        webhooks = {"url": "https://connector.example/hook", "types": ["refund.*"]}
        asyncio.run(Channel(rig).post("/webhooks", webhooks))
    order: Order = placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p"),))
    return order


def refunds_of(rig: Rig, order: Order) -> list[tuple[str, int, str, int]]:
    c = return_refund.c
    with rig.engine.connect() as connection:
        query = sa.select(c.refund_id, c.amount_minor, c.state, c.asked).where(c.order_id == order.order_id)
        return [tuple(row) for row in connection.execute(query.order_by(c.refund_id))]


def rung(rig: Rig) -> None:
    for one in TICKS:
        while transact(rig.engine, tick, one, rig.clock.wall_ms(), rig.hub.ids):
            pass


def test_money_paid_online_is_asked_back_of_the_service_and_a_person_only_when_it_stays_silent(
    rig: Rig,
) -> None:
    order = paid_by_service(rig)
    do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"))
    assert [row[1:] for row in refunds_of(rig, order)] == [(1577, "refund-started", 1)]
    assert open_tasks(rig) == []
    for asked, hours in ((2, 1), (3, 6)):
        rig.clock.ms += hours * 3_600_000
        rung(rig)
        rung(rig)
        assert refunds_of(rig, order)[0][3] == asked
        assert open_tasks(rig) == []
    assert events(rig).count("refund.requested") == 3
    rig.clock.ms += 17 * 3_600_000
    rung(rig)
    assert [(kind, data["why"], data["amount_minor"]) for kind, data in open_tasks(rig)] == [
        ("refund", "silent", 1577)
    ]
    name = refunds_of(rig, order)[0][0]
    do(rig, refunds.refunded, refunds.RefundedAsk(name, Refunded("re-1", 1577)))
    do(rig, refunds.refunded, refunds.RefundedAsk(name, Refunded("re-1", 1577)))
    assert ([row[2] for row in refunds_of(rig, order)], open_tasks(rig)) == (["refunded"], [])
    rig.clock.ms += 100 * 3_600_000
    rung(rig)
    assert events(rig).count("refund.requested") == 3


def test_a_service_that_refuses_or_is_not_there_leaves_it_to_a_person(rig: Rig) -> None:
    unheard = paid_by_service(rig, listens=False)
    do(rig, core.cancel, core.CancelAsk(unheard.order_id))
    assert [kind for kind, _ in open_tasks(rig)] == ["refund"]
    order = paid_by_service(rig)
    do(rig, core.cancel, core.CancelAsk(order.order_id))
    name = refunds_of(rig, order)[0][0]
    asked = asyncio.run(Channel(rig).post(f"/returns/{name}/refund-refused", {"reason": "card-closed"}))
    assert asked["state"] == "refund-refused"
    assert sorted(data.get("why", "") for _, data in open_tasks(rig)) == ["", "card-closed"]
    rig.clock.ms += 100 * 3_600_000
    rung(rig)
    assert refunds_of(rig, order)[0][2:] == ("refund-refused", 1)
    assert refused(do, rig, refunds.refused, refunds.RefusedAsk(name, RefundRefused()), TILL) == "forbidden"
    do(rig, refunds.refunded, refunds.RefundedAsk(name, Refunded("re-2", 1577)))
    assert [data["order_id"] for _, data in open_tasks(rig)] == [unheard.order_id]


def test_what_is_collected_after_all_is_not_refunded_and_what_was_refunded_before_is_said(rig: Rig) -> None:
    for done in (False, True):
        order = made_ready(rig, paid_by_service(rig, listens=not done))
        rig.clock.ms += order.fulfillments[0].deadline_ms - rig.clock.wall_ms() + 1
        rung(rig)
        name = refunds_of(rig, order)[0][0]
        if done:
            do(rig, refunds.refunded, refunds.RefundedAsk(name, Refunded("re-3", 1577)))
        heard(rig, hand_over(order, at_ms=rig.clock.wall_ms()), seq=5 + done)
        assert [row[2] for row in refunds_of(rig, order)] == ["refunded" if done else "cancelled"]
        kinds = [kind for kind, _ in open_tasks(rig)]
        assert ("refunded-and-voided" in kinds) is done
        if not done:  # the service did it all the same
            do(rig, refunds.refunded, refunds.RefundedAsk(name, Refunded("re-4", 1577)))
            assert "refunded-and-voided" in [kind for kind, _ in open_tasks(rig)]
            for key in (name,):
                do(
                    rig,
                    lambda work, one: todo.settle(work, "demo", "refunded-and-voided", one, "office"),
                    key,
                )


def test_a_refused_part_of_an_order_is_refunded_by_the_service_and_what_came_by_the_till_is_not(
    rig: Rig,
) -> None:
    order = made_ready(rig, paid_by_service(rig))
    heard(rig, hand_over(order, (1, 2), refused=(RefusedLine(2, Decimal(1), "unwanted"),)))
    assert [row[1:3] for row in refunds_of(rig, order)] == [(1299, "refund-started")]
    counter = placed(
        rig,
        kind="click_and_collect",
        payments=(Payment(577, "psp", "q"), Payment(1000, "till", "demo/1-1-9")),
    )
    do(rig, core.cancel, core.CancelAsk(counter.order_id))
    assert [row[1] for row in refunds_of(rig, counter)] == [577]
    assert [data["amount_minor"] for kind, data in open_tasks(rig) if kind == "order-refund"] == [1000]
