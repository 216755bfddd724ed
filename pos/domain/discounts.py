"""Discounts of many lines put in place at once, and what they come to."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from pos.domain.cart import Cart, Sums
from pos.domain.line import Discount

__all__ = ["put_discounts", "saved_minor"]

_ORIGIN: Final = "origin"


class _Discounted(Protocol):
    @property
    def discounts(self) -> tuple[Discount, ...]: ...


def put_discounts(cart: Cart, source: str, discounts: Mapping[int, tuple[Discount, ...]]) -> Cart:
    """The cart with these discounts of one source in the place of those it gave to the same lines before.

    Lines that are not named stay as they are. What this costs grows with the lines named, not with the cart's.
    """
    if not discounts:
        return cart
    lines = list(cart.lines)
    off: dict[tuple[str, int, Decimal], int] = {}
    for n, fresh in discounts.items():
        old = lines[n - 1]
        kept = tuple(discount for discount in old.discounts if discount.source != source)
        new = lines[n - 1] = msgspec.structs.replace(old, discounts=(*kept, *fresh))
        if old.live and old.kind != "open":
            assert not fresh or 0 <= new.pay_minor <= new.total_minor, "no line falls below nothing"
            rate = (old.tax_code, old.tax_key, old.tax_percent)
            off[rate] = off.get(rate, 0) + new.pay_minor - old.pay_minor
    sums = Sums(
        cart.sums.total_minor + sum(off.values()),
        cart.sums.pieces,
        cart.sums.open_lines,
        tuple((*rate, gross + off.get(tuple(rate), 0), count) for *rate, gross, count in cart.sums.gross),  # type: ignore[arg-type, misc]
    )
    return msgspec.structs.replace(cart, lines=tuple(lines), sums=sums)


def saved_minor(lines: Iterable[_Discounted]) -> int:
    """What the customer saves by the discounts of these lines; what a return takes back counts for nothing."""
    return sum(
        discount.amount_minor
        for line in lines
        if line.discounts
        for discount in line.discounts
        if discount.code != _ORIGIN
    )
