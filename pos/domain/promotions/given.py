"""What goes in: the lines that promotions may touch, and what is left of budgets."""

from decimal import Decimal
from typing import Protocol

import msgspec

__all__ = ["Left", "Priced", "PromotionLine"]


class Priced(Protocol):
    """What the rule reads of a line; a line of the cart has it as well.

    `n` is unique, `department` 0 for none, `unit` "pc" for pieces; `total_minor` is `quantity` x `unit_minor`,
    rounded once; amounts are gross minor units.
    """

    @property
    def n(self) -> int: ...
    @property
    def sku(self) -> str: ...
    @property
    def department(self) -> int: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def unit_minor(self) -> int: ...
    @property
    def total_minor(self) -> int: ...


class PromotionLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as the rule reads it; see `Priced`."""

    n: int
    sku: str
    department: int
    quantity: Decimal
    unit: str
    unit_minor: int
    total_minor: int


class Left(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is left of a promotion's budget: uses, minor units. None is not limited, 0 is used up."""

    uses: int | None = None
    minor: int | None = None
