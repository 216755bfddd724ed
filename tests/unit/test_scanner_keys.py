"""What a scanner types is read by its own keyboard table; a lost key never makes another code."""

import asyncio
import builtins
import errno
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scanner import evdev as driver
from drivers.scanner.address import Address
from drivers.scanner.calibrate import CALIBRATION, detect_layout
from drivers.scanner.layouts import LAYOUTS, UNREADABLE, KeyDecoder
from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from tests.simulators.scanner import Keyboard

US = "abcxyzABCXYZ0123456789-=[];'`\\,./ !@#$%^&*()_+{}:\"~|<>?"
DE = "abcxyzäöüßABCXYZÄÖÜ0123456789+#,.-< !\"§$%&/()=?*';:_>°²³{[]}\\@€~|µ^´`"
ENTER, KP_ENTER, TAB, SHIFT, CTRL, ALT, ALTGR, F8 = 28, 96, 15, 42, 29, 56, 100, 66


def read(decoder: KeyDecoder, keys: Iterable[tuple[int, int]]) -> list[str]:
    return [code for key, value in keys if (code := decoder.feed(key, value)) is not None]


def stroke(*keys: int) -> list[tuple[int, int]]:
    """Keys pressed one after the other, the last ones while the first are held."""
    return [(key, 1) for key in keys] + [(key, 0) for key in reversed(keys)]


def strokes(*keys: int) -> list[tuple[int, int]]:
    return [event for key in keys for event in stroke(key)]


@pytest.mark.parametrize(("layout", "text"), [("us", US), ("de", DE)])
def test_every_character_of_a_layout_is_read_as_the_scanner_meant_it(layout: str, text: str) -> None:
    assert read(KeyDecoder(LAYOUTS[layout]), Keyboard(layout).keys(text)) == [text]


@given(st.lists(st.text(DE, min_size=1, max_size=20), max_size=4))
@settings(database=None, deadline=None)
def test_codes_one_after_the_other_stay_apart(codes: list[str]) -> None:
    keyboard, decoder = Keyboard("de"), KeyDecoder(LAYOUTS["de"])
    assert [text for code in codes for text in read(decoder, keyboard.keys(code))] == codes


@pytest.mark.parametrize("terminator", ["ENTER", "KPENTER", "TAB"])
def test_enter_pad_enter_and_tab_end_a_code(terminator: str) -> None:
    keys = Keyboard(terminator=terminator).keys("4006381333931")
    assert read(KeyDecoder(LAYOUTS["us"]), keys) == ["4006381333931"]


@pytest.mark.parametrize("layout", ["us", "de"])
@pytest.mark.parametrize("gs", ["ctrl", "f8"])
def test_the_gs1_separator_comes_as_ctrl_bracket_or_f8(layout: str, gs: str) -> None:
    code = "]C1010400638133393110ABC\x1d21XYZ"
    assert read(KeyDecoder(LAYOUTS[layout]), Keyboard(layout, gs=gs).keys(code)) == [code]


def test_the_gs1_separator_comes_as_alt_and_pad_digits_too() -> None:
    alt_029 = [(ALT, 1), *strokes(82, 80, 73), (ALT, 0)]
    keys = [*strokes(2), *alt_029, *strokes(3, ENTER)]
    assert read(KeyDecoder(LAYOUTS["us"]), keys) == ["1\x1d2"]


def test_alt_and_pad_digits_are_any_character() -> None:
    windows = [(ALT, 1), *strokes(82, 80, 80, 72), (ALT, 0), *strokes(ENTER)]
    assert read(KeyDecoder(LAYOUTS["us"]), windows) == ["ä"]  # 0228
    dos = [(ALT, 1), *strokes(79, 80, 81), (ALT, 0), *strokes(ENTER)]
    assert read(KeyDecoder(LAYOUTS["us"]), dos) == [bytes([123]).decode("cp437")]
    too_high = [(ALT, 1), *strokes(81, 81, 81), (ALT, 0), *strokes(ENTER)]
    assert read(KeyDecoder(LAYOUTS["us"]), too_high) == [UNREADABLE]


def test_pad_digits_are_digits_and_the_pad_dot_is_a_comma_in_germany() -> None:
    keys = strokes(79, 83, 76, KP_ENTER)
    assert read(KeyDecoder(LAYOUTS["us"]), keys) == ["1.5"]
    assert read(KeyDecoder(LAYOUTS["de"]), keys) == ["1,5"]


def test_accents_are_joined_with_their_letters() -> None:
    decoder = KeyDecoder(LAYOUTS["de"])
    assert read(decoder, strokes(13, 18, 41, 30, 13, 45, ENTER)) == ["éâ´x"]


def test_control_m_ends_a_code() -> None:
    assert read(KeyDecoder(LAYOUTS["us"]), [*strokes(2, 3), *stroke(CTRL, 50)]) == ["12"]


def test_control_and_alt_together_are_altgr() -> None:
    assert read(KeyDecoder(LAYOUTS["de"]), [*stroke(CTRL, ALT, 16), *strokes(ENTER)]) == ["@"]


def test_a_key_without_a_character_breaks_the_code_and_does_not_shorten_it() -> None:
    us = KeyDecoder(LAYOUTS["us"])
    assert read(us, [*strokes(2), *stroke(ALTGR, 16), *strokes(3, ENTER)]) == [f"1{UNREADABLE}2"]
    assert read(us, [*strokes(2), *stroke(CTRL, 3), *strokes(ENTER)]) == [f"1{UNREADABLE}"]
    assert read(us, strokes(58, 60, 113, 2, ENTER)) == ["1"]  # Caps Lock, F2 and mute type nothing


def test_repeats_by_the_kernel_and_enter_alone_are_nothing() -> None:
    assert read(KeyDecoder(LAYOUTS["us"]), [(2, 1), (2, 2), (2, 2), (2, 0), *strokes(ENTER, ENTER)]) == ["1"]


def test_half_a_code_is_forgotten_on_reset_with_the_keys_held() -> None:
    decoder = KeyDecoder(LAYOUTS["us"])
    read(decoder, [*strokes(5, 11), (SHIFT, 1)])
    assert decoder.reset()
    assert not decoder.reset()
    assert read(decoder, strokes(2, 3, ENTER)) == ["12"]


def test_an_endless_code_is_dropped() -> None:
    decoder = KeyDecoder(LAYOUTS["us"])
    assert read(decoder, strokes(*[2] * 20_000)) == []
    assert read(decoder, strokes(2, ENTER, 2, 3, ENTER)) == ["", "12"]


@pytest.mark.parametrize("layout", ["us", "de"])
def test_the_calibration_code_shows_the_layout(layout: str) -> None:
    assert detect_layout(Keyboard(layout).keys(CALIBRATION)) == layout


def test_other_codes_show_no_layout() -> None:
    assert detect_layout(Keyboard("us").keys("4006381333931x")) is None
    assert detect_layout(Keyboard("us").keys(CALIBRATION[::-1])) is None
    assert detect_layout([]) is None


@pytest.mark.parametrize(("scanner", "table"), [("us", "de"), ("de", "us")])
def test_a_layout_set_wrong_is_always_visible_in_the_calibration_code(scanner: str, table: str) -> None:
    (seen,) = read(KeyDecoder(LAYOUTS[table]), Keyboard(scanner).keys(CALIBRATION))
    assert seen != CALIBRATION


class Event(msgspec.Struct, frozen=True):
    type: int
    code: int
    value: int


class Notes:
    """A Health that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def seen(self) -> None: ...
    def busy(self, detail: str = "") -> None: ...
    def ready(self, detail: str = "") -> None: ...
    def note(self, detail: str) -> None:
        self.notes.append(detail)


SYN = Event(0, 0, 0)
DROPPED = Event(0, 3, 0)


def events(keys: Iterable[tuple[int, int]]) -> list[Event]:
    return [event for key, value in keys for event in (Event(4, 4, key), Event(1, key, value), SYN)]


def a_scanner(
    place: str = "/dev/input/event7", **options: Any
) -> tuple[driver.EvdevScanner, list[str], Notes]:
    codes: list[str] = []
    return driver.EvdevScanner(Address("evdev", place, {}), codes.append, **options), codes, Notes()


def test_keys_count_when_their_report_is_complete() -> None:
    scanner, codes, notes = a_scanner()
    batch = events(strokes(2, 3, ENTER))
    for event in batch[:-4]:
        scanner.take_events([event], notes)
    assert codes == []
    scanner.take_events(batch[-4:], notes)
    assert codes == ["12"]


def test_keys_lost_by_the_kernel_cost_that_code_and_are_said() -> None:
    scanner, codes, notes = a_scanner()
    scanner.take_events(events(strokes(5, 11)), notes)
    scanner.take_events([DROPPED, Event(1, 2, 1), SYN, *events(strokes(10, ENTER))], notes)
    scanner.take_events(events(strokes(2, ENTER)), notes)
    assert codes == ["1"]
    assert notes.notes == [driver.KEYS_LOST]


def test_the_calibration_code_sets_the_layout_and_tells_who_asked() -> None:
    told: list[str] = []
    scanner, codes, notes = a_scanner(layout="us", on_layout=told.append)
    scanner.take_events(events(Keyboard("de").keys(CALIBRATION)), notes)
    scanner.take_events(events(Keyboard("de").keys(CALIBRATION)), notes)
    scanner.take_events(events(Keyboard("de").keys("xyz")), notes)
    assert (codes, told, scanner.layout) == (["xyz"], ["de", "de"], "de")
    assert "layout is de, not us" in notes.notes[0]
    assert "layout is right: de" in notes.notes[1]


class Device:
    """An event device that answers read() as told."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def read(self) -> Any:
        if isinstance(self.answer, OSError):
            raise self.answer
        return iter(self.answer)


def test_no_device_and_no_events_both_mean_unplugged() -> None:
    answers: list[Any] = [OSError(errno.ENODEV, "No such device"), []]
    for answer in answers:
        with pytest.raises(DeviceAbsentError, match="/dev/input/event7: unplugged"):
            driver._read(Device(answer), "/dev/input/event7")
    with pytest.raises(BlockingIOError):
        driver._read(Device(BlockingIOError(errno.EAGAIN, "")), "x")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.EACCES, DeviceFaultError, ("no permission", "group input", "udev rule")),
        (errno.EBUSY, DeviceFaultError, ("busy, another program has grabbed it",)),
        (errno.ENOENT, DeviceAbsentError, ("not there",)),
        (errno.EIO, DeviceFaultError, ("Input/output",)),
    ],
)
def test_a_refused_device_says_what_to_do(code: int, kind: type[Exception], words: tuple[str, ...]) -> None:
    refusal = driver._refusal("/dev/input/event7", OSError(code, "Input/output error"))
    assert type(refusal) is kind
    assert all(word in str(refusal) for word in words)


def test_without_evdev_the_till_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "evdev":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "evdev", raising=False)
    with pytest.raises(DeviceFaultError, match="pip install evdev-binary"):
        asyncio.run(a_scanner()[0].open())


def test_a_device_that_is_not_there_is_absent() -> None:
    for place in ("/dev/input/by-id/none", "ffff:fffe"):
        with pytest.raises(DeviceAbsentError, match=f"{place}: not there"):
            asyncio.run(a_scanner(place)[0].open())


def test_a_device_another_program_grabbed_is_left_and_closed() -> None:
    class Grabbed(Device):
        closed = False

        def grab(self) -> None:
            raise OSError(errno.EBUSY, "Device or resource busy")

        def close(self) -> None:
            self.closed = True

    device = Grabbed([])
    with pytest.raises(OSError, match="busy"):
        a_scanner()[0]._take(device)
    assert device.closed
