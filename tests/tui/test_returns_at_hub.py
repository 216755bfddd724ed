"""Returns over tills with the real hub behind them: two tills for one purchase, orders, silence, and what nobody could know."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Reference, Sale
from sync.hub.shop.kit import tasks
from sync.hub.shop.orders.messages import Payment
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.contract.shop.orders_kit import made_ready, placed
from tests.tui.fakes import MILK, PIN, SHIRT, YOGHURT, run
from tests.tui.shop_rig import till_at
from tests.tui.test_returning import POLICY


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    yield rig
    rig.close()


class At:
    """A till of a store with the hub behind it."""

    def __init__(self, rig: Rig, till: str, store: str = "demo") -> None:
        self.rig = rig
        self.shop, self.line = till_at(rig, till, store, returns=POLICY, hub=False)
        self._told = 0

    async def open(self) -> "At":
        await self.shop.open()
        return self

    async def do(self, *commands: c.Command) -> str:
        """The question that stands there, or the message."""
        for command in commands:
            await self.shop.till.handle(command)
        view = self.shop.till.view
        if view.question is not None:
            return f"? {view.question.code}"
        return view.message.code if view.message is not None else ""

    async def sell(self, *codes: str) -> Sale:
        self.shop.scan(*codes)
        await self.do(c.PayCash())
        await self.tell()
        return self.shop.journal.sales[-1]

    async def tell(self) -> None:
        """The hub hears what this till wrote since."""
        facts = [one for one in self.shop.journal.facts if isinstance(one, Sale | OrderHandedOver)]
        fresh, self._told = facts[self._told :], len(facts)
        if fresh:
            await self.line.hear(*fresh)

    @property
    def choices(self) -> list[tuple[str, int | None]]:
        question = self.shop.till.view.question
        assert question is not None
        return [(option.key, option.amount_minor) for option in question.options]

    @property
    def last(self) -> Sale:
        return self.shop.journal.sales[-1]

    def back(self, text: str) -> c.Do:
        return c.Do("return", text)


async def released() -> None:
    """What is given up in the background has reached the hub."""
    for task in asyncio.all_tasks():
        if task.get_name() == "return-release":
            await task


def exceptions(rig: Rig, store: str = "demo") -> list[str]:
    found: Any = do(rig, lambda work, _: tasks.listing(work, store, limit=50), None)
    return sorted(task.kind for task in found if "return" in task.kind or "refund" in task.kind)


async def handed_over(rig: Rig, at: At) -> Any:
    """An order that was paid at a payment service, collected at a till."""
    order = made_ready(
        rig, placed(rig, kind="click_and_collect", payments=(Payment(1577, "shoppay", "p-1"),))
    )
    bag = own_code(ScanKind.PICKUP, f"Z{order.number}")
    said = await at.do(c.Scan(own_code(ScanKind.PICKUP, order.code)), c.Scan(bag), c.Answer(""))
    assert said == "pickup-done", said
    await at.tell()
    return order


def test_what_one_till_sold_another_takes_back_and_the_first_is_told(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(MILK, SHIRT)
        number = f"1-1-{sale.number}"
        assert await two.do(two.back(number)) == "? return-lines"
        assert two.choices == [("all", 1438), ("1", 139), ("2", 1299)]
        assert await two.do(c.Choose(3), c.Choose(2)) == "? return-lines"
        assert await one.do(one.back(str(sale.number))) == "? return-lines"
        assert one.choices == [("1", 139)]  # the hub keeps the shirt for the other till
        await two.do(c.PayCash())
        assert [(tender.kind, tender.amount_minor) for tender in two.last.tenders] == [("cash", -1299)]
        assert two.last.references[0] == Reference("return", "1", 1, sale.number)
        await two.tell()
        await one.do(c.Cancel(), one.back(number))
        assert one.choices == [("1", 139)]
        assert exceptions(rig) == []

    run(case)


def test_another_stores_receipt_comes_back_part_by_part_to_what_was_paid(rig: Rig) -> None:
    async def case() -> None:
        here, there = await At(rig, "1").open(), await At(rig, "1", "cgn").open()
        there.shop.till.submit(c.SetQuantity(Decimal(3)))
        sale = await there.sell(YOGHURT)
        number = f"cgn/1-1-{sale.number}"
        for left in (177, 118, 59):
            await here.do(here.back(number))
            assert here.choices == [("1", left)]
            await here.do(c.Choose(1), *([c.Answer("1")] if left > 59 else []), c.Choose(1), c.PayCash())
            assert here.last.total_minor == -59
            await here.tell()
        assert await here.do(here.back(number)) == "nothing-left"
        assert exceptions(rig) == exceptions(rig, "cgn") == []

    run(case)


def test_an_orders_goods_come_back_and_the_payment_service_pays(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        order = await handed_over(rig, one)
        assert (
            await two.do(c.Do("find-purchase"), c.Choose(1), c.Answer(str(order.number))) == "? return-lines"
        )
        assert two.choices == [("all", 1577), ("1", 278), ("2", 1299)]
        await two.do(c.Choose(3), c.Choose(2), c.PayCash())
        assert await two.do(c.Choose(1)) == ""
        (tender,) = two.last.tenders
        assert (tender.kind, tender.amount_minor, tender.reference) == ("prepaid", -1299, order.order_id)
        slip = two.shop.printer.jobs[-1].document
        assert slip is not None
        assert ("Zahlungsdienst", "shoppay") in [(row.left, row.right) for row in slip.rows]
        assert two.shop.drawer.opened == 0
        await two.tell()
        assert exceptions(rig) == ["refund"]  # the service is asked
        await one.do(one.back(str(order.number)))
        assert one.choices == [("1", 278)]

    run(case)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_silence_at_the_hold_takes_nothing_and_keeps_nothing_twice(rig: Rig, cut: str) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        number = f"1-1-{sale.number}"
        await two.do(two.back(number), c.Choose(1))
        two.line.fail(cut)
        assert await two.do(c.Choose(1)) == "? return-alone"
        assert await two.do(c.Choose(1)) == "return-alone-no"
        two.line.fail("")
        assert await two.do(two.back(number)) == "? return-lines"
        assert await two.do(c.Choose(1), c.Choose(1), c.PayCash()) == ""
        await two.tell()
        assert (two.last.total_minor, exceptions(rig)) == (-1299, [])

    run(case)


def test_one_lost_answer_is_asked_for_again_and_nobody_notices(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        await two.do(two.back(f"1-1-{sale.number}"), c.Choose(1))
        two.line.cut = "after"
        assert await two.do(c.Choose(1), c.PayCash()) == ""
        await two.tell()
        assert exceptions(rig) == []

    run(case)


def test_a_voided_sale_lets_the_other_till_have_it(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        await two.do(two.back(f"1-1-{sale.number}"), c.Choose(1), c.Choose(1))
        assert await one.do(one.back(str(sale.number))) == "nothing-left"
        await two.do(c.VoidCart(), c.VoidCart())
        await released()
        assert await one.do(one.back(str(sale.number))) == "? return-lines"

    run(case)


def test_what_lapsed_and_was_taken_elsewhere_is_kept_twice_and_is_one_exception(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        number = f"1-1-{sale.number}"
        await two.do(two.back(number), c.Choose(1), c.Choose(1))
        rig.clock.ms += 20 * 60_000
        for at in (one, two):
            at.shop.clock.time = rig.clock.now().astimezone(at.shop.clock.time.tzinfo)
        await one.do(one.back(number), c.Choose(1), c.Choose(1), c.PayCash())
        await one.tell()
        two.line.away = True
        await two.do(c.PayCash())
        assert (one.last.total_minor, two.last.total_minor) == (-1299, -1299)
        await two.tell()
        assert len(exceptions(rig)) == 1
        await two.tell()
        assert len(exceptions(rig)) == 1

    run(case)


def test_what_lapsed_and_was_taken_elsewhere_is_said_where_the_hub_answers(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        number = f"1-1-{sale.number}"
        await two.do(two.back(number), c.Choose(1), c.Choose(1))
        rig.clock.ms += 20 * 60_000
        for at in (one, two):
            at.shop.clock.time = rig.clock.now().astimezone(at.shop.clock.time.tzinfo)
        await one.do(one.back(number), c.Choose(1), c.Choose(1), c.PayCash())
        await one.tell()
        assert await two.do(c.PayCash()) == "? return-lost"
        assert await two.do(c.Choose(1)) == "return-lost-out"

    run(case)


def test_a_number_taken_back_alone_is_heard_later(rig: Rig) -> None:
    async def case() -> None:
        one, two = await At(rig, "1").open(), await At(rig, "2").open()
        sale = await one.sell(SHIRT)
        two.line.away = True
        await two.do(two.back(f"1-1-{sale.number}"), c.Choose(2), c.Approve("Alex", PIN), c.Answer(""))
        await two.do(c.Scan(SHIRT), c.Answer(""), c.Choose(1), c.PayCash(), c.Choose(1))
        await two.do(c.Approve("Alex", PIN))
        assert two.last.total_minor == -1299
        two.line.away = False
        await two.tell()
        origin = two.last.lines[0].origin
        assert origin is not None
        assert (origin.offline, origin.receipt) == (True, f"1-1-{sale.number}")

    run(case)
