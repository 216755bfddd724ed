"""A phone's cart at the till: what its customer wants, and what of it does not lie on the counter yet.

What waits is worked out of the cart alone: what was expected less what was rung up. So a line that is taken out waits again, and a
restart changes nothing.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from pos.domain.line import Line

__all__ = ["Expected", "PhoneCart", "waiting"]

_PIECE = "pc"


class Expected(msgspec.Struct, frozen=True, omit_defaults=True):
    """So much of an article is wanted. `unit_minor` is what the phone was told."""

    sku: str
    text: str
    quantity: Decimal
    unit: str = _PIECE
    unit_minor: int = 0


class PhoneCart(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cart of a phone that a sale follows. `claimed`: the hub gave it to this till; else it came out of its code alone.

    `settled`: the cashier has said that what is missing goes back to the phone.
    """

    basket_id: str
    share: str
    expected: tuple[Expected, ...] = ()
    claimed: bool = True
    settled: bool = False


def waiting(expected: Iterable[Expected], lines: Iterable[Line]) -> tuple[Expected, ...]:
    """What is still to be scanned or accepted. Of what is measured nothing waits once some of it was weighed."""
    sold: dict[str, Decimal] = {}
    for line in lines:
        if line.live and line.sku and line.kind in {"article", "open"}:
            sold[line.sku] = sold.get(line.sku, Decimal(0)) + line.quantity
    left = []
    for one in expected:
        taken = sold.get(one.sku, Decimal(0))
        if one.unit != _PIECE and taken:
            continue
        if one.quantity > taken:
            left.append(msgspec.structs.replace(one, quantity=one.quantity - taken))
    return tuple(left)
