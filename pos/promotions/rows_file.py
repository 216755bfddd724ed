"""Rows of promotions in files: read with every fault told, written in one step."""

import os
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.domain.promotions import Promotion
from pos.domain.promotions.record import ROWS_MAX, Fault, RowRefusedError, read_row

__all__ = [
    "FILE_MAX_BYTES",
    "HUB_FILE",
    "OWN_FILE",
    "PAST_FILE",
    "FileFault",
    "RowsRefusedError",
    "read_rows",
    "write_file",
    "write_rows",
]

OWN_FILE: Final = "promotions.json"
HUB_FILE: Final = "promotions-hub.json"
PAST_FILE: Final = "promotions-past.json"
FILE_MAX_BYTES: Final = 16 * 1024 * 1024
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class FileFault(msgspec.Struct, frozen=True):
    """A fault of row `row` (1 is the first), which calls itself `id`; `row` 0: of the file as a whole."""

    row: int
    id: str
    field: str
    trouble: str

    def __str__(self) -> str:
        said = str(Fault(self.field, self.trouble))
        if not self.row:
            return said
        return f"row {self.row}{f' ({self.id})' if self.id else ''}: {said}"


class RowsRefusedError(ValueError):
    """A file cannot be taken; `faults` holds all that is wrong with it."""

    def __init__(self, faults: Sequence[FileFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


def read_rows(content: bytes, *, toml: bool = False) -> tuple[Promotion, ...]:
    """The rows of a file: JSON (a list, or one under "promotion") or TOML (`[[promotion]]`). Raises RowsRefusedError."""
    records = _records(content, toml=toml)
    if len(records) > ROWS_MAX:
        raise RowsRefusedError([FileFault(0, "", "", f"there are more than {ROWS_MAX:,} rows")])
    rows: list[Promotion] = []
    faults: list[FileFault] = []
    seen: dict[str, int] = {}
    for number, record in enumerate(records, start=1):
        name = str(record.get("id", ""))[:64] if isinstance(record, dict) else ""
        try:
            row = read_row(record)
        except RowRefusedError as error:
            faults += [FileFault(number, name, fault.field, fault.trouble) for fault in error.faults]
        else:
            rows.append(row)
        if name and seen.setdefault(name, number) != number:
            faults.append(FileFault(number, name, "id", f"id is that of row {seen[name]} too"))
    if faults:
        raise RowsRefusedError(faults)
    return tuple(rows)


def _records(content: bytes, *, toml: bool) -> list[Any]:
    if len(content) > FILE_MAX_BYTES:
        raise RowsRefusedError([FileFault(0, "", "", f"the file holds more than {FILE_MAX_BYTES:,} bytes")])
    try:
        values: Any = (
            tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
            if toml
            else _decoder.decode(content)
        )
    except (ValueError, RecursionError) as error:
        kind = "TOML" if toml else "JSON"
        raise RowsRefusedError([FileFault(0, "", "", f"the file is no {kind}: {error}")]) from error
    if isinstance(values, dict):
        others = sorted(set(values) - {"promotion"})
        if others:
            raise RowsRefusedError(
                [FileFault(0, "", name, "is unknown; rows stand under promotion") for name in others]
            )
        values = values.get("promotion", [])
    if not isinstance(values, list):
        raise RowsRefusedError([FileFault(0, "", "", "the rows are no list")])
    return values


def write_rows(path: Path, rows: Iterable[Promotion]) -> None:
    """Put a file of rows in the place of the old one, in one step and durable. Raises OSError."""
    write_file(path, msgspec.json.format(msgspec.json.encode({"promotion": list(rows)}), indent=1) + b"\n")


def write_file(path: Path, content: bytes) -> None:
    """In one step and durable. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    building = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        with building.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        building.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)
