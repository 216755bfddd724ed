"""A badge as a card to print: the name, its code as a QR code and as Code 128, in the size of a bank card.

Drawn at 300 dots per inch, as PNG or PDF; a laser printer and scissors make a badge of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from receipts.qr import QUIET, matrix

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BADGE_TYPES", "draw_badge", "write_badge"]

BADGE_TYPES: Final = (".pdf", ".png")
_DPI: Final = 300
_WIDTH, _HEIGHT = 1011, 638  # 85.6 x 54 mm
_MARGIN: Final = 40
_BAR_HEIGHT: Final = 150
_NAME_POINTS: Final = (72, 56, 44, 32, 24)
_BLACK: Final = 0
_WHITE: Final = 255


def write_badge(path: Path, name: str, shop: str, code: str) -> None:
    """Draw it into a file whose name ends as BADGE_TYPES say. Raises ValueError, OSError."""
    kind = path.suffix.lower()
    if kind not in BADGE_TYPES:
        raise ValueError(
            f"a badge is written as {' or '.join(BADGE_TYPES)}, not {kind or 'a file without ending'}"
        )
    image = draw_badge(name, shop, code)
    if kind == ".pdf":
        image.save(path, "PDF", resolution=_DPI)
    else:
        image.save(path, "PNG", dpi=(_DPI, _DPI))


def draw_badge(name: str, shop: str, code: str) -> "Image":
    """Black on white. Raises ValueError for a code that is too long for the card."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - slow to load, and only the command needs it

    image = Image.new("L", (_WIDTH, _HEIGHT), _WHITE)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, _WIDTH - 1, _HEIGHT - 1), outline=_BLACK)
    rows = matrix(code)
    module = (_HEIGHT - 3 * _MARGIN - _BAR_HEIGHT) // (len(rows) + 2 * QUIET)
    side = module * len(rows)
    left, top = _WIDTH - _MARGIN - side, _MARGIN
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                right, down = left + x * module, top + y * module
                pen.rectangle((right, down, right + module - 1, down + module - 1), fill=_BLACK)
    room = left - QUIET * module - _MARGIN
    _write(pen, name, _MARGIN, room)
    _write(pen, shop, _MARGIN + 110, room, _NAME_POINTS[2:])
    bars = _code_128(code)
    width = (_WIDTH - 2 * _MARGIN) // (len(bars) + 20)  # ten modules of white on each side
    if width < 2:  # less than 0.17 mm: no scanner is promised to read it
        raise ValueError("the code is too long for a badge")
    start = (_WIDTH - width * len(bars)) // 2
    foot = _HEIGHT - _MARGIN
    for at, bar in enumerate(bars):
        if bar == "1":
            pen.rectangle(
                (start + at * width, foot - _BAR_HEIGHT, start + (at + 1) * width - 1, foot), fill=_BLACK
            )
    return image


def _code_128(code: str) -> str:
    """Bars as 1, white as 0."""
    from barcode.codex import Code128  # noqa: PLC0415 - comes with python-escpos

    (bars,) = Code128(code).build()
    return str(bars)


def _write(pen: object, text: str, top: int, room: int, points: tuple[int, ...] = _NAME_POINTS) -> None:
    """In the largest type in which it has room; longer ones end in dots."""
    from PIL import ImageFont  # noqa: PLC0415
    from PIL.ImageDraw import ImageDraw  # noqa: PLC0415

    assert isinstance(pen, ImageDraw)
    for size in points:
        font = ImageFont.load_default(size)
        if font.getlength(text) <= room:
            break
    shown = text
    while shown and font.getlength(shown) > room:
        shown = shown.rstrip(".")[:-1] + "..." if len(shown) > 4 else ""
    pen.text((_MARGIN, top), shown, font=font, fill=_BLACK)
