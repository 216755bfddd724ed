"""Parking on the screen: one key parks, the same key brings back, a digit chooses among several."""

import pytest

from pos.cart_facts import CartParked, CartResumed
from pos.tui.controls import PARK_GUARD_MS
from tests.tui.fakes import BREAD, BUTTER, MILK, SHIRT, Screen, Shop, opened, run


async def park(screen: Screen, *codes: str, note: str = "") -> None:
    await screen.scan(*codes)
    await screen.type(note)
    await press_park(screen)


async def press_park(screen: Screen) -> None:
    """As a person does: not faster than the guard against a key held down."""
    screen.shop.clock.ms += PARK_GUARD_MS
    await screen.press("f6")


def test_one_key_parks_and_one_key_brings_the_only_one_back() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, BUTTER)
            before = screen.text
            await press_park(screen)
            assert screen.row("Geparkt: 3,88.")
            assert not screen.row("Bio-Vollmilch")
            assert "F6 Holen" in screen.text
            await press_park(screen)
            assert screen.row("ist wieder da: 3,88")
            assert screen.text.splitlines()[:17] == before.splitlines()[:17]
            assert "F6 Parken" in screen.text

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_among_several_one_digit_chooses(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(size=size) as screen:
            await park(screen, MILK, note="blaue Jacke")
            await park(screen, BUTTER)
            await park(screen, SHIRT)
            await press_park(screen)
            assert screen.row("blaue Jacke").endswith(" 1,39")
            assert screen.row("Butter 250 g").endswith(" 2,49")
            assert screen.row("T-Shirt Basic").endswith(" 12,99")
            await screen.type("2")
            assert screen.row("Butter 250 g").startswith("   1")
            assert [cart.total_minor for cart in screen.shop.till.view.parked] == [139, 1299]

    run(case)


def test_the_list_is_walked_by_arrows_and_confirmed_by_enter() -> None:
    async def case() -> None:
        async with opened() as screen:
            for code in (MILK, BUTTER, BREAD):
                await park(screen, code)
            await press_park(screen)
            await screen.press("down", "down")
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert screen.shop.till.view.lines[0].text == "Butter 250 g"

    run(case)


def test_a_number_that_is_not_on_the_list_does_nothing() -> None:
    async def case() -> None:
        async with opened() as screen:
            await park(screen, MILK)
            await park(screen, BUTTER)
            await press_park(screen)
            await screen.type("390")
            assert "Welchen geparkten Verkauf" in screen.text
            await screen.press("escape")
            assert "Welchen geparkten Verkauf" not in screen.text
            assert len(screen.shop.till.view.parked) == 2

    run(case)


def test_a_number_typed_before_the_key_needs_no_list() -> None:
    async def case() -> None:
        async with opened() as screen:
            for code in (MILK, BUTTER):
                await park(screen, code)
            await screen.type("2")
            await press_park(screen)
            assert screen.shop.till.view.lines[0].text == "Butter 250 g"

    run(case)


def test_a_scan_while_the_list_is_open_is_sold_and_closes_it() -> None:
    async def case() -> None:
        async with opened() as screen:
            await park(screen, MILK)
            await park(screen, BUTTER)
            await press_park(screen)
            await screen.scan(BREAD)
            assert "Welchen geparkten Verkauf" not in screen.text
            assert screen.row("Vollkornbrot")

    run(case)


def test_the_key_held_down_parks_once() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await press_park(screen)
            screen.shop.clock.ms += 660  # the longest pause before a terminal's keys repeat
            for _ in range(100):
                await screen.pilot.press("f6")
                screen.shop.clock.ms += 33
            await screen.pause()
            assert [type(fact) for fact in screen.shop.journal.facts] == [CartParked]
            await press_park(screen)
            assert [type(fact) for fact in screen.shop.journal.facts] == [CartParked, CartResumed]

    run(case)


def test_from_the_change_screen_the_parked_sale_comes_back_by_the_same_key() -> None:
    async def case() -> None:
        async with opened() as screen:
            await park(screen, MILK)
            await screen.scan(BUTTER)
            await screen.press("f12")
            await screen.settled()
            assert "RÜCKGELD" in screen.text
            await press_park(screen)
            assert "RÜCKGELD" not in screen.text
            assert screen.row("Bio-Vollmilch")

    run(case)


def test_nothing_to_park_and_nothing_parked_is_said() -> None:
    async def case() -> None:
        async with opened() as screen:
            await press_park(screen)
            assert screen.row("Es ist kein Verkauf geparkt.")
            await screen.scan(MILK)
            await screen.press("delete")
            await press_park(screen)
            assert screen.row("Es gibt keinen Verkauf zu parken.")

    run(case)


def test_the_ready_screen_says_how_many_wait() -> None:
    async def case() -> None:
        async with opened(Shop(language="en")) as screen:
            await park(screen, MILK)
            await screen.press("escape")
            assert screen.row("One sale is parked. F6 brings it back.")
            assert "F6 Resume" in screen.text
            await park(screen, MILK)
            await screen.press("escape")
            assert screen.row("2 sales are parked. F6 brings one back.")

    run(case)


def test_a_parked_sale_is_chosen_by_touch() -> None:
    async def case() -> None:
        async with opened() as screen:
            for code in (MILK, BUTTER):
                await park(screen, code)
            screen.shop.clock.ms += PARK_GUARD_MS
            drawing = screen.app.drawing
            row, start, *_ = next(target for target in drawing.targets if target[3] == "key:park")
            await screen.pilot.click(offset=(start, row))
            await screen.pause()
            row, start, *_ = next(target for target in screen.app.drawing.targets if target[3] == "pick:0")
            await screen.pilot.click(offset=(start + 8, row))
            await screen.pause()
            assert screen.shop.till.view.lines[0].text.startswith("Bio-Vollmilch")

    run(case)


def test_nobody_parks_or_brings_back_without_signing_in() -> None:
    async def case() -> None:
        async with opened() as screen:
            await park(screen, MILK)
            await screen.press("f9", "6")
            await press_park(screen)
            assert [type(fact) for fact in screen.shop.journal.facts] == [CartParked]
            assert "Welchen geparkten" not in screen.text

    run(case)
