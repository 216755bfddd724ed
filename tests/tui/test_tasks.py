"""The store's tasks at the till, with a real hub behind it: listed, done, a customer's case answered."""

from pathlib import Path

from pos.domain import commands as c
from sync.hub.shop.cases import core as cases
from sync.hub.shop.cases.messages import Contact, OpenCase
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock.levels import levels_of
from tests.contract.hub_kit import link_of
from tests.contract.hub_kit import sale as any_sale
from tests.contract.hub_rig import say_hello
from tests.contract.shop.kit import do
from tests.tui.fakes import MILK, PIN, Shop, run
from tests.tui.shop_rig import HubBehind, hub_behind
from tests.tui.test_customers import press, said, shop_at

QUESTION = OpenCase(
    "s", "help", "receipt", "1-1-7", "form/1", "Der Toaster brennt", Contact(email="rq@x.example")
)


def note(hub: HubBehind, kind: str, key: str) -> None:
    def add(work: Work, _: None) -> None:
        tasks.add(work, "s", kind, key, data={"number": 12, "shelf": "A1"})

    do(hub.rig, add, None)


def listed(shop: Shop) -> list[str]:
    question = shop.till.view.question
    assert question is not None
    return [option.text for option in question.options]


def test_tasks_are_listed_and_one_is_done_also_with_a_name_that_no_path_holds(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            note(hub, "put-back", "order/12/x")
            note(hub, "something-new", "1")
            shop = await shop_at(hub)
            await press(shop, "tasks")
            assert listed(shop) == ["Ware zurücklegen, Bestellung 12", "something new 12"]
            await press_answer(shop, "1")
            question = shop.till.view.question
            assert question is not None
            assert ("Fach", "A1") in question.rows
            await press_answer(shop, "2")
            assert (said(shop), listed(shop)) == ("task-is-done", ["something new 12"])
            await press_answer(shop, "1")
            hub.cut = "after"
            await press_answer(shop, "2")
            assert said(shop) in {"tasks-none", "task-is-done"}
            assert shop.till.view.question is None

    run(case)


def test_a_long_name_of_a_task_leaves_room_for_its_number(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            note(hub, "gift-card-without-hold", "1")
            note(hub, "a-kind-that-is-not-known-here-and-has-a-very-long-name", "2")
            shop = await shop_at(hub)
            await press(shop, "tasks")
            assert listed(shop) == [
                "a kind that is not known here and has a v 12",
                "Geschenkkarte ohne Reservierung belastet 12",
            ]

    run(case)


def test_a_count_that_is_far_off_is_approved_here_by_whoever_may_or_counted_again(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            shop = await shop_at(hub)
            for number, (answer, said_then, left) in enumerate(
                (("1", "task-count-approve", 99), ("2", "task-count-reject", 99)), start=1
            ):
                hub.rig.clock.ms += 5
                await press(shop, "stock-count")
                shop.scan(MILK)
                await shop.till.settle()
                await press_answer(shop, str(99 * number))
                await press_answer(shop, "")
                assert said(shop) == "stock-count-review"
                await press(shop, "tasks")
                assert listed(shop) == ["Zählung freigeben"]
                await press_answer(shop, "1")
                question = shop.till.view.question
                assert question is not None
                assert question.rows == (
                    ("Bio-Vollmilch 3,8 % 1 l", f"{99 * number} statt {99 * (number - 1)}"),
                )
                await press_answer(shop, answer)
                if shop.till.view.state == "approval":
                    await shop.till.handle(c.Approve("Alex", PIN))
                assert said(shop) in {said_then, "tasks-none"}
                levels = do(hub.rig, lambda work, _: levels_of(work, ["s"], ["S1"], "store"), None)
                assert int(levels["s", "S1"].on_hand) == left

    run(case)


def test_a_case_is_read_and_answered_and_its_task_is_gone(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            do(hub.rig, cases.open_case, QUESTION)
            shop = await shop_at(hub)
            await press(shop, "tasks")
            assert listed(shop) == ["Anfrage 1"]
            await press_answer(shop, "1")
            question = shop.till.view.question
            assert question is not None
            assert question.rows == (("Der Toaster brennt", "Kunde"),)
            await press_answer(shop, "2")
            await press_answer(shop, "Bitte vorbeibringen.")
            (brief,) = do(hub.rig, cases.listing, cases.ListCases("s")).cases
            assert brief.state == "answered"
            assert shop.till.view.question is None
            found = do(hub.rig, cases.get, cases.Named("s", brief.case_id))
            assert [one.text for one in found.messages] == ["Der Toaster brennt", "Bitte vorbeibringen."]

    run(case)


def test_a_receipt_that_is_scanned_shows_its_case(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            async with hub.rig.asking_from() as line:
                key = (await say_hello(line, "s")).link_key
            link = link_of("s", key, 7)
            await hub.hear(any_sale(7, link=link))
            project(hub)
            do(hub.rig, cases.open_case, QUESTION)
            note(hub, "put-back", "1")
            shop = await shop_at(hub)
            await press(shop, "tasks")
            await shop.till.handle(c.Scan(f"https://beleg.example/r/{link}"))
            question = shop.till.view.question
            assert question is not None
            assert (question.code, question.fields["about"]) == ("case", "1-1-7")
            await press_answer(shop, "3")
            assert said(shop) == "case-is-closed"
            assert listed(shop) == ["Ware zurücklegen, Bestellung 12"]
            await shop.till.handle(c.Scan("4000000000013"))
            assert said(shop) == "tasks-scan"

    run(case)


def test_without_a_hub_and_with_a_silent_one_it_says_so(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path, store="s") as hub:
            shop = await shop_at(hub)
            hub.away = True
            await press(shop, "tasks")
            assert said(shop) == "tasks-hub-away"
            hub.away = False
            await press(shop, "tasks")
            assert said(shop) == "tasks-none"
        alone = Shop()
        await alone.open()
        await press(alone, "tasks")
        assert said(alone) == "tasks-need-hub"

    run(case)


async def press_answer(shop: Shop, answer: str) -> None:
    await shop.till.handle(c.Answer(answer))


def project(hub: HubBehind) -> None:
    from sync.hub import projector
    from sync.hub.database import transact

    while transact(hub.rig.engine, projector.follow, "s", "1", 1, hub.rig.clock.wall_ms()):
        pass
