"""The API for goods that people move and count: transfers, deliveries, counts."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX
from sync.hub.shop.stock import counts, shipments
from sync.hub.shop.stock.counts import Close, Count, CountLines, Counts, OpenCount
from sync.hub.shop.stock.shipments import (
    AskShipments,
    Handle,
    HandleAsk,
    PostDelivery,
    PostTransfer,
    Shipment,
    Shipments,
)

__all__ = ["ROUTES"]

_Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
_Cursor = Annotated[str, QueryParameter(max_length=512)]
_Store = Annotated[str, QueryParameter(max_length=32)]
_Number = Annotated[str, QueryParameter(max_length=100)]
_State = Annotated[str, QueryParameter(name="state", pattern="^(requested|shipped|received|cancelled)?$")]
_CountState = Annotated[str, QueryParameter(name="state", pattern="^(open|review|closed|rejected)?$")]


@post("/stock/transfers", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_transfer(request: Request[Any, Any, Any], data: JSONBody[PostTransfer]) -> Response[Shipment]:
    """Ask another store for goods, or say that they are on their way (`shipped`)."""
    return await act(request, "stock:write", shipments.request_transfer, data, lane=data.store, status=201)


@get("/stock/transfers", responses=REFUSALS)
async def get_transfers(
    request: Request[Any, Any, Any],
    store: _Store = "",
    source: _Store = "",
    shipment_state: _State = "",
    number: _Number = "",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[Shipments]:
    """Transfers to a store, or from one."""
    ask = AskShipments("transfer", store, source, shipment_state, number, cursor, limit)
    return await look(request, "stock:read", shipments.listing, ask)


@post(
    "/stock/transfers/{shipment_id:str}/ship", status_code=200, responses=REFUSALS, operation_class=with_key()
)
async def post_ship(
    request: Request[Any, Any, Any], shipment_id: FromPath[str], data: JSONBody[Handle]
) -> Response[Shipment]:
    """The source's goods left it."""
    return await act(request, "stock:write", shipments.ship, HandleAsk("transfer", shipment_id, data))


@post(
    "/stock/transfers/{shipment_id:str}/receive",
    status_code=200,
    responses=REFUSALS,
    operation_class=with_key(),
)
async def post_transfer_receive(
    request: Request[Any, Any, Any], shipment_id: FromPath[str], data: JSONBody[Handle]
) -> Response[Shipment]:
    """They arrived. What differs becomes a task of the store."""
    return await act(request, "stock:write", shipments.receive, HandleAsk("transfer", shipment_id, data))


@post(
    "/stock/transfers/{shipment_id:str}/cancel",
    status_code=200,
    responses=REFUSALS,
    operation_class=with_key(),
)
async def post_transfer_cancel(
    request: Request[Any, Any, Any], shipment_id: FromPath[str], data: JSONBody[Handle]
) -> Response[Shipment]:
    """As long as nothing left."""
    return await act(request, "stock:write", shipments.cancel, HandleAsk("transfer", shipment_id, data))


@post("/stock/deliveries", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_delivery(request: Request[Any, Any, Any], data: JSONBody[PostDelivery]) -> Response[Shipment]:
    """Announce a supplier's delivery, or say that one is here (`received`), announced under its number or not."""
    return await act(request, "stock:write", shipments.announce, data, lane=data.store, status=201)


@get("/stock/deliveries", responses=REFUSALS)
async def get_deliveries(
    request: Request[Any, Any, Any],
    store: _Store,
    shipment_state: _State = "",
    number: _Number = "",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[Shipments]:
    """Deliveries to a store; announced ones are "shipped"."""
    ask = AskShipments("delivery", store, "", shipment_state, number, cursor, limit)
    return await look(request, "stock:read", shipments.listing, ask)


@post(
    "/stock/deliveries/{shipment_id:str}/receive",
    status_code=200,
    responses=REFUSALS,
    operation_class=with_key(),
)
async def post_delivery_receive(
    request: Request[Any, Any, Any], shipment_id: FromPath[str], data: JSONBody[Handle]
) -> Response[Shipment]:
    """An announced delivery is here, all or in parts (`more`)."""
    return await act(request, "stock:write", shipments.receive, HandleAsk("delivery", shipment_id, data))


@post(
    "/stock/deliveries/{shipment_id:str}/cancel",
    status_code=200,
    responses=REFUSALS,
    operation_class=with_key(),
)
async def post_delivery_cancel(
    request: Request[Any, Any, Any], shipment_id: FromPath[str], data: JSONBody[Handle]
) -> Response[Shipment]:
    """It will not come."""
    return await act(request, "stock:write", shipments.cancel, HandleAsk("delivery", shipment_id, data))


@post("/stock/counts", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_count(request: Request[Any, Any, Any], data: JSONBody[OpenCount]) -> Response[Count]:
    """Begin to count, blind; with `lines` and `closes` a whole count at once."""
    return await act(request, "stock:write", counts.open_count, data, lane=data.store, status=201)


@get("/stock/counts", responses=REFUSALS)
async def get_counts(
    request: Request[Any, Any, Any],
    store: _Store,
    count_state: _CountState = "",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[Counts]:
    """Counts of a store, oldest first."""
    return await look(
        request, "stock:read", counts.listing, counts.AskCounts(store, count_state, cursor, limit)
    )


@get("/stock/counts/{count_id:str}", responses=REFUSALS)
async def get_count(request: Request[Any, Any, Any], count_id: FromPath[str]) -> Response[Count]:
    """One count; what the ledger expected only once nobody counts any more."""
    return await look(request, "stock:read", counts.get_count, count_id)


@post("/stock/counts/{count_id:str}/lines", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_count_lines(
    request: Request[Any, Any, Any], count_id: FromPath[str], data: JSONBody[CountLines]
) -> Response[Count]:
    """What was counted; several times of one article adds up, unless it is counted `again`."""
    return await act(request, "stock:write", counts.add_lines, counts.LinesAsk(count_id, data))


@post("/stock/counts/{count_id:str}/close", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_count_close(
    request: Request[Any, Any, Any], count_id: FromPath[str], data: JSONBody[Close]
) -> Response[Count]:
    """Counted. Within the limit it holds, above it somebody must approve it ("review")."""
    return await act(request, "stock:write", counts.close, counts.CloseAsk(count_id, data))


@post("/stock/counts/{count_id:str}/approve", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_count_approve(
    request: Request[Any, Any, Any], count_id: FromPath[str], data: JSONBody[Close]
) -> Response[Count]:
    """The differences are real."""
    return await act(request, "stock:adjust", counts.approve, counts.EndAsk(count_id, data.operator))


@post("/stock/counts/{count_id:str}/reject", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_count_reject(
    request: Request[Any, Any, Any], count_id: FromPath[str], data: JSONBody[Close]
) -> Response[Count]:
    """Nothing of this count holds."""
    return await act(request, "stock:adjust", counts.reject, counts.EndAsk(count_id, data.operator))


ROUTES: Final = (
    *(post_transfer, get_transfers, post_ship, post_transfer_receive, post_transfer_cancel),
    *(post_delivery, get_deliveries, post_delivery_receive, post_delivery_cancel),
    *(
        post_count,
        get_counts,
        get_count,
        post_count_lines,
        post_count_close,
        post_count_approve,
        post_count_reject,
    ),
)
