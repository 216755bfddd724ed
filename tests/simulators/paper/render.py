"""A receipt as a picture, one pixel per printed dot, so that scanners and people can judge it."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from tests.simulators.paper.model import (
    Barcode,
    Cut,
    Item,
    QrCode,
    RasterImage,
    Receipt,
    Style,
    TextLine,
    TextRun,
)
from tests.simulators.paper.profile import FONT_A, FONT_B
from tests.simulators.paper.symbols import HRI_GAP_DOTS, qr_matrix

WHITE, BLACK = 255, 0
_FONT_FOLDER = Path("/usr/share/fonts/truetype/dejavu")
_POINTS = {"A": 20, "B": 15}
_TOP_DOTS = 24  # paper edge above the first print, for the eye and for quiet zones


@cache
def _typeface(font: str, *, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    path = _FONT_FOLDER / ("DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf")
    if path.exists():
        return ImageFont.truetype(str(path), _POINTS[font])
    return ImageFont.load_default(_POINTS[font] - 3)


@cache
def _glyph(char: str, font: str, *, bold: bool) -> Image.Image:
    """One character in its cell without magnification, black on white."""
    wide, high = FONT_A if font == "A" else FONT_B
    cell = Image.new("L", (wide, high), WHITE)
    pen = ImageDraw.Draw(cell)
    baseline = high * 19 // 24
    pen.text((wide / 2, baseline), char, fill=BLACK, font=_typeface(font, bold=bold), anchor="ms")
    return cell.point(lambda grey: WHITE if grey > 140 else BLACK)


def _character(char: str, style: Style) -> Image.Image:
    picture = _glyph(char, style.font, bold=style.bold)
    if style.rotated:
        picture = picture.transpose(Image.Transpose.ROTATE_270)
    if style.width > 1 or style.height > 1:
        picture = picture.resize(style.cell, Image.Resampling.NEAREST)
    return picture


def _run(run: TextRun) -> Image.Image:
    picture = Image.new("L", (run.width, run.style.cell[1]), WHITE)
    for place, char in enumerate(run.text):
        picture.paste(_character(char, run.style), (place * run.style.advance, 0))
    if run.style.inverse:
        return ImageOps.invert(picture)
    if run.style.underline:
        bottom = picture.height - 1
        ImageDraw.Draw(picture).rectangle(
            (0, bottom - run.style.underline + 1, picture.width - 1, bottom), fill=BLACK
        )
    return picture


def _line(line: TextLine) -> Image.Image | None:
    if not line.runs:
        return None
    width = line.runs[-1].x + line.runs[-1].width
    high = max(run.style.cell[1] for run in line.runs)
    picture = Image.new("L", (max(1, width), high), WHITE)
    for run in line.runs:
        picture.paste(_run(run), (run.x, high - run.style.cell[1]))
    if line.runs[0].style.upside_down:
        return picture.transpose(Image.Transpose.ROTATE_180)
    return picture


def _qr(code: QrCode) -> Image.Image:
    matrix = qr_matrix(code.payload, code.level)
    picture = Image.new("L", (len(matrix), len(matrix)), WHITE)
    picture.putdata([BLACK if module else WHITE for row in matrix for module in row])
    side = len(matrix) * code.module
    return picture.resize((side, side), Image.Resampling.NEAREST)


def _barcode(code: Barcode) -> Image.Image:
    width = len(code.bars) * code.module
    picture = Image.new("L", (width, code.dots), WHITE)
    text = _run(TextRun(code.data, Style(font=code.hri_font), 0))
    above = text.height + HRI_GAP_DOTS if code.hri in (1, 3) else 0
    pen = ImageDraw.Draw(picture)
    for place, bar in enumerate(code.bars):
        if bar:
            left = place * code.module
            pen.rectangle((left, above, left + code.module - 1, above + code.height - 1), fill=BLACK)
    indent = (width - text.width) // 2
    if code.hri in (1, 3):
        picture.paste(text, (indent, 0))
    if code.hri in (2, 3):
        picture.paste(text, (indent, above + code.height + HRI_GAP_DOTS))
    return picture


def _raster(image: RasterImage) -> Image.Image:
    rows = len(image.bits) // image.row_bytes
    bits = Image.frombytes("1", (image.row_bytes * 8, rows), image.bits)
    picture = ImageOps.invert(bits.convert("L"))
    return picture.resize((image.width, image.height), Image.Resampling.NEAREST)


def _picture(item: Item) -> Image.Image | None:
    if isinstance(item, TextLine):
        return _line(item)
    if isinstance(item, QrCode):
        return _qr(item)
    if isinstance(item, Barcode):
        return _barcode(item)
    return _raster(item) if isinstance(item, RasterImage) else None


def draw(receipt: Receipt) -> Image.Image:
    """The whole receipt in grey values, only black and white used; ink outside the print area is cut off."""
    profile = receipt.profile
    printed = Image.new("L", (profile.width_dots, receipt.dots + _TOP_DOTS), WHITE)
    for item in receipt.items:
        picture = None if isinstance(item, Cut) else _picture(item)
        if picture is not None:
            printed.paste(picture, (item.left, item.top + _TOP_DOTS))
    return ImageOps.expand(printed, border=(profile.margin_dots, 0), fill=WHITE)
