"""What tills' sales mean for gift cards: sold, loaded, spent, given back; and the holds that they capture."""

from pos.sale_facts import Sale
from sync.hub.shop.cards import core
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work

__all__ = ["hear"]

_KINDS = frozenset({"gift-card", "credit"})


def hear(work: Work, arrived: Arrived) -> None:
    """Booked whatever the balance is: it has happened."""
    sale = arrived.fact
    if not isinstance(sale, Sale) or sale.training:
        return
    moves = [
        (line.serial, "gift-card", line.pay_minor, f"line/{line.n}", "")
        for line in sale.lines
        if line.kind == "voucher" and line.serial and line.voided_ms is None
    ]
    moves += [
        (tender.reference, tender.kind, -tender.amount_minor, f"tender/{n}", tender.hold)
        for n, tender in enumerate(sale.tenders)
        if tender.kind in _KINDS and tender.reference
    ]
    for number, kind, minor, part, hold_id in sorted(moves):
        if minor >= 0 or not hold_id:
            core.ensure(work, number, kind, sale.currency, arrived.store, sale.completed_ms)
        if hold_id:
            core.capture(work, hold_id)
        cause = f"{arrived.store}/{arrived.place}/{part}"
        core.move(work, number, cause, kind, minor, sale.completed_ms, arrived.store)
