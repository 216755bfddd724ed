"""What the tills' facts mean for orders."""

from decimal import Decimal

from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.handing import handed_over
from sync.hub.shop.orders.till_paid import TillPaid, paid_at_till, voided_at_till

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
            receipt = f"{arrived.store}/{reference.till or arrived.till}-{reference.epoch}-{reference.number}"
            for order_id in sorted({line.order for line in sale.lines if line.order}):
                try:
                    voided_at_till(work, order_id, receipt)
                except RefusedError as refused:
                    _unknown(work, arrived, refused, order_id, -sale.total_minor)
            return
    found: dict[str, TillPaid] = {}
    receipt = f"{arrived.store}/{arrived.till}-{arrived.epoch}-{sale.number}"
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
    for paid in found.values():
        try:
            paid_at_till(work, paid)
        except RefusedError as refused:
            _unknown(work, arrived, refused, paid.order_id, paid.minor)


def _unknown(work: Work, arrived: Arrived, refused: RefusedError, order_id: str, minor: int) -> None:
    if refused.status != 404:
        raise refused
    todo.add(
        work, arrived.store, "unknown-order", order_id[:64], subject=order_id[:64],
        data={"till": arrived.till, "value_minor": minor},
    )  # fmt: skip
