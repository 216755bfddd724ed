"""A shelf label as a document: name, price, base price, deposit, the article's bars."""

import datetime as dt
from typing import Final

from pos.domain.codes import check_digit
from pos.domain.document import Document, DocumentRow
from pos.domain.lowest import Lowest
from pos.domain.shelf_label import PriceChange, base_price
from pos.resources import Texts
from pos.words import amount, day_text

__all__ = ["label_document"]

_NAME_MAX: Final = 60
_BARS: Final = frozenset({8, 12, 13})


def label_document(
    change: PriceChange, words: Texts, language: str, currency: str, today: dt.date
) -> Document:
    """One label. `today` is the day it is made for: the price's first day where it is still to come."""
    article = change.article
    assert article.price_minor is not None, "a label has a price"
    unit = "" if article.unit == "pc" else f" / {_unit(article.unit)}"
    rows = [DocumentRow(part, style="mark") for part in (_name(article.text),)]
    rows.append(DocumentRow(f"{currency}{unit}", amount(article.price_minor, language), "big"))
    if change.lowest is not None:
        rows += _reduction(change.lowest, words, language, currency)
    base = base_price(article)
    if base is not None and article.unit == "pc":
        minor, per = base
        rows.append(
            DocumentRow(words("ui.label-base", unit=_unit(per)), f"{amount(minor, language)} {currency}")
        )
    if article.deposit is not None:
        minor = article.deposit.price_minor
        rows.append(DocumentRow(words("ui.label-deposit"), f"{amount(minor, language)} {currency}"))
    if change.until is not None:
        rows.append(DocumentRow(words("ui.label-until", day=day_text(change.until, language))))
    gtin = article.gtin or ""
    if len(gtin) in _BARS and gtin.isascii() and gtin.isdigit() and gtin[-1] == str(check_digit(gtin[:-1])):
        rows.append(DocumentRow(gtin, style="bars"))
    elif gtin:
        rows.append(DocumentRow(gtin, style="centre"))
    rows.append(
        DocumentRow(
            words("ui.label-foot", sku=article.sku), day_text(max(today, change.day or today), language)
        )
    )
    return Document(tuple(rows), head=False)


def _reduction(lowest: Lowest, words: Texts, language: str, currency: str) -> list[DocumentRow]:
    """How much less than the lowest price of the last 30 days, and that price (PAngV 11); where fewer are known, since when."""
    since = lowest.known_from
    said = (
        words("ui.label-lowest")
        if since is None
        else words("ui.label-lowest-since", day=day_text(since, language))
    )
    named = DocumentRow(said, f"{amount(lowest.minor, language)} {currency}")
    if not lowest.percent:
        return [named]
    return [DocumentRow(words("ui.label-off", percent=lowest.percent), style="mark"), named]


def _name(text: str) -> str:
    """At a word's end, at most 60 characters."""
    if len(text) <= _NAME_MAX:
        return text
    cut = text[: _NAME_MAX - 3].rsplit(" ", 1)[0]
    return f"{cut}..."


def _unit(unit: str) -> str:
    return "m²" if unit == "m2" else unit
