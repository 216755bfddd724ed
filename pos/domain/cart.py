"""The cart: immutable, each change gives a new one. Sums are kept by construction, not checked later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.domain.about import About
from pos.domain.article import Article, Deposit
from pos.domain.line import NOTHING_SAID, Discount, Line, Mark, Origin, Particulars
from pos.domain.money import round_minor, vat_of_gross
from pos.domain.returns import shares_back
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
    "add_article",
    "add_deposit_return",
    "add_discount",
    "add_in_exchange",
    "add_lines",
    "add_open_line",
    "add_return",
    "add_tender",
    "cart_of",
    "discount_lines",
    "drop_tender",
    "find_line",
    "last_live_line",
    "open_lines",
    "paid_minor",
    "pieces",
    "price_open_line",
    "put_discounted",
    "put_line",
    "replace_open_line",
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


def add_article(
    cart: Cart,
    article: Article,
    quantity: Decimal,
    rates: tuple[TaxRate, TaxRate | None],
    mark: Mark,
    *,
    code: str,
    source: str,
    said: Particulars = NOTHING_SAID,
) -> Cart:
    """Append an article and, under it, its deposit. `rates` are those of the article and of the deposit.

    An article without a price becomes an open line. `said` is what its code says of it.
    """
    n = _next_n(cart)
    if said.unit_minor is None and article.price_minor is None:
        return _append(cart, _line_without_price(n, article, quantity, rates[0], mark, code, source, said))
    unit_minor = article.price_minor if said.unit_minor is None else said.unit_minor
    assert unit_minor is not None, "one of the two is a price"
    lines = [_article_line(n, article, unit_minor, quantity, rates[0], mark, code, source, said)]
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


def add_return(
    cart: Cart,
    sold: Line,
    quantity: Decimal,
    refund_minor: int,
    origin: Origin,
    mark: Mark,
    *,
    before_minor: int = 0,
) -> Cart:
    """Take back `quantity` of a line that was sold, for what was paid for it: at the price and the rate of that sale.

    What the price then and the refund differ by is a discount that is taken back with it, of those who gave it;
    `before_minor` of it came back earlier.
    """
    total = -round_minor(quantity * sold.unit_minor)
    back = refund_minor + total  # what came off then, negative
    assert quantity > 0, "something comes back"
    line = msgspec.structs.replace(
        sold,
        n=_next_n(cart),
        kind="deposit" if sold.kind == "deposit" else "return",
        quantity=-quantity,
        total_minor=total,
        discounts=tuple(
            Discount("origin", "", minor, of=source)
            for source, minor in shares_back(sold.discounts, before_minor, back)
        ),
        added=mark,
        source="return",
        parent=None,
        origin=origin,
        voided=None,
    )
    return _append(cart, line)


def add_in_exchange(
    cart: Cart, back: Line, article: Article, rate: TaxRate, mark: Mark, *, code: str, source: str
) -> Cart:
    """Sell an article for what a returned line gives back: the cart's total stays as it would be without both."""
    assert back.origin is not None, "it is taken back from a receipt"
    line = _article_line(
        _next_n(cart), article, back.unit_minor, -back.quantity, rate, mark, code, source, NOTHING_SAID
    )
    discounts = tuple(
        msgspec.structs.replace(discount, amount_minor=-discount.amount_minor) for discount in back.discounts
    )
    line = msgspec.structs.replace(
        line, price_source="origin", list_minor=article.price_minor, discounts=discounts
    )
    assert line.pay_minor == -back.pay_minor, "one goes for the other"
    return _append(cart, line)


def add_deposit_return(
    cart: Cart,
    deposit: Deposit,
    quantity: Decimal,
    rate: TaxRate,
    mark: Mark,
    *,
    source: str,
    code: str = "",
    serial: str = "",
) -> Cart:
    """Take empties back: a line of its own that pays `quantity` deposits out. `serial` is the slip's number, if there is one."""
    assert quantity > 0, "something comes back"
    line = _deposit_line(_next_n(cart), None, deposit, -quantity, rate, mark, source)
    return _append(cart, msgspec.structs.replace(line, code=code, serial=serial))


def add_discount(cart: Cart, n: int, discount: Discount) -> Cart:
    """Take something more off line `n`."""
    line = find_line(cart, n)
    assert line is not None, "the line exists"
    new = msgspec.structs.replace(line, discounts=(*line.discounts, discount))
    assert 0 <= new.pay_minor <= line.total_minor, "no line falls below nothing"
    return _replace(cart, new)


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
    return cart if new == line else _replace(cart, new)


def discount_lines(cart: Cart, source: str, discounts: Mapping[int, Sequence[Discount]]) -> Cart:
    """Put the discounts of one source ("promotion", "manual", ...) in the place of those it gave before, line by line."""
    for line in cart.lines:
        kept = tuple(discount for discount in line.discounts if discount.source != source)
        fresh = (*kept, *discounts.get(line.n, ())) if line.live else kept
        if fresh != line.discounts:
            new = msgspec.structs.replace(line, discounts=fresh)
            assert not line.live or 0 <= new.pay_minor <= line.total_minor, "no line falls below nothing"
            cart = _replace(cart, new)
    return cart


def void_line(cart: Cart, n: int, mark: Mark) -> Cart:
    """Take a line out, with the deposit under it. It stays in the cart, marked with who and when."""
    for line in cart.lines:
        if line.live and (line.n == n or line.parent == n):
            cart = _replace(cart, msgspec.structs.replace(line, voided=mark))
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
                cart = _replace(
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


def _next_n(cart: Cart) -> int:
    return len(cart.lines) + 1


def add_lines(cart: Cart, *lines: Line) -> Cart:
    """The cart with lines more, whose numbers follow."""
    return _append(cart, *lines)


def put_line(cart: Cart, new: Line) -> Cart:
    """The cart with another line in the place of that number."""
    return _replace(cart, new)


def _append(cart: Cart, *lines: Line) -> Cart:
    """Who sells at the moment sells the goods among them."""
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


def _replace(cart: Cart, new: Line) -> Cart:
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


def _article_line(
    n: int,
    article: Article,
    unit_minor: int,
    quantity: Decimal,
    rate: TaxRate,
    mark: Mark,
    code: str,
    source: str,
    said: Particulars,
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
        unit=said.unit or article.unit,
        department=article.department,
        tax_code=rate.code,
        tax_percent=rate.percent,
        tax_key=rate.key,
        price_source="catalogue" if said.unit_minor is None else "label",
        list_minor=said.list_minor,
        min_age=article.min_age,
        serial=said.serial,
        batch=said.batch,
        best_before=said.best_before,
    )


def _line_without_price(
    n: int,
    article: Article,
    quantity: Decimal,
    rate: TaxRate,
    mark: Mark,
    code: str,
    source: str,
    said: Particulars,
) -> Line:
    priced = _article_line(n, article, 0, quantity, rate, mark, code, source, said)
    return msgspec.structs.replace(
        priced, kind="open", price_source="open", open_reason="price", total_minor=0
    )


def _deposit_line(
    n: int, parent: int | None, deposit: Deposit, quantity: Decimal, rate: TaxRate, mark: Mark, source: str
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
