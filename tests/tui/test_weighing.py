"""A weighed article at a till with a scale: the line comes with the weight, or not at all, and nobody waits."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.device_ports import ScaleRefusedError
from pos.domain import commands as c
from pos.domain.weight import Weight
from tests.tui.fakes import APPLES, MILK, Shop, opened, run

CODES = (
    "absent", "silent", "moving", "negative", "zero", "overload", "not-moved", "price", "checksum", "unclear", "fault",
)  # fmt: skip


class FakeScale:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answer: asyncio.Future[Weight] | None = None

    async def weigh(self, text: str, unit_price_minor: int, tare_g: int = 0) -> Weight:
        self.asked.append((text, unit_price_minor))
        self._answer = asyncio.get_running_loop().create_future()
        return await self._answer

    async def says(self, kilograms: str, total_minor: int | None = None) -> None:
        assert self._answer is not None
        self._answer.set_result(Weight(Decimal(kilograms), total_minor))
        await _turns()

    async def fails(self, error: Exception) -> None:
        assert self._answer is not None
        self._answer.set_exception(error)
        await _turns()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Rig:
    def __init__(self) -> None:
        self.scale = FakeScale()
        self.shop = Shop(scale=self.scale)

    async def scan(self, code: str) -> None:
        self.shop.scan(code)
        await _turns()

    @property
    def view(self) -> Any:
        return self.shop.till.view

    @property
    def said(self) -> str:
        return self.view.message.code if self.view.message is not None else ""

    @property
    def lines(self) -> list[tuple[str, Decimal, int, str]]:
        return [(line.text, line.quantity, line.total_minor, line.source) for line in self.view.lines]


def till(story: Any) -> None:
    async def body() -> None:
        rig = Rig()
        await rig.shop.open()
        await story(rig)

    run(body)


def test_the_line_comes_with_the_weight_and_its_price() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        assert rig.view.weighing == "Äpfel Elstar"
        assert not rig.lines
        await rig.scale.says("0.842", 210)
        assert rig.scale.asked == [("Äpfel Elstar", 249)]
        assert rig.lines == [("Äpfel Elstar", Decimal("0.842"), 210, "scale")]
        assert not rig.view.weighing

    till(story)


def test_scans_go_on_while_the_scale_weighs() -> None:
    """Counted, not timed: each scan is a line before the scale has said a word."""

    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        for count in range(1, 21):
            rig.shop.scan(MILK)
            assert len(rig.view.lines) == count
        rig.shop.till.submit(c.SetQuantity(Decimal(3)))
        await rig.scale.says("0.500")
        assert rig.lines[-1][:2] == ("Äpfel Elstar", Decimal("0.500"))
        assert rig.view.quantity == 3, "what was typed is the next article's"

    till(story)


def test_a_payment_waits_for_the_weight_or_for_escape() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(MILK)
        await rig.scan(APPLES)
        await rig.shop.till.handle(c.PayCash())
        assert rig.said == "weighing-first"
        assert not rig.shop.journal.sales
        rig.shop.till.submit(c.Cancel())
        await rig.shop.till.handle(c.PayCash())
        assert len(rig.shop.journal.sales) == 1
        await rig.scale.says("0.500")
        assert rig.view.state == "paid", "a weight that nobody waits for opens no sale"

    till(story)


def test_no_way_to_pay_begins_while_the_scale_weighs() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(MILK)
        await rig.scan(APPLES)
        for key in ("card", "cash-quick", "note-20", "foreign-cash", "tenders"):
            await rig.shop.till.handle(c.Do(key))
            assert rig.view.question is None, key
            assert rig.said == "weighing-first", key
        assert not rig.shop.till.parts.selling.the_cart().tenders

    till(story)


@pytest.mark.parametrize("code", CODES)
def test_no_weight_no_line_and_the_next_sale_goes_on(code: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        await rig.scale.fails(ScaleRefusedError(f"scale-{code}"))
        assert rig.said == f"scale-{code}"
        assert not rig.lines
        await rig.scan(MILK)
        await rig.shop.till.handle(c.PayCash())
        assert len(rig.shop.journal.sales) == 1

    till(story)


@pytest.mark.parametrize(
    ("kilograms", "total", "code"),
    [("0", None, "scale-zero"), ("-0.5", None, "scale-zero"), ("0.842", 211, "scale-amount")],
)
def test_a_weight_that_cannot_be_is_no_line(kilograms: str, total: int | None, code: str) -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        await rig.scale.says(kilograms, total)
        assert rig.said == code
        assert not rig.lines

    till(story)


def test_a_driver_that_fails_costs_one_weighing() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        await rig.scale.fails(RuntimeError("a bug"))
        assert rig.said == "scale-fault"
        await rig.scan(APPLES)
        await rig.scale.says("1.000", 249)
        assert len(rig.lines) == 1

    till(story)


def test_typed_weight_asks_no_scale_and_replaces_one_that_is_awaited() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        rig.shop.till.submit(c.SetQuantity(Decimal("0.3")))
        await rig.scan(APPLES)
        await rig.scale.says("0.842")
        assert [line[1] for line in rig.lines] == [Decimal("0.3")]
        assert len(rig.scale.asked) == 1

    till(story)


def test_one_article_is_weighed_at_a_time() -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(APPLES)
        await rig.scan(APPLES)
        assert rig.said == "weighing-first"
        await rig.scale.says("0.842")
        assert len(rig.lines) == 1

    till(story)


@pytest.mark.parametrize("ends", [c.Lock(), c.ParkCart()])
def test_who_leaves_takes_no_weight_along(ends: c.Command) -> None:
    async def story(rig: Rig) -> None:
        await rig.scan(MILK)
        await rig.scan(APPLES)
        await rig.shop.till.handle(ends)
        before = rig.lines
        await rig.scale.says("0.842")
        assert rig.lines == before

    till(story)


def test_an_article_without_a_price_is_not_weighed() -> None:
    async def story(rig: Rig) -> None:
        shelf = rig.shop.catalogue
        found = shelf.find(APPLES)
        assert found is not None
        free = msgspec.structs.replace(found, price_minor=None)
        shelf.find = lambda _: free  # type: ignore[method-assign,assignment]
        await rig.scan(APPLES)
        assert rig.said == "weighing-no-price"
        assert not rig.scale.asked

    till(story)


def test_the_screen_says_what_is_weighed_and_how_to_leave() -> None:
    async def body() -> None:
        scale = FakeScale()
        async with opened(Shop(scale=scale)) as screen:
            await screen.scan(APPLES)
            assert "Die Waage wiegt: Äpfel Elstar" in screen.text
            await scale.says("0.842", 210)
            await screen.pause()
            assert "2,10" in screen.text
            assert "Die Waage wiegt" not in screen.text

    run(body)
