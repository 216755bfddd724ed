"""What the tills' facts mean for orders."""

from contextlib import suppress
from decimal import Decimal

from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import receipts
from sync.hub.shop.orders.handing import handed_over, taken_back
from sync.hub.shop.orders.till_paid import DOWN_PAYMENT, TillPaid, given_back, paid_at_till, voided_at_till

__all__ = ["hear"]


def hear(work: Work, arrived: Arrived) -> None:
    fact = arrived.fact
    if isinstance(fact, Sale):
        _sold(work, arrived, fact)
        return
    if not isinstance(fact, OrderHandedOver):
        return
    try:
        handed_over(work, arrived, fact)
    except RefusedError as refused:
        _unknown(work, arrived, refused, fact.order_id, fact.value_minor)


def _sold(work: Work, arrived: Arrived, sale: Sale) -> None:
    """Money for orders that were made at the till; and receipts of such orders that are taken back."""
    if sale.training:
        return
    for reference in sale.references:
        if reference.kind == "void":
            receipt = f"{reference.till or arrived.till}-{reference.epoch}-{reference.number}"
            _voided(work, arrived, sale, receipt)
            return
    found: dict[str, TillPaid] = {}
    number = f"{arrived.till}-{arrived.epoch}-{sale.number}"
    receipt = f"{arrived.store}/{number}"
    for line in sale.lines:
        if not line.order or line.voided_ms is not None or line.qty <= 0:
            continue
        before = found.get(line.order) or TillPaid(
            line.order, receipt, 0, {}, down=line.kind == "down-payment"
        )
        sold = dict(before.sold)
        if line.fulfil:
            sku = line.sku or line.gtin or ""
            sold[sku] = sold.get(sku, Decimal(0)) + line.qty
        found[line.order] = TillPaid(
            line.order, receipt, before.minor + line.pay_minor, sold, down=before.down
        )
    _back(work, arrived, sale, number)
    for paid in found.values():
        try:
            voided_ms = receipts.note_order(work, arrived.store, number, paid.order_id)
            paid_at_till(work, paid)
            if voided_ms:
                voided_at_till(work, paid.order_id, receipt)
        except RefusedError as refused:
            _unknown(work, arrived, refused, paid.order_id, paid.minor)


def _back(work: Work, arrived: Arrived, sale: Sale, number: str) -> None:
    """Down payments that went back without a hand-over; what goes back with one, the hand-over says."""
    handed = {one.external for one in sale.references if one.kind == "order"}
    minors: dict[str, int] = {}
    for line in sale.lines:
        if line.order and line.order not in handed and line.voided_ms is None and line.kind == DOWN_PAYMENT:
            minors[line.order] = minors.get(line.order, 0) - line.pay_minor
    for order_id, minor in sorted(minors.items()):
        if minor <= 0:
            continue
        try:
            if not receipts.note_order(
                work, arrived.store, number, order_id
            ):  # else it was voided, and is heard again
                given_back(work, order_id, f"{arrived.store}/{number}", minor)
        except RefusedError as refused:
            _unknown(work, arrived, refused, order_id, -minor)


def _voided(work: Work, arrived: Arrived, sale: Sale, receipt: str) -> None:
    """A receipt was taken back: what it handed over, and what was ordered and paid by it."""
    for order_id in receipts.void(work, arrived.store, receipt, sale.completed_ms):
        with suppress(RefusedError):  # an order that nobody knows was said when the hand-over was heard
            taken_back(work, order_id, arrived.store, receipt, arrived.till)
    for order_id in sorted({line.order for line in sale.lines if line.order and line.voided_ms is None}):
        try:
            voided_at_till(work, order_id, f"{arrived.store}/{receipt}")
        except RefusedError as refused:
            _unknown(work, arrived, refused, order_id, -sale.total_minor)


def _unknown(work: Work, arrived: Arrived, refused: RefusedError, order_id: str, minor: int) -> None:
    if refused.status != 404:
        raise refused
    todo.add(
        work, arrived.store, "unknown-order", order_id[:64], subject=order_id[:64],
        data={"till": arrived.till, "value_minor": minor},
    )  # fmt: skip
