"""The API for gift cards and store credit."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from sync.hub.shop.cards import core
from sync.hub.shop.cards.messages import Block, Card, History, Hold, HoldCard, IssueCard, TopUp
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key

__all__ = ["ROUTES"]

_Number = Annotated[str, Meta(min_length=1, max_length=64)]
_KEYED: Final[dict[str, Any]] = {"responses": REFUSALS, "operation_class": with_key(), "status_code": 200}


@post("/gift-cards", **_KEYED)
async def post_card(request: Request[Any, Any, Any], data: JSONBody[IssueCard]) -> Response[Card]:
    """A new card with a number by chance; with `to` it goes out by a letter, too."""
    return await act(request, "cards:write", core.issue_new, data)


@get("/gift-cards/{number:str}", responses=REFUSALS)
async def get_card(request: Request[Any, Any, Any], number: FromPath[_Number]) -> Response[Card]:
    """What is left on a card."""
    return await look(request, "cards:read", core.get, number)


@get("/gift-cards/{number:str}/history", responses=REFUSALS)
async def get_history(request: Request[Any, Any, Any], number: FromPath[_Number]) -> Response[History]:
    """What came onto a card and went from it."""
    return await look(request, "cards:read", core.history, number)


@post("/gift-cards/{number:str}/holds", **_KEYED)
async def post_hold(
    request: Request[Any, Any, Any], number: FromPath[_Number], data: JSONBody[HoldCard]
) -> Response[Hold]:
    """Keep an amount for a sale that is about to be paid; 409 "too-little" says what is left."""
    return await act(request, "cards:write", core.hold, core.HoldAsk(number, data))


@post("/gift-card-holds/{hold_id:str}/release", **_KEYED)
async def post_release(request: Request[Any, Any, Any], hold_id: FromPath[_Number]) -> Response[Hold]:
    """Nobody pays with it after all."""
    return await act(request, "cards:write", core.release, hold_id)


@post("/gift-cards/{number:str}/top-ups", **_KEYED)
async def post_top_up(
    request: Request[Any, Any, Any], number: FromPath[_Number], data: JSONBody[TopUp]
) -> Response[Card]:
    """More on a card, or less of what is left on it, by a person of the office."""
    return await act(request, "cards:write", core.top_up, core.TopUpAsk(number, data))


@post("/gift-cards/{number:str}/block", **_KEYED)
async def post_block(
    request: Request[Any, Any, Any], number: FromPath[_Number], data: JSONBody[Block]
) -> Response[Card]:
    """Lost or stolen; or found again."""
    return await act(request, "cards:write", core.block, core.BlockAsk(number, data))


ROUTES: Final = (post_card, get_card, get_history, post_hold, post_release, post_top_up, post_block)
