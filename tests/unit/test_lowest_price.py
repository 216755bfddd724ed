"""The lowest price of the last 30 days, as a table of what may have been before a reduction."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pos.domain.article import Article
from pos.domain.lowest import Lowest
from pos.domain.lowest_price import lowest_30d
from pos.domain.price_past import Past, Ran, ms_of, spans
from pos.domain.price_said import Dated, Held
from pos.domain.promotions import Promotion, Selection

BERLIN = ZoneInfo("Europe/Berlin")
COFFEE = Article("C", "Kaffee 500 g", "B", 800, department=3)
D = dt.date


def at(day: str, time: str = "00:00", zone: dt.tzinfo = BERLIN) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-{day}T{time}").replace(tzinfo=zone)


def ms(day: str, time: str = "00:00", zone: dt.tzinfo = BERLIN) -> int:
    return ms_of(at(day, time, zone))


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(f"2026-{text}")


def undated(*changes: tuple[str, int | None]) -> tuple[Held, ...]:
    """Prices without days, each from a moment ("11-03 14:00") until the next."""
    starts = [_moment(when) for when, _ in changes]
    ends = [*starts[1:], None]
    return tuple(
        Held(start, end, () if minor is None else (Dated(minor),))
        for start, end, (_, minor) in zip(starts, ends, changes, strict=True)
    )


def lists(*prices: tuple[int, str, str], since: str = "01-01") -> tuple[Held, ...]:
    """Price lists with days, brought in together."""
    return (Held(ms(since), None, tuple(Dated(minor, _day(a), _day(b)) for minor, a, b in prices)),)


def _moment(text: str) -> int:
    day, _, time = text.partition(" ")
    return ms(day, time or "00:00")


def _day(text: str) -> dt.date | None:
    return day(text) if text else None


def promotion(first: str, last: str, *, since: str = "01-01", until: str = "", **more: Any) -> Ran:
    given: dict[str, Any] = {"kind": "percent", "percent": Decimal(20), "selection": Selection(skus=("C",))}
    told: dict[str, Any] = {"id": "p", "text": "Aktion", "valid_from": _day(first), "valid_to": _day(last)}
    row = Promotion(**(told | given | more))
    return Ran(_moment(since), _moment(until) if until else None, row)


BASE = undated(("01-01", 1000))
# what was before, the promotions, the moment, then the lowest price and whether it may be announced (None: nothing to name)
TABLE: dict[str, tuple[tuple[Held, ...], tuple[Ran, ...], dt.datetime, tuple[int, bool] | None]] = {
    "never another price": (BASE, (), at("11-23"), (1000, False)),
    "a promotion": (BASE, (promotion("11-23", "11-28"),), at("11-23"), (1000, True)),
    "its last day": (BASE, (promotion("11-23", "11-28"),), at("11-28", "23:59"), (1000, True)),
    # once it is over its own price is the lowest, for whoever announces the next one
    "the day after": (BASE, (promotion("11-23", "11-28"),), at("11-29"), (800, False)),
    "not yet begun": (BASE, (promotion("11-23", "11-28"),), at("11-22", "23:59"), (1000, False)),
    "it lasts longer than 30 days": (BASE, (promotion("08-01", "12-24"),), at("11-23"), (1000, True)),
    # the window is half open: what ended at its very beginning does not count, a minute later it does
    "30 days before, to the minute": (
        undated(("01-01", 700), ("10-24", 1000)), (promotion("11-23", ""),), at("11-23"), (1000, True)),
    "a minute within the 30 days": (
        undated(("01-01", 700), ("10-24 00:01", 1000)), (promotion("11-23", ""),), at("11-23"), (700, False)),
    "a drop for a minute": (
        undated(("01-01", 1000), ("11-02 10:00", 750), ("11-02 10:01", 1000)), (promotion("11-23", "", percent=Decimal(30)),),
        at("11-23"), (750, True)),
    # the summer time ends within the window: 30 days by the calendar, not 720 hours
    "summer time": (
        undated(("01-01", 700), ("09-26 00:00", 1000)), (promotion("10-26", ""),), at("10-26"), (1000, True)),
    "a promotion inside the window": (
        BASE, (promotion("11-05", "11-10", percent=Decimal(30)), promotion("11-23", "", id="q")), at("11-23"), (700, False)),
    "a smaller one inside the window": (
        BASE, (promotion("11-05", "11-10", percent=Decimal(10)), promotion("11-23", "", id="q")), at("11-23"), (900, True)),
    "one that was called off inside the window": (
        BASE, (promotion("11-01", "", percent=Decimal(30), until="11-06 12:00"), promotion("11-23", "", id="q")),
        at("11-23"), (700, False)),
    "one that never came to hold": (
        BASE, (promotion("12-01", "", percent=Decimal(90), until="11-06 12:00"), promotion("11-23", "", id="q")),
        at("11-23"), (1000, True)),
    "a happy hour was a price too": (
        BASE, (promotion("11-05", "11-05", percent=Decimal(50), time_from=dt.time(16), time_to=dt.time(18)), promotion("11-23", "", id="q")),
        at("11-23"), (500, False)),
    "a weekday was a price too": (
        BASE, (promotion("11-01", "11-15", percent=Decimal(50), weekdays=(3,)), promotion("11-23", "", id="q")), at("11-23"), (500, False)),
    "a night was a price too": (
        BASE, (promotion("11-05", "11-05", percent=Decimal(50), time_from=dt.time(22), time_to=dt.time(2)), promotion("11-23", "", id="q")),
        at("11-23"), (500, False)),
    "happy hours now are on no shelf": (
        BASE, (promotion("11-23", "", time_from=dt.time(8), time_to=dt.time(20)),), at("11-23", "12:00"), (800, False)),
    "coupons and groups are single customers'": (
        BASE, (promotion("", "", coupon="X"), promotion("", "", groups=("staff",), id="q"), promotion("11-23", "", id="r", percent=Decimal(5))),
        at("11-23"), (1000, True)),
    "another article's": (BASE, (promotion("11-01", "", selection=Selection(skus=("T",))),), at("11-23"), (1000, False)),
    "the department's": (BASE, (promotion("11-01", "", selection=Selection(departments=(3,))),), at("11-23"), (1000, True)),
    "the department's without it": (
        BASE, (promotion("11-01", "", selection=Selection(departments=(3,), without_skus=("C",))),), at("11-23"), (1000, False)),
    # step by step without a pause: the price before the first step
    "step by step": (
        BASE,
        (promotion("11-10", "11-15", percent=Decimal(10)), promotion("11-16", "11-22", id="q"), promotion("11-23", "", id="r", percent=Decimal(50))),
        at("11-23"), (1000, True)),
    "step by step over more than 30 days": (
        BASE, (promotion("09-01", "10-31", percent=Decimal(10)), promotion("11-01", "", id="q")), at("11-23"), (1000, True)),
    "step by step with a day between": (
        BASE, (promotion("11-10", "11-15", percent=Decimal(10)), promotion("11-17", "", id="q")), at("11-23"), (900, True)),
    "step by step by a list": (
        lists((1000, "", ""), (900, "11-10", "11-16"), (800, "11-17", "11-30")), (), at("11-23"), (1000, True)),
    "down, then up a little": (
        BASE, (promotion("11-10", "11-15", percent=Decimal(30)), promotion("11-16", "", id="q", percent=Decimal(10))), at("11-23"), (700, False)),
    "an own price that fell for good, then a promotion": (
        undated(("01-01", 1000), ("11-10", 900)), (promotion("11-16", ""),), at("11-23"), (900, True)),
    # several lists
    "a list that ended is no offer": (
        lists((1000, "", "10-31"), (900, "11-01", "")), (), at("11-23"), (1000, False)),
    "an offer above the list": (lists((1000, "", ""), (800, "11-20", "11-25")), (), at("11-23"), (1000, True)),
    "an offer dearer than the list": (lists((700, "", ""), (800, "11-20", "11-25")), (), at("11-23"), (700, False)),
    "an earlier offer in the window": (
        lists((1000, "", ""), (850, "11-01", "11-03"), (900, "11-20", "11-25")), (), at("11-23"), (850, False)),
    "a season's list, and an offer in it": (
        lists((1200, "", "10-31"), (1000, "11-01", ""), (800, "11-20", "11-25")), (), at("11-23"), (1000, True)),
    "a list that was replaced before it began": (
        (Held(ms("01-01"), ms("11-05"), (Dated(1000), Dated(1, day("11-10"), day("11-12")))), *undated(("11-05", 1000))),
        (promotion("11-23", ""),), at("11-23"), (1000, True)),
    # gaps
    "not sold for a while": (
        undated(("01-01", 1000), ("11-01", None), ("11-20", 1000)), (promotion("11-23", ""),), at("11-23"), (1000, True)),
    "not sold in all of the window": (
        undated(("01-01", 1000), ("10-01", None), ("11-23", 800)), (), at("11-23", "10:00"), (800, False)),
    "back at an offer at once": (
        undated(("01-01", 1000), ("10-01", None), ("11-23", 1000)), (promotion("11-20", ""),), at("11-23"), (800, False)),
    "the price is asked": (undated(("01-01", 1000), ("11-23", None)), (), at("11-23"), None),
    "nothing is known": ((), (promotion("11-23", ""),), at("11-23"), None),
    "before it was known": (undated(("11-24", 1000)), (), at("11-23"), None),
    "a promotion older than what is known": (undated(("11-20", 1000)), (promotion("11-01", ""),), at("11-23"), (800, False)),
    "a price that fell for good": (undated(("01-01", 1000), ("11-20", 900)), (), at("11-23"), (1000, False)),
    "a price that rose": (undated(("01-01", 900), ("11-20", 1000)), (), at("11-23"), (900, False)),
    "an own price that fell within the promotion": (
        undated(("01-01", 1000), ("11-20", 900)), (promotion("11-16", ""),), at("11-23"), (1000, True)),
    "an own price that rose within the promotion": (
        undated(("01-01", 1000), ("11-20", 1100)), (promotion("11-16", ""),), at("11-23"), (800, False)),
    "a day to come": (BASE, (promotion("12-01", ""),), at("12-01"), (1000, True)),
    "a clock that was put back": (
        (Held(ms("01-01"), ms("11-20"), (Dated(1000),)), Held(ms("11-19"), None, (Dated(900),))), (), at("11-23"), (1000, False)),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_the_table(case: str) -> None:
    held, ran, moment, wanted = TABLE[case]
    found = lowest_30d(Past(held, ran), COFFEE, moment)
    assert (found and (found.minor, found.announced)) == wanted


@pytest.mark.parametrize(
    ("zone", "lowest"), [("Europe/Berlin", 1000), ("America/New_York", 1000), ("Asia/Tokyo", 1000)]
)
def test_a_promotion_begins_at_the_midnight_of_the_store(zone: str, lowest: int) -> None:
    there = ZoneInfo(zone)
    past = Past(BASE, (promotion("11-23", "11-23"),))
    begins, ends = at("11-23", zone=there), at("11-24", zone=there)
    minute = dt.timedelta(minutes=1)
    for moment, price in (
        (begins - minute, 1000),
        (begins, 800),
        (ends - minute, 800),
        (ends, 1000),
    ):
        found = lowest_30d(past, COFFEE, moment)
        assert found is not None
        assert (found.price_minor, found.announced) == (price, price == 800)
        assert found.before_ms == (ms_of(begins) if price == 800 else ms_of(moment))


def test_an_undated_price_is_lowest_in_the_zone_in_which_it_still_falls_into_the_window() -> None:
    """The old price ended at midnight in Berlin: six hours before it is midnight in New York."""
    held = undated(("01-01", 700), ("10-24", 1000))
    for zone, lowest in ((BERLIN, 1000), (ZoneInfo("Asia/Tokyo"), 700), (ZoneInfo("America/New_York"), 1000)):
        found = lowest_30d(Past(held, (promotion("11-23", ""),)), COFFEE, at("11-23", "12:00", zone))
        assert found is not None
        assert found.minor == lowest, zone


def test_what_is_known_for_less_than_30_days_says_since_when() -> None:
    for since, known in (("10-23", None), ("10-24", None), ("10-25", day("10-25")), ("11-22", day("11-22"))):
        found = lowest_30d(Past(undated((since, 1000)), (promotion("11-23", ""),)), COFFEE, at("11-23"))
        assert found is not None
        assert (found.minor, found.known_from) == (1000, known)


@pytest.mark.parametrize(
    ("lowest", "price", "percent"),
    [
        (1000, 800, 20),
        (999, 800, 19),
        (1000, 999, 0),
        (199, 99, 50),
        (5, 0, 100),
        (800, 800, 0),
        (700, 800, 0),
    ],
)
def test_the_percentage_is_of_the_lowest_price_and_never_more_than_it_is(
    lowest: int, price: int, percent: int
) -> None:
    assert Lowest(lowest, price, 0, None, offer=True).percent == percent


def test_prices_are_the_same_minute_by_minute_and_as_spans() -> None:
    """A slow look at each quarter of an hour finds no price that the spans have not."""
    for seed in range(12):
        chance = random.Random(seed)
        marks = sorted(chance.sample(range(10 * 96), 3))
        starts = [ms("11-01") + mark * 900_000 for mark in marks]
        held = tuple(
            Held(start, end, (Dated(1000), *(
                Dated(chance.randint(500, 1000), *sorted(D(2026, 11, chance.randint(1, 12)) for _ in "ab"))
                for _ in range(chance.randint(0, 2))
            )))
            for start, end in zip(starts, [*starts[1:], None], strict=True)
        )  # fmt: skip
        ran = (promotion("11-03", "11-06", percent=Decimal(10), weekdays=(2, 4)),
               promotion("11-05", "11-08", id="q", percent=Decimal(30), time_from=dt.time(22), time_to=dt.time(3)))  # fmt: skip
        first, last = ms("11-01"), ms("11-13")
        found = spans(Past(held, ran), COFFEE, BERLIN, first, last, by_hours=True)
        assert [one.end_ms for one in found[:-1]] == [one.start_ms for one in found[1:]]
        assert (found[0].start_ms, found[-1].end_ms) == (first, last)
        for moment in range(first, last, 900_000):
            (alone,) = spans(Past(held, ran), COFFEE, BERLIN, moment, moment + 1, by_hours=True)
            (within,) = [one for one in found if one.start_ms <= moment < one.end_ms]
            assert (within.minor, within.offer) == (alone.minor, alone.offer), (seed, moment)
