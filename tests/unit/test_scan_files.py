"""The store's own scan table and its recalls: a fault is told at the start, with the file and the row."""

from pathlib import Path

import pytest

from pos.domain.scans import ScanKind, read_scan
from pos.resources import config_path
from pos.scan_files import RECALLS, TABLE, ScanFileError, load_recalls, load_scan_table
from pos.settings import SettingsError, load_settings
from tests.unit.scan_samples import TODAY, full

GOOD = """\
slip_tax_code = "B"

[[label]]
prefix = "21"
item_digits = 5
value_digits = 5
value = "price"

[[slip]]
prefix = "2999"
number_digits = 5
amount_digits = 3

[[sticker]]
prefix = "2997"
number_digits = 6
value_digits = 2
value = "percent"
"""


def test_every_shipped_table_is_sound() -> None:
    for path in (config_path() / "scans").glob("*.toml"):
        assert load_scan_table(path.stem, None, "DE").label


def test_a_table_in_the_tills_folder_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(GOOD)
    table = load_scan_table("de", tmp_path, "DE")
    assert [rule.prefix for rule in table.label] == ["21"]
    assert table.slip_tax_code == "B"
    sticker = read_scan(full("299700000025"), table, TODAY)
    assert (sticker.kind, sticker.percent) == (ScanKind.STICKER, 25)
    load_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("item_digits = 5", "item_digits = 6", ["label row 1 (line 3)", "13 digits"]),
        ("amount_digits = 3", "amounts = 3", ["slip row 1 (line 9)", "amounts"]),
        ('value = "percent"', 'value = "half"', ["sticker row 1 (line 14)", "half"]),
        ('prefix = "2997"', "prefix = 2997", ["sticker row 1 (line 14)", "prefix"]),
        ('prefix = "2997"', 'prefix = "2999"', ["given twice"]),
        ('slip_tax_code = "B"', 'slip_tax_code = "Z"', ["slip_tax_code", "'Z'"]),
        ("[[label]]", "[[labels]]", ["labels is unknown"]),
        ("[[label]]", "[label]", ["label is a list of rows"]),
        ('value = "price"', "value = price", ["line 7"]),
    ],
)
def test_a_fault_names_the_file_and_the_row(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    (tmp_path / TABLE).write_text(GOOD.replace(old, new, 1).replace("number_digits = 6", "number_digits = 6"))
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    assert all(word in str(caught.value) for word in [str(tmp_path / TABLE), *told])


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(GOOD.replace("item_digits = 5", "").replace("amount_digits = 3", ""))
    (tmp_path / RECALLS).write_text('[[recall]]\nbatch = "7"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    assert all(word in str(caught.value) for word in ("label row 1", "slip row 1", RECALLS, "recall row 1"))


def test_a_table_that_nobody_ships_is_told_with_those_that_are_there() -> None:
    with pytest.raises(SettingsError, match=r"scans\.table.*'fr'.*there are de"):
        load_settings(None, {"TRESEN_SCANS_TABLE": "fr"})


def test_recalls_are_rows_of_an_article_and_perhaps_a_batch(tmp_path: Path) -> None:
    assert load_recalls(tmp_path) == ()
    (tmp_path / RECALLS).write_text(
        '[[recall]]\ngtin = "4006381333931"\nbatch = "L7"\n[[recall]]\nsku = "S1"\n'
    )
    assert [(row.gtin, row.sku, row.batch) for row in load_recalls(tmp_path)] == [
        ("4006381333931", "", "L7"),
        ("", "S1", ""),
    ]
    (tmp_path / RECALLS).write_text("[[recall]\n")
    with pytest.raises(ScanFileError, match=RECALLS):
        load_recalls(tmp_path)
