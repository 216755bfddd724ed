"""Messages about stock. Quantities are decimal text in the article's unit."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sync.hub.shop.stores.messages import StoreName

__all__ = [
    "Levels",
    "Movement",
    "Movements",
    "PostMovement",
    "PostReservation",
    "PutSafety",
    "Reservations",
    "Sku",
    "StockLevel",
    "StoreStock",
    "StoresStock",
]

Sku = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]+\Z")]
Name = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00]*\Z")]
Subject = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]+\Z")]
Location = Literal["store", "transit", "damaged"]
Qty = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?\Z", examples=["2", "0.350", "-1"])]
Positive = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?\Z", examples=["2", "0.350"])]
TimeMs = Annotated[int, Meta(ge=0, le=1 << 52)]
_Seconds = Annotated[int, Meta(ge=1, le=60 * 24 * 3600)]


class StockLevel(Struct, frozen=True):
    """`on_hand` is what is there, `reserved` what is promised; both are None for public callers.

    `available` may still be promised: on hand less reserved less safety, never below 0. `incoming` is on its way from
    other stores.
    """

    store: str
    sku: str
    available: str
    on_hand: str | None = None
    reserved: str | None = None
    location: str = "store"
    counted_ms: int | None = None


class Levels(Struct, frozen=True):
    levels: tuple[StockLevel, ...]
    next: str


class StoreStock(Struct, frozen=True):
    """`distance_m` is as the crow flies, None where a place is not known."""

    store: str
    name: str
    available: str
    pickup: bool
    ships: bool
    distance_m: int | None = None
    on_hand: str | None = None


class StoresStock(Struct, frozen=True):
    sku: str
    stores: tuple[StoreStock, ...]


class PostMovement(Struct, frozen=True, forbid_unknown_fields=True):
    """`qty` of an adjustment is signed; of the others it is how much, and never negative.

    "damage" takes goods from the shop floor to the damaged ones, "write_off" out of the store, "receipt" brings them in.
    `operator` did it; `occurred_ms` when, at the latest now.
    """

    store: StoreName
    sku: Sku
    qty: Qty
    type: Literal["adjustment", "damage", "write_off", "receipt"]
    reason: Reason
    location: Location = "store"
    operator: Name = ""
    occurred_ms: TimeMs | None = None


class Movement(Struct, frozen=True):
    """`cause` is a till's line (`till/epoch/seq/line`), a command, a transfer, a delivery or an order."""

    store: str
    sku: str
    type: str
    cause: str
    location: str
    qty: str
    occurred_ms: int
    recorded_ms: int
    reason: str
    actor: str


class Movements(Struct, frozen=True):
    movements: tuple[Movement, ...]
    next: str


class PutSafety(Struct, frozen=True, forbid_unknown_fields=True):
    """What of the article is promised to nobody; None: as the store says."""

    safety: Positive | None


class PostReservation(Struct, frozen=True, forbid_unknown_fields=True):
    """Promise goods for `ttl_s` seconds by the hub's clock. `subject` names whose they are: an order, a cart."""

    store: StoreName
    sku: Sku
    qty: Positive
    purpose: Literal["cart", "pickup", "order", "transfer", "other"]
    subject: Subject
    ttl_s: _Seconds = 900
    paid: bool = False


class ReservationOut(Struct, frozen=True):
    """`state` is "active", "committed", "released", "expired" or "broken"."""

    reservation_id: str
    store: str
    sku: str
    qty: str
    state: str
    purpose: str
    subject: str
    paid: bool
    expires_ms: int
    ended_ms: int


class Reservations(Struct, frozen=True):
    reservations: tuple[ReservationOut, ...]
    next: str
