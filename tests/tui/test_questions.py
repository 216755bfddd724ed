"""The till asks, the cashier answers: by number, arrow, touch, typing or a scan, on the screen and in line mode."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import ALL, Approval, Role
from pos.till.flows import Flow, Need
from pos.till.till import Till
from tests.tui.fakes import BUTTER, MILK, PIN, Screen, Shop, opened, run

FRUIT = Question(
    "try", options=(Option("a", "Apple", amount_minor=120), Option("b", "Banana"), Option("c", "Cherry"))
)
STRICT = (Role("cashier"), Role("supervisor", (ALL,)))


class Asks:
    """A shop whose till has one more function, `try`, that asks these questions one after the other."""

    def __init__(self, *steps: Any, **options: Any) -> None:
        self.shop = Shop(**options)
        self.answers: list[Any] = []
        self.ended = False
        self._steps = steps
        self.till: Till = self.shop.till
        self.till.parts.functions["try"] = lambda _: self._flow()

    def _flow(self) -> Flow:
        try:
            for step in self._steps:
                self.answers.append((yield step() if callable(step) else step))
        finally:
            self.ended = True

    async def open(self) -> None:
        await self.shop.open()
        await self.till.handle(c.Do("try"))

    @property
    def said(self) -> str:
        message = self.till.view.message
        return message.code if message is not None else ""


@pytest.mark.parametrize(
    ("question", "typed", "answer"),
    [
        (FRUIT, "2", "b"),
        (Question("try", "amount"), "12,50", 1250),
        (Question("try", "amount"), "1250", 1250),
        (Question("try", "number"), "0,842", Decimal("0.842")),
        (Question("try", "text"), "  A 17 ", "A 17"),
        (Question("try", "text", empty=True), "", None),
    ],
)
def test_a_question_is_answered_in_its_kind(question: Question, typed: str, answer: object) -> None:
    async def case() -> None:
        asks = Asks(question)
        await asks.open()
        assert (asks.till.view.state, asks.till.view.question) == ("question", question)
        await asks.till.handle(c.Answer(typed))
        assert (asks.answers, asks.ended, asks.till.view.state) == ([answer], True, "ready")

    run(case)


@pytest.mark.parametrize(
    ("question", "typed", "said"),
    [
        (FRUIT, "4", "no-such-choice"),
        (FRUIT, "x", "no-such-choice"),
        (FRUIT, "", "answer-needed"),
        (Question("try", "amount"), "12,345", "not-an-amount"),
        (Question("try", "number"), "-1", "not-a-number"),
        (Question("try", "date"), "31.2.2020", "not-a-day"),
        (Question("try", "text"), "x" * 201, "input-too-long"),
    ],
)
def test_a_wrong_answer_is_told_and_the_question_stays(question: Question, typed: str, said: str) -> None:
    async def case() -> None:
        asks = Asks(question)
        await asks.open()
        await asks.till.handle(c.Answer(typed))
        assert (asks.said, asks.till.view.question, asks.answers) == (said, question, [])

    run(case)


def test_a_scan_sells_and_drops_the_question_or_answers_it_or_is_refused() -> None:
    async def case() -> None:
        sells = Asks(FRUIT)
        await sells.open()
        sells.shop.scan(MILK)
        assert (sells.till.view.state, sells.ended, sells.answers) == ("selling", True, [])
        answers = Asks(Question("try", "text", scans="answer"))
        await answers.open()
        answers.shop.scan(MILK)
        assert (answers.answers, answers.till.view.lines) == ([Scanned(MILK)], ())
        refuses = Asks(Question("try", "text", scans="refuse"))
        await refuses.open()
        refuses.shop.scan(MILK)
        await refuses.till.handle(c.PayCash())
        assert (refuses.said, refuses.till.view.state) == ("answer-first", "question")
        await refuses.till.handle(c.Cancel())
        assert (refuses.till.view.state, refuses.ended) == ("ready", True)

    run(case)


def test_what_must_be_awaited_comes_back_and_its_error_reaches_the_function() -> None:
    async def good() -> int:
        await asyncio.sleep(0)
        return 7

    async def bad() -> int:
        raise OSError("no")

    async def case() -> None:
        asks = Asks(good, FRUIT)
        await asks.open()
        await asks.till.handle(c.Choose(1))
        assert asks.answers == [7, "a"]
        fails = Asks(bad, FRUIT)
        await fails.open()
        assert (fails.said, fails.ended, fails.till.view.state) == ("internal-error", True, "ready")

    run(case)


def test_a_right_asked_for_midway_waits_for_another_person_and_goes_on_with_the_approval() -> None:
    async def case() -> None:
        asks = Asks(FRUIT, Need("no-sale"), FRUIT, roles=STRICT)
        await asks.open()
        await asks.till.handle(c.Choose(3))
        assert (asks.till.view.state, asks.till.view.asked_right) == ("approval", "no-sale")
        await asks.till.handle(c.Approve("Alex", PIN))
        given = asks.answers[1]
        assert isinstance(given, Approval)
        assert (given.by, asks.till.view.state) == ("2", "question")
        dropped = Asks(Need("no-sale"), FRUIT, roles=STRICT)
        await dropped.open()
        await dropped.till.handle(c.Cancel())
        assert (dropped.ended, dropped.till.view.state) == (True, "ready")
        alone = Asks(Need("no-sale"), roles=(Role("cashier", ("no-sale",)),))
        await alone.open()
        assert alone.answers == [None]

    run(case)


def test_several_are_ticked_and_enter_takes_them() -> None:
    async def case() -> None:
        async with opened() as screen:
            await on(screen)

    async def on(screen: Screen) -> None:
        till = screen.shop.till
        got: list[Any] = []

        def flow() -> Flow:
            got.append((yield Question("try", "many", FRUIT.options)))

        till.parts.functions["try"] = lambda _: flow()
        till.submit(c.Do("try"))
        await screen.press("1", "3")
        assert "[x] Apple" in screen.text
        await screen.press("1")
        assert "[ ] Apple" in screen.text
        screen.shop.clock.ms += 1_000
        await screen.press("enter")
        assert got == [("c",)]

    run(case)


def test_the_screen_shows_the_choices_takes_a_digit_and_hides_a_secret() -> None:
    async def case() -> None:
        async with opened() as screen:
            await on(screen)

    async def on(screen: Screen) -> None:
        till = screen.shop.till
        got: list[Any] = []

        def flow() -> Flow:
            got.append((yield FRUIT))
            got.append((yield Question("try", "secret")))

        till.parts.functions["try"] = lambda _: flow()
        screen.shop.scan(BUTTER)
        till.submit(c.Do("try"))
        await screen.press("2")
        await screen.type("4711")
        assert "4711" not in screen.text
        assert "> ****" in screen.text
        screen.shop.clock.ms += 1_000
        await screen.press("enter")
        assert got == ["b", "4711"]
        assert [line.text for line in till.view.lines] == ["Butter 250 g"]

    run(case)
