"""What a return gives back: of each line never more than was bought, and in the end exactly what was paid.

What was paid for a part of a line is counted from its beginning: the first q of n are worth paid x q / n, rounded once. A
return gives what that comes to, less what was given back before. So every partition, in every order, adds up to what was
paid, also where a return between was taken out again.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.line import Discount
from pos.domain.money import round_minor

__all__ = [
    "RULES",
    "Bought",
    "Reason",
    "ReturnPolicy",
    "Taken",
    "TooMuchError",
    "refund_minor",
    "rest_of",
    "shares_back",
    "too_late",
    "worth_minor",
]

RULES: Final = ("exchange", "withdrawal", "defect", "recall")
"""What decides what may be done: the shop's own kindness, the law on distance sales, the warranty, a producer's recall."""


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something comes back, in a word: its rule, and whether the goods can be sold again."""

    name: str
    rule: str
    damaged: bool = False


class ReturnPolicy(msgspec.Struct, frozen=True):
    """What the shop decided. `days`: how long each rule holds, 0 for ever; beyond it somebody must agree.

    Returns without a receipt: at most so much for a customer and a day, and at a till and a day. `offline_max_minor`: so much
    of other tills' sales for a till and a day, while the hub is silent. `provider_days`: until then a payment service has paid back.
    """

    reasons: tuple[Reason, ...] = (Reason("unwanted", "exchange"),)
    days: Mapping[str, int] = {}
    customer_max_minor: int = 5_000
    day_max_minor: int = 20_000
    offline_max_minor: int = 10_000
    provider_days: int = 5


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


class Taken(msgspec.Struct, frozen=True):
    """What came back of a line so far, and what was given back for it."""

    quantity: Decimal = Decimal(0)
    refunded_minor: int = 0


NONE_TAKEN: Final = Taken()


def worth_minor(bought: Bought, quantity: Decimal) -> int:
    """What the first `quantity` of a line cost."""
    if quantity == bought.quantity:
        return bought.paid_minor
    return round_minor(bought.paid_minor * quantity / bought.quantity)


def refund_minor(bought: Bought, taken: Taken, quantity: Decimal) -> int:
    """What is given back for `quantity` more of a line. Raises TooMuchError."""
    assert quantity > 0, "something comes back"
    assert taken.refunded_minor <= bought.paid_minor, "no more than was paid was given back"
    if taken.quantity + quantity > bought.quantity:
        raise TooMuchError(bought.n, bought.quantity - taken.quantity)
    return max(0, worth_minor(bought, taken.quantity + quantity) - taken.refunded_minor)


def shares_back(
    came_off: Sequence[Discount], before_minor: int, back_minor: int
) -> tuple[tuple[str, int], ...]:
    """Whose discounts a return takes back: `back_minor` (negative) by the source of what came off then.

    `before_minor` came back earlier. Counted from the beginning like the worth, so that all returns of a line together take back of
    each source what it gave.
    """
    whole = sum(one.amount_minor for one in came_off)
    if not back_minor or whole <= 0:
        return (("", back_minor),) if back_minor else ()
    given: dict[str, int] = {}
    for one in came_off:
        source = one.of or one.source
        given[source] = given.get(source, 0) + one.amount_minor
    begin = min(max(0, before_minor), whole)
    end = min(max(0, before_minor - back_minor), whole)
    shares: dict[str, int] = {}
    bound = 0
    for source, minor in given.items():
        upto = bound + minor
        for place, sign in ((begin, 1), (end, -1)):
            part = place * upto // whole - place * bound // whole
            shares[source] = shares.get(source, 0) + sign * part
        bound = upto
    last = next(reversed(given))
    shares[last] += back_minor - sum(shares.values())
    return tuple((source, minor) for source, minor in shares.items() if minor)


def rest_of(lines: Sequence[Bought], taken: Mapping[int, Taken]) -> tuple[tuple[int, Decimal, int], ...]:
    """What can still come back: line, quantity, and what it is worth as a whole; lines of which nothing is left are out."""
    rest = []
    for line in lines:
        gone = taken.get(line.n, NONE_TAKEN)
        left = line.quantity - gone.quantity
        if left > 0:
            rest.append((line.n, left, refund_minor(line, gone, left)))
    return tuple(rest)


def too_late(policy: ReturnPolicy, rule: str, age_days: int) -> bool:
    """Is the sale older than its rule allows?"""
    days = policy.days.get(rule, 0)
    return bool(days) and age_days > days
