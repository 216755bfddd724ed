"""A code that the customer scans from the till's own screen: as large as the screen is high, the question beside it."""

from textual.strip import Strip

from pos.device_ports import DeviceState
from pos.tui.face import Drawing, Target
from pos.tui.paint import fit, wrap
from pos.tui.scene import Panel, Scene
from pos.tui.widgets import qr
from pos.tui.widgets.entry_line import entry_line
from pos.words import message_text, option_text

__all__ = ["code_room", "code_screen", "shows_code", "wants_code"]

_BESIDE_MIN = 24
_BESIDE_MAX = 40


def wants_code(scene: Scene) -> bool:
    """Is there a code that no screen of the customer shows?"""
    view = scene.view
    asks = view.state == "question" and view.question is not None and bool(view.question.qr)
    own = view.question is not None and view.question.own
    return asks and (own or view.customer_screen.state is not DeviceState.READY)


def code_room(width: int, height: int) -> tuple[int, int]:
    """Columns and rows for a code beside its question on a screen of this size."""
    return width - _BESIDE_MIN - 1, height - 1


def shows_code(scene: Scene) -> bool:
    """Does it fit on this one?"""
    if not wants_code(scene) or scene.local.panel is not Panel.NONE:
        return False
    columns, rows = code_room(scene.width, scene.height)
    return qr.fits(qr.framed(scene.qr, rows), columns, rows)


def code_screen(scene: Scene) -> Drawing:
    """The code at the left from the first row on, words and choices at the right, the entry line below."""
    height = scene.height - 1
    blocks = qr.framed(scene.qr, height)
    left = len(blocks[0])
    beside, picks = _beside(scene, min(scene.width - left - 2, _BESIDE_MAX), height)
    rows: list[Strip] = []
    for at in range(height):
        text, role = beside[at]
        code = (blocks[at], "qr") if at < len(blocks) else (" " * left, "text")
        rows.append(scene.brush.row(code, ("  ", "text"), (text, role), ("", "text")))
    targets: list[Target] = [(y, left, scene.width, f"pick:{at}") for y, at in picks]
    return Drawing([*rows, entry_line(scene)], targets)


def _beside(scene: Scene, width: int, height: int) -> tuple[list[tuple[str, str]], list[tuple[int, int]]]:
    view, words = scene.view, scene.words
    question = view.question
    assert question is not None, "drawn only while something is asked"
    rows: list[tuple[str, str]] = []
    if view.training:
        rows += [(row, "title") for row in wrap(words("ui.training-ask"), width, 2)]
    rows += [(row, "title") for row in wrap(words(f"ask.{question.code}", **question.fields), width, 3)]
    rows.append(("", "text"))
    for pair in question.rows:
        rows += [(row, "text") for row in pair if row]
    rows.append(("", "text"))
    picks = []
    for at, option in enumerate(question.options):
        lines = wrap(option_text(option, words), width - 5, 2)
        role = "selected" if at == scene.local.cursor else "text"
        for n, line in enumerate(lines):
            picks.append((len(rows), at))
            rows.append((fit(f" {at + 1}  {line}" if not n else f"    {line}", width), role))
    rows.append(("", "text"))
    if view.message is not None:
        rows += [(row, "change") for row in wrap(message_text(view.message, words), width, 4)]
    else:
        rows += [(row, "dim") for row in wrap(words(f"ask.{question.code}-hint"), width, 5)]
    rows = rows[:height]
    return rows + [("", "text")] * (height - len(rows)), [pick for pick in picks if pick[0] < height]
