"""The receipt as a sheet of 80 mm: what stands where, in points, for everything that paints (PDF, PNG).

Whoever paints says how wide its text is; so both break lines where their own typeface needs it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from receipts import formats
from receipts.model import Receipt, ReceiptLine, ReceiptTax, ReceiptTender
from receipts.qr import Matrix, matrix
from receipts.words import tender_name, word

__all__ = ["HEIGHT_MAX", "MARGIN", "WIDTH", "Code", "Measure", "Page", "Rule", "Text", "sheet", "title"]

WIDTH: Final = 226.0  # 80 mm
MARGIN: Final = 12.0
HEIGHT_MAX: Final = 3000.0
"""A page's; a longer receipt has several."""
_SIZE: Final = 8.5
_SMALL: Final = 7.0
_BIG: Final = 14.0
_LEADING: Final = 1.4
_INDENT: Final = 10.0
_GAP: Final = 8.0
_CODE: Final = 130.0
_ROOM: Final = WIDTH - 2 * MARGIN

Measure = Callable[[str, float, bool], float]
"""How wide a text is in points: text, size, bold."""


class Text(msgspec.Struct, frozen=True):
    """`x`, `y`: left end of its baseline, counted from the page's upper left corner. `soft`: of less weight."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    soft: bool = False


class Rule(msgspec.Struct, frozen=True):
    """A line across the sheet."""

    y: float


class Code(msgspec.Struct, frozen=True):
    """A QR code with `side` points, its quiet zone left to the paper around it."""

    x: float
    y: float
    side: float
    modules: Matrix


class Page(msgspec.Struct, frozen=True):
    """One page: its height in points and what stands on it, from above to below."""

    height: float
    marks: tuple[Text | Rule | Code, ...]


class _Row(msgspec.Struct, frozen=True):
    """`cells` stand in columns of equal width, at their right edges; `centred` has only `left`."""

    left: str = ""
    right: str = ""
    size: float = _SIZE
    bold: bool = False
    soft: bool = False
    indent: float = 0.0
    centred: bool = False
    cells: tuple[str, ...] = ()


def title(receipt: Receipt) -> str:
    return f"{word('receipt', receipt.language)} {receipt.number} – {receipt.shop.name}"


def sheet(receipt: Receipt, measure: Measure, spell: Callable[[str], str] = str) -> list[Page]:
    """The receipt as pages. `spell` turns a text into what the typeface has, before anything is measured."""
    pages: list[Page] = []
    marks: list[Text | Rule | Code] = []
    y = MARGIN
    for part in _parts(receipt):
        placed, height = _place(part, measure, spell)
        if marks and y + height + MARGIN > HEIGHT_MAX:
            pages.append(Page(y + MARGIN, tuple(marks)))
            marks, y = [], MARGIN
        marks += [_moved(mark, y) for mark in placed]
        y += height
    return [*pages, Page(y + MARGIN, tuple(marks))]


def _moved(mark: Text | Rule | Code, down: float) -> Text | Rule | Code:
    return msgspec.structs.replace(mark, y=mark.y + down)


def _place(
    part: _Row | str, measure: Measure, spell: Callable[[str], str]
) -> tuple[list[Text | Rule | Code], float]:
    """What one part is made of, counted from its own top, and its height. A text is a rule, a gap or a code."""
    if part == "rule":
        return [Rule(_GAP / 2)], _GAP
    if part == "gap":
        return [], _GAP
    if isinstance(part, str):
        return [Code((WIDTH - _CODE) / 2, _GAP, _CODE, matrix(part))], _CODE + 2 * _GAP
    leading = part.size * _LEADING
    text = partial(Text, size=part.size, bold=part.bold, soft=part.soft)
    wide = _wide(part, measure)
    left, right = spell(part.left), spell(part.right)
    if part.cells:
        column = _ROOM / len(part.cells)
        cells = [spell(cell) for cell in part.cells]
        ends = [MARGIN + column * (at + 1) for at in range(len(cells))]
        starts = [MARGIN, *(end - wide(cell) for end, cell in zip(ends[1:], cells[1:], strict=True))]
        return [text(x, part.size, cell) for x, cell in zip(starts, cells, strict=True)], leading
    room = _ROOM - part.indent - (wide(right) + _GAP if right else 0)
    rows = _wrap(left, room, wide)
    found: list[Text | Rule | Code] = []
    for at, row in enumerate(rows):
        x = (WIDTH - wide(row)) / 2 if part.centred else MARGIN + part.indent
        found.append(text(x, part.size + at * leading, row))
    if right:
        found.append(text(WIDTH - MARGIN - wide(right), part.size + (len(rows) - 1) * leading, right))
    return found, leading * len(rows)


def _wide(part: _Row, measure: Measure) -> Callable[[str], float]:
    return lambda text: measure(text, part.size, part.bold)


def _wrap(text: str, room: float, wide: Callable[[str], float]) -> list[str]:
    """Break at spaces, inside a word only where it is longer than a row."""
    rows: list[str] = []
    row = ""
    for word_ in text.split(" "):
        longer = f"{row} {word_}" if row else word_
        if wide(longer) <= room:
            row = longer
            continue
        if row:
            rows.append(row)
        row = word_
        while wide(row) > room and len(row) > 1:
            cut = next((at for at in range(len(row) - 1, 0, -1) if wide(row[:at]) <= room), 1)
            rows.append(row[:cut])
            row = row[cut:]
    return [*rows, row]


def _parts(receipt: Receipt) -> Iterator[_Row | str]:
    language = receipt.language
    say = partial(word, language=language)
    marks = [_Row(mark, size=_SIZE + 2, bold=True, centred=True) for mark in receipt.marks]
    yield from marks
    yield from _head(receipt)
    for line in receipt.lines:
        yield from _line(line, receipt)
    yield "rule"
    total = f"{formats.amount(receipt.total_minor, language)} {receipt.currency}"
    yield _Row(say("total"), total, size=_BIG, bold=True)
    yield from _sums(receipt)
    for tender in receipt.tenders:
        yield from _tender(tender, receipt)
    yield "rule"
    if receipt.taxes:
        yield _Row(cells=(say("tax"), say("net"), say("vat"), say("gross")), size=_SMALL, soft=True)
        for tax in receipt.taxes:
            yield _Row(cells=_tax_cells(tax, language), size=_SMALL + 0.5)
        yield "rule"
    if receipt.pieces > 0:
        yield _Row(say("pieces"), str(receipt.pieces), size=_SMALL)
    for key, value in (
        ("till", receipt.till),
        ("operator", receipt.operator),
        ("start", formats.stamp(receipt.started, language)),
        ("end", formats.stamp(receipt.ended, language)),
    ):
        yield _Row(say(key), value, size=_SMALL)
    if receipt.link:
        yield receipt.link
        yield _Row(receipt.caption, centred=True, size=_SMALL)
        yield _Row(receipt.number, centred=True, size=_SMALL)
    yield "gap"
    yield from (_Row(footer, centred=True, size=_SMALL) for footer in receipt.footers)
    yield from marks


def _head(receipt: Receipt) -> Iterator[_Row | str]:
    shop, say = receipt.shop, partial(word, language=receipt.language)
    yield _Row(shop.name, size=_SIZE + 3, bold=True, centred=True)
    yield from (_Row(text, centred=True, soft=True) for text in shop.address)
    if shop.tax_number:
        key = "vat-id" if shop.tax_number[:2].isalpha() else "tax-number"
        yield _Row(f"{say(key)} {shop.tax_number}", centred=True, soft=True)
    yield "rule"
    yield _Row(f"{say('receipt')} {receipt.number}", formats.moment(receipt.issued, receipt.language))
    if receipt.invoice:
        yield _Row(f"{say('invoice')} {receipt.invoice}")
        yield from (_Row(text) for text in receipt.buyer)
    yield from (
        _Row(f"{say(f'ref-{reference.kind}')} {reference.number}") for reference in receipt.references
    )
    yield "rule"


def _line(line: ReceiptLine, receipt: Receipt) -> Iterator[_Row]:
    language = receipt.language
    indent = _INDENT if line.indented else 0.0
    yield _Row(line.text, f"{formats.amount(line.total_minor, language)} {line.tax}", indent=indent)
    count = formats.count(line.quantity, line.unit, line.unit_minor, language, currency=receipt.currency)
    small = partial(_Row, size=_SMALL, soft=True, indent=indent + _INDENT)
    if count:
        yield small(count)
    yield from (small(note) for note in line.notes)
    for discount in line.discounts:
        yield small(
            discount.text or word("discount", language), f"{formats.amount(-discount.amount_minor, language)}"
        )


def _sums(receipt: Receipt) -> Iterator[_Row]:
    language = receipt.language
    say, amount = partial(word, language=language), partial(formats.amount, language=language)
    if receipt.saved_minor > 0:
        yield _Row(say("saved"), amount(receipt.saved_minor), size=_SMALL)
        for promotion in receipt.promotions:
            text = f"{say('of-which')} {promotion.text}"
            yield _Row(text, amount(promotion.amount_minor), size=_SMALL, indent=_INDENT)
    extra = [
        (key, minor)
        for key, minor in (("tip", receipt.tip_minor), ("rounding", receipt.rounding_minor))
        if minor
    ]
    yield from (_Row(say(key), amount(minor)) for key, minor in extra)
    if extra:
        owed = receipt.total_minor + receipt.tip_minor + receipt.rounding_minor
        yield _Row(say("to-pay"), amount(owed), bold=True)


def _tender(tender: ReceiptTender, receipt: Receipt) -> Iterator[_Row]:
    language = receipt.language
    say, amount = partial(word, language=language), partial(formats.amount, language=language)
    small = partial(_Row, size=_SMALL, soft=True, indent=_INDENT)
    name = tender_name(tender.kind, language)
    if tender.foreign_currency:
        name += f" {amount(tender.foreign_minor)} {tender.foreign_currency}"
    yield _Row(name, f"{amount(tender.amount_minor)} {tender.currency}")
    if tender.foreign_rate is not None:
        rate = formats.quantity(tender.foreign_rate, language)
        yield small(f"{say('foreign-rate')} 1 {tender.foreign_currency} = {rate} {tender.currency}")
    if tender.reference:
        yield small(f"{say('number')} {tender.reference}")
    yield from (small(line) for line in tender.slip)
    if tender.balance_minor is not None:
        yield small(say("balance"), amount(tender.balance_minor))
    if tender.change_minor and tender.amount_minor > 0:
        yield small(say("given"), amount(tender.given_minor))
        yield small(say("change"), amount(tender.change_minor))


def _tax_cells(tax: ReceiptTax, language: str) -> tuple[str, ...]:
    sums = (tax.net_minor, tax.vat_minor, tax.gross_minor)
    head = f"{tax.code} {formats.percent(tax.percent, language)}"
    return (head, *(formats.amount(minor, language) for minor in sums))
