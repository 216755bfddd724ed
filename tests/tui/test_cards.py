"""Paying at a terminal on a line: one key, no guess, and a sale that waits while its terminal is asked."""

import asyncio

import pytest

from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult, TerminalClosed
from pos.card_ports import NotKeptError, TerminalDay, TerminalSeen
from pos.domain import commands as c
from pos.domain.card import CardEnd, CardTotals
from pos.domain.tender import TenderRules
from pos.storage_ports import JournalUnavailableError
from tests.demo.day import day_shop
from tests.demo.fronts import ScreenFront
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import MILK, PIN, SHIRT, Shop, run
from tests.tui.fakes import opened as screen_of

RULES = TenderRules()


async def opened(*codes: str, terminals: int = 1) -> tuple[Shop, FakeTerminal]:
    fakes = tuple(FakeTerminal(str(n + 1)) for n in range(terminals))
    shop = Shop(tenders=RULES, cards=fakes)
    await shop.open()
    for fake in fakes:
        await fake.met()
    shop.scan(*codes)
    return shop, fakes[0]


async def key(shop: Shop, name: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))


async def settled(shop: Shop) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    await shop.till.handle(c.Tick())


def facts(shop: Shop, kind: type) -> list[object]:
    return [fact for fact in shop.journal.facts if isinstance(fact, kind)]


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


def paid(shop: Shop) -> list[tuple[str, int]]:
    return [(tender.kind, tender.amount_minor) for sale in shop.journal.sales for tender in sale.tenders]


def test_one_key_pays_the_sale_and_three_commits_hold_it() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        before = len(shop.journal.facts)
        await key(shop, "card")
        assert asked(shop) == "card-sale"
        assert [(one.kind, one.amount_minor) for one in terminal.asked] == [("sale", 1_299)]
        terminal.does(0x0A)
        await terminal.says()
        assert facts(shop, PaymentResult), "before it is acknowledged"
        terminal.ends()
        await settled(shop)
        assert paid(shop) == [("card", 1_299)]
        assert shop.till.view.state == "paid"
        kinds = [type(fact).__name__ for fact in shop.journal.facts[before:]]
        assert kinds == ["DayOpened", "PaymentIntent", "PaymentResult", "Sale"]
        assert shop.journal.head.payments.open == ()
        tender = shop.journal.sales[0].tenders[0]
        assert tender.card is not None
        assert (tender.card.pan_last4, tender.reference) == ("1234", "0042")

    run(case)


@pytest.mark.parametrize(("code", "by"), [(0x6C, "completion"), (5, "abort"), (0, "abort")])
def test_a_result_that_is_not_an_approval_never_pays(code: int, by: str) -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.says(code)
        terminal.ends(by, code or 5)
        await settled(shop)
        assert paid(shop) == []
        assert said(shop) == ("card-reversed" if not code else "card-declined")
        assert shop.till.view.state == "selling"
        assert shop.journal.head.payments.open == ()
        shop.till.submit(c.PayCash())
        await settled(shop)
        assert paid(shop) == [("cash", 1_299)]

    run(case)


def test_a_completion_without_a_result_is_asked_for_and_not_believed() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("completion")
        await settled(shop)
        assert paid(shop) == []
        assert (asked(shop), terminal.looks) == ("card-unknown", 1)
        terminal.answers("result", terminal.result(0, receipt=41))
        await settled(shop)
        assert paid(shop) == []
        assert said(shop) == "card-declined-plain"
        (ended,) = facts(shop, PaymentEnded)
        assert isinstance(ended, PaymentEnded)
        assert (ended.outcome, ended.rule) == ("declined", "watermark")

    run(case)


def test_a_lost_answer_is_found_and_the_sale_goes_on_by_itself() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        shop.till.submit(c.PayCash())
        assert said(shop) == "answer-first", "nothing else pays it meanwhile"
        terminal.answers("result", terminal.result(0))
        await settled(shop)
        assert paid(shop) == [("card", 1_299)]
        assert len(terminal.asked) == 1, "never a second charge"

    run(case)


def test_the_sale_waits_aside_and_the_next_customer_pays_cash() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        await shop.till.handle(c.Cancel())
        assert said(shop) == "card-aside"
        assert shop.till.view.state == "ready"
        assert len(shop.till.view.parked) == 1
        shop.scan(MILK)
        await key(shop, "card")
        assert asked(shop) == "card-locked"
        assert len(terminal.asked) == 1
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("cash", 139)]
        terminal.answers("result", terminal.result(0))
        await settled(shop)
        assert said(shop) == "card-approved-aside"
        await shop.till.handle(c.ResumeParked())
        assert shop.till.view.due_minor == 0
        await key(shop, "card")
        await settled(shop)
        assert paid(shop) == [("cash", 139), ("card", 1_299)]
        assert shop.journal.head.payments.held == ()
        assert len(terminal.asked) == 1

    run(case)


def test_a_sale_whose_card_is_not_settled_is_neither_changed_nor_voided_nor_parked() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.ResumeParked())
        for command in (c.Scan(MILK), c.VoidLast(), c.VoidCart(), c.ParkCart(), c.PayCash()):
            await shop.till.handle(command)
            assert said(shop) == "card-not-settled", command
        assert [line.live for line in shop.till.view.lines] == [True]
        await key(shop, "card")
        assert asked(shop) == "card-unknown"
        terminal.answers("result", terminal.result(0, receipt=41))
        await settled(shop)
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("cash", 1_299)]

    run(case)


def test_after_a_cut_the_till_asks_and_the_card_key_ends_the_sale() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.says()
        again = Shop(tenders=RULES, journal=shop.journal, cards=(terminal,))
        again.state.cart = shop.state.cart
        await again.till.start(shop.state.cart, (), None)
        assert said(again) == "card-found-open"
        looks = terminal.looks
        again.till.submit(c.Tick())
        assert terminal.looks == looks + 1
        terminal.answers("result", terminal.result(0, receipt=terminal.receipt))
        await settled(again)
        await again.till.handle(c.SignIn("Kim", PIN))
        assert again.till.view.due_minor == 0
        await key(again, "card")
        await settled(again)
        assert paid(again) == [("card", 1_299)]
        assert len(terminal.asked) == 1

    run(case)


def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        shop.journal.broken = JournalUnavailableError("disk-full", "no room")
        with pytest.raises(NotKeptError):
            await terminal.says()
        assert not facts(shop, PaymentResult)

    run(case)


def test_a_cancel_that_came_too_late_is_offered_back() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await shop.till.handle(c.Cancel())
        assert (asked(shop), terminal.cancels) == ("card-cancelling", 1)
        await terminal.approves()
        await settled(shop)
        assert asked(shop) == "card-won"
        await shop.till.handle(c.Choose(2))
        await settled(shop)
        assert [one.kind for one in terminal.asked] == ["sale", "reversal"]
        assert terminal.request.receipt_no == 42
        await terminal.approves()
        await settled(shop)
        assert paid(shop) == []
        assert shop.till.view.due_minor == 1_299
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_another_answer_is_shown_beside_ours_and_a_person_with_the_right_decides() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        terminal.answers("result", terminal.result(0, amount_minor=500))
        await settled(shop)
        assert asked(shop) == "card-differs"
        question = shop.till.view.question
        assert question is not None
        assert [right for _, right in question.rows[:2]] == ["12,99", "5,00"]
        await shop.till.handle(c.Choose(3))
        await shop.till.handle(c.Approve("Alex", PIN))
        assert asked(shop) == "card-decide"
        await shop.till.handle(c.Choose(2))
        await shop.till.handle(c.Answer("Beleg 0042 sagt 5,00"))
        await settled(shop)
        assert paid(shop) == []
        (ended,) = facts(shop, PaymentEnded)
        assert isinstance(ended, PaymentEnded)
        assert (ended.outcome, ended.by, len(ended.approvals)) == ("unpaid", "operator", 1)
        terminal_book = shop.journal.head.payments.terminal("1")
        assert terminal_book is not None
        assert terminal_book.watched == (ended.payment_id,)

    run(case)


def test_a_part_by_card_is_reversed_at_the_terminal_when_it_is_taken_back() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card", "1000")
        await terminal.approves()
        await settled(shop)
        assert shop.till.view.due_minor == 299
        await key(shop, "tender-back")
        await shop.till.handle(c.Choose(1))
        assert terminal.request.kind == "reversal"
        await terminal.approves()
        await settled(shop)
        assert shop.till.view.due_minor == 1_299
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("cash", 1_299)]

    run(case)


def test_a_terminal_that_is_away_never_stops_cash_and_may_be_used_by_hand() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        terminal.up = False
        await key(shop, "card")
        assert asked(shop) == "card-terminal-away"
        await shop.till.handle(c.Choose(2))
        assert asked(shop) == "card-approved"
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Answer("77"))
        await settled(shop)
        assert paid(shop) == [("card-manual", 1_299)]

    run(case)


def test_two_terminals_the_other_takes_over() -> None:
    async def case() -> None:
        shop, first = await opened(SHIRT, terminals=2)
        await key(shop, "card")
        first.ends("unknown")
        await settled(shop)
        await shop.till.handle(c.Cancel())
        shop.scan(MILK)
        await key(shop, "card")
        assert asked(shop) == "card-sale"
        assert len(first.asked) == 1
        (intent,) = [fact for fact in facts(shop, PaymentIntent) if fact.terminal == "2"]  # type: ignore[attr-defined]
        assert intent.amount_minor == 139  # type: ignore[attr-defined]

    run(case)


def test_a_day_is_not_closed_over_a_payment_of_which_nobody_knows() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        await shop.till.handle(c.Cancel())
        await key(shop, "close-day")
        while asked(shop) not in {"", "leftovers"} and said(shop) != "card-open-day":
            await shop.till.handle(c.Choose(1))
        assert said(shop) == "card-open-day"

    run(case)


def test_the_terminals_day_is_held_against_the_journal() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "card-day")
        await shop.till.handle(c.Choose(1))
        assert terminal.closes == 1
        totals = CardTotals((("girocard", 1, 1_399),), (42, 42), 1_399)
        terminal.desk.day("1", TerminalDay(CardEnd("completion"), totals))
        await settled(shop)
        (closed,) = facts(shop, TerminalClosed)
        assert isinstance(closed, TerminalClosed)
        assert (closed.ours, closed.difference_minor) == ((("girocard", 1, 1_299),), 100)
        slip = shop.printer.jobs[-1].document
        assert slip is not None
        rows = {row.left: row.right for row in slip.rows}
        assert (rows["Differenz"], rows["Zeit"], rows["Kasse"]) == ("1,00", "21.11.2026 14:07", "3")
        assert said(shop) == "card-day-differs"

    run(case)


def test_a_signature_is_asked_for_before_the_sale_is_written() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.says(signature=True)
        await terminal.prints("merchant", "UNTERSCHRIFT", signature=True)
        terminal.ends()
        await settled(shop)
        assert asked(shop) == "card-signature"
        document = shop.printer.jobs[-1].document
        assert document is not None
        assert document.rows[0].left == "UNTERSCHRIFT"
        await shop.till.handle(c.Choose(1))
        await settled(shop)
        assert paid(shop) == [("card", 1_299)]

    run(case)


def test_a_sale_by_card_is_voided_at_the_terminal_and_then_on_paper() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "void-sale")
        await shop.till.handle(c.Choose(1))
        assert (terminal.request.kind, terminal.request.receipt_no) == ("reversal", 42)
        await terminal.approves()
        await settled(shop)
        assert paid(shop) == [("card", 1_299), ("card", -1_299)]
        first, second = (sale.tenders[0] for sale in shop.journal.sales)
        assert first.payment != second.payment
        payments = shop.journal.head.payments
        assert (payments.open, payments.held) == ((), ())
        book = payments.terminal("1")
        assert book is not None
        assert book.sums == (("girocard", 2, 0),)

    run(case)


def test_a_void_that_the_terminal_refuses_leaves_the_receipt() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "void-sale")
        await shop.till.handle(c.Choose(1))
        await terminal.says(0xB5)
        terminal.ends()
        await settled(shop)
        assert asked(shop) == "card-not-reversed"
        await shop.till.handle(c.Choose(2))
        await settled(shop)
        assert said(shop) == "receipt-stays"
        assert paid(shop) == [("card", 1_299)]

    run(case)


def test_cash_instead_of_card_and_back_again() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "retender")
        await shop.till.handle(c.Choose(1))
        assert [one.kind for one in terminal.asked] == ["sale", "reversal"]
        await terminal.approves()
        await settled(shop)
        await key(shop, "retender")
        await shop.till.handle(c.Choose(1))  # which receipt
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        await settled(shop)
        assert [one.kind for one in terminal.asked] == ["sale", "reversal", "sale"]
        await terminal.approves()
        await settled(shop)
        assert paid(shop) == [
            ("card", 1_299),
            ("card", -1_299),
            ("cash", 1_299),
            ("cash", -1_299),
            ("card", 1_299),
        ]
        assert shop.journal.head.payments.held == ()

    run(case)


def test_a_return_goes_back_to_the_card_by_the_terminal() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        await terminal.approves()
        await settled(shop)
        await key(shop, "return")
        while asked(shop) and asked(shop) != "refund":
            await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.PayCash())
        assert asked(shop) == "refund"
        await shop.till.handle(c.Choose(1))
        await settled(shop)
        assert (terminal.request.kind, terminal.request.amount_minor) == ("refund", 1_299)
        await terminal.approves()
        await settled(shop)
        assert paid(shop)[-1] == ("card", -1_299)
        assert shop.journal.head.payments.held == ()

    run(case)


def test_on_the_screen_a_card_pays_with_one_key_and_each_state_is_one_frame() -> None:
    async def case() -> None:
        async with screen_of(day_shop(terminal=True), size=(64, 18), signed_in=False) as screen:
            front = ScreenFront(screen)
            for step in (f"in Kim {PIN}", "terminal is-there", f"scan {MILK}"):
                await front.do(step)
            front.keys = 0
            await front.do("key card")
            await front.do("terminal asks-for-the-card")
            assert "Karte stecken" in screen.text
            await front.do("terminal approves")
            assert front.keys == 1
            assert screen.shop.till.view.state == "paid"
            assert "BEZAHLT" in screen.text

    run(case)


def test_a_terminal_in_the_place_of_another_says_nothing_of_the_others_payment() -> None:
    async def case() -> None:
        shop, terminal = await opened(SHIRT)
        await key(shop, "card")
        terminal.ends("unknown")
        await settled(shop)
        await terminal.desk.seen("1", TerminalSeen("60000009", None))
        terminal.answers("nothing")
        await settled(shop)
        assert asked(shop) == "card-differs"
        assert len(shop.journal.head.payments.open) == 1

    run(case)
