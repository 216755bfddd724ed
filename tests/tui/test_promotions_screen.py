"""Promotions on the real screen: under their lines, never cut, and in the thanks."""

from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.domain.promotions import Promotion, Selection
from tests.tui.fakes import MILK, SHIRT, YOGHURT, Shop, code, opened, run

SUMMER = Promotion(
    "summer", "Sommer-Aktion 10 %", "percent", percent=Decimal(10), selection=Selection(("S6",))
)
THREE = Promotion("three", "3 für 2", "n-for-m", n=3, m=2, selection=Selection(("S2",)))
LONG = Promotion(
    "long", "Eine Aktion mit einem Namen, der länger ist als jeder Bildschirm breit", "percent", percent=Decimal(100)
)  # fmt: skip


def test_a_promotion_stands_under_its_line() -> None:
    async def case() -> None:
        async with opened(Shop(promotions=(SUMMER, THREE))) as screen:
            await screen.scan(MILK, SHIRT, YOGHURT)
            rows = screen.text.splitlines()
            at = next(n for n, row in enumerate(rows) if "T-Shirt" in row)
            assert rows[at + 1].strip().startswith("Sommer-Aktion 10 %")
            assert rows[at + 1].rstrip().endswith("-1,30")
            assert rows[at].rstrip().endswith("12,99")
            assert rows[at + 1].index("Sommer") == rows[at].index("T-Shirt") + 2
            await screen.scan(YOGHURT, YOGHURT)
            assert sum("3 für 2" in row for row in screen.text.splitlines()) == 3

    run(case)


@pytest.mark.parametrize("size", [(64, 18), (80, 24), (40, 18), (128, 37)])
def test_no_price_is_cut_however_long_a_promotions_name_is(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(promotions=(LONG,)), size=size) as screen:
            await screen.scan(SHIRT)
            row = screen.row("Eine Akt")
            assert row.rstrip().endswith("-12,99")
            assert len(row) <= size[0]

    run(case)


@pytest.mark.parametrize("size", [(64, 18), (80, 24)])
def test_the_newest_line_is_the_last_row_with_what_is_taken_off_it(size: tuple[int, int]) -> None:
    async def case() -> None:
        every = Promotion("tea", "Tee-Woche", "percent", percent=Decimal(10))
        async with opened(Shop(promotions=(every,)), size=size) as screen:
            for n in range(1, 21):
                await screen.scan(code(500 + n))
                newest = next(r for r in reversed(screen.text.splitlines()) if "Tee-Woche" in r)
                rows = screen.text.splitlines()
                assert (
                    f"Tee Sorte {n:02d}"
                    in rows[rows.index(newest, len(rows) - rows[::-1].index(newest) - 1) - 1]
                )
            await screen.press("pageup")
            assert "Tee Sorte 20" not in screen.text
            shown = [row for row in screen.text.splitlines() if "Tee Sorte" in row]
            assert shown == sorted(shown, key=lambda row: row[row.index("Sorte") :])
            for _ in range(9):
                await screen.press("pageup")
            assert "Tee Sorte 01" in screen.text

    run(case)


def test_a_removed_line_loses_its_promotion_on_the_screen_too() -> None:
    async def case() -> None:
        async with opened(Shop(promotions=(SUMMER,))) as screen:
            await screen.scan(MILK, SHIRT)
            screen.shop.till.submit(c.VoidLast())
            await screen.pause()
            assert "Sommer-Aktion" not in screen.text

    run(case)


def test_the_thanks_say_what_was_saved() -> None:
    async def case() -> None:
        async with opened(Shop(promotions=(SUMMER,))) as screen:
            await screen.scan(SHIRT)
            await screen.press("f12")
            assert screen.row("gespart").split("gespart")[1].split()[0] == "1,30"
            await screen.scan(MILK)
            await screen.press("f12")
            assert "gespart" not in screen.text

    run(case)
