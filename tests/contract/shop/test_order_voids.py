"""A receipt that handed an order over is taken back: the order waits again, in whatever order the hub hears of it, however often."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.order_facts import RefusedLine
from pos.sale_facts import Reference, Sale
from sync.hub.database import transact
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.messages import Order, Payment
from sync.hub.shop.rooms import ROOMS, TICKS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.contract.shop.orders_kit import claimed, hand_over, made_ready, on_hand, placed, seen
from tests.contract.shop.returns_kit import bought, sold_line, voided
from tests.contract.shop.test_orders import open_tasks

NUMBER = 17


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def tell(rig: Rig, fact: Any, till: str, seq: int) -> None:
    """All rooms hear one fact."""

    def run(connection: Any) -> None:
        work = Work(
            connection, rig.clock.wall_ms(), rig.hub.ids, Actor("till", f"demo/{till}", "till", "demo")
        )
        for room in ROOMS:
            room(work, Arrived("demo", till, 1, seq, rig.clock.wall_ms(), fact))
        work.finish()

    transact(rig.engine, run)


def receipt(order: Order, **more: Any) -> Sale:
    """What the customer paid at the counter, for all of the order."""
    lines = tuple(sold_line(line.n, line.pay_minor, str(line.qty), sku=line.sku) for line in order.lines)
    return bought(NUMBER, *lines, references=(Reference("order", external=order.order_id),), **more)


def void_of(sale: Sale) -> Sale:
    return voided(NUMBER + 1, "1", sale)


def standing(rig: Rig, order: Order) -> Any:
    """All that people see of it; times, and names by chance, apart."""
    now = seen(rig, order)
    tasks = [
        (one.state, one.deadline_ms, [(line.n, line.handed, line.refused) for line in one.lines])
        for one in now.fulfillments
    ]
    lines = [(line.delivered, line.written_off, line.fulfilled) for line in now.lines]
    with rig.engine.connect() as connection:
        c = t.order_hand_over.c
        main = connection.execute(sa.select(c.main).where(c.order_id == order.order_id)).scalars().all()
    return now.state, tasks, lines, now.rest_minor, sorted(main), sorted(open_tasks(rig), key=str)


@pytest.mark.parametrize("order_of_facts", list(itertools.permutations(range(3))))
def test_a_voided_hand_over_leaves_the_order_ready_in_whatever_order_it_is_heard(
    rig: Rig, order_of_facts: tuple[int, ...]
) -> None:
    order = made_ready(rig, placed(rig))
    before = standing(rig, order)
    sale = receipt(order)
    facts = [(hand_over(order, paid_minor=1577, receipt=NUMBER), 1), (sale, 2), (void_of(sale), 3)]
    for at in order_of_facts:
        tell(rig, facts[at][0], "1" if at < 2 else "2", facts[at][1])
    for at in order_of_facts:  # heard twice
        tell(rig, facts[at][0], "1" if at < 2 else "2", facts[at][1])
    after = standing(rig, order)
    assert (after[0], after[1], after[2], after[3], after[5]) == (before[0], before[1], before[2], 1577, [])
    assert after[4] == [0]
    assert [on_hand(rig, sku) for sku in ("S1", "S6")] == [(1_000, 2), (1_000, 1)]
    again = claimed(rig, order, "2")
    assert again.fulfillments[0].claim is not None
    tell(rig, hand_over(order, paid_minor=1577, receipt=30, at_ms=9_000), "2", 9)
    tell(rig, msgspec.structs.replace(receipt(order), number=30), "2", 10)
    closed = seen(rig, order)
    assert (closed.state, closed.rest_minor, open_tasks(rig)) == ("closed", 0, [])
    assert [on_hand(rig, sku) for sku in ("S1", "S6")] == [(998, 0), (999, 0)]


def test_it_is_kept_until_the_end_of_the_day_after_and_then_expires_as_it_would_have(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    deadline = order.fulfillments[0].deadline_ms
    sale = receipt(order, completed_ms=deadline - 60_000)
    tell(rig, hand_over(order, paid_minor=1577, receipt=NUMBER, at_ms=sale.completed_ms), "1", 1)
    tell(rig, sale, "1", 2)
    tell(rig, msgspec.structs.replace(void_of(sale), completed_ms=deadline + 60_000), "1", 3)
    longer = seen(rig, order).fulfillments[0].deadline_ms
    assert deadline + 24 * 3_600_000 <= longer <= deadline + 60_000 + 49 * 3_600_000
    rig.clock.ms += longer - rig.clock.wall_ms()
    for one in TICKS:
        while transact(rig.engine, tick, one, rig.clock.wall_ms(), rig.hub.ids):
            pass
    ended = seen(rig, order)
    assert (ended.state, ended.fulfillments[0].state) == ("cancelled", "expired")
    assert on_hand(rig, "S1") == (1_000, 0)


def test_what_was_handed_over_too_late_and_taken_back_is_as_if_it_had_stayed(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    rig.clock.ms += order.fulfillments[0].deadline_ms - rig.clock.wall_ms() + 1
    for one in TICKS:
        while transact(rig.engine, tick, one, rig.clock.wall_ms(), rig.hub.ids):
            pass
    before = standing(rig, order)
    assert [kind for kind, _ in before[5]] == ["put-back"]
    sale = receipt(order)
    tell(rig, hand_over(order, paid_minor=1577, receipt=NUMBER), "1", 1)
    tell(rig, sale, "1", 2)
    assert [kind for kind, _ in open_tasks(rig)] == ["handed-over-late"]
    tell(rig, void_of(sale), "1", 3)
    after = standing(rig, order)
    assert (after[:4], after[5]) == (before[:4], before[5])


def test_of_two_hand_overs_the_one_that_stays_is_the_right_one(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    sale = receipt(order)
    tell(rig, hand_over(order, paid_minor=1577, receipt=NUMBER, at_ms=4_000), "1", 1)
    tell(rig, sale, "1", 2)
    tell(rig, hand_over(order, at_ms=5_000, alone=True, paid_minor=1577, receipt=5), "2", 1)
    assert [kind for kind, _ in open_tasks(rig)] == ["double-hand-over"]
    tell(rig, void_of(sale), "1", 3)
    after = seen(rig, order)
    assert (after.state, after.rest_minor, open_tasks(rig)) == ("closed", 0, [])
    tell(rig, hand_over(order, at_ms=6_000, alone=True, paid_minor=1577, receipt=6), "2", 3)
    assert [kind for kind, _ in open_tasks(rig)] == ["double-hand-over"]  # it is true again


def test_part_of_an_order_waits_on_with_its_promise_and_what_was_refused_is_wanted_again(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    first = hand_over(
        order, (1, 1), paid_minor=139, receipt=NUMBER, refused=(RefusedLine(2, Decimal(1), "damaged"),)
    )
    sale = bought(
        NUMBER, sold_line(1, 139, sku="S1"), references=(Reference("order", external=order.order_id),)
    )
    tell(rig, first, "1", 1)
    tell(rig, sale, "1", 2)
    assert on_hand(rig, "S1") == (999, 1)
    assert [kind for kind, _ in open_tasks(rig)] == ["damaged"]
    tell(rig, void_of(sale), "1", 3)
    after = seen(rig, order)
    assert (after.state, after.fulfillments[0].state, after.rest_minor) == ("confirmed", "ready", 1577)
    assert [line.written_off for line in after.lines] == [0, 0]
    assert (on_hand(rig, "S1"), on_hand(rig, "S6"), open_tasks(rig)) == ((1_000, 2), (1_000, 1), [])


def test_a_void_of_an_order_that_was_paid_at_a_till_holds_though_it_is_heard_before_its_sale(
    rig: Rig,
) -> None:
    order = made_ready(rig, placed(rig, kind="click_and_collect", pay_later=True))
    lines = tuple(
        sold_line(line.n, line.pay_minor, str(line.qty), sku=line.sku, order=order.order_id, fulfil="collect")
        for line in order.lines
    )
    sale = bought(NUMBER, *lines)
    tell(rig, void_of(sale), "2", 1)
    tell(rig, sale, "1", 1)
    ended = do(rig, core.get, order.order_id)
    assert (ended.state, ended.payments, ended.fulfillments[0].state) == ("cancelled", (), "cancelled")


def test_what_was_paid_online_stays_paid_when_the_receipt_of_its_hand_over_is_voided(rig: Rig) -> None:
    order = made_ready(rig, placed(rig, kind="click_and_collect", payments=(Payment(1577, "psp", "p"),)))
    sale = receipt(order)
    tell(rig, hand_over(order, receipt=NUMBER), "1", 1)
    tell(rig, sale, "1", 2)
    tell(rig, void_of(sale), "1", 3)
    after = seen(rig, order)
    assert (after.state, after.paid_minor, after.rest_minor, open_tasks(rig)) == ("confirmed", 1577, 0, [])
    assert on_hand(rig, "S6") == (1_000, 1)
