"""Messages about returns: what is asked, and a purchase as it is shown."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from sync.hub.shop.stores.messages import StoreName

__all__ = [
    "Announce",
    "AnnounceLine",
    "Announced",
    "AnnouncedLine",
    "Announcement",
    "BackLine",
    "Found",
    "FoundList",
    "Kept",
    "Line",
    "PaidBy",
    "PlanRow",
    "Purchase",
    "PurchaseLine",
    "RefundRefused",
    "Refunded",
    "Return",
    "TakeBack",
]

_N = Annotated[int, Meta(ge=1, le=10_000)]
_Word = Annotated[str, Meta(max_length=64)]
_Number = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
_Store = Annotated[str, Meta(max_length=32, pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?\Z")]


class Found(Struct, frozen=True):
    """A purchase. `source` "till": the receipt `till`-`epoch`-`number` of `store`; "order": an order, `number` for people."""

    source: str
    store: str
    till: str
    epoch: int
    number: int
    order_id: str
    external: str
    sold_ms: int
    total_minor: int
    customer: str
    lines_text: str


class FoundList(Struct, frozen=True):
    """Newest first, at most 20."""

    sales: tuple[Found, ...]


class PurchaseLine(Struct, frozen=True):
    """A line, and what of it neither came back nor is kept for somebody's return."""

    n: int
    sku: str
    gtin: str
    text: str
    unit: str
    qty: Decimal
    pay_minor: int
    tax: str
    kind: str
    parent: int | None
    serial: str
    seller: str
    left_qty: Decimal
    left_minor: int


class PaidBy(Struct, frozen=True):
    """One way it was paid. `provider` "till": at a till; else the payment service that gives it back."""

    provider: str
    kind: str
    reference: str
    amount_minor: int
    refundable_minor: int


class AnnouncedLine(Struct, frozen=True):
    n: int
    qty: Decimal
    reason: str = ""


class Announced(Struct, frozen=True):
    """What the customer said comes back; nothing is kept for it."""

    announcement_id: str
    code: str
    expires_ms: int
    lines: tuple[AnnouncedLine, ...]


class Purchase(Found, frozen=True):
    """A purchase with its lines. `sale`: the fact of the till's sale; null for an order."""

    currency: str
    lines: tuple[PurchaseLine, ...]
    tenders: tuple[PaidBy, ...]
    announced: tuple[Announced, ...]
    voided: bool
    sale: msgspec.Raw


class BackLine(Struct, frozen=True, forbid_unknown_fields=True):
    """So much of line `n` shall come back."""

    n: _N
    qty: Decimal
    reason: _Word = ""
    damaged: bool = False


class TakeBack(Struct, frozen=True, forbid_unknown_fields=True):
    """A return that begins at a till. A receipt is named by `store`, `till`, `epoch`, `number`; an order by `order_id`.

    `by` is the operator, `announced` the announcement that it follows.
    """

    source: Literal["till", "order"]
    lines: Annotated[tuple[BackLine, ...], Meta(min_length=1, max_length=500)]
    store: _Store = ""
    till: _Word = ""
    epoch: _Number = 0
    number: _Number = 0
    order_id: _Word = ""
    at_store: _Store = ""
    at_till: _Word = ""
    by: _Word = ""
    announced: _Word = ""


class Line(Struct, frozen=True):
    """What is kept of a line, and what is given back for it."""

    n: int
    qty: Decimal
    worth_minor: int


class PlanRow(Struct, frozen=True):
    """How a part goes back; `where` "till" or "provider"."""

    provider: str
    kind: str
    reference: str
    amount_minor: int
    where: str


class Kept(Struct, frozen=True):
    """What stands in `shop_return.body`."""

    lines: tuple[Line, ...]
    plan: tuple[PlanRow, ...]
    at_store: str = ""
    at_till: str = ""
    by: str = ""
    announced: str = ""


class Return(Struct, frozen=True):
    """A return. `state` "held" until `until_ms`, then "lapsed"; "released"; "returned" by a till's sale; "refund-started" and
    "refunded" where a payment service gives the money back.
    """

    return_id: str
    state: str
    until_ms: int
    lines: tuple[Line, ...]
    total_minor: int
    plan: tuple[PlanRow, ...]


class Refunded(Struct, frozen=True, forbid_unknown_fields=True):
    """The payment service gave it back: its own id of that, and how much."""

    reference: Annotated[str, Meta(min_length=1, max_length=128)]
    amount_minor: Annotated[int, Meta(ge=1, le=1_000_000_000)]


class RefundRefused(Struct, frozen=True, forbid_unknown_fields=True):
    """The payment service does not give it back, and why."""

    reason: _Word = ""


class AnnounceLine(Struct, frozen=True, forbid_unknown_fields=True):
    n: _N
    qty: Decimal
    reason: _Word = ""


class Announce(Struct, frozen=True, forbid_unknown_fields=True):
    """What will come back, of an order (`order_id`) or a receipt (`receipt`, its link). A guest of an order proves whose it is by the order's
    secret, or by the `email` that the order has; a receipt's link is its own proof.
    """

    lines: Annotated[tuple[AnnounceLine, ...], Meta(min_length=1, max_length=200)]
    order_id: _Word = ""
    receipt: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=200)] = ""


class Announcement(Struct, frozen=True):
    """`code` is what a person says; `scan` is what stands in the code that a till reads."""

    announcement_id: str
    code: str
    scan: str
    expires_ms: int
    store: StoreName
