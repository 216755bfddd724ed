"""The cart: immutable, each change gives a new one. Sums are kept by construction, not checked later."""

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
    "Sums",
    "TaxTotal",
    "add_article",
    "add_open_line",
    "cart_of",
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
    make a cart with `cart_of` where lines are given.
    """

    cart_id: str
    opened_ms: int
    operator: str
    lines: tuple[Line, ...] = ()
    sums: Sums = Sums()


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
    cart: Cart,
    n: int,
    article: Article,
    rates: tuple[TaxRate, TaxRate | None],
    mark: Mark,
) -> Cart:
    """Settle an open line by an article: the open line is voided, the article is sold, with its deposit."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    assert line.kind == "open", "only open lines are settled"
    return add_article(
        void_line(cart, n, mark),
        article,
        line.quantity,
        rates,
        mark,
        code=line.code,
        source=line.source,
    )


def price_open_line(
    cart: Cart,
    n: int,
    unit_minor: int,
    rate: TaxRate,
    mark: Mark,
    *,
    text: str,
    department: int,
    deposit: tuple[Deposit, TaxRate] | None = None,
) -> Cart:
    """Settle an open line by a price: it stays in its place and counts from now on; its deposit follows."""
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
    cart = _replace(cart, settled)
    if deposit is None:
        return cart
    owed, deposit_rate = deposit
    return _append(
        cart, _deposit_line(_next_n(cart), n, owed, line.quantity, deposit_rate, mark, line.source)
    )


def void_line(cart: Cart, n: int, mark: Mark) -> Cart:
    """Take a line out, with the deposit under it. It stays in the cart, marked with who and when."""
    for line in cart.lines:
        if line.live and (line.n == n or line.parent == n):
            cart = _replace(cart, msgspec.structs.replace(line, voided=mark))
    return cart


def cart_of(cart_id: str, opened_ms: int, operator: str, lines: tuple[Line, ...]) -> Cart:
    """A cart with lines that were kept elsewhere."""
    assert all(line.n == place for place, line in enumerate(lines, start=1)), "line n stands at place n - 1"
    sums = Sums()
    for line in lines:
        sums = _count(sums, line, 1)
    return Cart(cart_id, opened_ms, operator, lines, sums)


def find_line(cart: Cart, n: int) -> Line | None:
    return cart.lines[n - 1] if 1 <= n <= len(cart.lines) else None


def last_live_line(cart: Cart) -> Line | None:
    """The line that "void last" takes: the newest that counts and is no deposit."""
    return next((line for line in reversed(cart.lines) if line.live and line.kind != "deposit"), None)


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
            before + sign * line.total_minor,
            count + sign,
        )
    return Sums(
        sums.total_minor + sign * line.total_minor,
        sums.pieces + sign * _pieces_of(line),
        sums.open_lines,
        tuple(gross[rate] for rate in sorted(gross)),
    )


def _pieces_of(line: Line) -> int:
    if line.kind == "deposit":
        return 0
    return int(line.quantity) if line.unit == "pc" and line.quantity == int(line.quantity) else 1


def _next_n(cart: Cart) -> int:
    return len(cart.lines) + 1


def _append(cart: Cart, *lines: Line) -> Cart:
    sums = cart.sums
    for line in lines:
        sums = _count(sums, line, 1)
    return Cart(cart.cart_id, cart.opened_ms, cart.operator, (*cart.lines, *lines), sums)


def _replace(cart: Cart, new: Line) -> Cart:
    old = cart.lines[new.n - 1]
    lines = (*cart.lines[: new.n - 1], new, *cart.lines[new.n :])
    return msgspec.structs.replace(cart, lines=lines, sums=_count(_count(cart.sums, old, -1), new, 1))


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
