"""Lines that are no scan: a department's price, empties that come back, a line that is repeated or priced by hand."""

from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.article import Article
from pos.domain.cart import Cart, add_lines, put_line, void_line
from pos.domain.line import Line, Mark
from pos.domain.money import round_minor
from pos.domain.tax import TaxRate

__all__ = [
    "SERIAL",
    "WEIGHT_MAX",
    "add_department",
    "asks_serial",
    "in_exchange",
    "is_repeatable",
    "is_sold",
    "is_weight",
    "override_price",
    "put_serial",
    "set_last",
    "waits_for_serial",
]

SERIAL: Final = "serial"
"""The `open_reason` of an article whose serial number is still to be taken: it counts, and may not be paid yet."""

WEIGHT_MAX: Final = Decimal(100)
"""More kilograms than lie on any counter's scale."""


def add_department(
    cart: Cart, department: tuple[int, str, TaxRate], price_minor: int, quantity: Decimal, mark: Mark
) -> Cart:
    """Sell something by its price alone, in a department: number, name and rate."""
    number, name, rate = department
    return add_lines(
        cart,
        Line(
            n=len(cart.lines) + 1,
            kind="article",
            text=name,
            quantity=quantity,
            unit_minor=price_minor,
            total_minor=round_minor(quantity * price_minor),
            added=mark,
            source="typed",
            department=number,
            tax_code=rate.code,
            tax_percent=rate.percent,
            tax_key=rate.key,
            price_source="asked",
        ),
    )


def is_sold(line: Line) -> bool:
    """Goods at a price of their own: what a discount, another price or another quantity may be given to."""
    return line.live and line.kind == "article" and line.origin is None and not in_exchange(line)


def in_exchange(line: Line) -> bool:
    """Goods that go for what came back: at the price that was paid, and no other."""
    return line.live and line.kind == "article" and line.price_source == "origin"


def is_repeatable(line: Line) -> bool:
    """Goods, or empties that came back; one that has a number of its own is not repeated."""
    named = line.serial or line.open_reason or line.origin
    return line.kind in {"article", "deposit"} and not (named or in_exchange(line))


def override_price(cart: Cart, n: int, unit_minor: int, reason: str, approved: str = "") -> Cart:
    """Another price for a line; `list_minor` keeps the one it had first."""
    line = cart.lines[n - 1]
    assert is_sold(line), "only goods have a price of their own"
    return put_line(
        cart,
        msgspec.structs.replace(
            line,
            unit_minor=unit_minor,
            total_minor=round_minor(line.quantity * unit_minor),
            price_source="override",
            list_minor=line.unit_minor if line.list_minor is None else line.list_minor,
            price_list="",
            reason=reason,
            approved=approved,
            discounts=(),
        ),
    )


def set_last(cart: Cart, n: int, quantity: Decimal, mark: Mark) -> tuple[Cart, int]:
    """Make the goods of line `n`, with the lines of the same goods right before it, `quantity` in all.

    More is a line more. Less takes whole lines out, the newest first, and sells what is left of them anew: nothing that was
    rung up changes unseen. Measured goods are always sold anew. Also the number of the line that the new one repeats,
    0 where none was needed.
    """
    line = cart.lines[n - 1]
    wanted = -quantity if line.quantity < 0 else quantity
    run = _run_of(cart, line)
    there = sum((one.quantity for one in run), Decimal(0))
    if line.unit == "pc" and abs(wanted) > abs(there):
        return _anew(cart, n, wanted - there, mark), n
    taken = n
    while run and (line.unit != "pc" or abs(there) > abs(wanted)):
        one = run.pop()
        there -= one.quantity
        taken = one.n
        cart = void_line(cart, taken, mark)
    if wanted == there:
        return cart, 0
    return _anew(cart, taken, wanted - there, mark), taken


def _anew(cart: Cart, n: int, quantity: Decimal, mark: Mark) -> Cart:
    """Sell a line's goods once more at its price and rate, with what hangs on it, as new lines."""
    line = cart.lines[n - 1]
    first = len(cart.lines) + 1
    found = [line, *(child for child in cart.lines if child.parent == n and child.voided == line.voided)]
    fresh = [
        msgspec.structs.replace(
            one,
            n=first + at,
            quantity=quantity,
            total_minor=round_minor(quantity * one.unit_minor),
            added=mark,
            parent=None if one is line else first,
            voided=None,
            discounts=(),
        )
        for at, one in enumerate(found)
    ]
    return add_lines(cart, *fresh)


def _run_of(cart: Cart, line: Line) -> list[Line]:
    """The line and those right before it that sell the same at the same price, oldest first."""
    if line.unit != "pc":
        return [line]
    run = [line]
    for other in reversed(cart.lines[: line.n - 1]):
        if not other.live or other.parent is not None:
            continue
        if _what(other) != _what(line):
            break
        run.insert(0, other)
    return run


def _what(line: Line) -> tuple[object, ...]:
    return (
        line.kind,
        line.sku,
        line.text,
        line.unit_minor,
        line.department,
        line.price_source,
        line.batch,
        line.best_before,
    )


def is_weight(quantity: Decimal, unit: str) -> bool:
    """Can this be on the counter? A scale that swings, or a label that was misread, gives no line."""
    return quantity > 0 and (unit != "kg" or quantity < WEIGHT_MAX)


def waits_for_serial(cart: Cart) -> Line | None:
    """The first line whose serial number is still to be taken."""
    return next((line for line in cart.lines if line.live and line.open_reason == SERIAL), None)


def put_serial(cart: Cart, n: int, serial: str) -> Cart:
    """A line's serial number; empty: it is to be taken."""
    line = cart.lines[n - 1]
    return put_line(cart, msgspec.structs.replace(line, serial=serial, open_reason="" if serial else SERIAL))


def asks_serial(article: Article, line: Line) -> bool:
    """Is the serial number of a line just added to be taken?"""
    return article.serial_required and line.live and line.kind == "article" and not line.serial
