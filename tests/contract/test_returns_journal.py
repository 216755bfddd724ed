"""Returns on a real disk: what came back is counted from the journal, also after a restart and by views that were made anew."""

import asyncio
from decimal import Decimal
from pathlib import Path

from pos.bootstrap import OpenTill, create_till, open_till
from pos.domain import commands as c
from pos.facts import decode_fact
from pos.journal.reader import iterate
from pos.journal.rebuild import compare_views
from pos.sale_facts import Sale
from pos.settings import load_settings

PIN = "4711"


def _sales(state: Path) -> list[Sale]:
    facts = (decode_fact(row.kind, row.version, row.body) for row in iterate(state / "journal"))
    return [fact for fact in facts if isinstance(fact, Sale)]


async def _do(till: OpenTill, *commands: c.Command) -> None:
    for command in commands:
        await till.till.handle(command)


def _asked(till: OpenTill) -> str:
    question = till.till.view.question
    return question.code if question is not None else ""


def test_what_came_back_is_known_after_a_restart_and_by_rebuilt_views(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"TRESEN_CASH_ASK_FLOAT": "false"})
    create_till(tmp_path, settings, "t1", "Kim", PIN)

    async def first() -> None:
        async with open_till(tmp_path, settings) as till:
            await _do(till, c.SignIn("Kim", PIN), c.SetQuantity(Decimal(3)), c.Scan("4006381333931"))
            await _do(till, c.SetPrice(250, 1), c.PayCash())
            await _do(till, c.Do("return", "1"), c.Choose(1), c.Answer("1"), c.Choose(1), c.PayCash())

    async def second() -> None:
        async with open_till(tmp_path, settings) as till:
            await _do(till, c.SignIn("Kim", PIN), c.Do("return", "t1-1-1"), c.Choose(1), c.Answer("3"))
            assert _asked(till) == "return-quantity"
            await _do(till, c.Answer("2"), c.Choose(1), c.PayCash())
            await _do(till, c.Do("return", "1"))
            message = till.till.view.message
            assert message is not None
            assert (message.code, _asked(till)) == ("nothing-left", "")

    asyncio.run(first())
    (tmp_path / "views.db").unlink()
    asyncio.run(second())
    assert [sale.total_minor for sale in _sales(tmp_path)] == [750, -250, -500]
    assert [tender.amount_minor for sale in _sales(tmp_path) for tender in sale.tenders] == [750, -250, -500]
    live, fresh = compare_views(tmp_path)
    assert live == fresh
