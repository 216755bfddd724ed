"""The API for orders and the work they are for a store."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.answers import hub_of
from sync.hub.shop.kit.http import REFUSALS, act, look, secret_of
from sync.hub.shop.kit.openapi import with_key, with_key_and_secret, with_secret
from sync.hub.shop.kit.pages import PAGE_MAX, etag
from sync.hub.shop.orders import core, giving_back, moves, tokens
from sync.hub.shop.orders.messages import (
    ClaimCode,
    Extend,
    GiveBack,
    GivingEnds,
    Label,
    Order,
    OrderList,
    PayOrder,
    Pick,
    PickupCode,
    Placed,
    PlaceOrder,
    Ready,
    Reason,
    Released,
    Ship,
    Short,
    WorkList,
)

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_READ: Final = "orders:read"
_WRITE: Final = "orders:write"
_PICK: Final = "orders:pick"


def _tag(order: Order) -> str:
    return etag(order.version)


@post("/orders", responses=REFUSALS, operation_class=with_key())
async def place_order(request: _Request, data: JSONBody[PlaceOrder]) -> Response[Placed]:
    """Place an order; its goods are reserved with it. The answer holds its secret, once."""
    return await act(request, _WRITE, core.order_now, data, lane=data.store, status=201)


@get("/orders", responses=REFUSALS)
async def list_orders(
    request: _Request,
    store: Annotated[str, QueryParameter(max_length=32)] = "",
    customer: Annotated[str, QueryParameter(max_length=64)] = "",
    order_state: Annotated[str, QueryParameter(max_length=16)] = "",
    external: Annotated[str, QueryParameter(max_length=64)] = "",
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[OrderList]:
    """Orders, newest first. `external` is the number that their channel has for them."""
    ask = core.ListOrders(store, customer, order_state, external, cursor, limit)
    return await look(request, _READ, core.list_orders, ask)


@get("/orders/{order_id:str}", responses=REFUSALS, operation_class=with_secret())
async def get_order(request: _Request, order_id: FromPath[str]) -> Response[Order]:
    """One order with its fulfillments; its ETag is its version. The public needs its secret."""
    return await look(request, _READ, core.see, core.Seen(order_id, secret_of(request)), tag=_tag)


@get("/orders/{order_id:str}/pickup", responses=REFUSALS, operation_class=with_secret())
async def get_pickup(request: _Request, order_id: FromPath[str]) -> Response[PickupCode]:
    """The code with which it is collected, and the token that a till believes without a line."""
    ask = tokens.PickupAsk(order_id, secret_of(request), hub_of(request).key)
    return await look(request, _READ, tokens.pickup_code, ask)


@post("/orders/{order_id:str}/payments", status_code=200, responses=REFUSALS, operation_class=with_key())
async def pay_order(request: _Request, order_id: FromPath[str], data: JSONBody[PayOrder]) -> Response[Order]:
    """Money for it was taken elsewhere."""
    return await act(request, _WRITE, core.pay, core.PayAsk(order_id, data.payment), tag=_tag)


@post(
    "/orders/{order_id:str}/cancel",
    status_code=200,
    responses=REFUSALS,
    operation_class=with_key_and_secret(),
)
async def cancel_order(request: _Request, order_id: FromPath[str], data: JSONBody[Reason]) -> Response[Order]:
    """Cancel it, as long as nothing of it was handed over."""
    ask = core.CancelAsk(order_id, data.reason, secret_of(request))
    return await act(request, _WRITE, core.cancel, ask, tag=_tag)


@post(
    "/stores/{store:str}/orders/{said:str}/give-back",
    status_code=200, responses=REFUSALS, operation_class=with_key(),
)  # fmt: skip
async def give_back(request: _Request, store: FromPath[str], said: FromPath[str]) -> Response[GiveBack]:
    """A till takes it on itself, for ten minutes and alone, to give back what was paid down for an order that is over."""
    return await act(request, _WRITE, giving_back.take, giving_back.TakeAsk(store, said), lane=store)


@post(
    "/stores/{store:str}/orders/{order_id:str}/give-back/release",
    status_code=200, responses=REFUSALS, operation_class=with_key(),
)  # fmt: skip
async def give_back_not(
    request: _Request, store: FromPath[str], order_id: FromPath[str], data: JSONBody[GivingEnds]
) -> Response[Order]:
    """It does not after all."""
    ask = giving_back.FreeAsk(store, order_id, data.n)
    return await act(request, _WRITE, giving_back.free, ask, lane=store, tag=_tag)


# -- a store's work


@get("/stores/{store:str}/fulfillments", responses=REFUSALS)
async def work_list(
    request: _Request,
    store: FromPath[str],
    state_is: Annotated[str, QueryParameter(max_length=16)] = "open",
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[WorkList]:
    """What a store has to do for orders, by the clock that runs first."""
    return await look(request, _PICK, moves.work_list, moves.Listed(store, state_is, cursor, limit))


async def _step(
    request: _Request, scope: str, move: moves.Move, store: str, fulfillment_id: str, about: Any
) -> Response[Order]:
    ask = moves.Step(store, fulfillment_id, about)
    return await act(request, scope, move, ask, lane=store, tag=_tag)


_BASE: Final = "/stores/{store:str}/fulfillments/{fulfillment_id:str}"


@post(f"{_BASE}/accept", status_code=200, responses=REFUSALS, operation_class=with_key())
async def accept(request: _Request, store: FromPath[str], fulfillment_id: FromPath[str]) -> Response[Order]:
    """The store will do it."""
    return await _step(request, _PICK, moves.accept, store, fulfillment_id, None)


@post(f"{_BASE}/reject", status_code=200, responses=REFUSALS, operation_class=with_key())
async def reject(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Reason]
) -> Response[Order]:
    """The store cannot; another one shall."""
    return await _step(request, _WRITE, moves.reject, store, fulfillment_id, data)


@post(f"{_BASE}/pick", status_code=200, responses=REFUSALS, operation_class=with_key())
async def pick(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Pick]
) -> Response[Order]:
    """Goods were taken from the shelf."""
    return await _step(request, _PICK, moves.pick, store, fulfillment_id, data)


@post(f"{_BASE}/short", status_code=200, responses=REFUSALS, operation_class=with_key())
async def short(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Short]
) -> Response[Order]:
    """Some of it is not there."""
    return await _step(request, _PICK, moves.short, store, fulfillment_id, data)


@post(f"{_BASE}/ready", status_code=200, responses=REFUSALS, operation_class=with_key())
async def ready(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Ready]
) -> Response[Order]:
    """It waits on its shelf; the customer is told."""
    return await _step(request, _PICK, moves.ready, store, fulfillment_id, data)


@post(f"{_BASE}/extend", status_code=200, responses=REFUSALS, operation_class=with_key())
async def extend(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Extend]
) -> Response[Order]:
    """Keep it longer."""
    return await _step(request, _WRITE, moves.extend, store, fulfillment_id, data)


@post(f"{_BASE}/label", status_code=200, responses=REFUSALS, operation_class=with_key())
async def label(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Label]
) -> Response[Order]:
    """The carrier's label is there."""
    return await _step(request, _WRITE, moves.label, store, fulfillment_id, data)


@post(f"{_BASE}/ship", status_code=200, responses=REFUSALS, operation_class=with_key())
async def ship(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Ship]
) -> Response[Order]:
    """The carrier has the parcel."""
    return await _step(request, _WRITE, moves.ship, store, fulfillment_id, data)


@post(f"{_BASE}/release", status_code=200, responses=REFUSALS, operation_class=with_key())
async def release(
    request: _Request, store: FromPath[str], fulfillment_id: FromPath[str], data: JSONBody[Released]
) -> Response[Order]:
    """A till gives up the hand-over that it claimed."""
    return await _step(request, _WRITE, moves.release, store, fulfillment_id, data)


@post("/stores/{store:str}/pickups", status_code=200, responses=REFUSALS, operation_class=with_key())
async def claim(request: _Request, store: FromPath[str], data: JSONBody[ClaimCode]) -> Response[Order]:
    """A till takes the hand-over of what a code names, for ten minutes; nobody else does meanwhile. Who only looks (`peek`) needs no `orders:write`."""
    return await act(request, _PICK, moves.claim, moves.ClaimAsk(store, data), lane=store, tag=_tag)


ROUTES: Final = (
    place_order, list_orders, get_order, get_pickup, pay_order, cancel_order, work_list, accept, reject, pick, short, ready,
    extend, label, ship, release, claim, give_back, give_back_not,
)  # fmt: skip
