"""What only hands need: pages of quick keys, and a number pad."""

from typing import Final

from textual.strip import Strip

from pos.domain.codes import is_gtin
from pos.quickkeys import KEYS_MAX, QuickKey
from pos.tui.face import Target
from pos.tui.paint import Part, fit
from pos.tui.scene import Scene
from pos.tui.widgets.grid import Cell, grid
from pos.words import amount

__all__ = ["pad_panel", "page_at", "quick_panel"]

_COLUMNS: Final = 3
_PAD: Final = (
    ("7", "8", "9", "back"),
    ("4", "5", "6", "clear"),
    ("1", "2", "3", "times"),
    ("0", "00", ",", "enter"),
)
_TOKENS: Final = {"back": "erase:", "clear": "key:escape", "times": "char:*", "enter": "key:enter"}


def page_at(scene: Scene) -> int:
    """The page that is open; pages come and go with the time of day."""
    return max(0, min(scene.local.page, len(scene.pages) - 1))


def quick_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    """The titles of all pages, then the keys of the open one: nine places, each for ever the same."""
    titles, targets = _titles(scene)
    page = scene.pages[page_at(scene)] if scene.pages else None
    keys = page.key if page is not None else ()
    cells = [
        Cell(str(at + 1), _label(keys[at], scene), f"pick:{at}") if at < len(keys) else Cell()
        for at in range(KEYS_MAX)
    ]
    rows, keys_at = grid(scene.brush, cells, _COLUMNS, height - 1)
    return [titles, *rows], [*targets, *((y + 1, start, end, token) for y, start, end, token in keys_at)]


def pad_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    words = scene.words
    rows_of = [row if not scene.left_handed else (row[3], *row[:3]) for row in _PAD]
    cells = [
        Cell("", words(f"ui.pad-{name}") if name in _TOKENS else name, _TOKENS.get(name, f"char:{name}"))
        for row in rows_of
        for name in row
    ]
    return grid(scene.brush, cells, 4, height)


def _titles(scene: Scene) -> tuple[Strip, list[Target]]:
    parts: list[Part] = []
    targets: list[Target] = []
    whole = sum(len(page.title) + 3 for page in scene.pages) <= scene.width
    column, room = 0, scene.width if whole else scene.width // max(1, len(scene.pages)) - 1
    for at, page in enumerate(scene.pages):
        text = fit(f" {page.title} ", min(room, len(page.title) + 2))
        parts += [(text, "selected" if at == page_at(scene) else "header"), (" ", "header")]
        targets.append((0, column, column + len(text), f"page:{at}"))
        column += len(text) + 1
    return scene.brush.row(*parts, ("", "header")), targets


def _label(key: QuickKey, scene: Scene) -> str:
    if key.label:
        return key.label
    if key.kind == "amount_minor":
        return amount(key.amount_minor, scene.words.language)
    if key.kind == "percent":
        return f"-{key.percent} %"
    if key.kind == "function":
        return scene.words(f"key.{key.function}")
    return key.article if not is_gtin(key.article) else f"…{key.article[-5:]}"
