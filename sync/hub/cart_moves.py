"""Where parked carts were parked and went on, as the facts say. One that went on twice is a conflict, noted once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import FactError, StoredFact
from sync.hub import tables as t
from sync.hub.database import insert_or_keep
from sync.hub.exceptions import note

__all__ = ["MOVES", "TWICE", "CartMove", "lock", "move_of", "moves_of", "write"]

TWICE: Final = "parked-twice"
_WHAT: Final = {"cart.parked": "parked", "cart.resumed": "resumed"}
MOVES: Final = frozenset(_WHAT)
_ID_MAX: Final = 64


class CartMove(msgspec.Struct, frozen=True):
    """A cart was parked, or a parked one went on: `what` says which, `epoch` and `seq` are the fact's."""

    what: str
    cart_id: str
    epoch: int
    seq: int


class _Gist(msgspec.Struct):
    cart_id: str


_gist: Final = msgspec.json.Decoder(_Gist)
_PLACE: Final = (
    t.cart_move.c.cart_id, t.cart_move.c.what, t.cart_move.c.till, t.cart_move.c.epoch, t.cart_move.c.seq,
)  # fmt: skip
_MOVES: Final = (
    sa.select(*_PLACE)
    .where(
        t.cart_move.c.store == sa.bindparam("of_store"),
        t.cart_move.c.generation == sa.bindparam("of_generation"),
        t.cart_move.c.cart_id.in_(sa.bindparam("cart_ids", expanding=True)),
    )
    .order_by(*_PLACE)
)
_LOCK: Final = (
    sa.select(t.cart_claim)
    .where(
        t.cart_claim.c.store == sa.bindparam("of_store"),
        t.cart_claim.c.cart_id == sa.bindparam("of_cart_id"),
    )
    .with_for_update()
)


def move_of(fact: StoredFact) -> CartMove | None:
    """None for any other fact. Raises FactError."""
    what = _WHAT.get(fact.kind)
    if what is None:
        return None
    try:
        cart_id = _gist.decode(fact.body).cart_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FactError(f"a parked cart is not readable: {error}") from error
    if not cart_id or len(cart_id) > _ID_MAX or not cart_id.isprintable():
        raise FactError("the id of a parked cart is none")
    return CartMove(what, cart_id, fact.epoch, fact.seq)


def write(
    connection: Connection, place: Mapping[str, str | int], moves: Sequence[CartMove], now_ms: int
) -> None:
    """Add what one till's facts say; `place` names store, generation and till."""
    store, generation, till = str(place["store"]), int(place["generation"]), str(place["till"])
    resumed = sorted({move.cart_id for move in moves if move.what == "resumed"})
    for cart_id in resumed:  # two tills may have gone on with one cart, and both facts come at once
        lock(connection, store, cart_id)
    rows = [
        {
            "store": store, "generation": generation, "cart_id": move.cart_id, "what": move.what, "till": till,
            "epoch": move.epoch, "seq": move.seq,
        }
        for move in moves
    ]  # fmt: skip
    insert_or_keep(connection, t.cart_move, rows)
    for cart_id in resumed:
        places = [
            move for move in moves_of(connection, store, generation, [cart_id]) if move.what == "resumed"
        ]
        if len(places) > 1:
            first = min(places, key=lambda move: (move.till, move.epoch, move.seq))
            note(
                connection, store, TWICE, cart_id, till=first.till, epoch=first.epoch, seq=first.seq,
                detail="a parked cart went on twice: "
                + ", ".join(sorted(f"{move.till} {move.epoch}/{move.seq}" for move in places)),
                now_ms=now_ms,
            )  # fmt: skip


def moves_of(connection: Connection, store: str, generation: int, cart_ids: Sequence[str]) -> list[Any]:
    """Rows of these carts: cart_id, what, till, epoch, seq."""
    if not cart_ids:
        return []
    of = {"of_store": store, "of_generation": generation, "cart_ids": list(cart_ids)}
    return list(connection.execute(_MOVES, of))


def lock(connection: Connection, store: str, cart_id: str) -> Any:
    """The cart's row, made if it is not there, held until the transaction ends."""
    row = {
        "store": store, "cart_id": cart_id, "till": "", "follows": "", "done": False, "claimed_by": "",
        "claim_key": "", "claimed_ms": 0,
    }  # fmt: skip
    insert_or_keep(connection, t.cart_claim, [row])
    return connection.execute(_LOCK, {"of_store": store, "of_cart_id": cart_id}).one()
