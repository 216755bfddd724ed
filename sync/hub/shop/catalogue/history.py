"""Keeps what articles and promotions cost, with its times, in the transaction that brings the records; tills hear it with them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.article_record import DatedPrice, ListPrice
from pos.domain.price_lists import ListRan, Place
from pos.domain.price_past import Past, Ran
from pos.domain.price_said import Dated, Held, Listed, PastOf, prices_of
from pos.domain.promotions import Promotion
from pos.domain.promotions.record import RowRefusedError, read_row
from pos.domain.shelf_offers import is_for_everybody
from sync.hub.database import upsert
from sync.hub.shop.catalogue import tables as t

__all__ = ["begin", "end", "note_prices", "note_promotions", "pasts", "read_promotion_row", "told_before"]

_TOLD_MS: Final = 180 * 24 * 3600 * 1000
"""What ended longer ago goes down to no till."""
_TOLD_MAX: Final = 60
_TOLD_PRICES_MAX: Final = 2_000
"""Of all times together, so that no record grows beyond what a till takes; the newest go down."""
_LOOKED_AT_MS: Final = 450 * 24 * 3600 * 1000
"""Promotions that ended longer ago are before every reduction that is looked back for (pos.domain.lowest_price)."""
_DAY: Final = dt.timedelta(days=1)
_ROW: Final = msgspec.json.Decoder(float_hook=Decimal)
_HELD: Final = msgspec.json.Decoder(tuple[Dated, ...])
_LISTED: Final = msgspec.json.Decoder(tuple[Listed, ...])


class _Record(msgspec.Struct, frozen=True):
    """What a record says of its price."""

    price_minor: int | None = None
    prices: tuple[DatedPrice, ...] | None = None
    list_prices: tuple[ListPrice, ...] = ()
    gone: Any = None


class _Said(msgspec.Struct, frozen=True):
    own: tuple[Dated, ...] = ()
    listed: tuple[Listed, ...] = ()

    @property
    def all(self) -> tuple[Dated | Listed, ...]:
        return (*self.own, *self.listed)


_RECORD: Final = msgspec.json.Decoder(_Record)


def note_prices(
    connection: Connection, rows: Sequence[tuple[str, str]], known: Mapping[str, str], now_ms: int
) -> dict[str, str]:
    """Take up records (sku, body) that are new or differ from those that are `known`: sku -> its history, PastOf as JSON.

    Records with what articles cost in lists, as they go down.
    """
    said = {sku: _said(body) for sku, body in rows}
    before = {sku: _said(known[sku]) for sku in said if sku in known}
    past = _held(connection, before)
    changed = [sku for sku in said if not past.get(sku) or said[sku] != _said_by(past[sku][-1])]
    end(connection, t.price_history, "sku", [sku for sku in changed if sku in past], now_ms)
    begin(connection, t.price_history, "sku", {sku: _row(said[sku]) for sku in changed}, now_ms)
    _note_turns(connection, {sku: said[sku] for sku in changed}, before, now_ms)
    told = f'{{"since_ms":{now_ms}}}'
    return {sku: _told(past[sku], said[sku], now_ms) if past.get(sku) else told for sku in said}


def note_promotions(connection: Connection, rows: Sequence[tuple[str, str]], now_ms: int) -> dict[str, str]:
    """The same for promotions (id, body) by which one piece may cost everybody less, now or as they stood before."""
    bodies = dict(rows)
    past: dict[str, list[Any]] = {}
    for row in _rows(connection, t.promotion_history, "promotion", [name for name, _ in rows]):
        past.setdefault(row.promotion, []).append((row.since_ms, row.until_ms, row.body))
    wanted = [name for name, body in rows if name in past or _is_for_everybody(body)]
    end(connection, t.promotion_history, "promotion", [name for name in wanted if name in past], now_ms)
    begin(
        connection,
        t.promotion_history,
        "promotion",
        {name: {"body": bodies[name]} for name in wanted},
        now_ms,
    )
    return {name: told_before(past.get(name, []), now_ms) for name in wanted}


def told_before(past: Iterable[tuple[int, int | None, str]], now_ms: int) -> str:
    """What goes beside a record that is new now, as JSON: how it stood before (since, until, body), oldest first."""
    was = [
        (since, now_ms if until is None else until, msgspec.Raw(body.encode()))
        for since, until, body in past
        if since < now_ms and (until is None or until > max(since, now_ms - _TOLD_MS))
    ]
    return msgspec.json.encode({"since_ms": now_ms, "was": was[-_TOLD_MAX:]}).decode()


def pasts(
    connection: Connection, skus: Iterable[str], now_ms: int, lists: tuple[ListRan, ...], place: Place
) -> dict[str, Past]:
    """What is known of these articles, and of promotions, as far as it may still matter, for a place with these price lists."""
    c = t.promotion_history.c
    lately = sa.or_(c.until_ms.is_(None), c.until_ms > now_ms - _LOOKED_AT_MS)
    rows = connection.execute(sa.select(c.since_ms, c.until_ms, c.body).where(lately).order_by(c.since_ms))
    ran = tuple(
        Ran(row.since_ms, row.until_ms, promotion)
        for row in rows
        if (promotion := read_promotion_row(row.body)) is not None and is_for_everybody(promotion)
    )
    held = _held(connection, sorted(set(skus)))
    return {sku: Past(tuple(found), ran, lists, place) for sku, found in held.items()}


@lru_cache(maxsize=16_384)
def read_promotion_row(body: str) -> Promotion | None:
    """A row that this software cannot read is left out, as tills do."""
    try:
        return read_row(_ROW.decode(body))
    except RowRefusedError:
        return None


def _is_for_everybody(body: str) -> bool:
    row = read_promotion_row(body)
    return row is not None and is_for_everybody(row)


def _said(body: str) -> _Said:
    record = _RECORD.decode(body)
    if record.gone:
        return _Said()
    dated = tuple(Dated(one.price_minor, one.valid_from, one.valid_to) for one in record.prices or ())
    listed = (Listed(one.list, one.price_minor, one.valid_from, one.valid_to) for one in record.list_prices)
    return _Said(prices_of(record.price_minor, dated), tuple(listed))


def _said_by(held: Held) -> _Said:
    return _Said(held.prices, held.listed)


def _row(said: _Said) -> dict[str, str]:
    listed = msgspec.json.encode(said.listed).decode() if said.listed else ""
    return {"prices": msgspec.json.encode(said.own).decode(), "listed": listed}


def _told(past: Sequence[Held], now: _Said, now_ms: int) -> str:
    """The last of `past` goes on where it says the same."""
    *was, last = past
    since_ms = last.since_ms
    if _said_by(last) != now:
        since_ms = now_ms
        was.append(Held(last.since_ms, now_ms, last.prices, last.listed))
    told = [
        one for one in was if one.until_ms is not None and one.until_ms > max(one.since_ms, now_ms - _TOLD_MS)
    ]
    told, count = told[-_TOLD_MAX:], 0
    for at in range(len(told) - 1, -1, -1):
        count += len(told[at].prices) + len(told[at].listed)
        if count > _TOLD_PRICES_MAX:
            told = told[at + 1 :]
            break
    return msgspec.json.encode(PastOf(since_ms, tuple(told))).decode()


def _held(connection: Connection, skus: Iterable[str]) -> dict[str, list[Held]]:
    """Oldest first."""
    found: dict[str, list[Held]] = {}
    for row in _rows(connection, t.price_history, "sku", sorted(skus)):
        listed = _LISTED.decode(row.listed) if row.listed else ()
        held = Held(row.since_ms, row.until_ms, _HELD.decode(row.prices), listed)
        found.setdefault(row.sku, []).append(held)
    return found


def _rows(connection: Connection, table: sa.Table, key: str, keys: Sequence[str]) -> Sequence[Any]:
    if not keys:
        return ()
    query = sa.select(table).where(table.c[key].in_(keys)).order_by(table.c[key], table.c.since_ms)
    return connection.execute(query).fetchall()


def end(connection: Connection, table: sa.Table, key: str, keys: Sequence[str], now_ms: int) -> None:
    """What stood open ends now; where the clock was put back, at its own beginning."""
    if keys:
        c = table.c
        end = sa.case((c.since_ms > now_ms, c.since_ms), else_=now_ms)
        connection.execute(table.update().where(c[key].in_(keys), c.until_ms.is_(None)).values(until_ms=end))


def begin(
    connection: Connection, table: sa.Table, key: str, rows_by: Mapping[str, Mapping[str, str]], now_ms: int
) -> None:
    """Rows of a history by their `key`, from now on. Two changes in one millisecond are one: the last."""
    if not rows_by:
        return
    insert = upsert(connection, table)
    columns = next(iter(rows_by.values()))
    fresh = {column: insert.excluded[column] for column in columns}
    statement = insert.on_conflict_do_update(
        index_elements=[key, "since_ms"], set_={**fresh, "until_ms": None}
    )
    rows = [
        {key: name, "since_ms": now_ms, "until_ms": None, **values}
        for name, values in sorted(rows_by.items())
    ]
    connection.execute(statement, rows)


def _note_turns(
    connection: Connection,
    changed: Mapping[str, _Said],
    before: Mapping[str, _Said],
    now_ms: int,
) -> None:
    """The days that count for the store's list of labels. What is new and has no days has no label to replace."""
    today = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).date().isoformat()
    turns: set[tuple[str, str]] = set()
    moved: list[str] = []
    for sku, said in changed.items():
        was = before.get(sku, _Said())
        if _has_days(said.all) or _has_days(was.all):
            moved.append(sku)
            turns |= {(day.isoformat(), sku) for price in said.all for day in _turning(price)}
        if sku in before and _undated(said) != _undated(was):
            turns.add((today, sku))
    if moved:
        c = t.price_turn.c
        connection.execute(t.price_turn.delete().where(c.sku.in_(sorted(moved))))
    if turns:
        keep = upsert(connection, t.price_turn).on_conflict_do_nothing()
        connection.execute(keep, [{"day": day, "sku": sku} for day, sku in sorted(turns)])


def _undated(said: _Said) -> list[Dated | Listed]:
    """Prices that came, or went, without a day."""
    return [price for price in said.all if price.first is None and price.last is None]


def _has_days(prices: Iterable[Dated | Listed]) -> bool:
    return any(price.first is not None or price.last is not None for price in prices)


def _turning(price: Dated | Listed) -> Iterable[dt.date]:
    if price.first is not None:
        yield price.first
    if price.last is not None and price.last < dt.date.max:
        yield price.last + _DAY
