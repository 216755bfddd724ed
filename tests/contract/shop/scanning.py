"""All bytes that a hub's database holds, wherever they stand."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

__all__ = ["files_of", "rows_of", "where_found"]


def rows_of(engine: Engine) -> dict[str, bytes]:
    """Each table's rows as bytes, with text and blobs as they are."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    found: dict[str, bytes] = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            cells = (cell for row in connection.execute(sa.select(table)) for cell in row)
            found[table.name] = b"\xff".join(_bytes(cell) for cell in cells)
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    """Each file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def where_found(places: dict[str, bytes], wanted: list[str]) -> list[str]:
    """Which of these texts stand where, as UTF-8, in small letters, as hexadecimal digits or UTF-16."""
    found = []
    for name, held in places.items():
        low = held.lower()
        for text in wanted:
            raw = text.lower().encode()
            if any(form in low for form in (raw, raw.hex().encode(), text.lower().encode("utf-16-le"))):
                found.append(f"{text} in {name}")
    return found


def _bytes(cell: Any) -> bytes:
    if isinstance(cell, bytes | memoryview):
        return bytes(cell)
    return str(cell).encode()
