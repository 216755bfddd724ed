"""What is written after the thanks comes before whatever the next payment decides."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest

from pos.cash_facts import DayOpened
from pos.domain import commands as c
from pos.domain import events as e
from tests.tui.fakes import MILK, Shop


def test_a_day_opens_once_though_the_drawer_is_noted_while_the_next_sale_is_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        shop = Shop()
        monkeypatch.setattr(shop.drawer, "open", lambda: False)
        await shop.open()
        gate = asyncio.Event()

        def midnight(events: Sequence[e.Event]) -> None:
            if shop.journal.gate is None and any(isinstance(event, e.SalePaid) for event in events):
                shop.clock.time += dt.timedelta(days=1)  # and the note on the drawer is not written yet
                shop.journal.gate = gate

        shop.till.subscribe(midnight)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        shop.scan(MILK)
        paying = asyncio.ensure_future(shop.till.handle(c.PayCash()))
        for _ in range(5):
            await asyncio.sleep(0)
        gate.set()
        await paying
        assert len(shop.journal.sales) == 2
        assert [fact.business_day for fact in shop.journal.facts if isinstance(fact, DayOpened)] == [
            "2026-11-22"
        ]

    asyncio.run(scenario())
