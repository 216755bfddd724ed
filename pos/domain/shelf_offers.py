"""What promotions make of the price of one piece, for the label at its shelf: only what holds for everybody, all day, for each piece.

A promotion that wants a coupon, a group, an hour, a weekday or several pieces, or that ends with a budget, is no price of one piece.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.article import Article
from pos.domain.promotions import Book, Promotion, PromotionLine
from pos.domain.shelf_label import PriceChange

__all__ = ["Offers", "is_for_everybody"]

_KINDS: Final = frozenset({"percent", "amount", "fixed-price"})
_LIMIT: Final = 1_000
_NOON: Final = dt.time(12)
_DAY: Final = dt.timedelta(days=1)


class Offers:
    """The promotions of a book that are prices of one piece; `by_hours`: also where not all day, or not for each piece."""

    def __init__(self, promotions: Iterable[Promotion], *, by_hours: bool = False) -> None:
        wanted = is_for_everybody if by_hours else _is_price
        self._rows = {row.id: row for row in promotions if wanted(row)}
        self._book = Book(self._rows.values())

    def turning(self, first: dt.date, last: dt.date) -> Sequence[str]:
        """Skus that a promotion names which begins on one of these days, or ended on the day before one of them; at most 1,000."""
        found = dict.fromkeys(
            sku
            for row in self._rows.values()
            if (row.valid_from is not None and first <= row.valid_from <= last)
            or (row.valid_to is not None and first - _DAY <= row.valid_to < last)
            for sku in row.selection.skus
        )
        return tuple(found)[:_LIMIT]

    def price(
        self, article: Article, day: dt.date, time: dt.time = _NOON
    ) -> tuple[int | None, dt.date | None, dt.date | None]:
        """What one piece costs on a day; the first and the last day of the promotions that make it, None for no end."""
        minor = article.price_minor
        if not minor or article.unit != "pc":
            return minor, None, None
        line = PromotionLine(1, article.sku, article.department, Decimal(1), article.unit, minor, minor)
        moment = dt.datetime.combine(day, time)
        answer = self._book.evaluate([line], moment=moment, groups=(), coupons={}, left={})
        used = [self._rows[one.promotion] for one in answer.used]
        taken = sum(share.minor for one in answer.applications for share in one.shares)
        begun = max((row.valid_from for row in used if row.valid_from is not None), default=None)
        ends = min((row.valid_to for row in used if row.valid_to is not None), default=None)
        return minor - taken, begun, ends

    def changes(
        self, changes: Sequence[PriceChange], named: Sequence[Article], first: dt.date, last: dt.date
    ) -> tuple[PriceChange, ...]:
        """The catalogue's changes from the day before `first` to `last`, and those of articles whose own price stays, as one list.

        `named` are the articles of `turning`; whose piece costs the same on both days is left out.
        """
        known = {one.article.sku for one in changes}
        stays = [PriceChange(one, one.price_minor) for one in named if one.sku not in known]
        found = (self.on_label(one, first, last) for one in (*changes, *stays))
        return tuple(one for one in found if one.article.price_minor not in {None, one.old_minor})

    def on_label(self, change: PriceChange, first: dt.date, last: dt.date) -> PriceChange:
        """A change of the article's own price as one piece feels it."""
        before = msgspec.structs.replace(change.article, price_minor=change.old_minor)
        old, _, over = self.price(before, first - _DAY)
        minor, begun, ends = self.price(change.article, last)
        days = [
            day for day in (change.day, begun, over + _DAY if over is not None else None) if day is not None
        ]
        lasts = [day for day in (change.until, ends) if day is not None]
        return PriceChange(
            msgspec.structs.replace(change.article, price_minor=minor),
            old,
            max((day for day in days if day <= last), default=change.day),
            min(lasts, default=None),
        )


def is_for_everybody(row: Promotion) -> bool:
    """Whether one piece costs everybody less by it, at some time: no coupon, no group of customers."""
    return row.active and row.kind in _KINDS and not (row.coupon or row.groups)


def _is_price(row: Promotion) -> bool:
    return (
        is_for_everybody(row)
        and not (row.weekdays or row.per_sale)
        and row.time_from is None
        and row.time_to is None
        and row.budget_uses is None
        and row.budget_minor is None
    )
