"""The cart: a window on its newest lines. A row is made once for each line and dropped when that very line
object, the width or its marking changes; so a cart of 500 lines costs what a cart of 5 does.
"""

from textual.strip import Strip

from pos.domain.cart import Discount, Line
from pos.domain.goods import SERIAL
from pos.tui.paint import Part, fit, fit_right
from pos.tui.scene import CartRows, Scene
from pos.words import amount, quantity_text

__all__ = ["cart_header", "cart_list", "expected_rows"]

_NUMBER = 4
_QUANTITY = 10
_NARROW = 50  # below, the line's number gives way to its name
_TAX = 3
_UNIT = 10
_AMOUNT = 11
_NAME_MIN = 16


def cart_header(scene: Scene, height: int) -> Strip:
    """Names of the columns, and how many lines stand above the window."""
    words = scene.words
    name, tax, unit = _columns(scene)
    above = _first(scene, height)
    article = words("ui.column-article")
    if above:
        article = f"{article}  {words('ui.above', count=above)}"
    text = (
        " " * _number_width(scene)
        + fit_right(words("ui.column-quantity"), _QUANTITY)
        + "  "
        + fit(article, name)
    )
    text += fit_right(words("ui.column-tax"), tax) if tax else ""
    text += fit_right(words("ui.column-unit"), unit) if unit else ""
    text += fit_right(words("ui.column-amount"), _AMOUNT)
    return scene.brush.row((text, "header"))


def cart_list(scene: Scene, height: int) -> list[Strip]:
    """`height` rows, the newest line last; what is taken off a line stands under it."""
    view, brush = scene.view, scene.brush
    lines = view.lines
    first = _first(scene, height)
    if scene.row_cache and (not lines or len(scene.row_cache) > 4 * len(lines) + 64):
        scene.row_cache.clear()
    rows: list[Strip] = []
    last = len(lines) - 1
    for at in range(first, len(lines)):
        line = lines[at]
        marking = "newest" if at == last else "text"
        if line.kind == "open":
            marking = "chosen" if line.n == view.chosen else "open"
        rows += [brush.row(*parts) for parts in _rows(scene, line, marking)]
        if len(rows) >= height:
            return rows[:height]
    short = [brush.blank()] * (height - len(rows))
    return short + rows if first else rows + short


def expected_rows(scene: Scene, height: int) -> list[Strip]:
    """What a phone's cart wants and nobody has rung up, in at most `height` rows; it has no amount, for it counts in nothing."""
    wanted, words = scene.view.expected, scene.words
    if not wanted or height < 1:
        return []
    shown = wanted if len(wanted) <= height else wanted[: height - 1]
    number = " " * _number_width(scene)
    rows = []
    for one in shown:
        quantity = quantity_text(one.quantity, one.unit, words.language)
        quantity += " x" if one.unit == "pc" else ""
        text = words("ui.expected", text=one.text)
        rows.append(number + fit_right(quantity, _QUANTITY) + "  " + text)
    if len(shown) < len(wanted):
        rows.append(
            number + " " * _QUANTITY + "  " + words("ui.expected-more", count=len(wanted) - len(shown))
        )
    return [scene.brush.row((fit(row, scene.width), "dim")) for row in rows]


def _first(scene: Scene, height: int) -> int:
    """The window's first line."""
    lines = scene.view.lines
    last = len(lines) - 1
    newest = _above(lines, last, height)
    if scene.local.follows_open and scene.view.chosen is not None:
        at = next((i for i, line in enumerate(lines) if line.n == scene.view.chosen), newest)
        return min(newest, _above(lines, at, height // 2 + 1))
    return _above(lines, max(0, last - scene.local.scrolled), height) if scene.local.scrolled else newest


def _above(lines: tuple[Line, ...], at: int, room: int) -> int:
    """The first of the lines that have room above line `at`, with it; `at` itself where not even that has."""
    first = at
    for candidate in range(at, -1, -1):
        room -= 1 + len(_shown(lines[candidate]))
        if room < 0:
            break
        first = candidate
    return max(0, first)


def _shown(line: Line) -> tuple[Discount, ...]:
    return line.discounts if line.live else ()


def _rows(scene: Scene, line: Line, marking: str) -> CartRows:
    key = f"{marking} {scene.width} {scene.words.language}"
    kept = scene.row_cache.get(line.n)
    if kept is not None and kept[0] is line and kept[1] == key:
        return kept[2]
    rows = (
        _make_parts(scene, line, marking),
        *(_discount_parts(scene, discount, marking) for discount in _shown(line)),
    )
    scene.row_cache[line.n] = (line, key, rows)
    return rows


def _discount_parts(scene: Scene, discount: Discount, marking: str) -> tuple[Part, ...]:
    """Its text under the article's name, at the right what it takes off."""
    name_width, tax_width, unit_width = _columns(scene)
    room = name_width + tax_width + unit_width
    text = " " * (_number_width(scene) + _QUANTITY + 2)
    text += fit(f"  {discount.text or scene.words('ui.discount')}", room)
    text += fit_right(amount(-discount.amount_minor, scene.words.language), _AMOUNT)
    return ((text, marking),)


def _make_parts(scene: Scene, line: Line, marking: str) -> tuple[Part, ...]:
    words, language = scene.words, scene.words.language
    name_width, tax_width, unit_width = _columns(scene)
    quantity = quantity_text(line.quantity, line.unit, language)
    if line.unit == "pc" and quantity != "1":
        quantity += " x"
    number = f"{'>' if marking == 'chosen' else ''}{line.n}"
    unit_text = amount(line.unit_minor, language) + (f"/{line.unit}" if line.unit != "pc" else "")
    money, tax, name, role = amount(line.total_minor, language), line.tax_code, line.text, marking
    if not line.live:
        name, role = words("ui.voided", text=line.text), "voided"
        quantity, unit_text, money, tax = f"-{quantity}", "", "", ""
    elif line.kind == "open":
        said = "ui.price-missing" if line.open_reason == "price" else "ui.not-sold"
        name, role = words(said, text=line.text), "open"
        unit_text, money, tax = "", "?", ""
    elif line.open_reason == SERIAL:
        name = words("ui.serial-missing", text=line.text)
    if line.kind == "deposit":
        name = f"  {name}"
    middle = fit_right(tax, tax_width) if tax_width else ""
    middle += fit_right(unit_text, unit_width) if unit_width else ""
    if not middle.strip():  # nothing stands there: the name may have the room
        name_width, middle = name_width + len(middle), ""
    text = "  " + fit(name, name_width) + middle
    text = fit_right(quantity, _QUANTITY) + text + fit_right(money, _AMOUNT)
    number = fit_right(number, _number_width(scene)) if _number_width(scene) else ""
    return ((number, "dim"), (text, role)) if role == "text" else ((number + text, role),)


def _columns(scene: Scene) -> tuple[int, int, int]:
    """Widths of name, tax code and unit price; on a narrow screen first the price goes, then the code."""
    room = scene.width - _number_width(scene) - _QUANTITY - 2 - _AMOUNT - 1
    for tax, unit in ((_TAX, _UNIT), (_TAX, 0)):
        if room - tax - unit >= _NAME_MIN:
            return room - tax - unit, tax, unit
    return max(4, room), 0, 0


def _number_width(scene: Scene) -> int:
    return _NUMBER if scene.width >= _NARROW else 0
