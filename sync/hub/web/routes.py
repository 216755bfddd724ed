"""All pages for customers but the receipt's own."""

from typing import Any, Final

from sync.hub.web.brand import ROUTES as BRAND
from sync.hub.web.carts import ROUTES as CARTS
from sync.hub.web.cases import ROUTES as CASES
from sync.hub.web.gift_cards import ROUTES as GIFT_CARDS
from sync.hub.web.mine import ROUTES as MINE
from sync.hub.web.orders import ROUTES as ORDERS
from sync.hub.web.stores import ROUTES as STORES

__all__ = ["PAGES"]

PAGES: Final[tuple[Any, ...]] = (*BRAND, *ORDERS, *CARTS, *STORES, *MINE, *CASES, *GIFT_CARDS)
