"""What a scan costs on the wire: one frame, few bytes, at any length of the cart; and what a start imports."""

import subprocess
import sys

import pytest

from pos.tui.face import Drawing
from tests.benchmarks.harness import measure_scans
from tests.benchmarks.till_app import till_app
from tests.tui.fakes import MILK, WATER, Shop, opened, run


def test_a_scan_is_exactly_one_frame_of_few_bytes_at_5_and_at_500_lines() -> None:
    short, long = till_app(5), till_app(500)
    samples = measure_scans([short, long], 8, block=4, warm_up=2)
    for candidate in (short, long):
        assert [sample.frames for sample in samples[candidate.name]] == [1] * 8
        assert max(sample.output_bytes for sample in samples[candidate.name]) <= 4096


def test_the_first_scan_after_paying_is_one_repaint_too() -> None:
    async def case() -> None:
        painted: list[int] = []
        async with opened(painted=lambda: painted.append(1)) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            await screen.settled()
            painted.clear()
            await screen.scan(WATER)
            await screen.settled()
            assert painted == [1]
            assert screen.painted() == screen.text

    run(case)


def test_many_events_of_one_turn_are_one_picture() -> None:
    async def case() -> None:
        drawn: list[int] = []
        async with opened() as screen:
            real = screen.app._face._draw

            def counted(width: int, height: int) -> Drawing:
                drawn.append(1)
                return real(width, height)

            screen.app._face._draw = counted
            screen.shop.scan(*[MILK] * 20)
            await screen.pause()
            assert len(drawn) == 1
            assert screen.painted() == screen.text

    run(case)


def test_only_changed_rows_are_painted_while_typing() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            before = list(screen.app.drawing.rows)
            await screen.press("2")
            after = screen.app.drawing.rows
            assert [y for y, row in enumerate(after) if row is not before[y]] == [21]

    run(case)


def test_the_first_frame_is_told_once() -> None:
    async def case() -> None:
        told: list[str] = []
        shop = Shop()
        await shop.open()
        async with shop.app(first_frame=lambda: told.append("first")).run_test() as pilot:
            await pilot.pause()
            shop.scan(MILK)
            await pilot.pause()
        assert told == ["first"]

    run(case)


@pytest.mark.parametrize("size", [(64, 18), (128, 37), (80, 24), (39, 10), (48, 12), (200, 60)])
def test_a_resized_terminal_is_filled_again(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.shop.sell_sketch()
            await screen.pilot.resize_terminal(*size)
            await screen.pause()
            rows = screen.app.drawing.rows
            assert len(rows) == size[1]
            assert {row.cell_length for row in rows} == {size[0]}
            assert screen.painted() == screen.text

    run(case)


def test_the_screen_imports_no_library_of_devices_sync_or_storage() -> None:
    code = """
import sys
import pos.tui.app, pos.tui.setup_app
heavy = ("escpos", "httpx", "biip", "sqlite_utils", "sqlalchemy", "litestar", "sqlite3", "apsw", "qrcode", "PIL")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
