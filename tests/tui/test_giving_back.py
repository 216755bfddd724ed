"""What was paid down for an order that is over goes back at the till, with a real hub behind it: once, and only with its word."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import TenderRules
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.orders import core
from sync.hub.shop.orders.watch import ring_due
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do
from tests.contract.shop.orders_kit import heard, made_ready, stocked
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import MILK, PIN, SHIRT, Shop
from tests.tui.orders_rig import PERSON, at_till, do_it, the_order
from tests.tui.shop_rig import HubBehind, tell_orders
from tests.tui.test_cards import settled

ASIDE = (
    c.Do("order-here"), c.Choose(5), c.Scan(SHIRT), c.Scan(MILK), c.Answer(""), c.Answer(""), *PERSON, c.Answer("5,00"),
)  # fmt: skip
"""A shirt and milk put aside, five euros paid down."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    stocked(rig, "s", 5)
    yield rig
    rig.close()


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


async def put_aside(rig: Rig, shop: Shop) -> Any:
    """The order, paid down and heard."""
    assert await do_it(shop, *ASIDE) == "order-made-down"
    await do_it(shop, c.PayCash(None))
    tell_orders(rig, shop, Sale)
    return the_order(rig)


def open_tasks(rig: Rig) -> list[str]:
    found = do(rig, lambda work, _: todo.listing(work, "s", limit=20), None, OFFICE)
    return [task.kind for task in found if task.kind != "put-back"]


def cancelled(rig: Rig, order: Any) -> None:
    do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"), OFFICE)


def backs(shop: Shop) -> list[int]:
    """What each receipt gave back of down payments."""
    return [
        -sum(line.pay_minor for line in sale.lines if line.kind == "down-payment" and line.voided_ms is None)
        for sale in shop.journal.sales[1:]
    ]


@pytest.mark.parametrize("ready", [False, True])
def test_cancelled_from_the_list_it_goes_back_in_one_flow_as_it_was_paid(rig: Rig, ready: bool) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        if ready:
            made_ready(rig, order)
        await do_it(shop, c.Do("pickups"), c.Choose(1))
        await do_it(shop, c.Choose(4 if ready else 3))
        assert asked(shop) == "pickup-cancel"
        await do_it(shop, c.Choose(2))
        assert asked(shop) == "give-back"
        assert await do_it(shop, c.Choose(1)) == "pickup-to-pay-out"
        assert shop.till.view.total_minor == -500
        assert open_tasks(rig) == ["order-refund"]
        await do_it(shop, c.PayCash(None))
        tell_orders(rig, shop, Sale)
        assert open_tasks(rig) == []

    shop = at_till(rig, story)
    first, second = shop.journal.sales
    assert [line.pay_minor for line in second.lines] == [-line.pay_minor for line in first.lines]
    assert {line.case for line in second.lines} == {"Anzahlungsaufloesung"}
    assert [(tender.kind, tender.amount_minor) for tender in second.tenders] == [("cash", -500)]
    assert not any(isinstance(fact, OrderHandedOver) for fact in shop.journal.facts)
    order = the_order(rig)
    assert (order.state, order.given_back_minor, order.paid_minor) == ("cancelled", 500, 0)


@pytest.mark.parametrize("by", ["task", "slip", "number"])
def test_of_an_order_that_is_over_it_goes_back_from_the_task_its_slip_or_its_number(
    rig: Rig, by: str
) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        if by == "task":
            await do_it(shop, c.Do("tasks"), c.Choose(1))
            assert [text for text, _ in shop.till.view.question.rows] == [  # type: ignore[union-attr]
                "Zurückzugeben", "Anzahlung, Bon 3-1-20417",
            ]  # fmt: skip
            await do_it(shop, c.Choose(1))
        elif by == "slip":
            await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, order.code)))
        else:
            await do_it(shop, c.Do("pickups", str(order.number)))
        assert asked(shop) == "give-back"
        await do_it(shop, c.Choose(1), c.PayCash(None))
        tell_orders(rig, shop, Sale)

    shop = at_till(rig, story)
    assert backs(shop) == [500]
    assert (open_tasks(rig), the_order(rig).given_back_minor) == ([], 500)


def test_before_the_hub_heard_it_the_same_till_does_not_pay_it_again(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1), c.PayCash(None))
        assert await do_it(shop, c.Do("pickups", str(order.number))) == "pickup-unheard"
        assert shop.till.view.lines == ()
        tell_orders(rig, shop, Sale)
        assert await do_it(shop, c.Do("pickups", str(order.number))) == "pickup-cancelled"

    assert backs(at_till(rig, story)) == [500]


def test_twice_in_one_sale_is_refused_and_a_line_that_is_taken_out_pays_nothing(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        await do_it(shop, c.Scan(MILK), c.Do("pickups", str(order.number)), c.Choose(1))
        assert await do_it(shop, c.Do("pickups", str(order.number))) == "pickup-in-cart"
        await do_it(
            shop, *(c.VoidLine(line.n) for line in shop.till.view.lines if line.kind == "down-payment")
        )
        await do_it(shop, c.PayCash(None))
        tell_orders(rig, shop, Sale)
        assert open_tasks(rig) == ["order-refund"]

    assert backs(at_till(rig, story)) == [0]


def test_without_the_hub_nothing_is_paid_out_and_the_cart_waits(rig: Rig) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        line.fail("before")
        assert await do_it(shop, c.Do("pickups", str(order.number))) == "pickup-silent"
        line.fail("")
        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1))
        line.fail("before")
        shop.clock.ms += 6 * 60_000
        assert await do_it(shop, c.PayCash(None)) == "give-back-silent"
        assert (len(shop.journal.sales), shop.till.view.total_minor) == (1, -500)
        line.fail("")
        await do_it(shop, c.PayCash(None))
        assert len(shop.journal.sales) == 2

    assert backs(at_till(rig, story)) == [500]


def test_a_sale_that_waited_too_long_gives_nothing_back_that_was_given_elsewhere(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1))
        shop.clock.ms += 11 * 60_000
        rig.clock.ms += 11 * 60_000
        task = do(rig, lambda work, _: todo.listing(work, "s", kind="order-refund", limit=2), None, OFFICE)[0]
        do(rig, lambda work, _: todo.settle(work, "s", task.kind, task.key, "2"), None, OFFICE)
        assert await do_it(shop, c.PayCash(None)) == "give-back-nothing"
        await do_it(shop, c.VoidCart())

    assert backs(at_till(rig, story)) == []


def test_parked_and_voided_carts_let_another_till_give_it_back(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        other = HubBehind(rig, "4", "s")
        path = f"/stores/s/orders/{order.order_id}/give-back"

        async def other_asks() -> str:
            answer = await other.ask("POST", path, b"", key=f"k{len(other.asked)}")
            if answer.yes:
                await other.ask("POST", f"{path}/release", b'{"n": 1}')
            return answer.code or "yes"

        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1))
        assert await other_asks() == "claimed"
        await do_it(shop, c.ParkCart())
        await shop.till.parts.orders.desk.rest()
        assert await other_asks() == "yes"
        rig.clock.ms += 11 * 60_000
        await do_it(shop, c.ResumeParked(shop.till.view.parked[0].cart_id))
        await do_it(shop, c.PayCash(None))

    assert backs(at_till(rig, story)) == [500]


def test_a_voided_receipt_puts_it_to_be_given_back_again(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1), c.PayCash(None))
        tell_orders(rig, shop, Sale)
        assert open_tasks(rig) == []
        await do_it(shop, c.Do("void-sale", ""), c.Choose(1))
        tell_orders(rig, shop, Sale)
        assert (open_tasks(rig), the_order(rig).given_back_minor) == (["order-refund"], 0)
        await do_it(shop, c.Do("pickups", str(order.number)))
        assert asked(shop) == "give-back"

    at_till(rig, story)


# -- a pulled plug, a lost answer, another tender


async def started_again(shop: Shop, line: HubBehind, **options: Any) -> Shop:
    """The same till after a cut: its journal, its memory, and the open sale as it was saved, unless the journal ended it."""
    again = Shop(shop=line, journal=shop.journal, **options)
    again.clock.time = shop.clock.time
    again.memory.kept, again.state.cart = shop.memory.kept, shop.state.cart
    again.till._desk.world.ids._count = 90_000  # type: ignore[attr-defined]
    cart = again.state.cart
    ended = cart is not None and await again.journal.cart_ended(cart.cart_id)
    await again.till.start(None if ended else cart, (), None)
    await again.till.handle(c.SignIn("Kim", PIN))
    return again


@pytest.mark.parametrize(
    "cut", ["asked", "in the sale", "the hub's word lost", "before the commit", "after it"]
)
def test_wherever_the_plug_is_pulled_it_goes_back_once(rig: Rig, cut: str) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        order = await put_aside(rig, shop)
        cancelled(rig, order)
        await do_it(shop, c.Do("pickups", str(order.number)))
        if cut != "asked":
            await do_it(shop, c.Choose(1))
        if cut == "the hub's word lost":
            line.fail("after")
            shop.clock.ms += 6 * 60_000  # long enough for the hub to be asked once more
            assert await do_it(shop, c.PayCash(None)) == "give-back-silent"
            line.fail("")
        elif cut == "before the commit":
            shop.journal.broken = JournalUnavailableError("disk-full", "no room")
            await do_it(shop, c.PayCash(None))
            assert len(shop.journal.sales) == 1
            shop.journal.broken = None
        elif cut == "after it":
            behind = shop.state.cart
            await do_it(shop, c.PayCash(None))
            shop.state.cart = behind  # its file is a step behind the journal
        again = await started_again(shop, line)
        if cut == "asked":
            await do_it(again, c.Do("pickups", str(order.number)), c.Choose(1))
        if cut == "after it":
            assert await do_it(again, c.Do("pickups", str(order.number))) == "pickup-unheard"
        else:
            assert again.till.view.total_minor == -500
            await do_it(again, c.PayCash(None))
        assert backs(again) == [500]
        tell_orders(rig, again, Sale)
        assert (open_tasks(rig), the_order(rig).given_back_minor) == ([], 500)

    at_till(rig, story)


def test_an_order_that_nobody_collected_gives_its_down_payment_back(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        order = made_ready(rig, await put_aside(rig, shop))
        rig.clock.ms += order.fulfillments[0].deadline_ms - rig.clock.wall_ms() + 1
        while do(rig, lambda work, _: ring_due(work), None, OFFICE):
            pass
        shop.clock.time = dt.datetime.fromtimestamp(rig.clock.wall_ms() / 1000, dt.UTC)
        assert "order-refund" in open_tasks(rig)
        await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, order.code)))
        assert asked(shop) == "give-back"
        await do_it(shop, c.Choose(1), c.PayCash(None))
        tell_orders(rig, shop, Sale)
        assert "order-refund" not in open_tasks(rig)

    assert backs(at_till(rig, story)) == [500]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_paid_by_card_goes_back_to_the_card_and_its_lost_answer_is_settled_by_the_terminal(
    rig: Rig, restarts: bool
) -> None:
    terminal = FakeTerminal()
    options: dict[str, Any] = {"cards": (terminal,), "tenders": TenderRules()}

    async def story(shop: Shop, line: HubBehind) -> None:
        await terminal.met()
        assert await do_it(shop, *ASIDE) == "order-made-down"
        await do_it(shop, c.Do("card"))
        await terminal.approves()
        await settled(shop)
        tell_orders(rig, shop, Sale)
        order = the_order(rig)
        cancelled(rig, order)
        await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1), c.Do("card"))
        assert (len(terminal.asked), len(shop.journal.sales)) == (2, 1)
        if restarts:
            shop = await started_again(shop, line, **options)
            shop.till.submit(c.Tick())
        else:
            terminal.ends("unknown")
        terminal.answers("result", terminal.result(0))
        await settled(shop)
        if restarts:
            await do_it(shop, c.Do("card"))
            await settled(shop)
        assert backs(shop) == [500]
        assert [(one.kind, one.amount_minor) for one in shop.journal.sales[-1].tenders] == [("card", -500)]
        assert len(terminal.asked) == 2
        tell_orders(rig, shop, Sale)
        assert (open_tasks(rig), the_order(rig).given_back_minor) == ([], 500)

    at_till(rig, story, **options)


@pytest.mark.parametrize("by", ["here", "elsewhere", "silence"])
def test_the_receipt_of_a_down_payment_is_not_voided_once_that_was_used_or_given_back(
    rig: Rig, by: str
) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        order = await put_aside(rig, shop)
        first = shop.journal.sales[0].number
        if by == "silence":
            line.fail("before")
        else:
            cancelled(rig, order)
            if by == "here":
                await do_it(shop, c.Do("pickups", str(order.number)), c.Choose(1), c.PayCash(None))
            else:
                back = msgspec.structs.replace(shop.journal.sales[0], number=5)
                lines = tuple(
                    msgspec.structs.replace(one, qty=-one.qty, total_minor=-one.total_minor)
                    for one in back.lines
                )
                heard(rig, msgspec.structs.replace(back, lines=lines), "4", 9, store="s")
        said = await do_it(
            shop, c.Do("void-sale", str(first)), *([c.Approve("Alex", PIN)] if by == "here" else [])
        )
        assert said == ("down-payment-silent" if by == "silence" else "down-payment-spent")
        assert len(shop.journal.sales) == (2 if by == "here" else 1)
        if by == "silence":
            line.fail("")
            await do_it(shop, c.Do("void-sale", str(first)), c.Choose(1))
            assert len(shop.journal.sales) == 2, "nobody used it: it is voided"

    at_till(rig, story)
