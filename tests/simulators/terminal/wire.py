"""Bytes of ZVT as a terminal writes and reads them: commands, fields, nested tags, frames of the serial line.

Reading is strict: what a till may not send raises WireError with the reason.
"""

from collections.abc import Iterable, Sequence
from typing import Final

__all__ = [
    "FIXED",
    "WireError",
    "apdu",
    "bcd",
    "crc",
    "digits",
    "fields_of",
    "frame",
    "lllvar",
    "llvar",
    "split_apdu",
    "tag",
    "tags_of",
]

STX, ETX, DLE, ACK, NAK = 0x02, 0x03, 0x10, 0x06, 0x15


class WireError(ValueError):
    """Bytes that are not what the specification asks for."""


def bcd(number: int, size: int) -> bytes:
    return bytes.fromhex(f"{number:0{2 * size}d}")


def digits(data: bytes) -> int:
    """The number that packed decimal digits say."""
    text = data.hex()
    if not text.isdecimal():
        raise WireError(f"{text} is no decimal number")
    return int(text)


def llvar(data: bytes) -> bytes:
    return bytes((0xF0 | len(data) // 10, 0xF0 | len(data) % 10)) + data


def lllvar(data: bytes) -> bytes:
    return bytes((0xF0 | len(data) // 100, 0xF0 | len(data) // 10 % 10, 0xF0 | len(data) % 10)) + data


def apdu(control: str, data: bytes = b"") -> bytes:
    """A command or answer: two bytes of control field in hex, the length, the data."""
    head = bytes.fromhex(control)
    if len(data) < 0xFF:
        return head + bytes((len(data),)) + data
    return head + b"\xff" + len(data).to_bytes(2, "little") + data


def split_apdu(held: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(control, data, rest) of the first one in `held`; None while it is not whole."""
    if len(held) < 3:
        return None
    begin, size = 3, held[2]
    if size == 0xFF:
        if len(held) < 5:
            return None
        begin, size = 5, int.from_bytes(held[3:5], "little")
        if size < 0xFF:
            raise WireError(f"length {size} in the long form")
    if len(held) < begin + size:
        return None
    return held[:2], held[begin : begin + size], held[begin + size :]


def _size(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    if length < 0x100:
        return bytes((0x81, length))
    return b"\x82" + length.to_bytes(2, "big")


def tag(name: str, *value: bytes) -> bytes:
    """One tag, by its hex name, around its value or the tags within it."""
    inner = b"".join(value)
    return bytes.fromhex(name) + _size(len(inner)) + inner


def _read_size(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise WireError("a tag without length")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if count not in (1, 2) or at + 1 + count > len(data):
        raise WireError(f"length byte {first:02X}")
    size = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if size < (0x80 if count == 1 else 0x100):
        raise WireError(f"length {size} in {count + 1} bytes")
    return size, at + 1 + count


def tags_of(data: bytes) -> list[tuple[str, bytes]]:
    """Tags in their order, (hex name, value); what is constructed keeps its bytes."""
    found: list[tuple[str, bytes]] = []
    at = 0
    while at < len(data):
        end = at + 1
        if data[at] & 0x1F == 0x1F:
            while end < len(data) and data[end] & 0x80:
                end += 1
            end += 1
        name = data[at:end].hex().upper()
        size, begin = _read_size(data, end)
        if begin + size > len(data):
            raise WireError(f"tag {name} is longer than what holds it")
        found.append((name, data[begin : begin + size]))
        at = begin + size
    return found


FIXED: Final = {
    **dict.fromkeys((0x01, 0x02, 0x03, 0x05, 0x19, 0x27, 0x8A, 0x8C, 0xA0, 0xD0, 0xD2, 0xD3, 0xE0), 1),
    **dict.fromkeys((0xF0, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD), 1),
    **dict.fromkeys((0x0D, 0x0E, 0x17, 0x3A, 0x49, 0x87), 2),
    **dict.fromkeys((0x0B, 0x0C, 0x37, 0x3D, 0x88, 0xAA), 3),
    0x04: 6, 0x29: 4, 0x2A: 15, 0x3B: 8, 0xBA: 5, 0xEB: 8,
}  # fmt: skip
_TWO_DIGITS = frozenset((0x22, 0x23, 0x2D, 0x4C, 0x8B, 0xA7, 0xD1, *range(0xE1, 0xE9), *range(0xF1, 0xF9)))
_THREE_DIGITS = frozenset((0x24, 0x2E, 0x3C, 0x60, 0x92, 0x9A, 0xAF))


def fields_of(data: bytes) -> list[tuple[int, bytes]]:
    """Fields in their order, (number, content). Field 06 holds tags."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        number = data[at]
        at += 1
        if number in FIXED:
            size = FIXED[number]
        elif number in _TWO_DIGITS or number in _THREE_DIGITS:
            count = 3 if number in _THREE_DIGITS else 2
            if any(byte >> 4 != 0xF or byte & 0x0F > 9 for byte in data[at : at + count]):
                raise WireError(f"the counter of field {number:02X}")
            size = int("".join(f"{byte & 0x0F}" for byte in data[at : at + count]) or "0")
            at += count
        elif number == 0x06:
            size, at = _read_size(data, at)
        else:
            raise WireError(f"field {number:02X} is unknown")
        if at + size > len(data):
            raise WireError(f"field {number:02X} is longer than the message")
        found.append((number, data[at : at + size]))
        at += size
    return found


def crc(data: bytes) -> bytes:
    """The check bytes of the serial line over message and ETX, bit by bit; low byte first."""
    register = 0
    for byte in data:
        for place in range(8):
            bit = byte >> place & 1 ^ register & 1
            register >>= 1
            if bit:
                register ^= 0x8408
    return bytes((register & 0xFF, register >> 8))


def frame(message: bytes) -> bytes:
    """A message on the serial line."""
    doubled = message.replace(bytes((DLE,)), bytes((DLE, DLE)))
    return bytes((DLE, STX)) + doubled + bytes((DLE, ETX)) + crc(message + bytes((ETX,)))


def hexed(parts: Iterable[bytes] | Sequence[int]) -> str:
    return b"".join(part if isinstance(part, bytes) else bytes((part,)) for part in parts).hex()
