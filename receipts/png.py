"""The receipt as a picture for a phone's album: 720 pixels wide, black on white, whatever the phone's colours."""

import io
from functools import lru_cache
from typing import Any, Final

from receipts.fonts import faces, spell
from receipts.model import Receipt, TooLongError
from receipts.sheet import MARGIN, WIDTH, Code, Rule, Text, sheet, title

__all__ = ["PICTURE_MAX", "receipt_png"]

PICTURE_MAX: Final = 30_000
"""Pixels of height; what is longer is for the PDF."""
_PIXELS: Final = 720
_SCALE: Final = _PIXELS / WIDTH
_BLACK, _SOFT, _LINE, _WHITE = 0, 70, 150, 255
_SIXTEEN: Final = [value >> 4 for value in range(256)]
"""Sixteen greys are enough for type, and a third of the bytes."""


def receipt_png(receipt: Receipt) -> bytes:
    """PNG. Raises TooLongError for a receipt that is too long for a picture. Keep it off the loop."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only who asks for a picture needs it
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    pages = sheet(receipt, _wide, spell)
    height = round(sum(page.height for page in pages) * _SCALE)
    if height > PICTURE_MAX:
        raise TooLongError(f"a receipt of {height} pixels is too long for a picture")
    image = Image.new("L", (_PIXELS, height), _WHITE)
    pen = ImageDraw.Draw(image)
    top = 0.0
    for page in pages:
        for mark in page.marks:
            y = (top + mark.y) * _SCALE
            if isinstance(mark, Text):
                place = (mark.x * _SCALE, y)
                fill = _SOFT if mark.soft else _BLACK
                pen.text(place, mark.text, font=_font(mark.size, mark.bold), fill=fill, anchor="ls")
            elif isinstance(mark, Rule):
                pen.line((MARGIN * _SCALE, y, (WIDTH - MARGIN) * _SCALE, y), fill=_LINE)
            else:
                _code(pen, mark, y)
        top += page.height
    info = PngInfo()
    info.add_itxt("Title", title(receipt), receipt.language)
    target = io.BytesIO()
    grey = Image.frombytes("P", image.size, image.point(_SIXTEEN).tobytes())
    grey.putpalette([shade * 17 for shade in range(16) for _ in "rgb"])
    grey.save(target, "PNG", bits=4, pnginfo=info)
    return target.getvalue()


def _code(pen: Any, code: Code, top: float) -> None:
    """Modules of whole pixels, so that a scanner reads them from a screen."""
    module = int(code.side * _SCALE) // len(code.modules)
    left = (_PIXELS - module * len(code.modules)) // 2
    for y, row in enumerate(code.modules):
        for x, dark in enumerate(row):
            if dark:
                corner = (left + x * module, int(top) + y * module)
                pen.rectangle((*corner, corner[0] + module - 1, corner[1] + module - 1), fill=_BLACK)


def _wide(text: str, size: float, bold: bool) -> float:
    return float(_font(size, bold).getlength(text)) / _SCALE


@lru_cache(maxsize=32)
def _font(size: float, bold: bool) -> Any:
    from PIL import ImageFont  # noqa: PLC0415

    return ImageFont.truetype(str(faces()[1 if bold else 0]), size * _SCALE)
