"""Price labels that are to be hung are one task for each store and day."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec
import pytest

from sync.hub.database import transact
from sync.hub.shop.catalogue.label_tasks import KIND, count_labels
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stores.core import PutAsk, put_store
from sync.hub.shop.stores.messages import PutStore
from tests.contract.hub_kit import NOW_MS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.contract.shop.test_price_history import DAY, HOUR, bring, day, promote, tea

MINUTE = 60_000


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    rig.enrolled("demo", "1")
    rig.enrolled("demo", "2")
    yield rig
    rig.close()


def count(rig: Rig, at_ms: int) -> int:
    """Until nothing is due; how many stores were counted."""
    counted = 0
    while done := transact(rig.engine, tick, count_labels, NOW_MS + at_ms, rig.hub.ids):
        counted += done
    return counted


def listed(rig: Rig, store: str = "demo", state: str = "open") -> list[tuple[str, int]]:
    def ask(work: Work, _: None) -> list[tasks.Task]:
        return tasks.listing(work, store, kind=KIND, state=state, limit=99)

    return [(one.key, msgspec.json.decode(one.data)["count"]) for one in do(rig, ask, None)]


def settle(rig: Rig, key: str) -> None:
    def end(work: Work, _: None) -> tasks.Task:
        return tasks.settle(work, "demo", KIND, key, "demo/1")

    do(rig, end, None)


def offer(minor: int, first: int, last: int) -> list[dict[str, object]]:
    return [{"price_minor": 500}, {"price_minor": minor, "valid_from": day(first), "valid_to": day(last)}]


def test_a_day_with_new_prices_has_one_task_and_a_day_without_has_none(rig: Rig) -> None:
    bring(rig, 0, tea(500), tea(300) | {"sku": "B"}, tea(500, prices=offer(400, 2, 3)) | {"sku": "C"})
    promote(rig, 0, valid_from=day(2), valid_to=day(5))
    for days, wanted in ((0, 0), (1, 0), (2, 2), (3, 0), (4, 1), (5, 0), (6, 1), (7, 0)):
        count(rig, days * DAY)
        assert [one for one in listed(rig) if one[0] == day(days)] == (
            [(day(days), wanted)] if wanted else []
        ), days
    assert listed(rig) == [
        (day(2), 2),
        (day(4), 1),
        (day(6), 1),
    ]  # nobody hung them: they are still to be done


def test_a_price_without_a_day_counts_on_the_day_on_which_it_comes_and_a_new_article_does_not(
    rig: Rig,
) -> None:
    bring(rig, 0, tea(500))
    count(rig, 0)
    bring(rig, DAY, tea(450), tea(300) | {"sku": "B"})
    count(rig, DAY)
    assert listed(rig) == [(day(1), 1)]
    bring(rig, DAY + HOUR, tea(500))  # a mistake, taken back on the same day
    count(rig, DAY + HOUR)
    assert (listed(rig), listed(rig, state="withdrawn")) == ([], [(day(1), 1)])


def test_it_is_never_doubled_and_what_was_done_opens_again_only_for_more(rig: Rig) -> None:
    bring(rig, 0, tea(500), tea(300) | {"sku": "B"})
    bring(rig, DAY, tea(450))
    assert [count(rig, DAY + n) for n in range(3)] == [1, 0, 0]
    settle(rig, day(1))
    bring(rig, DAY + 2 * MINUTE, tea(450, text="Tee, lose"))  # no price
    count(rig, DAY + 3 * MINUTE)
    assert (listed(rig), listed(rig, state="done")) == ([], [(day(1), 1)])
    bring(rig, DAY + 5 * MINUTE, tea(250) | {"sku": "B"})
    count(rig, DAY + 6 * MINUTE)
    assert (listed(rig), listed(rig, state="done")) == ([(day(1), 2)], [])


def test_an_import_that_goes_on_is_counted_once_a_minute(rig: Rig) -> None:
    bring(rig, 0, tea(500))
    assert count(rig, 0) == 1
    bring(rig, 1000, tea(450))
    assert count(rig, 5000) == 0
    assert count(rig, MINUTE) == 1
    assert count(rig, -DAY) == 1, "another day"


def test_each_store_has_its_own_day_and_one_that_is_closed_has_none(rig: Rig) -> None:
    for store, zone, active in (
        ("east", "Asia/Tokyo", True),
        ("west", "America/New_York", True),
        ("shut", "Europe/Berlin", False),
    ):
        rig.enrolled(store, "1")
        do(rig, put_store, PutAsk(store, PutStore(store, time_zone=zone, active=active)))
    bring(rig, 0, tea(500, prices=offer(400, 2, 3)))
    begins = (
        dt.datetime.fromisoformat(day(2)).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000
        - NOW_MS
    )
    found = []
    for hours in (-8, -6, 1, 7):
        count(rig, int(begins) + hours * HOUR)
        found.append([store for store in ("east", "demo", "west", "shut") if listed(rig, store)])
    assert found == [[], ["east"], ["east", "demo"], ["east", "demo", "west"]]
    assert all(listed(rig, store) == [(day(2), 1)] for store in ("east", "demo", "west"))


def test_days_that_are_long_over_are_looked_at_no_more(rig: Rig) -> None:
    bring(rig, 0, tea(500, prices=offer(400, 2, 3)))
    count(rig, 40 * DAY)
    assert listed(rig) == []
    with rig.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from price_turn").scalar_one() == 0
