"""The records of the hub's feed of articles: what a batch of changes may say, checked before it is believed."""

from collections.abc import Iterable

import msgspec

from pos.catalogue.prices import ListSaid
from pos.domain.article_record import (
    DEPARTMENT_MAX,
    ArticleChanged,
    ArticleGone,
    DatedPrice,
    is_text,
    trouble_of,
)

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
    "PriceListChanged",
    "read_changes",
]

RECORD_MAX_BYTES = 512 * 1024
"""An article of 64 KiB, its prices in lists, and what it cost before (sync.hub.shop.catalogue.history)."""
RECORDS_MAX = 200_000


class _Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="change"):
    pass


class DepartmentChanged(_Change, frozen=True, tag="department"):
    number: int
    name: str
    tax_code: str


class DepartmentGone(_Change, frozen=True, tag="department-gone"):
    number: int


class PriceListChanged(_Change, frozen=True, tag="price-list"):
    """A price list as it is from now on, and how it stood before."""

    said: ListSaid


class FeedCursor(_Change, frozen=True, tag="cursor"):
    """How far the feed is with the records of this batch, as the hub names it.

    `begins`: these are the hub's first records, and what came before from a hub is in doubt. `whole`: what is still in doubt
    after these is gone. `now_ms`: by the till's clock; for records beside which the hub says nothing of prices.
    """

    cursor: str
    begins: bool = False
    whole: bool = False
    now_ms: int = 0


Change = ArticleChanged | ArticleGone | DepartmentChanged | DepartmentGone | PriceListChanged | FeedCursor


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
            return trouble_of(change)
        case DepartmentChanged():
            if not 0 < change.number <= DEPARTMENT_MAX or not is_text(change.name) or not change.tax_code:
                return "a department needs a number from 1 to 9999, a name and a tax code"
        case ArticleGone() | DepartmentGone() | PriceListChanged() | FeedCursor():
            pass
    return ""
