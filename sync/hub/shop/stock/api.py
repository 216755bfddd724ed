"""The API for stock: levels, movements, safety, reservations, in bulk."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.answers import json_answer
from sync.hub.body import chunks
from sync.hub.shop.kit.bulk import FormatAsked, Import, NothingTakenError
from sync.hub.shop.kit.bulk_http import form_of
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX
from sync.hub.shop.stock import asking, bulk
from sync.hub.shop.stock.goods_api import ROUTES as GOODS_ROUTES
from sync.hub.shop.stock.messages import (
    Levels,
    Movements,
    PostMovement,
    PostReservation,
    PutSafety,
    ReservationOut,
    Reservations,
    StockLevel,
    StoresStock,
)
from sync.hub.shop.stores.messages import StoreName

__all__ = ["ROUTES"]

_IMPORT_MAX_BYTES: Final = 2 * 1024 * 1024
_EXPORT_MAX: Final = 10_000
_Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
_Cursor = Annotated[str, QueryParameter(max_length=512)]
_Store = Annotated[str, QueryParameter(min_length=1, max_length=32)]
_Sku = Annotated[str, QueryParameter(min_length=1, max_length=64)]
_Text = Annotated[str, QueryParameter(max_length=100)]


@get("/stock", responses=REFUSALS)
async def get_stock(
    request: Request[Any, Any, Any],
    store: _Store,
    sku: Annotated[list[str] | None, QueryParameter(max_items=PAGE_MAX)] = None,
    location: Annotated[str, QueryParameter(pattern="^(store|transit|damaged)$")] = "store",
    cursor: _Cursor = "",
    limit: _Limit = PAGE_MAX,
) -> Response[Levels]:
    """What a store has: of the articles named (`sku`, several times), or of all, by sku."""
    ask = asking.AskLevels(store, tuple(sku or ()), location, cursor, limit)
    return await look(request, "stock:read", asking.list_levels, ask)


@get("/stock/stores", responses=REFUSALS)
async def get_stores_stock(
    request: Request[Any, Any, Any],
    sku: _Sku,
    lat: Annotated[float | None, QueryParameter(ge=-90, le=90)] = None,
    lon: Annotated[float | None, QueryParameter(ge=-180, le=180)] = None,
    near: Annotated[str, QueryParameter(max_length=32)] = "",
    limit: _Limit = 50,
) -> Response[StoresStock]:
    """An article in all stores, the nearest to a place, or to the store `near`, first."""
    ask = asking.AskStores(sku, lat, lon, limit, near)
    return await look(request, "stock:read", asking.list_stores, ask)


@get("/stock/{sku:str}/stores", responses=REFUSALS)
async def get_stores_of(
    request: Request[Any, Any, Any],
    sku: FromPath[str],
    lat: Annotated[float | None, QueryParameter(ge=-90, le=90)] = None,
    lon: Annotated[float | None, QueryParameter(ge=-180, le=180)] = None,
    limit: _Limit = 50,
) -> Response[StoresStock]:
    """The same, for skus that can stand in a path."""
    return await look(request, "stock:read", asking.list_stores, asking.AskStores(sku, lat, lon, limit))


@put("/stock/{store:str}/{sku:str}/safety", responses=REFUSALS)
async def put_safety(
    request: Request[Any, Any, Any], store: FromPath[StoreName], sku: FromPath[str], data: JSONBody[PutSafety]
) -> Response[StockLevel]:
    """What of an article is promised to nobody."""
    ask = asking.SafetyAsk(store, sku, data)
    return await act(request, "stock:adjust", asking.put_safety, ask, lane=store)


@post("/stock/movements", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_movement(request: Request[Any, Any, Any], data: JSONBody[PostMovement]) -> Response[Movements]:
    """Adjust, damage, write off, receive: what a person says came or went."""
    return await act(request, "stock:adjust", asking.put_movement, data, lane=data.store, status=201)


@get("/stock/movements", responses=REFUSALS)
async def get_movements(
    request: Request[Any, Any, Any], store: _Store, sku: _Sku, cursor: _Cursor = "", limit: _Limit = 50
) -> Response[Movements]:
    """What came and went of an article, by when it happened."""
    ask = asking.AskMovements(store, sku, cursor, limit)
    return await look(request, "stock:read", asking.list_movements, ask)


@post("/stock/reservations", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_reservation(
    request: Request[Any, Any, Any], data: JSONBody[PostReservation]
) -> Response[ReservationOut]:
    """Promise goods; 409 `not-available` where there are not enough."""
    return await act(request, "stock:write", asking.put_reservation, data, lane=data.store, status=201)


@get("/stock/reservations", responses=REFUSALS)
async def get_reservations(
    request: Request[Any, Any, Any],
    store: _Store,
    subject: _Text = "",
    reservation_state: Annotated[
        str, QueryParameter(name="state", pattern="^(active|committed|released|expired|broken)?$")
    ] = "",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[Reservations]:
    """Promises of a store, oldest first."""
    ask = asking.AskReservations(store, subject, reservation_state, cursor, limit)
    return await look(request, "stock:read", asking.list_reservations, ask)


@get("/stock/reservations/{reservation_id:str}", responses=REFUSALS)
async def get_reservation(
    request: Request[Any, Any, Any], reservation_id: FromPath[str]
) -> Response[ReservationOut]:
    """One promise, and how it ended."""
    return await look(request, "stock:read", asking.get_reservation, reservation_id)


class Ending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cause` names what it follows from, and is the movement's cause."""

    cause: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00]*\Z")] = ""


@post(
    "/stock/reservations/{reservation_id:str}/release",
    status_code=200, responses=REFUSALS, operation_class=with_key(),
)  # fmt: skip
async def post_release(
    request: Request[Any, Any, Any], reservation_id: FromPath[str], data: JSONBody[Ending]
) -> Response[ReservationOut]:
    """Take a promise back. One that ended already is answered as it ended."""
    ask = asking.EndAsk(reservation_id, data.cause)
    return await act(request, "stock:write", asking.release, ask)


@post(
    "/stock/reservations/{reservation_id:str}/commit",
    status_code=200, responses=REFUSALS, operation_class=with_key(),
)  # fmt: skip
async def post_commit(
    request: Request[Any, Any, Any], reservation_id: FromPath[str], data: JSONBody[Ending]
) -> Response[ReservationOut]:
    """The goods went out to whom they were promised. One that ended already is answered as it ended."""
    ask = asking.EndAsk(reservation_id, data.cause)
    return await act(request, "stock:write", asking.commit, ask)


@put("/stock/import", responses=REFUSALS, request_max_body_size=2 * _IMPORT_MAX_BYTES)
async def put_import(
    request: Request[Any, Any, Any], whole: Annotated[bool, QueryParameter()] = False
) -> Response[Import]:
    """Counts (`qty`, `counted_ms`) and safety by store and sku: NDJSON, or CSV with a heading. At most 5,000 lines.

    Good lines hold; bad ones are named in the answer. With `whole` all lines hold or none (422). The same lines again
    change nothing.
    """
    form = form_of(request)
    body = b"".join([piece async for piece in chunks(request, _IMPORT_MAX_BYTES)])
    ask = bulk.ImportAsk(body, form, whole)
    try:
        return await act(request, "stock:adjust", bulk.import_lines, ask, sent=body)
    except NothingTakenError as nothing:
        return json_answer(nothing.found, 422)


@get("/stock/export", responses=REFUSALS)
async def get_export(
    request: Request[Any, Any, Any],
    store: _Store,
    form: FormatAsked = "ndjson",
    cursor: _Cursor = "",
    limit: Annotated[int, QueryParameter(ge=1, le=_EXPORT_MAX)] = _EXPORT_MAX,
) -> Response[bulk.Page]:
    """The levels of a store as `text`, CSV or NDJSON, in pages."""
    ask = bulk.PageAsk(store, cursor, limit, "csv" if form == "csv" else "ndjson")
    return await look(request, "stock:read", bulk.export_levels, ask)


ROUTES: Final = (
    *(get_stock, get_stores_stock, get_stores_of, put_safety, post_movement, get_movements, post_reservation),
    *(get_reservations, get_reservation, post_release, post_commit, put_import, get_export),
    *GOODS_ROUTES,
)
