"""Keys: the number pad by its own codes, nothing that quits by accident, lists that a held key cannot answer."""

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from pos.entry import load_keymap
from pos.tui.keypad import PadDriver, pad_key, teach_parser
from tests.tui.fakes import BUTTER, MILK, Shop, opened, run


def keys_of(sent: str) -> list[tuple[str, str | None]]:
    teach_parser()
    found = [event for event in XTermParser().feed(sent) if isinstance(event, events.Key)]
    return [(pad_key(event.key), event.character) for event in found]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("\x1bOk", "cash"),  # application keypad mode
        ("\x1bOm", "void-last"),
        ("\x1bOj", "quantity"),
        ("\x1bOM", "enter"),
        ("\x1b[57413u", "cash"),  # kitty protocol
        ("\x1b[57413;;43u", "cash"),
        ("\x1b[57412;;45u", "void-last"),
        ("\x1b[57411;;42u", "quantity"),
        ("\x1b[57414u", "enter"),
    ],
)
def test_the_pads_operators_are_keys(sent: str, name: str) -> None:
    ((key, _),) = keys_of(sent)
    assert load_keymap().name_of(key) == name


@pytest.mark.parametrize("sent", ["+", "-", "*", "\x1b[43;;43u", "\x1b[45;;45u"])
def test_the_same_signs_on_the_main_keyboard_are_text(sent: str) -> None:
    ((key, character),) = keys_of(sent)
    assert load_keymap().name_of(key) is None
    assert character in ("+", "-", "*")


@pytest.mark.parametrize(
    ("sent", "char"), [("\x1bOp", "0"), ("\x1bOy", "9"), ("\x1bOl", ","), ("\x1bOn", ".")]
)
def test_the_pads_digits_are_digits(sent: str, char: str) -> None:
    assert [character for _, character in keys_of(sent)] == [char]


def test_a_plus_typed_on_the_main_keyboard_takes_no_money() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("plus")
            assert not screen.shop.journal.sales
            assert screen.row("> +_")

    run(case)


@pytest.mark.parametrize(
    "key", ["ctrl+q", "ctrl+c", "ctrl+p", "ctrl+z", "ctrl+backslash", "f13", "shift+tab"]
)
def test_no_key_quits_or_opens_anything_of_textuals(key: str) -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            before = screen.text
            await screen.press(key)
            assert screen.app.is_running
            row = screen.row("hat hier keine Bedeutung")  # a function key is told so
            assert [shown for shown in screen.text.splitlines() if shown.strip() and shown != row] == [
                shown for shown in before.splitlines() if shown.strip()
            ]
            assert bool(row) == (key == "f13")
            assert len(screen.app.screen_stack) == 1

    run(case)


def test_ctrl_c_quits_only_a_demo() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        app = shop.app(demo_ctrl_c=True)
        async with app.run_test() as pilot:
            await pilot.press("ctrl+c")
            await pilot.pause()
        assert app.return_value == 0

    run(case)


def test_a_function_key_without_a_function_says_no() -> None:
    async def case() -> None:
        sounds: list[str] = []
        async with opened(sounds=sounds.append) as screen:
            await screen.press("f13")
            assert sounds == ["blocked"]

    run(case)


def test_escape_clears_the_entry_then_cancels_and_never_a_sale() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.type("3*45")
            await screen.press("escape")
            assert screen.row("> _").endswith("3 x ...")
            await screen.press("escape")
            assert not screen.row("> _").endswith("...")
            await screen.press("escape", "escape")
            assert screen.row("Bio-Vollmilch")

    run(case)


def test_voiding_the_sale_takes_the_same_number_twice() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f9", "5")
            assert "Den ganzen Verkauf (1 Teil) stornieren?" in screen.text
            await screen.press("escape")
            assert screen.row("Bio-Vollmilch")
            await screen.press("f9", "5", "5")
            assert "Bereit." in screen.text

    run(case)


def test_a_held_enter_answers_no_list() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.type("butter")
            await screen.press("enter")
            for _ in range(20):
                screen.shop.clock.ms += 33
                await screen.press("enter")
            assert "Suche „butter“" in screen.text
            await screen.press("down")
            for _ in range(20):
                screen.shop.clock.ms += 33
                await screen.press("enter")
            assert "Suche „butter“" in screen.text
            screen.shop.clock.ms += 400
            await screen.press("enter")
            assert screen.row("Butter 250 g").endswith("2,49")

    run(case)


def test_a_scan_during_a_list_is_sold_and_closes_it() -> None:
    async def case() -> None:
        async with opened() as screen:
            for key in ("f1", "f9"):
                await screen.press(key)
                await screen.scan(MILK)
                assert screen.row("Bio-Vollmilch")
                assert screen.row("> _")

    run(case)


def test_results_are_walked_by_arrows_beyond_the_first_page() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.type("tee")
            await screen.press("enter")
            assert "weitere mit Pfeil nach unten" in screen.text
            await screen.press(*["down"] * 20)
            assert screen.row("> 20  Tee Sorte 20")
            await screen.press("1", "8")
            screen.shop.clock.ms += 400
            await screen.press("enter")
            assert screen.row("Tee Sorte 18").endswith("3,18")

    run(case)


def test_the_key_bar_and_lists_can_be_touched() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK, BUTTER)
            rows = screen.text.splitlines()
            await screen.pilot.click("Face", offset=(rows[23].index("F9") + 3, 23))
            await screen.pause()
            assert "Funktionen" in screen.text
            at = next(i for i, row in enumerate(screen.text.splitlines()) if "Abmelden" in row)
            await screen.pilot.click("Face", offset=(10, at))
            await screen.pause()
            assert "Wer arbeitet an dieser Kasse?" in screen.text
            assert "2 Teile" in screen.text

    run(case)


def test_pasted_text_is_typed_and_confirms_nothing() -> None:
    async def case() -> None:
        async with opened() as screen:
            screen.app.post_message(events.Paste("4000000000013\r\n"))
            await screen.pause()
            assert screen.row("> 4000000000013_").endswith("Artikelnummer")
            await screen.press("enter")
            assert screen.row("Bio-Vollmilch")

    run(case)


def test_the_driver_switches_the_pad_on_and_off_again() -> None:
    written: list[str] = []

    class Recorder(PadDriver):
        def __init__(self) -> None:
            self._writer_thread = True  # type: ignore[assignment]

        def write(self, data: str) -> None:
            written.append(data)

        def flush(self) -> None:
            pass

    def nothing(self: object) -> None:
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.drivers.linux_driver.LinuxDriver.start_application_mode", nothing)
        patch.setattr("textual.drivers.linux_driver.LinuxDriver.stop_application_mode", nothing)
        driver = Recorder()
        driver.start_application_mode()
        driver.stop_application_mode()
    assert written == ["\x1b=\x1b[?1035l", "\x1b[?1035h\x1b>"]
