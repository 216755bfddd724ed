"""The store finder: addresses and hours, the nearest first; and whether an article is there, in words."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Request, Response, get
from msgspec import Struct

from sync.hub.shop.catalogue import articles
from sync.hub.shop.kit.pages import PAGE_MAX
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock.levels import NOTHING, Level, levels_of
from sync.hub.shop.stores import core
from sync.hub.shop.stores.hours import closes_at, coming, opens_on
from sync.hub.shop.stores.messages import PutStore, Store
from sync.hub.web.frame import Page, show
from sync.hub.web.near import distance_km, read_place, remoteness

__all__ = ["FEW", "ROUTES", "in_words"]

FEW: Final = Decimal(3)
_SHOWN_MAX: Final = 25
_DAYS: Final = 28
_TEXT_MAX: Final = 64


class _Seen(Struct, frozen=True):
    stores: list[Store]
    levels: dict[tuple[str, str], Level]
    sku: str
    name: str


class _Row(Struct, frozen=True):
    about: PutStore
    today: str
    other: list[str]
    stock: str
    distance: str


@get("/stores", include_in_schema=False)
async def get_stores(request: Request[Any, Any, Any]) -> Response[bytes]:
    sku = str(request.query_params.get("sku", ""))[:_TEXT_MAX]
    return await show(request, lambda work: _find(work, sku), _draw)


def _find(work: Work, sku: str) -> _Seen:
    """All that are open to customers; of an article that nobody knows, no stock."""
    found: list[Store] = []
    cursor = ""
    while True:
        page = core.list_stores(work, core.ListStores(cursor, PAGE_MAX))
        found += page.stores
        cursor = page.next
        if not cursor:
            break
    today = dt.datetime.fromtimestamp(work.now_ms / 1000, dt.UTC).date()
    known = articles.by_skus(work.connection, [sku], today) if sku and "\0" not in sku else {}
    name = known[sku].article.text if sku in known else ""
    levels = levels_of(work, [one.store for one in found], [sku]) if name else {}
    return _Seen(found, levels, sku, name)


def _draw(page: Page, found: _Seen) -> str:
    typed = page.asked.get("near", "")[:_TEXT_MAX]
    place = read_place(typed) if typed else None
    stores = sorted(found.stores, key=lambda one: (one.about.name, one.store))
    if place is not None:
        stores.sort(key=lambda one: remoteness(place, one.about))
    rows = []
    for one in stores[:_SHOWN_MAX]:
        km = distance_km(place, one.about) if place is not None else None
        stock = in_words(found.levels.get((one.store, found.sku), NOTHING).available) if found.name else ""
        rows.append(
            _Row(
                one.about,
                _today(page, one.about),
                _other(page, one.about),
                stock,
                "" if km is None else _km(page, km),
            )
        )
    heading = page.word("stores-of", name=found.name) if found.name else page.word("stores")
    return page.html(
        "stores",
        heading=heading,
        rows=rows,
        sku=found.sku,
        near=typed,
        wrong=bool(typed) and place is None,
        unknown=bool(found.sku) and not found.name,
    )


def in_words(available: Decimal) -> str:
    """Never a number: competitors read pages too, and one piece in a shop of many hands is a hope."""
    return "none" if available <= 0 else "few" if available <= FEW else "available"


def _today(page: Page, store: PutStore) -> str:
    now = dt.datetime.fromtimestamp(page.now_ms / 1000, ZoneInfo(store.time_zone))
    if not store.hours and not store.other_days:
        return page.word("hours-unknown")
    closes = closes_at(store, now)
    if closes is not None:
        return page.word("open-until", time=_clock(page, closes))
    minute = now.hour * 60 + now.minute
    spans = opens_on(store, now.date())
    later = next((since for since, _ in spans if since > minute), None)
    if later is not None:
        return page.word("open-later", time=_clock(page, later))
    return page.word("closed-now" if spans else "closed-today")


def _other(page: Page, store: PutStore) -> list[str]:
    now = dt.datetime.fromtimestamp(page.now_ms / 1000, ZoneInfo(store.time_zone))
    rows = []
    for day, spans, why in coming(store, now.date(), _DAYS):
        midnight = dt.datetime.combine(day, dt.time(12), now.tzinfo)
        shown = page.moment(int(midnight.timestamp() * 1000), store.time_zone, hour=False)
        hours = ", ".join(f"{_plain(since)}–{_clock(page, to)}" for since, to in spans) or page.word("closed")
        rows.append(f"{shown}{f' ({why})' if why else ''}: {hours}")
    return rows


def _clock(page: Page, minute: int) -> str:
    return page.word("clock", time=_plain(minute))


def _plain(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def _km(page: Page, km: float) -> str:
    shown = f"{km:.1f}" if km < 10 else f"{km:.0f}"
    return page.word("distance", km=shown.replace(".", ",") if page.language == "de" else shown)


ROUTES: Final = (get_stores,)
