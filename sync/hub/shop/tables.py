"""All tables of the shop's rooms, so that whoever compares them with the migrations sees them. Each room defines its own."""

from sync.hub.shop.baskets import tables as basket_tables
from sync.hub.shop.brand import tables as brand_tables
from sync.hub.shop.cards import tables as cards_tables
from sync.hub.shop.cases import tables as case_tables
from sync.hub.shop.catalogue import tables as catalogue_tables
from sync.hub.shop.customers import tables as customers_tables
from sync.hub.shop.letters import tables as letter_tables
from sync.hub.shop.orders import tables as orders_tables
from sync.hub.shop.returns import tables as return_tables
from sync.hub.shop.staff import tables as staff_tables
from sync.hub.shop.stock import tables as stock_tables
from sync.hub.shop.webhooks import tables as webhook_tables

__all__ = [
    "basket_tables",
    "brand_tables",
    "cards_tables",
    "case_tables",
    "catalogue_tables",
    "customers_tables",
    "letter_tables",
    "orders_tables",
    "return_tables",
    "staff_tables",
    "stock_tables",
    "webhook_tables",
]
