"""Cash at the till from the float to the Z: what is asked, what is kept as facts, and what the papers say."""

import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.cart_facts import CartAbandoned, CartResumed
from pos.cash_facts import (
    CashCounted,
    CashMoved,
    DayClosed,
    DayOpened,
    SessionClosed,
    SessionOpened,
    SessionTaken,
)
from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.document import Document
from pos.domain.drawer import CashRules, Pieces
from pos.domain.tender import ForeignRate, Tender, TenderRules
from pos.entry import load_keymap
from pos.plain import LineMode
from pos.ports import Operator
from pos.till.day.reports import z_report
from pos.till.desk import Refusal
from pos.till_facts import DrawerOpenedFact
from pos.totals import canonical, day_totals
from receipts.document import layout_document
from receipts.model import Shop as ReceiptShop
from tests.tui.fakes import BUTTER, MILK, PIN, FakeJournal, Shop, opened, run

RULES = CashRules(ask_float=True, day_ends_hour=4)


def shop(tenders: TenderRules | None = None, **rules: Any) -> Shop:
    journal = FakeJournal()
    journal.head = msgspec.structs.replace(journal.head, business_day="", next_number=1)
    more: dict[str, Any] = {} if tenders is None else {"tenders": tenders}
    return Shop(journal=journal, cash=msgspec.structs.replace(RULES, **rules), **more)


async def do(till: Shop, *answers: str) -> None:
    """A function by its name, then answers; `#2` chooses the second."""
    name, *rest = answers
    await till.till.handle(c.Do(name))
    await say(till, *rest)


async def say(till: Shop, *answers: str) -> None:
    for answer in answers:
        await till.till.handle(c.Choose(int(answer[1:])) if answer.startswith("#") else c.Answer(answer))


async def sell(till: Shop, *codes: str) -> None:
    till.scan(*codes)
    await till.till.handle(c.PayCash())


def facts(till: Shop, kind: type) -> list[Any]:
    return [fact for fact in till.journal.facts if isinstance(fact, kind)]


def asked(till: Shop) -> str:
    question = till.till.view.question
    return question.code if question is not None else ""


def said(till: Shop) -> str:
    message = till.till.view.message
    return message.code if message is not None else ""


def papers(till: Shop) -> list[Document]:
    return [job.document for job in till.printer.jobs if job.document is not None]


async def count(till: Shop, *pieces: str) -> None:
    """Counts all that is named, the rest is nil, and says that it is right."""
    await say(till, " ".join(pieces), "=", "#1")


async def ready(till: Shop, float_minor: int = 10_000) -> None:
    await till.open()
    await say(till, str(float_minor))


def test_the_float_is_asked_for_a_scan_drops_it_and_it_is_asked_again() -> None:
    async def case() -> None:
        till = shop()
        await till.open()
        assert asked(till) == "float"
        till.scan(MILK)
        assert (asked(till), len(till.till.view.lines)) == ("", 1)
        await till.till.handle(c.PayCash())
        assert said(till) != "float-missing", "the change is looked at first"
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        assert asked(till) == "float"
        await till.till.handle(c.Cancel())
        till.till._desk.showing_last = False
        till.till._changed()
        assert said(till) == "float-missing"
        await do(till, "float", "150,00")
        (told,) = facts(till, CashMoved)
        assert (told.kind, told.amount_minor, told.reason) == ("float", 15_000, "typed")
        assert said(till) == "float-told"

    run(case)


def test_a_whole_day_from_the_float_to_the_z_and_the_next_day_begins_with_what_was_left() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK, BUTTER)
        await do(till, "cash-drop", "50,00", "B-17")
        await do(till, "pay-in", "#1", "10,00")
        await do(till, "no-sale", "#1")
        await do(till, "close-day", "#1")
        await count(till, "1x50", "1x10", "1x2", "1x1", "4x0,20", "1x0,05", "3x0,01")
        assert asked(till) == "left"
        await say(till, "50,00", "B-18")
        assert asked(till) == "z-shown"
        (closed,) = facts(till, DayClosed)
        (session,) = closed.totals.sessions
        assert (session.expected_minor, session.counted_minor, session.difference_minor) == (6388, 6388, 0)
        assert (session.lifted_minor, session.left_minor, session.bag) == (1388, 5000, "B-18")
        (book,) = closed.totals.books
        assert (book.total_minor, book.receipts, closed.totals.no_sales) == (388, 1, 1)
        assert (closed.number, closed.business_day) == (1, "2026-11-21")
        await till.till.handle(c.Cancel())
        head = till.journal.head
        assert (head.business_day, head.days.open) == ("", ())
        till.clock.time += dt.timedelta(hours=18)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        await say(till, "#1")
        await sell(till, MILK)
        opened = facts(till, DayOpened)
        assert [(fact.business_day, fact.left_minor) for fact in opened] == [
            ("2026-11-21", None),
            ("2026-11-22", 5000),
        ]
        current = till.journal.head.days.current
        assert current is not None
        assert current.expected_minor == 5139

    run(case)


def test_the_z_is_the_fold_of_its_facts_and_the_same_paper_each_time() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK, BUTTER)
        await do(till, "close-day", "#1")
        await count(till, "1x100", "3x1", "4x0,20", "1x0,05", "3x0,01")
        await say(till, "")
        (closed,) = facts(till, DayClosed)
        placed = [(1, fact) for fact in till.journal.facts]
        again = day_totals(placed, closed.day)
        assert canonical(again) == canonical(closed.totals)
        assert day_totals(placed[: closed.last_seq], closed.day) == again
        paper = papers(till)[-1]
        assert paper == z_report(closed, "3", 1, names=till.till._desk.names)
        for columns in (42, 48):
            rows = layout_document(paper, ReceiptShop("Laden"), columns)
            assert max(len(row.text) for row in rows) <= columns
        await till.till.handle(c.Cancel())
        await do(till, "z-again")
        await till.till.handle(c.Approve("Alex", PIN))
        assert papers(till)[-1].rows == paper.rows
        assert papers(till)[-1].marks != paper.marks

    run(case)


def test_a_difference_over_the_limit_is_counted_again_then_somebody_else_agrees() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "close-day", "#1")
        await count(till, "1x50")
        assert (asked(till), said(till)) == ("count", "count-again")
        await count(till, "1x50")
        assert till.till.view.asked_right == "cash-difference"
        await till.till.handle(c.Approve("Alex", PIN))
        question = till.till.view.question
        assert question is not None
        assert (question.code, question.rows[-1][1]) == ("difference-reason", "-51,39")
        await say(till, "#1", "")
        (ended,) = facts(till, SessionClosed)
        assert (ended.difference_minor, ended.reason, ended.left_minor) == (-5139, "change", 5000)
        assert [approval.by for approval in ended.approvals] == ["2"]
        assert [(fact.recount, fact.complete) for fact in facts(till, CashCounted)] == [(0, True), (1, True)]

    run(case)


@pytest.mark.parametrize("others", [True, False])
def test_whoever_may_agree_to_a_difference_does_not_agree_to_ones_own_while_another_can(others: bool) -> None:
    async def case() -> None:
        till = shop()
        if others:
            till.people.known.append(Operator("3", "Bo", role="supervisor"))
            till.people.pins["3"] = PIN
        await till.open(signed_in=False)
        await till.till.handle(c.SignIn("Alex", PIN))
        await say(till, "10000")
        await sell(till, MILK)
        await do(till, "close-day", "#1")
        await count(till, "1x50")
        await count(till, "1x50")
        assert (till.till.view.asked_right == "cash-difference") is others
        if others:
            await till.till.handle(c.Approve("Alex", PIN))
            assert said(till) == "approve-oneself"
            await till.till.handle(c.Approve("Bo", PIN))
        assert asked(till) == "difference-reason"

    run(case)


def test_a_count_that_is_left_goes_on_where_it_stopped_and_backwards() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "close-day", "#1", "", "1", "2")
        await till.till.handle(c.Cancel())
        assert facts(till, CashCounted) == []
        await do(till, "close-day", "#1")
        question = till.till.view.question
        assert question is not None
        assert (question.fields["value"], said(till)) == ("20,00", "count-goes-on")
        await say(till, "x")
        assert said(till) == "not-pieces"
        await say(till, "-", "0", "5x20", "=", "#1", "")
        assert facts(till, CashCounted)[0].pieces == (Pieces(10_000, 1), Pieces(2000, 5))

    run(case)


def test_what_is_counted_may_be_left_as_far_as_it_came_by_right() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "close-day", "#1", "1")
        await till.till.handle(c.Cancel())
        await do(till, "close-day", "#2")
        assert till.till.view.asked_right == "close-uncounted"
        await till.till.handle(c.Approve("Alex", PIN))
        (part,) = facts(till, CashCounted)
        assert (part.complete, part.pieces) == (False, (Pieces(20_000, 1),))
        (ended,) = facts(till, SessionClosed)
        assert (ended.counted_minor, ended.difference_minor, ended.left_minor) == (None, 0, 10_139)
        assert len(facts(till, DayClosed)) == 1

    run(case)


def test_nothing_goes_out_that_is_not_in_the_drawer() -> None:
    async def case() -> None:
        till = shop()
        await ready(till, 5000)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await do(till, "pay-out", "#1", "50,01")
        assert (asked(till), said(till)) == ("pay-out-amount", "not-in-drawer-of")
        await say(till, "50,00")
        assert [fact.amount_minor for fact in facts(till, CashMoved)] == [5000, -5000]
        await do(till, "cash-drop", "1")
        assert said(till) == "not-in-drawer-of"

    run(case)


def test_a_refund_that_is_not_in_the_drawer_waits_until_cash_is_paid_in() -> None:
    async def case() -> None:
        till = shop()
        await ready(till, 0)
        sold = till.till.parts.selling
        till.scan(MILK)
        cart = sold.the_cart()
        back = carts.cart_of(
            cart.cart_id,
            0,
            "1",
            tuple(
                msgspec.structs.replace(
                    line, kind="return", quantity=-line.quantity, total_minor=-line.total_minor
                )
                for line in cart.lines
            ),
        )
        sold.cart = back
        paid = (Tender("cash", -139, -139),)
        with pytest.raises(Refusal, match="refund-not-in-drawer"):
            await till.till.parts.checkout.complete(back, paid)
        assert (till.journal.sales, till.till.parts.checkout.paying, sold.cart) == ([], False, back)
        await till.till.handle(c.Cancel())
        await do(till, "pay-in", "#1", "1,39")
        await till.till.parts.checkout.complete(back, paid)
        current = till.journal.head.days.current
        assert current is not None
        assert current.expected_minor == 0

    run(case)


def test_yesterday_is_told_selling_goes_on_and_one_answer_closes_it() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        till.clock.time += dt.timedelta(hours=18)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        assert asked(till) == "yesterday"
        await sell(till, BUTTER)
        assert [sale.business_day for sale in till.journal.sales] == ["2026-11-21", "2026-11-22"]
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        await say(till, "#1", "#1")
        await count(
            till, "1x100", "3x1", "4x0,20", "1x0,05", "3x0,01"
        )  # today's butter lies in the drawer too
        (closed,) = facts(till, DayClosed)
        assert (closed.business_day, closed.totals.books[0].total_minor) == ("2026-11-21", 139)
        assert closed.totals.sessions[0].difference_minor == 0
        assert closed.last_seq < closed.first_seq + 5
        await till.till.handle(c.Cancel())
        current = till.journal.head.days.current
        assert current is not None
        assert (current.float_minor, current.expected_minor) == (10_139, 10_388)
        assert till.journal.head.business_day == "2026-11-22"

    run(case)


def test_yesterday_closed_before_the_first_sale_opens_no_day_of_its_own() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        till.clock.time += dt.timedelta(hours=18)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        await say(till, "#1", "#1")
        await count(till, "1x100", "1x1", "1x0,20", "1x0,10", "1x0,05", "4x0,01")
        await say(till, "", "#1", "#1", "#1", "#1", "#1", "#1")
        assert [fact.business_day for fact in facts(till, DayOpened)] == ["2026-11-21", "2026-11-22"]
        assert [fact.number for fact in facts(till, DayClosed)] == [1]
        assert facts(till, CashMoved)[-1].reason == "as-left"

    run(case)


def test_a_sale_after_midnight_belongs_to_the_day_that_is_open() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        till.clock.time += dt.timedelta(hours=12)
        await sell(till, MILK)
        till.clock.time += dt.timedelta(hours=2)
        await sell(till, MILK)
        assert [sale.business_day for sale in till.journal.sales] == [
            "2026-11-21",
            "2026-11-21",
            "2026-11-22",
        ]

    run(case)


def test_two_closings_of_one_day_go_on_counting() -> None:
    async def case() -> None:
        till = shop()
        await ready(till, 0)
        for _ in range(2):
            await sell(till, MILK)
            await till.till.handle(c.Approve("x", "y"))
            await do(till, "close-day", "#2")
            await till.till.handle(c.Approve("Alex", PIN))
            await till.till.handle(c.Cancel())
        closed = facts(till, DayClosed)
        assert [(fact.number, fact.business_day) for fact in closed] == [(1, "2026-11-21"), (2, "2026-11-21")]
        assert [fact.totals.books[0].receipts for fact in closed] == [1, 1]
        assert closed[1].first_seq > closed[0].last_seq

    run(case)


def test_parked_carts_are_listed_and_each_has_a_key_that_settles_it() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        for note in ("one", "two", "three"):
            till.scan(MILK)
            await till.till.handle(c.ParkCart(note))
        await do(till, "close-day")
        question = till.till.view.question
        assert question is not None
        assert [option.key == "on" for option in question.options] == [False, False, False, True]
        await say(till, "#1", "#2", "#1")
        assert (said(till), facts(till, CartAbandoned)[0].reason) == ("parked-voided", "left")
        await say(till, "#1", "#3")
        await say(till, "#1", "#1")
        assert till.till.view.state == "selling"
        assert len(facts(till, CartResumed)) == 2
        await do(till, "close-day")
        assert said(till) == "close-cart-open"
        await till.till.handle(c.PayCash())
        await do(till, "close-day", "#2", "#1")
        await count(till, "1x100", "1x1", "1x0,20", "1x0,10", "1x0,05", "4x0,01")
        await say(till, "")
        (closed,) = facts(till, DayClosed)
        assert len(closed.carried) == 1
        assert len(till.till.view.parked) == 1

    run(case)


def test_each_cashier_has_an_insert_of_ones_own() -> None:
    async def case() -> None:
        till = shop(own_insert=True)
        await ready(till)
        await sell(till, MILK)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await say(till, "20,00")
        await sell(till, BUTTER)
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Kim", PIN))
        await sell(till, MILK)
        first, second, third = [sale.cash_session for sale in till.journal.sales]
        assert first == third != second
        (opened,) = facts(till, SessionOpened)
        assert (opened.drawer, opened.operators) == (2, ("2",))
        assert len(facts(till, SessionTaken)) == 1
        sums = {one.session: one.expected_minor for one in till.journal.head.days.open[0].sessions}
        assert sums == {first: 10_278, second: 2249}
        await do(till, "session-close", "#1")
        await count(till, "1x100", "2x1", "3x0,20", "1x0,10", "3x0,01")
        await say(till, "")
        await sell(till, MILK)
        assert facts(till, DayClosed) == []
        assert len(facts(till, SessionOpened)) == 2

    run(case)


def test_a_part_in_cash_stays_in_the_insert_into_which_it_fell() -> None:
    async def case() -> None:
        till = shop(own_insert=True)
        await ready(till)
        till.scan(BUTTER)
        await till.till.handle(c.PayCash(100))
        await till.till.handle(c.SignIn("Alex", PIN))
        await till.till.handle(c.Do("tender-back"))
        assert said(till) == "cash-other-insert"
        assert till.till.view.due_minor == 149
        await till.till.handle(c.PayCash(200))
        (sale,) = till.journal.sales
        kims, alexs = till.journal.head.days.open[0].sessions
        assert [(t.amount_minor, t.cash_session) for t in sale.tenders] == [(100, kims.session), (149, "")]
        assert sale.cash_session == alexs.session
        assert (kims.moved_minor, alexs.moved_minor) == (100, 149)
        totals = day_totals([(1, fact) for fact in till.journal.facts], till.journal.head.days.open[0].day)
        assert [one.cash_minor for one in totals.sessions] == [100, 149]
        assert [tender.amount_minor for tender in totals.books[0].tenders] == [249]
        await till.till.handle(c.Do("void-sale"))
        await say(till, "#1")
        kims, alexs = till.journal.head.days.open[0].sessions
        assert (kims.moved_minor, alexs.moved_minor) == (100, -100), "it is given back where it is voided"

    run(case)


def test_the_own_session_is_open_before_the_first_part_is_taken() -> None:
    async def case() -> None:
        till = shop(own_insert=True, ask_float=False)
        await till.open(signed_in=False)
        await till.till.handle(c.SignIn("Kim", PIN))
        till.scan(BUTTER)
        await till.till.handle(c.PayCash(100))
        assert till.till.view.due_minor == 149
        (opened,) = facts(till, DayOpened)
        assert opened.operators == ("1",)
        await till.till.handle(c.PayCash())
        (sale,) = till.journal.sales
        assert [t.cash_session for t in sale.tenders] == ["", ""], "it is the sale's own"

    run(case)


def test_inserts_are_swapped_without_a_closing() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "cash-session", "#1", "30,00")
        await sell(till, BUTTER)
        await do(till, "cash-session", "#1")
        await sell(till, MILK)
        first, second, third = [sale.cash_session for sale in till.journal.sales]
        assert first == third != second
        assert [one.expected_minor for one in till.journal.head.days.open[0].sessions] == [10_278, 3249]

    run(case)


CHF = TenderRules(foreign=(ForeignRate("CHF", Decimal("1.05"), dt.date(2026, 11, 21)),))


async def pay_in_francs(till: Shop, given: str, *codes: str) -> None:
    till.scan(*codes)
    await till.till.handle(c.Do("foreign-cash", given))


def test_foreign_cash_is_counted_blind_booked_apart_and_taken_to_the_safe() -> None:
    async def case() -> None:
        till = shop(tenders=CHF)
        await ready(till)
        await pay_in_francs(till, "1000", BUTTER)
        await sell(till, MILK)
        session = till.journal.head.days.current
        assert session is not None
        change = 1050 - 249
        assert (session.moved_minor, session.foreign_in("CHF").moved_minor) == (139 - change, 1000)
        await do(till, "close-day", "#1")
        await count(till, "1x50", "2x20", "1x2", "1x1", "1x0,20", "1x0,10", "1x0,05", "3x0,01")
        assert asked(till) == "count-foreign"
        assert "10" not in str(till.till.view.question), "it is counted blind"
        await say(till, "viel")
        assert (said(till), asked(till)) == ("not-foreign-cash", "count-foreign")
        await say(till, "9,50", "#1")
        assert asked(till) == "left"
        await say(till, "", "B-19")
        (closed,) = facts(till, DayClosed)
        (drawer,) = closed.totals.sessions
        (francs,) = drawer.foreign
        assert (francs.expected_minor, francs.counted_minor, francs.difference_minor) == (1000, 950, -50)
        assert (francs.lifted_minor, francs.left_minor, drawer.bag) == (950, 0, "B-19")
        assert (drawer.expected_minor, drawer.difference_minor) == (9338, 0), (
            "nothing of it is in the own cash"
        )
        rows = [row for paper in papers(till)[-1:] for row in ((r.left, r.right) for r in paper.rows)]
        for row in (("CHF Soll", "10,00"), ("CHF gezählt", "9,50"), ("CHF Differenz", "-0,50")):
            assert row in rows
        placed = [(1, fact) for fact in till.journal.facts]
        assert canonical(day_totals(placed, closed.day)) == canonical(closed.totals)
        (counted,) = facts(till, CashCounted)
        assert [(one.currency, one.counted_minor) for one in counted.foreign] == [("CHF", 950)]

    run(case)


def test_foreign_cash_beyond_the_limit_is_counted_again_and_somebody_agrees() -> None:
    async def case() -> None:
        till = shop(tenders=CHF)
        await ready(till)
        await pay_in_francs(till, "1000", BUTTER)
        await do(till, "close-day", "#1")
        own = ("1x50", "2x20", "1x1", "4x0,20", "1x0,10", "1x0,05", "4x0,01")
        await count(till, *own)
        await say(till, "", "#1")
        assert said(till) == "count-again"
        await count(till, *own)
        await say(till, "1x5", "#1")
        assert till.till.view.state == "approval"
        await till.till.handle(c.Approve("Alex", PIN))
        question = till.till.view.question
        assert question is not None
        assert ("Differenz CHF", "-5,00") in question.rows

    run(case)


def test_francs_that_were_not_counted_stay_and_are_known_the_next_day() -> None:
    async def case() -> None:
        till = shop(tenders=CHF)
        await ready(till)
        await pay_in_francs(till, "1000", BUTTER)
        await do(till, "close-day", "#2")
        if till.till.view.state == "approval":
            await till.till.handle(c.Approve("Alex", PIN))
        (ended,) = facts(till, SessionClosed)
        (francs,) = ended.foreign
        assert (francs.counted_minor, francs.difference_minor, francs.left_minor) == (None, 0, 1000)
        await till.till.handle(c.Cancel())
        till.clock.time += dt.timedelta(hours=18)
        await sell(till, MILK)
        session = till.journal.head.days.current
        assert session is not None
        assert session.foreign_in("CHF").expected_minor == 1000

    run(case)


def test_a_foreign_payment_is_given_back_in_its_notes_only_while_they_are_in_the_drawer() -> None:
    async def case() -> None:
        till = shop(tenders=CHF)
        await ready(till)
        await pay_in_francs(till, "1000", BUTTER)
        await pay_in_francs(till, "500", BUTTER)
        await do(till, "void-sale", "#1")
        session = till.journal.head.days.current
        assert session is not None
        assert session.foreign_in("CHF").expected_minor == 1000, "the very notes"
        await do(till, "close-day", "#1")
        await count(till, "1x50", "2x20", "1x1", "4x0,20", "1x0,10", "1x0,05", "4x0,01")
        await say(till, "10,00", "#1", "", "")
        assert len(facts(till, DayClosed)) == 1
        await till.till.handle(c.Cancel())
        first = till.journal.sales[0].number
        await till.till.handle(c.Do("void-sale", str(first)))
        if till.till.view.state == "approval":
            await till.till.handle(c.Approve("Alex", PIN))
        await say(till, "#1")
        back = till.journal.sales[-1]
        assert [(one.kind, one.amount_minor) for one in back.tenders] == [("cash", -1050), ("cash", 801)]
        assert (back.total_minor, back.rounding_minor) == (-249, 0)

    run(case)


def test_the_drawer_opens_for_a_reason_and_x_shows_the_day_without_closing_it() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "no-sale", "#4", "Münzen sortieren")
        assert facts(till, DrawerOpenedFact)[0].reason == "Münzen sortieren"
        await do(till, "x-report")
        assert till.till.view.asked_right == "x-report"
        await till.till.handle(c.Approve("Alex", PIN))
        texts = [row.left for row in papers(till)[-1].rows]
        assert "X-BERICHT" in texts
        assert "Soll" in texts, "the sums of the tenders would tell it anyhow"
        assert facts(till, DayClosed) == []

    run(case)


@pytest.mark.parametrize(("who", "may"), [("Kim", False), ("Alex", True)])
def test_a_report_on_the_smallest_screen_begins_with_its_sums_goes_back_and_leaves_nothing_out(
    who: str, may: bool
) -> None:
    async def case() -> None:
        till = shop()
        async with opened(till, size=(64, 18)) as screen:
            await sell(till, MILK, BUTTER)
            await till.till.handle(c.Lock())
            await till.till.handle(c.SignIn(who, PIN))
            await do(till, "x-report")
            if not may:
                await till.till.handle(c.Approve("Alex", PIN))
            seen: list[tuple[str, str]] = []
            first = till.till.view.question
            assert first is not None
            assert ("Umsatz", "3,88") in first.rows
            assert ("Bar (1)", "3,88") in first.rows
            assert [left for left, _ in first.rows if "Soll" in left] == ["Einsatz 1: Soll"]
            while (question := till.till.view.question) is not None:
                await screen.pause()
                for left, right in question.rows:
                    assert any(left in row and right in row for row in screen.text.splitlines()), (
                        left,
                        right,
                    )
                assert all(f"{at}  " in screen.text for at in range(1, len(question.options) + 1))
                seen += question.rows
                if len(question.options) > 1:
                    await say(till, "#2")
                    back = till.till.view.question
                    assert back is not None
                    assert back.fields["page"] == int(question.fields["page"]) - 1
                    await say(till, "#1")
                await say(till, "#1")
            paper = [
                (row.left, row.right) for row in papers(till)[-1].rows if row.style != "rule" and row.left
            ]
            assert len(paper) > 12
            assert [row for row in paper if row not in seen] == []

    run(case)


def test_a_count_in_between_tells_the_difference_only_to_those_who_may_see_it() -> None:
    async def case() -> None:
        till = shop()
        await ready(till)
        await sell(till, MILK)
        await do(till, "cash-check")
        await count(till, "1x100")
        assert said(till) == "count-kept"
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await do(till, "cash-check")
        await count(till, "1x100")
        message = till.till.view.message
        assert message is not None
        assert (message.code, message.fields) == ("count-difference", {"amount": -139})

    run(case)


def test_line_mode_does_a_whole_day() -> None:
    counted = "1x50 1x1 1x0,20 1x0,10 1x0,05 2x0,02"
    script = (
        *(f"sign-in Kim {PIN}", "100,00", ""),
        *(f"scan {MILK}", "key cash"),
        *("key cash-drop", "50,00", "", "B-17", ""),
        *("key close-day", "1", "", counted, "", "=", "", "1", "", ""),
        *(("1", "") * 5),
    )
    lines = iter([line.encode() + b"\n" for line in script])
    till, out = shop(), io.StringIO()

    async def read() -> bytes:
        return next(lines, b"")

    async def case() -> None:
        await till.open(signed_in=False)
        await LineMode(till.till, load_keymap(), read, out, as_json=True).run()

    run(case)
    views = [line["view"] for line in map(json.loads, out.getvalue().splitlines()) if "view" in line]
    assert len(views) == len(script)
    codes = [view["question"]["code"] for view in views if view["question"] is not None]
    assert list(dict.fromkeys(codes)) == [
        *("float", "drop-amount", "drop-bag"),
        *("close-session", "count", "count-done", "left", "z-shown"),
    ]
    shown = [tuple(row) for view in views if view["question"] is not None for row in view["question"]["rows"]]
    assert ("Z-Nr.", "3-1-1") in shown
    (closed,) = facts(till, DayClosed)
    assert closed.totals.sessions[0].difference_minor == 0
    assert (views[-1]["state"], views[-1]["message"]["code"]) == ("ready", "day-closed")
