"""All routes of the channels' API, under /v1."""

from typing import Any, Final

from litestar import Router

from sync.hub.shop.baskets.api import ROUTES as BASKETS
from sync.hub.shop.brand.api import ROUTES as BRAND
from sync.hub.shop.cards.api import ROUTES as CARDS
from sync.hub.shop.cases.api import ROUTES as CASES
from sync.hub.shop.catalogue.api import ROUTES as CATALOGUE
from sync.hub.shop.customers.api import ROUTES as CUSTOMERS
from sync.hub.shop.customers.bulk_api import ROUTES as ALL_CUSTOMERS
from sync.hub.shop.kit.http import BODY_MAX_BYTES
from sync.hub.shop.kit.paths import demand_path
from sync.hub.shop.letters.api import ROUTES as LETTERS
from sync.hub.shop.office.api import ROUTES as OFFICE
from sync.hub.shop.orders.api import ROUTES as ORDERS
from sync.hub.shop.orders.cart_api import ROUTES as CART_ORDERS
from sync.hub.shop.returns.api import ROUTES as RETURNS
from sync.hub.shop.staff.api import ROUTES as STAFF
from sync.hub.shop.stock.api import ROUTES as STOCK
from sync.hub.shop.stores.api import ROUTES as STORES
from sync.hub.shop.webhooks.api import ROUTES as WEBHOOKS

__all__ = ["channel_api"]

_ROUTES: Final[tuple[Any, ...]] = (
    *(*STORES, *OFFICE, *CATALOGUE, *STOCK, *ORDERS, *CUSTOMERS, *CARDS, *WEBHOOKS, *BASKETS, *BRAND, *CASES),
    *ALL_CUSTOMERS,
    *CART_ORDERS,
    *LETTERS,
    *RETURNS,
    *STAFF,
)


def channel_api() -> Router:
    return Router(
        "/v1", route_handlers=list(_ROUTES), request_max_body_size=BODY_MAX_BYTES, guards=[demand_path]
    )
