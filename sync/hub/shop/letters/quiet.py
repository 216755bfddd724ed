"""Quiet hours, by a store's own clock."""

import datetime as dt
from typing import Final

from sync.hub.shop.letters.settings import Quiet

__all__ = ["allowed_from"]

_DAYS: Final = 8


def allowed_from(quiet: Quiet, zone: dt.tzinfo, now_ms: int) -> int:
    """The first moment from `now_ms` on that is not quiet, in ms since 1970; a week of quiet days ends after seven."""
    now = dt.datetime.fromtimestamp(now_ms / 1000, tz=zone)
    if not _is_quiet(quiet, now):
        return now_ms
    for ahead in range(_DAYS):
        end = dt.datetime.combine(now.date() + dt.timedelta(days=ahead), quiet.until, tzinfo=zone)
        # An hour that the clocks leave out does not exist: the moment that is meant comes out of UTC.
        moment = end.astimezone(dt.UTC).astimezone(zone)
        if moment >= now and not _is_quiet(quiet, moment):
            return -(-int(moment.timestamp() * 1_000_000) // 1000)
    return now_ms


def _is_quiet(quiet: Quiet, moment: dt.datetime) -> bool:
    if moment.isoweekday() in quiet.days:
        return True
    time = moment.time()
    if quiet.since <= quiet.until:
        return quiet.since <= time < quiet.until
    return time >= quiet.since or time < quiet.until
