"""What a till and the arbiter of its store's parked carts say to each other (docs/protocol.md, 10).

    POST /v1/tills/{store}/{till}/parked   ParkedAsk -> ParkedList
    POST /v1/tills/{store}/{till}/claims   Claim -> Claimed | Problem

The arbiter is the store's relay, or the hub where the store has none.
"""

from typing import Annotated, Final

import msgspec

from pos.domain.store_carts import CartGone, StoreCart
from sync.wire import Count, Name

__all__ = [
    "ARBITER",
    "BUSY",
    "CARTS_MAX",
    "GONE",
    "UNKNOWN",
    "WAIT_MAX_S",
    "CartGone",
    "Claim",
    "Claimed",
    "Given",
    "ParkedAsk",
    "ParkedList",
    "StoreCart",
]

CARTS_MAX: Final = 500
WAIT_MAX_S: Final = 60

GONE: Final = "urn:tresen:problem:cart-gone"
BUSY: Final = "urn:tresen:problem:cart-busy"
UNKNOWN: Final = "urn:tresen:problem:cart-unknown"
ARBITER: Final = "urn:tresen:problem:arbiter"
"""Problems of a claim; `detail` of the first two is the till that has the cart."""

CartId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}$(?!\n)")]
Tag = Annotated[str, msgspec.Meta(max_length=64)]


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart that its till parked and will not go on with unless it claims it. `follows`: whose sign-in takes it up."""

    cart_id: CartId
    follows: Tag = ""


class ParkedAsk(msgspec.Struct, frozen=True, omit_defaults=True):
    """All carts that this till has given, and the claims that it gave up; with nothing new since `known`, held for `wait` s."""

    store: Name
    till: Name
    given: Annotated[tuple[Given, ...], msgspec.Meta(max_length=CARTS_MAX)] = ()
    released: Annotated[tuple[CartId, ...], msgspec.Meta(max_length=CARTS_MAX)] = ()
    known: str = ""
    wait: Annotated[int, msgspec.Meta(ge=0, le=WAIT_MAX_S)] = 0


class ParkedList(msgspec.Struct, frozen=True, omit_defaults=True):
    """The store's carts, oldest first, and those of the asking till that are gone. `version` tells one list from another."""

    carts: tuple[StoreCart, ...]
    gone: tuple[CartGone, ...]
    version: str
    hub_time_ms: int


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """A till wants a cart; the same `key` again gets the same answer. `key` will be the cart's id from here on.

    `own`: the till parked it itself and has it whole. `force`: a person decided that the till that has it will not go on.
    """

    store: Name
    till: Name
    cart_id: CartId
    key: CartId
    own: bool = False
    force: bool = False


class Claimed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cart is this till's alone. `body` is the fact that parked it, of another till's cart; then also its place."""

    cart_id: str
    key: str
    till: str = ""
    epoch: Count = 0
    seq: Count = 0
    version: int = 1
    body: bytes = b""
