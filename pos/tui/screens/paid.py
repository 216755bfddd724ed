"""Paid: the change is the biggest thing, the code is beside it, and the next scan needs no key."""

from typing import Final

from textual.strip import Strip

from pos.device_ports import DeviceState
from pos.tui.paint import Part, fit, fit_right, wrap
from pos.tui.scene import Scene
from pos.tui.widgets import qr
from pos.tui.widgets.digits import small_digits, tall_digits, tall_width
from pos.tui.widgets.payments import tender_text
from pos.view import LastSale
from pos.words import amount

__all__ = ["paid_panel"]

_TEXT_MIN = 34
_BESIDE_MAX = 46
_PAYMENTS_MAX = 4
_CASH: Final = frozenset({"cash", "foreign"})


def paid_panel(scene: Scene, height: int) -> list[Strip]:
    sale = scene.view.last_sale
    brush = scene.brush
    if sale is None:
        return [brush.blank()] * height
    blocks = qr.framed(scene.qr, height)
    shows_code = qr.fits(blocks, scene.width - _TEXT_MIN - 3, height)
    beside = scene.width - (len(blocks[0]) + 1 if shows_code else 0)
    texts = _texts(scene, sale, min(beside - 4, _BESIDE_MAX), shows_code=shows_code)
    while len(texts) > height and ("", "text") in texts:
        texts.remove(("", "text"))
    texts += [("", "text")] * (height - len(texts))
    rows = []
    for at in range(height):
        text, role = texts[at]
        parts: list[Part] = [(f"  {text}", role)]
        if shows_code:
            code = blocks[at] if at < len(blocks) else " " * len(blocks[0])
            parts = [
                (" ", "text"),
                (code, "qr" if at < len(blocks) else "text"),
                ("  ", "text"),
                (text, role),
            ]
        rows.append(brush.row(*parts, ("", "text")))
    return rows


def _texts(scene: Scene, sale: LastSale, width: int, *, shows_code: bool) -> list[Part]:
    view, words, language = scene.view, scene.words, scene.words.language
    rows: list[Part] = [
        ("", "text"),
        (fit(words("ui.receipt", number=sale.number), width), "text"),
        ("", "text"),
        (_pair(words("ui.sum"), amount(sale.total_minor, language), width), "text"),
        *((row, "text") for row in _saved(scene, sale, width)),
        *((row, "text") for row in _payments(scene, sale, width)),
        ("", "text"),
    ]
    label, minor = "ui.change", sale.change_minor
    if sale.paid_out_minor:
        label, minor = "ui.pay-out", sale.paid_out_minor
    elif sale.to_take_minor:
        label, minor = "ui.to-take", sale.to_take_minor
    elif sale.given_back_minor:
        label, minor = "ui.given-back", sale.given_back_minor
    elif sale.tenders and not any(tender.kind in _CASH for tender in sale.tenders):
        label, minor = "ui.paid-up", sale.total_minor + sale.tip_minor
    rows.append((_pair(words(label), view.currency, width), "change"))
    change = amount(minor, language)
    gap = next((gap for gap in (2, 1) if tall_width(change, gap) <= width), 0)
    digits = tall_digits(change, gap) if gap else small_digits(change)
    rows += [(fit_right(row, width), "change") for row in digits]
    rows += [
        ("", "text"),
        *(
            (line, "change" if sale.paper == "ask" else "text")
            for line in _receipt_says(scene, sale, width, shows_code=shows_code)
        ),
    ]
    rows += [("", "text"), *((line, "dim") for line in wrap(words("ui.next-scan"), width, 2))]
    if sale.total_minor > 0:
        rows += [(fit(words("ui.w-retender"), width), "dim")]
    if sale.link and view.hub.configured and not view.training:
        rows += [(fit(words("ui.m-mail"), width), "dim")]
    return rows


def _payments(scene: Scene, sale: LastSale, width: int) -> list[str]:
    """What was given; by several means, or others than cash, each of them."""
    words, language = scene.words, scene.words.language
    tenders = [tender for tender in sale.tenders if tender.amount_minor > 0 or tender.kind != "cash"]
    rows = []
    if sale.tip_minor:
        rows.append(_pair(words("ui.tip"), amount(sale.tip_minor, language), width))
    if sale.rounding_minor:
        rows.append(_pair(words("ui.rounding"), amount(sale.rounding_minor, language), width))
    if sale.paid_out_minor and not tenders:
        return rows
    if all(tender.kind == "cash" for tender in tenders):
        return [*rows, _pair(words("ui.given"), amount(sale.given_minor, language), width)]
    rows += [
        _pair(tender_text(tender, words), amount(tender.given_minor, language), width) for tender in tenders
    ]
    return rows[-_PAYMENTS_MAX:]


def _receipt_says(scene: Scene, sale: LastSale, width: int, *, shows_code: bool) -> list[str]:
    words = scene.words
    said = []
    if sale.paper == "ask" or (sale.paper and not shows_code):
        return wrap(words("ui.paper-ask"), width, 2)
    if sale.paper:
        return wrap(words("ui.paper-digital-first"), width, 3)
    if shows_code:
        said += wrap(words("ui.code-is-receipt"), width, 2)
    elif not sale.link and scene.view.printer.state is DeviceState.NONE:
        return wrap(words("ui.no-receipt"), width, 2)
    elif not sale.link:
        said += wrap(words("ui.no-code"), width, 2)
    if scene.view.printer.state is not DeviceState.NONE:
        state = words(f"ui.printing-{sale.printing}") if sale.printing else ""
        said += wrap(f"{state}. {words('ui.p-again')}" if state else words("ui.p-prints"), width, 2)
    return said


def _saved(scene: Scene, sale: LastSale, width: int) -> list[str]:
    if sale.saved_minor <= 0:
        return []
    return [_pair(scene.words("ui.saved"), amount(sale.saved_minor, scene.words.language), width)]


def _pair(left: str, right: str, width: int) -> str:
    return fit(left, width - len(right) - 1) + " " + right
