"""Bank statements as CSV: rows are read as banks write them, and only a reference settles a transfer."""

import datetime as dt
from pathlib import Path

import pytest

from pos.bank_rows import BankFileError, BankRow, match_rows, read_bank_file
from pos.domain.transfer import grouped, reference_of
from pos.transfers import OpenTransfer

TODAY = dt.date(2026, 11, 24)
ONE, TWO = reference_of("M81WMVK8WYJ3H7G4"), reference_of("M81WMVK8WYJ3H7G5")
CAMT = (
    '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";'
    '"Kundenreferenz (End-to-End)";"Beguenstigter/Zahlungspflichtiger";"Betrag";"Waehrung";"Info"\n'
    f'"DE1";"23.11.26";"23.11.26";"GUTSCHR. UEBERWEISUNG";"{grouped(ONE)} Danke";"NOTPROVIDED";"Müller";"12,99";"EUR";"x"\n'
    '"DE1";"23.11.26";"23.11.26";"LASTSCHRIFT";"Strom";"";"Werke";"-1.080,00";"EUR";"x"\n'
    '"DE1";"kein Tag";"23.11.26";"?";"";"";"";"1,00";"EUR";"x"\n'
)


def opened(reference: str, minor: int) -> OpenTransfer:
    return OpenTransfer(reference, minor, "EUR", 1, 7, "2026-11-21")


def test_a_german_statement_is_read_in_its_own_letters(tmp_path: Path) -> None:
    path = tmp_path / "umsaetze.csv"
    path.write_bytes(CAMT.encode("cp1252"))
    rows, problems = read_bank_file(path, TODAY)
    assert [(row.line, row.booked.isoformat(), row.amount_minor) for row in rows] == [
        (2, "2026-11-23", 1_299),
        (3, "2026-11-23", -108_000),
    ]
    assert "Müller" in rows[0].words
    assert problems == ["line 4: '1,00' or 'kein Tag' is not understood"]
    (match,) = match_rows(rows, [opened(ONE, 1_299), opened(TWO, 1_299)])
    assert match.transfer.reference == ONE


def test_an_english_one_with_rows_before_its_names(tmp_path: Path) -> None:
    path = tmp_path / "statement.csv"
    path.write_text(
        f'Account,DE1\n\nDate,Description,Amount\n2026-11-23,{TWO},"1,012.50"\n', encoding="utf-8"
    )
    (row,), problems = read_bank_file(path, TODAY)
    assert (row.amount_minor, row.booked, problems) == (101_250, dt.date(2026, 11, 23), [])


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("12", 1_200),
        ("12,5", 1_250),
        ("-0,01", -1),
        ("+1.234.567,89", 123_456_789),
        ("1,234", 123_400),
        ("12,99 €", 1_299),
    ],
)
def test_amounts_as_banks_write_them(tmp_path: Path, text: str, minor: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"Datum;Betrag\n23.11.2026;{text}\n", encoding="utf-8")
    (row,), _ = read_bank_file(path, TODAY)
    assert row.amount_minor == minor


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\x00\xff hello")
    with pytest.raises(BankFileError):
        read_bank_file(path, TODAY)


def row(minor: int, words: str, line: int = 1) -> BankRow:
    return BankRow(line, TODAY, minor, words)


def test_nothing_is_matched_by_its_amount_alone_and_nothing_twice() -> None:
    open_ones = [opened(ONE, 1_299), opened(TWO, 1_299)]
    assert match_rows([row(1_299, "Einkauf")], open_ones) == []
    assert match_rows([row(1_299, f"{ONE} {TWO}")], open_ones) == [], "which of both?"
    twice = match_rows([row(1_299, ONE), row(1_299, ONE, 2)], open_ones)
    assert [match.row.line for match in twice] == [1]
    parts = match_rows([row(1_000, ONE), row(299, ONE, 2)], open_ones)
    assert [match.transfer.amount_minor for match in parts] == [1_299, 299]
    assert match_rows([row(1_000, ONE)], open_ones, {(ONE, "2026-11-24", 1_000)}) == []


def test_what_came_does_not_settle_what_the_shop_owes_and_what_went_out_does() -> None:
    came = BankRow(1, TODAY, 1_299, ONE)
    went = BankRow(2, TODAY, -1_299, ONE)
    (match,) = match_rows([came, went], [opened(ONE, -1_299)])
    assert match.row is went
    assert match_rows([went], [opened(ONE, 1_299)]) == []
