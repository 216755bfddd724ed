"""Slips and reports: amounts are never cut, words wrap, on every width and as bytes for every printer."""

import pytest

from pos.domain.document import STYLES, Document, DocumentRow
from pos.resources import config_path
from receipts.document import layout_document
from receipts.escpos import compose_document
from receipts.model import Shop
from receipts.profiles import load_profiles
from receipts.text import Style
from tests.simulators.paper import PROFILES, Interpreter

SHOP = Shop("Müller & Söhne", ("Hauptstraße 1",))
PAPER = Document(
    (
        DocumentRow("Z 17", style="mark"),
        DocumentRow("Bar nach vielen langen Worten, die nicht in eine Zeile passen", "1.234,56"),
        DocumentRow(style="rule"),
        DocumentRow("Summe", "1.234,56", "big"),
        DocumentRow("https://example.org/r/1", style="code"),
        DocumentRow("4000000000013", style="bars"),
        DocumentRow("Danke", style="centre"),
    ),
    marks=("DEMO",),
)


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_amounts_stand_whole_at_the_right_edge(columns: int) -> None:
    rows = layout_document(PAPER, SHOP, columns)
    assert all(len(row.text) <= columns for row in rows if row.style is not Style.CODE)
    with_amount = [row for row in rows if row.text.endswith("1.234,56")]
    assert [len(row.text) for row in with_amount] == [columns, columns]
    assert [row.text for row in rows if row.style is Style.MARK] == ["DEMO", "Z 17", "DEMO"]
    words = " ".join(row.text.removesuffix("1.234,56").strip() for row in rows)
    assert "Bar nach vielen langen Worten, die nicht in eine Zeile passen" in words
    assert {row.style for row in PAPER.rows} == set(STYLES)


@pytest.mark.parametrize("name", sorted(load_profiles(config_path() / "printers.toml")))
def test_every_printer_gets_bytes_with_the_words_in_its_own_letters(name: str) -> None:
    profile = load_profiles(config_path() / "printers.toml")[name]
    made = compose_document(PAPER, SHOP, profile)
    assert "Söhne".encode(profile.codec) in made
    assert b"1.234,56" in made


def test_a_code_between_texts_has_the_white_that_scanners_want() -> None:
    profile = load_profiles(config_path() / "printers.toml")["epson-80"]
    label = Document((DocumentRow("Fach B4"), DocumentRow("TRSPZ1", style="code"), DocumentRow("Code")))
    paper = Interpreter(PROFILES["48"])
    paper.feed(compose_document(label, SHOP, profile))
    paper.finish()
    assert paper.violations == []
