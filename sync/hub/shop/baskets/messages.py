"""Messages about carts."""

from typing import Annotated

from msgspec import Meta, Struct

from pos.domain.price_lists import CHANNEL_TILL
from sync.hub.shop.catalogue.messages import AskedLine, ChannelName, Coupon, Price
from sync.hub.shop.stores.messages import StoreName

__all__ = [
    "LINES_MAX",
    "Basket",
    "Claim",
    "Contents",
    "HandBack",
    "Held",
    "MakeBasket",
    "Merge",
    "PutBasket",
]

LINES_MAX = 100
_Lines = Annotated[tuple[AskedLine, ...], Meta(max_length=LINES_MAX)]
_Coupons = Annotated[tuple[Coupon, ...], Meta(max_length=20)]
_Name = Annotated[str, Meta(max_length=64)]
_Code = Annotated[str, Meta(min_length=1, max_length=40)]


class MakeBasket(Struct, frozen=True, forbid_unknown_fields=True):
    """A cart for one store, kept for `minutes`. `customer` is a reference. Its prices are those of `channel`, unless said the till's.

    Only the shop names a customer or a group: a storefront may not.
    """

    store: StoreName
    lines: _Lines = ()
    coupons: _Coupons = ()
    customer: _Name = ""
    customer_group: _Name = ""
    channel: ChannelName = CHANNEL_TILL
    minutes: Annotated[int, Meta(ge=5, le=43_200)] = 1_440


class PutBasket(Struct, frozen=True, forbid_unknown_fields=True):
    """A cart's contents as they shall be, whole."""

    lines: _Lines
    coupons: _Coupons = ()
    customer: _Name = ""
    customer_group: _Name = ""
    channel: ChannelName = CHANNEL_TILL


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """A till wants the cart of this share code. `by`: who stands there, as others may read it."""

    store: StoreName
    code: _Code
    by: Annotated[str, Meta(max_length=40)] = ""


class HandBack(Struct, frozen=True, forbid_unknown_fields=True):
    """The till lets the cart go; the phone may change it again."""


class Merge(Struct, frozen=True, forbid_unknown_fields=True):
    """Take the lines of another open cart of the same store; that one ends."""

    other: Annotated[str, Meta(min_length=1, max_length=64)]
    other_secret: Annotated[str, Meta(max_length=64)] = ""


class Contents(Struct, frozen=True):
    """What is kept of a cart: (sku, quantity) in order."""

    lines: tuple[tuple[str, str], ...] = ()
    coupons: tuple[str, ...] = ()
    customer_group: str = ""
    channel: str = CHANNEL_TILL


class Held(Struct, frozen=True):
    """Which till has a cart, who stands there, and until when by the hub's clock."""

    till: str
    by: str
    until_ms: int


class Basket(Struct, frozen=True):
    """A cart. `state` is open, claimed, converted, abandoned or expired.

    `share_code` is typed at the till (eight characters), `code` is the same to be scanned, `qr` carries the lines too (the same as
    `code` where they do not fit). `secret` is given once, when it is made. `price` is what it costs now; null, with `trouble`,
    where it cannot be priced any more. `ended_by` names the sale, order or cart that it went into, `rest` the cart that holds
    what a sale left of it. `link`: its page is /c/LINK at the hub.
    """

    basket_id: str
    store: str
    state: str
    version: int
    share_code: str
    code: str
    qr: str
    customer: str
    lines: tuple[AskedLine, ...]
    coupons: tuple[str, ...]
    customer_group: str
    channel: str
    price: Price | None
    trouble: str
    held: Held | None
    created_ms: int
    expires_ms: int
    ended_by: str
    rest: str
    secret: str = ""
    link: str = ""
