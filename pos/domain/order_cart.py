"""Orders in an open cart: what was paid before counts as far as their lines are still in it."""

from typing import Final

import msgspec

from pos.domain.cart import Cart
from pos.domain.pickup import Handing
from pos.domain.tender import Tender

__all__ = ["DOWN", "PREPAID", "handing_lines", "taken_here", "with_prepaid"]

PREPAID: Final = "prepaid"
DOWN: Final = "down-payment"
"""The kind of a line: money for goods that come later (positive), taken back when they leave (negative)."""


def taken_here(cart: Cart) -> bool:
    """Did money change hands for this cart? What was paid before did not, here."""
    return any(tender.kind != PREPAID for tender in cart.tenders)


def handing_lines(cart: Cart, handing: Handing) -> tuple[tuple[int, int], ...]:
    """Those of a hand-over that are still in the cart: the cart's line, the order's line."""
    live = {line.n for line in cart.lines if line.live}
    return tuple(pair for pair in handing.lines if pair[0] in live)


def with_prepaid(cart: Cart, currency: str) -> Cart:
    """The cart with a tender for each order's share that was paid before; the same cart where nothing changed."""
    if not cart.about.handing and all(tender.kind != PREPAID for tender in cart.tenders):
        return cart
    wanted = []
    for handing in cart.about.handing:
        value = sum(cart.lines[n - 1].pay_minor for n, _ in handing_lines(cart, handing))
        value += sum(cart.lines[n - 1].pay_minor for n in handing.down if cart.lines[n - 1].live)
        minor = min(handing.prepaid_minor, max(0, value))
        if minor:
            wanted.append(Tender(PREPAID, minor, minor, 0, currency, handing.order_id))
    tenders = (*wanted, *(tender for tender in cart.tenders if tender.kind != PREPAID))
    return cart if tenders == cart.tenders else msgspec.structs.replace(cart, tenders=tenders)
