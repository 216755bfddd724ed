"""Quick keys and what is touched: by page key and digit, by touch, for either hand, on wide and narrow screens."""

from typing import Any

import pytest

from pos.quickkeys import Page, QuickKey, QuickKeys
from tests.tui.fakes import MILK, Screen, Shop, opened, run

PAGES = QuickKeys(
    [
        Page("Molkerei", (QuickKey("Milch", article=MILK), QuickKey("Zwanzig", amount_minor=2000))),
        Page("Anderes", (QuickKey("", function="lock"),)),
    ]
)


async def touch(screen: Screen, token: str) -> None:
    row, start, end, _ = next(target for target in screen.app.drawing.targets if target[3] == token)
    await screen.pilot.click(offset=((start + end) // 2, row))
    await screen.pause()


def on(size: tuple[int, int], test: Any, **options: Any) -> None:
    async def case() -> None:
        async with opened(Shop(), size=size, quick_keys=PAGES, **options) as screen:
            await test(screen)

    run(case)


SIZES = ((64, 18), (80, 24), (128, 37))


@pytest.mark.parametrize("size", SIZES)
def test_page_down_and_a_digit_sell_and_the_next_page_is_one_key_on(size: tuple[int, int]) -> None:
    async def case(screen: Screen) -> None:
        till = screen.shop.till
        await screen.press("pagedown", "1")
        assert [line.text for line in till.view.lines] == ["Bio-Vollmilch 3,8 % 1 l"]
        await screen.press("pagedown", "2")
        assert (till.view.state, till.view.change_minor) == ("paid", 2000 - 139)
        await screen.press("pagedown", "pagedown", "1")
        assert till.view.state == "signed-out"

    on(size, case)


@pytest.mark.parametrize("hand", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_sale_needs_nothing_but_touches(size: tuple[int, int], hand: bool) -> None:
    async def case(screen: Screen) -> None:
        till = screen.shop.till
        await touch(screen, "pick:0")
        assert till.view.state == "selling"
        if not any(target[3] == "char:7" for target in screen.app.drawing.targets):
            await touch(screen, "open:pad")
        for key in ("5", "00"):
            await touch(screen, f"char:{key}")
        assert "> 500_" in screen.text
        await touch(screen, "erase:")
        await touch(screen, "char:0")
        await touch(screen, "key:cash")
        assert (till.view.state, till.view.change_minor) == ("paid", 500 - 139)

    on(size, case, left_handed=hand)


def test_the_pad_types_a_pin_and_digits_answer_no_list_meanwhile() -> None:
    async def case() -> None:
        async with opened(Shop(), signed_in=False, quick_keys=PAGES) as screen:
            await touch(screen, "pick:0")
            await touch(screen, "open:pad")
            for digit in "4711":
                await touch(screen, f"char:{digit}")
            await touch(screen, "key:enter")
            assert screen.shop.till.view.operator is not None

    run(case)


def test_the_left_hand_has_its_keys_at_the_left() -> None:
    def columns(screen: Screen) -> dict[str, int]:
        return {token: start for _, start, _, token in screen.app.drawing.targets}

    found: list[dict[str, int]] = []

    async def case(screen: Screen) -> None:
        found.append(columns(screen))

    on((128, 37), case)
    on((128, 37), case, left_handed=True)
    right, left = found
    assert left["pick:0"] < 64 <= right["pick:0"]
    assert left["key:cash"] < right["key:cash"]


def test_a_row_that_did_not_change_stays_the_same_object_on_a_wide_screen() -> None:
    async def case(screen: Screen) -> None:
        await screen.scan(MILK)
        before = screen.app.drawing.rows
        await screen.scan(MILK)
        after = screen.app.drawing.rows
        changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old is not new]
        assert 0 < len(changed) <= 7, changed

    on((128, 37), case)
