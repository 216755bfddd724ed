"""When a store is open: its week, and the days that differ from it."""

import datetime as dt
from collections.abc import Sequence

from sync.hub.shop.stores.messages import PutStore

__all__ = ["closes_at", "coming", "opens_on"]


def opens_on(store: PutStore, day: dt.date) -> list[tuple[int, int]]:
    """From and to, in minutes after the local midnight; empty: closed, or nobody said."""
    other = [one for one in store.other_days if one.day == day.isoformat()]
    spans: Sequence[tuple[int, int]]
    if other:
        spans = [(one.opens, one.closes) for one in other]
    else:
        spans = [(one.opens, one.closes) for one in store.hours if one.weekday == day.isoweekday()]
    return sorted(span for span in spans if span[1] > span[0])


def closes_at(store: PutStore, now: dt.datetime) -> int | None:
    """When it closes next, in minutes, where it is open just now; `now` by the store's clock."""
    minute = now.hour * 60 + now.minute
    return next((to for since, to in opens_on(store, now.date()) if since <= minute < to), None)


def coming(store: PutStore, today: dt.date, days: int) -> list[tuple[dt.date, list[tuple[int, int]], str]]:
    """The days that differ from the week, from today on: day, hours, and why."""
    found = {one.day: one.why for one in store.other_days}
    rows = [(dt.date.fromisoformat(day), why) for day, why in sorted(found.items())]
    last = today + dt.timedelta(days=days)
    return [(day, opens_on(store, day), why) for day, why in rows if today <= day <= last]
