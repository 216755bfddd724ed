"""The receipt as a PDF file of 80 mm width: text that can be searched and copied, the code as vectors."""

import io
from functools import lru_cache
from typing import Any, Final

from receipts.fonts import faces, spell
from receipts.model import Receipt
from receipts.sheet import MARGIN, WIDTH, Code, Page, Rule, Text, sheet, title

__all__ = ["receipt_pdf"]

_PLAIN, _BOLD = "Tresen", "TresenBold"
_SOFT: Final = 0.3  # grey; 0 is black


def receipt_pdf(receipt: Receipt) -> bytes:
    """The same receipt gives the same bytes. The first call loads reportlab (0.6 s): keep it off the loop."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - only who asks for a PDF needs it

    measure = _measure()
    pages = sheet(receipt, measure, spell)
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=1, lang=receipt.language)
    canvas.setTitle(title(receipt))
    canvas.setAuthor(receipt.shop.name)
    canvas.setCreator("Tresen")
    for page in pages:
        canvas.setPageSize((WIDTH, page.height))
        _paint(canvas, page)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _paint(canvas: Any, page: Page) -> None:
    for mark in page.marks:
        if isinstance(mark, Text):
            canvas.setFont(_BOLD if mark.bold else _PLAIN, mark.size)
            canvas.setFillGray(_SOFT if mark.soft else 0)
            canvas.drawString(mark.x, page.height - mark.y, mark.text)
        elif isinstance(mark, Rule):
            canvas.setStrokeGray(0.6)
            canvas.setLineWidth(0.5)
            canvas.line(MARGIN, page.height - mark.y, WIDTH - MARGIN, page.height - mark.y)
        else:
            _code(canvas, mark, page.height)


def _code(canvas: Any, code: Code, height: float) -> None:
    """One path, so that no viewer shows seams between the modules."""
    module = code.side / len(code.modules)
    path = canvas.beginPath()
    for y, row in enumerate(code.modules):
        for x, dark in enumerate(row):
            if dark:
                path.rect(code.x + x * module, height - code.y - (y + 1) * module, module, module)
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1)


@lru_cache(maxsize=1)
def _measure() -> Any:
    """Registers the faces with reportlab and gives its ruler."""
    from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    for name, path in zip((_PLAIN, _BOLD), faces(), strict=True):
        registerFont(TTFont(name, str(path)))
    return lambda text, size, bold: stringWidth(text, _BOLD if bold else _PLAIN, size)
