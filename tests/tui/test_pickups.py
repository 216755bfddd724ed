"""Orders at the till, with a real hub behind it: listed, picked, handed over, also when the line fails in the middle."""

import asyncio
import datetime as dt
import re
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.order_facts import OrderHandedOver
from pos.till.orders.desk import OrderDesk
from sync.hub.database import transact
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.orders import core, moves, tokens
from sync.hub.shop.orders.messages import ClaimCode, Payment, Short
from sync.hub.shop.orders.watch import ring_due
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do
from tests.contract.shop.orders_kit import hand_over, heard, made_ready, on_hand, placed, seen, step
from tests.tui.fakes import MILK, PIN, SHIRT, YOGHURT, Shop, opened, run
from tests.tui.shop_rig import HubBehind, tell_orders

OTHER = Actor("till", "s/9", "till", "s")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    yield rig
    rig.close()


def at_till(rig: Rig, story: Any) -> Shop:
    line = HubBehind(rig, "3", "s")
    shop = Shop(shop=line)
    shop.clock.time = dt.datetime.fromtimestamp(rig.clock.wall_ms() / 1000, dt.UTC)

    async def go() -> None:
        await shop.open()
        found: Coroutine[Any, Any, None] = story(shop, line)
        await found

    asyncio.run(go())
    return shop


async def do_it(shop: Shop, *commands: c.Command) -> str:
    for command in commands:
        await shop.till.handle(command)
    view = shop.till.view
    return view.message.code if view.message is not None else ""


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


def ready(rig: Rig, *, paid: bool = False, external: str = "") -> Any:
    payments = (Payment(1577, "psp", "p-1"),) if paid else ()
    kind = "click_and_collect" if paid else "reserve_and_collect"
    return made_ready(rig, placed(rig, store="s", kind=kind, payments=payments, external=external))


def bag(order: Any) -> c.Scan:
    return c.Scan(own_code(ScanKind.PICKUP, f"Z{order.number}"))


def code(order: Any) -> c.Scan:
    return c.Scan(own_code(ScanKind.PICKUP, order.code))


def token(rig: Rig, order: Any) -> c.Scan:
    return c.Scan(do(rig, tokens.pickup_code, tokens.PickupAsk(order.order_id, "", rig.hub.key)).token)


def handed(shop: Shop) -> list[OrderHandedOver]:
    return [fact for fact in shop.journal.facts if isinstance(fact, OrderHandedOver)]


def test_what_is_paid_goes_out_with_two_scans_and_one_key(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, code(order), bag(order), c.Answer("")) == "pickup-done"

    shop = at_till(rig, story)
    (fact,) = handed(shop)
    assert (fact.receipt, fact.value_minor, fact.claim, fact.proof) == (0, 1577, 1, "code")
    assert shop.journal.sales == []
    tell_orders(rig, shop, OrderHandedOver)
    assert (seen(rig, order).state, seen(rig, order).rest_minor) == ("closed", 0)


def test_the_number_of_its_channel_names_an_order_and_proves_nothing(rig: Rig) -> None:
    order = ready(rig, paid=True, external="WEB-77")

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, c.Do("pickups"), c.Scan("WEB-77"), bag(order), c.Answer("")) == "pickup-done"

    (fact,) = handed(at_till(rig, story))
    assert (fact.order_id, fact.proof) == (order.order_id, "known")


def test_a_code_that_is_typed_where_articles_are_searched_begins_the_hand_over(rig: Rig) -> None:
    order = ready(rig, paid=True)
    while not re.search("[2-9]", order.code):
        order = ready(rig, paid=True)

    async def story(shop: Shop, line: HubBehind) -> None:
        typed = c.Search(order.code.lower())
        assert await do_it(shop, typed, bag(order), c.Answer("")) == "pickup-done"
        assert await do_it(shop, c.Search("7KQ2ABC"), c.Tick()) == "search-nothing"
        line.asked.clear()
        for no_code in ("HOGRATH", "HARTKSE", "SHIRT42X", "1KQ2ABC"):
            assert await do_it(shop, c.Search(no_code)) == "search-nothing"
        assert line.asked == []
        line.fail("before")
        assert await do_it(shop, c.Search("7KQ2ABC"), c.Tick()) == "pickup-silent"

    assert [fact.order_id for fact in handed(at_till(rig, story))] == [order.order_id]


def test_a_number_that_fits_two_orders_hands_out_neither(rig: Rig) -> None:
    order = ready(rig, paid=True)
    ready(rig, paid=True, external=str(order.number))

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, c.Do("pickups", str(order.number))) == "pickup-several"
        assert await do_it(shop, code(order), bag(order), c.Answer("")) == "pickup-done"

    assert [fact.order_id for fact in handed(at_till(rig, story))] == [order.order_id]


def test_what_is_to_be_paid_is_one_sale_with_the_hand_over(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, code(order), bag(order)) == "pickup-to-pay"
        await do_it(shop, c.Scan(YOGHURT), c.PayCash(5000))

    shop = at_till(rig, story)
    (fact,), (sale,) = handed(shop), shop.journal.sales
    assert (sale.total_minor, fact.paid_minor, fact.receipt) == (1577 + 59, 1577, sale.number)
    assert [ref.external for ref in sale.references] == [order.order_id]
    assert shop.journal.facts.index(fact) < shop.journal.facts.index(sale)
    tell_orders(rig, shop, OrderHandedOver)
    assert (seen(rig, order).state, seen(rig, order).rest_minor) == ("closed", 0)


def test_a_line_that_is_taken_out_again_stays_in_the_store(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), bag(order), c.VoidLine(2), c.PayCash(None))

    shop = at_till(rig, story)
    assert [line.n for line in handed(shop)[0].lines] == [1]
    tell_orders(rig, shop, OrderHandedOver)
    assert seen(rig, order).fulfillments[0].state == "ready"


def test_what_the_customer_does_not_want_is_kept_and_paid_back_where_it_was_paid(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), c.Answer("2"), c.Choose(2), c.Choose(2))
        assert await do_it(shop, bag(order), c.Answer("")) == "pickup-done-back"
        assert shop.drawer.opened == 0

    shop = at_till(rig, story)
    assert [(one.n, one.reason) for one in handed(shop)[0].refused] == [(2, "damaged")]
    tell_orders(rig, shop, OrderHandedOver)
    assert (seen(rig, order).state, seen(rig, order).rest_minor) == ("closed", -1299)


def test_the_list_shows_what_waits_and_goods_are_picked_by_scanning(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"))
        assert asked(shop) == "pickups"
        await do_it(shop, c.Answer("1"), c.Scan(MILK), c.Scan(YOGHURT), c.Scan(MILK), c.Scan(SHIRT))
        assert asked(shop) == "pickup-shelf"
        await do_it(shop, c.Answer("B7"))

    shop = at_till(rig, story)
    task = seen(rig, order).fulfillments[0]
    assert (task.state, task.shelf, [line.picked for line in task.lines]) == ("ready", "B7", [2, 1])
    assert len(shop.printer.jobs) == 1


def test_what_is_missing_is_said_and_the_rest_goes_on(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"), c.Answer("1"), c.Choose(1), c.Choose(1))
        await do_it(shop, c.Scan(SHIRT), c.Answer("B7"))

    at_till(rig, story)
    assert (seen(rig, order).value_minor, seen(rig, order).fulfillments[0].state) == (1299, "ready")


def test_another_till_that_has_it_is_named_and_nothing_happens(rig: Rig) -> None:
    order = ready(rig)
    do(rig, moves.claim, moves.ClaimAsk("s", ClaimCode(order.code)), OTHER)

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, code(order)) == "pickup-claimed"

    assert handed(at_till(rig, story)) == []


def test_a_wrong_bag_an_expired_order_and_an_unknown_code_are_said(rig: Rig) -> None:
    order, other = ready(rig), ready(rig)
    gone = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        assert await do_it(shop, code(order), bag(other)) == "pickup-other-bag"
        await do_it(shop, c.Cancel())
        rig.clock.ms += 5 * 24 * 3600 * 1000
        while transact(rig.engine, tick, ring_due, rig.clock.wall_ms(), rig.hub.ids):
            pass
        assert await do_it(shop, code(gone)) == "pickup-expired"
        assert await do_it(shop, c.Do("pickups", "987654")) == "pickup-unknown"

    assert handed(at_till(rig, story)) == []


@pytest.mark.parametrize("cut", ["before", "after"])
def test_without_an_answer_nothing_goes_out_and_the_next_try_finds_the_claim(rig: Rig, cut: str) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, line: HubBehind) -> None:
        line.fail(cut)
        assert await do_it(shop, code(order)) == "pickup-silent"
        assert handed(shop) == []
        line.fail("")
        assert await do_it(shop, code(order), bag(order), c.Answer("")) == "pickup-done"

    shop = at_till(rig, story)
    tell_orders(rig, shop, OrderHandedOver)
    assert seen(rig, order).state == "closed"


def test_the_hub_may_go_after_the_claim_and_the_hand_over_ends_here(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, code(order))
        line.away = True
        assert await do_it(shop, bag(order), c.Answer("")) == "pickup-done"

    assert len(handed(at_till(rig, story))) == 1


def test_alone_only_the_hubs_own_word_and_a_second_person_let_it_go_and_twice_is_said_once(rig: Rig) -> None:
    order = ready(rig, paid=True)
    shown = token(rig, order)

    async def story(shop: Shop, line: HubBehind) -> None:
        line.away = True
        await do_it(shop, shown)
        assert handed(shop) == []
        await do_it(shop, c.Approve("Alex", PIN), bag(order), c.Answer(""))
        (fact,) = handed(shop)
        assert (fact.alone, fact.proof, fact.claim) == (True, "token", 0)
        assert [one.by for one in fact.approvals] == ["2"]
        assert await do_it(shop, shown) == "pickup-twice"

    first, second = at_till(rig, story), at_till(rig, story)
    tell_orders(rig, first, OrderHandedOver)
    tell_orders(rig, second, OrderHandedOver, "4")
    found = do(rig, lambda work, _: tasks.listing(work, "s", limit=9), None)
    assert [task.kind for task in found] == ["double-hand-over"]
    assert b'"value_minor":1577' in bytes(found[0].data)


def test_a_token_that_is_forged_or_too_old_opens_nothing(rig: Rig) -> None:
    order = ready(rig, paid=True)
    shown = token(rig, order).code
    forged = shown[:60] + ("A" if shown[60] != "A" else "B") + shown[61:]

    async def story(shop: Shop, line: HubBehind) -> None:
        line.away = True
        assert await do_it(shop, c.Scan(forged)) in {"pickup-token-false", "pickup-token-broken"}
        shop.clock.time = shop.clock.time.replace(year=2031)
        assert await do_it(shop, c.Scan(shown)) == "pickup-token-old"

    assert handed(at_till(rig, story)) == []


# -- claims that nobody needs any more


def state_of(rig: Rig, order: Any, at: int = 0) -> str:
    return str(seen(rig, order).fulfillments[at].state)


async def told(shop: Shop) -> None:
    """What is told in the background is told."""
    await shop.till.parts.orders.desk.rest()


def test_esc_at_the_counter_makes_the_order_anybodys_again(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order))
        assert state_of(rig, order) == "claimed"
        assert await do_it(shop, c.Cancel()) == "pickup-kept"
        await told(shop)
        assert state_of(rig, order) == "ready"

    at_till(rig, story)


@pytest.mark.parametrize("cut", ["", "after"])
def test_a_claim_of_before_a_crash_is_released_at_the_next_start(rig: Rig, cut: str) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, line: HubBehind) -> None:
        line.fail(cut)
        await do_it(shop, code(order))
        line.fail("")
        assert state_of(rig, order) == "claimed"
        after = OrderDesk(shop.till._desk, shop.till.parts.selling, shop.till.submit)
        after.let_go()
        await after.rest()
        assert state_of(rig, order) == "ready"

    at_till(rig, story)


def test_what_a_crash_left_handed_over_is_not_released(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, code(order))
        line.fail("before")
        await do_it(shop, bag(order), c.Answer(""))
        await told(shop)
        line.fail("")
        after = OrderDesk(shop.till._desk, shop.till.parts.selling, shop.till.submit)
        after.let_go()
        await after.rest()
        assert state_of(rig, order) == "claimed"
        assert await do_it(shop, code(order)) == "pickup-unheard"

    assert len(handed(at_till(rig, story))) == 1


def test_a_pick_whose_answer_was_lost_counts_once_also_after_a_restart(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"))
        line.fail("after")
        assert await do_it(shop, c.Scan(MILK)) == "pickup-pick-unheard"
        line.fail("")
        after = OrderDesk(shop.till._desk, shop.till.parts.selling, shop.till.submit)
        after.let_go()
        await after.rest()
        assert [line.picked for line in seen(rig, order).fulfillments[0].lines] == [1, 0]

    at_till(rig, story)


# -- paid in part


def part_prepaid(rig: Rig, minor: int) -> Any:
    return placed(rig, store="s", kind="reserve_and_collect", payments=(Payment(minor, "psp", "p-1"),))


def test_a_part_that_was_prepaid_counts_once_over_several_fulfillments(rig: Rig) -> None:
    order = part_prepaid(rig, 300)
    step(rig, moves.short, order, Short(2, Decimal(1), "backorder"))
    order = made_ready(rig, made_ready(rig, seen(rig, order), at=0), at=1)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), bag(order))
        await do_it(shop, c.PayCash(None))
        await told(shop)
        for fact in handed(shop):
            heard(rig, fact, "3", shop.journal.facts.index(fact) + 1, store="s")
        await do_it(shop, code(order), bag(order), c.PayCash(None))

    shop = at_till(rig, story)
    assert sum(fact.value_minor for fact in handed(shop)) == 1577
    assert sum(fact.paid_minor for fact in handed(shop)) == 1277
    tell_orders(rig, shop, OrderHandedOver)
    assert (seen(rig, order).state, seen(rig, order).rest_minor) == ("closed", 0)


def test_a_prepaid_order_in_the_sale_is_voided_and_parked_like_any_other(rig: Rig) -> None:
    order = made_ready(rig, part_prepaid(rig, 300))

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), bag(order), c.VoidLine(2))
        assert [tender.amount_minor for tender in shop.till.parts.selling.the_cart().tenders] == [278]
        await do_it(shop, c.VoidCart(), c.VoidCart())
        assert shop.till.view.lines == ()
        await told(shop)
        assert state_of(rig, order) == "ready"
        await do_it(shop, code(order), bag(order), c.ParkCart(""))
        await told(shop)
        assert state_of(rig, order) == "ready"
        await do_it(shop, c.ResumeParked(""), c.PayCash(None))

    shop = at_till(rig, story)
    (fact,), (sale,) = handed(shop), shop.journal.sales
    assert (fact.paid_minor, sale.total_minor, fact.claim) == (1277, 1577, 3)


def test_a_parked_order_that_went_out_elsewhere_is_not_paid_here(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), bag(order), c.ParkCart(""))
        await told(shop)
        there = hand_over(order)
        heard(rig, there, "9", 1, store="s")
        assert await do_it(shop, c.ResumeParked(""), c.PayCash(None)) == "pickup-gone"

    assert at_till(rig, story).journal.sales == []


# -- what is not as it was packed


def test_another_article_goes_at_the_price_that_was_ordered_and_the_old_one_stays(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), c.Answer("5"), c.Choose(2), c.Choose(2), c.Scan(YOGHURT))
        assert await do_it(shop, bag(order), c.Answer("")) == "pickup-done"

    shop = at_till(rig, story)
    (fact,) = handed(shop)
    assert [(one.n, one.value_minor, bool(one.replaces), one.reason) for one in fact.lines] == [
        (1, 278, False, ""),
        (2, 1299, True, "damaged"),
    ]
    tell_orders(rig, shop, OrderHandedOver)
    assert (seen(rig, order).state, seen(rig, order).rest_minor) == ("closed", 0)
    found = do(rig, lambda work, _: tasks.listing(work, "s", limit=9), None)
    assert [task.kind for task in found] == ["damaged"]


def test_another_article_in_a_sale_costs_what_was_ordered(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), c.Answer("5"), c.Choose(2), c.Choose(1), c.Scan(YOGHURT))
        await do_it(shop, bag(order), c.PayCash(None))

    shop = at_till(rig, story)
    (fact,), (sale,) = handed(shop), shop.journal.sales
    assert (sale.total_minor, fact.lines[1].replaces, fact.lines[1].value_minor) == (1577, "S6", 1299)


# -- on the real screen


def test_a_hand_over_is_two_scans_and_one_key_on_the_screen(rig: Rig) -> None:
    order = ready(rig, paid=True)
    shop = Shop(shop=HubBehind(rig, "3", "s"))
    shop.clock.time = dt.datetime.fromtimestamp(rig.clock.wall_ms() / 1000, dt.UTC)

    async def case() -> None:
        async with opened(shop) as screen:
            await screen.scan(code(order).code)
            await screen.scan(bag(order).code)
            assert screen.row("1  Ausgeben"), screen.text
            shop.clock.ms += 1_000  # a key held down answers nothing
            await screen.press("enter")
            assert screen.row(f"Bestellung {order.number} ist ausgegeben"), screen.text

    run(case)
    assert len(handed(shop)) == 1


def test_a_hand_over_that_is_paid_is_two_scans_and_one_key_on_the_screen(rig: Rig) -> None:
    order = ready(rig)
    shop = Shop(shop=HubBehind(rig, "3", "s"))
    shop.clock.time = dt.datetime.fromtimestamp(rig.clock.wall_ms() / 1000, dt.UTC)

    async def case() -> None:
        async with opened(shop) as screen:
            await screen.scan(code(order).code)
            await screen.scan(bag(order).code)
            await screen.press("f12")

    run(case)
    assert (len(handed(shop)), len(shop.journal.sales)) == (1, 1)


def test_a_reservation_that_expired_at_the_counter_takes_no_money_once_its_claim_is_old(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), bag(order))
        rig.clock.ms += 5 * 24 * 3600 * 1000
        shop.clock.ms += 3600 * 1000
        while transact(rig.engine, tick, ring_due, rig.clock.wall_ms(), rig.hub.ids):
            pass
        assert await do_it(shop, c.PayCash(None)) == "pickup-expired"

    shop = at_till(rig, story)
    assert (handed(shop), shop.journal.sales) == ([], [])


def test_a_voided_hand_over_is_ready_again_and_goes_out_once_more(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, code(order), bag(order), c.PayCash(5000))
        await do_it(shop, c.Do("void-sale", ""), c.Choose(1))
        await line.hear(*shop.journal.facts)
        waiting = seen(rig, order)
        assert (waiting.state, waiting.fulfillments[0].state, waiting.rest_minor) == (
            "confirmed", "ready", 1577,
        )  # fmt: skip
        assert on_hand(rig, "S6", "s") == (1_000, 1)
        told = len(shop.journal.facts)
        assert await do_it(shop, code(order), bag(order)) == "pickup-to-pay"
        await do_it(shop, c.PayCash(5000))
        await line.hear(*shop.journal.facts[told:])

    shop = at_till(rig, story)
    first, void, second = shop.journal.sales
    assert (void.total_minor, second.total_minor) == (-1577, 1577)
    assert [ref.kind for ref in void.references] == ["void"]
    closed = seen(rig, order)
    assert (closed.state, closed.rest_minor) == ("closed", 0)
    assert on_hand(rig, "S6", "s") == (999, 0)
    assert [fact.receipt for fact in handed(shop)] == [first.number, second.number]


def test_voided_without_the_hub_it_goes_out_again_alone_and_the_hub_hears_one_hand_over(rig: Rig) -> None:
    order = ready(rig)
    scan = token(rig, order)

    async def story(shop: Shop, line: HubBehind) -> None:
        line.fail("before")
        await do_it(shop, scan, c.Approve("Alex", PIN), bag(order), c.PayCash(5000))
        assert await do_it(shop, scan) == "pickup-twice"
        await do_it(shop, c.Do("void-sale", ""), c.Choose(1))
        await do_it(shop, scan, c.Approve("Alex", PIN), bag(order), c.PayCash(5000))
        line.fail("")
        await line.hear(*shop.journal.facts)

    shop = at_till(rig, story)
    assert [sale.total_minor for sale in shop.journal.sales] == [1577, -1577, 1577]
    closed = seen(rig, order)
    assert (closed.state, closed.rest_minor, [line.delivered for line in closed.lines]) == (
        "closed",
        0,
        [2, 1],
    )
    assert do(rig, lambda work, _: tasks.about(work, "s", "double-hand-over", order.order_id), None) == []
    assert on_hand(rig, "S1", "s") == (998, 0)


def test_esc_inside_picking_leads_back_to_it_and_what_is_scanned_then_is_picked_not_sold(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"), c.Answer("1"), c.Choose(1))
        assert asked(shop) == "pickup-short-way"
        await do_it(shop, c.Cancel())
        assert asked(shop) == "pickup-pick"
        await do_it(shop, c.Scan(SHIRT))
        assert [line.picked for line in seen(rig, order).fulfillments[0].lines] == [0, 1]
        await do_it(shop, c.Cancel())
        assert asked(shop) == "pickups"
        await do_it(shop, c.Cancel())
        assert asked(shop) == ""
        assert shop.till.view.lines == ()

    at_till(rig, story)


def test_esc_at_the_counter_takes_back_one_step_and_keeps_what_was_said_before(rig: Rig) -> None:
    order = ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order), c.Answer("4"), c.Answer("Kai Weber"))
        await do_it(shop, c.Answer("2"), c.Choose(1), c.Cancel())
        assert asked(shop) == "pickup-hand"
        assert state_of(rig, order) == "claimed"
        question = shop.till.view.question
        assert question is not None
        assert ("holt ab: Kai Weber", "") in question.rows
        assert ("bezahlt", "") in question.rows

    at_till(rig, story)


def test_the_counter_says_what_stays_here_and_what_is_to_be_paid(rig: Rig) -> None:
    order = ready(rig)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, code(order))
        question = shop.till.view.question
        assert question is not None
        assert question.rows[-1] == ("noch zu zahlen", "15,77")
        await do_it(shop, c.Answer("2"), c.Choose(2), c.Choose(2))
        question = shop.till.view.question
        assert question is not None
        assert question.rows[1][0].startswith("nicht mitgenommen: "), question.rows
        assert question.rows[-1] == ("noch zu zahlen", "2,78")

    at_till(rig, story)


def test_the_list_says_what_to_do_next(rig: Rig) -> None:
    placed(rig, store="s")
    to_pay, paid = ready(rig), ready(rig, paid=True)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"))
        question = shop.till.view.question
        assert question is not None
        texts = {option.text.partition(":")[0]: option.text for option in question.options}
        assert "packen, 3 Teile" in texts["Bestellung 1"]
        assert "15,77 kassieren, Fach A1, 3 Teile" in texts[f"Bestellung {to_pay.number}"]
        assert "ausgeben, Fach A1, 3 Teile" in texts[f"Bestellung {paid.number}"]
        assert all(option.note.startswith("bis ") for option in question.options)

    at_till(rig, story)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_without_an_answer_each_piece_is_counted_once_and_nothing_is_sold(rig: Rig, lost: str) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"))
        line.fail(lost)
        for left in ("1/2", "0/1"):
            assert await do_it(shop, c.Scan(MILK)) == "pickup-pick-unheard"
            question = shop.till.view.question
            assert question is not None
            assert (question.code, question.rows[0][1], shop.till.view.lines) == ("pickup-pick", left, ())
        line.fail("")
        await do_it(shop, c.Scan(SHIRT))
        assert asked(shop) == "pickup-shelf"
        assert [line.picked for line in seen(rig, order).fulfillments[0].lines] == [2, 1]

    at_till(rig, story)


def test_an_order_is_packed_to_its_end_without_an_answer_and_the_hub_hears_it_when_it_is_back(
    rig: Rig,
) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"))
        line.fail("before")
        await do_it(shop, c.Scan(MILK), c.Scan(MILK), c.Scan(SHIRT))
        printed = len(shop.printer.jobs)
        assert await do_it(shop, c.Answer("B7*2")) == "pickup-ready-unheard"
        assert len(shop.printer.jobs) == printed + 2, "a label for each bag"
        assert state_of(rig, order) == "new"
        await do_it(shop, c.HubReported(online=False, acked_epoch=0, acked_seq=0))
        line.fail("")
        await do_it(shop, c.HubReported(online=True, acked_epoch=0, acked_seq=0))
        await told(shop)
        done = seen(rig, order).fulfillments[0]
        assert (done.state, done.shelf, [line.picked for line in done.lines]) == ("ready", "B7", [2, 1])

    at_till(rig, story)


def test_who_packed_without_an_answer_hears_that_the_order_is_over_meanwhile(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"))
        line.fail("before")
        await do_it(shop, c.HubReported(online=False, acked_epoch=0, acked_seq=0))
        await do_it(shop, c.Scan(MILK), c.Scan(MILK), c.Scan(SHIRT), c.Answer("B7"))
        do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"), OFFICE)
        line.fail("")
        await do_it(shop, c.HubReported(online=True, acked_epoch=0, acked_seq=0))
        await told(shop)
        await shop.till.settle()
        message = shop.till.view.message
        assert message is not None
        assert message.code == "pickup-packed-no"

    at_till(rig, story)


def test_another_article_that_was_scanned_for_what_is_missing_is_picked_with_it(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"), c.Scan(MILK), c.Scan(MILK))
        await do_it(shop, c.Answer("1"), c.Choose(1), c.Choose(3), c.Scan(MILK))
        assert asked(shop) == "pickup-shelf"

    at_till(rig, story)
    assert [line.picked for line in seen(rig, order).fulfillments[0].lines] == [2, 0, 1]


def test_an_article_scanned_once_too_often_is_no_shelf(rig: Rig) -> None:
    order = placed(rig, store="s")

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("pickups"), c.Answer("1"), c.Scan(MILK), c.Scan(MILK), c.Scan(SHIRT))
        assert await do_it(shop, c.Scan(MILK)) == "pickup-not-in-order"
        assert asked(shop) == "pickup-shelf"
        await do_it(shop, c.Scan("REGAL-B7"))

    at_till(rig, story)
    assert seen(rig, order).fulfillments[0].shelf == "REGAL-B7"


def test_while_an_answer_is_waited_for_the_till_says_so(rig: Rig) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        gate, waits = asyncio.Event(), asyncio.Event()
        ask = line.ask

        async def late(*words: Any, **more: Any) -> Any:
            await gate.wait()
            return await ask(*words, **more)

        line.ask = late  # type: ignore[method-assign]

        def seen_by_people(_: Any) -> None:
            message = shop.till.view.message
            if message is not None and message.code == "please-wait":
                waits.set()

        shop.till.subscribe(seen_by_people)
        shop.till.submit(c.Do("pickups"))
        await asyncio.wait_for(waits.wait(), 10)
        gate.set()
        await do_it(shop, c.Tick())
        assert shop.till.view.message is None or shop.till.view.message.code == "pickup-none"

    at_till(rig, story)
