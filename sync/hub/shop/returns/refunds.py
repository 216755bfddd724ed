"""Money that a payment service gives back: asked for once for each cause, done when the service's connector says so."""

from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from sync.hub.database import insert_or_keep
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.body import Held
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.core import see
from sync.hub.shop.returns.messages import Refunded, Return
from sync.hub.shop.returns.purchases import COUNTER

__all__ = ["CANCELLED", "DONE", "STARTED", "RefundedAsk", "cancel", "refunded", "start"]

STARTED, DONE, CANCELLED = "refund-started", "refunded", "cancelled"
TASK = "refund"


class RefundedAsk(Struct, frozen=True):
    """`name`: the return's id, or the refund's own."""

    name: str
    about: Refunded


def start(
    work: Work, held: Held, refund_id: str, minor: int, *, receipt: str = "", return_id: str = ""
) -> None:
    """Ask the services that were paid for `minor` back. Nothing happens the second time."""
    row = {
        "store": held.store, "refund_id": refund_id, "order_id": held.order_id, "receipt": receipt,
        "return_id": return_id, "amount_minor": minor, "state": STARTED, "reference": "",
        "created_ms": work.now_ms,
    }  # fmt: skip
    c = t.return_refund.c
    mine = (c.store == held.store, c.refund_id == refund_id)
    if work.execute(sa.select(c.state).where(*mine)).first() is not None:
        return
    insert_or_keep(work.connection, t.return_refund, [row])
    data = {
        "refund_id": refund_id, "return_id": return_id, "order_id": held.order_id, "number": held.number,
        "amount_minor": minor, "currency": held.body.currency,
        "payments": [
            (one.provider, one.reference, one.amount_minor)
            for one in held.body.payments
            if one.provider not in COUNTER
        ],
    }  # fmt: skip
    todo.add(work, held.store, TASK, refund_id, subject=held.order_id, data=data)
    work.event(held.store, "refund.requested", refund_id, data)
    held.event(work, "order.refund_started", refund_id=refund_id, amount_minor=minor)


def cancel(work: Work, store: str, receipt: str) -> None:
    """The document that asked for it was taken back; where the money is gone, people must look."""
    c = t.return_refund.c
    query = sa.select(t.return_refund).where(c.receipt == f"{store}/{receipt}").with_for_update()
    for row in work.execute(query).all():
        if row.state == STARTED:
            _put(work, row, state=CANCELLED)
            todo.withdraw(work, row.store, TASK, row.refund_id)
            work.event(row.store, "refund.cancelled", row.refund_id, {"order_id": row.order_id})
        elif row.state == DONE:
            todo.add(
                work, row.store, "refunded-and-voided", row.refund_id, subject=row.order_id,
                data={"amount_minor": row.amount_minor, "reference": row.reference},
            )  # fmt: skip


def refunded(work: Work, ask: RefundedAsk) -> Return:
    """The service gave it back. Raises RefusedError 403 for the public and tills, 404, 409 with another amount or reference."""
    if work.actor.role not in {"admin", "connector", "staff"}:
        raise RefusedError(403, "forbidden", "That a service gave money back is said by its connector")
    c = t.return_refund.c
    rows = work.execute(
        sa.select(t.return_refund)
        .where(sa.or_(c.return_id == ask.name, c.refund_id == ask.name))
        .order_by(c.refund_id)
        .with_for_update()
    ).all()
    if not rows:
        raise not_found("refund", ask.name)
    for row in rows:
        work.actor.demand_store(row.store)
    again = [row for row in rows if row.reference == ask.about.reference]
    if not again:
        open_ = [row for row in rows if row.state == STARTED]
        row = next((one for one in open_ if one.amount_minor == ask.about.amount_minor), None)
        if row is None:
            amounts = ", ".join(str(one.amount_minor) for one in open_)
            raise RefusedError(409, "amount", "No refund of this amount is open", amounts)
        _put(work, row, state=DONE, reference=ask.about.reference)
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
    row = (again or rows)[0]
    if row.return_id:
        return see(work, row.return_id)
    return Return(row.refund_id, DONE, 0, (), row.amount_minor, ())


def _put(work: Work, row: Any, **values: Any) -> None:
    c = t.return_refund.c
    mine = (c.store == row.store, c.refund_id == row.refund_id)
    work.execute(t.return_refund.update().where(*mine).values(**values))
