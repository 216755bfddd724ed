"""The cart: immutable, each change gives a new one. Sums are kept by construction, not checked later."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from pos.domain.article import Article, Deposit
from pos.domain.money import round_minor, vat_of_gross
from pos.domain.tax import TaxRate

__all__ = [
    "LINES_MAX",
    "Cart",
    "Line",
    "Mark",
    "TaxTotal",
    "add_article",
    "add_open_line",
    "find_line",
    "last_live_line",
    "open_lines",
    "pieces",
    "price_open_line",
    "replace_open_line",
    "tax_totals",
    "total_minor",
    "void_line",
]

LINES_MAX = 2_000


class Mark(msgspec.Struct, frozen=True):
    """Who did something, and when (wall clock, milliseconds since 1970 UTC)."""

    at_ms: int
    by: str


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a cart.

    `n` never changes and is never given twice. `kind` is "article", "deposit" (belongs to line
    `parent`) or "open" (a code that is not sold yet: no price, no tax, total 0). Amounts are gross
    minor units; `total_minor` is `quantity` x `unit_minor`, rounded once. `list_minor` is the
    catalogue's price where another one was taken. `price_source` is "catalogue", "asked" or "open".
    """

    n: int
    kind: str
    text: str
    quantity: Decimal
    unit_minor: int
    total_minor: int
    added: Mark
    source: str = ""
    code: str = ""
    gtin: str | None = None
    sku: str = ""
    unit: str = "pc"
    department: int = 0
    tax_code: str = ""
    tax_percent: Decimal = Decimal(0)
    tax_key: int = 0
    price_source: str = "catalogue"
    list_minor: int | None = None
    parent: int | None = None
    min_age: int = 0
    open_reason: str = ""
    voided: Mark | None = None

    @property
    def live(self) -> bool:
        return self.voided is None


class Cart(msgspec.Struct, frozen=True):
    """An open sale. It exists from its first line on, on exactly one till."""

    cart_id: str
    opened_ms: int
    operator: str
    lines: tuple[Line, ...] = ()


class TaxTotal(msgspec.Struct, frozen=True):
    """The sums of one tax code on one receipt, minor units: gross = net + vat."""

    code: str
    key: int
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


def add_article(
    cart: Cart,
    article: Article,
    quantity: Decimal,
    rates: tuple[TaxRate, TaxRate | None],
    mark: Mark,
    *,
    code: str,
    source: str,
) -> Cart:
    """Append an article and, under it, its deposit. `rates` are those of the article and of the deposit.

    An article without a price becomes an open line.
    """
    n = _next_n(cart)
    if article.price_minor is None:
        return _append(cart, _line_without_price(n, article, quantity, rates[0], mark, code, source))
    lines = [_article_line(n, article, article.price_minor, quantity, rates[0], mark, code, source)]
    deposit_rate = rates[1]
    if article.deposit is not None and deposit_rate is not None:
        lines.append(_deposit_line(n + 1, n, article.deposit, quantity, deposit_rate, mark, source))
    return _append(cart, *lines)


def add_open_line(cart: Cart, code: str, quantity: Decimal, mark: Mark, *, source: str) -> Cart:
    """Append a code that nobody knows; it blocks the payment until it is settled."""
    return _append(
        cart,
        Line(
            n=_next_n(cart),
            kind="open",
            text=code,
            quantity=quantity,
            unit_minor=0,
            total_minor=0,
            added=mark,
            code=code,
            source=source,
            price_source="open",
            open_reason="unknown",
        ),
    )


def replace_open_line(
    cart: Cart, n: int, article: Article, rates: tuple[TaxRate, TaxRate | None], mark: Mark
) -> Cart:
    """Settle an open line by an article found otherwise: the open line is voided, the article is sold."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    assert line.kind == "open", "only open lines are settled"
    return add_article(
        void_line(cart, n, mark), article, line.quantity, rates, mark, code=line.code, source=line.source
    )


def price_open_line(
    cart: Cart, n: int, unit_minor: int, rate: TaxRate, mark: Mark, *, text: str, department: int
) -> Cart:
    """Settle an open line by a price: it stays in its place and counts from now on."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    assert line.kind == "open", "only open lines are settled"
    settled = msgspec.structs.replace(
        line,
        kind="article",
        text=text,
        unit_minor=unit_minor,
        total_minor=round_minor(line.quantity * unit_minor),
        tax_code=rate.code,
        tax_percent=rate.percent,
        tax_key=rate.key,
        department=department or line.department,
        price_source="asked",
        open_reason="",
        added=Mark(line.added.at_ms, mark.by),
    )
    return _replace(cart, settled)


def void_line(cart: Cart, n: int, mark: Mark) -> Cart:
    """Take a line out, with the deposit under it. It stays in the cart, marked with who and when."""
    for line in cart.lines:
        if line.live and (line.n == n or line.parent == n):
            cart = _replace(cart, msgspec.structs.replace(line, voided=mark))
    return cart


def find_line(cart: Cart, n: int) -> Line | None:
    return next((line for line in cart.lines if line.n == n), None)


def last_live_line(cart: Cart) -> Line | None:
    """The line that "void last" takes: the newest that counts and is no deposit."""
    return next((line for line in reversed(cart.lines) if line.live and line.kind != "deposit"), None)


def open_lines(cart: Cart) -> tuple[Line, ...]:
    return tuple(line for line in _live(cart) if line.kind == "open")


def total_minor(cart: Cart) -> int:
    return sum(line.total_minor for line in cart.lines if line.voided is None)


def pieces(cart: Cart) -> int:
    """How many things lie on the counter: pieces by number, weighed goods as one each, deposits not at all."""
    count = 0
    for line in cart.lines:
        if line.voided is None and line.kind != "deposit":
            count += int(line.quantity) if line.unit == "pc" else 1
    return count


def tax_totals(cart: Cart) -> tuple[TaxTotal, ...]:
    """The sums per tax code, by code. Their gross amounts sum to the total; net + VAT = gross in each."""
    gross: dict[str, int] = {}
    sample: dict[str, Line] = {}
    for line in cart.lines:
        if line.voided is None and line.kind != "open":
            gross[line.tax_code] = gross.get(line.tax_code, 0) + line.total_minor
            sample.setdefault(line.tax_code, line)
    totals = []
    for code in sorted(gross):
        line = sample[code]
        vat = vat_of_gross(gross[code], line.tax_percent)
        totals.append(
            TaxTotal(code, line.tax_key, line.tax_percent, gross[code], gross[code] - vat, vat),
        )
    return tuple(totals)


def _live(cart: Cart) -> Iterator[Line]:
    return (line for line in cart.lines if line.voided is None)


def _next_n(cart: Cart) -> int:
    return cart.lines[-1].n + 1 if cart.lines else 1


def _append(cart: Cart, *lines: Line) -> Cart:
    assert len(cart.lines) < LINES_MAX, "the caller refuses a full cart"
    return msgspec.structs.replace(cart, lines=(*cart.lines, *lines))


def _replace(cart: Cart, new: Line) -> Cart:
    return msgspec.structs.replace(cart, lines=tuple(new if line.n == new.n else line for line in cart.lines))


def _article_line(
    n: int,
    article: Article,
    unit_minor: int,
    quantity: Decimal,
    rate: TaxRate,
    mark: Mark,
    code: str,
    source: str,
) -> Line:
    return Line(
        n=n,
        kind="article",
        text=article.text,
        quantity=quantity,
        unit_minor=unit_minor,
        total_minor=round_minor(quantity * unit_minor),
        added=mark,
        source=source,
        code=code if code != article.gtin else "",
        gtin=article.gtin,
        sku=article.sku,
        unit=article.unit,
        department=article.department,
        tax_code=rate.code,
        tax_percent=rate.percent,
        tax_key=rate.key,
        min_age=article.min_age,
    )


def _line_without_price(
    n: int, article: Article, quantity: Decimal, rate: TaxRate, mark: Mark, code: str, source: str
) -> Line:
    priced = _article_line(n, article, 0, quantity, rate, mark, code, source)
    return msgspec.structs.replace(
        priced, kind="open", price_source="open", open_reason="price", total_minor=0
    )


def _deposit_line(
    n: int, parent: int, deposit: Deposit, quantity: Decimal, rate: TaxRate, mark: Mark, source: str
) -> Line:
    return Line(
        n=n,
        kind="deposit",
        text=deposit.text,
        quantity=quantity,
        unit_minor=deposit.price_minor,
        total_minor=round_minor(quantity * deposit.price_minor),
        added=mark,
        source=source,
        sku=deposit.sku,
        tax_code=rate.code,
        tax_percent=rate.percent,
        tax_key=rate.key,
        parent=parent,
    )
