"""F1: what may be done here, then everything else; page keys turn the pages."""

from typing import Final

from textual.strip import Strip

from pos.tui.paint import fit, wrap
from pos.tui.scene import Scene

__all__ = ["HELP_ROWS", "help_panel"]

_SELLING: Final = (
    "scan", "number", "times", "cash", "given", "void-last", "open-price", "search",
    "park", "void-cart", "pad", "escape", "drop", "next-open", "void-line", "quick",
)  # fmt: skip
_HERE: Final[dict[str, tuple[str, ...]]] = {
    "ready": ("scan", "number", "search", "quick", "park", "print", "pad"),
    "paid": ("scan", "print", "park"),
    "search": ("choose", "scan", "escape"),
    "department": ("choose", "escape"),
    "question": ("choose", "confirm", "escape"),
    "signed-out": ("sign-in",),
    "approval": ("approve", "escape"),
    "stopped": ("retry",),
}
HELP_ROWS: Final = tuple(dict.fromkeys((*_SELLING, *(name for rows in _HERE.values() for name in rows))))
"""Every row of help there is."""

_KEY = 16


def help_panel(scene: Scene, height: int) -> list[Strip]:
    words, brush, view = scene.words, scene.brush, scene.view
    state = view.state if view.state in _HERE else "selling"
    names = tuple(dict.fromkeys((*_HERE.get(state, ()), *_SELLING)))
    about: list[str] = []
    if view.question is not None:
        code = view.question.code
        about.append(words(f"ask.{code}", **view.question.fields))
        about += [said for said in (words(f"ask.{code}-help"),) if not said.startswith("ask.")]
    above = [brush.row((f"   {row}", "text")) for text in about for row in wrap(text, scene.width - 6, 3)]
    room = max(1, height - 1 - len(above))
    pages = max(1, -(-len(names) // room))
    page = min(scene.local.page, pages - 1)
    title = words("ui.help-title-of", where=words(f"state.{state}"))
    if pages > 1:
        title = f"{title}  {words('ui.help-page', page=page + 1, pages=pages)}"
    rows = [brush.row((f" {title}", "title")), *above]
    for name in names[page * room :][:room]:
        typed, _, what = words(f"help.{name}").partition(" = ")
        rows.append(brush.row((" " + fit(typed, _KEY), "key"), (f"  {what}", "text")))
    return (rows + [brush.blank()] * (height - len(rows)))[:height]
