"""The shop's name on the cashier's screen: where there is room, readable in every theme, in nobody's way."""

import pytest

from pos.brand import NO_BRAND, ShopBrand
from pos.colours import TEXT, contrast
from pos.tui.themes import BRAND, load_theme, theme_names
from tests.tui.fakes import Shop, opened, run

OURS = ShopBrand("Zum Kuckuck", "#7a1f5c", "#ffffff")
SIZES = ((64, 18), (80, 24), (128, 37))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_it_stands_in_the_first_row_alone(theme: str, size: tuple[int, int]) -> None:
    rows: list[list[str]] = []

    async def look(brand: ShopBrand) -> None:
        async with opened(shop := Shop(), size=size, theme=theme, brand=lambda: brand) as screen:
            await shop.sell_sketch()
            await screen.pause()
            rows.append(screen.text.splitlines())

    for brand in (NO_BRAND, OURS):
        run(lambda brand=brand: look(brand))  # type: ignore[misc]
    plain, ours = rows
    assert plain[1:] == ours[1:], "not a price, not a key is another one"
    assert ours[0].startswith(" Zum Kuckuck ") is (size[0] >= 80)
    kept = ours[0].replace(" Zum Kuckuck ", "", 1).split()
    assert [word for word in plain[0].split() if word not in kept] == [], "nothing gave way to it"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_it_greets_whoever_signs_in(size: tuple[int, int]) -> None:
    async def look() -> None:
        async with opened(Shop(), size=size, signed_in=False, brand=lambda: OURS) as screen:
            rows = screen.text.splitlines()
            at = next(at for at, row in enumerate(rows) if row == " Zum Kuckuck")
            assert "Wer arbeitet an dieser Kasse?" in rows[at + 1]
            assert "Kim" in rows[at + 2]

    run(look)


def test_a_name_too_long_for_the_row_is_left_out() -> None:
    long = ShopBrand("x" * 60)

    async def look() -> None:
        async with opened(Shop(), brand=lambda: long) as screen:
            assert "xxx" not in screen.text

    run(look)


def test_what_the_hub_says_while_the_till_works_is_seen_with_the_next_picture() -> None:
    worn = [NO_BRAND]

    async def look() -> None:
        async with opened(shop := Shop(), brand=lambda: worn[0]) as screen:
            assert "Kuckuck" not in screen.text
            worn[0] = OURS
            await shop.sell_sketch()
            await screen.pause()
            assert "Zum Kuckuck" in screen.row("Kuckuck")

    run(look)


@pytest.mark.parametrize("name", theme_names())
def test_it_can_be_read_in_every_theme(name: str) -> None:
    theme = load_theme(name)
    worn = theme.branded(OURS.accent, OURS.on_accent)
    if theme.terminal_colours:
        assert worn.styles[BRAND] == theme.styles["title"], (
            "a terminal that has only its own colours keeps them"
        )
    else:
        style = worn.styles[BRAND]
        assert style.color is not None
        assert style.bgcolor is not None
        assert contrast(str(style.color.name), str(style.bgcolor.name)) >= TEXT
    assert {role: theme.styles[role] for role in theme.inks} == {
        role: worn.styles[role] for role in theme.inks
    }
    assert theme.branded("", "").styles == theme.styles
