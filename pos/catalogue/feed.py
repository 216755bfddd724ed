"""The records of the hub's feed of articles: what a batch of changes may say, checked before it is believed."""

import datetime as dt
from collections.abc import Iterable

import msgspec

from pos.catalogue.schema import CONTENT_UNITS, DEPARTMENT_MAX, TEXT_MAX_LENGTH
from pos.domain.article import UNITS, Article
from pos.domain.codes import CODE_MAX_LENGTH, CodeKind, read_code
from pos.domain.money import PRICE_MAX_MINOR

__all__ = [
    "Answer",
    "ArticleChanged",
    "ArticleGone",
    "Change",
    "ChangesRefusedError",
    "DatedPrice",
    "DepartmentChanged",
    "DepartmentGone",
    "FeedCursor",
    "read_changes",
]

RECORD_MAX_BYTES = 64 * 1024
RECORDS_MAX = 200_000


class DatedPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gross price with its days, both included; no day is an open end."""

    price_minor: int
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="change"):
    pass


class ArticleChanged(_Change, frozen=True, tag="article"):
    """An article as it is from now on, with all its codes. `prices` only where they have days."""

    article: Article
    codes: tuple[str, ...] = ()
    prices: tuple[DatedPrice, ...] = ()
    product: str = ""
    option_names: tuple[str, ...] = ()


class ArticleGone(_Change, frozen=True, tag="article-gone"):
    sku: str


class DepartmentChanged(_Change, frozen=True, tag="department"):
    number: int
    name: str
    tax_code: str


class DepartmentGone(_Change, frozen=True, tag="department-gone"):
    number: int


class FeedCursor(_Change, frozen=True, tag="cursor"):
    """How far the feed is with the records of this batch, as the hub names it."""

    cursor: str


Change = ArticleChanged | ArticleGone | DepartmentChanged | DepartmentGone | FeedCursor


class Answer(msgspec.Struct, frozen=True):
    """What the process answers. `already`: the file had this cursor, nothing was written."""

    ok: bool
    changes: int = 0
    already: bool = False
    feed_cursor: str = ""
    articles: int = 0
    error: str = ""


class ChangesRefusedError(Exception):
    """A batch cannot be taken; the text is a sentence. Nothing was changed."""


def read_changes(lines: Iterable[bytes]) -> list[Change]:
    """The records of a batch; raises ChangesRefusedError with the first line that is not right."""
    decoder = msgspec.json.Decoder(Change)
    changes: list[Change] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > RECORD_MAX_BYTES or len(changes) >= RECORDS_MAX:
            raise ChangesRefusedError(f"record {number}: the batch or this record is too large")
        try:
            change = decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise ChangesRefusedError(f"record {number}: {error}") from error
        trouble = _trouble(change)
        if trouble:
            raise ChangesRefusedError(f"record {number}: {trouble}")
        changes.append(change)
    return changes


def _trouble(change: Change) -> str:
    """Why a record cannot be taken; empty if it can."""
    match change:
        case ArticleChanged():
            return _trouble_of_article(change)
        case DepartmentChanged():
            if not 0 < change.number <= DEPARTMENT_MAX or not _is_text(change.name) or not change.tax_code:
                return "a department needs a number from 1 to 9999, a name and a tax code"
        case ArticleGone() | DepartmentGone() | FeedCursor():
            pass
    return ""


def _trouble_of_article(change: ArticleChanged) -> str:
    article = change.article
    if not article.sku or len(article.sku) > CODE_MAX_LENGTH or not article.sku.isprintable():
        return "the article has no usable sku"
    amounts = [price.price_minor for price in change.prices]
    amounts += [article.price_minor or 0, article.deposit.price_minor if article.deposit else 0]
    broken = [c for c in change.codes if read_code(c).kind in {CodeKind.BROKEN, CodeKind.FOREIGN}]
    for fine, cause in (
        (_is_text(article.text), f"a text has 1 to {TEXT_MAX_LENGTH} printable characters"),
        (bool(article.tax_code), "no tax code"),
        (all(0 <= amount <= PRICE_MAX_MINOR for amount in amounts), "a price is negative or over the limit"),
        (not broken, f"codes that cannot be: {', '.join(broken)}"),
        (article.unit in UNITS, f"unknown unit {article.unit!r}"),
        (article.content is None or article.content_unit in CONTENT_UNITS, "the content has no known unit"),
        (article.deposit is None or _is_text(article.deposit.text), "the deposit has no text"),
        (
            0 <= article.department <= DEPARTMENT_MAX and 0 <= article.min_age < 100,
            "department or age out of range",
        ),
    ):
        if not fine:
            return f"article {article.sku}: {cause}"
    return ""


def _is_text(text: str) -> bool:
    return 0 < len(text) <= TEXT_MAX_LENGTH and text.isprintable()
