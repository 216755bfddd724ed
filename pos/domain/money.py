"""Money is an integer of minor units (cents); this module is the only place where it is rounded."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

__all__ = [
    "PRICE_MAX_MINOR",
    "QUANTITY_MAX",
    "TOTAL_MAX_MINOR",
    "allocate",
    "gross_of_net",
    "round_minor",
    "vat_of_gross",
]

# Limits that no shop reaches and a mistyped amount does.
PRICE_MAX_MINOR = 9_999_999
TOTAL_MAX_MINOR = 99_999_999
QUANTITY_MAX = Decimal(999)

_ONE = Decimal(1)
_HUNDRED = Decimal(100)


def round_minor(value: Decimal) -> int:
    """Whole minor units; a half goes away from zero, so that taking back gives what was paid."""
    return int(value.quantize(_ONE, rounding=ROUND_HALF_UP))


def vat_of_gross(gross_minor: int, percent: Decimal) -> int:
    """The tax inside a gross amount of one rate: gross x r / (100 + r), rounded to the minor unit.

    Taken once per receipt and rate, never per line (the printed sums are the ones that count).
    """
    return round_minor(gross_minor * percent / (_HUNDRED + percent))


def gross_of_net(net_minor: Decimal, percent: Decimal) -> int:
    """The gross price in minor units of a net price in (fractions of) minor units."""
    return round_minor(net_minor * (_HUNDRED + percent) / _HUNDRED)


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to non-negative weights; the parts sum to it exactly.

    Largest remainder; equal remainders go to the earlier part. All weights zero: the first takes it all.
    """
    assert weights, "nothing to split over"
    assert min(weights) >= 0, "weights are not negative"
    whole = sum(weights)
    if whole == 0:
        return [total_minor] + [0] * (len(weights) - 1)
    sign = -1 if total_minor < 0 else 1
    size = abs(total_minor)
    parts = [size * weight // whole for weight in weights]
    missing = size - sum(parts)
    order = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for i in order[:missing]:
        parts[i] += 1
    return [sign * part for part in parts]
