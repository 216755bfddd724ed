"""What of an order left, and what its customer did not want."""

from decimal import Decimal

import msgspec

__all__ = ["HandedLine", "RefusedLine"]


class HandedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """`qty` of line `n` of the order left with the customer; `value_minor` is what that cost as it was ordered.

    `sku` is what left: another one than was ordered where `replaces` is set; `reason` says what was wrong with that one
    ("wrong", "damaged" or "unwanted"; it stays in the store).
    """

    n: int
    sku: str
    qty: Decimal
    value_minor: int
    replaces: str = ""
    reason: str = ""


class RefusedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The customer did not want `qty` of line `n`: `reason` is "wrong", "damaged" or "unwanted"."""

    n: int
    qty: Decimal
    reason: str
