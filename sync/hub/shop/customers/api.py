"""The API for customers, their consents, points and purchases. Who looks is written down; answers to writers hold nothing personal."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from sync.hub.shop.customers import consents, core, points
from sync.hub.shop.customers.messages import (
    About,
    AddConsent,
    Adjust,
    Burn,
    Burnt,
    Consent,
    Customer,
    Erased,
    Export,
    Found,
    Identifier,
    Made,
    Merge,
    NewCustomer,
    Points,
    Programme,
    Purchases,
)
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX, etag
from sync.hub.shop.kit.work import Work

__all__ = ["ROUTES"]

_Id = Annotated[str, Meta(min_length=1, max_length=64)]
_KEYED: Final[dict[str, Any]] = {"responses": REFUSALS, "operation_class": with_key(), "status_code": 200}
_READ, _WRITE = "customers:read", "customers:write"


class Link(Struct, frozen=True):
    """The secret of the page `/me/SECRET`; it is shown this once, and to a request that is sent again under its key."""

    secret: str


def _tag(made: Made) -> str:
    return etag(made.version)


@post("/customers", **_KEYED)
async def post_customer(request: Request[Any, Any, Any], data: JSONBody[NewCustomer]) -> Response[Made]:
    """A new customer; 409 "known" names the one to whom an identifier belongs."""
    return await act(request, _WRITE, core.create, data, tag=_tag)


@post("/customers/search", **_KEYED)
async def post_search(request: Request[Any, Any, Any], data: JSONBody[Identifier]) -> Response[Found]:
    """Whom an e-mail address, telephone number or card belongs to. A POST, so that it stands in no log of addresses."""
    return await act(request, _READ, core.find, data)


@get("/customers/{customer_id:str}", responses=REFUSALS)
async def get_customer(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Customer]:
    """A customer; a merged record is answered by the one that stands for it."""
    return await act(request, _READ, core.get, customer_id, tag=lambda found: etag(found.version))


@put("/customers/{customer_id:str}", responses=REFUSALS)
async def put_customer(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[About]
) -> Response[Made]:
    """Replace what is known of somebody."""
    ask = core.Put(customer_id, data, request.headers.get("if-match", ""))
    return await act(request, _WRITE, core.put, ask, tag=_tag)


@post("/customers/{customer_id:str}/identifiers", **_KEYED)
async def post_identifier(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Identifier]
) -> Response[Made]:
    """One more by which the customer is found."""
    return await act(request, _WRITE, core.add_identifier, core.Named(customer_id, data))


@post("/customers/{customer_id:str}/identifiers/remove", **_KEYED)
async def post_no_identifier(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Identifier]
) -> Response[Made]:
    """The customer is not found by it any more."""
    return await act(request, _WRITE, core.remove_identifier, core.Named(customer_id, data))


@post("/customers/{customer_id:str}/merge", **_KEYED)
async def post_merge(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Merge]
) -> Response[Made]:
    """Another record is the same person's."""
    return await act(request, _WRITE, core.merge, core.MergeAsk(customer_id, data.other))


@post("/customers/{customer_id:str}/part", **_KEYED)
async def post_part(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Merge]
) -> Response[Made]:
    """They were two people after all: undo a merge, whole."""
    return await act(request, _WRITE, core.part, core.MergeAsk(customer_id, data.other))


@post("/customers/{customer_id:str}/consents", **_KEYED)
async def post_consent(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[AddConsent]
) -> Response[Consent]:
    """A yes or a no."""
    return await act(request, _WRITE, consents.add, consents.Given(customer_id, data))


@get("/customers/{customer_id:str}/points", responses=REFUSALS)
async def get_points(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Points]:
    """How many, and where they come from."""
    return await look(request, _READ, points.shown, customer_id)


@post("/customers/{customer_id:str}/points/adjust", **_KEYED)
async def post_adjust(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Adjust]
) -> Response[Points]:
    """Given or taken by a person of the office."""
    return await act(request, _WRITE, points.adjust, points.AdjustAsk(customer_id, data))


@post("/customers/{customer_id:str}/points/burn", **_KEYED)
async def post_burn(
    request: Request[Any, Any, Any], customer_id: FromPath[_Id], data: JSONBody[Burn]
) -> Response[Burnt]:
    """Points become a credit that any till takes."""
    return await act(request, _WRITE, points.burn, points.BurnAsk(customer_id, data))


@get("/customers/{customer_id:str}/purchases", responses=REFUSALS)
async def get_purchases(
    request: Request[Any, Any, Any],
    customer_id: FromPath[_Id],
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 20,
) -> Response[Purchases]:
    """What was bought over all channels, newest first."""
    return await act(request, _READ, core.purchases, core.ListPurchases(customer_id, cursor, limit))


@get("/customers/{customer_id:str}/export", responses=REFUSALS)
async def get_export(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Export]:
    """All that is kept of a person."""
    return await act(request, _READ, core.export, customer_id)


@post("/customers/{customer_id:str}/erase", **_KEYED)
async def post_erase(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Erased]:
    """Nothing of the person can be read afterwards. It cannot be undone."""
    return await act(request, _WRITE, core.erase, customer_id)


@post("/customers/{customer_id:str}/restrict", **_KEYED)
async def post_restrict(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Made]:
    """Nothing is done with the data until it is lifted."""
    return await act(request, _WRITE, core.restrict, (customer_id, True))


@post("/customers/{customer_id:str}/unrestrict", **_KEYED)
async def post_unrestrict(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Made]:
    return await act(request, _WRITE, core.restrict, (customer_id, False))


@post("/customers/{customer_id:str}/links", **_KEYED)
async def post_link(request: Request[Any, Any, Any], customer_id: FromPath[_Id]) -> Response[Link]:
    """The address of a page with this person's data."""

    def make(work: Work, of: str) -> Link:
        return Link(core.make_link(work, of))

    return await act(request, _WRITE, make, customer_id)


@get("/loyalty", responses=REFUSALS)
async def get_loyalty(request: Request[Any, Any, Any]) -> Response[Programme]:
    """What a purchase earns and what a point buys."""

    def read(work: Work, _: None) -> Programme:
        return points.programme(work)

    return await look(request, _READ, read, None)


@put("/loyalty", responses=REFUSALS)
async def put_loyalty(request: Request[Any, Any, Any], data: JSONBody[Programme]) -> Response[Programme]:
    """For what is earned from now on."""
    return await act(request, _WRITE, points.put_programme, data)


ROUTES: Final = (
    *(
        post_customer,
        post_search,
        get_customer,
        put_customer,
        post_identifier,
        post_no_identifier,
        post_merge,
    ),
    *(post_part, post_consent, get_points, post_adjust, post_burn, get_purchases, get_export, post_erase),
    *(post_restrict, post_unrestrict, post_link, get_loyalty, put_loyalty),
)
