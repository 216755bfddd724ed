"""What tills' sales mean for customers: a purchase in their history, points earned or taken back."""

from pos.sale_facts import Sale
from sync.hub.shop.customers import points
from sync.hub.shop.customers.core import bought
from sync.hub.shop.customers.messages import Purchase
from sync.hub.shop.customers.records import standing
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work

__all__ = ["hear"]


def hear(work: Work, arrived: Arrived) -> None:
    """A customer that is not known here (an account of one till's book, or erased) earns nothing."""
    sale = arrived.fact
    if not isinstance(sale, Sale) or not sale.customer or sale.training:
        return
    try:
        standing(work, sale.customer)
    except RefusedError:
        return
    reference = f"{arrived.store}/{arrived.till}/{arrived.epoch}/{sale.number}/{arrived.seq}"
    purchase = Purchase(
        "till", reference, arrived.store, sale.completed_ms, sale.total_minor, sale.currency, sale.pieces
    )
    bought(work, sale.customer, purchase)
    goods = sum(line.pay_minor for line in sale.lines if line.voided_ms is None and line.kind in _GOODS)
    rules = points.programme(work)
    if sale.currency != rules.currency:
        return
    earned = abs(goods) * rules.points_per_major // 100 * (1 if goods >= 0 else -1)
    if earned:
        kind = "earn" if earned > 0 else "take_back"
        cause = f"{arrived.store}/{arrived.place}"
        points.add(work, sale.customer, cause, kind, earned, sale.completed_ms)


_GOODS = frozenset({"article", "return"})
