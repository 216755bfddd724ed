"""What a terminal cannot tell is shown beside what was asked, and a person with the right states it; both ends are possible."""

from typing import Any

import pytest

from pos.card_facts import PaymentEnded, TerminalClosed
from pos.card_ports import TerminalDay
from pos.domain import commands as c
from pos.domain.card import CardEnd, CardTotals
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import PIN, SHIRT, Shop, run
from tests.tui.test_cards import asked, facts, key, opened, paid, said, settled

CASES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "it lost all it had": ("nothing", None),
    "it says nothing of it": ("no-status", None),
    "its backup is older": ("result", {"receipt": 30}),
    "it tells no numbers": ("result", {"receipt_no": None, "trace_no": None, "turnover_no": None}),
    "another amount": ("result", {"amount_minor": 4_242}),
    "another terminal's": ("result", {"terminal_id": "60000009"}),
}


async def differing(case: str) -> tuple[Shop, FakeTerminal]:
    shop, terminal = await opened(SHIRT)
    await key(shop, "card")
    terminal.ends("unknown")
    await settled(shop)
    found, changes = CASES[case]
    changes = dict(changes) if changes is not None else None
    receipt = changes.pop("receipt", None) if changes is not None else None
    result = None if changes is None else terminal.result(0, receipt=receipt, **changes)
    terminal.answers(found, result)
    await settled(shop)
    assert asked(shop) == "card-differs"
    question = shop.till.view.question
    assert question is not None
    assert question.rows[0][1] == "12,99", "what was asked"
    assert question.rows[1][0].startswith("Gerät"), "what the terminal says"
    await shop.till.handle(c.Choose(3))
    await shop.till.handle(c.Approve("Alex", PIN))
    assert asked(shop) == "card-decide"
    return shop, terminal


@pytest.mark.parametrize("case", CASES)
def test_a_person_states_that_it_was_not_charged_and_it_is_charged_anew(case: str) -> None:
    async def play() -> None:
        shop, terminal = await differing(case)
        await shop.till.handle(c.Choose(2))
        await shop.till.handle(c.Answer("kein Beleg im Gerät"))
        await settled(shop)
        assert paid(shop) == []
        last = facts(shop, PaymentEnded)[-1]
        assert isinstance(last, PaymentEnded)
        assert (last.outcome, last.by, last.note) == ("unpaid", "operator", "kein Beleg im Gerät")
        assert len(last.approvals) == 1
        await key(shop, "card")
        assert len(terminal.asked) == 2, "never by itself: somebody pressed the key"
        assert terminal.request.payment_id != last.payment_id

    run(play)


@pytest.mark.parametrize("case", CASES)
def test_a_person_states_that_it_was_charged_and_the_terminals_day_shows_where_it_was_not(case: str) -> None:
    async def play() -> None:
        shop, terminal = await differing(case)
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Answer("Beleg 0042 liegt vor"))
        await settled(shop)
        assert paid(shop) == [("card", 1_299)]
        assert shop.journal.head.payments.held == ()
        await key(shop, "card-day")
        await shop.till.handle(c.Choose(1))
        terminal.desk.day("1", TerminalDay(CardEnd("completion"), CardTotals((), None, 0)))
        await settled(shop)
        (closed,) = facts(shop, TerminalClosed)
        assert isinstance(closed, TerminalClosed)
        assert (len(closed.watched), closed.difference_minor) == (1, -1_299)
        assert said(shop) == "card-day-differs"

    run(play)


def test_whoever_waits_decides_nothing_and_the_terminal_stays_locked() -> None:
    async def play() -> None:
        shop, terminal = await differing("it lost all it had")
        await shop.till.handle(c.Choose(3))
        await settled(shop)
        assert asked(shop) == "card-differs"
        assert len(shop.journal.head.payments.open) == 1
        terminal.answers("result", terminal.result(0))
        await settled(shop)
        assert paid(shop) == [("card", 1_299)], "what the terminal tells later still counts"

    run(play)
