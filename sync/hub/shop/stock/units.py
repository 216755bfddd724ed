"""Quantities as they are stored: integers in millionths of the article's unit."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Final

from msgspec import Meta

from sync.hub.shop.kit.refusal import RefusedError

__all__ = ["ONE", "QtyText", "amount", "amount_of", "micro", "micro_of"]

ONE: Final = 1_000_000
_MAX: Final = Decimal(10**9)

QtyText = Annotated[
    str, Meta(min_length=1, max_length=20, pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?\Z", examples=["2", "0.350"])
]
"""A quantity in the article's unit, as decimal text."""


def micro(quantity: Decimal) -> int:
    """As it is stored; what is finer is rounded. Raises RefusedError for what no shop holds."""
    if not quantity.is_finite() or abs(quantity) > _MAX:
        raise RefusedError(422, "quantity", "This is no quantity", str(quantity)[:32])
    return int((quantity * ONE).to_integral_value(ROUND_HALF_EVEN))


def micro_of(text: str) -> int:
    """Of decimal text as QtyText allows it."""
    return micro(Decimal(text))


def amount(stored: int) -> Decimal:
    """Without needless zeros."""
    whole, rest = divmod(abs(stored), ONE)
    text = f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return Decimal(f"-{text}" if stored < 0 else text)


def amount_of(stored: int) -> str:
    return format(amount(stored), "f")
