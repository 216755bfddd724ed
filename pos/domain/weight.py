"""A weight as a scale measured it."""

from decimal import Decimal

import msgspec

__all__ = ["Weight"]


class Weight(msgspec.Struct, frozen=True):
    """Net kilograms as the scale showed them, and the amount in minor units where the scale reckoned it."""

    kilograms: Decimal
    total_minor: int | None = None
