"""The receipt in a fixed number of columns: rows for a printer, plain lines for a terminal.

Prices are never cut: names wrap first, then end in an ellipsis. No row is ever longer than the columns.
"""

import enum
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from receipts import formats
from receipts.model import Receipt, ReceiptLine, ReceiptTax, ReceiptTender
from receipts.words import tender_name, word

__all__ = ["COLUMNS_MIN", "Fit", "Row", "Style", "clean", "layout", "render_text"]

COLUMNS_MIN: Final = 32
NAME_ROWS_MAX: Final = 2


class Style(enum.Enum):
    """How a row is meant; a terminal shows BIG as one plain line."""

    PLAIN = "plain"
    CENTRE = "centre"
    MARK = "mark"  # centred and loud
    BIG = "big"  # twice as wide and high; the text fits half the columns or `wide` is False
    CODE = "code"  # the place of the QR code; the text is what it holds
    BARS = "bars"  # EAN-13, EAN-8 or UPC-A; the text is its digits


class Row(msgspec.Struct, frozen=True):
    """One row. BIG rows keep `left` and `right` apart, because a printer fits them into half the columns."""

    text: str
    style: Style = Style.PLAIN
    left: str = ""
    right: str = ""


Fit = Callable[[str], str]


def clean(text: str) -> str:
    """One line without control characters, so that no article name can command a printer or terminal."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if char.isspace() else char for char in composed if char.isspace() or _visible(char))
    return " ".join("".join(kept).split())


def render_text(receipt: Receipt, columns: int) -> list[str]:
    """The receipt as lines of at most `columns` characters, without trailing spaces."""
    lines: list[str] = []
    for row in layout(receipt, columns):
        if row.style is Style.CODE:
            lines.extend(_chop(row.text, columns))
        elif row.style in (Style.CENTRE, Style.MARK, Style.BARS):
            lines.append(row.text.center(columns).rstrip())
        else:
            lines.append(row.text.rstrip())
    return lines


def layout(receipt: Receipt, columns: int, fit: Fit = clean) -> list[Row]:
    """The receipt as rows. `fit` turns a text into what the device can show, before anything is measured."""
    assert columns >= COLUMNS_MIN, "a receipt needs 32 columns"
    return list(_Layout(receipt, columns, fit).rows())


def _visible(char: str) -> bool:
    return not unicodedata.category(char).startswith("C")


def _chop(text: str, columns: int) -> list[str]:
    return [text[at : at + columns] for at in range(0, len(text), columns)]


class _Layout:
    """One receipt on one width."""

    def __init__(self, receipt: Receipt, columns: int, fit: Fit) -> None:
        self._receipt = receipt
        self._columns = columns
        self._fit = fit
        self._language = receipt.language
        self._ellipsis = fit("…")

    def rows(self) -> Iterator[Row]:
        yield from self._marks()
        yield from self._head()
        for line in self._receipt.lines:
            yield from self._line(line)
        if self._receipt.lines:
            yield self._rule()
        yield from self._sums()
        yield self._rule()
        yield from self._tax_table()
        yield from self._foot()
        yield from self._marks()

    # -- parts

    def _marks(self) -> Iterator[Row]:
        for mark in self._receipt.marks:
            yield from (Row(text, Style.MARK) for text in self._wrap(self._fit(mark), self._columns))

    def _head(self) -> Iterator[Row]:
        shop, receipt = self._receipt.shop, self._receipt
        for text in (shop.brand, shop.name, *shop.address, self._tax_number()):
            yield from self._centred(text)
        yield self._rule()
        yield from self._pair(
            f"{self._word('receipt')} {receipt.number}", formats.moment(receipt.issued, self._language)
        )
        yield from self._pair(
            f"{self._word('till')} {receipt.till}", f"{self._word('operator')} {receipt.operator}"
        )
        if receipt.invoice:
            yield from self._plain(f"{self._word('invoice')} {receipt.invoice}")
            for text in receipt.buyer:
                yield from self._plain(text)
        for reference in receipt.references:
            yield from self._plain(f"{self._word(f'ref-{reference.kind}')} {reference.number}")
        yield self._stamp("start", formats.stamp(receipt.started, self._language))
        yield self._stamp("end", formats.stamp(receipt.ended, self._language))
        yield self._rule()

    def _line(self, line: ReceiptLine) -> Iterator[Row]:
        indent = "  " if line.indented else ""
        price = f"{self._amount(line.total_minor)} {line.tax}"
        yield from self._priced(indent, line.text, price)
        count = self._count(line)
        if count:
            yield from self._plain(f"{indent}  {count}")
        for note in line.notes:
            yield from self._plain(f"{indent}  {note}")
        for discount in line.discounts:
            text = discount.text or self._word("discount")
            yield from self._priced(f"{indent}  ", text, f"{self._amount(-discount.amount_minor)}  ")

    def _count(self, line: ReceiptLine) -> str:
        return formats.count(
            line.quantity, line.unit, line.unit_minor, self._language, currency=self._receipt.currency
        )

    def _sums(self) -> Iterator[Row]:
        receipt = self._receipt
        left = f"{self._word('total')} {receipt.currency}"
        right = self._amount(receipt.total_minor)
        yield Row(self._spread(left, f"{right}  "), Style.BIG, left=left, right=right)
        if receipt.saved_minor > 0:
            yield from self._priced("", self._word("saved"), f"{self._amount(receipt.saved_minor)}  ")
            for promotion in receipt.promotions:
                text = f"{self._word('of-which')} {promotion.text}"
                yield from self._priced("  ", text, f"{self._amount(promotion.amount_minor)}  ")
        extra = (("tip", receipt.tip_minor), ("rounding", receipt.rounding_minor))
        for key, minor in extra:
            if minor:
                yield from self._priced("", self._word(key), f"{self._amount(minor)}  ")
        if any(minor for _, minor in extra):
            owed = receipt.total_minor + receipt.tip_minor + receipt.rounding_minor
            yield from self._priced("", self._word("to-pay"), f"{self._amount(owed)}  ")
        for tender in receipt.tenders:
            yield from self._tender(tender)

    def _tender(self, tender: ReceiptTender) -> Iterator[Row]:
        name = tender_name(tender.kind, self._language)
        if tender.foreign_currency:
            name += f" {formats.amount(tender.foreign_minor, self._language)} {tender.foreign_currency}"
        elif tender.currency != self._receipt.currency:
            name += f" {tender.currency}"
        yield from self._priced("", name, f"{self._amount(tender.amount_minor)}  ")
        if tender.foreign_rate is not None:
            rate = formats.quantity(tender.foreign_rate, self._language)
            yield from self._plain(
                f"  {self._word('foreign-rate')} 1 {tender.foreign_currency} = {rate} {tender.currency}"
            )
        if tender.reference:
            yield from self._plain(f"  {self._word('number')} {tender.reference}")
        for line in tender.slip:
            yield from self._plain(f"  {line}")
        if tender.balance_minor is not None:
            yield from self._priced("  ", self._word("balance"), f"{self._amount(tender.balance_minor)}  ")
        if tender.change_minor and tender.amount_minor > 0:
            yield from self._priced("  ", self._word("given"), f"{self._amount(tender.given_minor)}  ")
            yield from self._priced("  ", self._word("change"), f"{self._amount(tender.change_minor)}  ")

    def _tax_table(self) -> Iterator[Row]:
        if not self._receipt.taxes:
            return
        cells = [self._tax_cells(tax) for tax in self._receipt.taxes]
        head = [self._word(key) for key in ("tax", "net", "vat", "gross")]
        end = self._columns - 2  # where all amounts end
        width = (end - max(len(row[0]) for row in [head, *cells])) // 3
        if all(len(cell) < width for row in [head, *cells] for cell in row[1:]):
            for row in [head, *cells]:
                text = f"{row[0]:<{end - 3 * width}}" + "".join(f"{cell:>{width}}" for cell in row[1:])
                yield from self._plain(text)
            return
        for row in cells:  # amounts too long for a table on this paper
            yield from self._plain(f"{head[0]} {row[0]}")
            for name, cell in zip(head[1:], row[1:], strict=True):
                yield from self._priced("  ", name, f"{cell}  ")

    def _tax_cells(self, tax: ReceiptTax) -> list[str]:
        sums = (tax.net_minor, tax.vat_minor, tax.gross_minor)
        return [f"{tax.code} {formats.percent(tax.percent, self._language)}", *map(self._amount, sums)]

    def _foot(self) -> Iterator[Row]:
        receipt = self._receipt
        if receipt.pieces > 0:  # what comes back is no article fewer
            yield from self._plain(f"{self._word('pieces')}: {receipt.pieces}")
        if receipt.link:
            yield Row("")
            yield Row(receipt.link, Style.CODE)
            yield from self._centred(receipt.caption)
            yield from self._centred(receipt.number)
        if receipt.footers:
            yield Row("")
        for footer in receipt.footers:
            yield from self._centred(footer)

    # -- pieces of rows

    def _word(self, key: str) -> str:
        return self._fit(word(key, self._language))

    def _amount(self, minor: int) -> str:
        return formats.amount(minor, self._language)

    def _tax_number(self) -> str:
        number = self._receipt.shop.tax_number
        if not number:
            return ""
        return f"{self._word('vat-id' if number[:2].isalpha() else 'tax-number')} {number}"

    def _rule(self) -> Row:
        return Row("-" * self._columns)

    def _stamp(self, key: str, stamp: str) -> Row:
        return Row(f"{self._word(key):<5} {stamp}")

    def _spread(self, left: str, right: str) -> str:
        return left + right.rjust(self._columns - len(left))

    def _centred(self, text: str) -> Iterator[Row]:
        fitted = self._fit(text)
        if fitted:
            yield from (Row(part, Style.CENTRE) for part in self._wrap(fitted, self._columns))

    def _plain(self, text: str) -> Iterator[Row]:
        indent = text[: len(text) - len(text.lstrip())]
        fitted = self._fit_keeping(text)
        if len(fitted) <= self._columns:
            yield Row(fitted.rstrip())
            return
        for part in self._wrap(fitted, self._columns - len(indent)):
            yield Row(indent + part)

    def _fit_keeping(self, text: str) -> str:
        """Fit a text whose spaces are layout."""
        return "".join(char if char == " " else self._fit(char) for char in text)

    def _pair(self, left: str, right: str) -> Iterator[Row]:
        left, right = self._fit(left), self._fit(right)
        if len(left) + 1 + len(right) <= self._columns:
            yield Row(self._spread(left, right))
            return
        for text in (left, right):
            yield from (Row(part) for part in self._wrap(text, self._columns))

    def _priced(self, indent: str, name: str, price: str) -> Iterator[Row]:
        """A name with its price at the right edge: up to two rows of name, the price on the last one."""
        name = self._fit(name)
        room = self._columns - len(price) - 1
        if len(indent) + len(name) <= room:
            yield Row(self._spread(indent + name, price).rstrip())
            return
        parts = self._wrap(name, max(1, room - len(indent)))  # so that the price never stands alone
        if len(parts) > NAME_ROWS_MAX:
            parts = self._two_rows(name, self._columns - len(indent), room - len(indent))
        for part in parts[:-1]:
            yield Row(indent + part)
        yield Row(self._spread(indent + parts[-1], price).rstrip())

    def _two_rows(self, name: str, first_room: int, last_room: int) -> list[str]:
        first = self._wrap(name, first_room)[0]
        rest = name[len(first) :].strip()
        if len(rest) > last_room:
            rest = rest[: max(0, last_room - len(self._ellipsis))].rstrip() + self._ellipsis
        return [first, rest[: max(0, last_room)]]

    def _wrap(self, text: str, room: int) -> list[str]:
        """Break at spaces, inside a word only where it is longer than a row."""
        rows: list[str] = []
        while len(text) > room:
            at = text.rfind(" ", 1, room + 1)
            at = at if at > 0 else room
            rows.append(text[:at].rstrip())
            text = text[at:].lstrip()
        return [*rows, text]
