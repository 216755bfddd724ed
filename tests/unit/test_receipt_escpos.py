"""The receipt on paper, judged by a printer that was written from the command reference alone."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from receipts.escpos import compose, drawer_pulse, prepare, transliterate
from receipts.model import Receipt
from receipts.profiles import PrinterProfile, load_profiles
from tests.simulators.paper.codes import read_codes
from tests.simulators.paper.interpreter import Interpreter
from tests.simulators.paper.model import DrawerPulse
from tests.simulators.paper.model import Receipt as Paper
from tests.simulators.paper.profile import PROFILES as PAPERS
from tests.unit.receipt_samples import LINK, PROFILES, line, receipt

ALL = sorted(PROFILES)
GERMAN = "äöüÄÖÜß€§°½²–„“’é"


def printed(made: Receipt, profile: PrinterProfile) -> Paper:
    judge = Interpreter(PAPERS[str(profile.columns)], strict=True)
    judge.feed(compose(made, profile))
    judge.finish()
    (paper, *rest) = judge.receipts
    assert not [item for more in rest for item in more.items], "nothing after the cut"
    return paper


def test_the_shipped_profiles_are_these() -> None:
    assert {"epson-80", "epson-80-42", "epson-58", "generic-58", "generic-80"} <= set(PROFILES)
    assert {name: profile.columns for name, profile in PROFILES.items()}["epson-80-42"] == 42


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("language", ["de", "en"])
def test_each_profile_prints_without_a_byte_the_printer_does_not_know(name: str, language: str) -> None:
    paper = printed(receipt(language), PROFILES[name])
    lines = [row.text.strip() for row in paper.lines if row.text.strip()]
    mark = "DEMO - kein Beleg" if language == "de" else "DEMO - not a receipt"
    assert lines[0] == lines[-1] == mark
    assert "3-1-20417" in lines
    assert not any(row.wrapped for row in paper.lines)
    total = next(row for row in paper.lines if row.text.startswith(("SUMME", "TOTAL")))
    assert total.double_height
    assert total.double_width
    assert total.bold
    assert paper.cut is (PROFILES[name].cut != "tear")


@pytest.mark.parametrize("name", ALL)
def test_both_scanners_read_the_link_from_the_picture(name: str) -> None:
    found = read_codes(printed(receipt(), PROFILES[name]).image())
    assert found == {"zbar": {LINK}, "zxing": {LINK}}


@pytest.mark.parametrize("name", ALL)
def test_every_job_begins_anew_with_its_own_code_page(name: str) -> None:
    job = compose(receipt(), PROFILES[name])
    assert job.startswith(b"\x1b@")
    assert job.count(b"\x1bt") == 1
    assert job.index(b"\x1bt" + bytes([PROFILES[name].code_page])) < job.index(b"DEMO")


@pytest.mark.parametrize("name", ALL)
def test_german_characters_come_out_right_or_as_agreed(name: str) -> None:
    profile = PROFILES[name]
    paper = printed(receipt(lines=(line(1, GERMAN, 100),)), profile)
    expected = {"cp1252": GERMAN, "cp858": 'äöüÄÖÜß€§°½²-""\'é'}[profile.codec]
    assert expected in paper.text
    assert "?" not in paper.text
    assert "Rückgeld" in paper.text


def test_what_no_page_has_is_spelled_and_never_a_question_mark() -> None:
    assert transliterate("5 € – „Käse“ … ½", "cp437") == '5 EUR - "Käse" ... ½'
    assert transliterate("Łódź ẞ Ω 漢 😀", "cp858") == "Lódz SS * * *"
    assert transliterate("a\x1b@b", "cp858") == "a@b"
    assert transliterate("Straße", "ascii") == "Strasse"
    assert transliterate("Was?", "cp858") == "Was?"


def test_a_receipt_of_40_lines_takes_at_most_2048_bytes() -> None:
    goods = tuple(line(n, f"Artikel mit Namen {n:02d}", 100 + n) for n in range(1, 19))
    made = receipt(lines=goods)
    job = compose(made, PROFILES["epson-80"])
    assert len(printed(made, PROFILES["epson-80"]).lines) >= 40
    assert len(job) <= 2048


def test_a_total_of_any_size_stays_on_its_row() -> None:
    paper = printed(receipt(total_minor=-99_999_999), PROFILES["epson-58"])
    total = next(row for row in paper.lines if row.text.startswith("SUMME"))
    assert total.text.split()[-1] == "-999.999,99"


def test_a_receipt_without_a_link_has_no_code() -> None:
    paper = printed(receipt(link=""), PROFILES["epson-80"])
    assert paper.qr_payloads == []
    assert "scannen" not in paper.text


@pytest.mark.parametrize("name", ALL)
def test_the_drawer_pulse_is_one_the_printer_knows(name: str) -> None:
    judge = Interpreter(strict=True)
    judge.feed(drawer_pulse(PROFILES[name]))
    judge.finish()
    (pulse,) = (item for item in judge.receipts[0].items if isinstance(item, DrawerPulse))
    assert (pulse.pin, pulse.on_ms, pulse.realtime) == (2, 100, PROFILES[name].drawer_realtime)


def test_no_real_time_command_hides_in_a_picture() -> None:
    for profile in PROFILES.values():
        job = compose(receipt(), profile)
        assert not any(command in job for command in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))


def test_a_wrong_profile_file_says_what_is_wrong(tmp_path: Path) -> None:
    good = (Path(__file__).parents[2] / "config" / "printers.toml").read_text(encoding="utf-8")
    path = tmp_path / "printers.toml"
    for wrong, words in (
        (good.replace('codec = "cp858"', 'codec = "cp999"'), "cp999"),
        (good.replace("drawer_pin = 2", "drawer_pin = 3"), "drawer_pin"),
        (good.replace('"generic-58"', '"generic-80"'), "twice"),
        (good.replace("columns = 32", "columns = 20"), "columns"),
    ):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match=words):
            load_profiles(path)


def test_loading_the_library_leaves_no_trace(tmp_path: Path) -> None:
    """No temp folder, no log handler, no library before the first receipt, a cache where it is told."""
    code = (
        "import sys, logging, pathlib\n"
        "import receipts.escpos, receipts.text\n"
        "assert 'escpos' not in sys.modules and 'PIL' not in sys.modules and 'qrcode' not in sys.modules\n"
        "cache = pathlib.Path(sys.argv[1]); cache.mkdir()\n"
        "receipts.escpos.prepare(cache)\n"
        "assert 'escpos' in sys.modules and not logging.root.handlers\n"
        "assert list(cache.iterdir())\n"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ESCPOS")}
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache")],
        check=True,
        env=environment | {"TMPDIR": str(temporary)},
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert list(temporary.iterdir()) == []


def test_the_library_is_loaded_once_and_the_real_mkdtemp_is_back() -> None:
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        assert Path(folder).name != "tresen-"


@pytest.mark.parametrize("name", ALL)
def test_of_two_drawers_at_one_printer_the_setting_names_the_one_that_opens(name: str) -> None:
    judge = Interpreter(strict=True)
    for kick in (1, 2):
        judge.feed(drawer_pulse(PROFILES[name], kick))
    judge.finish()
    assert [item.pin for item in judge.receipts[0].items if isinstance(item, DrawerPulse)] == [2, 5]
