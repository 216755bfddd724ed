"""What a return gives back: of each line never more than was bought, and in the end exactly what was paid.

What was paid for a part of a line is counted from its beginning: the first q of n are worth paid x q / n, rounded once. The
worth of a return is the difference of two such amounts, so every partition, in every order, adds up to what was paid.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from pos.domain.money import round_minor

__all__ = ["Bought", "TooMuchError", "refund_minor", "rest_of", "worth_minor"]


class TooMuchError(ValueError):
    """More is to be returned of a line than is left of it."""

    def __init__(self, n: int, left: Decimal) -> None:
        super().__init__(f"line {n}: {left} left")
        self.n = n
        self.left = left


class Bought(msgspec.Struct, frozen=True):
    """A line as it was sold: `paid_minor` is its price less all discounts, gross."""

    n: int
    quantity: Decimal
    paid_minor: int


def worth_minor(bought: Bought, quantity: Decimal) -> int:
    """What the first `quantity` of a line cost."""
    if quantity == bought.quantity:
        return bought.paid_minor
    return round_minor(bought.paid_minor * quantity / bought.quantity)


def refund_minor(bought: Bought, returned: Decimal, quantity: Decimal) -> int:
    """What is given back for `quantity` more of a line of which `returned` came back before. Raises TooMuchError."""
    assert quantity > 0, "something comes back"
    if returned + quantity > bought.quantity:
        raise TooMuchError(bought.n, bought.quantity - returned)
    return worth_minor(bought, returned + quantity) - worth_minor(bought, returned)


def rest_of(lines: Sequence[Bought], returned: Mapping[int, Decimal]) -> tuple[tuple[int, Decimal, int], ...]:
    """What can still come back: line, quantity, and what it is worth as a whole; lines of which nothing is left are out."""
    rest = []
    for line in lines:
        gone = returned.get(line.n, Decimal(0))
        if gone < line.quantity:
            rest.append((line.n, line.quantity - gone, refund_minor(line, gone, line.quantity - gone)))
    return tuple(rest)
