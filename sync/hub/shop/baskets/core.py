"""Carts that travel: made on a phone or in a web shop, claimed by one till at a time, ended once.

open -> claimed (a till, for ten minutes of the hub's clock) -> converted | abandoned | expired. A claim whose time is over holds
nobody. While a till holds a cart, its phone may read it and not change it. Whatever is decided is decided under the row's lock.
"""

import hashlib
import uuid
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.domain.basket_code import SHARE_BITS, BasketCode, pack, plain_share, share_text
from pos.domain.scans import ScanKind, own_code
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.baskets import tables as t
from sync.hub.shop.baskets.messages import (
    LINES_MAX,
    Basket,
    Claim,
    Contents,
    Held,
    MakeBasket,
    Merge,
    PutBasket,
)
from sync.hub.shop.catalogue.core import PriceAsk, price, quantity_of, resolve, store_day
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit.actor import secret_hash
from sync.hub.shop.kit.links import CART, link_to
from sync.hub.shop.kit.pages import demand_version
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = [
    "LEASE_MS",
    "Named",
    "PutAsk",
    "abandon",
    "claim",
    "contents_of",
    "convert",
    "expire_due",
    "extend",
    "get_basket",
    "hand_back",
    "lock",
    "make",
    "merge",
    "put_basket",
    "rest_id",
    "rest_share",
]

LEASE_MS: Final = 600_000
_MINUTE_MS: Final = 60_000
_DUE_AT_ONCE: Final = 200
_LIVE: Final = ("open", "claimed")
_MAKE: Final = Inserting(t.basket)


@prepared
def _known(store: Any, basket_id: Any) -> Any:
    return sa.select(t.basket).where(t.basket.c.store == store, t.basket.c.basket_id == basket_id)


@prepared
def _locked(store: Any, basket_id: Any) -> Any:
    mine = (t.basket.c.store == store, t.basket.c.basket_id == basket_id)
    return sa.select(t.basket).where(*mine).with_for_update()


@prepared
def _shared(store: Any, share_code: Any) -> Any:
    mine = (t.basket.c.store == store, t.basket.c.share_code == share_code)
    return sa.select(t.basket).where(*mine).with_for_update()


@prepared
def _due(now_ms: Any) -> Any:
    c = t.basket.c
    let_go = sa.or_(c.state == "open", sa.and_(c.state == "claimed", c.lease_ms <= now_ms))
    over = sa.select(c.store, c.basket_id).where(c.expires_ms <= now_ms, let_go)
    return over.order_by(c.store, c.basket_id).limit(_DUE_AT_ONCE)


class Named(Struct, frozen=True):
    """One cart, and the secret by which a public caller reaches it."""

    store: str
    basket_id: str
    secret: str = ""


class PutAsk(Struct, frozen=True):
    named: Named
    about: PutBasket
    if_match: str = ""


class MergeAsk(Struct, frozen=True):
    named: Named
    about: Merge


# -- phone and web shop


def make(work: Work, ask: MakeBasket) -> Basket:
    """A new cart, with its secret and its share code."""
    work.actor.demand_store(ask.store)
    contents = _contents(
        work, ask.store, PutBasket(ask.lines, ask.coupons, ask.customer, ask.customer_group, ask.channel)
    )
    secret, basket_id = work.new_secret(), work.new_id()
    row = {
        "store": ask.store, "basket_id": basket_id, "share_code": share_text(work.ids.token(SHARE_BITS // 8)),
        "state": "open", "version": 1, "secret_hash": secret_hash(secret), "customer": ask.customer, "parent": "",
        "created_ms": work.now_ms, "changed_ms": work.now_ms,
        "expires_ms": work.now_ms + ask.minutes * _MINUTE_MS, "till": "", "till_by": "", "lease_ms": 0,
        "ended_by": "", "body": encode_json(contents),
    }  # fmt: skip
    _MAKE.run(work.connection, row)
    work.event(ask.store, "cart.created", basket_id, {})
    return msgspec.structs.replace(_show(work, _row(work, ask.store, basket_id)), secret=secret)


def get_basket(work: Work, ask: Named) -> Basket:
    row = _row(work, ask.store, ask.basket_id)
    _demand(work, row, ask.secret)
    return _show(work, row)


def put_basket(work: Work, ask: PutAsk) -> Basket:
    """Change what is in it. Refused while a till holds it (409 "claimed")."""
    row = _mine(work, ask.named)
    demand_version(ask.if_match, row.version)
    contents = _contents(work, ask.named.store, ask.about)
    return _change(work, row, "cart.changed", customer=ask.about.customer, body=encode_json(contents))


def merge(work: Work, ask: MergeAsk) -> Basket:
    """Take another cart's lines; that one ends. Both must be open."""
    if ask.about.other == ask.named.basket_id:
        raise RefusedError(422, "same-cart", "A cart is not merged with itself")
    other_named = Named(ask.named.store, ask.about.other, ask.about.other_secret)
    first, second = sorted((ask.named, other_named), key=lambda each: each.basket_id)
    rows = {each.basket_id: _mine(work, each) for each in (first, second)}
    mine, other = rows[ask.named.basket_id], rows[ask.about.other]
    into, more = contents_of(mine), contents_of(other)
    sums: dict[str, Decimal] = {}
    for sku, quantity in (*into.lines, *more.lines):
        sums[sku] = sums.get(sku, Decimal(0)) + Decimal(quantity)
    if len(sums) > LINES_MAX:
        raise RefusedError(422, "lines", "Together these are too many lines", str(len(sums)))
    lines = tuple((sku, str(quantity_of(str(quantity)))) for sku, quantity in sums.items())
    coupons = tuple(dict.fromkeys((*into.coupons, *more.coupons)))
    contents = Contents(lines, coupons, into.customer_group or more.customer_group, into.channel)
    _change(work, other, "cart.abandoned", state="abandoned", ended_by=f"basket/{mine.basket_id}")
    customer = mine.customer or other.customer
    return _change(work, mine, "cart.changed", customer=customer, body=encode_json(contents))


def abandon(work: Work, ask: Named) -> Basket:
    """Nobody wants it any more."""
    return _change(work, _mine(work, ask), "cart.abandoned", state="abandoned")


# -- tills


def claim(work: Work, ask: Claim) -> Basket:
    """The till takes the cart, for ten minutes. Who comes second hears who was first (409 "claimed", `till by`).

    The same till may claim again. Raises 404 for a code of no cart of this store, 409 "ended" for one that is over.
    """
    till = _till(work, ask.store)
    share = plain_share(ask.code)
    row = _shared.first(work.connection, ask.store, share)
    if row is None or not share:
        raise not_found("cart", ask.code)
    _demand_live(work, row)
    if _held_by_other(work, row, till):
        raise _claimed(row)
    return _change(
        work, row, "cart.claimed", state="claimed", till=till, till_by=ask.by, lease_ms=work.now_ms + LEASE_MS
    )


def extend(work: Work, ask: Named) -> Basket:
    """Ten minutes more for the till that holds it, also where its time is over and nobody else came."""
    row = _held(work, ask)
    return _change(work, row, "", state="claimed", lease_ms=work.now_ms + LEASE_MS)


def hand_back(work: Work, ask: Named) -> Basket:
    """The till lets it go as it is. Asked again it changes nothing."""
    till = _till(work, ask.store)
    row = lock(work, ask.store, ask.basket_id)
    if row.state != "claimed" or row.till != till:
        return _show(work, row)
    return _change(work, row, "cart.released", state="open", till="", till_by="", lease_ms=0)


def convert(work: Work, ask: Named, ended_by: str) -> Basket:
    """It became an order ("order/ID"): for the room of orders, in its transaction. Open carts only, or the till's own claim."""
    row = lock(work, ask.store, ask.basket_id)
    _demand(work, row, ask.secret)
    if row.state == "converted" and row.ended_by == ended_by:
        return _show(work, row)
    _demand_live(work, row)
    if _held_by_other(work, row, work.actor.name):
        raise _claimed(row)
    return _change(work, row, "cart.converted", state="converted", ended_by=ended_by)


def expire_due(work: Work) -> int:
    """What the hub's clock ends. A till that holds a cart postpones it."""
    rows = _due.all(work.connection, work.now_ms)
    for each in rows:
        row = lock(work, each.store, each.basket_id)
        if row.state in _LIVE and row.lease_ms <= work.now_ms:
            _change(work, row, "cart.expired", state="expired", till="", till_by="", lease_ms=0)
    return len(rows)


# -- rows


def lock(work: Work, store: str, basket_id: str) -> Any:
    """The cart's row, locked. Raises RefusedError 404."""
    row = _locked.first(work.connection, store, basket_id)
    if row is None:
        raise not_found("cart", basket_id)
    return row


def contents_of(row: Any) -> Contents:
    return msgspec.json.decode(bytes(row.body), type=Contents)


def rest_id(basket_id: str) -> str:
    """The id of the cart that holds what a sale left of another one."""
    digest = bytearray(hashlib.sha256(f"rest {basket_id}".encode()).digest()[:16])
    return str(uuid.UUID(bytes=bytes(digest), version=5))


def rest_share(secret: bytes, basket_id: str) -> str:
    """Its share code: nobody can know it who does not know the hash of the first one's secret."""
    return share_text(hashlib.sha256(secret + basket_id.encode()).digest())


def _row(work: Work, store: str, basket_id: str) -> Any:
    row = _known.first(work.connection, store, basket_id)
    if row is None:
        raise not_found("cart", basket_id)
    return row


def _demand(work: Work, row: Any, secret: str) -> None:
    work.demand_secret(secret, row.secret_hash)
    work.actor.demand_store(row.store)


def _mine(work: Work, ask: Named) -> Any:
    """The row of an open cart, locked, for who may change it."""
    row = lock(work, ask.store, ask.basket_id)
    _demand(work, row, ask.secret)
    _demand_live(work, row)
    if _held_by_other(work, row, work.actor.name):
        raise _claimed(row)
    return row


def _held(work: Work, ask: Named) -> Any:
    till = _till(work, ask.store)
    row = lock(work, ask.store, ask.basket_id)
    _demand_live(work, row)
    if row.till != till or row.state != "claimed":
        raise _claimed(row)
    return row


def _till(work: Work, store: str) -> str:
    work.actor.demand_store(store)
    if work.actor.kind != "till":
        raise RefusedError(403, "forbidden", "Only a till claims a cart")
    return work.actor.name


def _demand_live(work: Work, row: Any) -> None:
    over = row.expires_ms <= work.now_ms and row.lease_ms <= work.now_ms
    if row.state not in _LIVE or over:
        raise RefusedError(409, "ended", "This cart is over", "expired" if row.state in _LIVE else row.state)


def _held_by_other(work: Work, row: Any, till: str) -> bool:
    return bool(row.state == "claimed" and row.lease_ms > work.now_ms and row.till != till)


def _claimed(row: Any) -> RefusedError:
    """`detail`: the till's name in its store, and who stands there."""
    till = row.till.rpartition("/")[2]
    return RefusedError(409, "claimed", "A till has this cart", f"{till} {row.till_by}".strip())


def _contents(work: Work, store: str, about: PutBasket) -> Contents:
    """What is asked for, by sku, once it could be priced. Raises RefusedError."""
    if work.actor.is_public and (about.customer or about.customer_group):
        raise RefusedError(403, "customer", "Who buys, and in which group, only the shop says")
    named = [(line.sku or line.code, quantity_of(line.qty)) for line in about.lines]
    known = resolve(work, [name for name, _ in named], store_day(work, store))
    lines = tuple((known[name].sku, quantity) for name, quantity in named)
    if lines:
        price(work, PriceAsk(store, lines, about.coupons, about.customer_group, channel=about.channel))
    return Contents(
        tuple((sku, f"{quantity:f}") for sku, quantity in lines),
        about.coupons,
        about.customer_group,
        about.channel,
    )


def _change(work: Work, row: Any, event: str, **values: Any) -> Basket:
    c = t.basket.c
    work.execute(
        t.basket.update()
        .where(c.store == row.store, c.basket_id == row.basket_id)
        .values(version=row.version + 1, changed_ms=work.now_ms, **values)
    )
    if event:
        work.event(row.store, event, row.basket_id, {"version": row.version + 1})
    return _show(work, _row(work, row.store, row.basket_id))


def _show(work: Work, row: Any) -> Basket:
    contents = contents_of(row)
    lines = tuple((sku, Decimal(quantity)) for sku, quantity in contents.lines)
    found, trouble = None, ""
    if lines and row.state in _LIVE:
        try:
            ask = PriceAsk(
                row.store, lines, contents.coupons, contents.customer_group, channel=contents.channel
            )
            found = price(work, ask)
        except RefusedError as refused:
            trouble = f"{refused.title}: {refused.detail}"
    held = row.state == "claimed" and row.lease_ms > work.now_ms
    code = own_code(ScanKind.BASKET, row.share_code)
    qr = pack(BasketCode(row.store, row.basket_id, row.share_code, row.expires_ms, lines))
    return Basket(
        basket_id=row.basket_id,
        store=row.store,
        state="open" if row.state == "claimed" and not held else row.state,
        version=row.version,
        share_code=row.share_code,
        code=code,
        qr=qr or code,
        customer=row.customer,
        lines=tuple(AskedLine(quantity, sku) for sku, quantity in contents.lines),
        coupons=contents.coupons,
        customer_group=contents.customer_group,
        channel=contents.channel,
        price=found,
        trouble=trouble,
        held=Held(row.till.rpartition("/")[2], row.till_by, row.lease_ms) if held else None,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        ended_by=row.ended_by,
        rest=_rest_of(work, row),
        link=link_to(work, CART, row.store, row.basket_id),
    )


def _rest_of(work: Work, row: Any) -> str:
    if row.state != "converted":
        return ""
    child = rest_id(row.basket_id)
    found = _known.first(work.connection, row.store, child)
    return child if found is not None else ""
