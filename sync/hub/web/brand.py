"""The brand's logo, from the hub itself, so that a page asks nobody else for it."""

from typing import Any, Final

from litestar import Request, Response, get

from sync.hub.answers import hub_of
from sync.hub.brand import logo_of
from sync.hub.shop.brand.core import brand_now
from sync.hub.visitors import PAGE_RETRY_S
from sync.hub.web.answers import address_of, respond, too_many

__all__ = ["ROUTES"]

_WEEK: Final = {"Cache-Control": "public, max-age=604800", "Vary": "Accept-Encoding"}


@get("/brand/logo", include_in_schema=False)
async def get_logo(request: Request[Any, Any, Any]) -> Response[bytes]:
    hub = hub_of(request)
    if not hub.visitors.may_look(address_of(request)):
        return too_many("txt", "de", PAGE_RETRY_S)
    found = logo_of((await hub.database.read("", brand_now, hub.brand)).logo)
    if found is None:
        return respond(b"", "text/plain", 404)
    return respond(found[1], found[0], 200, _WEEK)


ROUTES: Final = (get_logo,)
