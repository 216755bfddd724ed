"""What the till has to say, and what to do about it: in its place, not in a toast, and never by colour alone."""

from textual.strip import Strip

from pos.domain.cart import Line
from pos.tui.paint import wrap
from pos.tui.scene import Scene
from pos.words import message_text

__all__ = ["message_rows", "message_rows_wanted", "standing"]

_MARKS = {"info": "  ", "warn": "! ", "error": "! ", "alarm": "!!"}


def standing(scene: Scene) -> tuple[str, str] | None:
    """The sentence and its level: the till's newest one, else what still waits to be dealt with."""
    view, words = scene.view, scene.words
    if scene.local.deaf and view.state != "stopped":
        return words(f"ui.{scene.local.told or 'key-deaf'}", key=scene.local.deaf), "warn"
    if view.message is not None and view.state != "stopped":
        return message_text(view.message, words), view.message.level
    if view.weighing:
        return words("ui.weighing", text=view.weighing), "info"
    if view.state in ("ready", "paid", "selling") and view.print_problem:
        return (words("ui.print-waits"), "warn") if view.print_waits else (words("ui.print-problem"), "alarm")
    waiting = _open_lines(view.lines) if view.state == "selling" else []
    if waiting:
        first = waiting[0]
        return words("ui.open-waiting", count=len(waiting), code=first.code or first.text), "alarm"
    if view.state == "paying":
        return words("ui.paying"), "info"
    if scene.local.asks_name:
        return words("ui.ask-name"), "info"
    if view.state == "ready" and view.parked:
        return words(
            "ui.parked-one" if len(view.parked) == 1 else "ui.parked", count=len(view.parked)
        ), "info"
    return (words("ui.training-on"), "warn") if view.training else None


def message_rows_wanted(scene: Scene) -> int:
    said = standing(scene)
    if said is None:
        return 1
    return len(wrap(said[0], scene.width - 5, 2))


def message_rows(scene: Scene, height: int) -> list[Strip]:
    said = standing(scene)
    brush = scene.brush
    if said is None:
        return [brush.blank()] * height
    text, level = said
    lines = wrap(text, scene.width - 5, height)
    again = scene.local.again
    mark = f"{min(again, 9)}x" if again > 1 and scene.view.message is not None else _MARKS.get(level, "! ")
    marks = [mark, *["  "] * (len(lines) - 1)]
    rows = [brush.row((f" {mark} {line}", level)) for mark, line in zip(marks, lines, strict=True)]
    return rows + [brush.blank()] * (height - len(rows))


def _open_lines(lines: tuple[Line, ...]) -> list[Line]:
    return [line for line in lines if line.kind == "open" and line.voided is None]
