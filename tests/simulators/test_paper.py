"""The paper simulator judges the till's receipts, so here bytes written by hand judge the simulator."""

import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulators.paper import (
    PROFILES,
    Barcode,
    Cut,
    DrawerPulse,
    Feed,
    Interpreter,
    PaperError,
    PaperPrinter,
    PtyServer,
    QrCode,
    RasterImage,
    TcpServer,
    TextLine,
    UnknownBytes,
    UsbServer,
    judge,
    read_codes,
)
from tests.simulators.paper.control import ControlServer
from tests.simulators.paper.page import PageServer

ROOT = Path(__file__).parents[2]
START_1252 = b"\x1b@\x1bt\x10"
FEED_AND_CUT = b"\x1dVB\x00"
EAN = b"\x1dk\x024006381333931\x00"


def qr(payload: bytes, module: int = 4, level: bytes = b"1") -> bytes:
    return (
        b"\x1d(k\x04\x00\x31\x41\x32\x00\x1d(k\x03\x00\x31\x43"
        + bytes([module])
        + b"\x1d(k\x03\x00\x31\x45"
        + level
        + b"\x1d(k"
        + (len(payload) + 3).to_bytes(2, "little")
        + b"\x31\x50\x30"
        + payload
        + b"\x1d(k\x03\x00\x31\x51\x30"
    )


def run(data: bytes, profile: str = "48") -> Interpreter:
    interpreter = Interpreter(PROFILES[profile])
    interpreter.feed(data)
    interpreter.finish()
    return interpreter


def kinds(data: bytes, profile: str = "48") -> list[str]:
    return [violation.kind for violation in run(data, profile).violations]


def lines(data: bytes) -> list[TextLine]:
    return judge(data)[-1].lines


# -- text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "codec"),
    [(0, "cp437"), (2, "cp850"), (16, "cp1252"), (18, "cp852"), (19, "cp858"), (40, "iso8859-15")],
)
def test_umlauts_read_the_same_on_every_page(page: int, codec: str) -> None:
    data = b"\x1b@\x1bt" + bytes([page]) + "Größe äöüÄÖÜß\n".encode(codec)
    assert judge(data)[0].text == "Größe äöüÄÖÜß"


def test_the_euro_sign_is_byte_80_on_page_16_and_byte_d5_on_page_19_and_a4_on_page_40() -> None:
    assert judge(b"\x1bt\x10\x80\x1bt\x13\xd5\x1bt\x28\xa4\n")[0].text == "€€€"


def test_dashes_and_quotes_exist_on_page_16_only() -> None:
    text = "„Preis“ – 1 m² 20 °C".encode("cp1252")
    assert judge(b"\x1bt\x10" + text + b"\n")[0].text == "„Preis“ – 1 m² 20 °C"
    assert "undefined character" in kinds(b"\x1bt\x28" + text + b"\n")


def test_without_a_code_page_the_printer_speaks_page_437() -> None:
    assert judge(b"\x81\xe1\n")[0].text == "üß"


def test_esc_at_goes_back_to_page_437() -> None:
    assert judge(b"\x1bt\x10\x80\n\x1b@\x80\n")[0].text == "€\nÇ"


@pytest.mark.parametrize("code", [0x81, 0x8D, 0x8F, 0x90, 0x9D, 0x7F])
def test_a_byte_without_a_picture_on_the_page_is_a_violation(code: int) -> None:
    assert kinds(b"\x1bt\x10" + bytes([code]) + b"\n") == ["undefined character"]


def test_c1_controls_of_iso_8859_15_are_violations() -> None:
    assert kinds(b"\x1bt\x28\x80\n") == ["undefined character"]


def test_a_code_page_that_the_profile_does_not_have_is_a_violation() -> None:
    assert kinds(b"\x1bt\x0f") == ["bad parameter"]


def test_the_german_set_of_esc_r_replaces_brackets() -> None:
    assert judge(b"\x1bR\x02[\\]{|}~@\x1bR\x00[]\n")[0].text == "ÄÖÜäöüß§[]"


def test_bold_sizes_underline_inverse_and_font_are_seen() -> None:
    data = b"\x1bE\x01fett\x1bE\x00\n\x1d!\x11doppelt\x1d!\x00\n\x1b!\x38alles\x1b!\x00\nnormal\n"
    bold, double, both, plain = lines(data)
    assert bold.bold
    assert not bold.double_width
    assert double.double_width
    assert double.double_height
    assert both.bold
    assert both.double_height
    assert not plain.bold
    styles = [
        run.style for run in lines(b"\x1b-\x02a\x1b-\x00\x1dB\x01b\x1dB\x00\x1bM\x01c\x1bM\x00\n")[0].runs
    ]
    assert (styles[0].underline, styles[1].inverse, styles[2].font) == (2, True, "B")


def test_a_line_that_is_bold_only_in_part_is_not_a_bold_line() -> None:
    assert not lines(b"\x1bG\x01Summe\x1bG\x00 5,00\n")[0].bold


def test_emphasis_and_double_strike_end_separately() -> None:
    runs = lines(b"\x1bE\x01\x1bG\x01a\x1bG\x00b\x1bE\x00c\n")[0].runs
    assert [(run.text, run.style.bold) for run in runs] == [("ab", True), ("c", False)]


def test_alignment_moves_the_line() -> None:
    left, centre, right = lines(b"ab\n\x1ba\x01ab\n\x1ba2ab\n")
    assert [(line.align, line.left) for line in (left, centre, right)] == [
        ("left", 0),
        ("centre", (576 - 24) // 2),
        ("right", 576 - 24),
    ]


def test_alignment_in_the_middle_of_a_line_is_ignored_and_noted() -> None:
    assert kinds(b"ab\x1ba\x01\n") == ["ignored command"]


def test_tabs_go_to_every_eighth_column() -> None:
    assert judge(b"a\tb\n")[0].text == "a       b"
    assert judge(b"\x1bD\x04\x00a\tb\n")[0].text == "a   b"


def test_right_spacing_makes_characters_wider() -> None:
    assert kinds(b"\x1b \x01" + b"x" * 44 + b"\n") == []
    assert kinds(b"\x1b \x01" + b"x" * 45 + b"\n") == ["line too long"]


def test_margins_and_print_area_narrow_the_line() -> None:
    assert kinds(b"\x1dL\x0c\x00" + b"x" * 47 + b"\n") == []
    assert kinds(b"\x1dL\x0c\x00" + b"x" * 48 + b"\n") == ["line too long"]
    assert kinds(b"\x1dW\x78\x00" + b"x" * 11 + b"\n") == ["line too long"]


@pytest.mark.parametrize(("profile", "columns"), [("48", 48), ("42", 42), ("32", 32)])
def test_a_line_longer_than_the_paper_wraps_and_is_a_violation(profile: str, columns: int) -> None:
    assert kinds(b"x" * columns + b"\n", profile) == []
    too_long = run(b"x" * (columns + 1) + b"\n", profile)
    assert [violation.kind for violation in too_long.violations] == ["line too long"]
    assert [len(line.text) for line in too_long.receipts[0].lines] == [columns, 1]
    assert too_long.receipts[0].lines[0].wrapped


@pytest.mark.parametrize(("profile", "columns"), [("48", 64), ("42", 56), ("32", 42)])
def test_font_b_has_more_columns(profile: str, columns: int) -> None:
    assert kinds(b"\x1bM\x01" + b"x" * columns + b"\n", profile) == []
    assert kinds(b"\x1bM\x01" + b"x" * (columns + 1) + b"\n", profile) == ["line too long"]


def test_double_width_halves_the_columns() -> None:
    assert kinds(b"\x1d!\x10" + b"x" * 24 + b"\n") == []
    assert kinds(b"\x1d!\x10" + b"x" * 25 + b"\n") == ["line too long"]


def test_text_without_a_line_feed_is_lost_text() -> None:
    assert kinds(b"abc") == ["lost text"]
    assert kinds(b"abc\x1b@") == ["lost text"]


# -- paper -----------------------------------------------------------------------------------------


def test_feeds_and_line_spacing_add_up_to_paper() -> None:
    receipt = judge(b"a\n\x1b3\x64b\n\x1b2\x1bd\x02\x1bJ\x0ac\x1bd\x01")[0]
    assert [item.dots for item in receipt] == [34, 100, 68, 10, 34]
    assert receipt.mm == pytest.approx(246 * 25.4 / 203)


def test_tall_text_is_not_squeezed_by_the_line_spacing() -> None:
    assert lines(b"\x1d!\x03a\n")[0].dots == 96


def test_each_cut_ends_a_receipt() -> None:
    receipts = judge(b"eins\n" + FEED_AND_CUT + b"zwei\n\x1bd\x04\x1dV\x01")
    assert [receipt.text for receipt in receipts] == ["eins", "zwei"]
    cuts = [item for receipt in receipts for item in receipt if isinstance(item, Cut)]
    assert [cut.partial for cut in cuts] == [True, True]
    assert cuts[0].dots == PROFILES["48"].cutter_dots


@pytest.mark.parametrize("cut", [b"\x1dV\x00", b"\x1dV\x30", b"\x1dV\x01", b"\x1dV\x31"])
def test_a_cut_without_enough_feed_falls_into_the_print(cut: bytes) -> None:
    assert kinds(b"Summe\n" + cut) == ["cut through print"]
    assert kinds(b"Summe\n\x1bd\x03" + cut) == []


@pytest.mark.parametrize("cut", [b"\x1dVA\x10", b"\x1dVB\x10", b"\x1dVg\x10", b"\x1dVh\x10"])
def test_cuts_that_feed_by_themselves_are_safe(cut: bytes) -> None:
    receipts = judge(b"Summe\n" + cut)
    assert receipts[0].cut
    assert receipts[0].dots == 34 + 112 + 16


def test_drawer_pulses_carry_pin_and_times() -> None:
    receipt = judge(b"\x1bp\x00\x32\x32\x1bp1\x19\xfa\x10\x14\x01\x00\x02")[0]
    assert [(pulse.pin, pulse.on_ms, pulse.off_ms, pulse.realtime) for pulse in receipt.pulses] == [
        (2, 100, 100, False),
        (5, 50, 500, False),
        (2, 200, 200, True),
    ]


def test_a_pulse_without_length_or_on_a_third_pin_is_a_violation() -> None:
    assert kinds(b"\x1bp\x00\x00\x32\x1bp\x02\x32\x32\x10\x14\x01\x00\x09") == ["bad parameter"] * 3


# -- codes and pictures ----------------------------------------------------------------------------


def test_both_scanners_read_an_ean_13_and_a_short_qr_code_from_the_paper() -> None:
    url = b"https://bon.example/r/" + b"k" * 64
    assert len(url) == 86
    receipt = judge(
        START_1252 + b"Bon\n\x1ba\x01" + EAN + b"\x1bd\x01" + qr(url) + b"\x1bd\x01Danke\n" + FEED_AND_CUT
    )[0]
    found = read_codes(receipt.image())
    assert found["zbar"] == found["zxing"] == {"4006381333931", url.decode()}


@pytest.mark.parametrize("profile", ["48", "42", "32"])
@pytest.mark.parametrize("align", [b"0", b"1", b"2"])
def test_both_scanners_read_a_qr_code_of_400_bytes_on_every_paper(profile: str, align: bytes) -> None:
    payload = (b"V0;955002-00;Kassenbeleg-V1;Beleg^0.00_2.55_0.00_0.00_0.00^2.55:Bar;18;112;" * 6)[:400]
    receipt = judge(START_1252 + b"\x1ba" + align + qr(payload, 3) + b"\x1bd\x01Ende\n", profile)[0]
    assert receipt.qr_payloads == [payload]
    found = read_codes(receipt.image())
    assert found["zbar"] == found["zxing"] == {payload.decode()}


@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        (EAN, "EAN13", "4006381333931"),
        (b"\x1dkC\x0c400638133393", "EAN13", "4006381333931"),
        (b"\x1dk\x0312345670\x00", "EAN8", "12345670"),
        (b"\x1dkA\x0b03600029145", "UPC-A", "036000291452"),
        (b"\x1dk\x04AB-12\x00", "CODE39", "AB-12"),
        (b"\x1dkI\x0a{BRet 4711", "CODE128", "Ret 4711"),
        (b"\x1dkI\x08{C\x0c\x22\x38{B!", "CODE128", "123456!"),
        (b"\x1dkI\x09{Bx{{y{Az", "CODE128", ""),
        (b"\x1dkI\x07{Bx{{yz", "CODE128", "x{yz"),
    ],
)
def test_bar_codes_are_read_back_by_both_scanners(command: bytes, name: str, text: str) -> None:
    if not text:  # set A has no small letters
        assert kinds(command) == ["bad bar code"]
        return
    receipt = judge(b"\x1dh\x50\x1dH2\x1df0\x1ba\x01" + command + b"\x1bd\x01")[0]
    (code,) = receipt.barcodes
    assert (code.symbology, code.data) == (name, text)
    found = read_codes(receipt.image())
    assert {item.zfill(13) if name == "UPC-A" else item for item in found["zbar"]} == {
        text.zfill(13) if name == "UPC-A" else text
    }
    assert {item.zfill(13) if name == "UPC-A" else item for item in found["zxing"]} == {
        text.zfill(13) if name == "UPC-A" else text
    }


def test_human_readable_digits_add_to_the_height() -> None:
    code = judge(b"\x1dh\x64\x1dw\x02\x1dH\x03" + EAN)[0].barcodes[0]
    assert isinstance(code, Barcode)
    assert (code.height, code.module, code.dots) == (100, 2, 100 + 2 * 26)


def test_a_wrong_check_digit_is_a_violation() -> None:
    assert kinds(b"\x1dk\x024006381333932\x00") == ["bad bar code"]


def test_a_bar_code_wider_than_the_paper_is_not_printed() -> None:
    wide = run(b"\x1dw\x06\x1dkI\x20{B" + b"x" * 30)
    assert [violation.kind for violation in wide.violations] == ["does not fit"]
    assert wide.receipts == []


def test_a_code_at_the_edge_of_the_paper_needs_its_quiet_zone() -> None:
    assert kinds(b"\x1dw\x02" + EAN) == []
    assert kinds(b"\x1dw\x03" + EAN) == ["quiet zone"]
    assert kinds(b"\x1ba\x01\x1dw\x03" + EAN) == []


def test_a_qr_code_that_is_too_wide_or_too_fine_is_a_violation() -> None:
    assert kinds(qr(b"x" * 400, 2)) == ["module too small"]
    assert kinds(b"\x1ba\x01" + qr(b"x" * 400, 6), "32") == ["does not fit"]
    assert kinds(b"\x1ba\x01" + qr(b"x" * 400, 3), "32") == []
    assert kinds(qr(b"x" * 3000, 3)) == ["does not fit"]


def test_text_right_above_or_below_a_qr_code_breaks_its_quiet_zone() -> None:
    assert kinds(b"Bon\n" + qr(b"x")) == ["quiet zone"]
    assert kinds(qr(b"x") + b"Bon\n") == ["quiet zone"]
    assert kinds(b"Bon\n\n" + qr(b"x") + b"\nBon\n") == []


def test_a_qr_code_must_be_stored_before_it_is_printed() -> None:
    assert kinds(b"\x1d(k\x03\x00\x31\x51\x30") == ["bad parameter"]
    assert kinds(qr(b"x") + b"\x1b@\x1d(k\x03\x00\x31\x51\x30") == ["bad parameter"]


def test_a_raster_picture_comes_out_dot_by_dot() -> None:
    receipt = judge(b"\x1dv0\x00\x02\x00\x03\x00\xff\x00\x00\xff\x81\x81")[0]
    (image,) = (item for item in receipt if isinstance(item, RasterImage))
    assert (image.width, image.height) == (16, 3)
    paper = receipt.image()
    margin, top = PROFILES["48"].margin_dots, paper.height - receipt.dots
    row = [paper.getpixel((margin + x, top + 2)) for x in range(16)]
    assert [x for x in range(16) if row[x] == 0] == [0, 7, 8, 15]


def test_a_graphics_picture_of_gs_l_is_stored_and_printed_doubled() -> None:
    store = b"\x1d(L\x0b\x00\x30\x70\x30\x02\x02\x31\x08\x00\x01\x00\xff"
    image = judge(store + b"\x1d(L\x02\x00\x30\x32")[0].items[0]
    assert isinstance(image, RasterImage)
    assert (image.width, image.height) == (16, 2)


def test_a_picture_wider_than_the_paper_is_a_violation() -> None:
    assert kinds(b"\x1dv0\x00\x49\x00\x01\x00" + b"\xff" * 73) == ["does not fit"]
    assert kinds(b"\x1dv0\x00\x48\x00\x01\x00" + b"\xff" * 72) == []


def test_picture_data_that_would_open_the_drawer_is_a_violation() -> None:
    assert kinds(b"\x1dv0\x00\x06\x00\x01\x00\x00\x10\x14\x01\x00\x01") == ["real-time in data"]


def test_the_items_stand_in_the_order_of_the_paper() -> None:
    receipt = judge(b"\x1bp\x00\x19\x19a\n\x1bd\x01" + qr(b"x") + b"\x1bd\x01" + FEED_AND_CUT)[0]
    assert [type(item) for item in receipt] == [DrawerPulse, TextLine, Feed, QrCode, Feed, Cut]


# -- strictness ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x07",
        b"\x1f",
        b"\x1bX",
        b"\x1dx",
        b"\x1cX",
        b"\x10X",
        b"\x1dv1",
        b"\x1dk\x30\x01",
        b"\x1d(Z\x02\x00ab",
        b"\x1d(k\x03\x00\x30\x45\x31",
        b"\x1d(H\x02\x00\x30\x31",
        b"\x1dkF\x0212",
        b"\x10\x14\x03",
    ],
)
def test_unknown_bytes_are_noted_with_their_place(data: bytes) -> None:
    first = run(b"ok\n" + data).violations[0]
    assert isinstance(first, UnknownBytes)
    assert first.offset == 3
    assert data[:1].hex().upper() in first.context
    assert first.context.startswith("6F 6B 0A > ")


def test_reading_goes_on_after_unknown_bytes() -> None:
    judged = run(b"\x1d(Z\x02\x00abnoch da\n")
    assert [type(violation) for violation in judged.violations] == [UnknownBytes]
    assert judged.receipts[0].text == "noch da"


@pytest.mark.parametrize(
    "data",
    [
        b"\x1ba\x03",
        b"\x1bM\x05",
        b"\x1b-\x07",
        b"\x1bR\x63",
        b"\x1d!\x08",
        b"\x1b!\x40",
        b"\x1dw\x01",
        b"\x1dh\x00",
        b"\x1dH\x09",
        b"\x1df\x05",
        b"\x1bV\x09",
        b"\x1dL\xff\xff",
        b"\x10\x04\x09",
        b"\x10\x05\x09",
        b"\x1dr\x09",
        b"\x1dI\x09",
        b"\x1d(k\x03\x00\x31\x43\x11",
        b"\x1d(k\x03\x00\x31\x45\x01",
        b"\x1d(k\x04\x00\x31\x41\x33\x00",
        b"\x1dv0\x09\x01\x00\x01\x00\xff",
    ],
)
def test_parameters_outside_their_range_are_violations(data: bytes) -> None:
    assert kinds(data) == ["bad parameter"]


@pytest.mark.parametrize(
    "data", [b"\x1b", b"\x1d!", b"\x1dv0\x00\x02\x00\x02\x00\xff", b"\x1d(k\x09\x00\x31"]
)
def test_a_command_cut_short_is_a_violation(data: bytes) -> None:
    assert kinds(data) == ["truncated"]


def test_a_strict_interpreter_raises_at_the_end() -> None:
    interpreter = Interpreter(strict=True)
    interpreter.feed(b"\x1bX\x00")
    with pytest.raises(PaperError, match="byte 0: unknown bytes: unknown command 1B 58") as caught:
        interpreter.finish()
    assert [violation.offset for violation in caught.value.violations] == [0, 2]


def test_harmless_commands_change_nothing() -> None:
    assert judge(b"\x1c.\x1db\x01\x1ba\x00\x1b{\x00\x1bV\x00\r\x18\x0cab\r\n")[0].text == "ab"


def test_two_byte_characters_after_fs_ampersand_are_violations() -> None:
    assert kinds(b"\x1c&\x81\n\x1c.\x81\n") == ["undefined character"]


def whole_receipt() -> bytes:
    raster = b"\x1dv0\x00\x04\x00\x08\x00" + bytes(range(0x80, 0xA0))
    return (
        START_1252
        + b"\x1ba\x01\x1d!\x11Laden\x1d!\x00\n\x1ba\x00\x1bE\x01Summe 12,50 \x80\x1bE\x00\n\n"
        + raster
        + b"\x1bd\x01\x1ba\x01"
        + EAN
        + b"\x1bd\x01"
        + qr(b"V0;kasse;" + b"z" * 60)
        + b"\x1bd\x01\x1bp\x00\x32\x32"
        + FEED_AND_CUT
    )


def test_any_split_of_the_stream_prints_the_same() -> None:
    data = whole_receipt()
    want = judge(data)
    for size in (1, 2, 3, 7, 64):
        interpreter = Interpreter(strict=True)
        for at in range(0, len(data), size):
            interpreter.feed(data[at : at + size])
        interpreter.finish()
        assert interpreter.receipts == want


def test_random_bytes_never_crash_the_interpreter_or_the_picture() -> None:
    chance = random.Random(20260101)
    lead = [0x1B, 0x1D, 0x10, 0x1C, 0x0A, ord("("), ord("k"), ord("L"), ord("v"), ord("0"), 0, 1, 48, 49]
    seen = 0
    for number in range(200):
        size = chance.randrange(1, 400)
        data = bytes(
            chance.choice(lead) if chance.random() < 0.5 else chance.randrange(256) for _ in range(size)
        )
        interpreter = run(data, chance.choice(["48", "42", "32"]))
        seen += len(interpreter.violations)
        if number % 20 == 0:
            for receipt in interpreter.receipts:
                receipt.image()
    assert seen > 1000


# -- the printer -----------------------------------------------------------------------------------


class Host:
    """The host's end of a line to the printer, without any server between."""

    def __init__(self, printer: PaperPrinter) -> None:
        self.printer = printer
        self.answers = b""

    def ask(self, data: bytes, count: int) -> bytes:
        """Send, wait for `count` answer bytes, and make sure that no more come."""
        before = len(self.answers)
        assert self.printer.receive(data) == len(data)
        self.printer.wait_for(lambda _printer: len(self.answers) >= before + count, 2)
        self.printer.wait_for(lambda printer: not printer.buffered or printer.status.stopped, 2)
        return self.answers[before:]

    def take(self, data: bytes) -> None:
        self.answers += data


@pytest.fixture
def printer() -> Iterator[PaperPrinter]:
    with PaperPrinter() as made:
        yield made


@pytest.fixture
def host(printer: PaperPrinter) -> Iterator[Host]:
    made = Host(printer)
    with printer.attached(made.take):
        yield made


@pytest.mark.parametrize(
    ("sensors", "answers"),
    [
        ({}, "12 12 12 12"),
        ({"drawer_open": True}, "16 12 12 12"),
        ({"paper": "near-end"}, "12 12 12 1e"),
        ({"paper": "end"}, "1a 32 12 7e"),
        ({"cover_open": True}, "1a 16 12 12"),
        ({"cutter_error": True}, "3a 52 1a 12"),
        ({"overheated": True}, "1a 52 52 12"),
        ({"broken": True}, "1a 52 32 12"),
        ({"offline": True}, "1a 12 12 12"),
        ({"feed_button": True}, "52 1a 12 12"),
    ],
)
def test_dle_eot_answers_byte_for_byte(host: Host, sensors: dict[str, object], answers: str) -> None:
    host.printer.set(**sensors)
    for which, answer in enumerate(bytes.fromhex(answers), start=1):
        assert host.ask(b"\x10\x04" + bytes([which]), 1) == bytes([answer])


@pytest.mark.parametrize(
    ("sensors", "answer"),
    [
        ({"drawer_open": True}, "14 00 00 00"),
        ({"paper": "near-end"}, "10 00 03 00"),
        ({"paper": "end"}, "18 00 0f 00"),
        ({"cover_open": True}, "38 00 00 00"),
        ({"cutter_error": True}, "18 09 00 00"),
        ({"overheated": True}, "18 40 00 00"),
        ({"broken": True}, "18 20 00 00"),
        ({"feed_button": True}, "50 00 00 00"),
    ],
)
def test_automatic_status_comes_at_once_and_at_every_change(
    host: Host, sensors: dict[str, object], answer: str
) -> None:
    assert host.ask(b"\x1da\xff", 4) == bytes.fromhex("10 00 00 00")
    host.printer.set(**sensors)
    assert host.answers[4:] == bytes.fromhex(answer)
    host.printer.set(**sensors)
    assert len(host.answers) == 8


def test_automatic_status_tells_only_what_the_mask_asks_for(host: Host) -> None:
    host.ask(b"\x1da\x08", 4)
    host.printer.set(drawer_open=True)
    assert len(host.answers) == 4
    host.printer.set(paper="near-end")
    assert host.answers[4:] == bytes.fromhex("14 00 03 00")
    host.ask(b"\x1da\x00", 0)
    host.printer.set(paper="ok")
    assert len(host.answers) == 8


def test_gs_r_and_gs_i_and_the_process_id_answer_in_the_order_of_the_print(host: Host) -> None:
    host.printer.set(paper="near-end", drawer_open=True)
    assert host.ask(b"\x1dr\x01\x1dr2", 2) == b"\x03\x01"
    assert host.ask(b"\x1dI\x01\x1dI2\x1dI\x03", 3) == b"\x20\x02\x01"
    assert host.ask(b"\x1dIB\x1dIC", 18) == b"_TRESEN\0_PAPER-SIM\0"
    host.printer.speed_mm_s = 100
    started = time.monotonic()
    assert host.ask(b"Bon\n" * 5 + b"\x1d(H\x06\x00\x30\x300042", 7) == b"\x37\x220042\x00"
    assert time.monotonic() - started > 0.2
    assert len(host.printer.receipts[0].lines) == 5


def test_a_clone_knows_no_process_id_and_a_silent_printer_says_nothing(host: Host) -> None:
    question = b"\x10\x04\x01\x1dr\x01\x1d(H\x06\x00\x30\x300042\x1da\xff\x1dIB"
    host.printer.personality = "clone"
    assert host.ask(question, 2) == b"\x12\x00"
    host.printer.personality = "silent"
    assert host.ask(question, 0) == b""
    assert host.printer.wait_idle()
    assert host.answers == b"\x12\x00"
    assert host.printer.violations == []


def test_paper_end_stops_the_print_and_new_paper_goes_on_without_a_line_twice(host: Host) -> None:
    printer = host.printer
    host.ask(b"\x1da\xff", 4)
    printer.paper_end_after(3)
    printer.receive(b"".join(b"Zeile %d\n" % number for number in range(10)) + FEED_AND_CUT)
    assert printer.wait_for(lambda now: now.status.paper == "end")
    assert host.answers[4:] == bytes.fromhex("18 00 0f 00")
    assert printer.lines_printed == 3
    assert printer.buffered > 0
    assert host.ask(b"\x10\x04\x04", 1) == b"\x7e"
    assert printer.lines_printed == 3
    printer.set(paper="ok")
    (receipt,) = printer.wait_receipts(1)
    assert receipt.text.split("\n") == [f"Zeile {number}" for number in range(10)]
    assert printer.violations == []


def test_dle_enq_1_resumes_after_a_cutter_error_and_2_throws_the_rest_away(host: Host) -> None:
    printer = host.printer
    for recover, printed in ((b"\x10\x05\x01", "rest"), (b"\x10\x05\x02", "")):
        printer.set(cutter_error=True)
        printer.receive(b"rest\n" + FEED_AND_CUT)
        assert host.ask(b"\x10\x04\x03", 1) == b"\x1a"
        count = len(printer.cut_receipts)
        printer.receive(recover)
        assert host.ask(b"\x10\x04\x03", 1) == b"\x12"
        assert printer.wait_idle()
        assert [receipt.text for receipt in printer.cut_receipts[count:]] == ([printed] if printed else [])
    assert printer.bytes_lost > 0
    assert printer.violations == []


def test_the_clear_command_empties_the_buffer_while_paper_is_out(host: Host) -> None:
    host.printer.set(paper="end")
    host.printer.receive(b"verloren\n\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08")
    assert host.printer.buffered == 0
    host.printer.set(paper="ok")
    assert host.printer.wait_idle()
    assert host.printer.receipts == []


def test_the_real_time_pulse_opens_the_drawer_before_the_print(host: Host) -> None:
    host.printer.set(cover_open=True)
    host.printer.receive(b"Bon\n\x1bp\x00\x32\x32\x10\x14\x01\x01\x01")
    assert [(pulse.pin, pulse.on_ms, pulse.realtime) for pulse in host.printer.pulses] == [(5, 100, True)]
    host.printer.set(cover_open=False)
    assert host.printer.wait_for(lambda now: len(now.pulses) == 2)
    assert host.printer.violations == []


def test_the_buffer_takes_no_more_than_it_holds() -> None:
    with PaperPrinter(buffer_bytes=100) as printer:
        printer.set(paper="end")
        assert printer.receive(b"x\n" * 100) == 100
        assert printer.receive(b"x") == 0
        assert printer.room(0.01) == 0
        printer.set(paper="ok")
        assert printer.wait_idle()
        assert printer.lines_printed == 50


def test_paper_takes_time_at_a_set_speed() -> None:
    with PaperPrinter(speed_mm_s=200) as printer:
        started = time.monotonic()
        printer.receive(b"\x1bJ\xff" * 2)
        assert printer.wait_idle()
        assert time.monotonic() - started >= printer.mm / 200 * 0.9


# -- the lines -------------------------------------------------------------------------------------


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        assert part
        data += part
    return data


def test_a_receipt_over_tcp_and_the_answer_to_it(printer: PaperPrinter) -> None:
    with TcpServer(printer) as server, socket.create_connection(("127.0.0.1", server.port), 5) as line:
        line.sendall(whole_receipt() + b"\x1d(H\x06\x00\x30\x30abcd")
        assert read_exactly(line, 7) == b"\x37\x22abcd\x00"
        assert len(printer.cut_receipts) == 1
        assert printer.violations == []


def test_the_next_connection_waits_for_the_one_before(printer: PaperPrinter) -> None:
    with TcpServer(printer) as server:
        for number in range(3):
            with socket.create_connection(("127.0.0.1", server.port), 5) as line:
                line.sendall(b"Bon %d\n" % number + FEED_AND_CUT + b"\x10\x04\x01")
                assert read_exactly(line, 1) == b"\x12"
        assert [receipt.text for receipt in printer.wait_receipts(3)] == ["Bon 0", "Bon 1", "Bon 2"]


def send_until_stuck(line: socket.socket, most: int = 20_000_000) -> int:
    line.setblocking(False)
    sent = 0
    while sent < most and select.select([], [line], [], 0.3)[1]:
        sent += line.send(b"x" * 47 + b"\n")
    return sent


def test_a_hanging_printer_reads_nothing_until_it_goes_on(printer: PaperPrinter) -> None:
    with TcpServer(printer) as server, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        line.connect(("127.0.0.1", server.port))
        line.sendall(b"\x10\x04\x01")
        assert read_exactly(line, 1) == b"\x12"
        printer.stop_reading()
        got = len(printer.received)
        sent = send_until_stuck(line)
        assert 0 < sent < 20_000_000
        assert len(printer.received) <= got + 1024
        printer.resume_reading()
        assert printer.wait_for(lambda now: len(now.received) == got + sent)


def test_a_full_buffer_holds_up_the_sender(printer: PaperPrinter) -> None:
    printer.set(paper="end")
    with TcpServer(printer) as server, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        line.connect(("127.0.0.1", server.port))
        sent = send_until_stuck(line)
        assert printer.buffered == 4096
        assert sent < 100_000


def test_power_off_after_some_bytes_resets_the_connection_and_loses_the_rest(printer: PaperPrinter) -> None:
    data = b"".join(b"Zeile %02d\n" % number for number in range(50)) + FEED_AND_CUT
    printer.speed_mm_s = 100
    with TcpServer(printer) as server:
        printer.power_off_after(100)
        with socket.create_connection(("127.0.0.1", server.port), 5) as line:
            line.sendall(data)
            with pytest.raises(ConnectionResetError):
                line.recv(10)
        assert not printer.powered
        assert len(printer.received) == 100
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), 5)
        printed = printer.lines_printed
        assert printed < 11
        assert printer.bytes_lost > 0
        printer.speed_mm_s = None
        printer.power_on()
        with socket.create_connection(("127.0.0.1", server.port), 5) as line:
            line.sendall(START_1252 + b"Kopie\n" + FEED_AND_CUT)
            (receipt,) = printer.wait_receipts(1)
        assert receipt.lines[-1].text == "Kopie"
        assert len(receipt.lines) == printed + 1
        assert printer.violations == []


def test_a_dropped_connection_leaves_the_printer_on(printer: PaperPrinter) -> None:
    with TcpServer(printer) as server:
        with socket.create_connection(("127.0.0.1", server.port), 5) as line:
            line.sendall(b"\x10\x04\x01")
            read_exactly(line, 1)
            server.drop_connection()
            with pytest.raises(ConnectionResetError):
                line.recv(1)
        with socket.create_connection(("127.0.0.1", server.port), 5) as line:
            line.sendall(b"\x10\x04\x01")
            assert read_exactly(line, 1) == b"\x12"


def hung_up(line: int) -> bool:
    """Wait for the end of a serial line: a read already waiting fails, a later one finds nothing."""
    try:
        return os.read(line, 1) == b""
    except OSError:
        return True


def _write_until_refused(line: int) -> None:
    """A pseudo terminal says that it hung up a moment before it refuses what is written."""
    for _ in range(1000):
        os.write(line, b"weg")
        os.sched_yield()


def test_a_receipt_over_a_serial_line_and_a_hang_up(printer: PaperPrinter, tmp_path: Path) -> None:
    link = tmp_path / "printer"
    with PtyServer(printer, link) as server:
        assert os.path.realpath(link) == server.path
        line = os.open(link, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(line, whole_receipt() + b"\x10\x04\x01\x1dr\x01")
            answer = b""
            while len(answer) < 2:
                answer += os.read(line, 10)
            assert answer == b"\x12\x00"
            assert len(printer.wait_receipts(1)) == 1
            assert printer.violations == []
            printer.power_off()
            assert hung_up(line)
            with pytest.raises(OSError, match="Input/output error"):
                _write_until_refused(line)
            assert not link.is_symlink()
        finally:
            os.close(line)
        printer.power_on()
        line = os.open(link, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(line, b"\x10\x04\x01")
            assert os.read(line, 1) == b"\x12"
        finally:
            os.close(line)


def test_a_receipt_over_usb_and_a_pulled_plug(printer: PaperPrinter) -> None:
    from usbip.core import USBError
    from usbip.host import open as attach
    from usbip.transport import USBIP

    with UsbServer(printer) as server:
        ids = (server.VENDOR, server.PRODUCT)
        with attach(*ids, transport=USBIP("127.0.0.1", server.port)) as device:
            assert b"MDL:Paper Simulator" in device.control(0xA1, 0, 0, 0, 200)
            assert device.bulk_out(0x01, whole_receipt()) == len(whole_receipt())
            device.bulk_out(0x01, b"\x10\x04\x01")
            assert device.bulk_in(0x82, 64) == b"\x12"
            assert len(printer.wait_receipts(1)) == 1
            assert printer.violations == []
            printer.stop_reading()
            timer = threading.Timer(0.2, printer.resume_reading)
            timer.start()
            started = time.monotonic()
            device.bulk_out(0x01, b"wartet\n")
            assert time.monotonic() - started > 0.15
            timer.join()
            server.unplug()
            with pytest.raises((OSError, USBError)):
                device.bulk_out(0x01, b"weg\n")
        server.plug()
        with attach(*ids, transport=USBIP("127.0.0.1", server.port)) as device:
            device.bulk_out(0x01, b"wieder da\n")
        assert printer.wait_for(lambda now: "wieder da" in now.receipts[-1].text)


# -- the browser page and the command line ---------------------------------------------------------


def serving(server: PageServer | ControlServer) -> Callable[[], None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def fetch(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data, timeout=5) as answer:
        content: bytes = answer.read()
    return content


def test_the_page_shows_receipts_and_its_buttons_work(printer: PaperPrinter) -> None:
    printer.receive(START_1252 + b"K\xe4se\n\x1bp\x00\x32\x32" + FEED_AND_CUT)
    printer.wait_receipts(1)
    server = PageServer(printer)
    end = serving(server)
    try:
        address = f"http://127.0.0.1:{server.port}"
        shown = fetch(address + "/").decode()
        assert "Käse" in shown
        assert "Lade geöffnet" in shown
        assert fetch(address + "/receipt/1.png").startswith(b"\x89PNG")
        fetch(address + "/control", b"do=paper+end")
        assert printer.status.paper == "end"
        fetch(address + "/control?do=cover+open", b"")
        assert printer.status.cover_open
        assert b'"cover_open": true' in fetch(address + "/state")
    finally:
        end()


def test_the_control_port_takes_lines(printer: PaperPrinter) -> None:
    server = ControlServer(printer)
    end = serving(server)
    try:
        with socket.create_connection(("127.0.0.1", server.port), 5) as line, line.makefile("rw") as talk:
            for words, answer in (("paper end", "ok"), ("speed 150", "ok"), ("personality clone", "ok")):
                print(words, file=talk, flush=True)
                assert talk.readline().strip() == answer
            print("tanze", file=talk, flush=True)
            assert talk.readline().startswith("unknown: 'tanze'; try: paper ok")
    finally:
        end()
    assert (printer.status.paper, printer.speed_mm_s, printer.personality) == ("end", 150.0, "clone")


def test_the_command_line_starts_a_printer() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.paper", "--tcp", "0", "--control-port", "0", "--speed", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        tcp, control = (int(process.stdout.readline().rsplit(":", 1)[1]) for _ in range(2))
        with socket.create_connection(("127.0.0.1", tcp), 5) as line:
            line.sendall(b"Hallo\n" + FEED_AND_CUT + b"\x1dr\x01")
            assert read_exactly(line, 1) == b"\x00"
        with socket.create_connection(("127.0.0.1", control), 5) as line, line.makefile("rw") as talk:
            print("text", file=talk, flush=True)
            assert talk.readline() == '["Hallo"]\n'
        process.terminate()
        assert process.wait(10) == 0
