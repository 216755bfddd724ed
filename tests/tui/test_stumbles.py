"""Where a new cashier stumbled: a number that was meant as something else, a key that said nothing, a step too many."""

import pytest

from pos.domain import commands as c
from pos.domain.drawer import CashRules
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import ALL, Role
from pos.ports import Operator
from tests.tui.fakes import BUTTER, MILK, PIN, Shop, opened, run
from tests.tui.test_questions import Asks
from tests.tui.test_returning import Counter

STRICT = (Role("cashier"), Role("supervisor", (ALL,)))
FOREIGN_EAN = "4006381333931"


async def _paid_by_card() -> Shop:
    """Milk, and the terminal has approved: its receipt number is asked for."""
    shop = Shop()
    await shop.open()
    shop.scan(MILK)
    for command in (c.Do("card"), c.Choose(1)):
        await shop.till.handle(command)
    return shop


def _said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


@pytest.mark.parametrize("number", [BUTTER, FOREIGN_EAN])
def test_an_articles_number_is_no_receipt_number_of_the_card_terminal(number: str) -> None:
    async def case() -> None:
        shop = await _paid_by_card()
        question = shop.till.view.question
        assert question is not None
        assert question.code == "card-number"
        await shop.till.handle(c.Answer(number))
        assert (_said(shop), shop.till.view.question) == ("article-no-number", question)
        assert not shop.journal.sales
        await shop.till.handle(c.Scan(number, "scanner"))
        assert (_said(shop), shop.till.view.question) == ("answer-first", question)
        await shop.till.handle(c.Answer("004711"))
        assert shop.journal.sales[-1].tenders[0].reference == "004711"

    run(case)


@pytest.mark.parametrize("number", [BUTTER, FOREIGN_EAN])
def test_an_articles_number_before_the_return_key_is_told_from_a_receipts(number: str) -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(MILK, BUTTER)
        await counter.back(number)
        assert (counter.said, counter.asked) == ("article-no-receipt", "")
        await counter.back("20417")
        assert counter.asked == "return-lines"

    run(case)


def test_in_the_lists_of_receipts_and_lines_what_is_typed_counts_as_if_it_were_scanned() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(MILK, BUTTER)
        await counter.sell(MILK)
        await counter.back()
        await counter.do(c.Answer("20417"))
        assert counter.asked == "return-lines"
        await counter.do(c.Answer(BUTTER))
        assert counter.asked == "return-reason"
        await counter.do(c.Choose(1))
        assert counter.cart == [("return", "-1", -249)]
        await counter.do(c.Answer(FOREIGN_EAN))
        assert (counter.said, counter.asked) == ("not-on-receipt", "return-lines")

    run(case)


def test_where_codes_may_be_typed_a_digit_alone_chooses_nothing_and_the_meaning_is_shown() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, BUTTER)
            await screen.press("f12")
            await screen.press("f5")
            await screen.type("1")
            assert screen.row(" > 1_").rstrip().endswith("Bio-Vollmilch 3,8 % 1 l")
            assert "Zahl oder Bonnummer + Enter" in screen.text
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            question = screen.shop.till.view.question
            assert question is not None
            assert question.code == "return-lines"
            await screen.type(BUTTER)
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            question = screen.shop.till.view.question
            assert question is not None
            assert question.code == "return-reason"

    run(case)


@pytest.mark.parametrize(
    ("question", "typed", "meant"),
    [
        (Question("try", "amount"), "1250", "12,50"),
        (Question("try", "number"), "3", "3"),
        (Question("try", "date"), "241208", "24.12.2008"),
        (Question("try", "text"), "4000000000013", ""),
        (Question("try", options=(Option("a", "Apfel"),), confirm=True), "1", "Apfel"),
        (Question("try", options=(Option("a", "Apfel"),), confirm=True), "7", "?"),
        (Question("try", "amount", options=(Option("a", "Zählen"),)), "1", "Zählen"),
        (Question("try", "amount", options=(Option("a", "Zählen"),)), "100", "1,00"),
    ],
)
def test_beside_what_is_typed_stands_what_the_question_takes_it_for(
    question: Question, typed: str, meant: str
) -> None:
    async def case() -> None:
        asks = Asks(question)
        async with opened(asks.shop) as screen:
            await asks.till.handle(c.Do("try"))
            await screen.pause()
            await screen.type(typed)
            row = screen.row(f" > {typed}_")
            right = row.partition("_")[2].strip()
            assert right == meant or (meant == "?" and right == screen.shop.till._desk.words("ui.no-number"))

    run(case)


def test_an_amount_with_choices_beside_it_takes_either_and_nothing_is_asked_twice() -> None:
    async def case() -> None:
        for typed, answer in (("1", "left"), ("0", 0), ("2", 2), ("20000", 20_000)):
            asks = Asks(Question("try", "amount", options=(Option("left", "as it was"),)))
            await asks.open()
            await asks.till.handle(c.Answer(typed))
            assert asks.answers == [answer]

    run(case)


def test_more_choices_than_digits_want_enter_and_say_so() -> None:
    async def case() -> None:
        asks = Asks(Question("try", options=tuple(Option(str(n), f"Kasten {n}") for n in range(1, 13))))
        async with opened(asks.shop) as screen:
            await asks.till.handle(c.Do("try"))
            await screen.pause()
            assert "Zahl + Enter" in screen.text
            await screen.type("12")
            assert (screen.row(" > 12_").rstrip().endswith("Kasten 12"), asks.answers) == (True, [])
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert asks.answers == ["12"]

    run(case)


def test_a_number_that_is_nobodys_is_told_at_sign_in_and_in_each_list() -> None:
    async def case() -> None:
        async with opened(signed_in=False) as screen:
            await screen.press("0")
            assert screen.row("Eine 0 steht hier nicht zur Wahl.")
            await screen.press("1")
            assert not screen.row("steht hier nicht zur Wahl")
            await screen.type(PIN)
            await screen.press("enter")
            assert screen.shop.till.view.operator is not None
            await screen.press("f9")
            await screen.press("0")
            assert screen.row("Eine 0 steht hier nicht zur Wahl.")

    run(case)


def test_an_articles_number_typed_while_somebody_must_approve_is_no_persons() -> None:
    async def case() -> None:
        async with opened(Shop(roles=STRICT)) as screen:
            await screen.press("f9")
            await screen.press("1")
            await screen.type(MILK)
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert screen.row("Erst freigeben")
            assert screen.shop.till.view.state == "approval"
            assert screen.app._controls.local.signing_in == ""
            assert "Kim" not in screen.shop.people.seen[1:]

    run(case)


def test_the_parking_key_held_down_says_why_it_does_nothing() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f6")
            await screen.press("f6")
            assert screen.row("F6 eben erst gedrückt")
            assert len(screen.shop.till.view.parked) == 1
            screen.shop.clock.ms += 2_000
            await screen.press("f6")
            assert screen.row("Bio-Vollmilch")

    run(case)


def test_opening_the_drawer_with_the_key_is_confirmed() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        await shop.till.handle(c.OpenDrawer(by_key=True))
        assert _said(shop) == "drawer-key-noted"

    run(case)


def test_leaving_the_question_for_an_own_pin_says_that_nobody_is_signed_in() -> None:
    async def case() -> None:
        shop = Shop()
        shop.people.due = {"1"}
        await shop.open()
        assert shop.till.view.state == "question"
        await shop.till.handle(c.Cancel())
        assert (shop.till.view.state, _said(shop)) == ("signed-out", "pin-due-left")

    run(case)


def test_whoever_chose_a_pin_is_asked_for_the_float_like_everybody() -> None:
    async def case() -> None:
        shop = Shop(cash=CashRules(ask_float=True))
        shop.people.due = {"1"}
        await shop.open()
        for answer in ("4826", "4826"):
            await shop.till.handle(c.Answer(answer))
        question = shop.till.view.question
        assert question is not None
        assert question.code == "float"

    run(case)


def test_a_number_that_is_typed_where_a_receipt_is_asked_for_is_called_no_articles() -> None:
    async def case() -> None:
        async with opened(Shop(), size=(80, 24)) as screen:
            await screen.scan(MILK)
            await screen.press("f12", "f5", "2", "0", "4")
            await screen.settled()
            assert "Artikelnummer" not in screen.text
            assert " Nummer" in screen.row("> 204")

    run(case)


def test_a_scanned_answer_to_a_question_that_takes_none_answers_nothing() -> None:
    async def case() -> None:
        asks = Asks(Question("try", "text"))
        await asks.open()
        await asks.till.handle(c.Answer(MILK, scanned=True))
        assert (asks.said, asks.answers, asks.till.view.state) == ("answer-first", [], "question")
        takes = Asks(Question("try", "text", scans="answer"))
        await takes.open()
        await takes.till.handle(c.Answer(MILK, scanned=True))
        assert takes.answers == [Scanned(MILK)]

    run(case)


def test_more_than_nine_people_sign_in_by_number_and_enter() -> None:
    async def case() -> None:
        shop = Shop()
        shop.people.known += [Operator(str(n), f"Person {n}") for n in range(3, 13)]
        shop.people.pins |= {str(n): PIN for n in range(3, 13)}
        async with opened(shop, signed_in=False) as screen:
            await screen.type("12")
            await screen.press("enter")
            await screen.type(PIN)
            await screen.press("enter")
            assert screen.shop.till.view.operator is not None
            assert screen.shop.till.view.operator.name == "Person 12"

    run(case)
