"""Other currencies to the safe during the day: what is asked, what the facts and papers say, what is left to count."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from pos.cash_facts import CashMoved, DayClosed
from pos.days import Days, follow_days
from pos.domain import commands as c
from pos.domain.tender import ForeignRate, TenderRules
from pos.facts import body_of, decode_fact
from pos.resources import texts
from pos.storage_ports import JournalUnavailableError
from pos.totals import canonical, day_totals
from pos.words import message_text
from tests.tui.fakes import BUTTER, PIN, Shop, run
from tests.tui.test_cash_day import asked, count, do, facts, papers, ready, said, say, shop

RATES = TenderRules(
    foreign=(
        ForeignRate("CHF", Decimal("1.05"), dt.date(2026, 11, 21)),
        ForeignRate("USD", Decimal("0.90"), dt.date(2026, 11, 21)),
    )
)


async def with_francs(given: str = "2000") -> Shop:
    till = shop(tenders=RATES)
    await ready(till)
    till.scan(BUTTER)
    await till.till.handle(c.Do("foreign-cash", given))
    await say(till, "#1")
    return till


def francs(till: Shop) -> int:
    session = till.journal.head.days.current
    assert session is not None
    return session.foreign_in("CHF").expected_minor


def drops(till: Shop) -> list[CashMoved]:
    return [fact for fact in facts(till, CashMoved) if fact.kind == "drop"]


def test_francs_go_to_the_safe_with_bag_and_slip_and_the_count_expects_what_is_left() -> None:
    async def case() -> None:
        till = await with_francs()
        before = till.journal.head.days.current
        assert before is not None
        await do(till, "cash-drop")
        question = till.till.view.question
        assert question is not None
        assert [option.text for option in question.options] == ["EUR", "CHF"], "only what lies in the drawer"
        assert not question.rows, "nobody is told how much there is"
        await say(till, "#2", "15,00", "B-7")
        (drop,) = drops(till)
        assert (drop.currency, drop.amount_minor, drop.bag, drop.case) == ("CHF", -1500, "B-7", "Geldtransit")
        after = till.journal.head.days.current
        assert after is not None
        assert (francs(till), after.expected_minor) == (500, before.expected_minor)
        message = till.till.view.message
        assert message is not None
        assert message_text(message, texts("de")) == "Abgeschöpft: 15,00 CHF."
        slip = [(row.left, row.right) for row in papers(till)[-1].rows]
        assert ("Betrag", "15,00 CHF") in slip
        assert ("Beutel", "B-7") in slip
        await do(till, "close-day", "#1")
        await count(till, "1x50", "1x20", "1x10", "1x1", "2x0,20", "1x0,05", "4x0,01")
        await say(till, "5,00", "", "#1", "", "B-8")
        (closed,) = facts(till, DayClosed)
        (drawer,) = closed.totals.sessions
        (swiss,) = drawer.foreign
        assert (swiss.sales_minor, swiss.expected_minor, swiss.counted_minor) == (2000, 500, 500)
        assert [(one.kind, one.amount_minor, one.count) for one in swiss.moves] == [("drop", -1500, 1)]
        assert drawer.moves == (), "none of it is in the till's own cash"
        rows = [(row.left, row.right) for row in papers(till)[-1].rows]
        assert rows.index(("CHF Abschöpfung (1)", "-15,00")) + 1 == rows.index(("CHF Soll", "5,00"))
        again = day_totals([(1, fact) for fact in till.journal.facts], closed.day)
        assert canonical(again) == canonical(closed.totals)

    run(case)


def test_all_of_it_is_dropped_and_the_report_still_says_so() -> None:
    async def case() -> None:
        till = await with_francs()
        await do(till, "cash-drop", "#2", "20,00", "")
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await do(till, "x-report")
        shown = [(row.left, row.right) for row in papers(till)[-1].rows]
        assert ("CHF Abschöpfung (1)", "-20,00") in shown
        await till.till.handle(c.Cancel())
        await do(till, "cash-drop")
        assert asked(till) == "drop-amount", "nothing else lies in the drawer"
        await till.till.handle(c.Cancel())
        await do(till, "close-day", "#1")
        await count(till, "1x50", "1x20", "1x10", "1x1", "2x0,20", "1x0,05", "4x0,01")
        await say(till, "", "", "#1", "", "")
        (closed,) = facts(till, DayClosed)
        assert [one.currency for one in closed.totals.sessions[0].foreign] == ["CHF"]
        rows = [(row.left, row.right) for row in papers(till)[-1].rows]
        assert ("CHF Abschöpfung (1)", "-20,00") in rows

    run(case)


@pytest.mark.parametrize(
    ("who", "told"), [("Kim", "foreign-not-in-drawer"), ("Alex", "foreign-not-in-drawer-of")]
)
def test_more_francs_than_there_are_do_not_go_and_how_many_there_are_is_told_by_right(
    who: str, told: str
) -> None:
    async def case() -> None:
        till = await with_francs()
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn(who, PIN))
        await do(till, "cash-drop", "#2", "20,01")
        assert (asked(till), said(till)) == ("drop-foreign-amount", told)
        assert drops(till) == []
        await say(till, "20,00", "")
        assert (len(drops(till)), francs(till)) == (1, 0)

    run(case)


def test_francs_that_went_to_the_safe_are_not_given_back_in_their_notes() -> None:
    async def case() -> None:
        till = await with_francs("1000")
        await do(till, "cash-drop", "#2", "10,00", "")
        await do(till, "void-sale", "#1")
        if till.till.view.state == "approval":
            await till.till.handle(c.Approve("Alex", PIN))
        back = till.journal.sales[-1]
        assert {tender.kind for tender in back.tenders} == {"cash"}
        assert francs(till) == 0

    run(case)


def test_a_cut_before_the_drop_is_kept_changes_nothing_and_leaves_no_slip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def case() -> None:
        till = await with_francs()
        printed = len(till.printer.jobs)

        async def fails(*_: object, **__: object) -> None:
            raise JournalUnavailableError("disk-full", "no space")

        await do(till, "cash-drop", "#2", "15,00")
        with monkeypatch.context() as cut:
            cut.setattr(till.journal, "append", fails)
            await say(till, "B-7")
        assert (drops(till), francs(till), len(till.printer.jobs)) == ([], 2000, printed)

    run(case)


def test_a_till_that_starts_again_after_the_drop_knows_what_is_left_without_a_hub() -> None:
    async def case() -> None:
        till = await with_francs()
        till.till.submit(c.HubReported(online=False, acked_epoch=0, acked_seq=0))
        await do(till, "cash-drop", "#2", "15,00", "B-7")
        days = Days()
        for seq, fact in enumerate(till.journal.facts, start=1):
            days = follow_days(days, fact, 1, seq)
        assert days.current is not None
        assert days.current.foreign_in("CHF").expected_minor == 500
        assert days.current.expected_minor == till.journal.head.days.current.expected_minor  # type: ignore[union-attr]

    run(case)


def test_a_drop_of_the_tills_own_cash_is_kept_in_the_bytes_it_always_had() -> None:
    async def case() -> None:
        till = await with_francs()
        await do(till, "cash-drop", "#1", "15,00", "B-7")
        (drop,) = drops(till)
        assert b"currency" not in body_of(drop)
        assert decode_fact("cash.moved", 1, body_of(drop)) == drop
        abroad = msgspec.structs.replace(drop, currency="CHF")
        assert decode_fact("cash.moved", 1, body_of(abroad)) == abroad

    run(case)


def test_a_count_under_way_is_out_of_date_after_a_drop() -> None:
    async def case() -> None:
        till = await with_francs()
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await do(till, "cash-check")
        await count(till, "1x50")
        await say(till, "20,00", "", "#1")
        session = till.journal.head.days.current
        assert session is not None
        assert session.known_count
        await do(till, "cash-drop", "#2", "15,00", "")
        session = till.journal.head.days.current
        assert session is not None
        assert not session.known_count

    run(case)


def test_two_parts_in_francs_go_back_in_francs_only_as_far_as_they_lie_in_the_drawer() -> None:
    async def case() -> None:
        till = shop(tenders=RATES)
        await ready(till)
        till.scan(BUTTER)
        for given in ("200", "200"):
            await till.till.handle(c.Do("foreign-cash", given))
            await say(till, "#1")
        await do(till, "cash-drop", "#2", "1,00", "")
        await do(till, "void-sale", "#1")
        abroad = [one.foreign.given_minor for one in till.journal.sales[-1].tenders if one.foreign]
        assert abroad == [-200], "the other part goes back in the till's own cash"
        assert francs(till) == 100

    run(case)


def test_francs_of_another_insert_do_not_go_back_out_of_this_one() -> None:
    async def case() -> None:
        till = shop(tenders=RATES, own_insert=True)
        await ready(till)
        for name in ("Alex", "Kim"):
            await till.till.handle(c.Lock())
            await till.till.handle(c.SignIn(name, PIN))
            if asked(till) == "float":
                await say(till, "100,00")
        till.scan(BUTTER)
        await till.till.handle(c.Do("foreign-cash", "1000"))
        await say(till, "#1")
        await till.till.handle(c.Lock())
        await till.till.handle(c.SignIn("Alex", PIN))
        await do(till, "void-sale", "#1")
        back = till.journal.sales[-1]
        assert back.total_minor == -249
        assert [one for one in back.tenders if one.foreign is not None] == []
        sessions = till.journal.head.days.open[0].sessions
        assert [one.foreign_in("CHF").expected_minor for one in sessions] == [1000, 0]

    run(case)
