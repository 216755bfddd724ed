"""The function keys, each in its place for ever; a key without a function keeps its place empty."""

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import Part, fit
from pos.tui.scene import Scene

__all__ = ["key_bar", "key_bar_height"]

_KEYS = 12
_IN_ROW = 6
_TALL_FROM = 32
_SHORT = 3


def key_bar_height(scene: Scene) -> int:
    if scene.small:
        return len(_packed(scene))
    return 6 if scene.height >= _TALL_FROM else 2


def key_bar(scene: Scene, top: int) -> tuple[list[Strip], list[Target]]:
    """Rows and touch targets; `top` is the first row's place on the screen. For the left hand the order is turned."""
    if scene.small:
        return _small(scene, top)
    brush = scene.brush
    height = key_bar_height(scene) // 2
    width = scene.width // _IN_ROW
    rows: list[Strip] = []
    targets: list[Target] = []
    for start in (1, 1 + _IN_ROW):
        parts: list[Part] = []
        places = range(start, start + _IN_ROW)
        for at, place in enumerate(reversed(places) if scene.left_handed else places):
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


def _packed(scene: Scene) -> list[list[tuple[str, str, str]]]:
    """Only the keys that do something, in their order: sign, label, name. In two rows at most, labels cut to fit."""
    keys = [
        (f" F{place} ", _label(scene, name), name)
        for place in range(1, _KEYS + 1)
        if (name := scene.bar.get(place)) is not None
    ]
    for longest in range(max((len(label) for _, label, _ in keys), default=0), _SHORT - 1, -1):
        rows: list[list[tuple[str, str, str]]] = [[]]
        column = 0
        for sign, label, name in keys:
            shown = label if len(label) <= longest else f"{label[: longest - 1]}."
            width = len(sign) + len(shown) + 1
            if column + width > scene.width and rows[-1]:
                rows.append([])
                column = 0
            rows[-1].append((sign, shown, name))
            column += width
        if len(rows) <= 2:
            break
    return rows if keys else []


def _small(scene: Scene, top: int) -> tuple[list[Strip], list[Target]]:
    strips: list[Strip] = []
    targets: list[Target] = []
    for at, keys in enumerate(_packed(scene)):
        parts: list[Part] = []
        column = 0
        for sign, label, name in reversed(keys) if scene.left_handed else keys:
            parts += [(sign, "key"), (f"{label} ", "key_label")]
            end = column + len(sign) + len(label) + 1
            targets.append((top + at, column, end, f"key:{name}"))
            column = end
        strips.append(scene.brush.row(*parts, ("", "key_label")))
    return strips, targets
