"""Records in bulk, as NDJSON or CSV: read piece by piece as they come in, written as they go out; memory stays flat.

A record is one JSON object. In a CSV each of a table's columns is a field; what no column holds stands as a JSON object in `more`.
A program for sheets takes a cell that begins with = + - @ for a formula, so such texts go out behind an apostrophe, which is
taken off again on the way in.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar.params import QueryParameter
from msgspec import Struct

from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work

__all__ = [
    "BODY_TYPES",
    "MORE",
    "WHOLE_MAX_LINES",
    "BadLine",
    "Format",
    "FormatAsked",
    "Import",
    "LineError",
    "NothingTakenError",
    "Reader",
    "Sheet",
    "field_of",
    "read_all",
    "read_stream",
    "take_lines",
    "write_text",
]

Format = Literal["ndjson", "csv"]
FormatAsked = Annotated[str, QueryParameter(name="format", pattern="^(ndjson|csv)$")]
BODY_TYPES: Final[dict[str, Format]] = {"application/x-ndjson": "ndjson", "text/csv": "csv"}
MORE: Final = "more"
WHOLE_MAX_LINES: Final = 5000
"""Of an import of which all lines hold or none."""
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_PLACE: Final = re.compile(r"`\$\.?([^`]*)`")
_DETAIL_MAX: Final = 300


class BadLine(Struct, frozen=True):
    """`line` counts from 1, with the heading of a CSV. `field` is empty where it is the line as a whole."""

    line: int
    detail: str
    field: str = ""


class Import(Struct, frozen=True):
    """`taken` lines hold; the same lines sent again change nothing."""

    taken: int
    errors: tuple[BadLine, ...]


class NothingTakenError(Exception):
    """Ends an import of which all lines were to hold: `found` has what stood in its way."""

    def __init__(self, found: Import) -> None:
        super().__init__("nothing was taken")
        self.found = found


class LineError(ValueError):
    """A line cannot be read; the text says why."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field

    @classmethod
    def of(cls, error: Exception) -> "LineError":
        """What is said of anything that a line was refused for."""
        text = f"{error} {getattr(error, 'detail', '')}".strip()[:_DETAIL_MAX]
        return cls(text, str(getattr(error, "field", "") or field_of(text)))

    def at(self, line: int) -> BadLine:
        return BadLine(line, str(self), self.field)


class Sheet(Struct, frozen=True):
    """How records stand in a CSV: `texts` are cells of text, `values` cells of JSON (numbers, true, lists).

    `needs` must be in the heading. `strips`: spaces around a cell are nothing. Without `has_more` there are no other fields.
    """

    texts: tuple[str, ...]
    values: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    strips: bool = False
    has_more: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.texts, *self.values, *((MORE,) if self.has_more else ()))


def field_of(sentence: str) -> str:
    """The field that a message of msgspec names, like `lines[2]`; empty where it names none."""
    found = _PLACE.search(sentence)
    return found.group(1)[:64] if found else ""


Read = tuple[int, bytes | LineError]
"""The number of a line, and its record as one JSON object; or why it is none."""


class Reader:
    """Takes pieces of a body, gives its records. Raises RefusedError where the rest cannot be read either."""

    def __init__(self, form: Format, sheet: Sheet, line_max_bytes: int) -> None:
        self._form = form
        self._sheet = sheet
        self._limit = line_max_bytes
        self._rest = b""
        self._record = b""
        self._line = 0
        self._first = 1
        self._quotes = 0
        self._heading: list[str] = []
        self._delimiter = ","

    def feed(self, piece: bytes) -> Iterator[Read]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            yield from self._take(line + b"\n")
        self._demand_short(len(self._rest) + len(self._record))

    def _demand_short(self, size: int) -> None:
        if size > self._limit:
            raise RefusedError(413, "line", "A line is too long", f"at most {self._limit} bytes")

    def end(self) -> Iterator[Read]:
        if self._rest:
            yield from self._take(self._rest)
            self._rest = b""
        if self._record:
            raise RefusedError(400, "csv", "This is no CSV", f"line {self._first}: a quote does not end")
        if self._form == "csv" and not self._heading:
            self._head([])

    def _take(self, line: bytes) -> Iterator[Read]:
        self._line += 1
        if self._form == "ndjson":
            if line.strip():
                yield self._line, line.strip()
            return
        self._quotes += line.count(b'"')
        if not self._record:
            self._first = self._line
        self._record += line
        self._demand_short(len(self._record))
        if self._quotes % 2:
            return  # a cell goes on in the next line
        record, self._record, self._quotes = self._record, b"", 0
        if not self._heading:
            try:
                self._head(_cells(record.removeprefix(b"\xef\xbb\xbf"), self._guess(record)))
            except LineError as error:
                raise RefusedError(400, "csv", "This is no CSV", f"line {self._first}: {error}") from error
        elif record.strip():
            try:
                yield self._first, self._row(_cells(record, self._delimiter))
            except LineError as error:
                yield self._first, error

    def _guess(self, heading: bytes) -> str:
        self._delimiter = ";" if b";" in heading else ","
        return self._delimiter

    def _head(self, cells: list[str]) -> None:
        names = [name.strip() for name in cells]
        known = self._sheet.columns
        if not set(self._sheet.needs) <= set(names) <= set(known) or len(set(names)) < len(names):
            raise RefusedError(422, "heading", "The first line names the columns", ", ".join(known))
        self._heading = names

    def _row(self, cells: list[str]) -> bytes:
        if len(cells) != len(self._heading):
            raise LineError(f"{len(self._heading)} columns, not {len(cells)}")
        found: dict[str, Any] = {}
        more: dict[str, Any] = {}
        for name, cell in zip(self._heading, cells, strict=True):
            value = cell.strip() if self._sheet.strips or name not in self._sheet.texts else cell
            if not value:
                continue
            if name in self._sheet.texts:
                found[name] = value[1:] if value[0] == "'" and _FORMULA.match(value) else value
            elif name == MORE:
                more = _fields(value)
            else:
                found[name] = _json(name, value)
        return msgspec.json.encode(found | more)


def _cells(record: bytes, delimiter: str) -> list[str]:
    try:
        text = record.decode()
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError as error:
        raise RefusedError(400, "encoding", "A CSV is UTF-8", str(error)) from error
    except csv.Error as error:
        raise LineError(f"this is no CSV: {error}") from error


def _json(name: str, cell: str) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.format(cell.encode(), indent=-1))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise LineError(f"{name}: {cell[:40]!r} is no number, true, false or list: {error}", name) from error


def _fields(cell: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(_json(MORE, cell), type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise LineError(f"{MORE}: {error}", MORE) from error


async def read_stream(pieces: AsyncIterator[bytes], reader: Reader) -> AsyncIterator[Read]:
    async for piece in pieces:
        for one in reader.feed(piece):
            yield one
    for one in reader.end():
        yield one


def read_all(body: bytes, reader: Reader) -> Iterator[Read]:
    yield from reader.feed(body)
    yield from reader.end()


def write_text(form: Format, sheet: Sheet, bodies: Iterable[bytes], *, heading: bool) -> str:
    """Records as text; each body is one JSON object without line breaks. `heading`: this is the beginning."""
    if form == "ndjson":
        return "".join(f"{body.decode()}\n" for body in bodies)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if heading:
        writer.writerow(sheet.columns)
    writer.writerows(_row_of(sheet, body) for body in bodies)
    return out.getvalue()


def _row_of(sheet: Sheet, body: bytes) -> Sequence[str]:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    cells: list[str] = []
    for name in sheet.texts:
        value = msgspec.json.decode(fields[name]) if name in fields else None
        if isinstance(value, str) and value:
            del fields[name]
            cells.append(f"'{value}" if _FORMULA.match(value) else value)
        else:
            cells.append("")
    cells += [bytes(fields.pop(name, b"")).decode() for name in sheet.values]
    if sheet.has_more:
        cells.append(msgspec.json.encode(fields).decode() if fields else "")
    return cells


def take_lines(
    work: Work, lines: Iterable[Read], put: Callable[[Work, bytes], None], *, whole: bool
) -> Import:
    """Put line after line, each in a savepoint of its own. Raises NothingTakenError where all were to hold and one does not."""
    taken, errors = 0, list[BadLine]()
    for number, raw in lines:
        try:
            if isinstance(raw, LineError):
                raise raw
            with work.connection.begin_nested(), work.attempt():
                put(work, raw)
            taken += 1
        except (msgspec.MsgspecError, ValueError, RecursionError, RefusedError) as error:
            errors.append(LineError.of(error).at(number))
    if whole and errors:
        raise NothingTakenError(Import(0, tuple(errors)))
    return Import(taken, tuple(errors))
