"""Text in roles becomes strips of one width. The same parts give the same strip object, so what did not
change is seen by identity and is neither rendered nor sent again.
"""

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from pos.tui.themes import Theme

__all__ = ["Brush", "Part", "clean", "fit", "fit_right", "wrap"]

_STRIPS_KEPT = 1_024
_ELLIPSIS = "…"

Part = tuple[str, str]
"""A text and the role it is painted in."""


class Brush:
    """Paints rows of one width in one theme."""

    def __init__(self, theme: Theme, width: int) -> None:
        self.theme = theme
        self.width = width
        self._styles = theme.styles
        self._strips: dict[tuple[Part, ...], Strip] = {}
        self._pairs: dict[tuple[int, int], tuple[Strip, Strip, Strip]] = {}
        self._parts: dict[int, Brush] = {}

    def row(self, *parts: Part) -> Strip:
        """One row. The parts together must be `width` cells wide, or less: the last one's role fills up."""
        strip = self._strips.pop(parts, None)
        if strip is None:
            strip = self._paint(parts)
            if len(self._strips) >= _STRIPS_KEPT:  # the oldest goes; a row in use stays the same object
                del self._strips[next(iter(self._strips))]
        self._strips[parts] = strip
        return strip

    def beside(self, left: Strip, right: Strip) -> Strip:
        """Two narrower rows as one; the same two give the same row."""
        key = (id(left), id(right))
        kept = self._pairs.pop(key, None)
        if kept is None or kept[0] is not left or kept[1] is not right:
            if len(self._pairs) >= _STRIPS_KEPT:
                del self._pairs[next(iter(self._pairs))]
            kept = (left, right, Strip.join([left, right]))
        self._pairs[key] = kept
        return kept[2]

    def narrower(self, width: int) -> "Brush":
        """The brush for a part of the screen; the same one each time."""
        if width not in self._parts:
            self._parts[width] = Brush(self.theme, width)
        return self._parts[width]

    def blank(self, role: str = "text") -> Strip:
        return self.row(("", role))

    def _paint(self, parts: tuple[Part, ...]) -> Strip:
        left = self.width
        segments = []
        for at, (text, role) in enumerate(parts):
            shown = clean(text)
            if at == len(parts) - 1 or cell_len(shown) > left:
                shown = set_cell_size(shown, left)
            left -= cell_len(shown)
            if shown:
                segments.append(Segment(shown, self._styles[role]))
        return Strip(segments, self.width)


def clean(text: str) -> str:
    """Nothing that a terminal could take for a command: names come from files of others."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def fit(text: str, width: int) -> str:
    """Exactly `width` cells, cut at the end with an ellipsis: for names, never for amounts."""
    text = clean(text)
    if text.isascii() and len(text) <= width:
        return text.ljust(width)
    cells = cell_len(text)
    if cells <= width:
        return text + " " * (width - cells)
    return set_cell_size(text, width - 1) + _ELLIPSIS if width > 0 else ""


def fit_right(text: str, width: int) -> str:
    """Right-aligned, never cut: amounts must be whole or they would lie."""
    return " " * max(0, width - cell_len(text)) + text


def wrap(text: str, width: int, rows: int) -> list[str]:
    """At most `rows` rows; what does not fit ends with an ellipsis."""
    lines: list[str] = []
    current = ""
    for word in clean(text).split():
        longer = f"{current} {word}" if current else word
        if cell_len(longer) <= width or not current:
            current = longer
        else:
            lines.append(current)
            current = word
    lines.append(current)
    if len(lines) > rows:
        lines = [*lines[: rows - 1], fit(" ".join(lines[rows - 1 :]), width)]
    return [fit(line, width) if cell_len(line) > width else line for line in lines]
