"""Discounts that people give, as rules of an open cart: recomputed whenever a line comes or goes, so that 10 % stay 10 %.

First those of one line, in the order they were given: they take the place of promotions on it. Then, on what promotions
leave, those of the whole cart, split over its goods to the cent by largest remainder, and the staff's last. Deposits,
vouchers and what is taken back are never reduced, no line falls below nothing, and an amount that is more than what is left
takes that.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.about import Reduction
from pos.domain.cart import Cart, put_discounted, with_about
from pos.domain.goods import is_sold
from pos.domain.line import Discount, Line
from pos.domain.money import allocate, round_minor

__all__ = [
    "add_reduction",
    "carry_over",
    "left_minor",
    "percent_of",
    "reduce_cart",
    "reduce_lines",
    "without_line",
]

_SOURCES: Final = ("manual", "staff")
_PROMOTION: Final = "promotion"
_HUNDRED: Final = Decimal(100)


Fixed = Callable[[Line], bool]
"""Whether nothing may be taken off a line by hand."""


def _never(_: Line) -> bool:
    return False


def percent_of(amount_minor: int, percent: Decimal) -> int:
    return round_minor(amount_minor * percent / _HUNDRED)


def reduce_lines(cart: Cart) -> Cart:
    """The cart with the reductions of single lines in place and none of the whole cart: what promotions are computed on."""
    rules = [one for one in cart.about.reductions if one.n]
    left = {n: line.total_minor - _fixed(line) for n, line in _goods(cart, {one.n for one in rules})}
    given: dict[int, list[Discount]] = {}
    _share_out(rules, left, given)
    return _put(cart, given)


def reduce_cart(cart: Cart, fixed: Fixed = _never) -> Cart:
    """The cart of `reduce_lines`, with promotions in place, with the reductions of the whole cart too.

    They take nothing off lines that are `fixed`.
    """
    rules = sorted(
        (one for one in cart.about.reductions if not one.n), key=lambda one: _SOURCES.index(one.source)
    )
    if not rules:
        return cart
    left = {n: line.pay_minor for n, line in _goods(cart, None) if not fixed(line)}
    given = {
        line.n: [one for one in line.discounts if _by_rule(one)] for line in cart.lines if line.discounts
    }
    _share_out(rules, left, given)
    return _put(cart, given)


def left_minor(cart: Cart, n: int = 0, fixed: Fixed = _never) -> int:
    """What is still paid for a line, or for all goods (0): the most that a further reduction can take.

    A line's own reductions take from its price, not from what promotions leave of it.
    """
    if not n:
        return sum(line.pay_minor for _, line in _goods(cart, None) if not fixed(line))
    line = cart.lines[n - 1]
    own = sum(one.amount_minor for one in line.discounts if one.source == _SOURCES[0])
    return max(0, line.total_minor - _fixed(line) - own)


def add_reduction(cart: Cart, reduction: Reduction) -> Cart:
    """The cart with one rule more, which is to be priced anew."""
    return with_about(cart, reductions=(*cart.about.reductions, reduction))


def without_line(cart: Cart, n: int) -> Cart:
    """The cart without the rules of a line."""
    return with_about(cart, reductions=tuple(one for one in cart.about.reductions if one.n != n))


def carry_over(cart: Cart, n: int, to: int) -> Cart:
    """A line that repeats another gets its percentages too; an amount was given once."""
    also = tuple(
        msgspec.structs.replace(one, n=to) for one in cart.about.reductions if one.n == n and one.percent
    )
    return with_about(cart, reductions=(*cart.about.reductions, *also)) if also else cart


def _goods(cart: Cart, only: set[int] | None) -> Iterable[tuple[int, Line]]:
    if only is not None and not only:
        return
    for line in cart.lines:
        if (only is None or line.n in only) and is_sold(line) and line.total_minor > 0:
            yield line.n, line


def _by_rule(discount: Discount) -> bool:
    """Did a rule of the cart give it? Those have a code; what else was given by hand has none and stays."""
    return discount.source in _SOURCES and bool(discount.code)


def _fixed(line: Line) -> int:
    """What is taken off a line by neither rules nor promotions."""
    return sum(one.amount_minor for one in line.discounts if one.source != _PROMOTION and not _by_rule(one))


def _put(cart: Cart, given: Mapping[int, Sequence[Discount]]) -> Cart:
    """These discounts in the place of all that rules gave; lines that stay the same are the same objects."""
    changed = []
    for line in cart.lines:
        if not line.live or (not line.discounts and line.n not in given):
            continue
        kept = tuple(discount for discount in line.discounts if not _by_rule(discount))
        fresh = (*kept, *given.get(line.n, ()))
        if fresh != line.discounts:
            changed.append(msgspec.structs.replace(line, discounts=fresh))
    return put_discounted(cart, changed) if changed else cart


def _share_out(rules: Iterable[Reduction], left: dict[int, int], given: dict[int, list[Discount]]) -> None:
    for rule in rules:
        for n, share in _shares(rule, left):
            left[n] -= share
            given.setdefault(n, []).append(_discount(rule, share))


def _shares(rule: Reduction, left: Mapping[int, int]) -> list[tuple[int, int]]:
    """Which line gives how much of it, in minor units."""
    lines = [n for n in left if rule.n in {0, n} and left[n] > 0]
    weights = [left[n] for n in lines]
    whole = sum(weights)
    if not whole:
        return []
    wanted = percent_of(whole, rule.percent) if rule.percent else rule.amount_minor
    shares = allocate(min(wanted, whole), weights)
    return [(n, share) for n, share in zip(lines, shares, strict=True) if share]


def _discount(rule: Reduction, share: int) -> Discount:
    return Discount(
        code=f"{rule.percent.normalize():f}%" if rule.percent else "amount",
        text=rule.text,
        amount_minor=share,
        reason=rule.reason,
        source=rule.source,
        by=rule.by,
        approved=rule.approved,
    )
