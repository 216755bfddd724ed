"""One task for each store and day on which prices of a piece become others: so many labels are to be hung.

The number is that of the till's list of the day (docs/price-labels.md); which labels hang, the tills know, and they settle the task.
"""

import datetime as dt
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from pos.domain.article import Article
from pos.domain.price_lists import CHANNEL_TILL, ListRan, Place
from pos.domain.price_past import Past, ms_of, spans
from pos.domain.shelf_offers import Offers
from sync.hub import changes
from sync.hub import tables as ledger
from sync.hub.database import upsert
from sync.hub.shop.catalogue import articles
from sync.hub.shop.catalogue import tables as t
from sync.hub.shop.catalogue.core import promotions_of, zone_of
from sync.hub.shop.catalogue.history import pasts
from sync.hub.shop.catalogue.price_lists import lists_ran
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.work import Work

__all__ = ["KIND", "count_labels"]

KIND: Final = "price-labels"
_LISTED_MAX: Final = 1_000
_EVERY_MS: Final = 60_000
_KEPT: Final = dt.timedelta(days=20)
_DAY: Final = dt.timedelta(days=1)


def count_labels(work: Work) -> int:
    """A tick: the stores of one zone and the same price lists whose day is another, or since whose count a minute ago or more prices came."""
    head = changes.heads(work.connection, [changes.CHAIN]).get(changes.CHAIN, 0)
    if not head:
        return 0
    c = t.label_round.c
    rows = work.execute(sa.select(c.store, c.day, c.chain_n, c.counted_ms))
    counted = {row.store: row for row in rows}
    due: dict[tuple[str, dt.date, str], list[str]] = {}
    ran = lists_ran(work.connection, work.now_ms)
    named = {store for one in ran for store in one.price_list.stores}
    for store in _stores(work):
        zone = zone_of(work, store)
        today = dt.datetime.fromtimestamp(work.now_ms / 1000, zone).date()
        last = counted.get(store)
        if last is None or _is_due(last, today, head, work.now_ms):
            due.setdefault((zone.key, today, store if store in named else ""), []).append(store)
    if not due:
        return 0
    (zone_name, today, store), waiting = next(iter(due.items()))
    count = len(_changed(work, ZoneInfo(zone_name), today, Place(store, CHANNEL_TILL), ran))
    for store in waiting:
        _raise(work, store, today, count)
    insert = upsert(work.connection, t.label_round)
    names = ("day", "chain_n", "counted_ms")
    work.execute(
        insert.on_conflict_do_update(
            index_elements=["store"], set_={name: insert.excluded[name] for name in names}
        ),
        [
            {"store": store, "day": today.isoformat(), "chain_n": head, "counted_ms": work.now_ms}
            for store in waiting
        ],
    )
    turn = t.price_turn
    work.execute(turn.delete().where(turn.c.day < (today - _KEPT).isoformat()))
    return len(waiting)


def _is_due(last: Any, today: dt.date, head: int, now_ms: int) -> bool:
    """`last`: a row of label_round. A clock that was put back counts anew."""
    if last.day != today.isoformat():
        return True
    return last.chain_n != head and not 0 <= now_ms - last.counted_ms < _EVERY_MS


def _stores(work: Work) -> list[str]:
    """Those that sell: with a till, and not closed."""
    m, s = ledger.machine.c, ledger.store_info.c
    closed = sa.select(s.store).where(s.active.is_(False))
    query = sa.select(m.store).where(m.role == "till", m.store.not_in(closed)).distinct().order_by(m.store)
    return list(work.execute(query).scalars())


def _raise(work: Work, store: str, today: dt.date, count: int) -> None:
    key = today.isoformat()
    if not count:
        tasks.withdraw(work, store, KIND, key)
        return
    data = {"count": count}
    if not tasks.add(work, store, KIND, key, data=data):
        tasks.restate(work, store, KIND, key, data)


def _changed(work: Work, zone: ZoneInfo, today: dt.date, place: Place, ran: tuple[ListRan, ...]) -> list[str]:
    """Skus whose piece costs something else at the end of the day than before it, as far as is known now; at most 1,000."""
    c = t.price_turn.c
    around = [(today + n * _DAY).isoformat() for n in (-1, 0, 1)]  # by UTC, where a price came without a day
    query = sa.select(c.sku).where(c.day.in_(around)).distinct().order_by(c.sku).limit(_LISTED_MAX)
    offers = Offers(promotions_of(work.connection).promotions)
    begins = ms_of(dt.datetime.combine(today, dt.time(0), zone))
    ends = ms_of(dt.datetime.combine(today + _DAY, dt.time(0), zone))
    turning = [*work.execute(query).scalars(), *offers.turning(today, today)]
    turning += _in_lists(work, [one.price_list.id for one in ran if _turns(one, today, begins, ends)])
    skus = list(dict.fromkeys(turning))[:_LISTED_MAX]
    found = articles.by_skus(work.connection, skus, today, place)
    known = pasts(work.connection, found, work.now_ms, ran, place)

    def at(sku: str, ms: int) -> Any:
        article: Article = found[sku].article
        return spans(known.get(sku, Past()), article, zone, ms, ms + 1)[0].minor

    return [sku for sku in skus if sku in found and at(sku, ends - 1) not in {None, at(sku, begins - 1)}]


def _turns(one: ListRan, today: dt.date, begins_ms: int, ends_ms: int) -> bool:
    """Whether a list came, went or changed on a day."""
    about = one.price_list
    moments = (one.since_ms, one.until_ms or 0)
    lasts = about.valid_to
    return (
        any(begins_ms <= at < ends_ms for at in moments)
        or about.valid_from == today
        or (lasts is not None and lasts < dt.date.max and lasts + _DAY == today)
    )


def _in_lists(work: Work, names: list[str]) -> list[str]:
    if not names:
        return []
    c = t.list_price.c
    query = sa.select(c.sku).where(c.list.in_(names)).distinct().order_by(c.sku).limit(_LISTED_MAX)
    return list(work.execute(query).scalars())
