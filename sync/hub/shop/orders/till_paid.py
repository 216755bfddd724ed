"""Orders that were made at a till: what its sale took for them, down payments, and receipts of theirs that are voided."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core, goods
from sync.hub.shop.orders.body import Held, hold, value_of
from sync.hub.shop.orders.messages import Payment
from sync.hub.shop.orders.owing import owe

__all__ = ["DOWN_PAYMENT", "TillPaid", "given_back", "paid_at_till", "voided_at_till"]

DOWN_PAYMENT = "down-payment"


class TillPaid(Struct, frozen=True):
    """What receipt `receipt` took for an order: a down payment (`down`), or all of its goods, `sold` by sku."""

    order_id: str
    receipt: str
    minor: int
    sold: Mapping[str, Decimal]
    down: bool = False


def paid_at_till(work: Work, paid: TillPaid) -> None:
    """Once for each receipt. A receipt of goods decides what was ordered and for how much. Raises RefusedError 404."""
    held = hold(work, paid.order_id)
    if paid.minor <= 0 or any(one.reference == paid.receipt for one in held.body.payments):
        return
    ended = held.state not in {"placed", "confirmed"}
    if not paid.down and held.state == "placed":
        _as_sold(work, held, paid)
    payment = Payment(paid.minor, DOWN_PAYMENT if paid.down else "till", paid.receipt)
    held.body = replace(held.body, payments=_in_order((*held.body.payments, payment)))
    if ended:
        owe(work, held, "paid-after-end")
    core.confirm(work, held)
    held.event(work, "order.paid", amount_minor=paid.minor, state=held.state)
    held.write(work, terms=True)


def given_back(work: Work, order_id: str, receipt: str, minor: int) -> None:
    """A receipt that hands nothing over gave a down payment back; once for each receipt. Raises RefusedError 404."""
    held = hold(work, order_id)
    if any(known == receipt for known, _ in held.body.backs):
        return
    giving = held.body.giving
    if giving is not None and receipt.startswith(f"{giving.till}-"):
        giving = None
    held.body = replace(held.body, backs=tuple(sorted((*held.body.backs, (receipt, minor)))), giving=giving)
    if held.state not in {"placed", "confirmed"}:
        owe(work, held, "given-back")
    held.event(work, "order.given_back", receipt=receipt, amount_minor=minor)
    held.write(work, terms=True)


def _in_order(payments: tuple[Payment, ...]) -> tuple[Payment, ...]:
    """Tills' receipts stand behind what came elsewhere, by their numbers, and hand-overs last: whichever is heard first, it is the
    same order.
    """
    at_tills = [one for one in payments if one.provider in {DOWN_PAYMENT, "till"}]
    handed = [one for one in payments if one.provider == "counter"]
    others = [one for one in payments if one not in at_tills and one not in handed]
    return (*others, *sorted(at_tills, key=lambda one: one.reference), *handed)


def _as_sold(work: Work, held: Held, paid: TillPaid) -> None:
    """Lines that were taken out of the sale again do not come; the rest costs what the receipt says."""
    left = dict(paid.sold)
    for line in held.body.lines:
        got = min(line.qty, left.get(line.sku, Decimal(0)))
        left[line.sku] = left.get(line.sku, Decimal(0)) - got
        if got < line.qty:
            held.put_line(replace(line, written_off=line.qty - got))
            _short(work, held, line.n, line.qty - got)
    live = [line for line in held.body.lines if line.qty > line.written_off]
    if live:
        first = live[0]
        more = paid.minor - value_of(held)
        share = (first.qty - first.written_off) / first.qty
        held.put_line(replace(first, pay_minor=max(0, first.pay_minor + round(more / share))))


def _short(work: Work, held: Held, n: int, qty: Decimal) -> None:
    for task in list(held.tasks.values()):
        lines = []
        for line in task.doing.lines:
            if line.n == n:
                if line.qty == qty:
                    goods.release(work, line.reservation)
                lines.append(replace(line, short=qty))
            else:
                lines.append(line)
        held.put(replace(task, doing=replace(task.doing, lines=tuple(lines))))


def voided_at_till(work: Work, order_id: str, receipt: str) -> None:
    """The till gave the money back, or took back what it gave. Without its payment nothing is to be collected any more.
    Raises RefusedError 404.
    """
    held = hold(work, order_id)
    backs = tuple(one for one in held.body.backs if one[0] != receipt)
    payments = tuple(one for one in held.body.payments if one.reference != receipt)
    unpaid = len(payments) < len(held.body.payments)
    if not unpaid and len(backs) == len(held.body.backs):
        return
    held.body = replace(held.body, backs=backs, payments=payments)
    if (
        unpaid
        and held.state in {"placed", "confirmed"}
        and not any(line.delivered for line in held.body.lines)
    ):
        for task in list(held.tasks.values()):
            if task.state not in {"handed_over", "rejected", "expired", "cancelled"}:
                core.put_back(work, held, task, "cancelled", "receipt-voided")
        held.state = "cancelled"
    if held.state not in {"placed", "confirmed"}:
        owe(work, held, "receipt-voided")
    if unpaid:
        held.event(work, "order.cancelled", reason="receipt-voided")
    else:
        held.event(work, "order.given_back", receipt=receipt, amount_minor=0)
    held.write(work, terms=True)
