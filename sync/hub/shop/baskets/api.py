"""The API for carts."""

from typing import Any, Final

from litestar import Request, Response, get, post, put
from litestar.params import FromPath, JSONBody

from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.shop.baskets import core
from sync.hub.shop.baskets.messages import Basket, Claim, MakeBasket, Merge, PutBasket
from sync.hub.shop.kit.http import REFUSALS, act, actor_of, look, secret_of
from sync.hub.shop.kit.openapi import with_key, with_key_and_secret, with_secret
from sync.hub.shop.kit.pages import etag

__all__ = ["ROUTES"]

_PATH: Final = "/carts/{store:str}/{cart:str}"


def _tag(basket: Basket) -> str:
    return etag(basket.version)


def _named(request: Request[Any, Any, Any], store: str, cart: str) -> core.Named:
    return core.Named(store, cart, secret_of(request))


@post("/carts", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_cart(request: Request[Any, Any, Any], data: JSONBody[MakeBasket]) -> Response[Basket]:
    """Make a cart. Its secret is told here and never again."""
    return await act(request, "carts:write", core.make, data, lane=data.store, status=201, tag=_tag)


@get(_PATH, responses=REFUSALS, operation_class=with_secret())
async def get_cart(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str]
) -> Response[Basket]:
    """A cart at the prices of now."""
    return await look(request, "carts:read", core.get_basket, _named(request, store, cart), lane=store)


@put(_PATH, responses=REFUSALS, operation_class=with_secret())
async def put_cart(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str], data: JSONBody[PutBasket]
) -> Response[Basket]:
    """Change what is in a cart. While a till holds it, that is refused (409, `claimed`)."""
    ask = core.PutAsk(_named(request, store, cart), data, request.headers.get("if-match", ""))
    return await act(request, "carts:write", core.put_basket, ask, lane=store, tag=_tag)


@post(f"{_PATH}/merge", status_code=200, responses=REFUSALS, operation_class=with_key_and_secret())
async def post_merge(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str], data: JSONBody[Merge]
) -> Response[Basket]:
    """Take another open cart's lines; that one ends."""
    ask = core.MergeAsk(_named(request, store, cart), data)
    return await act(request, "carts:write", core.merge, ask, lane=store, tag=_tag)


@post(f"{_PATH}/abandon", status_code=200, responses=REFUSALS, operation_class=with_key_and_secret())
async def post_abandon(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str]
) -> Response[Basket]:
    """Nobody wants it any more."""
    ask = _named(request, store, cart)
    return await act(request, "carts:write", core.abandon, ask, lane=store, tag=_tag)


@post("/carts/claim", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_claim(request: Request[Any, Any, Any], data: JSONBody[Claim]) -> Response[Basket]:
    """A till takes the cart of a share code for ten minutes. Who comes second hears who was first (409, `claimed`).

    Codes of no cart may be tried twenty times at once, then one in three seconds.
    """
    guests = hub_of(request).guests
    actor = await actor_of(request, "carts:write")
    if not guests.may_guess(actor.name):
        raise ProblemError(429, "Too many codes that are none", "wait a moment", retry_s=3)
    try:
        return await act(request, "carts:write", core.claim, data, lane=data.store, tag=_tag)
    except ProblemError as error:
        if error.document.status == 404:
            guests.guessed(actor.name)
        raise


@post(f"{_PATH}/extend", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_extend(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str]
) -> Response[Basket]:
    """Ten minutes more for the till that holds it."""
    ask = _named(request, store, cart)
    return await act(request, "carts:write", core.extend, ask, lane=store, tag=_tag)


@post(f"{_PATH}/hand-back", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_hand_back(
    request: Request[Any, Any, Any], store: FromPath[str], cart: FromPath[str]
) -> Response[Basket]:
    """The till lets it go; the phone may change it again."""
    ask = _named(request, store, cart)
    return await act(request, "carts:write", core.hand_back, ask, lane=store, tag=_tag)


ROUTES: Final = (
    *(post_cart, get_cart, put_cart, post_merge, post_abandon),
    *(post_claim, post_extend, post_hand_back),
)
