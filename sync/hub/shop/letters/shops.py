"""A store as its customers read of it in a message."""

import datetime as dt

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import tables as t
from sync.hub.shop.stores.messages import PutStore

__all__ = ["OpenHours", "Shop", "hours_of", "shop_of"]


class OpenHours(msgspec.Struct, frozen=True):
    """On these days (1 Monday to 7 Sunday), from and to by the store's clock."""

    days: tuple[int, ...]
    opens: dt.time
    closes: dt.time


class Shop(msgspec.Struct, frozen=True):
    """What is empty is left out of messages."""

    name: str = ""
    address: tuple[str, ...] = ()
    phone: str = ""
    time_zone: str = "Europe/Berlin"
    hours: tuple[OpenHours, ...] = ()


def shop_of(connection: Connection, store: str) -> Shop:
    """As it stands now; of a store that nobody described, only the time zone is assumed."""
    c = t.store_info.c
    body = connection.execute(sa.select(c.body).where(c.store == store)).scalar_one_or_none()
    if body is None:
        return Shop()
    about = msgspec.json.decode(bytes(body), type=PutStore)
    return Shop(about.name, about.lines, about.phone, about.time_zone, hours_of(about))


def hours_of(about: PutStore) -> tuple[OpenHours, ...]:
    """A store's week, days with the same hours together."""
    spans: dict[tuple[int, int], list[int]] = {}
    for row in about.hours:
        spans.setdefault((row.opens, row.closes), []).append(row.weekday)
    return tuple(
        OpenHours(tuple(sorted(set(days))), _time(opens), _time(closes))
        for (opens, closes), days in spans.items()
    )


def _time(minute: int) -> dt.time:
    return dt.time(minute // 60 % 24, minute % 60)
