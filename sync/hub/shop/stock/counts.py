"""Counts by people, blind: whoever counts does not see what the ledger expects, until the count is closed.

A count says what was there when it was counted. What was sold later but heard before the close counts; what was sold
before and is heard late does not change it (see levels). Above its limit somebody must approve it.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta, Struct

from sync.hub.database import upsert
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import put_count
from sync.hub.shop.stock.levels import Counted, on_hand_at
from sync.hub.shop.stock.messages import Location, Name, Positive, Sku, TimeMs
from sync.hub.shop.stock.units import ONE, amount_of, micro_of
from sync.hub.shop.stores.messages import StoreName
from sync.wire import encode_json

__all__ = [
    "AskCounts",
    "Close",
    "CloseAsk",
    "Count",
    "CountLines",
    "Counts",
    "EndAsk",
    "LinesAsk",
    "OpenCount",
    "Variance",
    "add_lines",
    "approve",
    "close",
    "get_count",
    "listing",
    "open_count",
    "reject",
]

APPROVE: Final = "count-approve"
APPROVE_OVER: Final = 10


class CountLine(Struct, frozen=True, forbid_unknown_fields=True):
    """`counted_ms`: when, by the till's clock; left out: now."""

    sku: Sku
    qty: Positive
    counted_ms: TimeMs | None = None


_Lines = Annotated[tuple[CountLine, ...], Meta(max_length=1000)]


class OpenCount(Struct, frozen=True, forbid_unknown_fields=True):
    """`skus` are those that must be counted (none: whatever is counted). `approve_over`: units of difference in one
    article above which somebody must approve, at most 10 for whoever may not adjust. With `lines` and `closes` it is a whole count at once.
    """

    store: StoreName
    name: Name = ""
    location: Location = "store"
    skus: Annotated[tuple[Sku, ...], Meta(max_length=1000)] = ()
    approve_over: Annotated[int, Meta(ge=0, le=1_000_000)] = APPROVE_OVER
    lines: _Lines = ()
    closes: bool = False
    operator: Name = ""


class CountLines(Struct, frozen=True, forbid_unknown_fields=True):
    """Added to what was counted before of these articles; `again`: counted anew, in its place."""

    lines: Annotated[tuple[CountLine, ...], Meta(min_length=1, max_length=1000)]
    again: bool = False


class Close(Struct, frozen=True, forbid_unknown_fields=True):
    """`missing`: articles of the list that nobody counted are left as they are, or counted as none."""

    missing: Literal["leave", "none"] = "leave"
    operator: Name = ""


class LinesAsk(Struct, frozen=True):
    count_id: str
    about: CountLines


class CloseAsk(Struct, frozen=True):
    count_id: str
    about: Close


class EndAsk(Struct, frozen=True):
    count_id: str
    operator: str = ""


class AskCounts(Struct, frozen=True):
    store: str
    state: str
    cursor: str
    limit: int


class Variance(Struct, frozen=True):
    """`expected` by the ledger at that time."""

    sku: str
    counted: str
    expected: str
    variance: str
    counted_ms: int


class Count(Struct, frozen=True):
    """`state` "open", "review" (to be approved), "closed" or "rejected". `variances` only once nobody counts any more."""

    count_id: str
    store: str
    location: str
    name: str
    state: str
    version: int
    created_ms: int
    articles: int
    skus: tuple[str, ...] = ()
    variances: tuple[Variance, ...] | None = None


class Counts(Struct, frozen=True):
    counts: tuple[Count, ...]
    next: str


class _Body(Struct):
    skus: tuple[str, ...] = ()
    variances: tuple[Variance, ...] | None = None


def open_count(work: Work, ask: OpenCount) -> Count:
    work.actor.demand_store(ask.store)
    may_adjust = "stock:adjust" in work.actor.scopes
    approve_over = ask.approve_over if may_adjust else min(ask.approve_over, APPROVE_OVER)
    count_id = f"{ask.store}.{work.new_id()}"
    row = {
        "store": ask.store, "count_id": count_id, "location": ask.location, "name": ask.name, "state": "open",
        "version": 1, "created_ms": work.now_ms, "ended_ms": 0, "opened_by": _by(work, ask.operator),
        "ended_by": "", "approve_over": approve_over, "body": encode_json(_Body(ask.skus)),
    }  # fmt: skip
    work.execute(t.count.insert(), row)
    _say(work, ask.store, count_id, "open")
    if ask.lines:
        add_lines(work, LinesAsk(count_id, CountLines(ask.lines)))
    return (
        close(work, CloseAsk(count_id, Close(operator=ask.operator)))
        if ask.closes
        else get_count(work, count_id)
    )


def add_lines(work: Work, ask: LinesAsk) -> Count:
    """Of an article that is counted in several places, the first one says when."""
    found = _hold(work, ask.count_id, "open")
    c = t.count_line.c
    for line in ask.about.lines:
        at_ms = work.now_ms if line.counted_ms is None else min(line.counted_ms, work.now_ms)
        row = {
            "store": found.store, "count_id": ask.count_id, "sku": line.sku, "qty": micro_of(line.qty),
            "counted_ms": at_ms,
        }  # fmt: skip
        insert = upsert(work.connection, t.count_line).values(row)
        new: dict[str, Any] = {"qty": c.qty + insert.excluded.qty}
        if ask.about.again:
            new = {"qty": insert.excluded.qty, "counted_ms": insert.excluded.counted_ms}
        work.execute(insert.on_conflict_do_update(index_elements=["store", "count_id", "sku"], set_=new))
    return get_count(work, ask.count_id)


def close(work: Work, ask: CloseAsk) -> Count:
    """Nobody counts any more. Within its limit it holds at once, else somebody must approve it."""
    found = _hold(work, ask.count_id, "open")
    body = msgspec.json.decode(bytes(found.body), type=_Body)
    if ask.about.missing == "none":
        zero = [
            {
                "store": found.store,
                "count_id": found.count_id,
                "sku": sku,
                "qty": 0,
                "counted_ms": work.now_ms,
            }
            for sku in body.skus
        ]
        if zero:
            work.execute(upsert(work.connection, t.count_line).values(zero).on_conflict_do_nothing())
    variances, worst = [], 0
    for line in _lines(work, found):
        expected = on_hand_at(work, found.store, line.sku, found.location, line.counted_ms)
        worst = max(worst, abs(line.qty - expected))
        variances.append(
            Variance(
                line.sku, amount_of(line.qty), amount_of(expected), amount_of(line.qty - expected), line.counted_ms
            )
        )  # fmt: skip
    body.variances = tuple(variances)
    over = worst > found.approve_over * ONE
    _end(work, found, "review" if over else "closed", body, _by(work, ask.about.operator))
    if over:
        tasks.add(work, found.store, APPROVE, found.count_id, subject=found.name)
    else:
        _apply(work, found)
    return get_count(work, ask.count_id)


def approve(work: Work, ask: EndAsk) -> Count:
    """Somebody looked at the differences, and they are so."""
    found = _hold(work, ask.count_id, "review")
    by = _by(work, ask.operator)
    _end(work, found, "closed", msgspec.json.decode(bytes(found.body), type=_Body), by)
    _apply(work, found)
    tasks.withdraw(work, found.store, APPROVE, found.count_id)
    return get_count(work, ask.count_id)


def reject(work: Work, ask: EndAsk) -> Count:
    """It is counted anew, in another count; nothing of this one holds."""
    found = _hold(work, ask.count_id, "open", "review")
    _end(work, found, "rejected", msgspec.json.decode(bytes(found.body), type=_Body), _by(work, ask.operator))
    tasks.withdraw(work, found.store, APPROVE, found.count_id)
    return get_count(work, ask.count_id)


def get_count(work: Work, count_id: str) -> Count:
    row = work.execute(_select(count_id)).first()
    if row is None:
        raise not_found("count", count_id)
    work.actor.demand_store(row.store)
    return _count(work, row)


def listing(work: Work, ask: AskCounts) -> Counts:
    work.actor.demand_store(ask.store)
    c = t.count.c
    query = sa.select(t.count).where(c.store == ask.store)
    if ask.state:
        query = query.where(c.state == ask.state)
    place = after(ask.cursor, int, str)
    if place is not None:
        query = query.where(sa.tuple_(c.created_ms, c.count_id) > place)
    rows = work.execute(query.order_by(c.created_ms, c.count_id).limit(ask.limit + 1)).all()
    found = tuple(_count(work, row) for row in rows[: ask.limit])
    last = found[-1] if len(rows) > ask.limit else None
    return Counts(found, cursor_of(last.created_ms, last.count_id) if last else "")


def _select(count_id: str) -> sa.Select[Any]:
    c = t.count.c
    return sa.select(t.count).where(c.store == count_id.rpartition(".")[0], c.count_id == count_id)


def _hold(work: Work, count_id: str, *states: str) -> sa.Row[Any]:
    found: sa.Row[Any] | None = work.execute(_select(count_id).with_for_update()).first()
    if found is None:
        raise not_found("count", count_id)
    work.actor.demand_store(found.store)
    if found.state not in states:
        raise RefusedError(409, "state", "This count is not where this can be done", found.state)
    return found


def _lines(work: Work, found: sa.Row[Any]) -> list[sa.Row[Any]]:
    c = t.count_line.c
    query = sa.select(t.count_line).where(c.store == found.store, c.count_id == found.count_id)
    return list(work.execute(query.order_by(c.sku)))


def _apply(work: Work, found: sa.Row[Any]) -> None:
    for line in _lines(work, found):
        put_count(
            work,
            Counted(found.store, line.sku, found.count_id, line.qty, line.counted_ms, found.location),
        )


def _end(work: Work, found: sa.Row[Any], state: str, body: _Body, by: str) -> None:
    c = t.count.c
    work.execute(
        t.count.update()
        .where(c.store == found.store, c.count_id == found.count_id)
        .values(
            state=state, version=found.version + 1, ended_ms=work.now_ms, ended_by=by, body=encode_json(body)
        )
    )
    _say(work, found.store, found.count_id, state)


def _say(work: Work, store: str, count_id: str, state: str) -> None:
    work.event(store, f"count.{state}", count_id, {"state": state})


def _by(work: Work, operator: str) -> str:
    return f"{work.actor.name} {operator}".strip()


def _count(work: Work, row: sa.Row[Any]) -> Count:
    body = msgspec.json.decode(bytes(row.body), type=_Body)
    c = t.count_line.c
    articles = work.execute(
        sa.select(sa.func.count()).where(c.store == row.store, c.count_id == row.count_id)
    ).scalar_one()
    return Count(
        row.count_id, row.store, row.location, row.name, row.state, row.version, row.created_ms, articles, body.skus,
        body.variances,
    )  # fmt: skip
