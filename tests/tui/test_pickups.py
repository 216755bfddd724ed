"""Orders at the till, with a real hub behind it: listed, picked, handed over, also when the line fails in the middle."""

import asyncio
import datetime as dt
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.order_facts import OrderHandedOver
from sync.hub.database import transact
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.orders import moves, tokens
from sync.hub.shop.orders.messages import ClaimCode, Payment
from sync.hub.shop.orders.watch import ring_due
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.contract.shop.orders_kit import made_ready, placed, seen
from tests.tui.fakes import MILK, PIN, SHIRT, YOGHURT, Shop
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


def ready(rig: Rig, *, paid: bool = False) -> Any:
    payments = (Payment(1577, "psp", "p-1"),) if paid else ()
    return made_ready(
        rig,
        placed(
            rig, store="s", kind="click_and_collect" if paid else "reserve_and_collect", payments=payments
        ),
    )


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
