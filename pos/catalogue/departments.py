"""The shop's departments while a file is imported: from their own file, the last catalogue, or the articles."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from pos.catalogue.dialect import find_dialect, open_table, undecodable
from pos.catalogue.report import FileRefusedError
from pos.catalogue.schema import DEPARTMENT_MAX, SCHEMA_VERSION, TEXT_MAX_LENGTH
from pos.catalogue.tax_codes import TaxCodes
from pos.domain.folding import index_text

__all__ = ["Department", "Departments", "departments_of_catalogue", "read_departments"]

_COLUMNS = {
    "number": ("number", "nummer", "nr", "warengruppe", "warengruppennummer"),
    "name": ("name", "bezeichnung", "warengruppenname"),
    "vat_rate": ("vat_rate", "mwst", "ust", "steuersatz"),
    "tax_code": ("tax_code", "steuercode"),
}


class Department(msgspec.Struct, frozen=True):
    number: int
    name: str
    tax_code: str


class Departments:
    """Departments by number or name. Unknown ones are refused if `complete`, else made as articles name them."""

    def __init__(self, known: list[Department], *, complete: bool) -> None:
        self.complete = complete
        self._by_number = {department.number: department for department in known}
        self._by_name = {index_text(department.name): department for department in known}

    def find(self, text: str) -> Department | None:
        if text.isascii() and text.isdigit():
            return self._by_number.get(int(text)) if len(text) <= 9 else None
        return self._by_name.get(index_text(text))

    def make(self, text: str, tax_code: str) -> Department | None:
        """A new department; None if the number or their count is over the limit."""
        if text.isascii() and text.isdigit() and len(text) <= 9:
            number, name = int(text), text
        else:
            number, name = max(self._by_number, default=0) + 1, text
        if not 0 < number <= DEPARTMENT_MAX or len(name) > TEXT_MAX_LENGTH:
            return None
        made = Department(number, name, tax_code)
        self._by_number[number] = made
        self._by_name[index_text(name)] = made
        return made

    def all(self) -> list[Department]:
        return [self._by_number[number] for number in sorted(self._by_number)]


def read_departments(path: Path, tax_codes: TaxCodes) -> list[Department]:
    """Read the file of departments (number, name, vat_rate or tax_code); raises FileRefusedError with the line."""
    dialect = find_dialect(path, lambda header: len(_places(header)))
    with open_table(path, dialect) as table:
        places = _places(table.header)
        if not {"number", "name"} <= places.keys() or not {"vat_rate", "tax_code"} & places.keys():
            raise FileRefusedError(
                f"The departments in {path} need the columns number, name and vat_rate or tax_code; "
                f"the file has: {', '.join(table.header)}."
            )
        seen: dict[int, int] = {}
        departments = []
        for line, cells in table:
            if isinstance(cells, str) or undecodable(cells):
                raise FileRefusedError(
                    f"{path}, line {line}: {cells if isinstance(cells, str) else 'broken characters'}."
                )
            row = {ours: cells[i].strip() if i < len(cells) else "" for ours, i in places.items()}
            department = _department(f"{path}, line {line}", row, tax_codes)
            if department.number in seen:
                raise FileRefusedError(
                    f"{path}, line {line}: department {department.number} is on line {seen[department.number]} already."
                )
            seen[department.number] = line
            departments.append(department)
    return departments


def _places(header: list[str]) -> dict[str, int]:
    names = [re.sub(r"[\s%.-]", "", name.strip().lower()) for name in header]
    return {
        ours: names.index(name) for ours, aliases in _COLUMNS.items() for name in aliases if name in names
    }


def _department(where: str, row: dict[str, str], tax_codes: TaxCodes) -> Department:
    number = row["number"]
    if not (number.isascii() and number.isdigit() and 0 < int(number[:9]) <= DEPARTMENT_MAX):
        raise FileRefusedError(
            f"{where}: a department's number is from 1 to {DEPARTMENT_MAX}, not {number!r}."
        )
    if not row["name"] or len(row["name"]) > TEXT_MAX_LENGTH or not row["name"].isprintable():
        raise FileRefusedError(f"{where}: the department has no usable name.")
    code = tax_codes.read(row.get("tax_code", ""), row.get("vat_rate", ""))
    if code is None:
        raise FileRefusedError(
            f"{where}: {row.get('tax_code') or row.get('vat_rate')!r} is no VAT rate that holds today ({tax_codes.known()})."
        )
    return Department(int(number), row["name"], code)


def departments_of_catalogue(path: Path) -> list[Department]:
    """The departments of the catalogue in use, so that an import of articles alone keeps their numbers and names."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA user_version").fetchone() != (SCHEMA_VERSION,):
                return []
            rows = connection.execute("SELECT number, name, tax_code FROM department").fetchall()
    except sqlite3.Error:
        return []  # none there, or damaged: the import puts that right
    return [Department(*row) for row in rows]
