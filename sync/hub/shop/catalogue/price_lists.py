"""Price lists of the chain, and what articles cost in them: brought in bulk, kept with their times, told to the tills.

What an article costs in lists goes down with its record (`list_prices`), so a till has all prices of an article at once or none; the
lists themselves are changes of the kind `price-list`. Which price counts where is for `pos.domain.price_lists`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.domain.article_record import LIST_PRICES_MAX, DatedPrice, ListPrice
from pos.domain.money import PRICE_MAX_MINOR
from pos.domain.price_lists import ID_MAX, ListRan, ListRefusedError, PriceList, read_price_list
from sync.hub import tables as ledger
from sync.hub.changes import CHAIN, append
from sync.hub.database import upsert
from sync.hub.records import RecordError, RecordsRefusedError
from sync.hub.shop.catalogue import tables as t
from sync.hub.shop.catalogue.history import begin, end, note_prices, told_before

__all__ = [
    "KIND",
    "LISTS_MAX",
    "RECORD_MAX_BYTES",
    "ListPriceRecord",
    "PriceListRecord",
    "lists_ran",
    "price_lists",
    "put_list_prices",
    "put_price_lists",
    "read_list",
    "read_list_price",
    "with_list_prices",
]

KIND: Final = "price-list"
LISTS_MAX: Final = 1_000
RECORD_MAX_BYTES: Final = 64 * 1024
_PRICES_MAX: Final = 50
_LOOKED_AT_MS: Final = 450 * 24 * 3600 * 1000
_PRICES: Final = msgspec.json.Decoder(tuple[DatedPrice, ...])


class PriceListRecord(msgspec.Struct, frozen=True):
    """A list under its id; `body` is its JSON as tills read it."""

    id: str
    body: str


class ListPriceRecord(msgspec.Struct, frozen=True):
    """All that an article costs in one list; no prices: it is in the list no more. `body` is their JSON."""

    list: str
    sku: str
    body: str


class ListPriceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it is brought: one price, or `prices` with their days, or `gone`."""

    list: str
    sku: str
    price_minor: int | None = None
    valid_from: Any = None
    valid_to: Any = None
    prices: tuple[DatedPrice, ...] = ()
    gone: bool = False


def read_list(line: bytes) -> PriceListRecord:
    """One line of NDJSON. Raises RecordError."""
    record = _object(line)
    try:
        found = read_price_list({name: value for name, value in record.items() if value is not None})
    except ListRefusedError as error:
        raise RecordError(str(error), error.field) from error
    return PriceListRecord(found.id, msgspec.json.encode(found).decode())


def read_list_price(line: bytes) -> ListPriceRecord:
    """One line of NDJSON. Raises RecordError."""
    record = _object(line)
    try:
        said = msgspec.convert(
            {name: value for name, value in record.items() if value is not None}, ListPriceLine
        )
        one = {
            name: record[name]
            for name in ("price_minor", "valid_from", "valid_to")
            if record.get(name) is not None
        }
        if bool(said.prices) + bool(one) + said.gone != 1:
            raise RecordError("a line has a price_minor, or prices, or gone", "price_minor")
        prices = said.prices or ((msgspec.convert(one, DatedPrice),) if one else ())
    except msgspec.ValidationError as error:
        raise RecordError(
            str(error), str(error).rpartition("`$.")[2].partition("`")[0].partition("[")[0]
        ) from error
    for name, text in (("list", said.list), ("sku", said.sku)):
        if not 0 < len(text) <= ID_MAX or not text.isprintable():
            raise RecordError(f"{name} has 1 to {ID_MAX} printable characters", name)
    if len(prices) > _PRICES_MAX or not all(0 <= price.price_minor <= PRICE_MAX_MINOR for price in prices):
        raise RecordError(f"at most {_PRICES_MAX} prices, none negative or over the limit", "price_minor")
    if any(price.valid_from and price.valid_to and price.valid_to < price.valid_from for price in prices):
        raise RecordError("it ends before it begins", "valid_to")
    if len({(price.valid_from, price.valid_to) for price in prices}) < len(prices):
        raise RecordError("two prices have the same days", "prices")
    ordered = sorted(prices, key=lambda one: (str(one.valid_from or ""), str(one.valid_to or "9999-12-31")))
    return ListPriceRecord(said.list, said.sku, msgspec.json.encode(ordered).decode())


def put_price_lists(
    connection: Connection, records: Sequence[PriceListRecord], stamp: str, now_ms: int
) -> int:
    """Insert or replace lists; each that is new or differs is one change. Counts the changes. Raises RecordsRefusedError."""
    newest = {record.id: record.body for record in records}
    past = _past(connection, sorted(newest))
    known = {name: rows[-1].body for name, rows in past.items()}
    rows = [(name, body) for name, body in sorted(newest.items()) if known.get(name) != body]
    if not rows:
        return 0
    c = t.price_list_history.c
    count = connection.execute(sa.select(sa.func.count()).where(c.until_ms.is_(None))).scalar_one()
    if count + sum(name not in known for name, _ in rows) > LISTS_MAX:
        bad = [n for n, record in enumerate(records) if record.id not in known]
        raise RecordsRefusedError(
            [(n, RecordError(f"there are at most {LISTS_MAX} price lists", "id")) for n in bad]
        )
    end(connection, t.price_list_history, "list", [name for name, _ in rows if name in known], now_ms)
    begin(connection, t.price_list_history, "list", {name: {"body": body} for name, body in rows}, now_ms)
    history = {
        name: told_before([(row.since_ms, row.until_ms, row.body) for row in past.get(name, ())], now_ms)
        for name, _ in rows
    }
    append(connection, CHAIN, KIND, rows, stamp, now_ms, history)
    return len(rows)


def put_list_prices(
    connection: Connection, records: Sequence[ListPriceRecord], stamp: str, now_ms: int
) -> int:
    """What articles cost in lists; each article whose prices differ is one change. Counts the records that changed something.

    Raises RecordsRefusedError, before anything is changed, for lists and articles that there are not.
    """
    newest = {(record.list, record.sku): record.body for record in records}
    a = ledger.article.c
    skus = sorted({record.sku for record in records})
    # Under lock, in order: who brings the article itself waits, and reads these prices then.
    found = connection.execute(
        sa.select(a.sku, a.body).where(a.sku.in_(skus)).order_by(a.sku).with_for_update()
    )
    bodies = {row.sku: row.body for row in found}
    lists = {one.id for one in price_lists(connection)}
    _refuse_strangers(records, lists, bodies)
    before = _listed(connection, bodies)
    changed = {key: body for key, body in newest.items() if body != before.get(key[1], {}).get(key[0], "[]")}
    if not changed:
        return 0
    after = {sku: dict(before.get(sku, {})) for _, sku in changed}
    for (name, sku), body in changed.items():
        after[sku].pop(name, None)
        if body != "[]":
            after[sku][name] = body
    _refuse_too_many(records, after)
    _write(connection, changed)
    was = {sku: _merged(bodies[sku], before.get(sku, {})) for sku in after}
    rows = [(sku, _merged(bodies[sku], listed)) for sku, listed in sorted(after.items())]
    history = note_prices(connection, rows, was, now_ms)
    append(connection, CHAIN, "article", rows, stamp, now_ms, history)
    return len(changed)


def with_list_prices(connection: Connection, bodies: Mapping[str, str]) -> dict[str, str]:
    """Articles' records (sku -> body) as they go down: with what they cost in lists."""
    any_price = sa.select(t.list_price.c.list).limit(1)
    if not bodies or connection.execute(any_price).first() is None:
        return dict(bodies)
    listed = _listed(connection, bodies)
    return {sku: _merged(body, listed.get(sku, {})) for sku, body in bodies.items()}


def price_lists(connection: Connection) -> tuple[PriceList, ...]:
    """All as they are now, by id."""
    c = t.price_list_history.c
    rows = connection.execute(sa.select(c.body).where(c.until_ms.is_(None)).order_by(c.list))
    return tuple(one for row in rows if (one := _read(row.body)) is not None)


def lists_ran(connection: Connection, now_ms: int) -> tuple[ListRan, ...]:
    """All as they stood, as far as it may still matter."""
    c = t.price_list_history.c
    lately = sa.or_(c.until_ms.is_(None), c.until_ms > now_ms - _LOOKED_AT_MS)
    rows = connection.execute(
        sa.select(c.since_ms, c.until_ms, c.body).where(lately).order_by(c.list, c.since_ms)
    )
    found = ((row.since_ms, row.until_ms, _read(row.body)) for row in rows)
    return tuple(ListRan(since, until, one) for since, until, one in found if one is not None)


# -- inside


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > RECORD_MAX_BYTES:
        raise RecordError(f"a record holds at most {RECORD_MAX_BYTES} bytes")
    try:
        found: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"this is no JSON object: {error}") from error
    return found


@lru_cache(maxsize=4_096)
def _read(body: str) -> PriceList | None:
    """A list that this software cannot read is left out, as tills do."""
    try:
        return read_price_list(msgspec.json.decode(body))
    except ListRefusedError:
        return None


def _past(connection: Connection, names: Sequence[str]) -> dict[str, list[Any]]:
    """Rows of the history by list, oldest first."""
    c = t.price_list_history.c
    found: dict[str, list[Any]] = {}
    rows = connection.execute(
        sa.select(t.price_list_history).where(c.list.in_(names)).order_by(c.list, c.since_ms)
    )
    for row in rows:
        found.setdefault(row.list, []).append(row)
    return found


def _refuse_strangers(records: Sequence[ListPriceRecord], lists: set[str], bodies: Mapping[str, str]) -> None:
    bad = [
        (n, RecordError(f"there is no price list {record.list}; bring the list first", "list"))
        if record.list not in lists
        else (n, RecordError(f"there is no article {record.sku}; bring the article first", "sku"))
        for n, record in enumerate(records)
        if record.list not in lists or record.sku not in bodies
    ]
    if bad:
        raise RecordsRefusedError(bad)


def _refuse_too_many(records: Sequence[ListPriceRecord], after: Mapping[str, Mapping[str, str]]) -> None:
    many = {
        sku
        for sku, listed in after.items()
        if sum(len(_PRICES.decode(body)) for body in listed.values()) > LIST_PRICES_MAX
    }
    if many:
        trouble = RecordError(f"an article has at most {LIST_PRICES_MAX} prices in lists", "prices")
        raise RecordsRefusedError([(n, trouble) for n, record in enumerate(records) if record.sku in many])


def _listed(connection: Connection, skus: Iterable[str]) -> dict[str, dict[str, str]]:
    """By sku, then by list: the prices there as JSON."""
    c = t.list_price.c
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        sa.select(c.list, c.sku, c.prices).where(c.sku.in_(sorted(skus))).order_by(c.sku, c.list)
    )
    for row in rows:
        found.setdefault(row.sku, {})[row.list] = row.prices
    return found


def _merged(body: str, listed: Mapping[str, str]) -> str:
    if not listed:
        return body
    record = msgspec.json.decode(body)
    if record.get("gone"):
        return body
    record["list_prices"] = [
        ListPrice(name, one.price_minor, one.valid_from, one.valid_to)
        for name, prices in sorted(listed.items())
        for one in _PRICES.decode(prices)
    ]
    return msgspec.json.encode(record).decode()


def _write(connection: Connection, changed: Mapping[tuple[str, str], str]) -> None:
    c = t.list_price.c
    gone = [key for key, body in changed.items() if body == "[]"]
    if gone:
        connection.execute(t.list_price.delete().where(sa.tuple_(c.list, c.sku).in_(gone)))
    rows = [
        {"list": name, "sku": sku, "prices": body}
        for (name, sku), body in sorted(changed.items())
        if body != "[]"
    ]
    if rows:
        insert = upsert(connection, t.list_price)
        statement = insert.on_conflict_do_update(
            index_elements=["list", "sku"], set_={"prices": insert.excluded.prices}
        )
        connection.execute(statement, rows)
