"""The shop page's files, the shop's brand, and the settings with the token that everyone may see. Without settings there is no page."""

from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from pos.resources import config_path
from sync.hub.answers import hub_of
from sync.hub.brand import Brand, read_brand, style_of
from sync.hub.problems import ProblemError
from sync.hub.shop.brand.core import brand_now
from sync.hub.shop_page import ShopPage
from sync.hub.visitors import PAGE_RETRY_S
from sync.hub.web.answers import HEADERS, address_of, language_of, too_many
from sync.wire import encode_json

__all__ = ["ROUTES"]

_FILES: Final = {"": "text/html", "shop.js": "text/javascript", "shop.css": "text/css"}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


@get("/shop/settings.json", include_in_schema=False)
async def get_settings(request: Request[Any, Any, Any]) -> Response[bytes]:
    page, brand = _page(request), await _brand(request)
    named = brand.name if brand.name != read_brand().name else ""
    logo = "/brand/logo" if brand.logo else ""
    about = msgspec.structs.asdict(page) | {"name": page.name or named, "logo": logo}
    return _answer(encode_json(about), "application/json")


@get("/shop/brand.css", include_in_schema=False)
async def get_style(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The brand's colours over those of the page; none where the shop has none of its own."""
    _page(request)
    style = style_of(await _brand(request))
    return _answer(b"" if style == style_of(read_brand()) else style.encode(), "text/css")


@get(["/shop", "/shop/{name:str}"], include_in_schema=False)
async def get_file(request: Request[Any, Any, Any], name: FromPath[str] = "") -> Response[bytes]:
    """The page, its script, its style."""
    _page(request)
    wanted = request.headers.get("accept-language", "")
    if not hub_of(request).visitors.may_look(address_of(request)):
        return too_many("html", language_of(wanted, "de"), PAGE_RETRY_S)
    if name not in _FILES:
        raise ProblemError(404, "There is no such page")
    return _answer(_file(name or "index.html"), _FILES[name])


def _page(request: Request[Any, Any, Any]) -> ShopPage:
    page = hub_of(request).shop_page
    if page is None:
        raise ProblemError(404, "There is no such page", "this hub shows no shop page")
    return page


async def _brand(request: Request[Any, Any, Any]) -> Brand:
    hub = hub_of(request)
    return await hub.database.read("", brand_now, hub.brand)


@lru_cache(maxsize=8)
def _file(name: str) -> bytes:
    return (config_path() / "shop_page" / name).read_bytes()


def _answer(content: bytes, media_type: str) -> Response[bytes]:
    return Response(content, media_type=media_type, headers=HEADERS | _HEADERS)


ROUTES: Final = (get_settings, get_style, get_file)
