"""Orders that begin at the till, with a real hub behind it: put aside with a down payment, of this sale, of another store."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from pos.till.orders.desk import OrderDesk
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.orders import moves
from sync.hub.shop.orders.body import hold
from sync.hub.shop.orders.messages import Label, Ship, ShipTo
from sync.hub.shop.orders.people import person_of
from sync.hub.shop.stock.facts import moves_of
from sync.hub.shop.stores import core as stores
from sync.hub.shop.stores.messages import PutStore
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do
from tests.contract.shop.orders_kit import made_ready, on_hand, step, stocked
from tests.tui.fakes import MILK, SHIRT, YOGHURT, Shop
from tests.tui.orders_rig import PERSON, at_till, do_it, the_order
from tests.tui.shop_rig import HubBehind, tell_orders

THERE = Actor("till", "there/1", "till", "there")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    stocked(rig, "s", 5)
    yield rig
    rig.close()


def test_put_aside_with_a_down_payment_is_taxed_when_it_is_paid_and_settled_when_it_is_collected(
    rig: Rig,
) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        said = await do_it(
            shop, c.Do("order-here"), c.Choose(5), c.Scan(SHIRT), c.Scan(MILK), c.Answer(""), c.Answer(""), *PERSON,
            c.Answer("5,00"),
        )  # fmt: skip
        assert said == "order-made-down"
        await do_it(shop, c.PayCash(None))
        tell_orders(rig, shop, Sale)
        order = the_order(rig)
        assert (order.purpose, order.value_minor, order.paid_minor) == ("put-aside", 1299 + 139, 500)
        order = made_ready(rig, order)
        await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, order.code)))
        await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, f"Z{order.number}")))
        await do_it(shop, c.PayCash(None))

    shop = at_till(rig, story)
    first, second = shop.journal.sales
    assert [(line.case, line.tax) for line in first.lines] == [
        ("Anzahlungseinstellung", "A"),
        ("Anzahlungseinstellung", "B"),
    ]
    back = [line for line in second.lines if line.kind == "down-payment"]
    assert [line.pay_minor for line in back] == [-line.pay_minor for line in first.lines]
    assert {line.case for line in back} == {"Anzahlungsaufloesung"}
    assert (first.total_minor, second.total_minor) == (500, 1299 + 139 - 500)
    assert (first.pieces, second.pieces) == (0, 2)
    tell_orders(rig, shop, OrderHandedOver)
    order = the_order(rig)
    assert (order.state, order.rest_minor) == ("closed", 0)


def test_no_question_is_asked_for_an_order_while_the_hub_is_away(rig: Rig) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        line.fail("before")
        await do_it(shop, c.HubReported(online=False, acked_epoch=0, acked_seq=0))
        assert await do_it(shop, c.Do("order-here")) == "order-silent"
        assert shop.till.view.question is None
        line.fail("")
        await do_it(shop, c.Do("order-here"))
        assert shop.till.view.question is not None, "it answers again, before the till was told so"

    at_till(rig, story)


def test_no_address_is_cut_it_is_taken_whole_or_asked_again(rig: Rig) -> None:
    address = "eine.lange.adresse.mit.vielen.teilen@unterabteilung.wolkenkuckuck.example"
    assert len(address) == 73

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(
            shop, c.Do("order-here"), c.Choose(5), c.Scan(SHIRT), c.Answer(""), c.Answer(""), c.Answer("Ada")
        )
        assert await do_it(shop, c.Answer("a" * 80 + "@b.example")) == "order-text-long"
        question = shop.till.view.question
        assert question is not None
        assert question.code == "order-contact"
        assert await do_it(shop, c.Answer(address), c.Answer("")) == "order-made"

    at_till(rig, story)
    order_id = the_order(rig).order_id
    person = do(rig, lambda work, _: person_of(work, hold(work, order_id)), None, OFFICE)
    assert person == ShipTo("Ada", (), address)


def test_a_customer_who_does_not_want_it_any_more_gets_the_down_payment_back_here(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(
            shop, c.Do("order-here"), c.Choose(6), c.Answer("Hose kürzen"), c.Answer("15,00"), c.Answer(""), *PERSON,
            c.Answer("5,00"), c.PayCash(None),
        )  # fmt: skip
        tell_orders(rig, shop, Sale)
        order = made_ready(rig, the_order(rig))
        await do_it(
            shop, c.Scan(own_code(ScanKind.PICKUP, order.code)), c.Answer("2"), c.Choose(1), c.Choose(3)
        )
        assert await do_it(shop, c.Answer("1")) == "pickup-to-pay-out"
        assert shop.till.view.total_minor == -500

    at_till(rig, story)


def test_a_sale_mixes_what_is_taken_along_and_what_is_collected_later(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Scan(MILK), c.Scan(SHIRT), c.Do("order-here"), c.Choose(1))
        said = await do_it(shop, c.Choose(2), c.Answer(""), *PERSON)
        assert said == "order-in-sale"
        assert (the_order(rig).state, on_hand(rig, "S6", "s")[1]) == ("placed", 1)
        await do_it(shop, c.PayCash(None))

    shop = at_till(rig, story)
    (sale,) = shop.journal.sales
    assert [(line.fulfil, bool(line.order)) for line in sale.lines] == [("", False), ("collect", True)]
    assert [move.sku for move in moves_of(Arrived("s", "3", 1, 9, 0, sale))] == ["S1"]
    tell_orders(rig, shop, Sale)
    order = the_order(rig)
    assert (order.state, order.rest_minor, order.payments[0].provider) == ("confirmed", 0, "till")


def test_lines_that_were_taken_out_again_are_not_collected(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(
            shop, c.Scan(MILK), c.Scan(SHIRT), c.Do("order-here"), c.Choose(1), c.Choose(1), c.Choose(2)
        )
        await do_it(shop, c.Answer(""), *PERSON, c.VoidLine(1), c.PayCash(None))

    shop = at_till(rig, story)
    tell_orders(rig, shop, Sale)
    order = the_order(rig)
    assert (order.state, order.value_minor, order.rest_minor) == ("confirmed", 1299, 0)
    assert on_hand(rig, "S1", "s")[1] == 0


def test_esc_leads_one_question_back_and_what_was_scanned_stays(rig: Rig) -> None:
    def asked(shop: Shop) -> str:
        question = shop.till.view.question
        return question.code if question is not None else ""

    async def story(shop: Shop, line: HubBehind) -> None:
        esc = c.GoBack()
        await do_it(shop, c.Do("order-here"), c.Choose(5), c.Scan(SHIRT), c.Answer(""), c.Answer(""))
        await do_it(shop, c.Answer("Falsch"), c.Answer("auch@falsch"))
        way = [asked(shop)]
        for _ in range(4):
            await do_it(shop, esc)
            way.append(asked(shop))
        for stray in (c.PayCash(None), c.Do("pickups")):
            assert await do_it(shop, stray) == "answer-first"
            assert asked(shop) == "order-put-aside-goods"
        assert way == ["order-down", "order-contact", "order-name", "order-day", "order-put-aside-goods"]
        await do_it(shop, c.Scan(MILK), c.Answer(""))
        assert await do_it(shop, c.Scan(YOGHURT)) == "answer-first"
        assert (asked(shop), shop.till.view.lines) == ("order-day", ())
        await do_it(shop, c.Answer(""), *PERSON, esc, c.Answer(""), c.Answer(""))
        assert shop.till.view.message.code == "order-made"  # type: ignore[union-attr]
        await do_it(shop, c.Do("order-here"), c.Choose(3), esc)
        assert asked(shop) == "order-kind"
        line.asked.clear()
        await do_it(shop, c.Cancel())
        assert (asked(shop), line.asked) == ("", [])

    at_till(rig, story)
    order = the_order(rig)
    assert [line.sku for line in order.lines] == ["S6", "S1"]


def test_a_sale_that_is_voided_orders_nothing(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Scan(SHIRT), c.Do("order-here"), c.Choose(1), *PERSON)
        await do_it(shop, c.VoidCart(), c.VoidCart())
        await shop.till.parts.orders.desk.rest()

    at_till(rig, story)
    assert (the_order(rig).state, on_hand(rig, "S6", "s")[1]) == ("cancelled", 0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_whose_answer_was_lost_is_nobodys_and_is_cancelled(rig: Rig, when: str) -> None:
    async def story(shop: Shop, line: HubBehind) -> None:
        await do_it(shop, c.Scan(SHIRT), c.Do("order-here"), c.Choose(1), c.Answer("Ada Beispiel"))
        line.fail(when)
        assert await do_it(shop, c.Answer("")) == "order-silent"
        assert [one.order for one in shop.till.parts.selling.the_cart().lines] == [""]
        line.fail("")
        after = OrderDesk(shop.till._desk, shop.till.parts.selling, shop.till.submit)
        after.let_go()
        await after.rest()

    at_till(rig, story)
    assert (the_order(rig).state, on_hand(rig, "S6", "s")[1]) == ("cancelled", 0)


def test_goods_of_another_store_come_here_and_are_paid_when_they_are_collected(rig: Rig) -> None:
    for name, north in (("s", 52.5), ("there", 52.6)):
        about = PutStore(f"Laden {name}", latitude=north, longitude=13.4)
        do(rig, stores.put_store, stores.PutAsk(name, about, ""), OFFICE)
    stocked(rig, "there", 3)

    async def story(shop: Shop, _: HubBehind) -> None:
        await do_it(shop, c.Do("order-here"), c.Choose(3), c.Scan(SHIRT))
        question = shop.till.view.question
        assert question is not None
        options = question.options
        assert [(one.text, one.note) for one in options] == [("Laden there (11 km)", "3")]
        assert await do_it(shop, c.Choose(1), c.Choose(2), *PERSON) == "order-made"
        order = made_ready(rig, the_order(rig))
        step(rig, moves.ship, order, Ship(Label("DHL", "1Z", "https://example.org/1Z")), actor=THERE)
        order = the_order(rig)
        at = next(n for n, one in enumerate(order.fulfillments) if one.store == "s")
        order = made_ready(rig, order, at=at)
        await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, order.code)))
        await do_it(shop, c.Scan(own_code(ScanKind.PICKUP, f"Z{order.number}")), c.PayCash(None))

    shop = at_till(rig, story)
    assert shop.journal.sales[0].total_minor == 1299
    tell_orders(rig, shop, OrderHandedOver)
    assert (the_order(rig).state, the_order(rig).rest_minor) == ("closed", 0)
    assert on_hand(rig, "S6", "there") == (Decimal(2), 0)
    assert on_hand(rig, "S6", "s") == (Decimal(6), 0)  # the sale, which is not told here, takes it out


def test_a_day_with_a_year_of_two_digits_is_one_to_come_and_a_past_day_is_asked_again(rig: Rig) -> None:
    async def story(shop: Shop, _: HubBehind) -> None:
        past = (shop.clock.time - dt.timedelta(days=3)).strftime("%d.%m.%Y")
        begun = (c.Do("order-here"), c.Choose(5), c.Scan(SHIRT), c.Answer(""))
        assert await do_it(shop, *begun, c.Answer(past)) == "order-day-past"
        question = shop.till.view.question
        assert question is not None
        assert question.code == "order-day"
        coming = shop.clock.time.year + 1
        await do_it(shop, c.Answer(f"15.01.{coming % 100:02d}"), *PERSON, c.Answer(""))
        due = dt.datetime.fromtimestamp(the_order(rig).fulfillments[0].due_ms / 1000, dt.UTC)
        assert (due.year, due.month, due.day) == (coming, 1, 15)

    at_till(rig, story)
