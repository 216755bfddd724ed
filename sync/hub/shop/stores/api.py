"""The API for stores."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.pages import PAGE_MAX, etag
from sync.hub.shop.stores import core
from sync.hub.shop.stores.messages import PutStore, Store, StoreList, StoreName

__all__ = ["ROUTES"]


@get("/stores", responses=REFUSALS)
async def get_stores(
    request: Request[Any, Any, Any],
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[StoreList]:
    """The stores that are open to customers, by name."""
    return await look(request, "stores:read", core.list_stores, core.ListStores(cursor, limit))


@get("/stores/{store:str}", responses=REFUSALS)
async def get_store(request: Request[Any, Any, Any], store: FromPath[str]) -> Response[Store]:
    """One store; its ETag is its version."""
    return await look(request, "stores:read", core.get_store, store, tag=lambda found: etag(found.version))


@put("/stores/{store:str}", responses=REFUSALS)
async def put_store(
    request: Request[Any, Any, Any],
    store: FromPath[StoreName],
    data: JSONBody[PutStore],
) -> Response[Store]:
    """Make or replace a store. With If-Match only if nobody changed it meanwhile."""
    ask = core.PutAsk(store, data, request.headers.get("if-match", ""))
    return await act(request, "stores:write", core.put_store, ask, tag=lambda put: etag(put.version))


ROUTES: Final = (get_stores, get_store, put_store)
