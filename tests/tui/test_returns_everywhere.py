"""Goods of another till, store or of an order come back at this till; and what a silent hub means."""

from typing import Any

import msgspec

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.sale_facts import Reference, Sale
from pos.till.receipt_book import receipt_code
from tests.tui.fakes import MILK, PIN, SHIRT, YOGHURT, Shop, run
from tests.tui.purchase_office import Office
from tests.tui.test_returning import POLICY, Counter

MINUTE = 60_000


async def sold_elsewhere(*codes: str) -> Sale:
    """What another till sold."""
    other = Shop(link="demo.BBBBBBBBBBBBBBBBBBBBBB.BBBBBBBB", returns=POLICY)
    await other.open()
    other.scan(*codes)
    await other.till.handle(c.PayCash())
    return other.journal.sales[-1]


async def at_counter() -> tuple[Counter, Office]:
    counter = Counter()
    office = Office(counter.shop.clock)
    desk = counter.till._desk
    desk.world = msgspec.structs.replace(desk.world, shop=office)
    counter.shop.journal.head = msgspec.structs.replace(counter.shop.journal.head, store="demo")
    await counter.open()
    return counter, office


def later(counter: Counter, minutes: int) -> None:
    import datetime as dt

    counter.shop.clock.time += dt.timedelta(minutes=minutes)


async def settled(counter: Counter) -> None:
    """What runs in the background is done."""
    import asyncio

    for _ in range(5):
        await asyncio.sleep(0)


def last(counter: Counter) -> Sale:
    return counter.shop.journal.sales[-1]


def test_a_receipt_of_another_till_comes_back_by_its_number_and_the_fact_names_it() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(MILK, SHIRT), "4")
        await counter.back("4-1-20417")
        assert (counter.asked, counter.choices) == ("return-lines", [("all", 1438), ("1", 139), ("2", 1299)])
        await counter.do(c.Choose(3), c.Choose(2))
        assert (counter.said, counter.cart) == ("taken-back", [("return", "-1", -1299)])
        assert len(office.live) == 1
        await counter.do(c.PayCash())
        sale = last(counter)
        origin = sale.lines[0].origin
        assert origin is not None
        assert (origin.till, origin.epoch, origin.number, origin.n, origin.offline) == (
            "4",
            1,
            20_417,
            2,
            False,
        )
        assert sale.references == (
            Reference("return", "4", 1, 20_417),
            Reference("return-hold", external=office.live[0]),
        )
        assert [(one.kind, one.amount_minor) for one in sale.tenders] == [("cash", -1299)]

    run(case)


def test_its_code_and_its_link_find_it_too_and_another_stores_is_named_with_its_store() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        sale = await sold_elsewhere(SHIRT)
        office.sold(sale, "4", "cgn")
        await counter.scan(own_code(ScanKind.RECEIPT, receipt_code("4", 1, 20_417)))
        assert counter.asked == "return-lines"
        await counter.do(c.Cancel())
        await counter.scan(f"https://bon.example/r/{sale.link}")
        assert counter.asked == "return-lines"
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        assert last(counter).references[0] == Reference("return", "4", 1, 20_417, store="cgn")

    run(case)


def test_a_part_comes_back_and_then_no_more_than_is_left() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(YOGHURT, YOGHURT), "4")
        office.took(path, 1, 1, 59)
        await counter.back("4-1-20417")
        assert counter.choices == [("2", 59)]

    run(case)


def test_the_second_till_is_told_that_it_came_back_meanwhile() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1))
        office.took(path, 1, 1, 1299)
        await counter.do(c.Choose(1))
        assert (counter.said, counter.cart) == ("return-gone", [])
        await counter.back("4-1-20417")
        assert counter.said == "nothing-left"

    run(case)


def test_what_came_back_elsewhere_is_known_of_an_own_receipt_and_a_silent_hub_stops_none() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await counter.sell(SHIRT), "3")
        office.took(path, 1, 1, 1299)
        await counter.back("20417")
        assert counter.said == "nothing-left"
        office.away = True
        await counter.back("20417")
        question = counter.till.view.question
        assert question is not None
        assert question.rows[1][0] == "Der Hub antwortet nicht: Es gilt, was diese Kasse weiß."
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        assert last(counter).total_minor == -1299

    run(case)


def test_a_voided_sale_gives_up_what_was_kept() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1), c.VoidCart(), c.VoidCart())
        await settled(counter)
        assert (counter.till.view.state, office.live) == ("ready", [])

    run(case)


def test_a_line_that_was_taken_out_can_come_back_again() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(MILK, SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1), c.VoidLast())
        await counter.back("4-1-20417")
        assert counter.choices == [("2", 1299)]
        assert len(office.live) == 1

    run(case)


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_key() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1))
        office.deaf = True
        await counter.do(c.Choose(1))
        assert (counter.asked, len(office.live)) == ("return-alone", 1)
        await counter.do(c.Choose(1))
        office.deaf = False
        await counter.back("4-1-20417")
        assert (counter.choices, office.live) == ([("1", 1299)], [])
        await counter.do(c.Choose(1), c.Choose(1))
        assert (counter.cart, len(office.live)) == ([("return", "-1", -1299)], 1)

    run(case)


def test_what_the_hub_kept_lapsed_and_is_kept_again_before_the_payment() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        later(counter, 20)
        assert office.live == []
        await counter.do(c.PayCash())
        assert last(counter).references[1].external == office.live[0] == "return-00000002"

    run(case)


def test_what_lapsed_and_came_back_elsewhere_is_said_before_the_payment() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        later(counter, 20)
        office.took(path, 1, 1, 1299)
        await counter.do(c.PayCash())
        assert (counter.asked, len(counter.shop.journal.sales)) == ("return-lost", 0)
        await counter.do(c.Choose(1))
        assert (counter.said, counter.cart) == ("return-lost-out", [])

    run(case)


def test_what_lapsed_while_the_hub_is_silent_is_paid_and_the_hub_hears_it_later() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        later(counter, 20)
        office.away = True
        await counter.do(c.PayCash())
        assert last(counter).total_minor == -1299

    run(case)


def test_a_silent_hub_lets_a_number_go_by_another_persons_word_and_up_to_a_limit() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.away = True
        await counter.back("4-1-20417")
        assert counter.asked == "return-alone"
        await counter.do(c.Choose(2))
        assert counter.till.view.asked_right == "return-unchecked"
        await counter.do(c.Approve("Alex", PIN), c.Answer(""))
        assert counter.asked == "return-article"
        for _ in range(3):
            await counter.scan(SHIRT)
            await counter.do(c.Answer(""), c.Choose(1))
        assert [pay for _, _, pay in counter.cart] == [-1299, -1299, -1299]
        origins = [line.origin for line in counter.till.view.lines if line.origin is not None]
        assert {(one.till, one.number, one.n, one.offline) for one in origins} == {("4", 20_417, 0, True)}

    run(case)


def test_the_limit_without_the_hub_is_for_the_till_and_the_day() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        desk: Any = counter.till._desk
        desk.returns = msgspec.structs.replace(desk.returns, offline_max_minor=2000)
        office.away = True
        await counter.back("4-1-20417")
        await counter.do(c.Choose(2), c.Approve("Alex", PIN), c.Answer(""))
        await counter.scan(SHIRT)
        await counter.do(c.Answer(""), c.Choose(1))
        await counter.scan(SHIRT)
        await counter.do(c.Answer(""))
        assert counter.said == "return-offline-limit"

    run(case)


def test_an_orders_goods_come_back_and_its_payment_service_pays_them() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.ordered("o1", 123_456, ("S6", "T-Shirt Basic M dunkelblau", 1, 1299), shoppay=1299)
        await counter.do(c.Do("find-purchase"))
        assert counter.asked == "find-purchase"
        await counter.do(c.Choose(1), c.Answer("123456"))
        assert (counter.asked, counter.choices) == ("return-lines", [("1", 1299)])
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        assert counter.asked == "refund"
        await counter.do(c.Choose(1))
        sale = last(counter)
        assert [(one.kind, one.amount_minor, one.reference) for one in sale.tenders] == [
            ("prepaid", -1299, "o1")
        ]
        assert sale.references[0] == Reference("return-order", number=123_456, external="o1")
        slip = counter.shop.printer.jobs[-1].document
        assert slip is not None
        rows = [(row.left, row.right) for row in slip.rows]
        assert ("Betrag", "12,99") in rows
        assert ("Bestellung", "123456") in rows
        assert ("Zahlungsdienst", "shoppay") in rows
        assert ("Rückgabe Nr.", "00000001") in rows
        assert counter.shop.drawer.opened == 0

    run(case)
