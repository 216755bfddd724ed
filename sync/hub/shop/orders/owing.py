"""What is to be given back for an order that is over: the services that were paid are asked, and people for the rest."""

from typing import Any, Final

import msgspec

from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.body import Held, value_of
from sync.hub.shop.returns import asking

__all__ = ["REFUND", "TWICE", "nothing_yet", "open_minor", "owe"]

REFUND: Final = "order-refund"
TWICE: Final = "given-back-twice"


def owe(work: Work, held: Held, reason: str) -> None:
    """What was paid for goods that will not come is given back where it was paid: by payment services first. What people settled
    before counts; a service's refund and one open task say what is left, however often an order ends. What left beyond what was
    ordered is with the customer: its money stays.
    """
    paid = sum(payment.amount_minor for payment in held.body.payments)
    online = sum(one.amount_minor for one in held.body.payments if one.provider not in asking.COUNTER)
    known = todo.about(work, held.store, REFUND, held.order_id)
    settled = sum(_amount(one) for one in known if one.state == "done")
    here = held.body.returned_minor
    total = paid - here - value_of(held) - held.body.beyond_minor - settled
    _say_twice(work, held, here + settled - max(0, paid - value_of(held) - held.body.beyond_minor))
    by_service = max(0, min(total, online - asking.returned_minor(work, held))) if online else 0
    if online:
        asking.ask_for(work, held, by_service)
    left = total - by_service
    waiting = next((one for one in known if one.state == todo.OPEN), None)
    if left <= 0:
        if waiting is not None:
            todo.withdraw(work, held.store, REFUND, waiting.key)
        return
    data: dict[str, Any] = {
        "number": held.number, "amount_minor": left, "reason": reason,
        "payments": [(one.provider, one.reference, one.amount_minor) for one in held.body.payments],
    }  # fmt: skip
    if waiting is None:
        key = f"{held.order_id}/{sum(one.state == 'done' for one in known) + 1}"
        todo.add(work, held.store, REFUND, key, subject=held.order_id, data=data)
    elif _amount(waiting) != left:
        todo.restate(work, held.store, REFUND, waiting.key, data)


def _say_twice(work: Work, held: Held, more: int) -> None:
    """More went back than was owed, by tills or by a person and with the goods as well: people must look."""
    if more <= 0:
        todo.withdraw(work, held.store, TWICE, held.order_id)
        return
    data = {
        "number": held.number, "value_minor": more, "receipts": [receipt for receipt, _ in held.body.backs],
    }  # fmt: skip
    if not todo.add(work, held.store, TWICE, held.order_id, subject=held.order_id, data=data):
        todo.restate(work, held.store, TWICE, held.order_id, data)


def nothing_yet(work: Work, held: Held) -> None:
    """It is not over any more: what is to be given back is known at its end."""
    for one in todo.about(work, held.store, REFUND, held.order_id):
        todo.withdraw(work, held.store, REFUND, one.key)
    for row in asking.of_order(work, held):
        asking.stop(work, row)


def open_minor(work: Work, held: Held) -> int:
    """What people are asked to give back for it just now."""
    known = todo.about(work, held.store, REFUND, held.order_id)
    return sum(_amount(one) for one in known if one.state == todo.OPEN)


def _amount(task: todo.Task) -> int:
    return int(msgspec.json.decode(task.data)["amount_minor"])
