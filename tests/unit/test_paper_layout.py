"""What a shopkeeper would not accept on paper: words cut or lost, sums beside the edge, empty rules."""

import itertools

import pytest

from pos.domain.document import Document, DocumentRow
from receipts.document import layout_document
from receipts.escpos import compose_document
from receipts.text import render_text
from tests.simulators.paper import judge
from tests.unit.receipt_samples import PROFILES, SHOP, receipt


def printed(*rows: DocumentRow, profile: str = "epson-58") -> list[str]:
    data = compose_document(Document(rows, head=False), SHOP, PROFILES[profile])
    (paper,) = judge(data, str(PROFILES[profile].columns))
    return [line.text.rstrip() for line in paper.lines if line.text.strip()]


@pytest.mark.parametrize("profile", ["epson-58", "epson-80-42", "epson-80"])
@pytest.mark.parametrize(
    "title", ["Kassenschnitt Gerät 1", "Zahlung wird geklärt", "Bestellung 2026-000123456"]
)
def test_a_large_title_keeps_all_its_words_on_every_paper(title: str, profile: str) -> None:
    assert printed(DocumentRow(title, style="big"), profile=profile) == [title]


def test_a_sum_in_large_letters_lets_its_currency_go_before_its_name() -> None:
    assert printed(DocumentRow("Summe EUR", "12.345,67", "big")) == ["Summe  12.345,67"]
    (row,) = printed(DocumentRow("Offener Betrag", "12.345,67", "big"))
    assert row.split() == ["Offener", "Betrag", "12.345,67"], "a name that is no currency stays whole"


def test_what_stands_at_the_right_of_a_loud_or_centred_row_is_printed_too() -> None:
    for style in ("mark", "centre"):
        assert printed(DocumentRow("Differenz", "-5,00", style)) == ["Differenz -5,00"]


def test_no_word_is_cut_for_what_stands_at_its_right() -> None:
    rows = layout_document(
        Document((DocumentRow("Referenz", "RF47 0000 0000 0000 0002"),), head=False), SHOP, 32
    )
    assert [row.text for row in rows] == ["Referenz", "RF47 0000 0000 0000 0002".rjust(32)]


def test_what_stands_at_the_right_is_never_longer_than_the_paper() -> None:
    names = ", ".join(f"Bedienung {n} (1000{n})" for n in range(5))
    rows = layout_document(Document((DocumentRow("Einsatz 1", names),), head=False), SHOP, 32)
    assert max(len(row.text) for row in rows) <= 32
    assert " ".join(" ".join(row.text for row in rows).split()) == f"Einsatz 1 {names}"


def test_a_receipt_without_lines_has_no_empty_frame() -> None:
    lines = render_text(receipt(lines=(), taxes=(), total_minor=0), 32)
    rules = [n for n, line in enumerate(lines) if set(line) == {"-"}]
    assert all(after - before > 1 for before, after in itertools.pairwise(rules))
