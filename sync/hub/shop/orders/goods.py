"""Stock behind orders: what is promised is reserved, what leaves is counted once."""

from decimal import Decimal
from typing import Final

from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import core as stock
from sync.hub.shop.stock.core import Move, Reserve

__all__ = ["again", "forward", "issue", "paid", "release", "reserve", "spend"]

_HELD_MS: Final = 120 * 24 * 3600 * 1000
"""An order ends its promises itself; this is for orders that nobody ends."""


def reserve(work: Work, store: str, sku: str, qty: Decimal, order_id: str) -> str:
    """Take it off what is available; names the reservation. Raises RefusedError 409 where it is not there."""
    ask = Reserve(store, sku, qty, "order", order_id, work.now_ms + _HELD_MS)
    return stock.reserve(work, ask).reservation_id


def release(work: Work, reservation: str) -> None:
    """It is promised to nobody any more."""
    if reservation:
        stock.release(work, reservation)


def paid(work: Work, reservation: str) -> None:
    """It is paid for: the last that a sale at a till breaks."""
    if reservation:
        stock.mark_paid(work, reservation)


def again(
    work: Work, reservation: str, store: str, sku: str, qty: Decimal, order_id: str, *, settled: bool
) -> str:
    """So much of a promise is still to be kept: one of that size takes its place, if the goods are there. Names it."""
    if not reservation or qty <= 0:
        return reservation
    known = stock.find_reservation(work, reservation)
    if known.state == stock.ACTIVE and known.qty == qty:
        return reservation
    release(work, reservation)
    try:
        new = reserve(work, store, sku, qty, order_id)
    except RefusedError:
        return reservation
    if settled:
        paid(work, new)
    return new


def spend(work: Work, reservation: str, cause: str) -> None:
    """The promise is kept; the goods are counted by what took them out."""
    if reservation:
        stock.commit(work, reservation, cause, moved=True)


def forward(work: Work, store: str, sku: str, qty: Decimal, cause: str) -> None:
    """The goods went to another store (negative), or came from one."""
    type_ = "transfer_out" if qty < 0 else "transfer_in"
    stock.move(work, Move(store, sku, qty, type_, cause, work.now_ms))


def issue(work: Work, store: str, sku: str, qty: Decimal, cause: str, at_ms: int) -> None:
    """The goods left without a sale at a till. Once for each cause."""
    stock.move(work, Move(store, sku, -qty, "pickup_issue", cause, at_ms))
