"""Returns at the hub: what is left, who keeps it, what the facts say, in any order; on both databases."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pos.domain.tender import Tender
from sync.hub.database import transact
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.messages import Payment
from sync.hub.shop.returns import core, finding, rebuild, refunds
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.facts import OVER
from sync.hub.shop.returns.messages import Announce, AnnounceLine, BackLine, Refunded, TakeBack
from tests.contract.hub_kit import Till
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import TILL, Channel, do, hear
from tests.contract.shop.orders_kit import hand_over, heard, made_ready, placed
from tests.contract.shop.returns_kit import bought, brought_back, origin, sold_line, tell, voided
from tests.contract.shop.test_telling import told

OTHER = Actor("till", "other/7", "till", "other")


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def ask(*lines: tuple[int, str], number: int = 1, **more: Any) -> TakeBack:
    parts = tuple(BackLine(n, Decimal(qty)) for n, qty in lines)
    said = {"source": "till", "store": "demo", "till": "1", "epoch": 1, "number": number, **more}
    return TakeBack(lines=parts, **said)


def refused(rig: Rig, function: Any, asked: Any, actor: Actor = TILL) -> str:
    with pytest.raises(RefusedError) as caught:
        do(rig, function, asked, actor)
    return caught.value.code


def seen(rig: Rig, number: int = 1) -> Any:
    return do(rig, core.get_purchase, core.Place("demo", f"1-1-{number}"), TILL)


def open_tasks(rig: Rig, store: str = "demo") -> list[str]:
    async def go() -> list[str]:
        found = (await Channel(rig).get(f"/stores/{store}/tasks"))["tasks"]
        return sorted(task["kind"] for task in found)

    return asyncio.run(go())


def test_what_is_kept_by_one_till_is_not_there_for_another(rig: Rig) -> None:
    tell(rig, Till(), bought(1, sold_line(1, 300, "3")))
    hear(rig)
    first = do(rig, core.take_back, ask((1, "2"), at_store="demo", at_till="1"), TILL)
    assert (first.state, first.total_minor) == ("held", 200)
    assert [(row.kind, row.amount_minor, row.where) for row in first.plan] == [("cash", 200, "till")]
    assert refused(rig, core.take_back, ask((1, "2"), at_store="other"), OTHER) == "too-much"
    do(rig, core.take_back, ask((1, "1"), at_store="other"), OTHER)
    assert refused(rig, core.take_back, ask((1, "1")), TILL) == "nothing-left"
    assert seen(rig).lines[0].left_qty == 0
    assert refused(rig, core.release, first.return_id, OTHER) == "forbidden"
    assert do(rig, core.release, first.return_id, TILL).state == "released"
    assert seen(rig).lines[0].left_qty == 2


def test_what_is_kept_lapses_by_the_hubs_clock_and_can_be_kept_longer_before(rig: Rig) -> None:
    tell(rig, Till(), bought(1, sold_line(1, 300, "3")))
    hear(rig)
    held = do(rig, core.take_back, ask((1, "3")), TILL)
    rig.clock.ms += core.LEASE_MS - 1
    assert do(rig, core.extend, held.return_id, TILL).until_ms > held.until_ms
    rig.clock.ms += core.LEASE_MS
    assert refused(rig, core.extend, held.return_id) == "lapsed"
    assert do(rig, core.take_back, ask((1, "3")), TILL).total_minor == 300


def test_a_tills_sale_ends_what_was_kept_and_counts_in_its_place(rig: Rig) -> None:
    till, other = Till(), Till("other", "7")
    tell(rig, till, bought(1, sold_line(1, 300, "3")))
    hear(rig)
    held = do(rig, core.take_back, ask((1, "2"), at_store="other"), OTHER)
    tell(rig, other, brought_back(1, (origin("1", 1, 1, store="demo"), "2", 200), hold=held.return_id))
    hear(rig)
    found = seen(rig)
    assert (found.lines[0].left_qty, found.lines[0].left_minor) == (1, 100)
    assert found.tenders[0].refundable_minor == 100
    assert do(rig, core.see, held.return_id, TILL).state == "returned"
    assert open_tasks(rig) == []


def test_a_task_that_was_withdrawn_opens_again_when_a_later_fact_makes_it_true_again(rig: Rig) -> None:
    shop, other, third = Till(), Till("other", "7"), Till("third", "9")
    whence = origin("1", 1, 1, store="demo")
    back = brought_back(1, (whence, "1", 300))
    tell(rig, shop, bought(1, sold_line(1, 300)))
    tell(rig, other, back)
    tell(rig, third, back)
    hear(rig)
    assert open_tasks(rig) == [OVER]
    tell(rig, third, voided(2, "9", back))
    hear(rig)
    assert open_tasks(rig) == []
    tell(rig, third, brought_back(3, (whence, "1", 300)))
    hear(rig)
    assert open_tasks(rig) == [OVER]


def rows(rig: Rig) -> dict[str, list[Any]]:
    tables = (t.return_sale, t.return_find, t.return_taken, t.return_paid)
    with rig.engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(sa.select(table))) for table in tables
        }


@pytest.mark.parametrize("backwards", [False, True])
def test_what_came_back_by_a_receipts_number_alone_counts_for_its_articles(rig: Rig, backwards: bool) -> None:
    shop, other = Till(), Till("other", "7")
    sale = bought(1, sold_line(1, 300, sku="A"), sold_line(2, 500, "2", sku="B"), sold_line(3, 250, sku="B"))
    whence = origin("1", 1, 0, store="demo", offline=True)

    def by_number(number: int, sku: str, qty: str, minor: int) -> Any:
        made = brought_back(number, (whence, qty, minor))
        return msgspec.structs.replace(made, lines=(msgspec.structs.replace(made.lines[0], sku=sku),))

    exact = brought_back(1, (origin("1", 1, 2, store="demo"), "1", 250))
    first = by_number(2, "B", "2", 500)
    for till, facts in ((other, (exact, first)), (shop, (sale,)))[:: 1 if backwards else -1]:
        tell(rig, till, *facts)
        hear(rig)
    found = seen(rig)
    assert [(line.n, int(line.left_qty)) for line in found.lines] == [(1, 1), (2, 0), (3, 0)]
    assert open_tasks(rig) == []
    tell(rig, other, by_number(3, "B", "1", 250))
    hear(rig)
    assert open_tasks(rig) == [OVER]
    tell(rig, other, by_number(4, "NEVER SOLD", "1", 100))
    hear(rig)
    assert open_tasks(rig) == [OVER, OVER]


def emptied(connection: Any, table: sa.Table) -> None:
    connection.execute(table.delete())


def test_the_rows_of_returns_are_told_again_from_the_facts_to_the_same_digest(rig: Rig) -> None:
    shop, other = Till(), Till("other", "7")
    sale = bought(1, sold_line(1, 300, "3", serial="SN-1", sku="sku-0"))
    back = brought_back(2, (origin("1", 1, 1, store="demo"), "1", 100))
    tell(rig, shop, sale, bought(2, sold_line(1, 100)), bought(3, sold_line(1, 100)))
    tell(rig, other, back, brought_back(3, (origin("1", 1, 0, store="demo", offline=True), "1", 100)))
    tell(rig, shop, voided(4, "1", bought(3, sold_line(1, 100))))
    hear(rig)
    with rig.engine.connect() as connection:
        live = rebuild.digest(connection)
    step: Any = partial(transact, rig.engine)
    for rows_of in ((), rebuild.FOLLOWS, (t.return_sale,)):
        for table in rows_of:
            step(emptied, table)
        tasks_before = open_tasks(rig)
        assert rebuild.rebuild_all(step, rig.clock.wall_ms(), rig.hub.ids) == 3
        with rig.engine.connect() as connection:
            assert rebuild.digest(connection) == live
        assert open_tasks(rig) == tasks_before
    assert seen(rig).lines[0].left_qty == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_facts_of_three_tills_in_any_order_end_in_the_same_rows_and_one_task(
    rig: Rig, order: tuple[int, ...]
) -> None:
    tills = [Till(), Till("other", "7"), Till("third", "9")]
    back = brought_back(1, (origin("1", 1, 1, store="demo"), "2", 200))
    facts = [bought(1, sold_line(1, 300, "3", serial="SN-1")), back, back]
    for at in order:
        tell(rig, tills[at], facts[at])
        hear(rig)
    found = seen(rig)
    assert found.lines[0].left_qty == 0
    assert open_tasks(rig) == [OVER]
    with rig.engine.connect() as connection:
        taken = connection.execute(sa.select(t.return_taken.c.qty)).scalars().all()
        assert len(taken) == 2, "both are kept"
        row = connection.execute(sa.select(t.return_sale)).one()
        assert (row.seq, row.total_minor) == (2, 300)


def test_a_return_that_is_taken_back_is_there_again_and_a_voided_receipt_is_not(rig: Rig) -> None:
    till = Till()
    back = brought_back(2, (origin("1", 1, 1), "3", 300))
    sale = bought(1, sold_line(1, 300, "3"))
    tell(rig, till, sale, back)
    hear(rig)
    assert seen(rig).lines[0].left_qty == 0
    tell(rig, till, voided(3, "1", back))
    hear(rig)
    assert (seen(rig).lines[0].left_qty, seen(rig).tenders[0].refundable_minor) == (3, 300)
    tell(rig, till, voided(4, "1", sale))
    hear(rig)
    assert seen(rig).voided
    assert refused(rig, core.take_back, ask((1, "1"))) == "voided"


def test_training_is_nothing_and_a_receipt_nobody_told_is_not_found(rig: Rig) -> None:
    tell(rig, Till(), bought(1, sold_line(1, 300), training=True))
    hear(rig)
    assert refused(rig, core.get_purchase, core.Place("demo", "1-1-1")) == "not-found"
    assert rows(rig)["shop_return_sale"] == []


def test_money_goes_back_as_it_came_and_never_more_by_one_way(rig: Rig) -> None:
    tenders = (Tender("cash", 100, 100), Tender("gift-card", 200, 200, reference="GC1"))
    tell(rig, Till(), bought(1, sold_line(1, 300, "3"), tenders=tenders))
    hear(rig)
    first = do(rig, core.take_back, ask((1, "1")), TILL)
    second = do(rig, core.take_back, ask((1, "2")), TILL)
    planned = [(row.kind, row.amount_minor) for one in (first, second) for row in one.plan]
    assert planned == [("gift-card", 100), ("gift-card", 100), ("cash", 100)]


def test_a_purchase_is_found_by_number_serial_and_day(rig: Rig) -> None:
    tell(rig, Till(), bought(1, sold_line(1, 300, serial="sn-7")), bought(2, sold_line(1, 500)))
    hear(rig)
    for asked in (
        finding.Finding(receipt="1-1-1"),
        finding.Finding(receipt="1-1-1", store="demo"),
        finding.Finding(code="1E1T1"),
        finding.Finding(serial="SN-7"),
    ):
        assert [one.number for one in do(rig, finding.find, asked, OTHER).sales] == [1], asked
    assert [
        one.number for one in do(rig, finding.find, finding.Finding(store="demo", on="2026-09-21")).sales
    ] == [2, 1]
    assert do(rig, finding.find, finding.Finding(receipt="1-1-1", store="other")).sales == ()
    web = Actor("token", "web", "storefront")
    assert refused(rig, finding.find, finding.Finding(receipt="1-1-1"), web) == "forbidden"
    assert refused(rig, finding.find, finding.Finding()) == "nothing-asked"


def test_an_order_is_found_by_its_number_its_code_and_its_channels_number(rig: Rig) -> None:
    order = placed(rig, external="WEB-77")
    for said in (str(order.number), order.code, order.order_id, "WEB-77"):
        (found,) = do(rig, finding.find, finding.Finding(order=said), OTHER).sales
        assert (found.order_id, found.external) == (order.order_id, "WEB-77"), said
    assert do(rig, finding.find, finding.Finding(order="WEB-7"), OTHER).sales == ()


def test_who_searches_for_nothing_too_often_waits(rig: Rig) -> None:
    async def go() -> list[int]:
        till = Channel(rig, till="1", store="demo")
        return [(await till.ask("GET", f"/returns/sales?receipt=9-9-{n}")).status_code for n in range(22)]

    assert asyncio.run(go()) == [200] * 20 + [429] * 2


def sent_order(rig: Rig) -> Any:
    """Paid at a service, handed over without a receipt."""
    order = placed(rig, payments=(Payment(1577, "psp", "pay-1"),), kind="click_and_collect")
    order = made_ready(rig, order)
    heard(rig, hand_over(order))
    return order


def test_an_order_comes_back_in_another_store_and_the_service_gives_the_money_back(rig: Rig) -> None:
    order = sent_order(rig)
    held = do(
        rig, core.take_back,
        TakeBack("order", (BackLine(2, Decimal(1)),), order_id=order.order_id, at_store="other"), OTHER,
    )  # fmt: skip
    assert [(row.provider, row.where, row.amount_minor) for row in held.plan] == [("psp", "provider", 1299)]
    whence = origin("", order.number, 2, epoch=0, order=order.order_id)
    tender = Tender("prepaid", -1299, -1299, reference=order.order_id)
    back = brought_back(1, (whence, "1", 1299), hold=held.return_id, tenders=(tender,))
    tell(rig, Till("other", "7"), back)
    hear(rig)
    found = do(rig, core.get_purchase, core.Place("", f"order:{order.order_id}"), TILL)
    assert [(line.n, int(line.left_qty)) for line in found.lines] == [(1, 2), (2, 0)]
    assert found.tenders[0].refundable_minor == 1577 - 1299
    assert do(rig, core.see, held.return_id, TILL).state == "refund-started"
    assert "refund" in open_tasks(rig)
    letters = [fields for kind, _, fields in told(rig) if kind == "refund-started"]
    assert [(one["amount_minor"], one["way"]) for one in letters] == [(1299, "psp")]
    (received,) = [fields for kind, _, fields in told(rig) if kind == "return-received"]
    assert (received["amount_minor"], [one["quantity"] for one in received["lines"]]) == (1299, ["1"])
    ask_ = refunds.RefundedAsk(held.return_id, Refunded("r-1", 1299))
    assert refused(rig, refunds.refunded, ask_, TILL) == "forbidden"
    assert do(rig, refunds.refunded, ask_).state == "refunded"
    assert do(rig, refunds.refunded, ask_).state == "refunded", "said again, nothing more happens"
    wrong = refunds.RefundedAsk(held.return_id, Refunded("r-2", 1299))
    assert refused(rig, refunds.refunded, wrong, Actor("token", "office", "admin")) == "amount"
    assert "refund" not in open_tasks(rig)


def test_what_is_announced_is_shown_by_its_code_until_it_expires(rig: Rig) -> None:
    order = sent_order(rig)
    said = core.AnnounceAsk(Announce((AnnounceLine(1, Decimal(1), "unwanted"),), order.order_id))
    web = Actor("token", "web", "storefront")
    assert refused(rig, core.announce, said, web) == "not-found"
    made = do(rig, core.announce, said)
    found = do(rig, finding.find, finding.Finding(code=made.code), TILL).sales
    assert [one.order_id for one in found] == [order.order_id]
    whole = do(rig, core.get_purchase, core.Place("", f"order:{order.order_id}"), TILL)
    assert [(one.code, one.lines[0].n) for one in whole.announced] == [(made.code, 1)]
    rig.clock.ms += core.ANNOUNCED_MS
    assert do(rig, finding.find, finding.Finding(code=made.code), TILL).sales == ()


def test_one_refund_is_won_once_of_two_hundred_races(rig: Rig) -> None:
    tell(rig, Till(), *[bought(n, sold_line(1, 300)) for n in range(1, 201)])
    hear(rig)

    def one(number: int, actor: Actor) -> int:
        def run(connection: Any) -> None:
            work = Work(connection, rig.clock.wall_ms(), rig.hub.ids, actor)
            core.take_back(work, ask((1, "1"), number=number))
            work.finish()

        try:
            transact(rig.engine, run)
        except RefusedError as lost:
            assert lost.code == "nothing-left"  # noqa: PT017
            return 0
        return 1

    with ThreadPoolExecutor(2) as two:
        for number in range(1, 201):
            runs = [two.submit(one, number, actor) for actor in (TILL, OTHER)]
            assert sum(run.result() for run in runs) == 1


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pay=st.integers(1, 10_000), parts=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_any_partition_over_tills_gives_back_exactly_what_was_paid(
    rig: Rig, pay: int, parts: list[int], data: Any
) -> None:
    with rig.engine.connect() as connection:
        number = len(connection.execute(sa.select(t.return_sale)).all()) + 1
    name = f"p{number}"
    tell(rig, Till(till=name), bought(1, sold_line(1, pay, str(sum(parts)))))
    hear(rig)
    total = 0
    for at, qty in enumerate(parts):
        where = data.draw(st.sampled_from(["demo", "other", "third"]))
        actor = Actor("till", f"{where}/{name}{at}", "till", where)
        held = do(rig, core.take_back, ask((1, str(qty)), till=name), actor)
        total += held.total_minor
        if data.draw(st.booleans()):
            whence = origin(name, 1, 1, store="demo")
            tell(
                rig, Till(where, f"{name}-{at}"),
                brought_back(1, (whence, str(qty), held.total_minor), hold=held.return_id),
            )  # fmt: skip
            hear(rig)
    assert total == pay
    assert open_tasks(rig) == []
