"""A bank's statement as banks give them out, CSV or CAMT.053 (pos.bank_camt): rows of money that came, with their words.

Banks differ in everything: the sign between columns, the letters, the names of columns, how they write amounts and days. What is
needed is found by the names that German and English banks use; what is not understood is said and left alone.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pos.bank_camt import CamtError, is_xml, read_camt
from pos.domain.question import read_date
from pos.domain.transfer import names_reference
from pos.transfers import OpenTransfer

__all__ = ["BankFileError", "BankRow", "Match", "match_rows", "read_bank_file"]

MAX_BYTES: Final = 20_000_000
_AMOUNT: Final = (
    "betrag",
    "umsatz",
    "amount",
    "betrag (eur)",
    "betrag (€)",
    "umsatz in eur",
    "credit",
    "haben",
)
_DAY: Final = (
    "buchungstag",
    "buchungsdatum",
    "buchung",
    "datum",
    "date",
    "booking date",
    "valutadatum",
    "valuta",
)
_WORDS: Final = (
    "verwendungszweck", "kundenreferenz", "kundenreferenz (end-to-end)", "end-to-end-referenz", "referenz", "reference",
    "purpose", "description", "buchungstext", "remittance information", "details", "vorgang/verwendungszweck",
)  # fmt: skip
_PAYER: Final = (
    "zahlungspflichtige*r",
    "name zahlungsbeteiligter",
    "beguenstigter/zahlungspflichtiger",
    "auftraggeber",
    "payer",
    "name",
)
_NUMBER: Final = re.compile(r"[-+]?[0-9][0-9.,' ]*", re.ASCII)


class BankFileError(ValueError):
    """The file is none that can be read; the text says why."""


class BankRow(msgspec.Struct, frozen=True):
    """`line` is the row's number in the file, from 1 (of an XML file: the entry's); `words` all that could hold a reference."""

    line: int
    booked: dt.date
    amount_minor: int
    words: str


class Match(msgspec.Struct, frozen=True):
    """A row that names the reference of an open transfer; `transfer` as it was before this row."""

    row: BankRow
    transfer: OpenTransfer


def read_bank_file(path: Path, today: dt.date) -> tuple[list[BankRow], list[str]]:
    """Its rows, and what was not understood. Raises BankFileError where no row can be read."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise BankFileError("the file is larger than 20 MB")
    if raw[:4] == b"PK\x03\x04":
        raise BankFileError("it is packed (ZIP): unpack it first")
    if is_xml(raw):
        return _camt_rows(raw)
    lines = _text_of(raw).splitlines()
    for at, line in enumerate(lines):
        for sign in (";", ",", "\t"):
            names = [
                name.strip().strip('"').casefold() for name in next(csv.reader([line], delimiter=sign), [])
            ]
            if any(name in _AMOUNT for name in names) and any(name in _DAY for name in names):
                return _rows(names, lines[at + 1 :], sign, at + 2, today)
    raise BankFileError("no row names a column for the amount and one for the day (Betrag, Buchungstag)")


def _camt_rows(raw: bytes) -> tuple[list[BankRow], list[str]]:
    try:
        rows, problems = read_camt(raw)
    except CamtError as error:
        raise BankFileError(str(error)) from error
    return [BankRow(row.entry, row.booked, row.amount_minor, row.words) for row in rows], problems


def _text_of(raw: bytes) -> str:
    for codec in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _rows(
    names: Sequence[str], lines: Sequence[str], sign: str, first: int, today: dt.date
) -> tuple[list[BankRow], list[str]]:
    amount_at = _first(names, _AMOUNT)
    day_at = _first(names, _DAY)
    words_at = [at for at, name in enumerate(names) if name in _WORDS or name in _PAYER]
    found: list[BankRow] = []
    problems: list[str] = []
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=sign)
    for cells in reader:
        line = first + reader.line_num - 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(amount_at, day_at):
            problems.append(f"line {line}: too few columns")
            continue
        minor, day = _minor(cells[amount_at]), read_date(cells[day_at].strip()[:10], today)
        if minor is None or day is None:
            problems.append(
                f"line {line}: {cells[amount_at][:20]!r} or {cells[day_at][:20]!r} is not understood"
            )
            continue
        words = " ".join(cells[at].strip() for at in words_at if at < len(cells))
        found.append(BankRow(line, day, minor, words))
    return found, problems


def _first(names: Sequence[str], known: Iterable[str]) -> int:
    return next(names.index(name) for name in known if name in names)


def _minor(text: str) -> int | None:
    """`1.234,56`, `1,234.56`, `-12,5`, `12`: what stands behind the last sign is cents, if it is one or two digits."""
    plain = text.strip().replace("€", "").replace("EUR", "").strip().replace("\u2212", "-")
    if not _NUMBER.fullmatch(plain):
        return None
    sign = -1 if plain.startswith("-") else 1
    plain = plain.lstrip("+-").replace("'", "").replace(" ", "")
    whole, point, cents = plain.rpartition("," if plain.rfind(",") > plain.rfind(".") else ".")
    if not point or len(cents) not in (1, 2):
        whole, cents = plain, ""
    digits = whole.replace(",", "").replace(".", "")
    return sign * (int(digits or "0") * 100 + int(cents.ljust(2, "0") or "0"))


def match_rows(
    rows: Iterable[BankRow],
    transfers: Sequence[OpenTransfer],
    known: Container[tuple[str, str, int]] = frozenset(),
) -> list[Match]:
    """Rows that name the reference of an open transfer, in their order. Nothing is matched by its amount alone.

    `known` are (reference, day, amount) that were marked already: a statement may be read twice.
    """
    left = {one.reference: one for one in transfers}
    found = []
    for row in rows:
        named = [one for one in left.values() if names_reference(row.words, one.reference)]
        if len(named) != 1 or not row.amount_minor:
            continue
        (one,) = named
        if (row.amount_minor < 0) != (one.amount_minor < 0):
            continue  # what came does not pay back what the shop owes, nor the other way round
        if (one.reference, row.booked.isoformat(), row.amount_minor) in known:
            continue
        found.append(Match(row, one))
        rest = one.amount_minor - row.amount_minor
        if rest and (rest < 0) == (one.amount_minor < 0):
            left[one.reference] = msgspec.structs.replace(one, amount_minor=rest)
        else:
            del left[one.reference]
    return found
