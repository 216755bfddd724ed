"""All tables of the shop's rooms, so that whoever compares them with the migrations sees them. Each room defines its own."""

from sync.hub.shop.stock import tables as stock_tables

__all__ = ["stock_tables"]
