"""A business day opens by itself, and a wrong clock spoils neither the next day nor any number."""

import asyncio
import datetime as dt

import pytest

from pos.cash_facts import DayOpened
from pos.domain import commands as c
from tests.tui.fakes import MILK, Shop


async def sell(shop: Shop) -> None:
    shop.scan(MILK)
    await shop.till.handle(c.PayCash())


def days_of(*moves: dt.timedelta) -> tuple[list[str], list[int], list[str]]:
    """Business days of the sales made after each move of the clock, their numbers, and the doubts noted."""

    async def run() -> tuple[list[str], list[int], list[str]]:
        shop = Shop()
        await shop.open()
        for move in moves:
            shop.clock.time += move
            await sell(shop)
        doubts = [fact.clock_doubt for fact in shop.journal.facts if isinstance(fact, DayOpened)]
        sales = shop.journal.sales
        return [sale.business_day for sale in sales], [sale.number for sale in sales], doubts

    return asyncio.run(run())


DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


def test_the_next_date_is_the_next_business_day() -> None:
    days, numbers, doubts = days_of(HOUR, DAY, HOUR)
    assert days == ["2026-11-21", "2026-11-22", "2026-11-22"]
    assert numbers == [20417, 20418, 20419]
    assert doubts == [""]


@pytest.mark.parametrize("back", [-HOUR, -12 * HOUR, -DAY])
def test_a_clock_that_falls_back_by_up_to_a_day_stays_in_the_open_day(back: dt.timedelta) -> None:
    days, numbers, _ = days_of(HOUR, back)
    assert days == ["2026-11-21", "2026-11-21"]
    assert numbers == [20417, 20418]


def test_after_a_clock_was_a_year_ahead_the_right_day_opens_again_and_says_why() -> None:
    days, numbers, doubts = days_of(HOUR, 370 * DAY, -370 * DAY, DAY)
    assert days == ["2026-11-21", "2027-11-26", "2026-11-21", "2026-11-22"]
    assert numbers == [20417, 20418, 20419, 20420]
    assert doubts == ["", "the clock fell back from 2027-11-26", ""]


def test_a_clock_before_all_tax_rates_sells_nothing_and_says_why() -> None:
    async def run() -> None:
        shop = Shop()
        await shop.open()
        shop.clock.time = dt.datetime(1970, 1, 1, 0, 5, tzinfo=dt.UTC)
        shop.scan(MILK)
        message = shop.till.view.message
        assert message is not None
        assert message.code == "clock-wrong"
        assert shop.till.view.lines == ()

    asyncio.run(run())


def test_a_sale_over_the_night_of_a_rate_change_has_the_rates_of_the_day_it_is_paid() -> None:
    async def run() -> None:
        shop = Shop()
        await shop.open()
        shop.clock.time = dt.datetime(2020, 12, 31, 23, 59, tzinfo=dt.UTC)
        shop.scan(MILK)
        shop.clock.time = dt.datetime(2021, 1, 1, 0, 1, tzinfo=dt.UTC)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert [str(tax.percent) for tax in sale.taxes] == ["7"]
        assert {(str(line.percent), line.tax) for line in sale.lines} == {("7", "B")}
        assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor == 2 * 139

    asyncio.run(run())
