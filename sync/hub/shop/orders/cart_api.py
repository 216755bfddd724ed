"""The API by which a web shop's cart is ordered, and the codes that a customer shows, as pictures."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody

from receipts.qr import qr_svg
from sync.hub.answers import ANSWER_HEADERS, hub_of
from sync.hub.shop.baskets import core as baskets
from sync.hub.shop.kit.http import REFUSALS, act, look, secret_of
from sync.hub.shop.kit.openapi import with_key_and_secret, with_secret
from sync.hub.shop.orders import tokens
from sync.hub.shop.orders.from_cart import FromCart, order_cart
from sync.hub.shop.orders.messages import OrderCart, Placed

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_CART: Final = "/carts/{store:str}/{cart:str}"
_SVG: Final = "image/svg+xml"
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


@post(f"{_CART}/order", status_code=201, responses=REFUSALS, operation_class=with_key_and_secret())
async def post_order(
    request: _Request, store: FromPath[str], cart: FromPath[str], data: JSONBody[OrderCart]
) -> Response[Placed]:
    """Order what the cart holds, from its store, at the shop's prices; the cart ends. The order's secret is told once."""
    named = baskets.Named(store, cart, secret_of(request))
    ask = FromCart(named, data, request.headers.get("if-match", ""))
    return await act(request, "orders:write", order_cart, ask, lane=store, status=201)


@get(f"{_CART}/code.svg", responses=REFUSALS, operation_class=with_secret(), media_type=_SVG)
async def get_cart_code(request: _Request, store: FromPath[str], cart: FromPath[str]) -> Response[bytes]:
    """The cart's `qr` as a picture, to be scanned at the till."""
    named = baskets.Named(store, cart, secret_of(request))
    answer = await look(request, "carts:read", baskets.get_basket, named, lane=store)
    return await _drawn(request, answer, "qr")


@get("/orders/{order_id:str}/pickup.svg", responses=REFUSALS, operation_class=with_secret(), media_type=_SVG)
async def get_pickup_code(request: _Request, order_id: FromPath[str]) -> Response[bytes]:
    """The pickup's `token` as a picture; 409 before it is ready."""
    ask = tokens.PickupAsk(order_id, secret_of(request), hub_of(request).key)
    answer = await look(request, "orders:read", tokens.pickup_code, ask)
    return await _drawn(request, answer, "token")


async def _drawn(request: _Request, answer: Response[Any], name: str) -> Response[bytes]:
    text = str(_DECODER.decode(answer.content)[name])
    renderer = hub_of(request).renderer
    svg = await renderer.run(qr_svg, text) if renderer is not None else qr_svg(text)
    return Response(svg.encode(), media_type=_SVG, headers=dict(ANSWER_HEADERS))


ROUTES: Final = (post_order, get_cart_code, get_pickup_code)
