"""The API for messages to customers: what became of them, and sending a failed one again."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import JSONBody, QueryParameter

from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX
from sync.hub.shop.letters.looking import AskLetters, LetterList, LetterName, LetterState, listing, send_again
from sync.hub.shop.letters.receipts import SendReceipt, Sent, send

__all__ = ["ROUTES"]


@get("/messages", responses=REFUSALS)
async def get_messages(
    request: Request[Any, Any, Any],
    store: Annotated[str, QueryParameter(max_length=32)] = "",
    customer: Annotated[str, QueryParameter(max_length=64)] = "",
    subject: Annotated[str, QueryParameter(max_length=200)] = "",
    message_state: Annotated[
        str, QueryParameter(name="state", pattern="^(waiting|sending|sent|refused|given_up)?$")
    ] = "",
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[LetterList]:
    """Messages to customers, newest first: of a store, of a customer, of a `subject` like `order/ID` or `case/ID`.

    Without addresses and without what they say.
    """
    ask = AskLetters(store, customer, subject, message_state, cursor, limit)
    return await look(request, "messages:read", listing, ask)


@post("/messages/again", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_again(request: Request[Any, Any, Any], data: JSONBody[LetterName]) -> Response[LetterState]:
    """Send a failed message again, by its key. 409 where it did not fail, must not be sent, is erased or too late."""
    return await act(request, "messages:write", send_again, data, lane=data.store)


@post("/receipts/letters", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_receipt(request: Request[Any, Any, Any], data: JSONBody[SendReceipt]) -> Response[Sent]:
    """Send a receipt of the till that asks to an address that was typed there. 409 while its sale is on its way."""
    return await act(request, "receipts:write", send, data)


ROUTES: Final = (get_messages, post_again, post_receipt)
