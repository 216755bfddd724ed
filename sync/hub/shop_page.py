"""The shop page: a small shop in the browser that uses the public API and nothing else, to try the whole journey.

The page is static (config/shop_page); only `settings.json` is made here, with the token that everyone may see. Without
settings there is no page.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from sqlalchemy.engine import Connection

from pos.resources import config_path
from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.shop.kit.actor import find_token
from sync.hub.visitors import PAGE_RETRY_S
from sync.hub.web.answers import HEADERS, address_of, language_of, too_many
from sync.wire import encode_json

__all__ = ["ROUTES", "ShopPage", "ShopPageError", "demand_public", "read_shop_page"]

_FILES: Final = {"": "text/html", "shop.js": "text/javascript", "shop.css": "text/css"}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


class ShopPageError(Exception):
    """The settings of the shop page cannot be used; the text is one sentence."""


class ShopPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` is one of the role storefront; everyone sees it. `name` stands at the top.

    `payment_url`: where an order is paid, with {order} where its id stands; without it orders are paid at collection only.
    `payment_note` says what kind of payment that is. `note` is shown on every view.
    """

    token: str
    name: str = ""
    payment_url: str = ""
    payment_note: str = ""
    note: str = ""


def read_shop_page(path: Path) -> ShopPage:
    """The settings in a TOML file. Raises ShopPageError."""
    try:
        with path.open("rb") as file:
            found = msgspec.convert(tomllib.load(file), ShopPage)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ShopPageError(f"the settings of the shop page cannot be used: {error}") from error
    if found.payment_url and not found.payment_url.startswith(("https://", "http://")):
        raise ShopPageError("payment_url of the shop page is an address: https://...{order}")
    return found


def demand_public(connection: Connection, page: ShopPage) -> None:
    """The page's token is shown to everyone, so it may do what everyone may. Raises ShopPageError."""
    actor = find_token(connection, page.token)
    if actor is None:
        raise ShopPageError(
            "the shop page's token is not in use; make one: tresen hub token new shop --role storefront"
        )
    if not actor.is_public:
        raise ShopPageError(
            f"the shop page's token has the role {actor.role}; everyone sees it, so only storefront will do"
        )


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
