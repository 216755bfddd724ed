"""What was paid down for an order that is over goes back at a till: one till at a time may, and its receipt says that it did."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core
from sync.hub.shop.orders.body import Giving, Held, hold
from sync.hub.shop.orders.messages import GiveBack, Order
from sync.hub.shop.orders.owing import REFUND, open_minor
from sync.hub.shop.orders.till_paid import DOWN_PAYMENT

__all__ = ["FreeAsk", "TakeAsk", "back_minor", "free", "must_be_free", "take"]

LEASE_MS: Final = 10 * 60_000


class TakeAsk(Struct, frozen=True):
    """`said`: the order's id, number or code."""

    store: str
    said: str


class FreeAsk(Struct, frozen=True):
    store: str
    order_id: str
    n: int


def back_minor(work: Work, held: Held) -> int:
    """How much a till may give back: of what people are asked to, what was paid down and is not back yet."""
    down = sum(one.amount_minor for one in held.body.payments if one.provider == DOWN_PAYMENT)
    return max(0, min(open_minor(work, held), down - held.body.returned_minor))


def take(work: Work, ask: TakeAsk) -> GiveBack:
    """From now on only this till gives it back, for ten minutes; asked again it renews that. Raises RefusedError 403, 404, 409."""
    till = _till(work, ask.store)
    held = _held(work, core.find_by_code(work, ask.store, ask.said))
    minor = back_minor(work, held)
    if not minor:
        raise RefusedError(409, "nothing-back", "Nothing of a down payment is to be given back", held.state)
    giving = _now(work, held)
    if giving is not None and giving.till != till:
        raise RefusedError(409, "claimed", "Another till gives it back just now", giving.till)
    n = giving.n if giving is not None else (held.body.giving.n + 1 if held.body.giving is not None else 1)
    made = Giving(till, work.now_ms + LEASE_MS, n)
    held.body = replace(held.body, giving=made)
    held.write(work)
    return GiveBack(
        core.get(work, held.order_id), minor, made.n, made.lease_ms,
        tuple(receipt for receipt, _ in held.body.backs),
        tuple(one.reference for one in held.body.payments if one.provider == DOWN_PAYMENT),
    )  # fmt: skip


def free(work: Work, ask: FreeAsk) -> Order:
    """The till does not give it back after all; nothing happens where its lease is not the newest."""
    till = _till(work, ask.store)
    held = _held(work, ask.order_id)
    giving = held.body.giving
    if giving is not None and (giving.till, giving.n) == (till, ask.n) and giving.lease_ms:
        held.body = replace(held.body, giving=replace(giving, lease_ms=0))
        held.write(work)
    return core.get(work, held.order_id)


def must_be_free(work: Work, kind: str, key: str) -> None:
    """A task that a till is doing is done by nobody else. Raises RefusedError 409 with the till."""
    if kind != REFUND:
        return
    giving = _now(work, hold(work, key.rpartition("/")[0]))
    if giving is not None:
        raise RefusedError(409, "claimed", "A till gives this money back just now", giving.till)


def _till(work: Work, store: str) -> str:
    work.actor.demand_store(store)
    if work.actor.kind != "till":
        raise RefusedError(403, "forbidden", "Only a till gives money back over its counter")
    return work.actor.name


def _held(work: Work, order_id: str) -> Held:
    """Locked. Only for a store that took or worked on it. Raises RefusedError 404."""
    core.see(work, core.Seen(order_id))
    return hold(work, order_id)


def _now(work: Work, held: Held) -> Giving | None:
    giving = held.body.giving
    return giving if giving is not None and giving.lease_ms > work.now_ms else None
