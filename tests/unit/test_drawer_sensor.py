"""What the drawer's switch says, and the till's words for it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.printer.drawer import DrawerSensor
from pos.domain import commands as c
from pos.domain.events import Message
from tests.tui.fakes import MILK, Shop, run
from tests.unit.test_printer_status import FINE, status_after, trusting


class Timers:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> Any:
        entry = (seconds, call)
        self.set.append(entry)
        return SimpleNamespace(cancel=lambda: self.set.remove(entry) if entry in self.set else None)

    def run_out(self) -> None:
        due, self.set = self.set, []
        for _, call in due:
            call()


def sensor(*, open_is_high: bool = True) -> tuple[DrawerSensor, Timers, list[str]]:
    told: list[str] = []
    timers = Timers()
    made = DrawerSensor(open_is_high=open_is_high, limit_s=20, tell=told.append, later=timers.later)
    return made, timers, told


@pytest.mark.parametrize("open_is_high", [True, False])
def test_a_drawer_is_told_open_then_left_open_then_shut_whatever_its_polarity(open_is_high: bool) -> None:
    switch, timers, told = sensor(open_is_high=open_is_high)
    for high in (not open_is_high, open_is_high, open_is_high):
        switch.level(high=high)
    assert told == ["open"]
    assert [seconds for seconds, _ in timers.set] == [20]
    timers.run_out()
    switch.level(high=not open_is_high)
    assert told == ["open", "left-open", ""]


def test_a_drawer_that_is_shut_in_time_is_no_news_later() -> None:
    switch, timers, told = sensor()
    switch.level(high=True)
    switch.level(high=False)
    timers.run_out()
    assert told == ["open", ""]


def test_a_printer_that_is_gone_takes_the_drawers_word_with_it() -> None:
    switch, timers, told = sensor()
    switch.level(high=True)
    switch.forget()
    timers.run_out()
    assert told == ["open"]
    switch.level(high=True)
    assert told == ["open", "open"], "still open when the printer is back"


def test_both_answers_that_tell_the_pin_are_read() -> None:
    parser = trusting()
    assert status_after(parser, b"\x14\x00\x00\x00").drawer_high
    assert not status_after(parser, FINE).drawer_high
    parser.expect_realtime(1)
    assert status_after(parser, b"\x16").drawer_high
    parser.expect_realtime(1)
    assert status_after(parser, b"\x1e").drawer_high, "off line, and the pin is told all the same"
    parser.expect_realtime(4)
    assert not status_after(parser, b"\x16").drawer_high, "that is the paper's answer"


def said(shop: Shop) -> str:
    message: Message | None = shop.till.view.message
    return message.code if message is not None else ""


def test_the_next_sale_says_that_the_drawer_is_open_and_is_sold_all_the_same() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.till.submit(c.DeviceReported("drawer", "ready", "open"))
        assert not said(shop)
        shop.scan(MILK)
        assert said(shop) == "drawer-open"
        assert len(shop.till.view.lines) == 1
        shop.till.submit(c.DeviceReported("drawer", "ready", ""))
        assert not said(shop), "it is shut: nothing to say"
        shop.scan(MILK)
        assert not said(shop)

    run(body)


def test_a_drawer_left_open_is_said_and_covers_nothing_graver() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.till.submit(c.DeviceReported("drawer", "ready", "left-open"))
        assert said(shop) == "drawer-left-open"
        shop.till.submit(c.DeviceReported("drawer", "ready", ""))
        shop.scan("4006381333931")
        assert said(shop) == "code-unknown"
        shop.till.submit(c.DeviceReported("drawer", "ready", "left-open"))
        assert said(shop) == "code-unknown"
        await asyncio.sleep(0)

    run(body)
