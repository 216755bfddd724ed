"""Messages about orders: what is asked, and an order as it is shown."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from sync.hub.shop.stores.messages import StoreName, Tag

__all__ = [
    "Claim",
    "ClaimCode",
    "Extend",
    "Fulfillment",
    "FulfillmentLine",
    "GiveBack",
    "GivingEnds",
    "Kind",
    "Label",
    "Order",
    "OrderCart",
    "OrderLine",
    "OrderList",
    "PayOrder",
    "Payment",
    "Pick",
    "Picked",
    "PickupCode",
    "PlaceLine",
    "PlaceOrder",
    "Placed",
    "Ready",
    "Reason",
    "Released",
    "Ship",
    "ShipTo",
    "Short",
    "WorkList",
    "WorkRow",
]

Kind = Literal["click_and_collect", "reserve_and_collect", "ship_from_store", "endless_aisle", "in_store"]
_Id = Annotated[str, Meta(min_length=1, max_length=64)]
_Sku = Annotated[str, Meta(min_length=1, max_length=64)]
_Minor = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Ms = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
_N = Annotated[int, Meta(ge=1, le=10_000)]
_Word = Annotated[str, Meta(max_length=64)]


class PlaceLine(Struct, frozen=True, forbid_unknown_fields=True):
    """An article as it is ordered. `pay_minor` is what all of it costs, gross, less every discount.

    `tax` is the code by which a till taxes it when it is paid in the shop. `reserve` false: it is made, or comes from
    elsewhere; nothing is taken off what is available.
    """

    sku: _Sku
    qty: Decimal
    pay_minor: _Minor
    text: Tag = ""
    gtin: Annotated[str, Meta(pattern=r"^([0-9]{8,14})?\Z")] = ""
    unit: Annotated[str, Meta(max_length=8)] = "pc"
    tax: Annotated[str, Meta(max_length=8)] = ""
    min_age: Annotated[int, Meta(ge=0, le=99)] = 0
    reserve: bool = True


class Payment(Struct, frozen=True, forbid_unknown_fields=True):
    """Money for an order that was taken elsewhere. `provider` is the payment service or "till", `reference` its own id of it."""

    amount_minor: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    provider: Annotated[str, Meta(min_length=1, max_length=32)]
    reference: Annotated[str, Meta(min_length=1, max_length=128)]


class ShipTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a parcel goes, and whom to tell. Kept encrypted, erased with the person's key."""

    name: Tag = ""
    lines: Annotated[tuple[Tag, ...], Meta(max_length=6)] = ()
    email: Tag = ""
    phone: Annotated[str, Meta(max_length=40)] = ""


class PlaceOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order. `store` is the customer's, where it is collected or was made; `from_store` has the goods (empty: the same).

    `purpose` of an order made in the store: "customer-order", "put-aside", "alteration". `external` is the number that the
    channel gave it. `ready_ms`: wanted by then; 0: as soon as the store's own hours allow. `origin` is the receipt on which it was
    paid at a till (`till-epoch-number`). `pay_later`: a click_and_collect order that is paid when it is collected.
    """

    kind: Kind
    store: StoreName
    lines: Annotated[tuple[PlaceLine, ...], Meta(min_length=1, max_length=200)]
    from_store: Annotated[str, Meta(max_length=32, pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?\Z")] = ""
    purpose: Literal["", "customer-order", "put-aside", "alteration"] = ""
    channel: Annotated[str, Meta(max_length=32)] = ""
    external: _Word = ""
    customer: _Word = ""
    payments: Annotated[tuple[Payment, ...], Meta(max_length=10)] = ()
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] = "EUR"
    language: Annotated[str, Meta(pattern=r"^[a-z]{2}\Z")] = "de"
    ready_ms: _Ms = 0
    note: Tag = ""
    origin: _Word = ""
    pay_later: bool = False
    person: ShipTo | None = None


class OrderCart(Struct, frozen=True, forbid_unknown_fields=True):
    """Order what a cart holds, at the shop's prices of now, from the cart's store. The cart ends with it.

    `total_minor` is what the customer was told; where it costs something else by now, nothing is ordered (409,
    `price-changed`). `pay_later`: a click_and_collect order that is paid when it is collected.
    """

    total_minor: _Minor
    kind: Literal["click_and_collect", "reserve_and_collect", "ship_from_store"] = "click_and_collect"
    pay_later: bool = False
    person: ShipTo | None = None
    language: Annotated[str, Meta(pattern=r"^[a-z]{2}\Z")] = "de"
    note: Tag = ""
    ready_ms: _Ms = 0
    channel: Annotated[str, Meta(max_length=32)] = ""


class PayOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Money for an order was taken: said by a connector, never by what the public can call."""

    payment: Payment


class Picked(Struct, frozen=True, forbid_unknown_fields=True):
    """So much of line `n` was taken from the shelf (negative: it went back)."""

    n: _N
    qty: Decimal


class Pick(Struct, frozen=True, forbid_unknown_fields=True):
    """What was picked just now."""

    lines: Annotated[tuple[Picked, ...], Meta(min_length=1, max_length=200)]


class Short(Struct, frozen=True, forbid_unknown_fields=True):
    """`qty` of line `n` is not there. "partial": the order goes without; "substitute": `substitute` goes for it, at the price
    that was ordered or its own, whichever is less; "backorder": it follows later.
    """

    n: _N
    qty: Decimal
    choice: Literal["partial", "substitute", "backorder"] = "partial"
    substitute: PlaceLine | None = None


class Ready(Struct, frozen=True, forbid_unknown_fields=True):
    """Packed and on `shelf`, in so many bags."""

    shelf: Annotated[str, Meta(max_length=20)] = ""
    bags: Annotated[int, Meta(ge=1, le=50)] = 1


class Extend(Struct, frozen=True, forbid_unknown_fields=True):
    """Keep it `days` days longer."""

    days: Annotated[int, Meta(ge=1, le=60)]


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why; and for a rejection, which store shall try instead (empty: a person decides)."""

    reason: Annotated[str, Meta(max_length=64)] = ""
    to_store: Annotated[str, Meta(max_length=32)] = ""


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """A carrier's label: what stands on the parcel, and where it can be followed (an https address)."""

    carrier: Annotated[str, Meta(min_length=1, max_length=32)]
    tracking: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=300, pattern=r"^(https://[^\s<>\"]+)?\Z")] = ""


class Ship(Struct, frozen=True, forbid_unknown_fields=True):
    """The carrier has it."""

    label: Label | None = None


class ClaimCode(Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer showed: the pickup code, or the order's number or id, or the channel's number for it. `peek`: only look. `fulfillment`: this one of
    several (empty: the first that waits).
    """

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    peek: bool = False
    fulfillment: Annotated[str, Meta(max_length=64)] = ""


class Released(Struct, frozen=True, forbid_unknown_fields=True):
    """The till gives its claim up; `claim` is the one it holds."""

    claim: Annotated[int, Meta(ge=1, le=9_000_000_000)]


class OrderLine(Struct, frozen=True, omit_defaults=True):
    """A line and where it stands. `qty` was ordered; `fulfilled` is picked, `delivered` handed over or sent, `returned` came
    back, `written_off` will not come. `for_n` is the line that it replaces.
    """

    n: int
    sku: str
    text: str
    qty: Decimal
    pay_minor: int
    gtin: str = ""
    unit: str = "pc"
    tax: str = ""
    min_age: int = 0
    fulfilled: Decimal = Decimal(0)
    delivered: Decimal = Decimal(0)
    returned: Decimal = Decimal(0)
    written_off: Decimal = Decimal(0)
    for_n: int = 0


class Claim(Struct, frozen=True):
    """Till `till` hands it over until `until_ms` by the hub's clock; `n` tells claims apart."""

    till: str
    until_ms: int
    n: int


class FulfillmentLine(Struct, frozen=True, omit_defaults=True):
    """What a store does for line `n` of the order: so much to pick, so much picked, missing, handed over, and refused there."""

    n: int
    qty: Decimal
    picked: Decimal = Decimal(0)
    short: Decimal = Decimal(0)
    handed: Decimal = Decimal(0)
    refused: Decimal = Decimal(0)
    reservation: str = ""


class Fulfillment(Struct, frozen=True, omit_defaults=True):
    """What one store does for an order. `due_ms`: to be ready by; `deadline_ms`: kept until (0: not ready yet)."""

    fulfillment_id: str
    store: str
    state: str
    lines: tuple[FulfillmentLine, ...]
    due_ms: int
    created_ms: int
    deadline_ms: int = 0
    accepted_ms: int = 0
    ready_ms: int = 0
    ended_ms: int = 0
    shelf: str = ""
    bags: int = 1
    reason: str = ""
    claim: Claim | None = None
    label: Label | None = None


class Order(Struct, frozen=True, omit_defaults=True):
    """An order as it stands. `value_minor` is what its lines cost now, `rest_minor` what is still to pay (negative: to give
    back); `paid_minor` is less what went back at a counter (`given_back_minor`). `code` is what the customer shows. `terms` changes with lines, amounts and times.
    """

    order_id: str
    store: str
    number: int
    code: str
    kind: str
    state: str
    version: int
    terms: int
    created_ms: int
    lines: tuple[OrderLine, ...]
    fulfillments: tuple[Fulfillment, ...]
    payments: tuple[Payment, ...]
    value_minor: int
    paid_minor: int
    rest_minor: int
    currency: str = "EUR"
    language: str = "de"
    purpose: str = ""
    channel: str = ""
    external: str = ""
    customer: str = ""
    origin: str = ""
    note: str = ""
    given_back_minor: int = 0


class GiveBack(Struct, frozen=True):
    """A till may give `amount_minor` of an order's down payment back until `until_ms`; `n` names this lease. `receipts` did so
    before (STORE/TILL-EPOCH-NUMBER), `paid_by` took the down payment.
    """

    order: Order
    amount_minor: int
    n: int
    until_ms: int
    receipts: tuple[str, ...] = ()
    paid_by: tuple[str, ...] = ()


class GivingEnds(Struct, frozen=True, forbid_unknown_fields=True):
    """The lease `n` is not needed any more."""

    n: Annotated[int, Meta(ge=1)]


class Placed(Struct, frozen=True):
    """A new order; `secret` opens it for who placed it, and is said this once. `link`: its page is /o/LINK at the hub."""

    order: Order
    secret: str
    link: str = ""


class PickupCode(Struct, frozen=True):
    """What the customer shows: `code` to be said or typed, `token` as a QR code, which a till believes also when it is alone,
    until `expires_ms`.
    """

    code: str
    token: str
    expires_ms: int


class OrderList(Struct, frozen=True):
    """A page of orders, newest first."""

    orders: tuple[Order, ...]
    next: str


class WorkRow(Struct, frozen=True, omit_defaults=True):
    """One thing to do in a store: the first clock that runs is `by_ms` (ready by, then kept until)."""

    order_id: str
    fulfillment_id: str
    order_store: str
    number: int
    kind: str
    state: str
    by_ms: int
    created_ms: int
    pieces: Decimal
    rest_minor: int
    text: str
    purpose: str = ""
    shelf: str = ""
    late: bool = False


class WorkList(Struct, frozen=True):
    """A store's work by its clocks; `now_ms` is the hub's time, by which they run."""

    rows: tuple[WorkRow, ...]
    now_ms: int
    next: str
