"""Values in fields, both ways. Reading gives None for what is none; writing raises ValueError."""

from typing import Any, Final

import msgspec

from drivers.card.zvt import charsets
from drivers.card.zvt.fields import TOTALS_SIZE, Kind

__all__ = ["BRANDS", "Total", "Totals", "read", "write"]

BRANDS: Final = ("girocard", "jcb", "eurocard_mastercard", "amex", "visa", "diners", "other")


class Total(msgspec.Struct, frozen=True):
    count: int
    amount_minor: int


class Totals(msgspec.Struct, frozen=True):
    """What a terminal counted since the last end of day: field 60."""

    receipt_no_start: int
    receipt_no_end: int
    girocard: Total = Total(0, 0)
    jcb: Total = Total(0, 0)
    eurocard_mastercard: Total = Total(0, 0)
    amex: Total = Total(0, 0)
    visa: Total = Total(0, 0)
    diners: Total = Total(0, 0)
    other: Total = Total(0, 0)

    @property
    def count(self) -> int:
        return sum(getattr(self, brand).count for brand in BRANDS)

    @property
    def amount_minor(self) -> int:
        return sum(getattr(self, brand).amount_minor for brand in BRANDS)


def bcd(value: bytes) -> int | None:
    digits = value.hex()
    return int(digits) if digits.isdecimal() else None


def read(kind: Kind, value: bytes, charset: str) -> Any:
    """The value as Python has it: int, str, Totals; None where the bytes do not fit the kind."""
    if kind.holds == "bcd":
        return 0xFFFF if kind.name == "receipt_no" and value == b"\xff\xff" else bcd(value)
    if kind.holds == "digits":
        digits = value.hex()
        return digits if digits.isdecimal() else None
    if kind.holds in {"byte", "number"}:
        return int.from_bytes(value, "big") if 0 < len(value) <= 8 else None
    if kind.holds == "ascii":
        return value.decode("ascii", "replace").strip(" \x00")
    if kind.holds == "code":
        text = value.rstrip(b" \x00")
        return text.decode("ascii") if all(0x20 <= byte < 0x7F for byte in text) else value.hex().upper()
    if kind.holds == "text":
        return charsets.decode(value, charset).rstrip("\x00")
    if kind.holds == "totals":
        return _totals(value)
    return value.hex()


def _totals(value: bytes) -> Totals | None:
    start, end = bcd(value[:2]), bcd(value[2:4])
    if len(value) < TOTALS_SIZE or start is None or end is None:
        return None
    found: dict[str, Total] = {}
    for place, brand in enumerate(BRANDS):
        at = 4 + 7 * place
        amount = bcd(value[at + 1 : at + 7])
        if amount is None:
            return None
        found[brand] = Total(value[at], amount)
    return Totals(start, end, **found)


def write(kind: Kind, value: Any, charset: str) -> bytes:
    """The bytes of a value; those of fields with a fixed length have it."""
    if kind.holds == "bcd":
        if kind.name == "receipt_no" and value == 0xFFFF:
            return b"\xff\xff"
        return _number(kind.name, value, kind.size)
    if kind.holds == "digits":
        if not (isinstance(value, str) and value.isdecimal() and len(value) == 2 * kind.size):
            raise ValueError(f"{kind.name} has {2 * kind.size} digits")
        return bytes.fromhex(value)
    if kind.holds == "byte":
        if not 0 <= value <= 0xFF:
            raise ValueError(f"{kind.name} is one byte")
        return bytes((value,))
    if kind.holds in {"ascii", "code"}:
        text: bytes = value.encode("ascii").ljust(kind.size, b" " if kind.holds == "ascii" else b"\x00")
        if len(text) != kind.size:
            raise ValueError(f"{kind.name} has at most {kind.size} characters")
        return text
    if kind.holds == "text":
        return charsets.encode(value, charset) + (b"\x00" if kind.name == "card_name" else b"")
    if kind.holds == "totals":
        return _number(kind.name, value.receipt_no_start, 2) + _total_bytes(value)
    return bytes.fromhex(value)


def _total_bytes(totals: Totals) -> bytes:
    found = _number("totals", totals.receipt_no_end, 2)
    for brand in BRANDS:
        total: Total = getattr(totals, brand)
        if not 0 <= total.count <= 0xFF:
            raise ValueError("a total counts at most 255 payments")
        found += bytes((total.count,)) + _number(brand, total.amount_minor, 6)
    return found


def _number(name: str, value: int, size: int) -> bytes:
    if not 0 <= value < 10 ** (2 * size):
        raise ValueError(f"{name} has at most {2 * size} digits and is not negative")
    return bytes.fromhex(f"{value:0{2 * size}d}")
