"""Goods become lines of a cart: what is sold, what nobody knows yet, what comes back, with its deposit."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from pos.domain.article import Article, Deposit, priced_for
from pos.domain.cart import Cart, add_lines, find_line, put_line, void_line
from pos.domain.line import NOTHING_SAID, Discount, Line, Mark, Origin, Particulars
from pos.domain.money import round_minor
from pos.domain.returns import shares_back
from pos.domain.tax import TaxRate

__all__ = [
    "add_article",
    "add_deposit_return",
    "add_in_exchange",
    "add_open_line",
    "add_return",
    "price_open_line",
    "replace_open_line",
    "reprice",
]


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

    It costs what the cart's customer pays. An article without a price becomes an open line. `said` is what its code says of it.
    """
    n = len(cart.lines) + 1
    for_all, article = article.price_minor, priced_for(article, cart.about.groups)
    if said.unit_minor is None and article.price_minor is None:
        return add_lines(cart, _line_without_price(n, article, quantity, rates[0], mark, code, source, said))
    unit_minor = article.price_minor if said.unit_minor is None else said.unit_minor
    assert unit_minor is not None, "one of the two is a price"
    line = _article_line(n, article, unit_minor, quantity, rates[0], mark, code, source, said)
    if said.unit_minor is None and for_all != unit_minor:
        line = msgspec.structs.replace(line, list_minor=for_all)
    lines = [line]
    deposit_rate = rates[1]
    if article.deposit is not None and deposit_rate is not None:
        lines.append(_deposit_line(n + 1, n, article.deposit, quantity, deposit_rate, mark, source))
    return add_lines(cart, *lines)


def reprice(cart: Cart, article_of: Callable[[str], Article | None]) -> Cart:
    """Put lines right whose price is from another list than the one that counts for the cart's customer, who was named or dropped."""
    for line in cart.lines:
        is_listed = line.kind == "article" and line.live and line.price_source == "catalogue" and line.sku
        if not is_listed or line.origin is not None or line.order:
            continue
        article = article_of(line.sku)
        if article is None:
            continue
        priced = priced_for(article, cart.about.groups)
        if priced.price_minor is None or priced.price_list == line.price_list:
            continue
        fresh = msgspec.structs.replace(
            line,
            unit_minor=priced.price_minor,
            total_minor=round_minor(line.quantity * priced.price_minor),
            price_list=priced.price_list,
            list_minor=article.price_minor if article.price_minor != priced.price_minor else None,
            discounts=(),
        )
        cart = put_line(cart, fresh)
    return cart


def add_open_line(cart: Cart, code: str, quantity: Decimal, mark: Mark, *, source: str) -> Cart:
    """Append a code that nobody knows; it blocks the payment until it is settled."""
    return add_lines(
        cart,
        Line(
            n=len(cart.lines) + 1,
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
    cart = put_line(cart, settled)
    if deposit is None:
        return cart
    owed, deposit_rate = deposit
    return add_lines(
        cart, _deposit_line(len(cart.lines) + 1, n, owed, line.quantity, deposit_rate, mark, line.source)
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
        n=len(cart.lines) + 1,
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
    return add_lines(cart, line)


def add_in_exchange(
    cart: Cart, back: Line, article: Article, rate: TaxRate, mark: Mark, *, code: str, source: str
) -> Cart:
    """Sell an article for what a returned line gives back: the cart's total stays as it would be without both."""
    assert back.origin is not None, "it is taken back from a receipt"
    line = _article_line(
        len(cart.lines) + 1, article, back.unit_minor, -back.quantity, rate, mark, code, source, NOTHING_SAID
    )
    discounts = tuple(
        msgspec.structs.replace(discount, amount_minor=-discount.amount_minor) for discount in back.discounts
    )
    line = msgspec.structs.replace(
        line, price_source="origin", list_minor=article.price_minor, discounts=discounts
    )
    assert line.pay_minor == -back.pay_minor, "one goes for the other"
    return add_lines(cart, line)


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
    line = _deposit_line(len(cart.lines) + 1, None, deposit, -quantity, rate, mark, source)
    return add_lines(cart, msgspec.structs.replace(line, code=code, serial=serial))


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
        price_list=article.price_list if said.unit_minor is None else "",
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
