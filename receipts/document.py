"""A document in a fixed number of columns: rows for a printer, plain lines for a terminal."""

import textwrap
from collections.abc import Iterable, Iterator

import msgspec

from pos.domain.document import Document, DocumentRow
from receipts.model import Shop
from receipts.text import Fit, Row, Style, clean

__all__ = ["layout_document"]

_STYLES = {"centre": Style.CENTRE, "mark": Style.MARK}


def layout_document(
    document: Document, shop: Shop, columns: int, fit: Fit = clean, *, public_url: str = ""
) -> list[Row]:
    """The document as rows of at most `columns` characters. `fit` turns a text into what the device can show.

    A code that is a path is one below `public_url`, where customers find pages; without that, it is left out.
    """
    rows = [_public(row, public_url) for row in document.rows]
    found = tuple(row for row in rows if row is not None)
    return list(_rows(msgspec.structs.replace(document, rows=found), shop, columns, fit))


def _public(row: DocumentRow, public_url: str) -> DocumentRow | None:
    if row.style != "code" or not row.left.startswith("/"):
        return row
    return msgspec.structs.replace(row, left=public_url.rstrip("/") + row.left) if public_url else None


def _rows(document: Document, shop: Shop, columns: int, fit: Fit) -> Iterator[Row]:
    marks = [Row(text, Style.MARK) for mark in document.marks for text in _wrap(fit(mark), columns)]
    yield from marks
    if document.head:
        for text in (shop.name, *shop.address):
            yield from (Row(part, Style.CENTRE) for part in _wrap(fit(text), columns))
        yield Row("")
    yield from _apart(row for part in document.rows for row in _row(part, columns, fit))
    yield from marks


def _row(row: DocumentRow, columns: int, fit: Fit) -> Iterator[Row]:
    left, right = fit(row.left), fit(row.right)
    if row.style == "rule":
        yield Row("-" * columns)
    elif row.style == "code":
        yield Row(row.left, Style.CODE)
    elif row.style == "bars":
        yield Row(row.left, Style.BARS)
    elif row.style in _STYLES:
        text = f"{left} {right}".strip()
        yield from (Row(part, _STYLES[row.style]) for part in _wrap(text, columns))
    else:
        room = columns - len(right) - 1 if right else columns
        if max(map(len, left.split()), default=0) > room:  # no word is cut for what stands at its right
            yield from (Row(part) for part in _wrap(left, columns))
            yield from (Row(part.rjust(columns), left="", right=part) for part in _wrap(right, columns))
            return
        parts = _wrap(left, room) or [""]
        yield from (Row(part) for part in parts[:-1])
        text = f"{parts[-1]}{right.rjust(columns - len(parts[-1]))}" if right else parts[-1]
        style = Style.BIG if row.style == "big" else Style.PLAIN
        yield Row(text, style, parts[-1], right)


def _apart(rows: Iterable[Row]) -> Iterator[Row]:
    """White above and below each code: scanners want it."""
    before = Row("")
    for row in rows:
        if Style.CODE in {row.style, before.style} and before.text and row.text:
            yield Row("")
        yield row
        before = row


def _wrap(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(1, columns))
