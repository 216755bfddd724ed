"""Reads CSV as German Excel and other tills write it: encoding, delimiter and packing are found out."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from pos.catalogue.report import FileRefusedError

__all__ = ["DELIMITERS", "Dialect", "Progress", "Table", "find_dialect", "open_table", "undecodable"]

DELIMITERS = (";", ",", "\t")
CHUNK_BYTES = 1 << 18
PROGRESS_ROWS = 2_000
LINE_MAX_CHARS = 1_000_000

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the file's size."""

_SURROGATE = re.compile("[\udc80-\udcff]")
_SEPARATOR_LINE = re.compile(r'^"?sep=(.)"?\s*$', re.IGNORECASE)
_GZIP, _ZIP, _OLD_EXCEL = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class Dialect(msgspec.Struct, frozen=True):
    """How a file is written; `skip` lines stand before the header."""

    encoding: str
    delimiter: str
    skip: int = 0


def _bounded(text: IO[str]) -> Iterator[str]:
    """The lines of a file, none without end: a small packed file may hold one of gigabytes."""
    number = 0
    while line := text.readline(LINE_MAX_CHARS):
        number += 1
        if len(line) >= LINE_MAX_CHARS:
            raise FileRefusedError(
                f"Line {number} has more than {LINE_MAX_CHARS:,} characters: no table looks like this."
            )
        yield line


class Table:
    """The rows of an open file. `header` is read; iterating gives (line, cells) or (line, what is broken)."""

    def __init__(
        self, text: IO[str], raw: IO[bytes], size: int, dialect: Dialect, progress: Progress
    ) -> None:
        self._raw, self._size, self._progress = raw, size, progress
        # Without strict, a stray quote would swallow the rest of the file into one cell.
        self._reader = csv.reader(_bounded(text), delimiter=dialect.delimiter, strict=True)
        for _ in range(dialect.skip):
            next(self._reader, None)
        self.header: list[str] = []
        while not any(self.header):
            header = next(iter(self), None)
            if header is None:
                raise FileRefusedError("The file is empty: it has no line with column names.")
            if isinstance(header[1], str):
                raise FileRefusedError(f"The line with column names cannot be read: {header[1]}.")
            self.header = [cell.strip() for cell in header[1]]

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        count = 0
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error as error:
                yield line, _quote_trouble(error)
                continue
            count += 1
            if count % PROGRESS_ROWS == 0:
                self._progress(self._raw.tell(), self._size)
            if any(cells):
                yield line, cells
        self._progress(self._size, self._size)


def _quote_trouble(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words or "field limit" in words:
        return "a quotation mark is opened and never closed"
    if "expected after" in words:
        return "there is text behind a closing quotation mark; write a quotation mark inside a cell twice"
    return f"the row cannot be read ({words})"


def undecodable(cells: list[str]) -> list[int]:
    """Which cells hold bytes that are no characters of the file's encoding."""
    joined = "".join(cells)
    if joined.isascii() or not _SURROGATE.search(joined):
        return []
    return [i for i, cell in enumerate(cells) if _SURROGATE.search(cell)]


@contextmanager
def open_table(
    path: Path, dialect: Dialect, progress: Progress = lambda _done, _size: None
) -> Iterator[Table]:
    """The file as a table; raises FileRefusedError where it cannot be read at all."""
    with _open_bytes(path) as (unpacked, raw, size):
        errors = "strict" if dialect.encoding.startswith("utf-16") else "surrogateescape"
        try:
            with io.TextIOWrapper(unpacked, encoding=dialect.encoding, errors=errors, newline="") as text:
                yield Table(text, raw, size, dialect, progress)
        except UnicodeError as error:
            raise FileRefusedError(f"The file is not written in {dialect.encoding}: {error}.") from error


@contextmanager
def _open_bytes(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes], int]]:
    try:
        with path.open("rb") as raw:
            size = path.stat().st_size
            start = raw.read(4)
            raw.seek(0)
            if start.startswith((_ZIP, _OLD_EXCEL)):
                raise FileRefusedError(
                    "The file is a workbook or an archive, not CSV. In Excel: Save as, CSV UTF-8."
                )
            if start.startswith(_GZIP):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield io.BufferedReader(unpacked, CHUNK_BYTES), raw, size
            else:
                yield raw, raw, size
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileRefusedError(f"The packed file is damaged or cut short: {error}.") from error
    except OSError as error:
        raise FileRefusedError(f"The file cannot be read: {error.strerror or error}: {path}") from error


def find_dialect(
    path: Path, known_columns: Callable[[list[str]], int], encoding: str = "", delimiter: str = ""
) -> Dialect:
    """Find out how a file is written. `known_columns` counts the column names of a header that are known."""
    encoding = encoding or _find_encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise FileRefusedError(f"There is no encoding {encoding!r}; try utf-8 or cp1252.") from None
    skip, first = _first_line(path, encoding)
    stated = _SEPARATOR_LINE.match(first)
    if stated:
        return Dialect(encoding, delimiter or stated[1], skip + 1)
    if not delimiter:
        delimiter = max(DELIMITERS, key=lambda mark: _score(first, mark, known_columns))
    return Dialect(encoding, delimiter, skip)


def _score(line: str, delimiter: str, known_columns: Callable[[list[str]], int]) -> tuple[int, int]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return (0, 0)
    return (known_columns(cells), len(cells))


def _first_line(path: Path, encoding: str) -> tuple[int, str]:
    """How many empty lines stand first, and the line after them."""
    with _open_bytes(path) as (unpacked, _raw, _size):
        start = unpacked.read(CHUNK_BYTES)
    if not encoding.startswith("utf-16") and b"\0" in start:
        raise FileRefusedError("The file holds binary data, not CSV. In Excel: Save as, CSV UTF-8.")
    for skip, line in enumerate(start.decode(encoding, "replace").splitlines()):
        if line.strip():
            return skip, line
    raise FileRefusedError("The file is empty: it has no line with column names.")


def _find_encoding(path: Path) -> str:
    """UTF-8 if the whole file is (or nearly: a few broken bytes are those rows' trouble), else Windows-1252."""
    good = bad = 0
    with _open_bytes(path) as (unpacked, _raw, _size):
        start = unpacked.read(CHUNK_BYTES)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        chunk = start
        while chunk:
            text = decoder.decode(chunk)
            if not text.isascii():
                bad += len(_SURROGATE.findall(text))
                good += len(text.encode("utf-8", "surrogateescape")) - len(text)
            chunk = unpacked.read(CHUNK_BYTES)
    if bad > good:
        return "cp1252"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
