"""What a byte looks like on paper: the code pages a printer knows and the national variants of ASCII."""

PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 18: "cp852", 19: "cp858", 40: "iso8859-15"}

# The twelve ASCII places that ESC R n replaces, and what stands there for each n.
_NATIONAL_PLACES = "#$@[\\]^`{|}~"
NATIONAL = {
    0: "#$@[\\]^`{|}~",
    1: "#$à°ç§^`éùè¨",
    2: "#$§ÄÖÜ^`äöüß",
    3: "£$@[\\]^`{|}~",
    4: "#$@ÆØÅ^`æøå~",
    5: "#¤ÉÄÖÅÜéäöåü",
    6: "#$@°\\é^ùàòèì",
    7: "₧$@¡Ñ¿^`¨ñ}~",
}


def _table(codec: str) -> tuple[str | None, ...]:
    cells: list[str | None] = [None] * 256
    for code in range(0x20, 0x100):
        try:
            char = bytes([code]).decode(codec)
        except UnicodeDecodeError:
            continue
        # DEL and the C1 controls decode in some codecs, but no printer has a picture of them.
        if code != 0x7F and not 0x80 <= ord(char) < 0xA0:
            cells[code] = char
    return tuple(cells)


_TABLES = {page: _table(codec) for page, codec in PAGES.items()}


def decode(code: int, page: int, national: int = 0) -> str | None:
    """The character that byte `code` prints, or None where the page has nothing."""
    char = _TABLES[page][code]
    if national and char is not None and char in _NATIONAL_PLACES and code < 0x80:
        return NATIONAL[national][_NATIONAL_PLACES.index(char)]
    return char
