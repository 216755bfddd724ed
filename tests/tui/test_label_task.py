"""Labels to be hung as a task: it leads to the day's list, and is done with the last label."""

import datetime as dt
from pathlib import Path

from pos.domain import commands as c
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.work import Work
from tests.contract.shop.kit import do
from tests.tui.fakes import Shop, run
from tests.tui.shop_rig import HubBehind, hub_behind
from tests.tui.test_customers import press, said
from tests.tui.test_labels import DAY, EVERYBODY, TODAY, shop_with_changes


def raised(hub: HubBehind, count: int, day: dt.date = TODAY) -> None:
    def add(work: Work, _: None) -> None:
        tasks.add(work, "s", "price-labels", day.isoformat(), data={"count": count})

    do(hub.rig, add, None)


def left(hub: HubBehind) -> list[str]:
    def ask(work: Work, _: None) -> list[str]:
        return [one.key for one in tasks.listing(work, "s", limit=9)]

    return do(hub.rig, ask, None)


async def shop_at(hub: HubBehind) -> Shop:
    with_changes = shop_with_changes()
    shop = Shop(roles=EVERYBODY, shop=hub)
    shop.catalogue.changes = with_changes.catalogue.changes
    await shop.open()
    return shop


def question(shop: Shop) -> tuple[str, list[str]]:
    asked = shop.till.view.question
    return (
        (asked.code, [option.text or option.word for option in asked.options])
        if asked is not None
        else ("", [])
    )


async def rest(shop: Shop) -> None:
    await shop.till.parts.orders.desk.rest()


def test_the_task_leads_to_the_days_list_and_is_done_with_the_last_label(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            raised(hub, 2)
            shop = await shop_at(hub)
            await press(shop, "tasks")
            assert question(shop) == ("tasks", ["2 Preisschilder aufhängen"])
            await press(shop, "tasks", "1")
            assert question(shop)[0] == "labels-list"
            await shop.till.handle(c.Answer("2"))  # the first of them hangs already
            await shop.till.handle(c.Answer("2"))
            await rest(shop)
            assert (said(shop), left(hub)) == ("labels-hung", [TODAY.isoformat()])
            await shop.till.handle(c.Answer("1"))  # print the other one
            await shop.till.handle(c.Answer("1"))  # and all that were printed hang
            await rest(shop)
            assert (said(shop), left(hub)) == ("labels-hung", [])
            await shop.till.handle(c.Cancel())
            await press(shop, "tasks")
            assert said(shop) == "tasks-none"

    run(case)


def test_what_was_hung_without_a_line_is_told_when_the_hub_answers(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            raised(hub, 2)
            shop = await shop_at(hub)
            hub.away = True
            await press(shop, "price-labels", "1", "1", "1")
            await rest(shop)
            assert (said(shop), left(hub)) == ("labels-hung", [TODAY.isoformat()])
            await shop.till.handle(c.Cancel())
            hub.away = False
            await press(shop, "tasks")
            assert (said(shop), left(hub)) == ("tasks-none", [])

    run(case)


def test_labels_that_hung_before_the_task_was_raised_are_done_when_somebody_looks(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            shop = await shop_at(hub)
            await press(shop, "price-labels", "1", "1", "1")
            await rest(shop)
            await shop.till.handle(c.Cancel())
            raised(hub, 2)
            await press(shop, "tasks")
            assert (said(shop), left(hub)) == ("tasks-none", [])

    run(case)


def test_a_day_that_is_over_leads_to_what_does_not_hang_yet(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            raised(hub, 1, TODAY - DAY)
            shop = await shop_at(hub)
            shop.catalogue.changes = {TODAY - DAY: shop.catalogue.changes[TODAY][:1]}
            await press(shop, "tasks")
            assert question(shop) == ("tasks", ["1 Preisschild aufhängen"])
            await shop.till.handle(c.Answer("1"))
            assert question(shop)[0] == "labels-list"
            await shop.till.handle(c.Answer("1"))
            await shop.till.handle(c.Answer("1"))
            await shop.till.handle(c.Cancel())
            await press(shop, "tasks")
            assert (said(shop), left(hub)) == ("tasks-none", [])

    run(case)


def test_a_till_that_knows_nothing_of_the_changes_leaves_the_word_to_a_person(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            raised(hub, 7)
            shop = await shop_at(hub)
            shop.catalogue.changes = {}
            await press(shop, "tasks", "1")
            assert question(shop)[0] == "task"
            await shop.till.handle(c.Answer("2"))
            assert (said(shop), left(hub)) == ("tasks-none", [])

    run(case)
