"""The till is stopped: what happened, what to do, and that nothing is lost."""

from textual.strip import Strip

from pos.tui.paint import wrap
from pos.tui.scene import Scene
from pos.words import amount, message_text

__all__ = ["stopped_panel"]


_WAITING = ("till-restored", "journal-shorter")  # the hub ends this, no key


def stopped_panel(scene: Scene, height: int) -> list[Strip]:
    view, words, brush = scene.view, scene.words, scene.brush
    rows = [
        brush.blank("alarm"),
        brush.row((f"   {words('ui.stopped-title')}", "alarm")),
        brush.blank("alarm"),
    ]
    rows.append(brush.blank())
    if view.message is not None:
        lines = wrap(message_text(view.message, words), scene.width - 6, 5)
        rows += [brush.row((f"   {line}", "error")) for line in lines]
        rows.append(brush.blank())
    if view.lines:
        total = amount(view.total_minor, words.language)
        rows.append(brush.row((f"   {words('ui.stopped-cart', pieces=view.pieces, total=total)}", "text")))
    waits = view.message is not None and view.message.code in _WAITING
    rows.append(brush.row((f"   {words('ui.stopped-waits' if waits else 'ui.stopped-retry')}", "text")))
    return (rows + [brush.blank()] * (height - len(rows)))[:height]
