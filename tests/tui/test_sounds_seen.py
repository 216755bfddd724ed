"""Whoever cannot hear the till sees everything that it says by a sound."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pos.domain import commands as c
from tests.tui.fakes import APPLES, BEER, BROKEN, MILK, NO_PRICE, UNKNOWN, Screen, Shop, opened, run

Act = Callable[[Screen], Coroutine[Any, Any, None]]


def scan(code: str) -> Act:
    return lambda screen: screen.scan(code)


def press(*keys: str) -> Act:
    return lambda screen: screen.press(*keys)


ACTS: dict[str, tuple[Act, str]] = {
    "an article": (scan(MILK), "ok"),
    "an article with an age": (scan(BEER), "ok"),
    "an unknown code": (scan(UNKNOWN), "unknown"),
    "an article without a price": (scan(NO_PRICE), "unknown"),
    "a broken code": (scan(BROKEN), "blocked"),
    "an article without its weight": (scan(APPLES), "blocked"),
    "nothing to take back": (press("delete"), "blocked"),
    "a key that means nothing": (press("f13"), "blocked"),
}


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
@pytest.mark.parametrize("what", ACTS)
def test_each_sound_changes_the_screen_and_so_does_each_one_after_it(
    what: str, size: tuple[int, int]
) -> None:
    act, sound = ACTS[what]

    async def body() -> None:
        heard: list[str] = []
        async with opened(Shop(), size=size, sounds=heard.append) as screen:
            seen = [screen.text]
            for _ in range(3):
                before = len(heard)
                await act(screen)
                if len(heard) == before:
                    assert what == "a key that means nothing", "each of them is heard"
                seen.append(screen.text)
            assert set(heard) == {sound}
            assert seen[0] != seen[1], "the first one is seen"
            if what != "a key that means nothing":  # which goes on standing there
                assert len(set(seen)) == 4, "so are those after it"

    run(body)


def test_the_same_refusal_is_counted_until_something_else_happens() -> None:
    async def body() -> None:
        async with opened() as screen:
            await screen.scan(BROKEN)
            first = screen.row("Artikelcode")
            await screen.scan(BROKEN)
            assert " 2x " in screen.row(" 2x ")
            screen.shop.till.submit(c.DeviceReported("scanner", "absent"))
            await screen.pause()
            assert " 2x " in screen.text, "news is nobody's act"
            await screen.scan(MILK)
            assert "x " not in screen.row("Artikelcode")
            await screen.scan(BROKEN)
            assert screen.row("Artikelcode") == first

    run(body)


def test_a_key_without_meaning_is_named_until_the_next_key() -> None:
    async def body() -> None:
        async with opened() as screen:
            await screen.press("f13")
            assert "F13 hat hier keine Bedeutung." in screen.text
            await screen.press("1")
            assert "F13 hat" not in screen.text

    run(body)
