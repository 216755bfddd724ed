"""Which orders a receipt handed over, and whether the receipt was taken back: told in any order, by any till of its store."""

from typing import Any, Final

import sqlalchemy as sa

from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import tables as t

__all__ = ["note_order", "void", "voided_ms"]

_KEEP: Final = Inserting(t.order_receipt, keep=True)
_ITSELF: Final = ""


@prepared
def _locked(store: Any, receipt: Any) -> Any:
    c = t.order_receipt.c
    mine = (c.store == store, c.receipt == receipt, c.order_id == _ITSELF)
    return sa.select(c.voided_ms).where(*mine).with_for_update()


@prepared
def _known(store: Any, receipt: Any) -> Any:
    c = t.order_receipt.c
    return sa.select(c.voided_ms).where(c.store == store, c.receipt == receipt, c.order_id == _ITSELF)


@prepared
def _orders(store: Any, receipt: Any) -> Any:
    c = t.order_receipt.c
    mine = (c.store == store, c.receipt == receipt, c.order_id != _ITSELF)
    return sa.select(c.order_id).where(*mine).order_by(c.order_id)


@prepared
def _taken_back(of_store: Any, of_receipt: Any, at_ms: Any) -> Any:
    c = t.order_receipt.c
    mine = (c.store == of_store, c.receipt == of_receipt, c.order_id == _ITSELF)
    return t.order_receipt.update().where(*mine, c.voided_ms == 0).values(voided_ms=at_ms)


def voided_ms(work: Work, store: str, receipt: str) -> int:
    """When the receipt `TILL-EPOCH-NUMBER` was taken back; 0: it stands, as far as the hub heard."""
    return int(_known.scalar(work.connection, store, receipt) or 0)


def note_order(work: Work, store: str, receipt: str, order_id: str) -> int:
    """The receipt counts goods of this order. When it was taken back; 0: it stands.

    The receipt's own row is the lock: of a hand-over and its void that are heard at once, one sees the other.
    """
    standing = _lock(work, store, receipt)
    _KEEP.run(work.connection, {"store": store, "receipt": receipt, "order_id": order_id, "voided_ms": 0})
    return standing


def void(work: Work, store: str, receipt: str, at_ms: int) -> list[str]:
    """The receipt was taken back; the orders that it handed over, as far as the hub heard. None the second time."""
    if _lock(work, store, receipt):
        return []
    _taken_back.run(work.connection, store, receipt, max(1, at_ms))
    return [row.order_id for row in _orders.all(work.connection, store, receipt)]


def _lock(work: Work, store: str, receipt: str) -> int:
    row = {"store": store, "receipt": receipt, "order_id": _ITSELF, "voided_ms": 0}
    _KEEP.run(work.connection, row)
    return int(_locked.scalar(work.connection, store, receipt) or 0)
