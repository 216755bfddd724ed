"""The checksum of frames on a serial line: CRC-16/KERMIT (x16 + x12 + x5 + 1, reflected, from 0)."""

from typing import Final

__all__ = ["crc16"]


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_row(byte) for byte in range(256))


def crc16(data: bytes | bytearray) -> int:
    """Of the APDU as it is before bytes are doubled, and the byte 03 behind it. Sent low byte first."""
    found = 0
    for byte in data:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 0xFF]
    return found
