"""Counts and safety in bulk: CSV or NDJSON in, levels out. A bad line holds up no other, and is named."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import put_count, set_safety
from sync.hub.shop.stock.levels import Counted, level_of, safety_of
from sync.hub.shop.stock.messages import Location, Positive, Sku, TimeMs
from sync.hub.shop.stock.units import amount_of, micro_of
from sync.hub.shop.stores.messages import StoreName

__all__ = ["COLUMNS", "BadLine", "Import", "ImportAsk", "Page", "PageAsk", "export_levels", "import_lines"]

LINES_MAX: Final = 5000
COLUMNS: Final = ("store", "sku", "location", "on_hand", "reserved", "available", "counted_ms")
_IN: Final = ("store", "sku", "qty", "counted_ms", "location", "safety")


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """`qty` with `counted_ms`: a count. `safety`: of the article in this store."""

    store: StoreName
    sku: Sku
    qty: Positive | None = None
    counted_ms: TimeMs | None = None
    location: Location = "store"
    safety: Positive | None = None


class ImportAsk(Struct, frozen=True):
    body: bytes
    format: Literal["ndjson", "csv"]


class BadLine(Struct, frozen=True):
    """`line` counts from 1, with the heading of a CSV."""

    line: int
    detail: str


class Import(Struct, frozen=True):
    """`taken` lines hold; the same lines sent again change nothing."""

    taken: int
    errors: tuple[BadLine, ...]


class PageAsk(Struct, frozen=True):
    store: str
    cursor: str
    limit: int
    format: Literal["ndjson", "csv"]


class Page(Struct, frozen=True):
    text: str
    next: str


def import_lines(work: Work, ask: ImportAsk) -> Import:
    taken, errors = 0, []
    for number, read in _csv(ask.body) if ask.format == "csv" else _ndjson(ask.body):
        try:
            line = read()
            work.actor.demand_store(line.store)
            _put(work, line)
            taken += 1
        except (msgspec.MsgspecError, ValueError, RecursionError, RefusedError) as error:
            errors.append(BadLine(number, str(error)[:300]))
    return Import(taken, tuple(errors))


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


def _ndjson(body: bytes) -> Iterator[tuple[int, Callable[[], _Line]]]:
    lines = body.split(b"\n")
    _demand_few(len(lines))
    for number, raw in enumerate(lines, 1):
        if raw.strip():
            yield number, lambda raw=raw: msgspec.json.decode(raw, type=_Line)  # type: ignore[misc]


def _csv(body: bytes) -> Iterator[tuple[int, Callable[[], _Line]]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(400, "encoding", "A CSV is UTF-8", str(error)) from error
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",")
    try:
        heading = [name.strip() for name in next(rows, [])]
        if not {"store", "sku"} <= set(heading) <= set(_IN):
            raise RefusedError(422, "heading", "The first line names the columns", ", ".join(_IN))
        found = [(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise RefusedError(400, "csv", "This is no CSV", str(error)) from error
    _demand_few(len(found))
    for number, row in found:
        yield number, lambda row=row: _of_row(heading, row)  # type: ignore[misc]


def _of_row(heading: list[str], row: list[str]) -> _Line:
    if len(row) != len(heading):
        raise ValueError(f"{len(heading)} columns, not {len(row)}")
    said: dict[str, Any] = {
        name: value.strip() for name, value in zip(heading, row, strict=True) if value.strip()
    }
    if "counted_ms" in said:
        said["counted_ms"] = int(said["counted_ms"])
    return msgspec.convert(said, _Line)


def _demand_few(count: int) -> None:
    if count > LINES_MAX + 1:
        raise RefusedError(413, "lines", f"At most {LINES_MAX} lines at once", str(count))


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
    found: list[tuple[str, ...]] = []
    for row in rows[: ask.limit]:
        level = level_of(row.on_hand, row.reserved, row.safety, of_store)
        counted = str(row.counted_ms) if row.counted_ms >= 0 else ""
        found.append(
            (row.store, row.sku, row.location, amount_of(row.on_hand), amount_of(row.reserved),
             format(level.available, "f"), counted)
        )  # fmt: skip
    last = rows[ask.limit - 1] if len(rows) > ask.limit else None
    return Page(_text(ask, found), cursor_of(last.sku, last.location) if last is not None else "")


def _text(ask: PageAsk, rows: list[tuple[str, ...]]) -> str:
    if ask.format == "ndjson":
        lines = (msgspec.json.encode(dict(zip(COLUMNS, row, strict=True))).decode() for row in rows)
        return "".join(f"{line}\n" for line in lines)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if not ask.cursor:
        writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue()
