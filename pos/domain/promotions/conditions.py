"""When a promotion applies, and how often it may."""

import datetime as dt
from collections.abc import Collection, Mapping

from pos.domain.promotions.given import Left
from pos.domain.promotions.rows import Promotion

__all__ = ["UNLIMITED", "holds", "uses_allowed"]

# More than any cart can use: 2,000 lines of 999 pieces stay below it.
UNLIMITED = 1 << 62


def holds(row: Promotion, moment: dt.datetime, groups: Collection[str], coupons: Mapping[str, int]) -> bool:
    """Whether the conditions of an active row are met; `moment` is local, `coupons` says how often each was presented."""
    if row.coupon and coupons.get(row.coupon, 0) < 1:
        return False
    if row.groups and not any(group in row.groups for group in groups):
        return False
    day = _day_of(row, moment)
    if day is None:
        return False
    if row.valid_from is not None and day < row.valid_from:
        return False
    if row.valid_to is not None and day > row.valid_to:
        return False
    return not row.weekdays or day.isoweekday() in row.weekdays


def uses_allowed(row: Promotion, coupons: Mapping[str, int], left: Left | None) -> int:
    """How many applications the row's limits, its coupon and its budget allow."""
    allowed = row.per_sale or UNLIMITED
    if row.coupon and row.per_coupon:
        allowed = min(allowed, row.per_coupon * coupons.get(row.coupon, 0))
    if left is not None and left.uses is not None:
        allowed = min(allowed, left.uses)
    return allowed


def _day_of(row: Promotion, moment: dt.datetime) -> dt.date | None:
    """The day that counts: of the moment, or of the evening on which the window began; None outside the window."""
    day = moment.date()
    if row.time_from is None or row.time_to is None:
        return day
    time = moment.time()
    if row.time_from < row.time_to:
        return day if row.time_from <= time < row.time_to else None
    if time >= row.time_from:
        return day
    return day - dt.timedelta(days=1) if time < row.time_to else None
