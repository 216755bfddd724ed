"""Promotions on the lines of a cart: which lines take part, and what stands on them then. Till and hub do it alike."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pos.domain.cart import Cart, with_about
from pos.domain.discounts import put_discounts
from pos.domain.line import Discount, Line

if TYPE_CHECKING:
    from pos.domain.promotions import Book, Left, PromotionLine

__all__ = ["SOURCE", "counted", "given", "promote", "shares_of", "takes_part"]

SOURCE: Final = "promotion"
_PRICES: Final = frozenset({"catalogue", "label"})


def takes_part(line: Line) -> bool:
    """Articles at the shop's own price, which nobody changed by hand."""
    return (
        line.kind == "article"
        and line.voided is None
        and line.price_source in _PRICES
        and line.total_minor > 0
        and all(discount.source == SOURCE for discount in line.discounts)
    )


def shares_of(line: Line) -> tuple[Discount, ...]:
    """What promotions take off a line."""
    if not line.discounts:
        return ()
    return tuple(discount for discount in line.discounts if discount.source == SOURCE)


def given(line: Line) -> "PromotionLine":
    """The line as the rule reads it."""
    from pos.domain.promotions import PromotionLine  # noqa: PLC0415 - only where there are promotions

    return PromotionLine(
        line.n, line.sku, line.department, line.quantity, line.unit, line.unit_minor, line.total_minor
    )


def counted(coupons: tuple[str, ...]) -> dict[str, int]:
    """How often each code was presented."""
    return {code: coupons.count(code) for code in coupons}


def promote(cart: Cart, book: "Book", moment: dt.datetime, left: "Mapping[str, Left]") -> Cart:
    """The cart with what a book of promotions takes off it at a local moment, in one go.

    A till that follows one cart line by line comes to the same (pos.till.sale.promoting).
    """
    answer = book.evaluate(
        [given(line) for line in cart.lines if takes_part(line)],
        moment=moment,
        groups=cart.about.groups,
        coupons=counted(cart.about.coupons),
        left=left,
    )
    sums: dict[int, dict[int, int]] = defaultdict(dict)
    for made in answer.applications:
        place = book.place_of(made.promotion)
        for share in made.shares:
            sums[share.n][place] = sums[share.n].get(place, 0) + share.minor
    fresh = {
        line.n: tuple(
            Discount(book.promotions[place].id, book.promotions[place].text, minor, source=SOURCE)
            for place, minor in sorted(sums.get(line.n, {}).items())
        )
        for line in cart.lines
        if line.n in sums or shares_of(line)
    }
    return with_about(put_discounts(cart, SOURCE, fresh), promotions=answer.used)
