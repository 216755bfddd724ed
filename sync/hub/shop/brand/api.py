"""The API for the brand."""

from typing import Any, Final

from litestar import Request, Response, get, put
from litestar.params import JSONBody

from sync.hub.answers import hub_of
from sync.hub.shop.brand import core
from sync.hub.shop.brand.core import BrandShown
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.pages import etag

__all__ = ["ROUTES"]


@get("/brand", responses=REFUSALS)
async def get_brand(request: Request[Any, Any, Any]) -> Response[BrandShown]:
    """Name, logo, colours, address and whom to ask, as customers see them."""
    return await look(
        request, "stores:read", core.get_brand, hub_of(request).brand, tag=lambda found: etag(found.version)
    )


@put("/brand", responses=REFUSALS)
async def put_brand(
    request: Request[Any, Any, Any], data: JSONBody[dict[str, str | list[str]]]
) -> Response[BrandShown]:
    """The brand as it shall be; what is left out is as it ships. Refused where text could not be read on its ground."""
    ask = core.PutAsk(dict(data), request.headers.get("if-match", ""))
    return await act(request, "stores:write", core.put_brand, ask, tag=lambda found: etag(found.version))


ROUTES: Final = (get_brand, put_brand)
