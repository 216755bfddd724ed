"""An article as the till sells it: one variant, with the price that holds now."""

from collections.abc import Collection
from decimal import Decimal

import msgspec

__all__ = ["UNITS", "Article", "Deposit", "GroupPrice", "Product", "priced_for"]

# Sold by piece or by measure; the catalogue refuses other units.
UNITS = frozenset({"pc", "kg", "g", "l", "m", "m2"})


class Deposit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The deposit that is sold with one piece of an article (minor units, gross)."""

    sku: str
    text: str
    price_minor: int
    tax_code: str


class GroupPrice(msgspec.Struct, frozen=True):
    """What these groups of customers pay today, by the price list of this id."""

    groups: tuple[str, ...]
    price_minor: int
    list: str


class Article(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sellable variant.

    `price_minor` is gross per `unit`, None where the price is asked at the till. `gtin` is the main
    code as it is printed. `product` is what it is a variant of, 0 where it is none; `options` are its values. `content` and `content_unit` give what one piece holds, for the unit price.
    `price_list` is the list that the price is from, empty where it is the article's own. `group_prices` come before it, the first that fits.
    """

    sku: str
    text: str
    tax_code: str
    price_minor: int | None
    gtin: str | None = None
    department: int = 0
    unit: str = "pc"
    min_age: int = 0
    serial_required: bool = False
    deposit: Deposit | None = None
    options: tuple[str, ...] = ()
    content: Decimal | None = None
    content_unit: str = ""
    product: int = 0
    price_list: str = ""
    group_prices: tuple[GroupPrice, ...] = ()


class Product(msgspec.Struct, frozen=True):
    """What comes in variants: the names of their options (size, colour), and the variants in the catalogue's order."""

    name: str
    option_names: tuple[str, ...]
    variants: tuple[Article, ...]


def priced_for(article: Article, groups: Collection[str]) -> Article:
    """The article at the price of a customer in these groups."""
    for one in article.group_prices:
        if not set(groups).isdisjoint(one.groups):
            return msgspec.structs.replace(article, price_minor=one.price_minor, price_list=one.list)
    return article
