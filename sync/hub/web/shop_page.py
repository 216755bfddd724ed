"""The shop page's files, and its settings with the token that everyone may see. Without settings there is no page."""

from functools import lru_cache
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from pos.resources import config_path
from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
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
    page = _page(request)
    return _answer(encode_json(page), "application/json")


@get(["/shop", "/shop/{name:str}"], include_in_schema=False)
async def get_file(request: Request[Any, Any, Any], name: FromPath[str] = "") -> Response[bytes]:
    """The page, its script, its style."""
    _page(request)
    wanted = request.headers.get("accept-language", "")
    if not hub_of(request).visitors.may_look(address_of(request)):
        return too_many("html", language_of(wanted, "de"), PAGE_RETRY_S)
    if name not in _FILES:
        raise ProblemError(404, "There is no such page")
    return _answer(_file(name or "index.html"), f"{_FILES[name]}; charset=utf-8")


def _page(request: Request[Any, Any, Any]) -> ShopPage:
    page = hub_of(request).shop_page
    if page is None:
        raise ProblemError(404, "There is no such page", "this hub shows no shop page")
    return page


@lru_cache(maxsize=8)
def _file(name: str) -> bytes:
    return (config_path() / "shop_page" / name).read_bytes()


def _answer(content: bytes, media_type: str) -> Response[bytes]:
    return Response(content, media_type=media_type, headers=HEADERS | _HEADERS)


ROUTES: Final = (get_settings, get_file)
