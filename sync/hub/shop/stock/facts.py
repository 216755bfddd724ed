"""What the tills' facts mean for stock: what a sale's lines move in the store of its till."""

from pos.sale_facts import Sale
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock.core import Move, move_all
from sync.hub.shop.stock.levels import SHOP_FLOOR

__all__ = ["hear", "moves_of"]

_GOODS = frozenset({"article", "return"})
DAMAGED = "damaged"


def hear(work: Work, arrived: Arrived) -> None:
    moves = moves_of(arrived)
    if moves:
        move_all(work, moves, subject=arrived.place)


def moves_of(arrived: Arrived) -> list[Move]:
    """One movement a line of goods. What comes back is where it is: in the store of the till that took it.

    What is collected or sent later moves when it leaves. A receipt that is taken back whole has lines with the sign turned; one that only changes its tenders has none.
    """
    sale = arrived.fact
    if not isinstance(sale, Sale) or sale.training:
        return []
    void = any(reference.kind == "void" for reference in sale.references)
    return [
        Move(
            arrived.store,
            line.sku,
            -line.qty,
            "void" if void else "return" if line.kind == "return" else "sale",
            f"{arrived.place}/{line.n}",
            sale.completed_ms,
            DAMAGED if line.origin is not None and line.origin.damaged else SHOP_FLOOR,
            by=f"{arrived.store}/{arrived.till}",
        )
        for line in sale.lines
        if line.kind in _GOODS and line.sku and line.voided_ms is None and not line.fulfil
    ]
