"""A pack with its own weight or price, told by a label or by GS1 elements: how much of the article is sold, at which price."""

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from pos.domain.article import Article
from pos.domain.codes import key_of
from pos.domain.line import Particulars
from pos.domain.money import round_minor
from pos.domain.scans import Meaning

__all__ = ["PackError", "Recall", "Recalls", "past", "terms_of"]

_ONE: Final = Decimal(1)
_GRAM: Final = Decimal("0.001")
_FACTORS: Final[Mapping[tuple[str, str], Decimal]] = {("kg", "g"): Decimal(1000), ("g", "kg"): _GRAM}


class PackError(Exception):
    """A pack cannot be sold as its code says; `code` names the sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Recall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Goods that were called back: an article by its `gtin` or `sku`, of one `batch`, or all of it."""

    gtin: str = ""
    sku: str = ""
    batch: str = ""

    def __post_init__(self) -> None:
        if bool(self.gtin) == bool(self.sku):
            raise ValueError("a recall names an article: its gtin or its sku")


class Recalls:
    """Asked with each article that is scanned."""

    def __init__(self, rows: tuple[Recall, ...] = ()) -> None:
        self._batches: dict[str, set[str]] = {}
        for row in rows:
            name = f"sku {row.sku}" if row.sku else f"gtin {key_of(row.gtin)}"
            self._batches.setdefault(name, set()).add(row.batch.upper())

    def batches(self, article: Article) -> frozenset[str]:
        """The batches that were called back, in capitals; with "" among them it is all of the article."""
        if not self._batches:
            return frozenset()
        names = (f"sku {article.sku}", f"gtin {key_of(article.gtin)}" if article.gtin else "")
        return frozenset().union(*(self._batches.get(name, ()) for name in names))


def past(day: dt.date | None, today: dt.date) -> bool:
    """Is it over? The day itself still counts."""
    return day is not None and today > day


def terms_of(article: Article, meaning: Meaning, count: Decimal | None) -> tuple[Decimal, Particulars] | None:
    """The quantity of `count` such packs, and what their line keeps; the line then costs quantity x unit price, rounded.

    None where the code tells neither price nor quantity. A label's price holds against the catalogue's: where the
    catalogue's unit price does not give it, the price per unit is derived from the weight, and where the weight is
    not known, the pack is sold as one piece. Raises PackError.
    """
    if meaning.quantity is None and meaning.price_minor is None:
        return None
    packs = _ONE if count is None else count
    if packs != packs.to_integral_value():
        raise PackError("quantity-whole")
    quantity = _in_unit(meaning, article)
    if meaning.price_minor is None:
        if quantity is None:
            raise PackError("pack-unit")
        return packs * quantity, Particulars()
    return _priced(article, meaning.price_minor, quantity, packs)


def _priced(
    article: Article, price: int, quantity: Decimal | None, packs: Decimal
) -> tuple[Decimal, Particulars]:
    per_unit = article.price_minor
    if article.unit == "pc":
        return packs, Particulars(unit_minor=price, list_minor=per_unit if per_unit != price else None)
    if quantity is None and per_unit:
        quantity = (Decimal(price) / per_unit).quantize(_GRAM, ROUND_HALF_UP)
    elif quantity is not None and (not per_unit or round_minor(quantity * per_unit) != price):
        per_unit = round_minor(price / quantity)
    if quantity and per_unit:
        whole = packs * quantity
        if round_minor(whole * per_unit) == packs * price:
            other = article.price_minor if article.price_minor != per_unit else None
            return whole, Particulars(unit_minor=per_unit, list_minor=other)
    return packs, Particulars(unit_minor=price, unit="pc")


def _in_unit(meaning: Meaning, article: Article) -> Decimal | None:
    """What the code says as a number of the article's unit; None where it says nothing, or it is no such number."""
    if meaning.quantity is None or meaning.unit == article.unit:
        return meaning.quantity
    factor = _FACTORS.get((meaning.unit, article.unit))
    return None if factor is None else meaning.quantity * factor
