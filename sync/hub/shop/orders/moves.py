"""What a store does for an order, step by step: accepted, picked, short, ready, sent; and what a till holds while it hands over.

Each step names the states from which it may be done; the order's row is locked, so of two that come at once one is second.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import clocks, core, goods
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import (
    ENDED,
    Doing,
    Held,
    Task,
    held_by_fulfillment,
    hold,
    quantity,
    shown,
    value_of,
)
from sync.hub.shop.orders.messages import (
    ClaimCode,
    Extend,
    FulfillmentLine,
    Label,
    Order,
    OrderLine,
    Pick,
    Ready,
    Reason,
    Released,
    Ship,
    Short,
    WorkList,
    WorkRow,
)

__all__ = [
    "LEASE_MS",
    "ClaimAsk",
    "Listed",
    "Step",
    "accept",
    "claim",
    "extend",
    "label",
    "pick",
    "ready",
    "reject",
    "release",
    "ship",
    "short",
    "work_list",
]

LEASE_MS: Final = 10 * 60_000
_SENT: Final = frozenset({"ship_from_store", "endless_aisle"})


class Step(Struct, frozen=True):
    """A step of one fulfillment of a store; `about` is what its message says."""

    store: str
    fulfillment_id: str
    about: Any = None


class ClaimAsk(Struct, frozen=True):
    store: str
    about: ClaimCode


class Listed(Struct, frozen=True):
    """`state`: one state, or "open" for all that is not over."""

    store: str
    state: str
    cursor: str
    limit: int


def _at(work: Work, ask: Step, *states: str) -> tuple[Held, Task]:
    work.actor.demand_store(ask.store)
    held, task = held_by_fulfillment(work, ask.store, ask.fulfillment_id)
    if held.state == "placed":
        raise RefusedError(409, "not-paid", "This order is not paid yet")
    _must(work, task, *states)
    return held, task


def _must(work: Work, task: Task, *states: str) -> None:
    if task.claimed(work.now_ms) and "claimed" not in states:
        raise RefusedError(409, "claimed", "A till hands it over just now", task.claimed_by)
    state = "ready" if task.state == "claimed" and not task.claimed(work.now_ms) else task.state
    if state not in states:
        raise RefusedError(409, "state", "This cannot be done with it now", state)


def _done(work: Work, held: Held, task: Task, type_: str, *, terms: bool = False, **more: Any) -> Order:
    held.put(task)
    held.event(work, type_, fulfillment_id=task.fulfillment_id, state=task.state, **more)
    held.write(work, terms=terms)
    return shown(held)


def accept(work: Work, ask: Step) -> Order:
    held, task = _at(work, ask, "new")
    doing = replace(task.doing, accepted_ms=work.now_ms)
    return _done(work, held, replace(task, state="accepted", doing=doing), "order.accepted")


def reject(work: Work, ask: Step) -> Order:
    """The store cannot; another one does, or a person decides which."""
    about: Reason = ask.about
    held, task = _at(work, ask, "new", "accepted", "picking", "short_picked")
    left = [(line.n, line.qty - line.short) for line in task.doing.lines if line.qty > line.short]
    core.put_back(work, held, task, "rejected", about.reason)
    if about.to_store:
        core.begin_work(work, held, about.to_store, left)
    else:
        todo.add(
            work, held.store, "re-route", task.fulfillment_id, subject=held.order_id,
            data={"number": held.number, "reason": about.reason, "lines": [(n, str(qty)) for n, qty in left]},
        )  # fmt: skip
    held.event(work, "order.rejected", fulfillment_id=task.fulfillment_id, to_store=about.to_store)
    held.write(work)
    return shown(held)


def pick(work: Work, ask: Step) -> Order:
    """Scanned from the shelf. Never more than is wanted, never below nothing."""
    about: Pick = ask.about
    held, task = _at(work, ask, "new", "accepted", "picking", "short_picked")
    for one in about.lines:
        qty = quantity(one.qty, negative=True)
        line = _line(task, one.n)
        picked = line.picked + qty
        if picked < 0 or picked + line.short > line.qty:
            raise RefusedError(409, "too-much", "More than this order wants", f"line {one.n}")
        task = _with_line(task, replace(line, picked=picked))
        known = held.line(one.n)
        held.put_line(replace(known, fulfilled=known.fulfilled + qty))
    doing = replace(task.doing, accepted_ms=task.doing.accepted_ms or work.now_ms)
    state = task.state if task.state == "short_picked" else "picking"
    return _done(work, held, replace(task, state=state, doing=doing), "order.picking")


def short(work: Work, ask: Step) -> Order:
    """Some of a line is not there."""
    about: Short = ask.about
    held, task = _at(work, ask, "new", "accepted", "picking", "short_picked")
    qty = quantity(about.qty)
    line, known = _line(task, about.n), held.line(about.n)
    if line.picked + line.short + qty > line.qty:
        raise RefusedError(409, "too-much", "More than this order wants", f"line {about.n}")
    task = _with_line(
        task, _less_reserved(work, held, task.store, known.sku, replace(line, short=line.short + qty))
    )
    match about.choice:
        case "partial":
            held.put_line(replace(known, written_off=known.written_off + qty))
        case "backorder":
            core.begin_work(work, held, task.store, [(about.n, qty)])
        case "substitute":
            task = _substitute(work, held, task, known, about, qty)
    done = _done(
        work, held, replace(task, state="short_picked"), "order.short_picked", terms=True, choice=about.choice
    )  # fmt: skip
    if all(one.short == one.qty for one in task.doing.lines):
        core.put_back(work, held, task, "cancelled", "nothing-there")
        core.settle_order(work, held, "nothing-there")
        held.write(work)
        return shown(held)
    return done


def _less_reserved(work: Work, held: Held, store: str, sku: str, line: FulfillmentLine) -> FulfillmentLine:
    """What is not there is not promised: the reservation ends, a smaller one takes its place where some is left."""
    if not line.reservation:
        return line
    goods.release(work, line.reservation)
    left = line.qty - line.short
    try:
        name = goods.reserve(work, store, sku, left, held.order_id) if left > 0 else ""
    except RefusedError:
        name = ""
    return replace(line, reservation=name)


def _substitute(work: Work, held: Held, task: Task, known: OrderLine, about: Short, qty: Decimal) -> Task:
    given = about.substitute
    if given is None:
        raise RefusedError(422, "substitute", "Say what goes for it")
    own_qty = quantity(given.qty)
    was = value_of(held)
    held.put_line(replace(known, written_off=known.written_off + qty))
    ordered = was - value_of(held)
    n = max(line.n for line in held.body.lines) + 1
    pay = min(given.pay_minor, ordered)
    held.put_line(
        OrderLine(
            n,
            given.sku,
            given.text or given.sku,
            own_qty,
            pay,
            given.gtin,
            given.unit,
            given.tax or known.tax,
            max(given.min_age, 0),
            for_n=known.n,
        )
    )
    reservation = goods.reserve(work, task.store, given.sku, own_qty, held.order_id)
    lines = (*task.doing.lines, FulfillmentLine(n, own_qty, reservation=reservation))
    return replace(task, doing=replace(task.doing, lines=lines))


def ready(work: Work, ask: Step) -> Order:
    """All of it is picked or known to be missing; it stands on its shelf until its time is over."""
    about: Ready = ask.about
    held, task = _at(work, ask, "new", "accepted", "picking", "short_picked")
    missing = [line.n for line in task.doing.lines if line.picked + line.short < line.qty]
    if missing:
        raise RefusedError(409, "not-picked", "Not all of it is picked", f"lines {missing}"[:64])
    for line in task.doing.lines if task.doing.arrives else ():
        goods.forward(
            work, task.store, held.line(line.n).sku, line.picked, f"arrive/{task.fulfillment_id}/{line.n}"
        )
    store = core.store_of(work, task.store)
    forwards = held.kind not in _SENT and task.store != held.store
    deadline = 0 if held.kind in _SENT or forwards else clocks.keep_until(store, work.now_ms, store.keep_days)
    clock = clocks.next_clock(work.now_ms, deadline, 0) if deadline else 0
    doing = replace(task.doing, ready_ms=work.now_ms, shelf=about.shelf, bags=about.bags)
    task = replace(task, state="ready", deadline_ms=deadline, clock_ms=clock, reminded=0, doing=doing)
    if forwards:
        return _done(work, held, task, "order.picked")
    return _done(work, held, task, "order.ready", terms=True, deadline_ms=deadline)


def extend(work: Work, ask: Step) -> Order:
    """Keep it longer: from now, if its time is over already."""
    about: Extend = ask.about
    held, task = _at(work, ask, "ready")
    store = core.store_of(work, task.store)
    deadline = clocks.keep_until(store, max(work.now_ms, task.deadline_ms - 1), about.days)
    deadline = max(deadline, task.deadline_ms)
    clock = max(work.now_ms, clocks.next_clock(task.doing.ready_ms, deadline, task.reminded))
    task = replace(task, state="ready", claimed_by="", deadline_ms=deadline, clock_ms=clock)
    return _done(work, held, task, "order.extended", terms=True, deadline_ms=deadline)


def label(work: Work, ask: Step) -> Order:
    about: Label = ask.about
    held, task = _at(work, ask, "accepted", "picking", "short_picked", "ready")
    return _done(work, held, replace(task, doing=replace(task.doing, label=about)), "order.labelled")


def ship(work: Work, ask: Step) -> Order:
    """The carrier has it: delivered, as far as the store goes. What is collected elsewhere goes to that store first."""
    about: Ship = ask.about
    held, task = _at(work, ask, "ready")
    if held.kind not in _SENT and task.store != held.store:
        return _forward(work, held, task, about.label or task.doing.label)
    found = about.label or task.doing.label
    if found is None:
        raise RefusedError(409, "label", "The parcel has no label yet")
    for line in task.doing.lines:
        known = held.line(line.n)
        held.put_line(replace(known, delivered=known.delivered + line.picked))
        goods.spend(work, line.reservation, task.fulfillment_id)
        if line.picked:
            goods.issue(
                work, task.store, known.sku, line.picked, f"ship/{task.fulfillment_id}/{line.n}", work.now_ms
            )
    doing = replace(task.doing, label=found, ended_ms=work.now_ms)
    task = replace(task, state="handed_over", clock_ms=0, doing=doing)
    held.put(task)
    core.settle_order(work, held, "shipped")
    return _done(work, held, task, "order.shipped", terms=True, url=found.url)


def _forward(work: Work, held: Held, task: Task, label: Label | None) -> Order:
    """To the store where it is collected: there it arrives as work of its own."""
    coming = []
    for line in task.doing.lines:
        goods.spend(work, line.reservation, task.fulfillment_id)
        if line.picked:
            known = held.line(line.n)
            cause = f"forward/{task.fulfillment_id}/{line.n}"
            goods.forward(work, task.store, known.sku, -line.picked, cause)
            held.put_line(replace(known, fulfilled=known.fulfilled - line.picked))
            coming.append(FulfillmentLine(line.n, line.picked))
    doing = replace(task.doing, label=label, ended_ms=work.now_ms, forwarded=True)
    held.put(replace(task, state="handed_over", clock_ms=0, deadline_ms=0, doing=doing))
    due = clocks.ready_by(core.store_of(work, held.store), work.now_ms)
    arriving = Doing(tuple(coming), work.now_ms, accepted_ms=work.now_ms, arrives=True)
    held.put(Task(held.store, work.new_id(), "accepted", due, 0, 0, 0, "", 0, 0, arriving))
    held.event(work, "order.forwarded", fulfillment_id=task.fulfillment_id, to_store=held.store)
    held.write(work, terms=True)
    return shown(held)


# -- the till


def claim(work: Work, ask: ClaimAsk) -> Order:
    """A till takes the hand-over: nobody else does while its lease holds, and its time does not run out meanwhile.

    The same till again renews it. Raises RefusedError 409 with who has it ("claimed"), or with the state it is in.
    """
    work.actor.demand_store(ask.store)
    order_id = core.find_by_code(work, ask.store, ask.about.code)
    held = hold(work, order_id, lock=not ask.about.peek)
    here = [task for task in held.tasks.values() if task.store == ask.store]
    if ask.about.peek:
        if not here:
            core.see(work, core.Seen(order_id))
        return shown(held)
    work.actor.demand("orders:write")
    if ask.about.fulfillment:
        here = [task for task in here if task.fulfillment_id == ask.about.fulfillment]
    till = work.actor.name
    waiting = [task for task in here if task.state in {"ready", "claimed"}]
    waiting.sort(key=lambda one: one.claimed(work.now_ms) and one.claimed_by != till)
    if not waiting:
        states = sorted({task.state for task in here}) or [held.state]
        raise RefusedError(409, f"pickup-{_foremost(states)}", "It is not ready to be handed over", states[0])
    task = waiting[0]
    if task.claimed(work.now_ms) and task.claimed_by != till:
        raise RefusedError(409, "claimed", "Another till hands it over just now", task.claimed_by)
    fresh = not (task.claimed(work.now_ms) and task.claimed_by == till)
    task = replace(
        task, state="claimed", claimed_by=till, lease_ms=work.now_ms + LEASE_MS, claims=task.claims + fresh
    )
    return _done(work, held, task, "order.claimed", till=till)


def _foremost(states: list[str]) -> str:
    order = ("new", "accepted", "picking", "short_picked", "expired", "cancelled", "rejected", "handed_over")
    return next((state for state in order if state in states), states[0]).replace("_", "-")


def release(work: Work, ask: Step) -> Order:
    """The till gives it back to its shelf; nothing happens where its claim is not the newest."""
    about: Released = ask.about
    work.actor.demand_store(ask.store)
    held, task = held_by_fulfillment(work, ask.store, ask.fulfillment_id)
    if task.state != "claimed" or task.claimed_by != work.actor.name or task.claims != about.claim:
        return shown(held)
    return _done(work, held, replace(task, state="ready", claimed_by="", lease_ms=0), "order.released")


# -- the list


def work_list(work: Work, ask: Listed) -> WorkList:
    """A store's work, by the clock that runs first."""
    work.actor.demand_store(ask.store)
    c, h = t.order_fulfillment.c, t.order_head.c
    by = sa.case((c.deadline_ms > 0, c.deadline_ms), else_=c.due_ms)
    joined = t.order_fulfillment.join(
        t.order_head, sa.and_(h.store == c.order_store, h.order_id == c.order_id)
    )
    query = sa.select(c.order_id, c.fulfillment_id, by.label("by_ms")).select_from(joined)
    query = query.where(c.store == ask.store, h.state != "placed")
    query = query.where(c.state.not_in(sorted(ENDED)) if ask.state == "open" else c.state == ask.state)
    place = after(ask.cursor, int, str)
    if place is not None:
        query = query.where(sa.tuple_(by, c.fulfillment_id) > place)
    rows: list[Any] = list(work.execute(query.order_by(by, c.fulfillment_id).limit(ask.limit + 1)))
    page = rows[: ask.limit]
    following = cursor_of(page[-1].by_ms, page[-1].fulfillment_id) if len(rows) > ask.limit else ""
    return WorkList(tuple(_row(work, row) for row in page), work.now_ms, following)


def _row(work: Work, row: Any) -> WorkRow:
    held = hold(work, row.order_id, lock=False)
    task = held.task(row.fulfillment_id)
    order = shown(held)
    pieces = sum((line.qty - line.short for line in task.doing.lines), Decimal(0))
    first = held.line(task.doing.lines[0].n).text
    state = "ready" if task.state == "claimed" and not task.claimed(work.now_ms) else task.state
    return WorkRow(
        held.order_id, task.fulfillment_id, held.store, held.number, held.kind, state, row.by_ms,
        task.doing.created_ms, pieces, order.rest_minor, first, held.body.purpose, task.doing.shelf,
        row.by_ms < work.now_ms,
    )  # fmt: skip


def _line(task: Task, n: int) -> FulfillmentLine:
    found = next((line for line in task.doing.lines if line.n == n), None)
    if found is None:
        raise RefusedError(422, "line", "This store has no such line to do", str(n))
    return found


def _with_line(task: Task, line: FulfillmentLine) -> Task:
    lines = tuple(line if one.n == line.n else one for one in task.doing.lines)
    return replace(task, doing=replace(task.doing, lines=lines))


Move = Callable[[Work, Step], Order]
