"""Keys to touch, in rows and columns: quick keys and the number pad."""

from collections.abc import Sequence

import msgspec
from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import Brush, Part, fit

__all__ = ["Cell", "grid"]


class Cell(msgspec.Struct, frozen=True):
    """A key: its own sign (`7`), what it is, and what a touch there means. An empty one keeps its place."""

    sign: str = ""
    label: str = ""
    token: str = ""


def grid(brush: Brush, cells: Sequence[Cell], columns: int, height: int) -> tuple[list[Strip], list[Target]]:
    """All cells in `columns` columns on `height` rows of the brush's width; as tall as there is room."""
    lines = -(-len(cells) // columns)
    tall = max(1, height // max(1, lines))
    width = brush.width // columns
    rows: list[Strip] = []
    targets: list[Target] = []
    for start in range(0, len(cells), columns):
        group = cells[start : start + columns]
        for row in range(tall):
            targets += [
                (len(rows), at * width, (at + 1) * width, cell.token)
                for at, cell in enumerate(group)
                if cell.token
            ]
            rows.append(brush.row(*_parts(group, width, row, tall), ("", "text")))
    rows = rows[:height]
    rows += [brush.blank()] * (height - len(rows))
    return rows, [target for target in targets if target[0] < height]


def _parts(group: Sequence[Cell], width: int, row: int, tall: int) -> list[Part]:
    """One row of a line of cells: the label in its middle rows, a gap at the right, and below where there is room."""
    gap_below = tall > 2 and row == tall - 1
    said = (tall - (1 if tall > 2 else 0)) // 2
    parts: list[Part] = []
    for cell in group:
        if not cell.token or gap_below:
            parts.append((" " * width, "text"))
            continue
        sign = f" {cell.sign} " if cell.sign and row == said else ""
        text = cell.label if row == said else ""
        room = width - 1 - len(sign)
        if sign:
            parts.append((sign, "key"))
        parts += [
            (fit(f" {text}" if sign or len(text) > room - 2 else text.center(room), room), "key_label"),
            (" ", "text"),
        ]
    return parts
