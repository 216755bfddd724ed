"""Parked carts in the till: what may be parked, what comes back, and which file has the last word."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from pos.cart_facts import CartAbandoned, CartParked, CartResumed
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Cart, Discount, Line, Mark, Origin, cart_of
from pos.facts import body_of, decode_fact
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from pos.till import settlement
from tests.tui.fakes import BEER, BUTTER, MILK, NO_PRICE, PIN, UNKNOWN, WATER, Shop, run


def parked_fact(cart: Cart, *, operator: str = "1", note: str = "") -> CartParked:
    return settlement.parked(
        cart,
        business_day="2026-11-21",
        operator=operator,
        parked_ms=5,
        offset_min=60,
        currency="EUR",
        note=note,
    )


def through_the_journal(fact: CartParked) -> CartParked:
    again = decode_fact("cart.parked", 1, body_of(fact))
    assert isinstance(again, CartParked)
    return again


def other_than_its_default(field: msgspec.structs.FieldInfo) -> object:
    special: dict[str, object] = {
        "n": 1, "kind": "article", "added": Mark(7, "2"), "voided": Mark(9, "3"), "tax_code": "A",
        "quantity": Decimal("1.250"), "tax_percent": Decimal(19), "parent": None,
        "discounts": (Discount("d", "less", 1, "why", "manual", "2", "3"),), "options": ("M", "blue"),
        "origin": Origin("t", 1, 2, 3, "defect", "why", damaged=True, approved="3"),
        "best_before": dt.date(2026, 11, 30),
    }  # fmt: skip
    if field.name in special:
        return special[field.name]
    return 4 if field.type in (int, int | None) else f"other {field.name}"


def test_each_field_of_a_line_comes_back_from_the_stored_bytes() -> None:
    fields = {field.name: other_than_its_default(field) for field in msgspec.structs.fields(Line)}
    removed = Line(**fields)  # type: ignore[arg-type]
    sold = msgspec.structs.replace(removed, n=2, voided=None, parent=1, kind="deposit", tax_key=9)
    cart = cart_of("c1", 3, "2", (msgspec.structs.replace(removed, tax_key=9), sold))
    for operator in ("1", "2", "3"):
        again = settlement.cart_again(through_the_journal(parked_fact(cart, operator=operator)), "c1")
        assert again == cart


def test_two_rates_under_one_code_keep_their_numbers_for_the_export() -> None:
    line = Line(1, "article", "x", Decimal(1), 119, 119, Mark(1, "1"), "scanner", tax_code="A")
    lines = (
        msgspec.structs.replace(line, tax_percent=Decimal(16), tax_key=21),
        msgspec.structs.replace(line, n=2, tax_percent=Decimal(19), tax_key=1),
    )
    cart = cart_of("c1", 1, "1", lines)
    again = settlement.cart_again(through_the_journal(parked_fact(cart)), "c2")
    assert [line.tax_key for line in again.lines] == [21, 1]
    assert again.sums == cart.sums


def test_a_parked_cart_comes_back_as_it_was_under_a_new_id_and_is_sold_once() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        till = shop.till
        shop.scan(MILK, WATER, BUTTER)
        till.submit(c.VoidLast())
        till.submit(c.SetQuantity(Decimal("0.842")))
        shop.scan(UNKNOWN)
        before = shop.state.cart
        await till.handle(c.ParkCart(" blaue Jacke "))
        assert (till.view.state, till.view.lines, shop.state.cart) == ("ready", (), None)
        assert till.view.message is not None
        assert till.view.message.code == "cart-parked"
        (waiting,) = till.view.parked
        assert (waiting.note, waiting.pieces, waiting.total_minor) == ("blaue Jacke", 3, 253)
        assert (waiting.by, waiting.text, f"{waiting.parked_at:%H:%M}") == (
            "Kim",
            "Bio-Vollmilch 3,8 % 1 l",
            "14:07",
        )
        await till.handle(c.ResumeParked())
        assert before is not None
        assert shop.state.cart is not None
        assert shop.state.cart.cart_id != before.cart_id
        assert shop.state.cart == msgspec.structs.replace(before, cart_id=shop.state.cart.cart_id)
        assert (till.view.state, till.view.parked) == ("selling", ())
        await till.handle(c.DropOpenLines())
        await till.handle(c.PayCash())
        parked, resumed, sale = shop.journal.facts
        assert isinstance(parked, CartParked)
        assert isinstance(resumed, CartResumed)
        assert isinstance(sale, Sale)
        assert (resumed.cart_id, resumed.new_cart_id) == (parked.cart_id, sale.cart_id)
        assert sale.started_ms == before.opened_ms
        assert shop.journal.head.resumed is None

    run(case)


def test_neither_drawer_nor_paper_moves() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart())
        await shop.till.handle(c.ResumeParked())
        assert (shop.drawer.opened, shop.printer.jobs, len(shop.journal.facts)) == (0, [], 2)

    run(case)


def test_an_article_without_a_price_waits_in_the_parked_cart() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        till = shop.till
        shop.scan(MILK, NO_PRICE)
        await till.handle(c.ParkCart())
        shop.scan(BUTTER)
        await till.handle(c.PayCash())
        await till.handle(c.ResumeParked())
        assert till.view.chosen == 2
        await till.handle(c.PayCash())
        assert till.view.message is not None
        assert till.view.message.code == "open-lines"
        await till.handle(c.SetPrice(500))
        await till.handle(c.PayCash())
        assert [sale.total_minor for sale in shop.journal.sales] == [249, 639]

    run(case)


@pytest.mark.parametrize(
    ("prepare", "command", "code"),
    [
        ([], c.ParkCart(), "nothing-to-park"),
        ([c.Scan(MILK), c.VoidLast()], c.ParkCart(), "nothing-to-park"),
        ([c.Scan(MILK)], c.ParkCart("x" * 41), "note-too-long"),
        ([], c.ResumeParked(), "nothing-parked"),
        ([c.Scan(MILK), c.ParkCart(), c.Scan(MILK)], c.ResumeParked(), "cart-open"),
        ([c.Scan(MILK), c.ParkCart(), c.Scan(MILK), c.ParkCart()], c.ResumeParked(), "parked-several"),
        ([c.Scan(MILK), c.ParkCart()], c.ResumeParked("somebody else's"), "no-such-parked"),
        ([c.Scan(MILK), c.Lock()], c.ParkCart(), "sign-in-first"),
        ([c.Scan(MILK), c.ParkCart(), c.Lock()], c.ResumeParked(), "sign-in-first"),
    ],
)
def test_what_cannot_be_parked_or_resumed_is_refused_and_nothing_is_written(
    prepare: list[c.Command], command: c.Command, code: str
) -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        for before in prepare:
            await shop.till.handle(before)
        facts, lines = list(shop.journal.facts), shop.till.view.lines
        await shop.till.handle(command)
        assert shop.till.view.message is not None
        assert shop.till.view.message.code == code
        assert (shop.journal.facts, shop.till.view.lines) == (facts, lines)

    run(case)


def test_a_cart_is_resumed_once_and_a_key_held_down_parks_once() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        for command in (c.ParkCart(), c.ParkCart()):
            shop.till.submit(command)
        await shop.till.handle(c.Cancel())
        cart_id = shop.till.view.parked[0].cart_id
        for _ in range(2):
            shop.till.submit(c.ResumeParked(cart_id))
        await shop.till.handle(c.Cancel())
        assert [type(fact) for fact in shop.journal.facts] == [CartParked, CartResumed]
        assert len(shop.till.view.lines) == 1

    run(case)


def test_several_parked_carts_are_told_apart_and_any_of_them_is_resumed() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        till = shop.till
        for scanned in (MILK, BUTTER, BEER):
            shop.scan(scanned)
            await till.handle(c.ParkCart(scanned))
        assert [cart.note for cart in till.view.parked] == [MILK, BUTTER, BEER]
        await till.handle(c.ResumeParked(till.view.parked[1].cart_id))
        assert [cart.note for cart in till.view.parked] == [MILK, BEER]
        assert till.view.lines[0].text == "Butter 250 g"
        await till.handle(c.ParkCart())
        assert [cart.total_minor for cart in till.view.parked] == [139, 119, 249]

    run(case)


def test_a_resumed_cart_can_be_given_up() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        for command in (c.ParkCart(), c.ResumeParked(), c.VoidCart(), c.VoidCart()):
            await shop.till.handle(command)
        *_, abandoned = shop.journal.facts
        assert isinstance(abandoned, CartAbandoned)
        assert (shop.till.view.state, shop.till.view.parked) == ("ready", ())

    run(case)


def test_another_operator_goes_on_and_each_line_remembers_who_scanned_it() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        till = shop.till
        shop.scan(MILK)
        for command in (c.ParkCart(), c.Lock(), c.SignIn("Alex", PIN), c.ResumeParked()):
            await till.handle(command)
        shop.scan(BUTTER)
        await till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert (sale.operator, [line.by for line in sale.lines]) == ("2", ["1", ""])

    run(case)


def test_events_name_the_carts() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        heard: list[e.Event] = []
        shop.till.subscribe(heard.extend)
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart())
        await shop.till.handle(c.ResumeParked())
        parked, resumed = heard[-2:]
        assert isinstance(parked, e.CartParked)
        assert isinstance(resumed, e.CartResumed)
        assert (parked.total_minor, parked.pieces, resumed.cart_id) == (139, 1, parked.cart_id)

    run(case)


# -- the two files: what the facts say holds


def test_a_cart_that_the_state_still_holds_although_it_was_parked_is_dropped() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        left_over = shop.state.cart
        await shop.till.handle(c.ParkCart())
        again = _restarted(shop)
        await again.till.start(left_over, (), None)
        view = again.till.view
        assert (view.lines, len(view.parked), again.state.cart) == ((), 1, None)
        assert view.message is not None
        assert view.message.code == "cart-found-parked"

    run(case)


@pytest.mark.parametrize("left", ["nothing", "the cart that was parked", "a cart that was paid"])
def test_a_cart_that_was_resumed_comes_back_from_the_facts_alone(left: str) -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(BUTTER)
        paid = shop.state.cart
        await shop.till.handle(c.PayCash())
        shop.scan(MILK, WATER)
        parked = shop.state.cart
        await shop.till.handle(c.ParkCart())
        await shop.till.handle(c.ResumeParked())
        resumed = shop.state.cart
        again = _restarted(shop)
        found = {"nothing": None, "the cart that was parked": parked, "a cart that was paid": paid}[left]
        await again.till.start(found, (), None)
        assert resumed is not None
        assert again.state.cart == resumed
        assert (again.till.view.lines, again.till.view.parked) == (resumed.lines, ())
        assert again.till.view.message is not None
        assert again.till.view.message.code == "cart-found-resumed"

    run(case)


def test_a_resumed_cart_in_the_state_is_newer_than_the_facts_and_stays() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart())
        await shop.till.handle(c.ResumeParked())
        shop.scan(BUTTER)
        newest = shop.state.cart
        again = _restarted(shop)
        await again.till.start(newest, (), None)
        assert newest is not None
        assert again.till.view.lines == newest.lines
        assert again.till.view.message is None

    run(case)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("act", ["park", "resume"])
def test_a_write_whose_fate_is_unknown_is_looked_up_before_going_on(act: str, kept: bool) -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        till = shop.till
        shop.scan(MILK)
        if act == "resume":
            await till.handle(c.ParkCart())
        before = till.view
        whole = shop.journal.append

        async def cut(facts: object) -> object:
            if kept:
                await whole(facts)  # type: ignore[arg-type]
            raise JournalUnavailableError("disk-error", "I/O error", stored=None)

        shop.journal.append = cut  # type: ignore[assignment, method-assign]
        await till.handle(c.ParkCart() if act == "park" else c.ResumeParked())
        assert till.view.state == "stopped"
        shop.journal.append = whole  # type: ignore[method-assign]
        await till.handle(c.Retry())
        changed = (bool(till.view.lines), len(till.view.parked))
        stayed = (bool(before.lines), len(before.parked))
        assert changed == ((not stayed[0], 1 - stayed[1]) if kept else stayed)
        assert (shop.state.cart is not None) == bool(till.view.lines)

    run(case)


def _restarted(shop: Shop) -> Shop:
    """The same journal under a new till; the state of the old one is gone."""
    return Shop(journal=shop.journal)
