"""What a scanned or typed code is: an article number, a short number, or broken."""

import enum

import msgspec

__all__ = ["CODE_MAX_LENGTH", "Code", "CodeKind", "check_digit", "is_gtin", "key_of", "read_code", "shown"]

CODE_MAX_LENGTH = 80
PLU_MAX_LENGTH = 6
_GTIN_LENGTHS = frozenset({8, 12, 13, 14})


class CodeKind(enum.Enum):
    """What reading a code came to."""

    GTIN = "gtin"  # GS1 General Specifications 7.9: the check digit is right
    PLU = "plu"  # a short number that people type
    OTHER = "other"  # letters or an odd length: known only if the catalogue lists it
    BROKEN = "broken"  # a GTIN's length with a wrong check digit, empty, too long, or unprintable
    FOREIGN = "foreign"  # a web address or other content that names no article


class Code(msgspec.Struct, frozen=True):
    """A code as read: `text` without the scanner's AIM prefix, `key` as the catalogue keeps it."""

    kind: CodeKind
    text: str
    key: str


def check_digit(body: str) -> int:
    """The GS1 mod 10 check digit of the digits before it, of any length."""
    digits = body.encode("ascii")
    # The sum of the characters' codes less 48 each is the sum of the digits.
    odd, even = digits[-1::-2], digits[-2::-2]
    return -(3 * (sum(odd) - 48 * len(odd)) + sum(even) - 48 * len(even)) % 10


def is_gtin(text: str) -> bool:
    """True for 8, 12, 13 or 14 ASCII digits that end in their check digit."""
    return (
        len(text) in _GTIN_LENGTHS
        and text.isascii()
        and text.isdigit()
        and check_digit(text[:-1]) == int(text[-1])
    )


def key_of(text: str) -> str:
    """The catalogue's key of a code: a GTIN without leading zeros (UPC-A equals its EAN-13), else as it is."""
    return _significant(text) if is_gtin(text) else text


def _significant(gtin: str) -> str:
    return gtin.lstrip("0") or "0"


def shown(text: str) -> str:
    """Foreign text as a screen may show it: control and direction characters never reach a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def read_code(raw: str) -> Code:
    """Read what a scanner sent or a person typed, with or without an AIM identifier (`]E0...`)."""
    text = raw.strip()
    if len(text) > 3 and text[0] == "]":
        text = text[3:]
    if not text or len(text) > CODE_MAX_LENGTH or not text.isprintable():
        return Code(CodeKind.BROKEN, shown(text[:CODE_MAX_LENGTH]), "")
    if not (text.isascii() and text.isdigit()):
        plain = text.isascii() and all(char.isalnum() or char in "-./ +$%" for char in text)
        if not plain or "//" in text:
            return Code(CodeKind.FOREIGN, text, "")
        return Code(CodeKind.OTHER, text, text)
    if len(text) in _GTIN_LENGTHS:
        if is_gtin(text):
            return Code(CodeKind.GTIN, text, _significant(text))
        return Code(CodeKind.BROKEN, text, "")
    if len(text) <= PLU_MAX_LENGTH:
        return Code(CodeKind.PLU, text, text)
    return Code(CodeKind.OTHER, text, text)
