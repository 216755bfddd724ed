"""Stores: put, read, listed."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub import tables as t
from sync.hub.database import upsert
from sync.hub.shop.kit.pages import after, cursor_of, demand_version
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stores.messages import PutStore, Store, StoreList
from sync.wire import encode_json

__all__ = ["ListStores", "PutAsk", "find", "get_store", "list_stores", "put_store"]


class PutAsk(Struct, frozen=True):
    store: str
    about: PutStore
    if_match: str = ""


class ListStores(Struct, frozen=True):
    cursor: str
    limit: int


def put_store(work: Work, ask: PutAsk) -> Store:
    work.actor.demand_store(ask.store)
    try:
        ZoneInfo(ask.about.time_zone)
    except (ValueError, OSError, KeyError) as error:
        raise RefusedError(422, "time-zone", "There is no such time zone", ask.about.time_zone) from error
    try:
        for one in ask.about.other_days:
            dt.date.fromisoformat(one.day)
    except ValueError as error:
        raise RefusedError(422, "day", "There is no such day", one.day) from error
    c = t.store_info.c
    row = {"store": ask.store, "version": 0, "active": True, "body": b"{}"}
    work.execute(upsert(work.connection, t.store_info).values(row).on_conflict_do_nothing())
    version = work.execute(sa.select(c.version).where(c.store == ask.store).with_for_update()).scalar_one()
    demand_version(ask.if_match, version)
    work.execute(
        t.store_info.update()
        .where(c.store == ask.store)
        .values(version=version + 1, active=ask.about.active, body=encode_json(ask.about))
    )
    work.event(ask.store, "store.changed", ask.store, {"version": version + 1})
    return Store(ask.store, version + 1, ask.about)


def find(work: Work, store: str) -> Store | None:
    c = t.store_info.c
    row = work.execute(sa.select(c.store, c.version, c.body).where(c.store == store)).first()
    return None if row is None else _store(row)


def get_store(work: Work, store: str) -> Store:
    found = find(work, store)
    if found is None:
        raise not_found("store", store)
    return found


def list_stores(work: Work, ask: ListStores) -> StoreList:
    c = t.store_info.c
    query = sa.select(c.store, c.version, c.body).where(c.active.is_(True)).order_by(c.store)
    place = after(ask.cursor, str)
    if place is not None:
        query = query.where(c.store > place[0])
    rows = [_store(row) for row in work.execute(query.limit(ask.limit + 1))]
    more = len(rows) > ask.limit
    return StoreList(tuple(rows[: ask.limit]), cursor_of(rows[ask.limit - 1].store) if more else "")


def _store(row: sa.Row[tuple[str, int, bytes]]) -> Store:
    return Store(row.store, row.version, msgspec.json.decode(bytes(row.body), type=PutStore))
