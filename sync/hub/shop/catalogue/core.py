"""What a cart costs in a store at a time, by the till's own engine; articles for channels."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from pos.domain.about import About
from pos.domain.article import Article
from pos.domain.cart import Cart, Line, Mark, tax_totals, total_minor, with_about
from pos.domain.cart_goods import add_article
from pos.domain.discounts import saved_minor
from pos.domain.lowest import Lowest
from pos.domain.lowest_price import lowest_30d
from pos.domain.money import QUANTITY_MAX, TOTAL_MAX_MINOR
from pos.domain.price_lists import EVERYBODY, Place
from pos.domain.price_past import Past
from pos.domain.promoted import promote, shares_of
from pos.domain.promotions import Book
from pos.domain.tax import TaxRate, TaxTable, UnknownTaxCodeError
from pos.resources import tax_table
from sync.hub import changes
from sync.hub import tables as ledger
from sync.hub.shop.catalogue import articles
from sync.hub.shop.catalogue.history import pasts, read_promotion_row
from sync.hub.shop.catalogue.messages import (
    AskedPrices,
    CouponSaid,
    Lowest30d,
    Price,
    PricedLine,
    PromotionSaid,
    Reduced,
    ShopArticle,
    ShopArticles,
    ShopDeposit,
    Taken,
    Tax,
)
from sync.hub.shop.catalogue.price_lists import lists_ran
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stores import core as stores

__all__ = [
    "CURRENCY",
    "ListArticles",
    "OneArticle",
    "PriceAsk",
    "get_article",
    "get_by_code",
    "list_articles",
    "price",
    "price_asked",
    "promotions_of",
    "quantity_of",
    "resolve",
    "store_day",
    "zone_of",
]

CURRENCY: Final = "EUR"
_COUNTRY: Final = "DE"
_ZONE: Final = "Europe/Berlin"
_NOBODY: Final = Mark(0, "")


class PriceAsk(Struct, frozen=True):
    """A cart: (sku or code, quantity) for each line, in its order. `channel`: whose prices; empty: those of all. `at_ms` 0: now."""

    store: str
    lines: Sequence[tuple[str, Decimal]]
    coupons: tuple[str, ...] = ()
    customer_group: str = ""
    at_ms: int = 0
    channel: str = ""


class ListArticles(Struct, frozen=True):
    """`place`: whose prices, and by whose clock it is today; no store: the chain's."""

    text: str
    cursor: str
    limit: int
    place: Place = EVERYBODY


class OneArticle(Struct, frozen=True):
    """By its sku, or by a code."""

    name: str
    place: Place = EVERYBODY


def price(work: Work, ask: PriceAsk) -> Price:
    """Price a cart. Raises RefusedError 422 for what is no article ("article"), no such quantity, or over the limits."""
    at_ms = ask.at_ms or work.now_ms
    moment = dt.datetime.fromtimestamp(at_ms / 1000, zone_of(work, ask.store)).replace(tzinfo=None)
    groups = tuple(filter(None, (ask.customer_group,)))
    known = resolve(work, [name for name, _ in ask.lines], moment.date(), Place(ask.store, ask.channel))
    cart = Cart("", at_ms, "", about=About(groups=groups, coupons=ask.coupons))
    taxes = tax_table(_COUNTRY)
    serials: set[str] = set()
    for name, quantity in ask.lines:
        article = known[name]
        _demand_quantity(article, quantity)
        rates = (
            _rate(taxes, article.tax_code, moment.date()),
            _rate(taxes, article.deposit.tax_code, moment.date()) if article.deposit is not None else None,
        )
        if article.serial_required:
            serials.add(article.sku)
        cart = add_article(cart, article, quantity, rates, _NOBODY, code="", source="basket")
    book = promotions_of(work.connection)
    cart = promote(cart, book, moment, {}) if book.promotions else with_about(cart, promotions=())
    total = total_minor(cart)
    if total > TOTAL_MAX_MINOR:
        raise RefusedError(422, "total", "No till takes a cart of so much money", str(total))
    return Price(
        store=ask.store,
        currency=CURRENCY,
        at_ms=at_ms,
        lines=tuple(_line(line, serials) for line in cart.lines),
        taxes=tuple(
            Tax(each.code, each.percent, each.gross_minor, each.net_minor, each.vat_minor)
            for each in tax_totals(cart)
        ),
        promotions=tuple(PromotionSaid(one.promotion, one.uses, one.minor) for one in cart.about.promotions),
        coupons=_coupons(cart, book),
        saved_minor=saved_minor(cart.lines),
        total_minor=total,
        min_age=max((line.min_age for line in cart.lines), default=0),
    )


def price_asked(work: Work, ask: AskedPrices) -> Price:
    """`price` for who asks the API."""
    if work.actor.is_public and ask.customer_group:
        raise RefusedError(403, "customer", "In which group a customer is, only the shop says")
    lines = [(line.sku or line.code, quantity_of(line.qty)) for line in ask.lines]
    return price(work, PriceAsk(ask.store, lines, ask.coupons, ask.customer_group, ask.at_ms, ask.channel))


def quantity_of(text: str) -> Decimal:
    """Raises RefusedError 422 for what is no quantity."""
    try:
        quantity = Decimal(text)
    except InvalidOperation as error:
        raise RefusedError(422, "quantity", "This is no quantity", text[:32]) from error
    if not quantity.is_finite() or not 0 < quantity <= QUANTITY_MAX:
        raise RefusedError(422, "quantity", "A quantity is above 0 and at most 999", text[:32])
    return quantity


def resolve(work: Work, names: Sequence[str], day: dt.date, place: Place = EVERYBODY) -> dict[str, Article]:
    """The article that each name means: a sku, else any of its codes; at the prices of a place.

    Raises RefusedError 422 for one that means none.
    """
    by_name = articles.by_skus(work.connection, names, day, place)
    found = {name: one.article for name, one in by_name.items()}
    codes = articles.by_codes(work.connection, [name for name in names if name not in found])
    by_sku = articles.by_skus(work.connection, codes.values(), day, place) if codes else {}
    found |= {code: by_sku[sku].article for code, sku in codes.items() if sku in by_sku}
    for name in names:
        if name not in found:
            raise RefusedError(422, "article", "There is no such article", name[:80])
    return found


def store_day(work: Work, store: str, at_ms: int = 0) -> dt.date:
    """The day it is in a store."""
    return dt.datetime.fromtimestamp((at_ms or work.now_ms) / 1000, zone_of(work, store)).date()


def list_articles(work: Work, ask: ListArticles) -> ShopArticles:
    """Articles by sku, or those whose words begin with what is looked for."""
    place = after(ask.cursor, str)
    behind = str(place[0]) if place else ""
    if ask.text:
        skus = articles.search(work.connection, ask.text, behind, ask.limit + 1)
    else:
        skus = [sku for sku, _ in articles.page(work.connection, behind, ask.limit + 1)]
    more, skus = len(skus) > ask.limit, skus[: ask.limit]
    listed = _told(work, skus, ask.place)
    return ShopArticles(listed, cursor_of(skus[-1]) if more else "")


def get_article(work: Work, ask: OneArticle) -> ShopArticle:
    found = _told(work, [ask.name], ask.place)
    if not found:
        raise not_found("article", ask.name)
    return found[0]


def get_by_code(work: Work, ask: OneArticle) -> ShopArticle:
    sku = articles.by_codes(work.connection, [ask.name]).get(ask.name)
    if sku is None:
        raise not_found("article", ask.name)
    return get_article(work, OneArticle(sku, ask.place))


def _told(work: Work, skus: Sequence[str], place: Place) -> tuple[ShopArticle, ...]:
    """Those of these articles that there are."""
    now = dt.datetime.fromtimestamp(work.now_ms / 1000, zone_of(work, place.store))
    found = articles.by_skus(work.connection, skus, now.date(), place)
    known = pasts(work.connection, found, work.now_ms, lists_ran(work.connection, work.now_ms), place)
    return tuple(
        _article(found[sku], lowest_30d(known.get(sku, Past()), found[sku].article, now))
        for sku in skus
        if sku in found
    )


def zone_of(work: Work, store: str) -> ZoneInfo:
    found = stores.find(work, store) if store else None
    return ZoneInfo(found.about.time_zone if found is not None else _ZONE)


def _rate(taxes: TaxTable, code: str, day: dt.date) -> TaxRate:
    try:
        return taxes.rate(code, day)
    except UnknownTaxCodeError as error:
        raise RefusedError(
            422, "tax-code", "The article's tax code has no rate on that day", code[:16]
        ) from error


def _demand_quantity(article: Article, quantity: Decimal) -> None:
    if not 0 < quantity <= QUANTITY_MAX:
        raise RefusedError(422, "quantity", "A quantity is above 0 and at most 999", article.sku)
    if article.unit == "pc" and quantity != quantity.to_integral_value():
        raise RefusedError(422, "quantity", "This article is sold in whole pieces", article.sku)


def promotions_of(connection: Connection) -> Book:
    """The promotions of the chain as they came last."""
    c = ledger.change.c
    rows = connection.execute(
        sa.select(c.key, c.body).where(c.scope == changes.CHAIN, c.kind == "promotion").order_by(c.n)
    )
    newest = {row.key: row.body for row in rows}
    return _book_of(tuple(newest.values()))


@lru_cache(maxsize=4)
def _book_of(bodies: tuple[str, ...]) -> Book:
    """A row that this software cannot read is left out, as tills do."""
    found = [read_promotion_row(body) for body in bodies if body != changes.TOMBSTONE]
    return Book(row for row in found if row is not None)


def _line(line: Line, serials: set[str]) -> PricedLine:
    is_open = line.kind == "open"
    asks = (
        *(("price",) if is_open else ()),
        *(("age",) if line.min_age else ()),
        *(("serial",) if line.sku in serials else ()),
        *(("weight",) if line.kind != "deposit" and line.unit != "pc" else ()),
    )
    return PricedLine(
        n=line.n,
        kind="article" if is_open else line.kind,
        sku=line.sku,
        code=line.gtin or "",
        text=line.text,
        unit=line.unit,
        quantity=line.quantity,
        unit_minor=line.unit_minor,
        total_minor=line.total_minor,
        pay_minor=line.pay_minor,
        price_list=line.price_list,
        taken=tuple(Taken(one.code, one.text, one.amount_minor) for one in shares_of(line)),
        tax_code=line.tax_code,
        tax_percent=line.tax_percent,
        min_age=line.min_age,
        department=line.department,
        parent=line.parent or 0,
        asks=asks,
    )


def _coupons(cart: Cart, book: Book) -> tuple[CouponSaid, ...]:
    used = {one.promotion for one in cart.about.promotions}
    working = {row.coupon for row in book.promotions if row.coupon and row.id in used}
    return tuple(CouponSaid(code, code in working) for code in dict.fromkeys(cart.about.coupons))


def _article(known: articles.Known, lowest: Lowest | None) -> ShopArticle:
    article = known.article
    deposit = article.deposit
    return ShopArticle(
        sku=article.sku,
        text=article.text,
        price_minor=article.price_minor,
        price_list=article.price_list,
        currency=CURRENCY,
        unit=article.unit,
        tax_code=article.tax_code,
        gtin=article.gtin or "",
        codes=known.codes,
        department=article.department,
        min_age=article.min_age,
        serial_required=article.serial_required,
        deposit=ShopDeposit(deposit.sku, deposit.text, deposit.price_minor) if deposit is not None else None,
        product=known.product,
        option_names=known.option_names,
        options=article.options,
        content="" if article.content is None else f"{article.content:f}",
        content_unit=article.content_unit,
        media=known.media,
        reduced=(
            Reduced(lowest.price_minor, lowest.percent) if lowest is not None and lowest.announced else None
        ),
        lowest_30d=_lowest(lowest),
    )


def _lowest(lowest: Lowest | None) -> Lowest30d | None:
    if lowest is None:
        return None
    return Lowest30d(lowest.minor, lowest.known_from.isoformat() if lowest.known_from is not None else "")
