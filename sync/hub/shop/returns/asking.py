"""Payment services are asked to give money back: once for each cause, again while they are silent, a person when nobody else does.

A service's connector is told by the event `refund.requested` and answers when it is done, or that it will not. It is asked again
after an hour and after six more. A task `refund` is there at once where no subscription hears the event, when the service
refuses, and after a day of silence.
"""

from typing import Any, Final

import sqlalchemy as sa

from sync.hub.prepared import prepared
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.body import Held, hold
from sync.hub.shop.returns import tables as t
from sync.hub.shop.webhooks.matching import is_heard

__all__ = [
    "CANCELLED",
    "COUNTER",
    "DONE",
    "OPEN",
    "REFUSED",
    "STARTED",
    "TASK",
    "ask_again",
    "ask_for",
    "gone",
    "of_order",
    "put",
    "refuse",
    "returned_minor",
    "start",
    "stop",
]

STARTED, REFUSED, DONE, CANCELLED = "refund-started", "refund-refused", "refunded", "cancelled"
OPEN: Final = frozenset({STARTED, REFUSED})
TASK: Final = "refund"
COUNTER: Final = frozenset({"counter", "till", "down-payment"})
"""Who took a payment that no service gives back."""
_HOUR_MS: Final = 3_600_000
_WAITS: Final = (_HOUR_MS, 6 * _HOUR_MS, 17 * _HOUR_MS)
"""Between one question and the next; after the last a person is asked."""


@prepared
def _due(now_ms: Any) -> Any:
    c = t.return_refund.c
    query = sa.select(c.store, c.refund_id).where(c.next_ms > 0, c.next_ms <= now_ms)
    return query.order_by(c.next_ms, c.refund_id).limit(1)


@prepared
def _locked(store: Any, refund_id: Any) -> Any:
    c = t.return_refund.c
    return sa.select(t.return_refund).where(c.store == store, c.refund_id == refund_id).with_for_update()


def start(
    work: Work, held: Held, refund_id: str, minor: int, *, receipt: str = "", return_id: str = ""
) -> bool:
    """Ask the services that were paid for `minor` back. Nothing happens the second time. False: it was asked before."""
    if _locked.first(work.connection, held.store, refund_id) is not None:
        return False
    row = {
        "store": held.store, "refund_id": refund_id, "order_id": held.order_id, "receipt": receipt,
        "return_id": return_id, "amount_minor": minor, "state": STARTED, "reference": "",
        "created_ms": work.now_ms, "asked": 1, "next_ms": work.now_ms + _WAITS[0],
    }  # fmt: skip
    work.execute(t.return_refund.insert(), row)
    data = _said(held, refund_id, return_id, minor)
    work.event(held.store, "refund.requested", refund_id, data)
    if not is_heard(work, held.store, "refund.requested"):
        todo.add(work, held.store, TASK, refund_id, subject=held.order_id, data=data)
    held.event(work, "order.refund_started", refund_id=refund_id, amount_minor=minor)
    return True


def _said(held: Held, refund_id: str, return_id: str, minor: int) -> dict[str, Any]:
    return {
        "refund_id": refund_id, "return_id": return_id, "order_id": held.order_id, "number": held.number,
        "amount_minor": minor, "currency": held.body.currency,
        "payments": [
            (one.provider, one.reference, one.amount_minor)
            for one in held.body.payments
            if one.provider not in COUNTER
        ],
    }  # fmt: skip


def ask_again(work: Work) -> int:
    """The refund whose answer is longest overdue: asked again, or given to a person; counts it. A tick of the hub's."""
    due = _due.first(work.connection, work.now_ms)
    if due is None:
        return 0
    row = _locked.first(work.connection, due.store, due.refund_id)
    if row is None or row.state != STARTED or not 0 < row.next_ms <= work.now_ms:
        return 1
    held = hold(work, row.order_id, lock=False)
    data = _said(held, row.refund_id, row.return_id, row.amount_minor)
    if row.asked < len(_WAITS):
        put(work, row, asked=row.asked + 1, next_ms=work.now_ms + _WAITS[row.asked])
        work.event(row.store, "refund.requested", row.refund_id, {**data, "asked": row.asked + 1})
        return 1
    put(work, row, next_ms=0)
    todo.add(work, row.store, TASK, row.refund_id, subject=row.order_id, data={**data, "why": "silent"})
    return 1


def refuse(work: Work, row: Any, reason: str) -> None:
    """The service will not: a person does."""
    held = hold(work, row.order_id, lock=False)
    put(work, row, state=REFUSED, next_ms=0)
    data = {**_said(held, row.refund_id, row.return_id, row.amount_minor), "why": reason or "refused"}
    todo.add(work, row.store, TASK, row.refund_id, subject=row.order_id, data=data)
    work.event(row.store, "refund.refused", row.refund_id, {"order_id": row.order_id, "reason": reason})


def stop(work: Work, row: Any) -> None:
    """What asked for it does not hold any more; where the money is gone, people must look."""
    if row.state in OPEN:
        put(work, row, state=CANCELLED, next_ms=0)
        todo.withdraw(work, row.store, TASK, row.refund_id)
        work.event(row.store, "refund.cancelled", row.refund_id, {"order_id": row.order_id})
    elif row.state == DONE:
        gone(work, row, row.reference)


def gone(work: Work, row: Any, reference: str) -> None:
    """The service gave back what nobody owes any more."""
    todo.add(
        work, row.store, "refunded-and-voided", row.refund_id, subject=row.order_id,
        data={"amount_minor": row.amount_minor, "reference": reference},
    )  # fmt: skip


def put(work: Work, row: Any, **values: Any) -> None:
    c = t.return_refund.c
    mine = (c.store == row.store, c.refund_id == row.refund_id)
    work.execute(t.return_refund.update().where(*mine).values(**values))


# -- orders that ended


def of_order(work: Work, held: Held) -> list[Any]:
    """What services were asked for as the order ended, the oldest first."""
    c = t.return_refund.c
    mine = (c.store == held.store, c.order_id == held.order_id, c.receipt == "")
    return list(work.execute(sa.select(t.return_refund).where(*mine).order_by(c.created_ms, c.refund_id)))


def returned_minor(work: Work, held: Held) -> int:
    """What services were asked for as goods of the order came back."""
    c = t.return_refund.c
    query = sa.select(sa.func.sum(c.amount_minor)).where(
        c.store == held.store, c.order_id == held.order_id, c.receipt != "", c.state != CANCELLED
    )
    return int(work.execute(query).scalar() or 0)


def ask_for(work: Work, held: Held, minor: int) -> None:
    """So much in all is to be given back for an order that ended: what is missing is asked for, what is too much is not wanted."""
    rows = of_order(work, held)
    standing = [row for row in rows if row.state != CANCELLED]
    asked = sum(row.amount_minor for row in standing)
    for row in reversed(standing):
        if asked <= minor:
            break
        stop(work, row)
        asked -= row.amount_minor if row.state in OPEN else 0
    if asked < minor:
        start(work, held, f"{held.store}.{held.order_id}.{len(rows) + 1}", minor - asked)
