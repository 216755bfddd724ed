"""The API for returns."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.shop.kit.http import REFUSALS, act, actor_of, look, secret_of
from sync.hub.shop.kit.openapi import with_key, with_key_and_secret
from sync.hub.shop.kit.refusal import not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.returns import core, finding, refunds
from sync.hub.shop.returns.messages import (
    Announce,
    Announcement,
    FoundList,
    Purchase,
    Refunded,
    RefundRefused,
    Return,
    TakeBack,
)
from sync.hub.shop.returns.purchases import ORDER

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_READ: Final = "returns:read"
_WRITE: Final = "returns:write"
_Word = Annotated[str, QueryParameter(max_length=120)]


@get("/returns/sales", responses=REFUSALS)
async def find_sales(
    request: _Request,
    code: Annotated[str, QueryParameter(max_length=300)] = "",
    receipt: _Word = "",
    store: Annotated[str, QueryParameter(max_length=32)] = "",
    order: _Word = "",
    email: _Word = "",
    phone: _Word = "",
    customer: _Word = "",
    last4: Annotated[str, QueryParameter(max_length=4, pattern=r"^([0-9]{4})?$")] = "",
    on: Annotated[str, QueryParameter(max_length=10)] = "",
    amount: Annotated[int, QueryParameter(ge=0, le=1_000_000_000)] = 0,
    serial: _Word = "",
) -> Response[FoundList]:
    """Purchases by a code or number on paper, or by what a customer knows: newest first, at most 20.

    Who finds nothing twenty times at once may ask once in three seconds.
    """
    hub = hub_of(request)
    actor = await actor_of(request, _READ)
    if not hub.guests.may_guess(actor.name):
        raise ProblemError(429, "Too many searches that found nothing", "wait a moment", retry_s=3)
    empty = []

    def search(work: Work, ask: finding.Finding) -> FoundList:
        found = finding.find(work, ask)
        if not found.sales:
            empty.append(ask)
        return found

    ask = finding.Finding(
        code, receipt, store, order, email, phone, customer, last4, on, amount, serial, hub.no_key
    )
    answer = await look(request, _READ, search, ask)
    if empty:
        hub.guests.guessed(actor.name)
    return answer


@get("/returns/sales/till/{store:str}/{till:str}/{epoch:int}/{number:int}", responses=REFUSALS)
async def get_receipt(
    request: _Request, store: FromPath[str], till: FromPath[str], epoch: FromPath[int], number: FromPath[int]
) -> Response[Purchase]:
    """A receipt's lines, what of each is left, and how it was paid."""
    ask = core.Place(store, f"{till}-{epoch}-{number}")
    return await look(request, _READ, core.get_purchase, ask)


@get("/returns/sales/order/{order_id:str}", responses=REFUSALS)
async def get_order_purchase(request: _Request, order_id: FromPath[str]) -> Response[Purchase]:
    """What of an order was handed over or sent without a receipt, and what of it is left."""
    return await look(request, _READ, core.get_purchase, core.Place("", ORDER + order_id))


@post("/returns", responses=REFUSALS, operation_class=with_key())
async def take_back(request: _Request, data: JSONBody[TakeBack]) -> Response[Return]:
    """Keep lines of a purchase for a return, for fifteen minutes; the till's sale completes it."""
    return await act(request, _WRITE, core.take_back, data, lane=data.store, status=201)


@post("/returns/announce", responses=REFUSALS, operation_class=with_key_and_secret())
async def announce(request: _Request, data: JSONBody[Announce]) -> Response[Announcement]:
    """Say what will come back. The code is shown at any till; nothing is kept or refunded by it."""
    hub = hub_of(request)
    actor = await actor_of(request, _WRITE)
    who = f"{actor.name} {request.client.host if request.client is not None else ''}"
    if not hub.guests.may_guess(who):
        raise ProblemError(429, "Too many tries", "wait a moment", retry_s=3)
    secret = secret_of(request)

    def run(work: Work, about: Announce) -> Announcement:
        place = None
        if not about.order_id:
            place = finding.by_link(work, about.receipt, hub.no_key)
            if place is None:
                raise not_found("receipt")
        return core.announce(work, core.AnnounceAsk(about, secret, place))

    try:
        return await act(request, _WRITE, run, data, status=201)
    except ProblemError as refused:
        if refused.status == 404:
            hub.guests.guessed(who)
        raise


@post("/returns/{return_id:str}/release", responses=REFUSALS, operation_class=with_key(), status_code=200)
async def release(request: _Request, return_id: FromPath[str]) -> Response[Return]:
    """It is not made."""
    return await act(request, _WRITE, core.release, return_id, lane=return_id.rpartition(".")[0])


@post("/returns/{return_id:str}/extend", responses=REFUSALS, operation_class=with_key(), status_code=200)
async def extend(request: _Request, return_id: FromPath[str]) -> Response[Return]:
    """Keep it longer; 409 `lapsed` where it is not kept any more."""
    return await act(request, _WRITE, core.extend, return_id, lane=return_id.rpartition(".")[0])


@post("/returns/{return_id:str}/refunded", responses=REFUSALS, operation_class=with_key(), status_code=200)
async def refunded(request: _Request, return_id: FromPath[str], data: JSONBody[Refunded]) -> Response[Return]:
    """The payment service gave the money back. Names the return, or the refund of `refund.requested`."""
    ask = refunds.RefundedAsk(return_id, data)
    return await act(request, _WRITE, refunds.refunded, ask, lane=return_id.rpartition(".")[0])


@post(
    "/returns/{return_id:str}/refund-refused", responses=REFUSALS, operation_class=with_key(), status_code=200
)
async def refund_refused(
    request: _Request, return_id: FromPath[str], data: JSONBody[RefundRefused]
) -> Response[Return]:
    """The payment service will not: a person gives it back. Names the return, or the refund of `refund.requested`."""
    ask = refunds.RefusedAsk(return_id, data)
    return await act(request, _WRITE, refunds.refused, ask, lane=return_id.rpartition(".")[0])


ROUTES: Final = (
    find_sales, get_receipt, get_order_purchase, take_back, announce, release, extend, refunded, refund_refused,
)  # fmt: skip
