"""A bank's statement as XML: CAMT.053 of ISO 20022, any version of it. What is booked, with all that could hold a reference.

The file comes from outside. It is read as a stream; a document type, and with it every entity, is refused, and so is what is deeper
or longer than a statement is. Nothing is fetched.
"""

import datetime as dt
import re
from typing import Any, Final
from xml.parsers import expat

import msgspec

__all__ = ["CamtError", "CamtRow", "is_xml", "read_camt"]

_DEPTH_MAX: Final = 30
_ENTRIES_MAX: Final = 200_000
_TEXT_MAX: Final = 1_000
_WORDS_MAX: Final = 4_000
_SPACE: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.[0-9.]+", re.ASCII)
_AMOUNT: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2})0{0,3})?", re.ASCII)
_EURO: Final = "EUR"
_STATEMENT: Final = ("Document", "BkToCstmrStmt", "Stmt")
_ENTRY: Final = (*_STATEMENT, "Ntry")
_DETAIL: Final = (*_ENTRY, "NtryDtls", "TxDtls")
_AMOUNTS: Final = (("Amt",), ("AmtDtls", "TxAmt", "Amt"))
"""Where a transaction of an entry says its own amount, the newer place first."""
_WORDS: Final = frozenset({"Ustrd", "Ref", "EndToEndId", "AddtlNtryInf", "AddtlTxInf", "AddtlRmtInf"})
_PAYER: Final = frozenset({("RltdPties", "Dbtr", "Nm"), ("RltdPties", "Dbtr", "Pty", "Nm")})


class CamtError(ValueError):
    """The file is none that can be read; the text says why."""


class CamtRow(msgspec.Struct, frozen=True):
    """`entry` is the entry's number in the file, from 1. An outgoing amount is negative."""

    entry: int
    booked: dt.date
    amount_minor: int
    words: str


class _Part(msgspec.Struct):
    """An entry, or one of its transactions. `amounts` by the place where each stood, with its currency."""

    amounts: dict[tuple[str, ...], tuple[str, str]] = {}
    sign: str = ""
    words: list[str] = []
    size: int = 0

    def add(self, text: str) -> None:
        if text and self.size + len(text) <= _WORDS_MAX:
            self.words.append(text)
            self.size += len(text)


def is_xml(raw: bytes) -> bool:
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or raw[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<")


def read_camt(raw: bytes) -> tuple[list[CamtRow], list[str]]:
    """What is booked, and what was not understood, which is left alone. Raises CamtError."""
    reader = _Reader()
    try:
        reader.parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise CamtError(f"it is no whole XML file: {error}") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, CamtError):
            raise
        raise CamtError(f"its letters are not known: {error}") from error
    return reader.rows, reader.problems


class _Reader:
    def __init__(self) -> None:
        self.rows: list[CamtRow] = []
        self.problems: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._currency = ""
        self._entries = 0
        self._entry = _Part()
        self._details: list[_Part] = []
        self._status = self._day = ""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        self.parser = parser

    # -- what comes, piece by piece

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path and (local != "Document" or not _SPACE.fullmatch(space)):
            raise CamtError("it is no statement as CAMT.053")
        if len(self._path) >= _DEPTH_MAX:
            raise CamtError("it is nested deeper than a statement is")
        self._path.append(local)
        self._text, self._length = [], 0
        self._currency = attributes.get("Ccy", "")
        path = tuple(self._path)
        if path == _ENTRY:
            self._entries += 1
            if self._entries > _ENTRIES_MAX:
                raise CamtError("it has more entries than a statement has")
            self._entry, self._details = _Part(), []
            self._status = self._day = ""
        elif path == _DETAIL:
            self._details.append(_Part())

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length <= _TEXT_MAX:
            self._text.append(text)

    def _end(self, _: str) -> None:
        path = tuple(self._path)
        self._path.pop()
        text = " ".join("".join(self._text).split())
        self._text, self._length = [], 0
        if path == _ENTRY:
            self._close()
        elif path[: len(_DETAIL)] == _DETAIL and len(path) > len(_DETAIL):
            self._said(self._details[-1], path[len(_DETAIL) :], text)
        elif path[: len(_ENTRY)] == _ENTRY:
            below = path[len(_ENTRY) :]
            if below in (("Sts",), ("Sts", "Cd"), ("Sts", "Prtry")):
                self._status = text or self._status
            elif below in (("BookgDt", "Dt"), ("BookgDt", "DtTm")):
                self._day = text[:10]
            elif below[0] != "NtryDtls":
                self._said(self._entry, below, text)

    def _said(self, part: _Part, below: tuple[str, ...], text: str) -> None:
        if below in _AMOUNTS:
            part.amounts[below] = (text, self._currency)
        elif below == ("CdtDbtInd",):
            part.sign = text
        elif below[-1] in _WORDS or below in _PAYER:
            part.add(text)

    # -- an entry is whole

    def _close(self) -> None:
        number = self._entries
        if self._status != "BOOK":
            self.problems.append(f"entry {number}: not booked yet ({self._status[:20] or 'no status'})")
            return
        try:
            day = dt.date.fromisoformat(self._day)
        except ValueError:
            self.problems.append(f"entry {number}: no day on which it was booked")
            return
        entry, details = self._entry, self._details
        if len(details) > 1 and all(part.amounts for part in details):
            for part in details:
                part.sign = part.sign or entry.sign
                self._row(number, day, part, entry.words)
            return
        if len(details) > 1:
            self.problems.append(f"entry {number}: {len(details)} payments in one, without their amounts")
            return
        self._row(number, day, entry, details[0].words if details else [])

    def _row(self, number: int, day: dt.date, part: _Part, more: list[str]) -> None:
        text, currency = next((part.amounts[at] for at in _AMOUNTS if at in part.amounts), ("", ""))
        found = _AMOUNT.fullmatch(text)
        if found is None or part.sign not in ("CRDT", "DBIT"):
            self.problems.append(f"entry {number}: {text[:20]!r} {part.sign[:8]!r} is no amount")
            return
        if currency != _EURO:
            self.problems.append(f"entry {number}: {currency[:8]!r} is another currency")
            return
        minor = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
        sign = 1 if part.sign == "CRDT" else -1
        self.rows.append(CamtRow(number, day, sign * minor, " ".join([*part.words, *more])))


def _refuse(*_: Any) -> int:
    raise CamtError("it declares entities or a document type, which no bank's statement does")
