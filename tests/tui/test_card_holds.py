"""Cards that are held to an amount, booked and let go; tips after the payment. The same rules as for paying: no guess."""

from typing import Any

from pos.card_facts import PaymentEnded, PaymentIntent
from pos.domain import commands as c
from pos.domain.tender import TenderRules
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import MILK, PIN, SHIRT, Shop, run
from tests.tui.test_cards import asked, facts, key, opened, paid, said, settled


async def held(minor: str = "5000", note: str = "Zimmer 7") -> tuple[Shop, FakeTerminal]:
    shop, terminal = await opened()
    await key(shop, "card-reserve", minor)
    assert asked(shop) == "card-reserve-for"
    await shop.till.handle(c.Answer(note))
    assert (terminal.request.kind, terminal.request.amount_minor) == ("preauth", int(minor))
    await terminal.approves()
    await settled(shop)
    return shop, terminal


def reserved(shop: Shop) -> list[tuple[int, str]]:
    found = shop.journal.head.payments.reserved
    return [(one.intent.amount_minor, one.intent.note) for one in found]


def sums(shop: Shop) -> Any:
    book = shop.journal.head.payments.terminal("1")
    assert book is not None
    return book.sums


def test_a_card_is_held_without_a_sale_and_nothing_counts_as_charged() -> None:
    async def case() -> None:
        shop, _ = await held()
        assert said(shop) == "card-reserved"
        assert reserved(shop) == [(5_000, "Zimmer 7")]
        assert (sums(shop), shop.journal.head.payments.held, paid(shop)) == ((), (), [])
        document = shop.printer.jobs[-1].document
        assert document is not None
        assert (document.rows[0].left, document.rows[2].left) == ("Reservierung", "Zimmer 7")

    run(case)


def test_less_than_what_is_held_is_booked_in_a_sale_and_ends_it() -> None:
    async def case() -> None:
        shop, terminal = await held()
        shop.scan(SHIRT)
        await key(shop, "card-book")
        assert asked(shop) == "card-book-which"
        await shop.till.handle(c.Choose(1))
        assert asked(shop) == "card-book-sure"
        await shop.till.handle(c.Choose(1))
        asked_for = terminal.request
        assert (asked_for.kind, asked_for.amount_minor, asked_for.receipt_no) == ("book", 1_299, 42)
        await terminal.approves()
        await settled(shop)
        assert paid(shop) == [("card", 1_299)]
        payments = shop.journal.head.payments
        assert (payments.open, payments.held, payments.reserved) == ((), (), ())
        assert sums(shop) == (("girocard", 1, 1_299),)

    run(case)


def test_what_a_sale_costs_more_than_is_held_stays_to_be_paid() -> None:
    async def case() -> None:
        shop, terminal = await held("1000")
        shop.scan(SHIRT)
        await key(shop, "card-book", "1200")
        await shop.till.handle(c.Choose(1))
        assert said(shop) == "card-book-too-much"
        await key(shop, "card-book")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        await terminal.approves()
        await settled(shop)
        assert shop.till.view.due_minor == 299
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("card", 1_000), ("cash", 299)]

    run(case)


def test_a_booking_that_the_terminal_refuses_leaves_the_card_held() -> None:
    async def case() -> None:
        shop, terminal = await held()
        shop.scan(SHIRT)
        await key(shop, "card-book")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        terminal.ends("abort", 0xB8)
        await settled(shop)
        assert said(shop) == "card-not-done"
        assert reserved(shop) == [(5_000, "Zimmer 7")]
        assert shop.till.view.due_minor == 1_299

    run(case)


def test_a_booking_that_was_cut_is_asked_for_and_ends_the_sale_after_a_restart() -> None:
    async def case() -> None:
        shop, terminal = await held()
        shop.scan(SHIRT)
        await key(shop, "card-book")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        again = Shop(tenders=TenderRules(), journal=shop.journal, cards=(terminal,))
        again.state.cart = shop.state.cart
        await again.till.start(shop.state.cart, (), None)
        assert said(again) == "card-found-open"
        assert reserved(again) == [(5_000, "Zimmer 7")], "nobody knows yet"
        again.till.submit(c.Tick())
        terminal.answers("result", terminal.result(0))
        await settled(again)
        await again.till.handle(c.SignIn("Kim", PIN))
        assert again.till.view.due_minor == 0
        await key(again, "card")
        await settled(again)
        assert paid(again) == [("card", 1_299)]
        assert reserved(again) == []
        assert len(terminal.asked) == 2

    run(case)


def test_a_hold_that_was_cut_is_found_by_asking_and_listed() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await key(shop, "card-reserve", "5000")
        await shop.till.handle(c.Answer(""))
        terminal.ends("unknown")
        await settled(shop)
        assert asked(shop) == "card-unknown"
        await shop.till.handle(c.Cancel())
        assert said(shop) == "card-aside-alone"
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        terminal.answers("result", terminal.result(0))
        await settled(shop)
        assert said(shop) == "card-done-beside"
        assert reserved(shop) == [(5_000, "")]

    run(case)


def test_what_is_held_is_let_go_whole() -> None:
    async def case() -> None:
        shop, terminal = await held()
        await key(shop, "card-release")
        await shop.till.handle(c.Choose(1))
        assert asked(shop) == "card-reserved"
        await shop.till.handle(c.Choose(1))
        assert (terminal.request.kind, terminal.request.receipt_no) == ("release", 42)
        await terminal.approves()
        await settled(shop)
        assert (said(shop), reserved(shop), sums(shop)) == ("card-released", [], ())
        assert shop.journal.head.payments.held == ()

    run(case)


def test_a_hold_without_a_number_is_let_go_by_the_one_on_the_paper() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await key(shop, "card-reserve", "5000")
        await shop.till.handle(c.Answer(""))
        await terminal.says(0, receipt_no=None, trace_no=None, turnover_no=None)
        terminal.ends()
        await settled(shop)
        await key(shop, "card-release")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        assert asked(shop) == "card-reserved-number"
        await shop.till.handle(c.Answer("zwölf"))
        assert (asked(shop), said(shop)) == ("card-reserved-number", "card-reserved-number")
        await shop.till.handle(c.Answer("0815"))
        assert (terminal.request.kind, terminal.request.receipt_no) == ("release", 815)

    run(case)


def test_who_may_decide_takes_a_hold_off_the_list_with_a_reason() -> None:
    async def case() -> None:
        shop, terminal = await held()
        await key(shop, "card-release")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(3))
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Answer("am Gerät freigegeben"))
        await settled(shop)
        assert reserved(shop) == []
        last = facts(shop, PaymentEnded)[-1]
        assert isinstance(last, PaymentEnded)
        assert (last.by, last.note, len(last.approvals)) == ("operator", "am Gerät freigegeben", 1)
        assert len(terminal.asked) == 1

    run(case)


def test_at_the_closing_what_is_held_is_listed_with_a_key_and_stops_nothing() -> None:
    async def case() -> None:
        shop, terminal = await held()
        await key(shop, "close-day")
        assert asked(shop) == "leftovers"
        question = shop.till.view.question
        assert question is not None
        assert [one.key for one in question.options] == ["reserved", "on"]
        await shop.till.handle(c.Choose(1))
        assert asked(shop) == "card-holds"
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        await terminal.says(0xB8)
        terminal.ends()
        await settled(shop)
        assert asked(shop) == "leftovers", "the closing goes on"
        await shop.till.handle(c.Choose(2))
        assert asked(shop) != "leftovers"
        assert reserved(shop) == [(5_000, "Zimmer 7")]

    run(case)


def test_an_unsigned_hold_is_let_go_at_once() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await key(shop, "card-reserve", "5000")
        await shop.till.handle(c.Answer(""))
        await terminal.approves(signature=True)
        await settled(shop)
        assert asked(shop) == "card-signature"
        await shop.till.handle(c.Choose(2))
        assert terminal.request.kind == "release"
        await terminal.approves()
        await settled(shop)
        assert reserved(shop) == []

    run(case)


def test_in_training_no_card_is_held() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await key(shop, "training")
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        assert shop.till.view.training
        await key(shop, "card-reserve", "5000")
        assert said(shop) == "card-training-none"
        assert terminal.asked == []

    run(case)


async def tippable() -> tuple[Shop, FakeTerminal]:
    shop, terminal = await opened(SHIRT)
    await key(shop, "card")
    await terminal.approves(tippable=True)
    await settled(shop)
    return shop, terminal


def test_a_tip_that_comes_later_is_booked_at_the_terminal_and_has_its_own_document() -> None:
    async def case() -> None:
        shop, terminal = await tippable()
        await key(shop, "card-tip", "200")
        asked_for = terminal.request
        assert (asked_for.kind, asked_for.amount_minor, asked_for.receipt_no) == ("tip", 200, 42)
        await terminal.approves()
        await settled(shop)
        assert paid(shop) == [("card", 1_299), ("card", 200)]
        first, tip = shop.journal.sales
        assert (tip.total_minor, tip.tip_minor, tip.lines, tip.taxes) == (0, 200, (), ())
        assert [(one.kind, one.number) for one in tip.references] == [("tip", first.number)]
        assert shop.journal.head.payments.held == ()
        assert sums(shop) == (("girocard", 2, 1_499),)
        await key(shop, "card-tip", "100")
        assert said(shop) == "card-no-tip", "one for each receipt"

    run(case)


def test_a_payment_of_which_the_terminal_did_not_say_so_gets_no_tip() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "card-tip", "200")
        assert said(shop) == "card-no-tip"
        assert len(terminal.asked) == 1

    run(case)


def test_a_tip_that_was_cut_off_is_found_and_gets_its_document_from_the_list() -> None:
    async def case() -> None:
        shop, terminal = await tippable()
        await key(shop, "card-tip", "200")
        again = Shop(tenders=TenderRules(), journal=shop.journal, cards=(terminal,))
        await again.till.start(None, (), None)
        again.till.submit(c.Tick())
        terminal.answers("result", terminal.result(0))
        await settled(again)
        assert said(again) == "card-done-beside"
        await again.till.handle(c.SignIn("Kim", PIN))
        assert [one.intent.kind for one in again.journal.head.payments.held] == ["tip"]
        await key(again, "card-open")
        await again.till.handle(c.Choose(1))
        assert asked(again) == "card-held"
        await again.till.handle(c.Choose(1))
        await settled(again)
        assert paid(again) == [("card", 1_299), ("card", 200)]
        assert again.journal.head.payments.held == ()
        (intent,) = [one for one in facts(again, PaymentIntent) if one.kind == "tip"]  # type: ignore[attr-defined]
        assert intent.receipt.endswith(f"-{again.journal.sales[0].number}")  # type: ignore[attr-defined]

    run(case)


def test_two_holds_are_told_apart_by_name_and_time() -> None:
    async def case() -> None:
        shop, terminal = await held()
        await key(shop, "card-reserve", "7000")
        await shop.till.handle(c.Answer("Zimmer 8"))
        await terminal.approves()
        await settled(shop)
        await key(shop, "card-release")
        question = shop.till.view.question
        assert question is not None
        assert [("Zimmer" in one.text, one.amount_minor) for one in question.options] == [
            (True, 5_000),
            (True, 7_000),
        ]

    run(case)
