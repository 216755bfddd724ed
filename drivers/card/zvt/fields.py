"""The fields of messages ("bitmaps"): how long each is, what it holds, what of it may be seen.

A field of an unknown number cannot be skipped, because nothing says how long it is.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from drivers.card.zvt import tlv

__all__ = ["FIELDS", "TLVS", "TOTALS_SIZE", "Field", "Kind", "Stop", "join", "walk"]

Holds = Literal[
    "bcd",  # a number, two digits a byte
    "digits",  # digits that are no number: a date, a terminal's id
    "byte",
    "number",  # binary, high byte first
    "ascii",
    "code",  # eight characters, or bytes that are none
    "text",
    "totals",
    "hex",
    "tlv",
    "commands",
]
Seen = Literal["all", "card-number", "nothing", "text", "code", "no-digits"]


class Kind(msgspec.Struct, frozen=True):
    """`size` in bytes; 0 with `counter` bytes F0-F9 before the value (2 or 3), or with a TLV length (-1)."""

    name: str
    size: int = 0
    holds: Holds = "hex"
    seen: Seen = "all"
    counter: int = 0


def _var(name: str, counter: int, holds: Holds = "hex", seen: Seen = "no-digits") -> Kind:
    return Kind(name, 0, holds, seen, counter)


FIELDS: Final[dict[int, Kind]] = {
    0x01: Kind("timeout", 1, "byte"),
    0x02: Kind("max_status_infos", 1, "byte"),
    0x03: Kind("service_byte", 1, "byte"),
    0x04: Kind("amount_minor", 6, "bcd"),
    0x05: Kind("pump", 1, "byte"),
    0x06: Kind("tlv", 0, "tlv", "all", -1),
    0x0B: Kind("trace_no", 3, "bcd"),
    0x0C: Kind("time_hhmmss", 3, "digits"),
    0x0D: Kind("date_mmdd", 2, "digits"),
    0x0E: Kind("expiry", 2, "hex", "nothing"),
    0x17: Kind("card_sequence_no", 2, "bcd"),
    0x19: Kind("payment_type", 1, "byte"),
    0x22: _var("pan", 2, "hex", "card-number"),
    0x23: _var("track_2", 2, "hex", "nothing"),
    0x24: _var("track_3", 3, "hex", "nothing"),
    0x27: Kind("result_code", 1, "byte"),
    0x29: Kind("terminal_id", 4, "digits"),
    0x2A: Kind("vu_number", 15, "ascii"),
    0x2D: _var("track_1", 2, "hex", "nothing"),
    0x2E: _var("chip_synchronous", 3, "hex", "nothing"),
    0x37: Kind("original_trace_no", 3, "bcd"),
    0x3A: Kind("cvv", 2, "hex", "nothing"),
    0x3B: Kind("authorisation_attribute", 8, "code", "code"),
    0x3C: _var("additional_text", 3, "text", "text"),
    0x3D: Kind("card_password", 3, "hex", "nothing"),
    0x49: Kind("currency", 2, "bcd"),
    0x4C: _var("goods_groups", 2),
    0x60: Kind("totals", 0, "totals", "all", 3),
    0x70: Kind("display_1", 4),
    0x71: Kind("display_2", 4),
    0x72: Kind("display_3", 1, "byte"),
    0x73: Kind("display_4", 1, "byte"),
    0x74: Kind("display_5", 1, "byte"),
    0x75: Kind("display_6", 1, "byte"),
    0x87: Kind("receipt_no", 2, "bcd"),
    0x88: Kind("turnover_no", 3, "bcd"),
    0x8A: Kind("card_type_id", 1, "byte"),
    0x8B: _var("card_name", 2, "text", "text"),
    0x8C: Kind("network_card_type_id", 1, "byte"),
    0x92: _var("chip_offline", 3, "hex", "nothing"),
    0x9A: _var("geldkarte", 3, "hex", "nothing"),
    0xA0: Kind("result_code_as", 1, "byte"),
    0xA7: _var("chip_ef_id", 2, "hex", "nothing"),
    0xAA: Kind("date_yymmdd", 3, "digits"),
    0xAF: _var("chip_ef_info", 3, "hex", "nothing"),
    0xBA: Kind("aid_parameter", 5),
    0xD0: Kind("key_algorithm", 1, "byte"),
    0xD1: _var("pin_data", 2, "hex", "nothing"),
    0xD2: Kind("direction", 1, "byte"),
    0xD3: Kind("key_position", 1, "byte"),
    0xE0: Kind("input_min", 1, "byte"),
    **{0xE0 + row: _var(f"second_line_{row}", 2, "text", "text") for row in range(1, 9)},
    0xE9: Kind("input_max", 1, "byte"),
    0xEA: Kind("input_echo", 1, "byte"),
    0xEB: Kind("mac", 8, "hex", "nothing"),
    0xF0: Kind("display_seconds", 1, "byte"),
    **{0xF0 + row: _var(f"line_{row}", 2, "text", "text") for row in range(1, 9)},
    0xF9: Kind("beeps", 1, "byte"),
    0xFA: Kind("status_wanted", 1, "byte"),
    0xFB: Kind("ok_required", 1, "byte"),
    0xFC: Kind("dialogue", 1, "byte"),
    0xFD: Kind("field_fd", 1, "byte"),
}

TLVS: Final[dict[int, Kind]] = {
    0x01: Kind("reversal_id", 0, "hex"),
    0x07: Kind("text_line", 0, "text", "text"),
    0x08: Kind("receipt_no", 0, "bcd"),
    0x09: Kind("attribute", 0, "byte"),
    0x0A: Kind("command", 0, "hex"),
    0x12: Kind("printer_columns", 0, "bcd"),
    0x13: Kind("extra_result", 0, "hex"),
    0x14: Kind("charset", 0, "byte"),
    0x15: Kind("language", 0, "ascii", "text"),
    0x1A: Kind("max_apdu", 0, "number"),
    0x1B: Kind("diagnosis_kind", 0, "byte"),
    0x41: Kind("card_type_long", 0, "number"),
    0x42: Kind("brand_name", 0, "text", "text"),
    0x43: Kind("application_id", 0, "hex"),
    0x44: Kind("application_name", 0, "text", "text"),
    0x45: Kind("receipt_parameter", 0, "hex"),
    0x46: Kind("emv_customer", 0, "text", "text"),
    0x47: Kind("emv_merchant", 0, "text", "text"),
    0x49: Kind("network_card_type_long", 0, "number"),
    0x1F00: Kind("field_1f00", 0, "hex"),
    0x1F01: Kind("receipts_merchant", 0, "byte"),
    0x1F02: Kind("receipts_customer", 0, "byte"),
    0x1F03: Kind("receipts_administration", 0, "byte"),
    0x1F04: Kind("receipt_wishes", 0, "hex"),
    0x1F05: Kind("transaction_wishes", 0, "hex"),
    0x1F07: Kind("receipt_type", 0, "byte"),
    0x1F08: Kind("track_1", 0, "hex", "nothing"),
    0x1F09: Kind("track_2", 0, "hex", "nothing"),
    0x1F0A: Kind("track_3", 0, "hex", "nothing"),
    0x1F0D: Kind("order_number", 0, "hex", "no-digits"),
    0x1F0E: Kind("terminal_date", 0, "digits"),
    0x1F0F: Kind("terminal_time", 0, "digits"),
    0x1F10: Kind("cardholder_authentication", 0, "byte"),
    0x1F11: Kind("online", 0, "byte"),
    0x1F12: Kind("card_technology", 0, "byte"),
    0x1F15: Kind("control", 0, "hex"),
    0x1F16: Kind("extended_error_code", 0, "hex"),
    0x1F17: Kind("extended_error_text", 0, "text", "text"),
    0x1F1F: Kind("sync_id", 0, "hex"),
    0x1F25: Kind("cashback_minor", 0, "bcd"),
    0x1F26: Kind("end_of_day_kind", 0, "byte"),
    0x1F2B: Kind("long_trace_number", 0, "digits"),
    0x1F36: Kind("tip_minor", 0, "bcd"),
    0x1F37: Kind("receipt_information", 0, "byte"),
    0x1F3B: Kind("tip_information", 0, "byte"),
    0x1F40: Kind("device_name", 0, "ascii", "text"),
    0x1F41: Kind("software", 0, "ascii", "text"),
    0x1F42: Kind("serial_number", 0, "hex"),
    0x1F43: Kind("device_state", 0, "byte"),
    0x1F44: Kind("terminal_id_tlv", 0, "digits"),
    0x1F70: Kind("partial_approval", 0, "hex"),
    0x1F71: Kind("permitted_tags", 0, "hex"),
    0x1F73: Kind("message_id", 0, "digits"),
    # What a card's chip calls its number, its tracks, its holder and its end: no ZVT tags, and nobody's business.
    **{
        tag: Kind("card_data", 0, "hex", "nothing")
        for tag in (0x56, 0x57, 0x5A, 0x5F20, 0x5F24, 0x5F30, 0x5F34, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B)
    },
}


TOTALS_SIZE: Final = 53
"""Bytes of field 60: two receipt numbers, a count and a sum for each of seven kinds of card."""


class Field(msgspec.Struct, frozen=True):
    """Where a field stands: its number at `at`, its value from `start` up to `end`."""

    tag: int
    at: int
    start: int
    end: int


class Stop(msgspec.Struct, frozen=True):
    """Where reading ended before the end: at `at`; what stands from `rest` on is not understood."""

    at: int
    rest: int
    why: Literal["unknown", "truncated", "counter"]


def walk(data: bytes | bytearray, at: int, end: int) -> tuple[tuple[Field, ...], Stop | None]:
    """The fields between `at` and `end`, and where it could not go on."""
    found: list[Field] = []
    while at < end:
        tag = data[at]
        kind = FIELDS.get(tag)
        if kind is None:
            return tuple(found), Stop(at, at + 1, "unknown")
        start = at + 1
        if kind.counter > 0:
            counter = bytes(data[start : min(start + kind.counter, end)])
            start += len(counter)
            if any(byte & 0xF0 != 0xF0 or byte > 0xF9 for byte in counter):
                return tuple(found), Stop(at, at + 1, "counter")
            if len(counter) < kind.counter:
                return tuple(found), Stop(at, start, "truncated")
            size = _counted(counter)
        elif kind.counter < 0:
            length = tlv.length_at(data, start, end)
            if length is None:
                return tuple(found), Stop(at, at + 1, "counter")
            size, start = length
        else:
            size = kind.size
        if start + size > end:
            return tuple(found), Stop(at, min(start, end), "truncated")
        found.append(Field(tag, at, start, start + size))
        at = start + size
    return tuple(found), None


def _counted(counter: bytes) -> int:
    size = 0
    for byte in counter:
        size = size * 10 + (byte & 0x0F)
    return size


def join(parts: Iterable[tuple[int, bytes]]) -> bytes:
    """Fields as bytes, in this order. Raises ValueError for an unknown number and for a wrong length."""
    found = bytearray()
    for tag, value in parts:
        kind = FIELDS.get(tag)
        if kind is None:
            raise ValueError(f"there is no field {tag:02X}")
        found.append(tag)
        if kind.counter > 0:
            if len(value) >= 10**kind.counter:
                raise ValueError(f"field {tag:02X} holds at most {10**kind.counter - 1} bytes")
            found += bytes(0xF0 | int(digit) for digit in f"{len(value):0{kind.counter}d}")
        elif kind.counter < 0:
            found += tlv.length_bytes(len(value))
        elif len(value) != kind.size:
            raise ValueError(f"field {tag:02X} has {kind.size} bytes")
        found += value
    return bytes(found)
