"""What travels: a command of two bytes, a length, data."""

from typing import Final

import msgspec

from drivers.card.zvt.masking import mask

__all__ = ["DATA_MAX", "Apdu", "encode", "header", "received"]

DATA_MAX: Final = 0xFFFF


class Apdu(msgspec.Struct, frozen=True):
    """`command` is class and instruction (0x040F). `data` of what was received is masked.

    `declared` is the length that was written where it is not the length that came: such a message is read all the same.
    """

    command: int
    data: bytes = b""
    declared: int | None = None

    def __repr__(self) -> str:
        return f"Apdu({self.command >> 8:02X} {self.command & 0xFF:02X}, {len(self.data)} bytes)"


def header(raw: bytes | bytearray, at: int = 0) -> tuple[int, int] | None:
    """The length of the data and where it begins; None while the header is not whole."""
    if len(raw) < at + 3:
        return None
    length = raw[at + 2]
    if length < 0xFF:
        return length, at + 3
    if len(raw) < at + 5:
        return None
    return raw[at + 3] | raw[at + 4] << 8, at + 5


def received(raw: bytes | bytearray) -> Apdu | None:
    """One message that came, masked. None where not even a header is there."""
    found = header(raw)
    if found is None:
        return None
    length, start = found
    command = raw[0] << 8 | raw[1]
    data = bytes(raw[start:])
    return Apdu(command, mask(command, data), None if length == len(data) else length)


def encode(apdu: Apdu) -> bytes:
    """Raises ValueError above 65,535 bytes of data."""
    size = len(apdu.data)
    if size > DATA_MAX:
        raise ValueError("a message carries at most 65,535 bytes")
    length = bytes((size,)) if size < 0xFF else bytes((0xFF, size & 0xFF, size >> 8))
    return apdu.command.to_bytes(2, "big") + length + apdu.data
