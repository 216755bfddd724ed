"""Text as terminals send it. Reading never fails on a byte; what a character set does not know becomes U+FFFD.

A terminal should say in tag 14 what it writes in, and mostly does not. `AUTO` looks at the bytes: UTF-8 where they are
that, ISO 8859-1 where the only letters beyond ASCII are German ones of that set, else code page 437, the protocol's own.
"""

import codecs
from typing import Final

__all__ = ["AUTO", "CHARSETS", "charset_name", "code_of", "decode", "encode", "known"]

AUTO: Final = "auto"
CP437: Final = "cp437"
_DIN: Final = "din66003"

CHARSETS: Final[dict[int, str]] = {
    0x00: "ascii",
    **{part: f"iso8859_{part}" for part in range(1, 17) if part != 12},
    0xFE: "utf_8",
    0xFF: CP437,
}
"""By tag 14."""

_UMLAUTS_LATIN: Final = frozenset(b"\xe4\xf6\xfc\xdf\xc4\xd6\xdc")
_SMALL_LATIN: Final = frozenset(b"\xe4\xf6\xfc")  # the others are lines and blocks in code page 437
_UMLAUTS_CP437: Final = frozenset(b"\x84\x94\x81\xe1\x8e\x99\x9a")
_DIN_LETTERS: Final = str.maketrans("@[\\]{|}~", "§ÄÖÜäöüß")
_DIN_BACK: Final = {ord(letter): ord(sign) for sign, letter in zip("@[\\]{|}~", "§ÄÖÜäöüß", strict=True)}


def known(name: str) -> bool:
    """Whether a setting names a character set: `auto`, `cp437`, `din66003`, `iso8859_15`, `utf_8` and so on."""
    return name in {AUTO, _DIN} or name in CHARSETS.values()


def charset_name(code: int) -> str | None:
    """Of tag 14; None for one that is not there."""
    return CHARSETS.get(code)


def code_of(name: str) -> int:
    """The number for tag 14. Raises ValueError where there is none."""
    for code, charset in CHARSETS.items():
        if charset == name:
            return code
    raise ValueError(f"ZVT has no number for the character set {name}")


def decode(data: bytes, charset: str = AUTO) -> str:
    """Never raises; an unknown name counts as `AUTO`."""
    if charset == _DIN:
        return data.decode("ascii", "replace").translate(_DIN_LETTERS)
    if charset == AUTO or not known(charset):
        charset = _seen(data)
    return data.decode(charset, "replace")


def guess(data: bytes) -> str:
    """The name of the set that `AUTO` reads these bytes with."""
    return _seen(data)


def _seen(data: bytes) -> str:
    high = [at for at, byte in enumerate(data) if byte > 0x7F]
    if not high:
        return CP437
    try:
        codecs.decode(data, "utf_8", "strict")
    except UnicodeDecodeError:
        pass
    else:
        return "utf_8"
    found = {data[at] for at in high}
    if found & _UMLAUTS_CP437:
        return CP437
    if found & _SMALL_LATIN:
        return "iso8859_1"
    beside = any(
        data[near : near + 1].isalpha()
        for at in high
        for near in (at - 1, at + 1)
        if data[at] in _UMLAUTS_LATIN and near >= 0
    )
    return "iso8859_1" if beside else CP437


def encode(text: str, charset: str = CP437) -> bytes:
    """Strict. Raises ValueError for a letter that the set does not have, and for a set that is none."""
    if charset == _DIN:
        return text.translate(_DIN_BACK).encode("ascii")
    if charset == AUTO:
        charset = CP437
    if not known(charset):
        raise ValueError(f"{charset} is no character set of ZVT")
    return text.encode(charset)
