"""What line displays of two rows of 20 understand: pure functions from texts to bytes.

Sources: the makers' manuals for CD5220 and for Epson's DM-D and P07303 series; BA63 as its users describe it.
None of them answers. So each message is whole by itself, and begins such that a display that lost the rest of the
one before finds back.
"""

import unicodedata
from typing import Final

import msgspec

__all__ = ["COLUMNS", "PAGES", "PROTOCOLS", "Protocol", "cells"]

COLUMNS: Final = 20
_CAN: Final = b"\x18"
_RESYNC: Final = _CAN * 3  # ends whatever command was cut off: none here wants more than three bytes
PAGES: Final = {"437": 0, "850": 2, "858": 19, "1252": 16}
"""Code pages by name, with their numbers for `ESC t`."""

_STAND_INS: Final = str.maketrans(
    {
        "€": "E", "„": '"', "“": '"', "”": '"', "‚": "'", "‘": "'", "’": "'", "–": "-", "—": "-", "…": ".",
        "×": "x", "·": ".", "ẞ": "S", "\u00a0": " ", "\u202f": " ",
    }
)  # fmt: skip


class Protocol(msgspec.Struct, frozen=True):
    """A display's language. `start` is sent once a connection, before the first picture."""

    name: str
    baud: int
    parity: str
    page: str
    start: bytes
    rows: tuple[tuple[bytes, bytes], tuple[bytes, bytes]]
    chooses_page: bytes = b""

    def opening(self, page: str) -> bytes:
        """The bytes that make a display ready, whatever it was doing. `page` empty: the one it has by itself."""
        chosen = page or self.page
        if self.name == "ba63":
            return self.start + self.chooses_page
        if self.name == "cd5220" and not page:
            return self.start  # it wakes with page 437
        return self.start + self.chooses_page + bytes((PAGES[chosen],))

    def picture(self, upper: str, lower: str, page: str) -> tuple[bytes, bytes]:
        """One message for each row, exactly 20 columns wide."""
        codec = f"cp{page or self.page}"
        first, second = self.rows
        return (
            first[0] + cells(upper, codec) + first[1],
            second[0] + cells(lower, codec) + second[1],
        )


PROTOCOLS: Final = {
    "cd5220": Protocol(
        "cd5220",
        9600,
        "N",
        "437",
        _RESYNC + b"\x1b@\x0c",
        ((b"\x1bQA", b"\r"), (b"\x1bQB", b"\r")),
        b"\x1bt",
    ),
    "esc-pos": Protocol(
        "esc-pos",
        9600,
        "N",
        "858",
        # Initialise, overwrite mode, no cursor, then the American set: the others give up signs for letters.
        _RESYNC + b"\x1b@\x1f\x01\x1fC\x00\x1bR\x00",
        ((b"\x1f$\x01\x01", b""), (b"\x1f$\x01\x02", b"")),
        b"\x1bt",
    ),
    "ba63": Protocol(
        "ba63",
        9600,
        "O",
        "858",
        _RESYNC + b"\x1b[2J",
        ((b"\x1b[1;1H", b""), (b"\x1b[2;1H", b"")),
        b"\x1bR4",  # its number for page 858
    ),
}


def cells(text: str, codec: str) -> bytes:
    """Exactly COLUMNS bytes: too long is cut, what the page lacks has a likeness or is blank, never a question mark."""
    out = bytearray()
    for char in unicodedata.normalize("NFC", text):
        if len(out) == COLUMNS:
            break
        out += _cell(char, codec)
    return bytes(out.ljust(COLUMNS))


def _cell(char: str, codec: str) -> bytes:
    if not char.isprintable():
        return b" "
    for likeness in (char, char.translate(_STAND_INS), unicodedata.normalize("NFKD", char)[:1]):
        try:
            found = likeness.encode(codec)
        except UnicodeEncodeError:
            continue
        if len(found) == 1 and found[0] >= 0x20:
            return found
    return b" "
