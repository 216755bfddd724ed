"""Money that a payment service gives back: asked for once for each cause, done when the service's connector says so."""

from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.asking import (
    CANCELLED,
    DONE,
    OPEN,
    STARTED,
    TASK,
    ask_again,
    gone,
    put,
    refuse,
    start,
    stop,
)
from sync.hub.shop.returns.core import see
from sync.hub.shop.returns.messages import Refunded, RefundRefused, Return

__all__ = [
    "CANCELLED",
    "DONE",
    "STARTED",
    "RefundedAsk",
    "RefusedAsk",
    "ask_again",
    "cancel",
    "refunded",
    "refused",
    "start",
]


class RefundedAsk(Struct, frozen=True):
    """`name`: the return's id, or the refund's own."""

    name: str
    about: Refunded


class RefusedAsk(Struct, frozen=True):
    """`name`: the return's id, or the refund's own."""

    name: str
    about: RefundRefused


def cancel(work: Work, store: str, receipt: str) -> None:
    """The document that asked for it was taken back; where the money is gone, people must look."""
    c = t.return_refund.c
    query = sa.select(t.return_refund).where(c.receipt == f"{store}/{receipt}").with_for_update()
    for row in work.execute(query).all():
        stop(work, row)


def refused(work: Work, ask: RefusedAsk) -> Return:
    """The service will not give it back: a person does. Raises RefusedError 403, 404; what is done stays done."""
    rows = _rows(work, ask.name)
    for row in rows:
        if row.state == STARTED:
            refuse(work, row, ask.about.reason)
    return _told(work, rows[0])


def refunded(work: Work, ask: RefundedAsk) -> Return:
    """The service gave it back. Raises RefusedError 403 for the public and tills, 404, 409 with another amount or reference."""
    rows = _rows(work, ask.name)
    again = [row for row in rows if row.reference == ask.about.reference]
    if not again:
        open_ = [row for row in rows if row.state in OPEN]
        row = next((one for one in open_ if one.amount_minor == ask.about.amount_minor), None)
        stopped = [
            row for row in rows if row.state == CANCELLED and row.amount_minor == ask.about.amount_minor
        ]
        if row is None and stopped:  # it was done before the service heard that nobody wants it
            row = stopped[0]
            gone(work, row, ask.about.reference)
        if row is None:
            amounts = ", ".join(str(one.amount_minor) for one in open_)
            raise RefusedError(409, "amount", "No refund of this amount is open", amounts)
        put(work, row, state=DONE, reference=ask.about.reference, next_ms=0)
        todo.withdraw(work, row.store, TASK, row.refund_id)
        data = {"order_id": row.order_id, "return_id": row.return_id, "amount_minor": row.amount_minor}
        work.event(row.store, "refund.done", row.refund_id, data)
        if len(open_) == 1 and row.return_id:
            h = t.return_hold.c
            work.execute(
                t.return_hold.update()
                .where(h.store == row.store, h.return_id == row.return_id)
                .values(state=DONE)
            )
    elif again[0].amount_minor != ask.about.amount_minor:
        raise RefusedError(
            409, "amount", "This refund is known with another amount", str(again[0].amount_minor)
        )
    return _told(work, (again or rows)[0])


def _told(work: Work, row: Any) -> Return:
    if row.return_id:
        return see(work, row.return_id)
    c = t.return_refund.c
    state = work.execute(
        sa.select(c.state).where(c.store == row.store, c.refund_id == row.refund_id)
    ).scalar_one()
    return Return(row.refund_id, state, 0, (), row.amount_minor, ())


def _rows(work: Work, name: str) -> list[Any]:
    """The refunds of a return, or the one of this name, locked. Raises RefusedError 403, 404."""
    if work.actor.role not in {"admin", "connector", "staff"}:
        raise RefusedError(403, "forbidden", "What a service does is said by its connector")
    c = t.return_refund.c
    rows = work.execute(
        sa.select(t.return_refund)
        .where(sa.or_(c.return_id == name, c.refund_id == name))
        .order_by(c.refund_id)
        .with_for_update()
    ).all()
    if not rows:
        raise not_found("refund", name)
    for row in rows:
        work.actor.demand_store(row.store)
    return list(rows)
