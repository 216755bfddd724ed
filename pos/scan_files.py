"""The store's scan table and the list of recalled goods, as files; every fault is told with its file and row."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pos.domain.packs import Recall
from pos.domain.scan_table import LabelRule, ScanTable, SlipRule, StickerRule
from pos.ports import RecallsUnavailableError
from pos.resources import config_path, tax_table

__all__ = ["RECALLS", "TABLE", "RecallFile", "ScanFileError", "load_recalls", "load_scan_table"]

TABLE: Final = "scans.toml"
RECALLS: Final = "recalls.toml"
_T = TypeVar("_T")
_ROWS: Final[dict[str, type[Any]]] = {"label": LabelRule, "slip": SlipRule, "sticker": StickerRule}


class ScanFileError(ValueError):
    """A file cannot be used; the text names it, the row, and what is wrong, one fault a line."""


def load_scan_table(name: str, state: Path | None, country: str) -> ScanTable:
    """The table in the till's folder, else the shipped one of this name. Raises ScanFileError."""
    path = config_path() / "scans" / f"{name}.toml"
    if state is not None and (state / TABLE).is_file():
        path = state / TABLE
    text, data = _read(path)
    problems = [f"{path}: {key} is unknown" for key in data if key not in {*_ROWS, "slip_tax_code"}]
    rows = {key: _rows(path, text, data, key, type_, problems) for key, type_ in _ROWS.items()}
    tax_code = data.get("slip_tax_code", "")
    if tax_code and tax_code not in tax_table(country).codes:
        problems.append(f"{path}: slip_tax_code {tax_code!r} is no tax code of {country}")
    if not problems:
        try:
            return ScanTable(**rows, slip_tax_code=tax_code)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    raise ScanFileError("\n".join(problems))


def load_recalls(state: Path) -> tuple[Recall, ...]:
    """The recalled goods of recalls.toml in the till's folder; none where there is no such file. Raises ScanFileError."""
    path = state / RECALLS
    if not path.is_file():
        return ()
    text, data = _read(path)
    problems = [f"{path}: {key} is unknown" for key in data if key != "recall"]
    rows = _rows(path, text, data, "recall", Recall, problems)
    if problems:
        raise ScanFileError("\n".join(problems))
    return rows


class RecallFile:
    """The port `pos.ports.RecallRows` on the state folder's recalls.toml."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._stamp: tuple[int, ...] | None = None

    def refresh(self) -> tuple[Recall, ...] | None:
        stamp = self._look()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            return load_recalls(self._state)
        except ScanFileError as error:
            raise RecallsUnavailableError(str(error)) from error

    def _look(self) -> tuple[int, ...]:
        try:
            found = (self._state / RECALLS).stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScanFileError(f"{path}: {error}") from error


def _rows(
    path: Path, text: str, data: dict[str, Any], key: str, type_: type[_T], problems: list[str]
) -> tuple[_T, ...]:
    """Each row by itself, so that a fault is told with its number and, where it has a header, its line."""
    found = []
    rows = data.get(key, [])
    if not isinstance(rows, list):
        problems.append(f"{path}: {key} is a list of rows, [[{key}]] each")
        return ()
    headers = [
        at
        for at, line in enumerate(text.splitlines(), start=1)
        if re.match(rf"\s*\[\[\s*{key}\s*\]\]", line) is not None
    ]
    for number, row in enumerate(rows, start=1):
        try:
            found.append(msgspec.convert(row, type_))
        except msgspec.ValidationError as error:
            line = f" (line {headers[number - 1]})" if len(headers) == len(rows) else ""
            problems.append(f"{path}: {key} row {number}{line}: {error}")
    return tuple(found)
