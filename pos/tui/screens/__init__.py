"""Which screen a moment is shown on, and how its rows are put together. One function of the scene."""

from collections.abc import Sequence

from textual.strip import Strip

from pos.tui.face import Drawing, Target
from pos.tui.scene import WHO, Panel, Scene
from pos.tui.screens.code import code_screen, shows_code
from pos.tui.screens.functions import functions_panel
from pos.tui.screens.help import help_panel
from pos.tui.screens.paid import paid_panel
from pos.tui.screens.parked import parked_panel
from pos.tui.screens.question import question_panel
from pos.tui.screens.search import departments_panel, results_panel
from pos.tui.screens.selling import selling_body
from pos.tui.screens.sign_in import sign_in_panel
from pos.tui.screens.stopped import stopped_panel
from pos.tui.screens.touch import pad_panel, quick_panel
from pos.tui.widgets.entry_line import entry_line, entry_targets
from pos.tui.widgets.key_bar import key_bar, key_bar_height
from pos.tui.widgets.message_line import message_rows, message_rows_wanted
from pos.tui.widgets.status_line import status_line

__all__ = ["draw"]

_MESSAGE_ROWS = 2
_BESIDE_FROM = 110
_HAND = frozenset({"ready", "selling", "search", "department", "question", "paid"})
_FOR_HANDS = frozenset({Panel.QUICK, Panel.PAD})


def draw(scene: Scene) -> Drawing:
    """Status, body, message, entry, keys, from top to bottom; only the body differs by state."""
    if shows_code(scene):
        return code_screen(scene)
    bar = key_bar_height(scene)
    message = _MESSAGE_ROWS
    if scene.view.state == "paid" and scene.local.panel is Panel.NONE:
        message = message_rows_wanted(scene)  # the code needs the row that the message can spare
    height = max(0, scene.height - 1 - message - 1 - bar)
    rows, targets = _body(scene, height)
    rows = [status_line(scene), *rows, *message_rows(scene, message), entry_line(scene)]
    keys, key_targets = key_bar(scene, len(rows))
    placed = [(y + 1, start, end, token) for y, start, end, token in targets]
    entry = entry_targets(scene, len(rows) - 1)
    who = [(0, 0, scene.width // 3, "key:switch")] if scene.view.state in _HAND else []
    return Drawing([*rows, *keys][: scene.height], [*who, *placed, *entry, *key_targets])


def _body(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    """A wide screen shows the keys for the hand beside everything else; the left hand has them at the left."""
    if scene.width < _BESIDE_FROM or scene.view.state not in _HAND or scene.local.panel in _FOR_HANDS:
        return _main(scene, height)
    side = scene.width * 2 // 5
    main, hand = scene.part(scene.width - side - 1), scene.part(side)
    left, main_targets = _main(main, height)
    pad = min(8, height // 2)
    quick, quick_targets = quick_panel(hand, height - pad - 1)
    keys, key_targets = pad_panel(hand, pad)
    right = [*quick, hand.brush.blank(), *keys]
    below = [(y + len(quick) + 1, start, end, token) for y, start, end, token in key_targets]
    at_right = [*quick_targets, *below]
    gap = scene.part(1).brush.blank()
    if scene.left_handed:
        rows = [scene.brush.beside(b, scene.brush.beside(gap, a)) for a, b in zip(left, right, strict=True)]
        return rows, [*_moved(main_targets, side + 1), *_moved(at_right, 0)]
    rows = [scene.brush.beside(a, scene.brush.beside(gap, b)) for a, b in zip(left, right, strict=True)]
    return rows, [*main_targets, *_moved(at_right, scene.width - side)]


def _moved(targets: Sequence[Target], by: int) -> list[Target]:
    return [(y, start + by, end + by, token) for y, start, end, token in targets]


def _main(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    view, panel = scene.view, scene.local.panel
    if panel is Panel.QUICK:
        return selling_body(scene, height, quick_panel)
    if panel is Panel.PAD and view.state not in WHO:
        return selling_body(scene, height, pad_panel)
    if panel is Panel.PAD:
        return pad_panel(scene, height)
    if panel is Panel.HELP:
        return help_panel(scene, height), []
    if panel is Panel.PARKED:
        return selling_body(scene, height, parked_panel)
    if panel is not Panel.NONE:
        return selling_body(scene, height, functions_panel)
    if view.state == "stopped":
        return stopped_panel(scene, height), []
    if view.state in WHO:
        return sign_in_panel(scene, height)
    if view.state == "question" and not view.lines:
        return question_panel(scene, height)  # no sale: the rows of its total are the question's
    if view.state == "question":
        return selling_body(scene, height, question_panel)
    if view.state == "paid":
        return paid_panel(scene, height), []
    if view.state == "search":
        return selling_body(scene, height, results_panel)
    if view.state == "department":
        return selling_body(scene, height, departments_panel)
    if view.state == "ready" and scene.pages and not scene.is_part:
        return selling_body(scene, height, quick_panel)
    return selling_body(scene, height)
