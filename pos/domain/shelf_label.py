"""What stands on a shelf beside the goods: the price, what a kilogram, litre or metre costs, and since when."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from pos.domain.article import Article
from pos.domain.lowest import Lowest

__all__ = ["PriceChange", "base_price", "fingerprint", "price_said"]

_PER: Final = {
    "kg": ("kg", Decimal(1)),
    "g": ("kg", Decimal(1000)),
    "l": ("l", Decimal(1)),
    "ml": ("l", Decimal(1000)),
    "m": ("m", Decimal(1)),
    "m2": ("m2", Decimal(1)),
}
_SMALL: Final = Decimal(10)


class PriceChange(msgspec.Struct, frozen=True):
    """An article with its new price (minor units, gross, in `article`) and the one before; None where there was none.

    `day` is when the new price began, None where it came without a day; `until` its last day, None where it has no end.
    `lowest`: the lowest price of the last 30 days, where the new one is announced as less than that.
    """

    article: Article
    old_minor: int | None = None
    day: dt.date | None = None
    until: dt.date | None = None
    lowest: Lowest | None = None


def base_price(article: Article) -> tuple[int, str] | None:
    """The price of one kg, l, m or m2 (minor units, rounded half up) and that unit, as PAngV 4 and 5 want it.

    None where the catalogue knows no content, where goods are counted, and below 10 g or 10 ml, where none is due.
    """
    if article.price_minor is None:
        return None
    content, unit = article.content, article.content_unit
    if article.unit != "pc":
        content, unit = Decimal(1), article.unit
    elif content is None or unit not in _PER or (unit in {"g", "ml"} and content < _SMALL):
        return None
    if content <= 0:
        return None
    name, factor = _PER[unit]
    minor = Decimal(article.price_minor) * factor / content
    return int(minor.quantize(Decimal(1), ROUND_HALF_UP)), name


def fingerprint(change: PriceChange) -> str:
    """What the label says that may change: a label with another one is another label."""
    article = change.article
    deposit = article.deposit.price_minor if article.deposit is not None else 0
    until = change.until.isoformat() if change.until is not None else ""
    lowest = f"/{change.lowest.minor}" if change.lowest is not None else ""
    return f"{article.price_minor}/{deposit}/{until}{lowest}"


def price_said(says: str) -> int | None:
    """The price on a label, by its fingerprint."""
    price = says.partition("/")[0]
    return int(price) if price.isdecimal() else None
