"""One row of a file becomes an article, or the list of all that is wrong with it."""

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from operator import itemgetter

from pos.catalogue.amounts import DecimalMark, read_day, read_decimal
from pos.catalogue.checked import CheckedRow, Common
from pos.catalogue.departments import Department, Departments
from pos.catalogue.dialect import undecodable
from pos.catalogue.mapping import COLUMNS, Columns
from pos.catalogue.report import Refusal
from pos.catalogue.schema import CONTENT_UNITS, DAY_MAX, DAY_MIN, LIST_SEPARATOR, TEXT_MAX_LENGTH
from pos.catalogue.tax_codes import TaxCodes
from pos.catalogue.vocabulary import age_of, unit_of, yes_or_no
from pos.domain.article import UNITS
from pos.domain.codes import CODE_MAX_LENGTH, CodeKind, check_digit, key_of, read_code
from pos.domain.money import PRICE_MAX_MINOR, gross_of_net

__all__ = ["RowReader"]

CODES_MAX = 50
CACHE_MAX = 50_000

_BETWEEN_CODES = re.compile(r"[|,;\s]+")
_ROUNDED_BY_EXCEL = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_HUNDRED = Decimal(100)


_COMMON_COLUMNS = (
    *("tax_code", "vat_rate", "department", "unit", "min_age", "serial_required", "deposit", "deposit_cents"),
    *("deposit_gtin", "content_quantity", "content_unit", "valid_from", "valid_to"),
)


class RowReader:
    """Reads the rows of one file. What cells say together is remembered, for most rows say the same."""

    def __init__(
        self, columns: Columns, mark: DecimalMark, tax_codes: TaxCodes, departments: Departments, *, net: bool
    ) -> None:
        self._columns = columns
        self._width = len(columns.header)
        # A column that the file does not have is read from the empty cell behind the last one.
        self._at = dict.fromkeys(COLUMNS, self._width)
        self._at.update({ours: places[0] for ours, places in columns.places.items()})
        self._code_places = [(ours, i) for ours in ("gtin", "plu") for i in columns.places.get(ours, ())]
        self._common_cells = itemgetter(*(self._at[ours] for ours in _COMMON_COLUMNS))
        self._has_words = bool({"product", "option_names", "option_values"} & columns.places.keys())
        self._mark: DecimalMark = mark
        self._tax_codes = tax_codes
        self._departments = departments
        self._price_column = next(c for c in ("price", "price_cents", "price_net") if c in columns)
        self._net = net or self._price_column == "price_net"
        self._amounts: dict[tuple[str, str, str], int | str] = {}
        self._commons: dict[tuple[str, ...], Common] = {}
        self._cells: list[str] = []
        self._line = 0
        self._refusals: list[Refusal] = []

    def read(self, line: int, cells: list[str]) -> CheckedRow | list[Refusal]:
        self._line, self._refusals = line, []
        for i in undecodable(cells):
            name = self._columns.header[i] if i < self._width else ""
            cause = "bytes that are no characters of the file's encoding"
            self._refusals.append(Refusal(line, name, cause, cells[i]))
        if len(cells) > self._width and any(cells[self._width :]):
            surplus = " ".join(cells[self._width :])
            cause = f"{len(cells)} fields where the header has {self._width}; is a value not quoted?"
            self._refusals.append(Refusal(line, "", cause, surplus))
        if self._refusals:
            return self._refusals
        self._cells = [cell.strip() for cell in cells[: self._width]]
        self._cells += [""] * (self._width + 1 - len(self._cells))
        row = self._article()
        return self._refusals or row

    def _article(self) -> CheckedRow:
        codes, gtin, first_code = self._codes()
        text = self._text("name")
        if not text:
            self._refuse("name", "the article has no name")
        common = self._common()
        product, option_names, options = self._words() if self._has_words else ("", "", "")
        return CheckedRow(
            line=self._line,
            sku=self._sku(first_code),
            text=text,
            price_minor=self._amount(self._price_column, common.tax_code if self._net else ""),
            gtin=gtin,
            codes=codes,
            product=product,
            option_names=option_names,
            options=options,
            common=common,
        )

    def _common(self) -> Common:
        cells = self._common_cells(self._cells)
        known = self._commons.get(cells)
        if known is not None:
            return known
        before = len(self._refusals)
        tax_code, department = self._tax_and_department()
        deposit_minor, deposit_key = self._deposit()
        content, content_unit = self._content()
        valid_from, valid_to = self._validity()
        common = Common(
            tax_code=tax_code,
            department=department,
            unit=self._unit("unit", UNITS),
            min_age=self._age(),
            serial_required=self._yes("serial_required"),
            deposit_minor=deposit_minor,
            deposit_key=deposit_key,
            content=content,
            content_unit=content_unit,
            valid_from=valid_from,
            valid_to=valid_to,
        )
        if len(self._refusals) == before:  # what was refused must be refused on each line
            if len(self._commons) >= CACHE_MAX:
                self._commons.clear()
            self._commons[cells] = common
        return common

    def _refuse(self, ours: str, cause: str, value: str = "") -> None:
        self._refusals.append(Refusal(self._line, self._columns.theirs(ours), cause, value))

    def _cell(self, ours: str) -> str:
        return self._cells[self._at[ours]]

    def _text(self, ours: str) -> str:
        """A cell of words: line breaks become blanks, invisible marks go, control characters are refused."""
        raw = self._cell(ours)
        text = raw if raw.isprintable() and "  " not in raw else " ".join(raw.split())
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
        for ours, i in self._code_places:
            for piece in self._pieces(ours, self._cells[i]):
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

    def _pieces(self, ours: str, cell: str) -> list[str]:
        """The codes in one cell; people part them by anything."""
        if cell.isdigit():
            return [cell]
        if _ROUNDED_BY_EXCEL.fullmatch(cell):
            self._refuse(ours, "Excel has rounded this code; format the column as text, save again", cell)
            return []
        return [piece for piece in _BETWEEN_CODES.split(cell) if piece]

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
        unit = unit_of(text)
        if unit not in known:
            self._refuse(ours, f"unknown unit; known are {', '.join(sorted(known))}", text)
        return unit

    def _age(self) -> int:
        text = self._cell("min_age")
        age = age_of(text)
        if age is None:
            self._refuse("min_age", "not an age from 0 to 99", text)
        return age or 0

    def _yes(self, ours: str) -> bool:
        text = self._cell(ours)
        answer = yes_or_no(text)
        if answer is None:
            self._refuse(ours, "neither yes nor no (1 or 0, ja or nein)", text)
        return bool(answer)

    def _deposit(self) -> tuple[int, str]:
        """The deposit's amount and the key of its article; 0 and empty where there is none."""
        column = "deposit" if "deposit" in self._columns else "deposit_cents"
        text = self._cell(column)
        minor = self._amount(column) if yes_or_no(text) is not False else 0
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

    def _words(self) -> tuple[str, str, str]:
        """The product, the names of its options, and this variant's values for them."""
        product, names, values = (
            self._text("product"),
            self._text("option_names"),
            self._text("option_values"),
        )
        if names and values and names.count(LIST_SEPARATOR) != values.count(LIST_SEPARATOR):
            self._refuse("option_values", f"not as many values as there are names ({names})", values)
        return product, names, values


def _why_broken(piece: str) -> str:
    if piece.isascii() and piece.isdigit() and len(piece) < CODE_MAX_LENGTH:
        return f"the check digit is wrong: with it the number would end in {check_digit(piece[:-1])}"
    if len(piece) > CODE_MAX_LENGTH:
        return f"a code has at most {CODE_MAX_LENGTH} characters"
    return "not a code: it holds characters that no scanner of articles sends"
