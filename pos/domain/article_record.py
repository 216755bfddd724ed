"""An article as the hub's feed brings it: what a record may say, for the hub that takes it and the till that reads it.

A record is flat: the article's own fields with its codes, dated prices, prices in lists and words beside them; `gone` takes it out.
"""

import datetime as dt
from typing import Any

import msgspec

from pos.domain.article import UNITS, Article
from pos.domain.codes import CODE_MAX_LENGTH, CodeKind, read_code
from pos.domain.money import PRICE_MAX_MINOR
from pos.domain.price_lists import ID_MAX
from pos.domain.price_said import Dated, Listed, PastOf, prices_of

__all__ = [
    "CONTENT_UNITS",
    "DEPARTMENT_MAX",
    "LIST_PRICES_MAX",
    "TEXT_MAX_LENGTH",
    "ArticleChanged",
    "ArticleGone",
    "DatedPrice",
    "ListPrice",
    "RecordRefusedError",
    "change_of",
    "is_text",
    "trouble_of",
]

CONTENT_UNITS = frozenset({"pc", "kg", "g", "l", "ml", "m", "m2"})
TEXT_MAX_LENGTH = 200
DEPARTMENT_MAX = 9_999
_BESIDE = ("codes", "prices", "list_prices", "product", "option_names")
LIST_PRICES_MAX = 200


class RecordRefusedError(ValueError):
    """No till could read this record; the text names the article and the field, as `field` does where there is one."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class DatedPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gross price with its days, both included; no day is an open end."""

    price_minor: int
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


class ListPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gross price in the price list of this id, with its days, both included; no day is an open end."""

    list: str
    price_minor: int
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


class ArticleChanged(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="change", tag="article"
):
    """An article as it is from now on, with all its codes. `prices` only where they have days; `list_prices` in all lists.

    `past`: what the hub said beside the record of the prices before; it is no part of the record.
    """

    article: Article
    codes: tuple[str, ...] = ()
    prices: tuple[DatedPrice, ...] = ()
    list_prices: tuple[ListPrice, ...] = ()
    product: str = ""
    option_names: tuple[str, ...] = ()
    past: PastOf | None = None

    @property
    def own(self) -> tuple[Dated, ...]:
        """Its own prices."""
        dated = tuple(Dated(one.price_minor, one.valid_from, one.valid_to) for one in self.prices)
        return prices_of(self.article.price_minor, dated)

    @property
    def listed(self) -> tuple[Listed, ...]:
        """Its prices in lists."""
        return tuple(
            Listed(one.list, one.price_minor, one.valid_from, one.valid_to) for one in self.list_prices
        )


class ArticleGone(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="change", tag="article-gone"
):
    sku: str


_DECODER = msgspec.json.Decoder(ArticleChanged | ArticleGone)


def change_of(record: dict[str, Any]) -> ArticleChanged | ArticleGone:
    """What a record of the feed changes, as every till takes it. Raises RecordRefusedError."""
    change: dict[str, Any]
    if record.get("gone"):
        change = {"change": "article-gone", "sku": record.get("sku")}
    else:
        beside = {key: record[key] for key in _BESIDE if key in record}
        article = {key: value for key, value in record.items() if key not in beside and key != "gone"}
        change = {"change": "article", "article": article} | beside
    try:
        found: ArticleChanged | ArticleGone = _DECODER.decode(msgspec.json.encode(change))
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise RecordRefusedError(f"article {record.get('sku')}: {error}".replace("$.article", "$")) from error
    trouble = trouble_of(found) if isinstance(found, ArticleChanged) else ""
    if trouble:
        raise RecordRefusedError(
            trouble, trouble.removeprefix(f"article {record['sku']}: ").partition(":")[0]
        )
    return found


def trouble_of(change: ArticleChanged) -> str:
    """What no till takes, with the name of its field; empty if all is well."""
    article = change.article
    if not article.sku or len(article.sku) > CODE_MAX_LENGTH or not article.sku.isprintable():
        return "the article has no usable sku"
    amounts = [price.price_minor for price in change.prices]
    amounts += [price.price_minor for price in change.list_prices]
    amounts += [article.price_minor or 0, article.deposit.price_minor if article.deposit else 0]
    broken = [c for c in change.codes if read_code(c).kind in {CodeKind.BROKEN, CodeKind.FOREIGN}]
    for fine, field, cause in (
        (is_text(article.text), "text", f"a text has 1 to {TEXT_MAX_LENGTH} printable characters"),
        (bool(article.tax_code), "tax_code", "no tax code"),
        (
            all(0 <= amount <= PRICE_MAX_MINOR for amount in amounts),
            "price_minor",
            "a price is negative or over the limit",
        ),
        (
            len(change.list_prices) <= LIST_PRICES_MAX
            and all(0 < len(price.list) <= ID_MAX for price in change.list_prices),
            "list_prices",
            f"at most {LIST_PRICES_MAX}, each of a list",
        ),
        (not broken, "codes", f"codes that cannot be: {', '.join(broken)}"),
        (article.unit in UNITS, "unit", f"unknown unit {article.unit!r}"),
        (
            article.content is None or article.content_unit in CONTENT_UNITS,
            "content_unit",
            "the content has no known unit",
        ),
        (article.deposit is None or is_text(article.deposit.text), "deposit", "the deposit has no text"),
        (0 <= article.department <= DEPARTMENT_MAX, "department", "out of range"),
        (0 <= article.min_age < 100, "min_age", "out of range"),
    ):
        if not fine:
            return f"article {article.sku}: {field}: {cause}"
    return ""


def is_text(text: str) -> bool:
    return 0 < len(text) <= TEXT_MAX_LENGTH and text.isprintable()
