"""Addresses of the hub's own pages for customers: an order's, a cart's, a case's, a gift card's. Made of ids, kept nowhere."""

import hmac
import uuid
from typing import Final

import sqlalchemy as sa

from sync.hub import tables as t
from sync.hub.shop.kit.work import Work
from sync.links import number_of_page, page_link

__all__ = ["CART", "CASE", "GIFT_CARD", "ORDER", "id_of", "link_to"]

ORDER, CART, CASE, GIFT_CARD = "order", "cart", "case", "gift-card"
_USE: Final = b"tresen hub pages 1"


def link_to(work: Work, kind: str, store: str, id_: str) -> str:
    """The last part of a page's address. `id_`: a UUID."""
    return page_link(kind, store, uuid.UUID(id_).bytes, _key(work))


def id_of(work: Work, kind: str, link: str) -> tuple[str, str] | None:
    """Store and id behind a link; None for one that this hub did not make."""
    found = number_of_page(kind, link, _key(work))
    return None if found is None else (found[0], str(uuid.UUID(bytes=found[1])))


def _key(work: Work) -> bytes:
    seed = work.execute(sa.select(t.node_key.c.seed)).scalar_one()
    return hmac.digest(bytes(seed), _USE, "sha256")
