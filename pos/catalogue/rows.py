"""One row of a file becomes an article, or the list of all that is wrong with it."""

import datetime as dt
import re
import unicodedata
from decimal import Decimal

import msgspec

from pos.catalogue.amounts import DecimalMark, read_day, read_decimal
from pos.catalogue.departments import Department, Departments
from pos.catalogue.dialect import undecodable
from pos.catalogue.mapping import Columns
from pos.catalogue.report import Refusal
from pos.catalogue.schema import CONTENT_UNITS, DAY_MAX, DAY_MIN, LIST_SEPARATOR, TEXT_MAX_LENGTH
from pos.catalogue.tax_codes import TaxCodes
from pos.domain.article import UNITS
from pos.domain.codes import CODE_MAX_LENGTH, CodeKind, check_digit, key_of, read_code
from pos.domain.money import PRICE_MAX_MINOR, gross_of_net

__all__ = ["CheckedRow", "RowReader"]

AGE_MAX = 99
CODES_MAX = 50
CACHE_MAX = 50_000

# Other names of our units (`UNITS`) and of what a package holds (`CONTENT_UNITS`), by themselves or with a point.
_UNIT_NAMES = {
    "": "pc",
    "st": "pc",
    "stk": "pc",
    "stck": "pc",
    "stück": "pc",
    "stueck": "pc",
    "pcs": "pc",
    "piece": "pc",
    "pieces": "pc",
    "ea": "pc",
    "each": "pc",
    "c62": "pc",
    "h87": "pc",
    "pce": "pc",
    "kilo": "kg",
    "kilogramm": "kg",
    "kilogram": "kg",
    "kgm": "kg",
    "gr": "g",
    "gramm": "g",
    "gram": "g",
    "grm": "g",
    "ltr": "l",
    "liter": "l",
    "litre": "l",
    "meter": "m",
    "metre": "m",
    "lfm": "m",
    "mtr": "m",
    "m²": "m2",
    "qm": "m2",
    "milliliter": "ml",
    "millilitre": "ml",
    "mlt": "ml",
}
_YES = frozenset({"1", "ja", "j", "yes", "y", "true", "wahr", "x"})
_NO = frozenset({"", "0", "nein", "n", "no", "false", "falsch", "-"})
_BETWEEN_CODES = re.compile(r"[|,;\s]+")
_ROUNDED_BY_EXCEL = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_AGE = re.compile(r"(?:ab )?([0-9]{1,2})(?: ?\+| jahren?| j\.?)?", re.IGNORECASE)
_HUNDRED = Decimal(100)


class CheckedRow(msgspec.Struct):
    """A row that is right by itself; `codes` are (key, kind), `options` and `option_names` joined by `|`.

    `valid_from` and `valid_to` are None where the price has no days.
    """

    line: int
    sku: str
    text: str
    tax_code: str
    price_minor: int
    gtin: str | None
    codes: list[tuple[str, str]]
    department: int
    unit: str
    min_age: int
    serial_required: bool
    deposit_minor: int
    deposit_key: str
    product: str
    option_names: str
    options: str
    content: str | None
    content_unit: str | None
    valid_from: str | None
    valid_to: str | None


class RowReader:
    """Reads the rows of one file. What one cell says is remembered, for most say the same."""

    def __init__(
        self, columns: Columns, mark: DecimalMark, tax_codes: TaxCodes, departments: Departments, *, net: bool
    ) -> None:
        self._columns = columns
        self._at = {ours: places[0] for ours, places in columns.places.items()}
        self._mark: DecimalMark = mark
        self._tax_codes = tax_codes
        self._departments = departments
        self._price_column = next(c for c in ("price", "price_cents", "price_net") if c in columns)
        self._net = net or self._price_column == "price_net"
        self._amounts: dict[tuple[str, str, str], int | str] = {}
        self._cells: list[str] = []
        self._line = 0
        self._refusals: list[Refusal] = []

    def read(self, line: int, cells: list[str]) -> CheckedRow | list[Refusal]:
        self._line, self._cells, self._refusals = line, cells, []
        for i in undecodable(cells):
            name = self._columns.header[i] if i < len(self._columns.header) else ""
            self._refusals.append(
                Refusal(line, name, "bytes that are no characters of the file's encoding", cells[i])
            )
        if len(cells) > len(self._columns.header) and any(cells[len(self._columns.header) :]):
            surplus = " ".join(cells[len(self._columns.header) :])
            cause = f"{len(cells)} fields where the header has {len(self._columns.header)}; is a value not quoted?"
            self._refusals.append(Refusal(line, "", cause, surplus))
        if self._refusals:
            return self._refusals
        row = self._article()
        return self._refusals or row

    def _article(self) -> CheckedRow:
        codes, gtin, first_code = self._codes()
        text = self._text("name")
        if not text:
            self._refuse("name", "the article has no name")
        tax_code, department = self._tax_and_department()
        deposit_minor, deposit_key = self._deposit()
        content, content_unit = self._content()
        valid_from, valid_to = self._validity()
        option_names, options = self._options()
        return CheckedRow(
            line=self._line,
            sku=self._sku(first_code),
            text=text,
            tax_code=tax_code,
            price_minor=self._amount(self._price_column, tax_code if self._net else ""),
            gtin=gtin,
            codes=codes,
            department=department,
            unit=self._unit("unit", UNITS),
            min_age=self._age(),
            serial_required=self._yes("serial_required"),
            deposit_minor=deposit_minor,
            deposit_key=deposit_key,
            product=self._text("product"),
            option_names=option_names,
            options=options,
            content=content,
            content_unit=content_unit,
            valid_from=valid_from,
            valid_to=valid_to,
        )

    def _refuse(self, ours: str, cause: str, value: str = "") -> None:
        self._refusals.append(Refusal(self._line, self._columns.theirs(ours), cause, value))

    def _cell(self, ours: str) -> str:
        i = self._at.get(ours)
        return self._cells[i].strip() if i is not None and i < len(self._cells) else ""

    def _text(self, ours: str) -> str:
        """A cell of words: line breaks become blanks, invisible marks go, control characters are refused."""
        raw = self._cell(ours)
        text = " ".join(raw.split())
        if not text.isprintable():
            text = "".join(char for char in text if unicodedata.category(char) != "Cf")
            if not text.isprintable():
                self._refuse(ours, "control characters in a text", raw)
        if len(text) > TEXT_MAX_LENGTH:
            self._refuse(ours, f"longer than {TEXT_MAX_LENGTH} characters", raw)
        return text

    def _sku(self, first_code: str) -> str:
        sku = self._cell("sku") or first_code
        if not sku and not self._refusals:
            self._refuse("gtin", "neither a code nor an article number")
        if len(sku) > CODE_MAX_LENGTH or not sku.isprintable():
            self._refuse("sku", f"an article number has at most {CODE_MAX_LENGTH} printable characters", sku)
        return sku

    def _codes(self) -> tuple[list[tuple[str, str]], str | None, str]:
        """All codes of the row as (key, kind), the main GTIN as printed, the first code of all as printed."""
        codes: dict[str, str] = {}
        gtin: str | None = None
        first = ""
        for ours in ("gtin", "plu"):
            for i in self._columns.places.get(ours, ()):
                cell = self._cells[i].strip() if i < len(self._cells) else ""
                if not cell:
                    continue
                if _ROUNDED_BY_EXCEL.fullmatch(cell):
                    self._refuse(
                        ours, "Excel has rounded this code; format the column as text, save again", cell
                    )
                    continue
                for piece in (cell,) if cell.isalnum() else filter(None, _BETWEEN_CODES.split(cell)):
                    code = read_code(piece)
                    if code.kind is CodeKind.BROKEN or code.kind is CodeKind.FOREIGN:
                        self._refuse(ours, _why_broken(piece), piece)
                        continue
                    if ours == "plu" and code.kind is not CodeKind.PLU:
                        self._refuse(ours, "a PLU has one to six digits", piece)
                        continue
                    codes.setdefault(code.key, code.kind.value)
                    first = first or code.text
                    if gtin is None and code.kind is CodeKind.GTIN:
                        gtin = code.text
        if len(codes) > CODES_MAX:
            self._refuse("gtin", f"more than {CODES_MAX} codes for one article")
        return list(codes.items()), gtin, first

    def _tax_and_department(self) -> tuple[str, int]:
        text = self._cell("department")
        department = self._departments.find(text) if text and text != "0" else None
        code_cell, rate_cell = self._cell("tax_code"), self._cell("vat_rate")
        if code_cell or rate_cell:
            code = self._tax_codes.read(code_cell, rate_cell)
            if code is None:
                self._refuse_tax(code_cell, rate_cell)
                return "", 0
        elif department is not None:
            code = department.tax_code
        else:
            column = (
                "vat_rate" if "vat_rate" in self._columns or "tax_code" not in self._columns else "tax_code"
            )
            self._refuse(column, "no VAT rate, and no department that has one")
            return "", 0
        return code, self._department_number(text, department, code)

    def _refuse_tax(self, code_cell: str, rate_cell: str) -> None:
        if not rate_cell:
            self._refuse("tax_code", f"no tax code that holds today ({self._tax_codes.known()})", code_cell)
        elif self._tax_codes.read("", rate_cell) is None:
            self._refuse("vat_rate", f"no VAT rate that holds today ({self._tax_codes.known()})", rate_cell)
        else:
            cause = f"does not go with the VAT rate {rate_cell} ({self._tax_codes.known()})"
            self._refuse("tax_code", cause, code_cell)

    def _department_number(self, text: str, department: Department | None, tax_code: str) -> int:
        if department is not None:
            return department.number
        if not text or text == "0":
            return 0
        if self._departments.complete:
            self._refuse("department", "this department is not in the file of departments", text)
            return 0
        made = self._departments.make(text, tax_code)
        if made is None:
            self._refuse("department", "a department's number is from 1 to 9999", text)
        return made.number if made else 0

    def _amount(self, ours: str, net_of: str = "") -> int:
        """A price in minor units, gross; 0 if it was refused. `net_of` is the tax code to add to a net price."""
        text = self._cell(ours)
        key = (ours, text, net_of)
        found = self._amounts.get(key)
        if found is None:
            found = self._read_amount(ours, text, net_of)
            if len(self._amounts) >= CACHE_MAX:
                self._amounts.clear()
            self._amounts[key] = found
        if isinstance(found, str):
            self._refuse(ours, found, text)
            return 0
        return found

    def _read_amount(self, ours: str, text: str, net_of: str) -> int | str:
        if not text:
            return "the article has no price"
        if ours.endswith("_cents"):
            cents = Decimal(text) if re.fullmatch(r"[+-]?[0-9]{1,12}", text) else None
            if cents is None:
                return "not a whole number of cents"
        else:
            value = read_decimal(text, self._mark)
            if value is None:
                words = "comma" if self._mark == "," else "point"
                return f"not a number with a decimal {words}, as the rest of the file has"
            cents = value * _HUNDRED
        if cents < 0:
            return "a price cannot be negative"
        if net_of:
            minor = gross_of_net(cents, self._tax_codes.percent(net_of))
        elif cents != cents.to_integral_value():
            return "a gross price has at most two decimals"
        else:
            minor = int(cents)
        if minor > PRICE_MAX_MINOR:
            return f"over the highest price, {Decimal(PRICE_MAX_MINOR) / 100}"
        return minor

    def _unit(self, ours: str, known: frozenset[str]) -> str:
        text = self._cell(ours)
        plain = text.lower().rstrip(".")
        unit = _UNIT_NAMES.get(plain, plain)
        if unit not in known:
            self._refuse(ours, f"unknown unit; known are {', '.join(sorted(known))}", text)
        return unit

    def _age(self) -> int:
        text = self._cell("min_age")
        if not text or text in {"-", "nein", "Nein"}:
            return 0
        match = _AGE.fullmatch(text)
        if match is None:
            self._refuse("min_age", f"not an age from 0 to {AGE_MAX}", text)
            return 0
        return int(match[1])

    def _yes(self, ours: str) -> bool:
        text = self._cell(ours)
        if text.lower() in _YES:
            return True
        if text.lower() not in _NO:
            self._refuse(ours, "neither yes nor no (1 or 0, ja or nein)", text)
        return False

    def _deposit(self) -> tuple[int, str]:
        """The deposit's amount and the key of its article; 0 and empty where there is none."""
        column = "deposit" if "deposit" in self._columns else "deposit_cents"
        text = self._cell(column)
        minor = self._amount(column) if text and text not in _NO else 0
        code = self._cell("deposit_gtin")
        return minor, key_of(code)

    def _content(self) -> tuple[str | None, str | None]:
        text = self._cell("content_quantity")
        if not text or text == "0":
            return None, None
        value = read_decimal(text, self._mark)
        unit_text = self._cell("content_unit")
        if value is None or not 0 < value < 1_000_000:
            self._refuse("content_quantity", "not a quantity", text)
            return None, None
        if not unit_text:
            self._refuse("content_unit", "the content has no unit", text)
            return None, None
        if unit_text.lower() == "cl":
            return str(value * 10), "ml"
        return str(value), self._unit("content_unit", CONTENT_UNITS)

    def _validity(self) -> tuple[str | None, str | None]:
        texts = (self._cell("valid_from"), self._cell("valid_to"))
        if not any(texts):
            return None, None
        days: list[dt.date | None] = []
        for ours, text in zip(("valid_from", "valid_to"), texts, strict=True):
            day = read_day(text) if text else None
            if text and day is None:
                self._refuse(ours, "not a day, such as 2025-12-24 or 24.12.2025", text)
            days.append(day)
        first, last = days
        if first and last and last < first:
            self._refuse("valid_to", "the price ends before it begins", texts[1])
        return first.isoformat() if first else DAY_MIN, last.isoformat() if last else DAY_MAX

    def _options(self) -> tuple[str, str]:
        names, values = self._text("option_names"), self._text("option_values")
        if names and values and names.count(LIST_SEPARATOR) != values.count(LIST_SEPARATOR):
            self._refuse("option_values", f"not as many values as there are names ({names})", values)
        return names, values


def _why_broken(piece: str) -> str:
    if piece.isascii() and piece.isdigit() and len(piece) < CODE_MAX_LENGTH:
        return f"the check digit is wrong: with it the number would end in {check_digit(piece[:-1])}"
    if len(piece) > CODE_MAX_LENGTH:
        return f"a code has at most {CODE_MAX_LENGTH} characters"
    return "not a code: it holds characters that no scanner of articles sends"
