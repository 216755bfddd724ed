"""Training: the same till, and nothing of it is real. No reader of sales finds a thing, and it outlives a restart."""

import asyncio
from typing import Any

import pytest

from pos.cart_facts import CartParked
from pos.device_ports import PrintJob
from pos.domain import commands as c
from pos.domain.document import Document
from pos.domain.rights import Role
from pos.facts import Training, kind_of
from pos.mentions import mentions_of
from pos.sale_facts import Sale
from pos.till_facts import DrawerOpenedFact, TrainingBegan, TrainingEnded
from tests.tui.fakes import BUTTER, MILK, PIN, FakeHistory, Shop, opened, run

FREE = (Role("cashier", ("training", "no-sale", "void-cart")), Role("supervisor", ("*",)))


async def training(shop: Shop) -> None:
    await shop.till.handle(c.Do("training"))
    await shop.till.handle(c.Choose(1))


async def begun(**options: Any) -> Shop:
    shop = Shop(roles=FREE, **options)
    await shop.open()
    await training(shop)
    return shop


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_a_sale_in_training_is_of_its_own_kind_and_number_and_no_reader_of_sales_finds_it() -> None:
    async def case() -> None:
        shop = await begun()
        for _ in range(2):
            shop.scan(MILK, BUTTER)
            await shop.till.handle(c.PayCash(500))
        view = shop.till.view
        assert (view.training, view.state, view.unsent, shop.drawer.opened) == (True, "paid", 0, 0)
        assert view.last_sale is not None
        assert (view.last_sale.number, view.last_sale.link) == ("3-1-T2", "")
        trained = [fact for fact in shop.journal.facts if isinstance(fact, Training)]
        assert [kind_of(fact)[0] for fact in trained] == [
            "training.day.opened",
            "training.sale",
            "training.sale",
        ]
        head = shop.journal.head
        assert (head.next_number, head.last_sale, head.business_day) == (20_417, None, "2026-11-21")
        history = FakeHistory(shop.journal)
        assert (await history.recent(9), await history.receipt(1, 1), shop.journal.sales) == ([], None, [])
        assert [key for fact in shop.journal.facts for key in mentions_of(fact)] == []
        await training(shop)
        assert (shop.till.view.training, shop.till.view.last_sale) == (False, None)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        assert ([sale.number for sale in shop.journal.sales], shop.drawer.opened) == ([20_417], 1)
        await training(shop)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        last = shop.till.view.last_sale
        assert last is not None
        assert last.number == "3-1-T3", "numbers go on within an epoch"

    asyncio.run(case())


def test_what_is_looked_up_in_training_is_what_was_done_in_this_training() -> None:
    async def case() -> None:
        shop = Shop(roles=FREE)
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        await training(shop)
        history = shop.till._desk.world.history
        assert history is not None
        assert await history.recent(9) == []
        shop.scan(BUTTER)
        await shop.till.handle(c.PayCash())
        (found,) = await history.recent(9)
        assert isinstance(found.fact, Sale)
        assert (found.fact.number, found.fact.training) == (1, True)
        assert await history.receipt(1, 1) == found
        assert await history.receipt(1, 20_417) is None

    asyncio.run(case())


def test_paper_of_training_says_so_and_the_drawer_stays_shut() -> None:
    async def case() -> None:
        shop = await begun()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.OpenDrawer())
        assert (said(shop), shop.drawer.opened) == ("training-drawer", 0)
        assert not any(isinstance(fact, DrawerOpenedFact) for fact in shop.journal.facts)
        printer = shop.till._desk.world.printer
        assert printer is not None
        printer.submit(PrintJob("d", None, document=Document((), ("DEMO",))))
        receipt, document = shop.printer.jobs
        assert receipt.sale is not None
        assert receipt.sale.training
        assert document.document is not None
        assert document.document.marks == ("TRAINING - kein Beleg", "DEMO")

    asyncio.run(case())


def test_parked_carts_stay_on_their_side() -> None:
    async def case() -> None:
        shop = Shop(roles=FREE)
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart("echt"))
        (real,) = shop.till.view.parked
        await training(shop)
        assert not shop.till.view.parked
        await shop.till.handle(c.ResumeParked(real.cart_id))
        assert said(shop) == "nothing-parked"
        shop.scan(BUTTER)
        await shop.till.handle(c.ParkCart())
        (practised,) = shop.till.view.parked
        await training(shop)
        assert [cart.note for cart in shop.till.view.parked] == ["echt"]
        await shop.till.handle(c.ResumeParked(practised.cart_id))
        assert said(shop) == "no-such-parked"
        assert [cart.cart_id for cart in shop.journal.head.parked] == [real.cart_id]
        parked = [fact for fact in shop.journal.facts if isinstance(fact, CartParked)]
        assert [cart.cart_id for cart in parked] == [real.cart_id]

    asyncio.run(case())


def test_an_open_sale_is_taken_neither_in_nor_out() -> None:
    async def case() -> None:
        shop = Shop(roles=FREE)
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.Do("training"))
        assert (said(shop), shop.till.view.training) == ("training-cart-open", False)
        await shop.till.handle(c.PayCash())
        await training(shop)
        shop.scan(BUTTER)
        await shop.till.handle(c.Do("training"))
        assert shop.till.view.question is not None
        assert shop.till.view.question.code == "training-cart"
        await shop.till.handle(c.Cancel())
        assert (shop.till.view.training, len(shop.till.view.lines)) == (True, 1)
        await training(shop)
        assert (shop.till.view.training, shop.till.view.lines, shop.state.cart) == (False, (), None)
        assert [kind_of(fact)[0] for fact in shop.journal.facts[-2:]] == [
            "training.cart.abandoned",
            "training.ended",
        ]

    asyncio.run(case())


def test_who_may_not_begin_it_asks_and_both_names_are_kept() -> None:
    async def case() -> None:
        shop = Shop(roles=(Role("cashier"), Role("supervisor", ("*",))))
        await shop.open()
        await shop.till.handle(c.Do("training"))
        assert (shop.till.view.state, shop.till.view.asked_right) == ("approval", "training")
        await shop.till.handle(c.Approve("Alex", PIN))
        assert not shop.till.view.training
        await shop.till.handle(c.Choose(1))
        (fact,) = [fact for fact in shop.journal.facts if isinstance(fact, TrainingBegan)]
        assert (fact.operator, [approval.by for approval in fact.approvals]) == ("1", ["2"])

    asyncio.run(case())


@pytest.mark.parametrize("lines", [0, 1])
def test_a_till_that_starts_again_is_still_in_training(lines: int) -> None:
    async def case() -> None:
        shop = await begun()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        for _ in range(lines):
            shop.scan(BUTTER)
        again = Shop(roles=FREE, journal=shop.journal)
        await again.till.start(shop.state.cart, (), None)
        view = again.till.view
        assert (view.training, len(view.lines)) == (True, lines)
        await again.till.handle(c.SignIn("Kim", PIN))
        again.scan(BUTTER)
        await again.till.handle(c.PayCash())
        assert (again.till.view.last_sale or view.last_sale).number == "3-1-T2"  # type: ignore[union-attr]
        assert shop.journal.sales == []

    asyncio.run(case())


def test_a_cut_between_the_fact_and_the_thanks_shows_the_sale_of_training_again() -> None:
    async def case() -> None:
        shop = await begun()
        shop.scan(MILK)
        cart = shop.state.cart
        await shop.till.handle(c.PayCash())
        again = Shop(roles=FREE, journal=shop.journal)
        await again.till.start(cart, (), None)
        assert again.till.view.message is not None
        assert again.till.view.message.fields["number"] == "3-1-T1"
        await training(shop)
        assert isinstance(shop.journal.facts[-1], TrainingEnded)
        real = Shop(roles=FREE, journal=shop.journal)
        await real.till.start(None, (), None)
        assert (real.till.view.training, real.till.view.last_sale, real.till.view.parked) == (False, None, ())

    asyncio.run(case())


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_on_the_screen_nobody_can_miss_it(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(roles=FREE), size=size) as screen:
            await screen.press("f9", "8", "5")
            number = next(row for row in screen.text.splitlines() if "Training beginnen" in row).split()[0]
            await screen.press(number)
            assert screen.row("Nichts zählt")
            screen.shop.clock.ms += 1_000
            await screen.press("1")
            assert "TRAINING" in screen.text.splitlines()[0]
            screen.shop.till.submit(c.Cancel())
            await screen.pause()
            assert screen.row("TRAINING: Nichts davon zählt")
            styles = {segment.style for segment in screen.app.drawing.rows[0]}
            assert len(styles) == 1, "the whole first row is painted in it"
            await screen.press("f9", "8", "5", number)
            assert not screen.shop.till.view.training

    run(case)


async def answer(shop: Shop) -> None:
    """Something to each question, until the function is over."""
    for turn in range(12):
        view = shop.till.view
        if view.state == "approval":
            await shop.till.handle(c.Approve("Alex", PIN))
            continue
        question = view.question
        if question is None:
            return
        typed = {"amount": "500", "number": "1", "date": "24122000"}.get(question.kind, f"1{turn}")
        await shop.till.handle(c.Choose(1) if question.options and not turn % 3 else c.Answer(typed))
        if shop.till.view.question is question:
            await shop.till.handle(c.Answer(""))
    await shop.till.handle(c.Cancel())


@pytest.mark.parametrize("lines", [0, 1])
def test_whatever_is_done_in_training_every_fact_is_one_of_training_and_nothing_real_moves(
    lines: int,
) -> None:
    async def case() -> None:
        shop = Shop(roles=(Role("cashier", ("*",)), Role("supervisor", ("*",))))
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        jobs, opened_before = len(shop.printer.jobs), shop.drawer.opened
        await training(shop)
        began = len(shop.journal.facts)
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        names = shop.till.functions - {"training", "switch", "change-pin"}
        assert len(names) > 10
        for name in sorted(names):
            for typed in ("", "1"):
                if lines and not shop.till.view.lines:
                    shop.scan(BUTTER)
                await shop.till.handle(c.Do(name, typed))
                await answer(shop)
        assert shop.till.view.training
        kinds = [type(fact) for fact in shop.journal.facts[began:]]
        assert set(kinds) == {Training}
        assert len(kinds) > 5
        assert shop.drawer.opened == opened_before
        for job in shop.printer.jobs[jobs:]:
            marks = job.document.marks if job.document is not None else ()
            assert job.sale.training if job.sale is not None else "TRAINING - kein Beleg" in marks
        codes = [
            row.left
            for job in shop.printer.jobs[jobs:]
            if job.document is not None
            for row in job.document.rows
        ]
        assert not [text for text in codes if text.startswith("TRSR")], (
            "a number of training is a real one's too"
        )
        assert len(shop.journal.sales) == 1

    asyncio.run(case())


def test_a_receipt_of_training_is_taken_back_in_training_and_never_for_real() -> None:
    async def case() -> None:
        shop = Shop(roles=(Role("cashier", ("*",)),))
        await shop.open()
        for number in ("T1", "3-1-T2"):
            await training(shop)
            shop.scan(MILK)
            await shop.till.handle(c.PayCash())
            await shop.till.handle(c.Do("return", number))
            await answer(shop)
            assert [line.kind for line in shop.till.view.lines] == ["return"]
            await shop.till.handle(c.Cancel())
            await training(shop)
            assert not shop.till.view.training
            await shop.till.handle(c.Do("return", number))
            assert said(shop) == "receipt-of-training"

    asyncio.run(case())
