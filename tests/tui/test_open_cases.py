"""A receipt that is opened at the till shows what its customer wrote, as soon as the hub has said it, and never waits for it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pos.domain import commands as c
from pos.node_ports import ShopAnswer
from sync.hub.shop.cases import core as cases
from sync.hub.shop.cases.messages import Answer, Contact, OpenCase
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.tui.fakes import MILK, SHIRT, WATER, YOGHURT, Shop, run
from tests.tui.test_returns_at_hub import At


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    yield rig
    rig.close()


def written(rig: Rig, about: str, text: str, once: str = "form/1", store: str = "demo") -> None:
    asked = OpenCase(store, "help", "receipt", about, once, text, Contact(email="rq@x.example"))
    do(rig, cases.open_case, asked)


def offered(shop: Shop) -> list[tuple[str, object]]:
    """The choices of the question that are about cases."""
    question = shop.till.view.question
    assert question is not None
    return [
        (option.word, option.fields["number"]) for option in question.options if option.key.startswith("case")
    ]


async def heard(shop: Shop) -> None:
    """What was asked beside the commands is answered."""
    asking = asked_now()
    if asking:
        await asyncio.wait(asking)
    await shop.till.handle(c.Tick())


def asked_now() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "cases-asked"]


async def opened(rig: Rig, text: str = "Das Hemd hat ein Loch") -> tuple[At, str]:
    """A till that has sold milk and a shirt, whose customer wrote."""
    at = await At(rig, "1").open()
    sale = await at.sell(MILK, SHIRT)
    number = f"1-1-{sale.number}"
    written(rig, number, text)
    return at, number


def case_choice(shop: Shop) -> c.Choose:
    question = shop.till.view.question
    assert question is not None
    return c.Choose([option.key for option in question.options].index("case") + 1)


def test_a_return_shows_the_case_of_its_receipt_which_is_read_and_answered_and_the_return_goes_on(
    rig: Rig,
) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        assert await at.do(at.back(number)) == "? return-lines"
        await heard(at.shop)
        assert offered(at.shop) == [("ask.case-open", 1)]
        assert await at.do(case_choice(at.shop)) == "? case"
        question = at.shop.till.view.question
        assert question is not None
        assert question.rows == (("Das Hemd hat ein Loch", "Kunde"),)
        assert await at.do(c.Cancel()) == "? return-lines"
        await at.do(case_choice(at.shop), c.Choose(2), c.Answer("Bringen Sie es vorbei."))
        (brief,) = do(rig, cases.listing, cases.ListCases("demo")).cases
        assert brief.state == "answered"
        assert await at.do(c.Choose(3), c.Choose(2)) == "? return-lines"
        assert [line.pay_minor for line in at.shop.till.view.lines] == [-1299]
        await heard(at.shop)
        assert offered(at.shop) == [("ask.case-answered", 1)]

    run(case)


def test_a_receipt_of_which_nothing_is_left_tells_its_case_as_a_message_with_the_way_there(rig: Rig) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        await at.do(at.back(number))
        await heard(at.shop)
        await at.do(c.Choose(1), c.Choose(2), c.PayCash())
        await at.do(at.back(number))
        await heard(at.shop)
        message = at.shop.till.view.message
        assert message is not None
        assert (message.code, message.fields["number"]) == ("case-aside", 1)
        at.line.away = True
        assert await at.do(at.back(number)) == "nothing-left"

    run(case)


def test_above_a_list_that_is_longer_than_the_screen_stands_which_number_reads_the_case(rig: Rig) -> None:
    async def case() -> None:
        at = await At(rig, "1").open()
        sale = await at.sell(MILK, SHIRT, YOGHURT, WATER, YOGHURT, MILK)
        written(rig, f"1-1-{sale.number}", "Die Milch ist sauer")
        await at.do(at.back(str(sale.number)))
        await heard(at.shop)
        question = at.shop.till.view.question
        assert question is not None
        told = [left for left, _ in question.rows if "Anfrage" in left]
        assert told == [f"Anfrage 1 des Kunden: {len(question.options)} + Enter liest sie"]
        await at.do(case_choice(at.shop), c.Cancel())
        await heard(at.shop)
        assert at.shop.till.view.question == question

    run(case)


def test_the_list_of_receipts_shows_it_too(rig: Rig) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        assert await at.do(c.Do("receipts", number)) == "? receipt-what"
        await heard(at.shop)
        assert offered(at.shop) == [("ask.case-open", 1)]
        assert await at.do(case_choice(at.shop), c.Choose(1)) == "? receipt-what"
        assert await at.do(c.Choose(1)) in {"copy-printing", "no-printer"}

    run(case)


def test_what_waits_comes_before_what_is_answered_and_what_is_closed_is_not_shown(rig: Rig) -> None:
    async def case() -> None:
        at, number = await opened(rig, "eins")
        (first,) = do(rig, cases.listing, cases.ListCases("demo")).cases
        for once, text in (("form/2", "zwei"), ("form/3", "drei")):
            written(rig, number, text, once)
        newest, middle, _ = do(rig, cases.listing, cases.ListCases("demo")).cases
        do(rig, cases.close, cases.Named("demo", newest.case_id))
        do(rig, cases.answer, cases.AnswerAsk(cases.Named("demo", middle.case_id), Answer("ja")))
        shown = []
        for ended in (first, middle, None):
            await at.do(at.back(number))
            await heard(at.shop)
            shown.append(offered(at.shop))
            await at.do(c.Cancel())
            if ended is not None:
                do(rig, cases.close, cases.Named("demo", ended.case_id))
        assert shown == [[("ask.case-open", 1)], [("ask.case-answered", 2)], []]

    run(case)


def test_the_return_waits_for_no_answer_about_cases_and_one_that_comes_late_belongs_to_no_other_receipt(
    rig: Rig,
) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        other = await at.sell(SHIRT)
        hangs, ask = asyncio.Event(), at.line.ask

        async def slow(method: str, path: str, body: bytes = b"", **more: object) -> ShopAnswer:
            if path.startswith("/cases"):
                await hangs.wait()
            return await ask(method, path, body, **more)  # type: ignore[arg-type]

        at.line.ask = slow  # type: ignore[method-assign]
        assert await at.do(at.back(number)) == "? return-lines"
        assert offered(at.shop) == []
        late = asked_now()
        assert await at.do(c.Cancel(), at.back(f"1-1-{other.number}")) == "? return-lines"
        hangs.set()
        assert len(late) == 1
        await asyncio.wait(late)
        await at.do(c.CaseHeard(number, "x", 1, "open"))
        await heard(at.shop)
        assert offered(at.shop) == []

    run(case)


def test_a_silent_hub_shows_nothing_and_one_that_falls_silent_before_it_is_read_says_so_and_ends_nothing(
    rig: Rig,
) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        at.line.fail("before")
        await at.do(at.back(number))
        await heard(at.shop)
        assert offered(at.shop) == []
        await at.do(c.Cancel())
        at.line.fail("")
        await at.do(at.back(number))
        await heard(at.shop)
        at.line.fail("before")
        assert await at.do(case_choice(at.shop)) == "? return-lines"
        message = at.shop.till.view.message
        assert message is not None
        assert message.code == "tasks-hub-away"

    run(case)


def test_a_gift_receipt_shows_nothing_of_who_bought_it_and_the_hub_is_not_even_asked(rig: Rig) -> None:
    async def case() -> None:
        at, number = await opened(rig)
        assert await at.do(at.back(f"{number}-G")) == "? return-gift"
        await heard(at.shop)
        assert offered(at.shop) == []
        assert not [asked for asked in at.line.asked if "/cases" in asked]

    run(case)
