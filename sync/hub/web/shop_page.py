"""The shop page's files, the shop's brand, and the settings with the token that everyone may see. Without settings there is no page."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.shop_page import ShopPage
from sync.hub.web.small_pages import answer, brand_of, file_of, style_over
from sync.wire import encode_json

__all__ = ["ROUTES"]

_FILES: Final = {"": "text/html", "shop.js": "text/javascript", "shop.css": "text/css"}


@get("/shop/settings.json", include_in_schema=False)
async def get_settings(request: Request[Any, Any, Any]) -> Response[bytes]:
    page, (name, logo, _) = _page(request), await brand_of(request)
    about = msgspec.structs.asdict(page) | {"name": page.name or name, "logo": logo}
    return answer(encode_json(about), "application/json")


@get("/shop/brand.css", include_in_schema=False)
async def get_style(request: Request[Any, Any, Any]) -> Response[bytes]:
    _page(request)
    return style_over((await brand_of(request))[2])


@get(["/shop", "/shop/{name:str}"], include_in_schema=False)
async def get_file(request: Request[Any, Any, Any], name: FromPath[str] = "") -> Response[bytes]:
    """The page, its script, its style."""
    _page(request)
    return file_of(request, "shop_page", _FILES, name)


def _page(request: Request[Any, Any, Any]) -> ShopPage:
    page = hub_of(request).shop_page
    if page is None:
        raise ProblemError(404, "There is no such page", "this hub shows no shop page")
    return page


ROUTES: Final = (get_settings, get_style, get_file)
