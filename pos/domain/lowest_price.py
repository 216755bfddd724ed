"""The lowest price of the last 30 days, which the law wants named beside a reduction (PAngV 11; directive 98/6/EC, 6a).

Out of its scope, so that neither is taken for a reduction nor lowers the price that is to be named: what single customers get (coupons,
groups, what is agreed at the till) and goods marked down at the till because they are about to go off (PAngV 11, 4).
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from pos.domain.article import Article
from pos.domain.lowest import Lowest
from pos.domain.price_past import Past, Span, ms_of, spans

__all__ = ["DAYS", "lowest_30d"]

DAYS: Final = 30
_LOOK_BACK_MS: Final = 400 * 24 * 3600 * 1000


def lowest_30d(past: Past, article: Article, at: dt.datetime) -> Lowest | None:
    """What is to be named at a moment, in the zone of the store; None where the price before is not known, or there is none now.

    A moment to come is answered by what is known today.
    """
    zone = at.tzinfo
    assert zone is not None, "a moment in the store's zone"
    if not past.held:
        return None
    known_ms = min(one.since_ms for one in past.held)
    now_ms = ms_of(at)
    if now_ms < known_ms:
        return None
    line = spans(past, article, zone, max(known_ms, now_ms - _LOOK_BACK_MS), now_ms + 1)
    now = line[-1]
    if now.minor is None:
        return None
    begun = _reduced_since(line)
    before_ms = now_ms if begun is None else begun
    before = dt.datetime.fromtimestamp(before_ms / 1000, zone)
    from_ms = ms_of((before.replace(tzinfo=None) - dt.timedelta(days=DAYS)).replace(tzinfo=zone))
    taken = spans(past, article, zone, from_ms, before_ms, by_hours=True) if from_ms < before_ms else []
    prices = [one.minor for one in taken if one.minor is not None]
    if begun is None:
        prices.append(now.minor)
    if not prices:
        return None
    known = None if known_ms <= from_ms else dt.datetime.fromtimestamp(known_ms / 1000, zone).date()
    return Lowest(min(prices), now.minor, before_ms, known, now.offer and begun is not None)


def _reduced_since(line: Sequence[Span]) -> int | None:
    """When the price of the last span began to be a reduced one; None where it did not fall. Offers that only go down are one reduction."""
    since: int | None = None
    for before, one in zip(reversed(line[:-1]), reversed(line), strict=False):
        if before.minor is None or one.minor is None or before.minor <= one.minor:
            break
        since = one.start_ms
        if not (one.offer and before.offer):
            break
    return since
