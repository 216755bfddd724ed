"""The page of a cart that goes from the phone to a till: its code, its lines, until when."""

from decimal import Decimal
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath
from msgspec import Struct

from receipts import formats
from receipts.qr import qr_svg
from sync.hub.shop.baskets import core
from sync.hub.shop.baskets.messages import Basket
from sync.hub.shop.catalogue import articles
from sync.hub.shop.catalogue.core import store_day
from sync.hub.shop.kit.links import CART, id_of
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders.core import store_of
from sync.hub.shop.stores.messages import PutStore
from sync.hub.web.frame import Page, markup, show

__all__ = ["ROUTES"]

_QR_MAX = 400
"""Longer ones are hard to scan off a small screen; the short code is enough where the till has a line."""


class _Row(Struct, frozen=True):
    text: str
    quantity: str
    amount_minor: int | None
    deposit: bool = False


class _Seen(Struct, frozen=True):
    cart: Basket
    store: PutStore
    texts: dict[str, str]


@get("/c/{link:str}", include_in_schema=False)
async def get_cart(request: Request[Any, Any, Any], link: FromPath[str]) -> Response[bytes]:
    return await show(request, lambda work: _find(work, link), _draw)


def _find(work: Work, link: str) -> _Seen | None:
    found = id_of(work, CART, link)
    if found is None:
        return None
    cart = core.get_basket(work, core.Named(*found))
    skus = [line.sku for line in cart.lines]
    known = articles.by_skus(work.connection, skus, store_day(work, found[0]))
    texts = {sku: one.article.text for sku, one in known.items()}
    return _Seen(cart, store_of(work, found[0]), texts)


def _draw(page: Page, found: _Seen) -> str:
    cart, zone = found.cart, found.store.time_zone
    live = cart.state in {"open", "claimed"} and cart.expires_ms > page.now_ms
    standing = cart.state if live or cart.state in {"converted", "abandoned"} else "expired"
    code = cart.qr if len(cart.qr) <= _QR_MAX else cart.code
    share = cart.share_code
    return page.html(
        "cart",
        standing=standing,
        store=found.store,
        code=f"{share[:4]} {share[4:]}" if standing == "open" else "",
        qr=markup(qr_svg(code, label=page.word("cart-qr"))) if standing == "open" else "",
        until=page.moment(cart.expires_ms, zone),
        rows=_rows(page, found),
        price=cart.price,
    )


def _rows(page: Page, found: _Seen) -> list[_Row]:
    price = found.cart.price
    if price is None:
        return [
            _Row(found.texts.get(line.sku, line.sku), _quantity(page, Decimal(line.qty), "pc"), None)
            for line in found.cart.lines
        ]
    return [
        _Row(line.text, _quantity(page, line.quantity, line.unit), line.pay_minor, bool(line.parent))
        for line in price.lines
    ]


def _quantity(page: Page, quantity: Decimal, unit: str) -> str:
    measured = unit != "pc"
    shown = formats.quantity(quantity, page.language, measured=measured)
    return f"{shown} {formats.unit_name(unit, page.language)}" if measured else f"{shown} ×"


ROUTES = (get_cart,)
