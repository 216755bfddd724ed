"""The customer's pages: readable on any phone, without script, cookie, font or picture from elsewhere."""

from functools import lru_cache, partial
from typing import Any, Final

from receipts import formats
from receipts.jsonld import receipt_jsonld
from receipts.look import PLAIN, Look
from receipts.model import Receipt, ReceiptLine, Shop
from receipts.qr import qr_svg
from receipts.words import LANGUAGES, tender_name, word

__all__ = ["broken_page", "gift_page", "not_found_page", "pending_page", "receipt_page", "too_many_page"]

REFRESH_S: Final = 5


def receipt_page(receipt: Receipt, look: Look = PLAIN) -> str:
    """The whole receipt as an HTML page, in the receipt's language."""
    language = receipt.language
    svg = qr_svg(receipt.link, label=word("qr", language)) if receipt.link else ""
    number = receipt.shop.tax_number
    return _render(
        "receipt",
        language,
        look,
        below=_safe(look.below),
        receipt=receipt,
        qr=_safe(svg),
        path=receipt.link.rpartition("/")[2],
        jsonld=_safe(receipt_jsonld(receipt)),
        tax_label=word("vat-id" if number[:2].isalpha() else "tax-number", language),
        amount=partial(formats.amount, language=language),
        percent=partial(formats.percent, language=language),
        number=partial(formats.quantity, language=language),
        moment=partial(formats.moment, language=language),
        stamp=partial(formats.stamp, language=language),
        count=partial(_count, receipt=receipt),
        tender_name=partial(tender_name, language=language),
    )


def gift_page(receipt: Receipt, address: str, look: Look = PLAIN) -> str:
    """What was bought, without any price, as an HTML page. `address` is the page's own, for its code."""
    language = receipt.language
    goods = [
        (line.text, _how_much(line, language))
        for line in receipt.lines
        if line.quantity > 0 and not line.indented
    ]
    return _render(
        "gift",
        language,
        look,
        shop=receipt.shop,
        number=f"{receipt.number}-G",
        issued=receipt.issued,
        day=formats.day(receipt.issued, language),
        marks=receipt.marks,
        goods=goods,
        qr=_safe(qr_svg(address, label=word("qr", language))),
    )


def pending_page(shop: Shop, language: str, look: Look = PLAIN) -> str:
    """For a valid link whose receipt has not arrived yet; it loads itself again."""
    return _render("pending", language, look, shop=shop, refresh_s=REFRESH_S)


def too_many_page(language: str, look: Look = PLAIN) -> str:
    """For an address that asks too often."""
    return _render("message", language, look, key="busy")


def not_found_page(language: str, look: Look = PLAIN) -> str:
    """For a link that no till ever made."""
    return _render("not_found", language, look)


def broken_page(language: str, look: Look = PLAIN) -> str:
    """For a sale that is stored and cannot be read: times that no calendar has, lines that are none."""
    return _render("broken", language, look)


def _render(name: str, language: str, look: Look, **values: Any) -> str:
    chosen = language if language in LANGUAGES else "de"
    template = _environment().get_template(f"{name}.html.j2")
    page: str = template.render(
        language=chosen,
        word=partial(word, language=chosen),
        look=look,
        style=_safe(look.style),
        own_name=name in {"receipt", "gift"},
        **values,
    )
    return page


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - no till screen needs it

    return Environment(
        loader=PackageLoader("receipts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _safe(svg: str) -> Any:
    """Our own SVG, built from numbers and a fixed word; JSON without what HTML could take for its own."""
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(svg)  # noqa: S704


def _count(line: ReceiptLine, receipt: Receipt) -> str:
    """`3 x 1,19` or `0,842 kg x 2,49 EUR/kg`; nothing for a single piece."""
    return formats.count(
        line.quantity, line.unit, line.unit_minor, receipt.language, currency=receipt.currency
    )


def _how_much(line: ReceiptLine, language: str) -> str:
    measured = line.unit != "pc"
    quantity = formats.quantity(line.quantity, language, measured=measured)
    return f"{quantity} {formats.unit_name(line.unit, language)}" if measured else quantity
