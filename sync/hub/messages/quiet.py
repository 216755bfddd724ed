"""Quiet hours, by a store's own clock."""

import datetime as dt
import zoneinfo
from typing import Final

from sync.hub.messages.settings import MessageSettings, Quiet

__all__ = ["allowed_from", "allowed_ms"]

_DAYS: Final = 8


def allowed_ms(settings: MessageSettings, store: str, now_ms: int) -> int:
    """When a message that can wait may go to a customer of this store: now, or the end of the quiet hours."""
    shop = settings.shop(store)
    return allowed_from(shop.quiet or settings.quiet, zoneinfo.ZoneInfo(shop.time_zone), now_ms)


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
