"""A phone's cart as a code: a short one to type, and one for QR codes that carries the lines too.

`TRSX` and base32 of: version 1, the cart's id (16 bytes), its share code (5), minutes of Unix time at which it expires (4), the
store's name, a count of lines, for each its quantity in thousandths as a varint and its sku, and at last 4 bytes of SHA-256 over
all before. Texts have a byte of length before them. No price is in it: prices are the till's.
"""

import base64
import binascii
import hashlib
import uuid
from decimal import Decimal
from typing import Final

import msgspec

__all__ = ["LONG_PREFIX", "SHARE_BITS", "BasketCode", "pack", "plain_share", "share_text", "unpack"]

LONG_PREFIX: Final = "TRSX"
SHARE_BITS: Final = 40
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHARE_CHARS: Final = 8
_VERSION: Final = 1
_TEXT_MAX: Final = 1_200
_CHECK_BYTES: Final = 4
_THOUSAND: Final = Decimal(1000)
_MINUTE_MS: Final = 60_000
_QUANTITY_MAX: Final = 999_000
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


class BasketCode(msgspec.Struct, frozen=True):
    """What the long code says. `lines`: sku and quantity. `expires_ms` is a whole minute."""

    store: str
    basket_id: str
    share: str
    expires_ms: int
    lines: tuple[tuple[str, Decimal], ...]


def share_text(chance: bytes) -> str:
    """The share code of 40 bits by chance: eight characters without those that look alike."""
    number = int.from_bytes(chance[: SHARE_BITS // 8], "big")
    return "".join(_ALPHABET[number >> 5 * at & 31] for at in reversed(range(_SHARE_CHARS)))


def plain_share(typed: str) -> str:
    """A share code as somebody typed it; empty for what cannot be one."""
    text = typed.upper().replace(" ", "").replace("-", "").translate(_LOOKALIKES)
    return text if len(text) == _SHARE_CHARS and all(char in _ALPHABET for char in text) else ""


def pack(code: BasketCode) -> str:
    """The long code; empty where so many lines do not fit in a code that phones show and scanners read."""
    try:
        parts = [
            bytes([_VERSION]),
            uuid.UUID(code.basket_id).bytes,
            _share_number(code.share).to_bytes(SHARE_BITS // 8, "big"),
            (code.expires_ms // _MINUTE_MS).to_bytes(4, "big"),
            _text(code.store),
            bytes([len(code.lines)]),
        ]
        for sku, quantity in code.lines:
            parts += [_varint(int(quantity * _THOUSAND)), _text(sku)]
    except (OverflowError, ValueError):
        return ""
    body = b"".join(parts)
    text = LONG_PREFIX + base64.b32encode(body + _check(body)).decode().rstrip("=")
    return text if len(text) <= _TEXT_MAX else ""


def unpack(text: str) -> BasketCode | None:
    """None for what is not whole, of another version, or no such code."""
    if not text.startswith(LONG_PREFIX) or len(text) > _TEXT_MAX:
        return None
    rest = text[len(LONG_PREFIX) :]
    try:
        raw = base64.b32decode(rest + "=" * (-len(rest) % 8))
        body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if check != _check(body):
            return None
        return _Reader(body).read()
    except (binascii.Error, ValueError, IndexError):
        return None


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def read(self) -> BasketCode:
        if self._take(1)[0] != _VERSION:
            raise ValueError("another version")
        basket_id = str(uuid.UUID(bytes=self._take(16)))
        share = share_text(self._take(SHARE_BITS // 8))
        expires_ms = int.from_bytes(self._take(4), "big") * _MINUTE_MS
        store = self._text()
        lines = []
        for _ in range(self._take(1)[0]):
            thousandths = self._varint()
            if not 0 < thousandths <= _QUANTITY_MAX:
                raise ValueError("no quantity")
            lines.append((self._text(), Decimal(thousandths) / _THOUSAND))
        if self._at != len(self._body):
            raise ValueError("more than that")
        return BasketCode(store, basket_id, share, expires_ms, tuple(lines))

    def _take(self, size: int) -> bytes:
        part = self._body[self._at : self._at + size]
        if len(part) < size:
            raise ValueError("cut short")
        self._at += size
        return part

    def _text(self) -> str:
        text = self._take(self._take(1)[0]).decode()
        if not text or not text.isprintable():
            raise ValueError("no text")
        return text

    def _varint(self) -> int:
        number = shift = 0
        while shift < 28:
            byte = self._take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
        raise ValueError("no number")


def _share_number(share: str) -> int:
    number = 0
    for char in share:
        number = number << 5 | _ALPHABET.index(char)
    return number


def _text(text: str) -> bytes:
    raw = text.encode()
    return bytes([len(raw)]) + raw


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]
