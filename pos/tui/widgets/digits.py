"""Large digits of half blocks, three or five rows high: thick strokes that are read from a metre away.

The Linux console's fonts have these blocks, which they do not have for thin box lines.
"""

from typing import Final

__all__ = ["SMALL_ROWS", "TALL_ROWS", "small_digits", "tall_digits", "tall_width"]

SMALL_ROWS: Final = 3
TALL_ROWS: Final = 5

_SMALL: Final = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    "-": ("   ", "▀▀▀", "   "),
    ",": (" ", " ", "█"),
    ".": (" ", " ", "▀"),
    "?": ("▀▀█", " █▀", " ▀ "),
}


def small_digits(text: str) -> tuple[str, str, str]:
    """Three rows; a digit takes four columns, a separator two."""
    glyphs = [_SMALL[char] for char in text]
    top, middle, bottom = (" ".join(glyph[row] for glyph in glyphs) for row in range(SMALL_ROWS))
    return top, middle, bottom


def tall_digits(text: str, gap: int = 2) -> tuple[str, ...]:
    """Five rows: the same shapes with each half block as a whole row, twice as wide."""
    rows = []
    for row in range(TALL_ROWS):
        upper = row % 2 == 0
        glyph_row = row // 2
        line = []
        for char in text:
            cells = _SMALL[char][glyph_row]
            inked = ("█", "▀") if upper else ("█", "▄")
            wide = "".join("██" if cell in inked else "  " for cell in cells)
            line.append(wide)
        rows.append((" " * gap).join(line))
    return tuple(rows)


def tall_width(text: str, gap: int = 2) -> int:
    return sum(2 * len(_SMALL[char][0]) + gap for char in text) - gap
