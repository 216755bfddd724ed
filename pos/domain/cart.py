"""The cart: immutable, each change gives a new one. Sums are kept by construction, not checked later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain.about import About
from pos.domain.line import Discount, Line, Mark, Origin, Particulars
from pos.domain.money import vat_of_gross
from pos.domain.tax import TaxRate
from pos.domain.tender import Tender

__all__ = [
    "LINES_MAX",
    "About",
    "Cart",
    "Discount",
    "Line",
    "Mark",
    "Origin",
    "Particulars",
    "Sums",
    "TaxTotal",
    "Tender",
    "add_discount",
    "add_lines",
    "add_tender",
    "cart_of",
    "discount_lines",
    "drop_tender",
    "find_line",
    "last_live_line",
    "open_lines",
    "paid_minor",
    "pieces",
    "put_discounted",
    "put_line",
    "tax_totals",
    "tell_line",
    "total_minor",
    "void_line",
    "with_about",
    "with_rates",
]

LINES_MAX = 2_000
NOTHING_KNOWN: Final = About()
_SOLD: Final = frozenset({"article", "open"})


class Sums(msgspec.Struct, frozen=True):
    """A cart's sums, carried along so that the 500th line costs what the 5th did.

    `gross` holds (tax code, export key, percent, gross minor units, lines) by code; a code without lines is out.
    """

    total_minor: int = 0
    pieces: int = 0
    open_lines: int = 0
    gross: tuple[tuple[str, int, Decimal, int, int], ...] = ()


class Cart(msgspec.Struct, frozen=True):
    """An open sale. It exists from its first line on, on exactly one till.

    Line n stands at place n - 1: lines are added and marked, never taken out. `sums` follow from the lines;
    make a cart with `cart_of` where lines are given. `tenders` is what was paid towards it before it is paid in full.
    """

    cart_id: str
    opened_ms: int
    operator: str
    lines: tuple[Line, ...] = ()
    sums: Sums = Sums()
    tenders: tuple[Tender, ...] = ()
    about: About = About()


class TaxTotal(msgspec.Struct, frozen=True):
    """The sums of one tax code on one receipt, minor units: gross = net + vat."""

    code: str
    key: int
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


def add_discount(cart: Cart, n: int, discount: Discount) -> Cart:
    """Take something more off line `n`."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    new = msgspec.structs.replace(line, discounts=(*line.discounts, discount))
    assert 0 <= new.pay_minor <= line.total_minor, "no line falls below nothing"
    return put_line(cart, new)


def tell_line(cart: Cart, n: int, said: Particulars) -> Cart:
    """Note on line `n` what another code of the same pack says, where the first one said nothing."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    new = msgspec.structs.replace(
        line,
        serial=line.serial or said.serial,
        batch=line.batch or said.batch,
        best_before=line.best_before or said.best_before,
    )
    return cart if new == line else put_line(cart, new)


def discount_lines(cart: Cart, source: str, discounts: Mapping[int, Sequence[Discount]]) -> Cart:
    """Put the discounts of one source ("promotion", "manual", ...) in the place of those it gave before, line by line."""
    for line in cart.lines:
        kept = tuple(discount for discount in line.discounts if discount.source != source)
        fresh = (*kept, *discounts.get(line.n, ())) if line.live else kept
        if fresh != line.discounts:
            new = msgspec.structs.replace(line, discounts=fresh)
            assert not line.live or 0 <= new.pay_minor <= line.total_minor, "no line falls below nothing"
            cart = put_line(cart, new)
    return cart


def void_line(cart: Cart, n: int, mark: Mark) -> Cart:
    """Take a line out, with the deposit under it. It stays in the cart, marked with who and when."""
    for line in cart.lines:
        if line.live and (line.n == n or line.parent == n):
            cart = put_line(cart, msgspec.structs.replace(line, voided=mark))
    return cart


def cart_of(
    cart_id: str,
    opened_ms: int,
    operator: str,
    lines: tuple[Line, ...],
    tenders: tuple[Tender, ...] = (),
    about: About = NOTHING_KNOWN,
) -> Cart:
    """A cart with lines that were kept elsewhere."""
    assert all(line.n == place for place, line in enumerate(lines, start=1)), "line n stands at place n - 1"
    sums = Sums()
    for line in lines:
        sums = _count(sums, line, 1)
    return Cart(cart_id, opened_ms, operator, lines, sums, tenders, about)


def paid_minor(cart: Cart) -> int:
    """What was paid towards it so far."""
    return sum(tender.amount_minor for tender in cart.tenders)


def add_tender(cart: Cart, tender: Tender) -> Cart:
    return msgspec.structs.replace(cart, tenders=(*cart.tenders, tender))


def drop_tender(cart: Cart, at: int) -> Cart:
    """Without the tender at this place (0 is the first)."""
    return msgspec.structs.replace(cart, tenders=(*cart.tenders[:at], *cart.tenders[at + 1 :]))


def with_about(cart: Cart, **changes: Any) -> Cart:
    """The cart with other fields of its `about`."""
    return msgspec.structs.replace(cart, about=msgspec.structs.replace(cart.about, **changes))


def with_rates(cart: Cart, rate_of: Callable[[str], TaxRate]) -> Cart:
    """The cart with the rates of the day on which its goods change hands; what comes back keeps the rate it was sold at."""
    for line in cart.lines:
        if line.live and line.tax_code and line.kind != "return":
            rate = rate_of(line.tax_code)
            if (rate.percent, rate.key) != (line.tax_percent, line.tax_key):
                cart = put_line(
                    cart, msgspec.structs.replace(line, tax_percent=rate.percent, tax_key=rate.key)
                )
    return cart


def find_line(cart: Cart, n: int) -> Line | None:
    return cart.lines[n - 1] if 1 <= n <= len(cart.lines) else None


def last_live_line(cart: Cart) -> Line | None:
    """The line that "void last" takes: the newest that counts and does not belong to another."""
    return next((line for line in reversed(cart.lines) if line.live and line.parent is None), None)


def open_lines(cart: Cart) -> tuple[Line, ...]:
    if not cart.sums.open_lines:
        return ()
    return tuple(line for line in cart.lines if line.live and line.kind == "open")


def total_minor(cart: Cart) -> int:
    return cart.sums.total_minor


def pieces(cart: Cart) -> int:
    """How many things lie on the counter: pieces by number, weighed goods as one each, deposits not at all."""
    return cart.sums.pieces


def tax_totals(cart: Cart) -> tuple[TaxTotal, ...]:
    """The sums per tax code and rate (a sale may span the night of a change), by code. Their gross amounts sum to the total; net + VAT = gross in each."""
    totals = []
    for code, key, percent, gross, _ in cart.sums.gross:
        vat = vat_of_gross(gross, percent)
        totals.append(TaxTotal(code, key, percent, gross, gross - vat, vat))
    return tuple(totals)


def _count(sums: Sums, line: Line, sign: int) -> Sums:
    """The sums with one line more (sign 1) or less (-1). A removed line counts in nothing."""
    if line.voided is not None:
        return sums
    if line.kind == "open":
        return msgspec.structs.replace(
            sums, pieces=sums.pieces + sign * _pieces_of(line), open_lines=sums.open_lines + sign
        )
    gross = {entry[:3]: entry for entry in sums.gross}
    rate = (line.tax_code, line.tax_key, line.tax_percent)
    *_, before, count = gross.pop(rate, (0, 0))
    if count + sign:
        gross[rate] = (
            line.tax_code,
            line.tax_key,
            line.tax_percent,
            before + sign * line.pay_minor,
            count + sign,
        )
    return Sums(
        sums.total_minor + sign * line.pay_minor,
        sums.pieces + sign * _pieces_of(line),
        sums.open_lines,
        tuple(gross[rate] for rate in sorted(gross)),
    )


def _pieces_of(line: Line) -> int:
    if line.kind in {"deposit", "return", "down-payment"}:
        return 0
    return int(line.quantity) if line.unit == "pc" and line.quantity == int(line.quantity) else 1


def add_lines(cart: Cart, *lines: Line) -> Cart:
    """The cart with lines more, whose numbers follow. Who sells at the moment sells the goods among them."""
    sums = cart.sums
    seller = cart.about.seller
    if seller:
        lines = tuple(
            msgspec.structs.replace(line, seller=seller) if line.kind in _SOLD and not line.seller else line
            for line in lines
        )
    for line in lines:
        sums = _count(sums, line, 1)
    return Cart(
        cart.cart_id,
        cart.opened_ms,
        cart.operator,
        (*cart.lines, *lines),
        sums,
        cart.tenders,
        cart.about,
    )


def put_line(cart: Cart, new: Line) -> Cart:
    """The cart with another line in the place of that number."""
    old = cart.lines[new.n - 1]
    lines = (*cart.lines[: new.n - 1], new, *cart.lines[new.n :])
    return msgspec.structs.replace(cart, lines=lines, sums=_count(_count(cart.sums, old, -1), new, 1))


def put_discounted(cart: Cart, fresh: Iterable[Line]) -> Cart:
    """The cart with these lines in the place of those of their numbers; they differ in their discounts alone."""
    lines = list(cart.lines)
    more: dict[tuple[str, int, Decimal], int] = {}
    for new in fresh:
        old = lines[new.n - 1]
        lines[new.n - 1] = new
        rate = (new.tax_code, new.tax_key, new.tax_percent)
        more[rate] = more.get(rate, 0) + new.pay_minor - old.pay_minor
    gross = tuple(
        (code, key, percent, minor + more.get((code, key, percent), 0), count)
        for code, key, percent, minor, count in cart.sums.gross
    )
    total = cart.sums.total_minor + sum(more.values())
    sums = msgspec.structs.replace(cart.sums, total_minor=total, gross=gross)
    return msgspec.structs.replace(cart, lines=tuple(lines), sums=sums)
