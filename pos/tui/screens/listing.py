"""A numbered list in the cart's place: chosen by its number, by arrows and Enter, or by touch."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import fit, fit_right, wrap
from pos.tui.scene import Scene

__all__ = ["Item", "listing"]

_HINT_ROWS = 2

Item = tuple[str, str, str]
"""Its number, its text, and what stands at the right (never cut)."""


def listing(
    scene: Scene, height: int, title: str, items: Sequence[Item], hint: str = ""
) -> tuple[list[Strip], list[Target]]:
    """`height` rows: the title, the items around the chosen one, a hint of one or two rows at the end."""
    brush, cursor = scene.brush, scene.local.cursor
    wide = scene.width - 1
    hints = [row for row in ([hint] if cell_len(hint) <= wide else wrap(hint, wide, _HINT_ROWS)) if row]
    rows = [brush.row((f" {title}", "title"))]
    room = height - 1 - len(hints)
    first = 0 if cursor is None else max(0, min(cursor - room // 2, len(items) - room))
    targets: list[Target] = []
    for at in range(first, min(len(items), first + room)):
        number, text, right = items[at]
        width = scene.width - 8 - len(right) - 2
        row = f" {'>' if at == cursor else ' '}{fit_right(number, 3)}  {fit(text, width)} {right} "
        targets.append((len(rows), 0, scene.width, f"pick:{at}"))
        rows.append(brush.row((row, "selected" if at == cursor else "text")))
    below = len(items) - first - room
    if below > 0:
        rows[-1] = brush.row((" " * 7 + scene.words("ui.below", count=below + 1), "dim"))
        targets.pop()
    rows += [brush.blank()] * (height - len(rows) - len(hints))
    rows += [brush.row((f" {row}", "dim")) for row in hints]
    return rows[:height], targets
