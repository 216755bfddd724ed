"""Counts and safety in bulk: CSV or NDJSON in, levels out. A bad line holds up no other, and is named."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub.shop.kit.bulk import (
    WHOLE_MAX_LINES,
    Format,
    Import,
    Read,
    Reader,
    Sheet,
    read_all,
    take_lines,
    write_text,
)
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import put_count, set_safety
from sync.hub.shop.stock.levels import Counted, level_of, safety_of
from sync.hub.shop.stock.messages import Location, Positive, Sku, TimeMs
from sync.hub.shop.stock.units import amount_of, micro_of
from sync.hub.shop.stores.messages import StoreName

__all__ = ["ImportAsk", "Page", "PageAsk", "export_levels", "import_lines"]

_LINE_MAX_BYTES: Final = 64 * 1024
_OUT: Final = Sheet(
    ("store", "sku", "location", "on_hand", "reserved", "available"), ("counted_ms",), has_more=False
)
_IN: Final = Sheet(
    ("store", "sku", "qty", "location", "safety"),
    ("counted_ms",),
    ("store", "sku"),
    strips=True,
    has_more=False,
)


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """`qty` with `counted_ms`: a count. `safety`: of the article in this store."""

    store: StoreName
    sku: Sku
    qty: Positive | None = None
    counted_ms: TimeMs | None = None
    location: Location = "store"
    safety: Positive | None = None


class ImportAsk(Struct, frozen=True):
    """`whole`: all lines hold, or none."""

    body: bytes
    form: Format
    whole: bool = False


class PageAsk(Struct, frozen=True):
    store: str
    cursor: str
    limit: int
    form: Format


class Page(Struct, frozen=True):
    text: str
    next: str


def import_lines(work: Work, ask: ImportAsk) -> Import:
    """Raises NothingTakenError, RefusedError."""

    def put(work: Work, raw: bytes) -> None:
        line = msgspec.json.decode(raw, type=_Line)
        work.actor.demand_store(line.store)
        _put(work, line)

    lines = read_all(ask.body, Reader(ask.form, _IN, _LINE_MAX_BYTES))
    return take_lines(work, _not_too_many(lines), put, whole=ask.whole)


def _not_too_many(lines: Iterable[Read]) -> Iterator[Read]:
    for count, (number, raw) in enumerate(lines):
        if count == WHOLE_MAX_LINES:
            raise RefusedError(413, "lines", f"At most {WHOLE_MAX_LINES} lines at once", str(number))
        yield number, raw


def _put(work: Work, line: _Line) -> None:
    if line.qty is None and line.safety is None:
        raise ValueError("a line has a qty or a safety")
    if line.qty is not None:
        if line.counted_ms is None or line.counted_ms > work.now_ms:
            raise ValueError("a count says when it was made (counted_ms), and that is over")
        qty = micro_of(line.qty)
        count_id = f"import/{line.counted_ms}/{qty}"
        put_count(work, Counted(line.store, line.sku, count_id, qty, line.counted_ms, line.location))
    if line.safety is not None:
        set_safety(work, line.store, line.sku, micro_of(line.safety))


def export_levels(work: Work, ask: PageAsk) -> Page:
    """The levels of a store by sku, all locations, as text."""
    work.actor.demand_store(ask.store)
    c = t.level.c
    query = sa.select(t.level).where(c.store == ask.store)
    place = after(ask.cursor, str, str)
    if place is not None:
        query = query.where(sa.tuple_(c.sku, c.location) > place)
    rows = work.execute(query.order_by(c.sku, c.location).limit(ask.limit + 1)).all()
    of_store = safety_of(work, [ask.store]).get(ask.store, 0)
    found: list[bytes] = []
    for row in rows[: ask.limit]:
        level = level_of(row.on_hand, row.reserved, row.safety, of_store)
        counted = {"counted_ms": row.counted_ms} if row.counted_ms >= 0 else {}
        said = {
            "store": row.store, "sku": row.sku, "location": row.location, "on_hand": amount_of(row.on_hand),
            "reserved": amount_of(row.reserved), "available": format(level.available, "f"), **counted,
        }  # fmt: skip
        found.append(msgspec.json.encode(said))
    last = rows[ask.limit - 1] if len(rows) > ask.limit else None
    text = write_text(ask.form, _OUT, found, heading=not ask.cursor)
    return Page(text, cursor_of(last.sku, last.location) if last is not None else "")
