"""What a receipt printer can do, as data: read from config/printers.toml."""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["PrinterProfile", "load_profiles"]


class PrinterProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of printer; the fields are explained in the file. Raises ValueError for what cannot be."""

    name: str
    columns: int
    dots: int
    code_page: int
    codec: str
    native_qr: bool
    cut: Literal["full", "partial", "tear"]
    drawer_pin: Literal[2, 5]
    drawer_realtime: bool
    status_back: bool
    barrier: Literal["process-id", "status", "none"]

    def __post_init__(self) -> None:
        try:
            "ä".encode(self.codec)
        except (LookupError, UnicodeEncodeError) as error:
            raise ValueError(f"printer {self.name}: {self.codec} is no code page of Python's") from error
        if not 32 <= self.columns <= 64 or not 0 <= self.code_page <= 255:
            raise ValueError(f"printer {self.name}: columns are 32 to 64, code pages 0 to 255")
        if self.dots % 8:
            raise ValueError(f"printer {self.name}: dots come in bytes of 8")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    printer: list[PrinterProfile]


def load_profiles(path: Path) -> dict[str, PrinterProfile]:
    """All profiles by name; raises OSError, or ValueError (msgspec's included) saying what is wrong."""
    with path.open("rb") as file:
        rows = msgspec.convert(tomllib.load(file), _File).printer
    profiles = {row.name: row for row in rows}
    if len(profiles) != len(rows):
        raise ValueError(f"{path.name}: a printer's name stands there twice")
    return profiles
