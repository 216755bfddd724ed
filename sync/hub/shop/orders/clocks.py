"""When an order should be ready, how long it is kept, and when customers are reminded."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from sync.hub.shop.stores.hours import opens_on
from sync.hub.shop.stores.messages import PutStore

__all__ = ["ANYWHERE", "REMINDERS", "keep_until", "next_clock", "ready_by"]

ANYWHERE: Final = PutStore(name="")
"""A store that nobody described."""
REMINDERS: Final = (50, 80)
"""Per cent of the time that an order is kept, at which its customer is reminded."""
_HOUR_MS: Final = 3_600_000
_DAYS_MAX: Final = 60


def ready_by(store: PutStore, now_ms: int) -> int:
    """After so many opening hours as the store promises; without hours, so many hours."""
    left_ms = store.pickup_hours * _HOUR_MS
    if not store.hours or left_ms == 0:
        return now_ms + left_ms
    zone = ZoneInfo(store.time_zone)
    day = dt.datetime.fromtimestamp(now_ms / 1000, zone).date()
    for _ in range(_DAYS_MAX):
        for since, to in opens_on(store, day):
            opens = max(now_ms, _at(day, since, zone))
            closes = _at(day, to, zone)
            if closes <= opens:
                continue
            if opens + left_ms <= closes:
                return opens + left_ms
            left_ms -= closes - opens
        day += dt.timedelta(days=1)
    return now_ms + left_ms


def keep_until(store: PutStore, from_ms: int, days: int) -> int:
    """The end of the day `days` days after, where the store is."""
    zone = ZoneInfo(store.time_zone)
    day = dt.datetime.fromtimestamp(from_ms / 1000, zone).date() + dt.timedelta(days=days + 1)
    return _at(day, 0, zone)


def next_clock(ready_ms: int, deadline_ms: int, reminded: int) -> int:
    """When something is next to be done about an order that is ready: a reminder, or its end."""
    if reminded < len(REMINDERS):
        return ready_ms + (deadline_ms - ready_ms) * REMINDERS[reminded] // 100
    return deadline_ms


def _at(day: dt.date, minute: int, zone: ZoneInfo) -> int:
    moment = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(minutes=minute)
    return int(moment.timestamp() * 1000)
