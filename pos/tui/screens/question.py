"""What the till asks: what one must know to answer, and the choices or what to type."""

from textual.strip import Strip

from pos.domain.question import Option
from pos.tui.face import Target
from pos.tui.paint import fit, wrap
from pos.tui.scene import Scene
from pos.tui.screens.code import wants_code
from pos.tui.screens.listing import listing
from pos.words import option_right, option_text

__all__ = ["question_panel"]

_ROOM_FOR_CHOICES = 4
_TITLE_ROWS = 2
_HINT_ROWS = 2


def question_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    view, words, brush = scene.view, scene.words, scene.brush
    question = view.question
    assert question is not None, "drawn only while something is asked"
    fields = dict(question.fields)
    rows_above = ((words("ui.training-ask"), ""), *question.rows) if view.training else question.rows
    hint = words(f"ask.{question.code}-hint")
    if hint.startswith("ask."):
        enter = question.kind == "pick" and question.with_enter
        hint = words(f"ask.hint-{'confirm' if enter else question.kind}")
        if question.back:
            hint = hint.replace(words("ask.hint-esc"), words("ask.hint-esc-back"))
    if question.qr and not question.own:
        hint = words("ui.code-no-room" if wants_code(scene) else "ui.code-on-screen")
    title, *more = wrap(words(f"ask.{question.code}", **fields), scene.width - 2, _TITLE_ROWS)
    below = [brush.row((f" {row}", "dim")) for row in wrap(hint, scene.width - 2, _HINT_ROWS)]
    height -= len(more) + len(below)
    room = height - 1 - (min(len(question.options), _ROOM_FOR_CHOICES) if question.options else 0)
    shown = rows_above[-max(0, room) :] if room > 0 else ()
    above = [brush.row((f"   {_pair(left, right, scene.width - 6)}   ", "text")) for left, right in shown]
    items = [
        (str(n), _marked(question.kind, option, scene), _right(option, scene))
        for n, option in enumerate(question.options, start=1)
    ]
    rows, targets = listing(scene, height - len(above), title, items)
    above = [brush.row((f" {row}", "title")) for row in more] + above
    rows[1:1] = above
    return rows + below, [(y + len(above), start, end, token) for y, start, end, token in targets]


def _marked(kind: str, option: Option, scene: Scene) -> str:
    text = option_text(option, scene.words)
    return f"[{'x' if option.ticked else ' '}] {text}" if kind == "many" else text


def _right(option: Option, scene: Scene) -> str:
    return option_right(option, scene.words)


def _pair(left: str, right: str, width: int) -> str:
    return f"{fit(left, width - len(right) - 1)} {right}" if right else fit(left, width)
