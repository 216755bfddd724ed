"""Pieces, taxes and the total, always in the same spot; the total in large digits."""

from textual.strip import Strip

from pos.tui.paint import Part, fit, fit_right
from pos.tui.scene import Scene
from pos.tui.widgets.digits import SMALL_ROWS, small_digits
from pos.view import TillView
from pos.words import amount

__all__ = ["total_block"]

_TAX_MIN = 17
_WIDE = 60  # below, the pieces are written small
_PIECES = 11  # three digits: the words beside them keep their place


def total_block(scene: Scene) -> list[Strip]:
    """Three rows."""
    view, words = scene.view, scene.words
    total = view.total_minor if view.lines else 0  # a sale that was paid is on the screen behind
    digits = small_digits(amount(total, words.language))
    label = words("ui.pieces") if view.pieces != 1 else words("ui.piece")
    money = len(digits[0])
    if scene.width < _WIDE:
        pieces, left, label = ("", "", ""), 1, f"{view.pieces} {label}"
    else:
        pieces = small_digits(str(view.pieces))
        left = max(_PIECES, len(pieces[0])) + 1
    middle = scene.width - left - money - 2
    taxes = _tax_rows(scene, view, middle - len(label) - len(view.currency) - 6)
    rows = []
    for at in range(SMALL_ROWS):
        tail = view.currency if at == 0 else ""
        head = label if at == SMALL_ROWS - 1 else ""
        text = f" {head.ljust(len(label))}  "
        text += fit(taxes[at], middle - len(text) - len(view.currency) - 2)
        text += fit_right(tail, len(view.currency)) + "  "
        parts: tuple[Part, ...] = (
            (f" {pieces[at].rjust(left - 1)}", "total"),
            (text, "panel"),
            (f"{digits[at]} ", "total"),
        )
        rows.append(scene.brush.row(*parts))
    return rows


def _tax_rows(scene: Scene, view: TillView, width: int) -> list[str]:
    """A row for each code: rate, gross, and the tax within where there is room."""
    language = scene.words.language
    rows = []
    for tax in view.taxes:
        percent = f"{tax.percent.normalize():f}".replace(".", "," if language == "de" else ".")
        row = f"{tax.code} {percent:>3} % {amount(tax.gross_minor, language):>10}"
        within = f"  {scene.words('ui.within')} {amount(tax.vat_minor, language):>8}"
        if len(row) + len(within) <= width:
            row += within
        rows.append(row if len(row) <= width or width < _TAX_MIN else row.replace("  ", " "))
    if len(rows) > SMALL_ROWS:
        rows[SMALL_ROWS - 1] = scene.words("ui.more-taxes", count=len(rows) - SMALL_ROWS + 1)
    if width < _TAX_MIN:
        rows = []
    rows += [""] * SMALL_ROWS
    return rows[:SMALL_ROWS]
