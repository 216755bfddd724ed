"""Purchases found by what is on paper, and by what a customer knows of them. Customers' identifiers are compared sealed."""

import re
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from sync.hub import ledger
from sync.hub.shop.customers.core import find_by_identifier
from sync.hub.shop.customers.records import cluster
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import tables as orders
from sync.hub.shop.orders.body import hold
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.core import Place, demand_own_people
from sync.hub.shop.returns.messages import Found, FoundList
from sync.hub.shop.returns.purchases import found_of_order, found_of_row, order_of
from sync.links import receipt_of_gift, split_link, verify_link

__all__ = ["FOUND_MAX", "Finding", "by_link", "find"]

FOUND_MAX: Final = 20
_GIFT: Final = "g/"
_OWN_CODE: Final = re.compile(r"([0-9]{1,12})E([0-9]{1,6})T([0-9A-Z]{1,12}?)(XG)?", re.ASCII)
_NUMBER: Final = re.compile(r"(.{1,32})-([0-9]{1,6})-([0-9]{1,12})(-?G)?", re.ASCII | re.IGNORECASE)
_ORDER_CODE: Final = re.compile(r"[2-9A-HJ-NP-Z]{7}", re.ASCII)
_DAY: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", re.ASCII)


class Finding(Struct, frozen=True):
    """What is known. `last4` and `store` go with `on` (YYYY-MM-DD), `last4` with `amount` too; the others stand alone."""

    code: str = ""
    receipt: str = ""
    store: str = ""
    order: str = ""
    email: str = ""
    phone: str = ""
    customer: str = ""
    last4: str = ""
    on: str = ""
    amount: int = 0
    serial: str = ""
    no_key: bytes = b""


def find(work: Work, ask: Finding) -> FoundList:
    """Newest first. Purchases of other stores too: goods come back anywhere. Raises RefusedError 422 without anything to go by."""
    demand_own_people(work)
    found = _found(work, ask)
    unique = {(one.source, one.store, one.till, one.epoch, one.number, one.order_id): one for one in found}
    newest = sorted(unique.values(), key=lambda one: (-one.sold_ms, one.store, one.till, one.number))
    return FoundList(tuple(newest[:FOUND_MAX]))


def _found(work: Work, ask: Finding) -> list[Found]:
    if ask.on and _DAY.fullmatch(ask.on) is None:
        raise RefusedError(422, "day", "A day is YYYY-MM-DD", ask.on[:16])
    if ask.code:
        return _by_code(work, ask.code.strip(), ask.no_key)
    if ask.receipt:
        number = _NUMBER.fullmatch(ask.receipt.strip())
        return _numbered(work, f"{number[1]}-{int(number[2])}-{int(number[3])}", ask.store) if number else []
    if ask.order:
        return _by_order(work, ask.order.strip())
    for kind in ("email", "phone"):
        if getattr(ask, kind):
            return _of_customer(work, find_by_identifier(work, kind, getattr(ask, kind)) or "")
    if ask.customer:
        return _of_customer(work, find_by_identifier(work, "card", ask.customer) or ask.customer)
    if ask.last4 and ask.on:
        found = _marked(work, "card", f"{ask.last4[:4]} {ask.on}")
        return [one for one in found if not ask.amount or one.total_minor == ask.amount]
    if ask.serial:
        return _marked(work, "serial", ask.serial.strip().upper()[:64])
    if ask.store and ask.on:
        c = t.return_sale.c
        return _rows(work, c.store == ask.store, c.day == ask.on)
    raise RefusedError(422, "nothing-asked", "By what shall it be found?")


def _rows(work: Work, *where: Any) -> list[Found]:
    c = t.return_sale.c
    query = sa.select(t.return_sale).where(*where, c.seq > 0).order_by(c.sold_ms.desc()).limit(FOUND_MAX)
    return [found_of_row(row) for row in work.execute(query)]


def _numbered(work: Work, purchase: str, store: str) -> list[Found]:
    c = t.return_sale.c
    names = {purchase, purchase.upper()}
    where = [c.purchase.in_(sorted(names))]
    return _rows(work, *where, *([c.store == store] if store else []))


def _by_code(work: Work, code: str, no_key: bytes) -> list[Found]:
    own = _OWN_CODE.fullmatch(code)
    if own is not None:
        return _numbered(work, f"{own[3]}-{int(own[2])}-{int(own[1])}", "")
    place = by_link(work, code, no_key)
    if place is not None:
        c = t.return_sale.c
        return _rows(work, c.store == place.store, c.purchase == place.purchase)
    c = t.return_announced.c
    rows = work.execute(
        sa.select(c.store, c.purchase).where(c.code == code.upper()[:40], c.expires_ms > work.now_ms)
    ).all()
    if rows:
        return [one for row in rows for one in _at(work, row.store, row.purchase)]
    return _by_order(work, code) if _ORDER_CODE.fullmatch(code.upper()) else []


def by_link(work: Work, text: str, no_key: bytes) -> Place | None:
    """Where a receipt's link leads, or a gift receipt's; None for one that no till made."""
    gift = text.startswith(_GIFT)
    link = text.removeprefix(_GIFT).rpartition("/")[2]
    parts = split_link(link)
    if parts is None:
        return None
    key = ledger.link_key(work.connection, parts[0])
    if gift:
        link = receipt_of_gift(link, key or no_key)
        parts = split_link(link) if link else None
    if parts is None or not verify_link(link, key or no_key) or key is None:
        return None
    c = t.return_sale.c
    query = sa.select(c.purchase).where(c.token == parts[1].hex(), c.store == parts[0], c.seq > 0)
    purchase = work.execute(query.order_by(c.purchase).limit(1)).scalar()
    return None if purchase is None else Place(parts[0], purchase)


def _at(work: Work, store: str, purchase: str) -> list[Found]:
    order_id = order_of(purchase)
    if order_id:
        return [found_of_order(hold(work, order_id, lock=False))]
    c = t.return_sale.c
    return _rows(work, c.store == store, c.purchase == purchase)


def _by_order(work: Work, said: str) -> list[Found]:
    """By its id, its code, its number, or the channel's number for it; and the receipts on which its goods stand."""
    c = orders.order_head.c
    if said.isascii() and said.isdigit() and len(said) <= 12:
        where = c.number == int(said)
    elif _ORDER_CODE.fullmatch(said.upper()):
        where = c.code == said.upper()
    else:
        where = c.order_id == said
    named_so = sa.select(c.order_id).where(where | (c.external == said[:64]))
    named = list(work.execute(named_so.order_by(c.created_ms.desc()).limit(FOUND_MAX)).scalars())
    return [
        one for order_id in named for one in (*_of_order(work, order_id), *_marked(work, "order", order_id))
    ]


def _of_order(work: Work, order_id: str) -> list[Found]:
    return [found_of_order(hold(work, order_id, lock=False))]


def _marked(work: Work, kind: str, value: str) -> list[Found]:
    f, c = t.return_find.c, t.return_sale.c
    joined = t.return_find.join(t.return_sale, sa.and_(f.store == c.store, f.purchase == c.purchase))
    query = sa.select(t.return_sale).select_from(joined).where(f.kind == kind, f.value == value, c.seq > 0)
    return [found_of_row(row) for row in work.execute(query.order_by(f.sold_ms.desc()).limit(FOUND_MAX))]


def _of_customer(work: Work, customer: str) -> list[Found]:
    """Receipts and orders of a customer, also those of records that were merged into it."""
    if not customer:
        return []
    everyone = sorted({customer, *cluster(work, customer)})
    o = orders.order_head.c
    ids = work.execute(
        sa.select(o.order_id).where(o.customer.in_(everyone)).order_by(o.created_ms.desc()).limit(FOUND_MAX)
    ).scalars()
    found = [one for order_id in list(ids) for one in _of_order(work, order_id)]
    return [*found, *_rows(work, t.return_sale.c.customer.in_(everyone))]
