"""Goods of another till, store or of an order come back at this till; and what a silent hub means."""

from typing import Any

import msgspec
import pytest

from pos.domain import commands as c
from pos.domain.scans import ScanKind, own_code
from pos.sale_facts import Reference, Sale
from pos.till.receipts.receipt_book import receipt_code
from receipts.model import Shop as Paper
from receipts.model import build
from receipts.text import render_text
from tests.demo.fronts import LineFront
from tests.tui.fakes import MILK, PIN, SHIRT, YOGHURT, FakeMemory, Shop, opened, run
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


def test_what_was_announced_is_taken_back_with_one_choice_for_the_reason_that_was_told() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.ordered(
            "o1", 123_456, ("S1", "Milch", 2, 278), ("S6", "T-Shirt", 1, 1299), shoppay=1577
        )
        office.announce(path, "7K2M9Q", (1, 1, "defect"))
        await counter.scan(own_code(ScanKind.RETURN, "7K2M9Q"))
        question = counter.till.view.question
        assert question is not None
        assert [option.key for option in question.options] == ["announced", "all", "1", "2"]
        await counter.do(c.Choose(1))
        assert counter.cart == [("return", "-1", -139)]
        origin = counter.till.view.lines[0].origin
        assert origin is not None
        assert (origin.order, origin.reason, origin.rule) == ("o1", "defect", "defect")

    run(case)


def test_cash_for_what_a_payment_service_took_needs_the_right() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.ordered("o1", 123_456, ("S6", "T-Shirt", 1, 1299), shoppay=1299)
        await counter.back("123456")
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash(), c.Choose(2))
        assert counter.till.view.asked_right == "refund-cash"
        await counter.do(c.Approve("Alex", PIN))
        assert [(one.kind, one.amount_minor) for one in last(counter).tenders] == [("cash", -1299)]
        assert all(job.document is None for job in counter.shop.printer.jobs)  # nothing was started

    run(case)


def test_what_was_paid_in_two_ways_goes_back_in_two_ways() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.ordered("o1", 123_456, ("S6", "T-Shirt", 1, 1299), shoppay=1000)
        office.purchases[path]["tenders"].append(
            {
                "provider": "till",
                "kind": "cash",
                "reference": "",
                "amount_minor": 299,
                "refundable_minor": 299,
            }
        )
        await counter.back("123456")
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash(), c.Choose(1))
        sale = last(counter)
        assert {(one.kind, one.amount_minor) for one in sale.tenders} == {("prepaid", -1000), ("cash", -299)}
        assert {(one.receipts, one.paid, one.worth_minor) for one in sale.given_back} == {
            (("order:o1",), "prepaid", 1000),
            (("order:o1",), "cash", 299),
        }

    run(case)


def test_an_exchange_of_an_orders_goods_costs_the_difference_and_starts_no_refund() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.ordered("o1", 123_456, ("S6", "T-Shirt", 1, 1299), shoppay=1299)
        await counter.back("123456")
        await counter.do(c.Choose(1), c.Choose(2))
        await counter.do(c.Do("exchange-size"))
        await counter.scan(SHIRT)
        await counter.do(c.PayCash())
        assert (last(counter).total_minor, last(counter).tenders) == (0, ())

    run(case)


def test_a_gift_receipt_of_another_till_shows_no_price_and_is_never_paid_out() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417-G")
        assert counter.asked == "return-gift"
        await counter.do(c.Choose(1), c.Choose(3), c.PayCash())
        assert [tender.kind for tender in last(counter).tenders] == ["credit"]

    run(case)


def test_after_a_restart_the_cart_goes_on_with_what_the_hub_keeps() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        again, _ = await at_counter()
        desk = again.till._desk
        desk.world = msgspec.structs.replace(desk.world, shop=office)
        again.till.parts.selling.cart = counter.shop.state.cart
        await again.do(c.PayCash())
        assert (last(again).references[1].external, last(again).total_minor) == (office.live[0], -1299)

    run(case)


class Forgets(FakeMemory):
    """What would end what is open is not written any more: the power went before."""

    async def put(self, key: str, value: bytes) -> None:
        if value:
            await super().put(key, value)


def test_after_a_cut_between_the_hubs_yes_and_the_cart_the_next_look_gives_it_up() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        desk = counter.till._desk
        desk.world = msgspec.structs.replace(desk.world, memory=Forgets())
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        again, _ = await at_counter()  # the memory is there, the cart is not
        again.till._desk.world = msgspec.structs.replace(
            again.till._desk.world, shop=office, memory=desk.world.memory
        )
        assert len(office.live) == 1
        await again.back("4-1-20417")
        assert (again.choices, office.live) == ([("1", 1299)], [])

    run(case)


def test_without_a_hub_the_till_says_what_it_can_do() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.do(c.Do("find-purchase"))
        assert (counter.said, counter.asked) == ("returns-no-hub", "")

    run(case)


def test_a_silent_hub_is_said_before_anything_is_typed_twice() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.away = True
        await counter.do(c.Do("find-purchase"), c.Choose(2), c.Answer("a@x.example"))
        assert (counter.said, counter.asked) == ("returns-silent", "")

    run(case)


def test_in_training_no_other_till_is_asked() -> None:
    async def case() -> None:
        from pos.domain.rights import ALL, Role

        counter = Counter(roles=(Role("cashier", (ALL,)), Role("supervisor", (ALL,))))
        office = Office(counter.shop.clock)
        desk = counter.till._desk
        desk.world = msgspec.structs.replace(desk.world, shop=office)
        await counter.open()
        await counter.do(c.Do("training"), c.Choose(1))
        office.asked.clear()
        await counter.do(c.Do("find-purchase"))
        assert (counter.said, office.asked) == ("returns-no-hub", [])

    run(case)


def test_on_the_screen_a_purchase_is_found_chosen_and_taken_back() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        for n in (1, 2):
            office.ordered(f"o{n}", 123_450 + n, ("S6", "T-Shirt Basic M dunkelblau", 1, 1299), shoppay=1299)
        office.finds["email", "a@x.example"] = ["order/o1", "order/o2"]
        async with opened(counter.shop) as screen:
            await screen.press("f5")
            assert "Kauf suchen" in screen.text
            await screen.type("1")
            await screen.press("enter")
            assert "Kauf suchen: womit?" in screen.text
            await screen.type("2")
            await screen.press("enter")
            await screen.type("a@x.example")
            await screen.press("enter")
            assert "Bestellung 123451" in screen.text
            await screen.press("2")
            assert "Rückgabe: welcher Artikel?" in screen.text
            await screen.scan(SHIRT)
            await screen.press("2")
            await screen.press("f12")
            assert "Über den Zahlungsdienst" in screen.text
            await screen.press("1")
            sale = last(counter)
            assert sale.tenders[0].reference == "o2"
            assert "Über den Zahlungsdienst" in screen.text
            receipt = build(sale, Paper("Laden"), till="3", epoch=1, public_url="", copy=False, language="de")
            text = "\n".join(render_text(receipt, 48))
            assert "Rückgabe zu Bestellung 123452" in text
            assert "Erstattung durch den Zahlungsdienst" in text

    run(case)


def test_the_list_goes_on_to_the_receipts_of_the_stores_other_tills() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        office.sold(await sold_elsewhere(MILK), "5")
        office.sold(await sold_elsewhere(MILK), "1", "cgn")
        await counter.do(c.Do("receipts"), c.Choose(1))
        assert counter.asked == "find-purchase"
        await counter.do(c.Choose(8), c.Answer(""))
        question = counter.till.view.question
        assert question is not None
        assert [option.text.split()[1] for option in question.options] == ["4-1-20417", "5-1-20417"]
        await counter.do(c.Choose(1))
        question = counter.till.view.question
        assert question is not None
        assert [option.key for option in question.options] == [
            "return"
        ]  # no copy of what was not printed here
        await counter.do(c.Choose(1))
        assert counter.asked == "return-lines"

    run(case)


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        (
            (c.Choose(5), c.Answer("12a4"), c.Answer("1234"), c.Answer("21.11.2026")),
            "last4=1234&on=2026-11-21",
        ),
        ((c.Choose(3), c.Answer("0171 2345678")), "phone=0171+2345678"),
        ((c.Choose(6), c.Scan("SN-77")), "serial=SN-77"),
        ((c.Choose(7), c.Answer("cgn/4-1-20417")), "receipt=4-1-20417&store=cgn"),
        ((c.Scan("98765432"),), "customer=98765432"),
    ],
)
def test_a_purchase_is_found_by_what_its_customer_knows(steps: tuple[c.Command, ...], path: str) -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.do(c.Do("find-purchase"), *steps)
        assert office.asked[-1] == f"GET /returns/sales?{path}"
        assert (counter.said, counter.asked) == ("purchase-unknown", "find-purchase")

    run(case)


def test_in_line_mode_a_purchase_comes_back_by_the_same_questions() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.ordered("o1", 123_456, ("S6", "T-Shirt Basic M dunkelblau", 1, 1299), shoppay=1299)
        front = LineFront(counter.shop)
        for step in (
            "key find-purchase",
            "pick 1",
            "answer 123456",
            "pick 1",
            "pick 2",
            "key cash",
            "pick 1",
        ):
            await front.do(step)
        assert last(counter).tenders[0].kind == "prepaid"
        assert "Kauf suchen: womit?" in front.said
        assert "internal-error" not in front.said

    run(case)


def test_a_receipt_in_another_currency_is_said_and_does_not_come_back() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(SHIRT), "4")
        office.purchases[path]["currency"] = "CHF"
        await counter.back("4-1-20417")
        assert (counter.said, counter.asked) == ("purchase-currency", "")

    run(case)


def test_the_hub_goes_silent_after_it_told_the_lines_and_no_more_comes_back_than_was_left() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(YOGHURT, YOGHURT), "4")
        office.took(path, 1, 1, 59)
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1))
        office.away = True
        await counter.do(c.Choose(1))
        assert counter.asked == "return-alone"
        await counter.do(c.Choose(2), c.Approve("Alex", PIN))
        assert counter.cart == [("return", "-1", -59)]
        await counter.do(c.PayCash())
        sale = last(counter)
        origin = sale.lines[0].origin
        assert origin is not None
        assert (origin.offline, origin.n) == (True, 2)
        assert [one.by for one in sale.approvals] == ["2"]
        assert sale.references == (Reference("return", "4", 1, 20_417),)

    run(case)


def test_what_came_back_elsewhere_meanwhile_stays_in_the_sale_only_by_somebodys_word() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        path = office.sold(await sold_elsewhere(SHIRT), "4")
        await counter.back("4-1-20417")
        await counter.do(c.Choose(1), c.Choose(1))
        later(counter, 20)
        office.took(path, 1, 1, 1299)
        await counter.do(c.PayCash(), c.Choose(2))
        assert counter.till.view.asked_right == "return-unchecked"
        await counter.do(c.Approve("Alex", PIN))
        assert (last(counter).total_minor, [one.by for one in last(counter).approvals]) == (-1299, ["2"])

    run(case)


def test_a_number_searched_for_while_the_hub_is_silent_may_go_alone_too() -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.away = True
        await counter.do(c.Do("find-purchase", "4-1-20417"))
        assert counter.asked == "return-alone"
        await counter.do(c.Choose(1))
        assert (counter.said, counter.cart) == ("return-alone-no", [])

    run(case)


@pytest.mark.parametrize(("text", "said"), [("4-1-20417", "returns-not-at-hub"), ("99", "receipt-unknown")])
def test_a_hub_without_returns_is_said_and_own_receipts_come_back(text: str, said: str) -> None:
    async def case() -> None:
        counter, office = await at_counter()
        office.bare = True
        await counter.sell(SHIRT)
        await counter.back(text)
        assert (counter.said, counter.asked) == (said, "")
        await counter.back("20417")
        await counter.do(c.Choose(1), c.Choose(1), c.PayCash())
        assert last(counter).total_minor == -1299

    run(case)
