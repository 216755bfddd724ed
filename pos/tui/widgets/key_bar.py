"""The function keys, each in its place for ever; a key without a function keeps its place empty."""

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import Part, fit
from pos.tui.scene import Scene

__all__ = ["key_bar", "key_bar_height"]

_KEYS = 12
_IN_ROW = 6
_TALL_FROM = 32


def key_bar_height(scene: Scene) -> int:
    if scene.small:
        return 1
    return 6 if scene.height >= _TALL_FROM else 2


def key_bar(scene: Scene, top: int) -> tuple[list[Strip], list[Target]]:
    """Rows and touch targets; `top` is the first row's place on the screen."""
    if scene.small:
        return _one_row(scene, top)
    brush = scene.brush
    height = key_bar_height(scene) // 2
    width = scene.width // _IN_ROW
    rows: list[Strip] = []
    targets: list[Target] = []
    for start in (1, 1 + _IN_ROW):
        parts: list[Part] = []
        for at, place in enumerate(range(start, start + _IN_ROW)):
            name = scene.bar.get(place)
            parts += _cell(scene, place, name, width)
            if name is not None:
                targets += [
                    (top + len(rows) + row, at * width, (at + 1) * width, f"key:{name}")
                    for row in range(height)
                ]
        label = brush.row(*parts, ("", "key_label"))
        pad = [brush.blank("key_label")] * (height // 2)
        rows += [*pad, label, *pad]
    return rows, targets


def _cell(scene: Scene, place: int, name: str | None, width: int) -> list[Part]:
    if name is None:
        return [(" " * width, "key_label")]
    key = f" F{place} "
    return [(key, "key"), (fit(_label(scene, name), width - len(key)), "key_label")]


def _label(scene: Scene, name: str) -> str:
    """What a key does now; only the park key does one of two things."""
    view = scene.view
    resumes = name == "park" and view.parked and not view.lines
    return scene.words("key.resume" if resumes else f"key.{name}")


def _one_row(scene: Scene, top: int) -> tuple[list[Strip], list[Target]]:
    """Only the keys that do something, in their order."""
    parts: list[Part] = []
    targets: list[Target] = []
    column = 0
    for place in range(1, _KEYS + 1):
        name = scene.bar.get(place)
        if name is None:
            continue
        key, label = f" F{place} ", _label(scene, name)
        parts += [(key, "key"), (f"{label} ", "key_label")]
        end = column + len(key) + len(label) + 1
        targets.append((top, column, end, f"key:{name}"))
        column = end
    return [scene.brush.row(*parts, ("", "key_label"))], targets
