"""The first run: every question can be answered, skipped where it may be, and gone back from."""

import asyncio
import os
from collections.abc import Callable

from pos.tui.screens.setup import SetupAnswers
from pos.tui.setup_app import Outcome, SetupApp, Trials
from pos.tui.themes import load_theme
from tests.tui.fakes import GOLDEN, run


def setup_app(trials: Trials | None = None) -> SetupApp:
    return SetupApp(theme=load_theme("dark"), trials=trials or Trials())


async def answer(app: SetupApp, *typed: str) -> SetupAnswers | None:
    """Type each answer and Enter; the answers the app came to."""
    async with app.run_test(size=(80, 24)) as pilot:
        for text in typed:
            await pilot.press(*text, "enter")
            await pilot.pause()
        await pilot.pause()
    return app.return_value


def test_the_shortest_way_through_makes_a_till_that_stands_alone() -> None:
    async def case() -> None:
        found = await answer(
            setup_app(), "1", "Laden", "", "", "", "Kim", "4711", "4711", "", "", "", "1", ""
        )
        assert found == SetupAnswers(
            language="de",
            shop_name="Laden",
            address=(),
            tax_number="",
            operator="Kim",
            pin="4711",
            scanner="",
            printer="",
            drawer=False,
            catalogue="",
            hub="",
        )
        assert "4711" not in repr(found)

    run(case)


def test_everything_is_tried_out_on_the_way() -> None:
    asked: list[str] = []

    async def scanner() -> Outcome:
        return Outcome(ok=True, said="4000000000013", value="evdev:/dev/input/by-id/scanner")

    async def test_print(address: str) -> Outcome:
        asked.append(f"print {address}")
        return Outcome(ok=True, said="Gedruckt.")

    async def test_drawer(address: str) -> Outcome:
        asked.append(f"drawer {address}")
        return Outcome(ok=True, said="Offen.")

    async def import_catalogue(path: str, progress: Callable[[int], None]) -> Outcome:
        asked.append(f"import {path}")
        progress(500)
        await asyncio.sleep(0)
        return Outcome(ok=True, said="800 Artikel.")

    trials = Trials(scanner, test_print, test_drawer, import_catalogue)

    async def case() -> None:
        found = await answer(
            setup_app(trials), "2", "Shop", "Lane 1", "10115 Berlin", "DE1", "Kim", "4711", "4711", "",
            "tcp://192.0.2.7:9100", "w", "s", "y", "/media/usb/a.csv", "", "3", "hub", "",
        )  # fmt: skip
        assert found is None, "an address that is none is asked for again"
        assert asked == [
            "print tcp://192.0.2.7:9100",
            "print tcp://192.0.2.7:9100",
            "drawer tcp://192.0.2.7:9100",
            "import /media/usb/a.csv",
        ]

    run(case)


def test_what_came_of_the_file_of_articles_is_a_sentence() -> None:
    async def read(path: str, _progress: Callable[[int], None]) -> Outcome:
        return Outcome(ok=True, said="318") if path == "/a.csv" else Outcome(ok=False)

    async def case() -> None:
        app = setup_app(Trials(import_catalogue=read))
        async with app.run_test(size=(80, 24)) as pilot:
            for text in ("2", "Shop", "", "", "", "Kim", "4711", "4711", "", "", "/b.csv"):
                await pilot.press(*text, "enter")
                await pilot.pause()
            assert "There is no file /b.csv." in app.drawing.text()
            await pilot.press(*["backspace"] * 6, *"/a.csv", "enter")
            await pilot.pause()
            assert "318 articles read. Enter goes on." in app.drawing.text()
            await pilot.press("ctrl+c")

    run(case)


def test_an_address_of_a_hub_and_a_scanner_are_answers() -> None:
    async def scanner() -> Outcome:
        return Outcome(ok=True, said="4000000000013", value="serial:/dev/ttyACM0")

    async def case() -> None:
        app = setup_app(Trials(scanner=scanner))
        found = await answer(
            app, "1", "Laden", "Weg 1", "10115 Berlin", "12/345", "Kim", "4711", "4711", "", "", "", "3",
            "http://10.0.0.1", "", "",
        )  # fmt: skip
        assert found is not None
        assert found.hub_code == ""
        assert (found.hub, found.scanner) == ("http://10.0.0.1", "serial:/dev/ttyACM0")
        assert found.address == ("Weg 1", "10115 Berlin")

    run(case)


def test_a_code_of_the_hub_is_tried_at_once_and_a_refused_one_is_asked_for_again() -> None:
    tried: list[tuple[str, str]] = []

    async def enrol(address: str, code: str) -> Outcome:
        tried.append((address, code))
        good = code == "ABCD-1"
        return Outcome(ok=good, said="demo/3" if good else "The hub refuses: The code is wrong.")

    async def case() -> None:
        app = setup_app(Trials(enrol=enrol))
        first = (
            "2", "Shop", "", "", "", "Kim", "4711", "4711", "", "", "", "3", "http://10.0.0.1", "WRONG",
        )  # fmt: skip
        async with app.run_test(size=(80, 24)) as pilot:
            for text in first:
                await pilot.press(*text, "enter")
                await pilot.pause()
            assert "The code is wrong." in app.drawing.text()
            await pilot.press(*["backspace"] * 5, *"ABCD-1", "enter")
            await pilot.pause()
            assert "Enrolled: till demo/3." in app.drawing.text()
            await pilot.press("enter", "enter")
            await pilot.pause()
        assert app.return_value is not None
        assert app.return_value.hub_code == "ABCD-1"
        assert tried == [("http://10.0.0.1", "WRONG"), ("http://10.0.0.1", "ABCD-1")]

    run(case)


def test_an_enrolment_that_was_broken_off_stands_there_to_be_confirmed() -> None:
    tried: list[tuple[str, str]] = []

    async def enrol(address: str, code: str) -> Outcome:
        tried.append((address, code))
        return Outcome(ok=True, said="demo/3")

    async def case() -> None:
        app = SetupApp(
            theme=load_theme("dark"), trials=Trials(enrol=enrol), begun=("http://10.0.0.1", "ABCD-1")
        )
        async with app.run_test(size=(80, 24)) as pilot:
            for text in ("2", "Shop", "", "", "", "Kim", "4711", "4711", "", "", "", "3", "", "", "", ""):
                await pilot.press(*text, "enter")
                await pilot.pause()
        assert app.return_value is not None
        assert (app.return_value.hub, app.return_value.hub_code) == ("http://10.0.0.1", "ABCD-1")
        assert tried == [("http://10.0.0.1", "ABCD-1")]

    run(case)


def test_two_pins_that_differ_are_asked_for_again_and_escape_goes_back() -> None:
    async def case() -> None:
        app = setup_app()
        async with app.run_test(size=(80, 24)) as pilot:
            for text in ("1", "Laden", "", "", "", "Kim", "4711", "4712"):
                await pilot.press(*text, "enter")
            await pilot.pause()
            assert "Die beiden sind nicht gleich" in app.drawing.text()
            await pilot.press("1", "2", "enter")
            await pilot.pause()
            assert "4 bis 12 Ziffern." in app.drawing.text()
            await pilot.press("escape")
            await pilot.pause()
            assert "> Kim_" in app.drawing.text()
            await pilot.press("escape", "escape", "escape", "escape")
            await pilot.pause()
            assert "> Laden_" in app.drawing.text()
            await pilot.press(*["escape"] * 5)
            await pilot.pause()
            assert "Sprache der Kasse" in app.drawing.text()
            await pilot.press("ctrl+c")
        assert app.return_value is None

    run(case)


def test_a_needed_answer_cannot_be_skipped() -> None:
    async def case() -> None:
        app = setup_app()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("1", "enter", "enter")
            await pilot.pause()
            text = app.drawing.text() + "\n"
            assert "Das wird gebraucht." in text
            assert "überspringen" not in text
            path = GOLDEN / "setup-80x24.txt"
            if os.environ.get("TRESEN_GOLDEN") == "write":
                path.write_text(text, encoding="utf-8")
            assert text == path.read_text(encoding="utf-8")

    run(case)


def test_no_scanner_is_said_and_asked_for_anew() -> None:
    tries: list[int] = []

    async def scanner() -> Outcome:
        tries.append(1)
        return Outcome(ok=False)

    async def case() -> None:
        app = setup_app(Trials(scanner=scanner))
        async with app.run_test(size=(80, 24)) as pilot:
            for text in ("1", "Laden", "", "", "", "Kim", "4711", "4711"):
                await pilot.press(*text, "enter")
            await pilot.pause()
            assert "Kein Scanner gefunden." in app.drawing.text()
            await pilot.press("w", "enter")
            await pilot.pause()
        assert len(tries) == 2

    run(case)
