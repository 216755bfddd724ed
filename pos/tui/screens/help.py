"""F1: the keys and what may be typed, on one page."""

from textual.strip import Strip

from pos.tui.paint import fit
from pos.tui.scene import Scene

__all__ = ["HELP_ROWS", "help_panel"]

HELP_ROWS = (
    "scan", "number", "times", "cash", "given", "void-last", "open-price", "search",
    "park", "void-cart", "pad", "escape", "drop", "print", "next-open", "void-line",
)  # fmt: skip
_KEY = 16


def help_panel(scene: Scene, height: int) -> list[Strip]:
    words, brush = scene.words, scene.brush
    rows = [brush.row((f" {words('ui.help-title')}", "title"))]
    for name in HELP_ROWS[: height - 1]:
        typed, _, what = words(f"help.{name}").partition(" = ")
        rows.append(brush.row((" " + fit(typed, _KEY), "key"), (f"  {what}", "text")))
    return rows + [brush.blank()] * (height - len(rows))
