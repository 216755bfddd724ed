"""A whole day, in line mode and on the screen: no situation ends without a next key."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pos.domain.rights import declared
from pos.entry import load_keymap
from pos.resources import read_words, shipped_roles, texts
from tests.demo.day import CARD_SITUATIONS, SITUATIONS, Situation, day_shop
from tests.demo.fronts import Front, LineFront, ScreenFront, as_written, path_to
from tests.demo.shop_day import SHOP_SITUATIONS, shop_day
from tests.tui.fakes import GOLDEN, opened, run

EVERY = (*SITUATIONS, *CARD_SITUATIONS, *SHOP_SITUATIONS)
BY_CHANCE = {"staff-page"}
"""Screens with a secret."""
HANDBOOK = Path(__file__).parents[2] / "docs" / "handbook"


async def play(
    front: Front, situations: tuple[Situation, ...] = SITUATIONS, seen: Callable[[str], Any] | None = None
) -> dict[str, list[str]]:
    """What hands did in each situation, where the front keeps it. `seen` looks at the situation of this name, where its picture is taken."""
    hands: dict[str, list[str]] = {}
    for situation in situations:
        if isinstance(front, ScreenFront):
            front.pressed = hands[situation.name] = []
        for at, step in enumerate(situation.steps, start=1):
            await front.do(step)
            if seen is not None and at == situation.picture:
                await seen(situation.name)
        view = front.shop.till.view
        said = view.message.code if view.message is not None else ""
        assert situation.then(view, front.shop), (situation.name, view.state, view.total_minor, said)
        if isinstance(front, ScreenFront):
            front.pressed = []
        await goes_on(front, situation)
    return hands


async def goes_on(front: Front, situation: Situation) -> None:
    """Whatever stands there, somebody who only knows Esc gets on: signs in, and may sell."""
    till = front.shop.till
    view = till.view
    for _ in range(3):
        if view.state not in {"question", "approval", "search", "department"}:
            break
        await front.do("key escape")
        view = till.view
    assert view.state in {"ready", "selling", "paid", "signed-out"}, (situation.name, view.state)


def test_a_day_in_line_mode() -> None:
    async def case() -> None:
        shop = day_shop()
        await shop.open(signed_in=False)
        front = LineFront(shop)
        await play(front)
        assert "internal-error" not in front.said

    run(case)


def test_a_day_on_the_screen() -> None:
    async def case() -> None:
        async with opened(day_shop(), size=(64, 18), signed_in=False) as screen:
            await play(ScreenFront(screen))

    run(case)


def test_a_store_that_sells_in_every_channel_in_line_mode(tmp_path: Path) -> None:
    async def case() -> None:
        with shop_day(tmp_path) as shop:
            await shop.open(signed_in=False)
            front = LineFront(shop)
            await play(front, SHOP_SITUATIONS)
            assert "internal-error" not in front.said

    run(case)


@pytest.mark.parametrize(("size", "language"), [((64, 18), "de"), ((80, 24), "en")])
def test_a_store_that_sells_in_every_channel_on_the_screen(
    tmp_path: Path, size: tuple[int, int], language: str
) -> None:
    """The handbook's keys are those that were pressed. Each screen that it shows is as it was reviewed; `TRESEN_GOLDEN=write` writes them anew."""
    differ = []

    async def case() -> None:
        with shop_day(tmp_path, language) as shop:
            async with opened(shop, size=size, signed_in=False) as screen:

                async def seen(name: str) -> None:
                    if name in BY_CHANCE:
                        return
                    await screen.settled()
                    path = GOLDEN / f"shop-{name}-{size[0]}x{size[1]}.txt"
                    if os.environ.get("TRESEN_GOLDEN") == "write":
                        path.write_text(screen.text, encoding="utf-8")
                    elif path.read_text(encoding="utf-8") != screen.text:
                        differ.append(f"{name}\n{screen.text}")

                hands = await play(ScreenFront(screen), SHOP_SITUATIONS, seen)
        sections = _sections(language)
        for name, pressed in hands.items():
            assert f"{as_written(pressed, language)}." in sections[name], (
                name,
                as_written(pressed, language),
            )

    run(case)
    assert not differ, "\n\n".join(differ)


def test_card_payments_in_line_mode() -> None:
    async def case() -> None:
        shop = day_shop(terminal=True)
        await shop.open(signed_in=False)
        front = LineFront(shop)
        await play(front, CARD_SITUATIONS)
        assert "internal-error" not in front.said

    run(case)


def test_card_payments_on_the_screen() -> None:
    async def case() -> None:
        async with opened(day_shop(terminal=True), size=(64, 18), signed_in=False) as screen:
            await play(ScreenFront(screen), CARD_SITUATIONS)

    run(case)


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_handbook_speaks_of_every_situation_and_names_the_keys_as_they_are(language: str) -> None:
    text = (HANDBOOK / f"{language}.md").read_text(encoding="utf-8")
    marks = {name for mark in re.findall(r"<!-- (.*?) -->", text) for name in mark.split()}
    assert marks == {situation.name for situation in EVERY}
    words = read_words(language)["key"]
    known = {
        f"**{' '.join(path_to(name)).upper()}** ({word})"
        for name, word in words.items()
        if name in load_keymap().names and _way(name)
    }
    paths = re.findall(r"\*\*F9(?: [0-9])+\*\* \(", text)
    assert len(paths) > 15
    assert len(paths) == sum(text.count(key) for key in known if key.startswith("**F9"))
    pictures = re.findall(r"\(pictures/(.*?)\.png\)", text)
    taken = {f"{language}/{situation.name}" for situation in EVERY if situation.picture}
    assert set(pictures) <= taken
    assert all((HANDBOOK / "pictures" / f"{name}.png").is_file() for name in pictures)


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_handbook_says_of_each_right_who_may(language: str) -> None:
    text = (HANDBOOK / f"{language}.md").read_text(encoding="utf-8")
    alone = {right for role in shipped_roles() if role.name == "cashier" for right in role.rights}
    words = texts(language)
    rows = [
        tuple(cell.strip() for cell in row.split("|")[1:3])
        for row in text.splitlines()
        if row.startswith("| ")
    ]
    for right in declared():
        assert words(f"right.{right}") in [row[right not in alone] for row in rows], right


def _sections(language: str) -> dict[str, str]:
    """What stands under a situation's mark, to the next heading."""
    text = (HANDBOOK / f"{language}.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for marks, under in re.findall(r"<!-- (.*?) -->\n(.*?)(?=\n##|\Z)", text, re.DOTALL):
        found |= dict.fromkeys(marks.split(), under)
    return found


def _way(name: str) -> bool:
    try:
        return bool(path_to(name))
    except AssertionError:
        return False


def test_the_situations_are_many_and_have_names_of_their_own() -> None:
    names = [situation.name for situation in EVERY]
    assert len(set(names)) == len(names) >= 25
