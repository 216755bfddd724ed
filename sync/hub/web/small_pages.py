"""What the small programs in the browser share (shop page, staff page): their files, their policy, the brand over their colours."""

import re
from functools import lru_cache
from typing import Any, Final

from litestar import Request, Response

from pos.resources import config_path
from sync.hub.answers import hub_of
from sync.hub.brand import Brand, read_brand, style_of
from sync.hub.problems import ProblemError
from sync.hub.shop.brand.core import brand_now
from sync.hub.visitors import PAGE_RETRY_S
from sync.hub.web.answers import HEADERS, address_of, language_of, too_many

__all__ = ["answer", "brand_of", "file_of", "style_over"]

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def file_of(
    request: Request[Any, Any, Any], folder: str, files: dict[str, str], name: str, **headers: str
) -> Response[bytes]:
    """One of a page's `files` (name -> media type; the empty name is its index.html), to whoever does not ask too often."""
    wanted = request.headers.get("accept-language", "")
    if not hub_of(request).visitors.may_look(address_of(request)):
        return too_many("html", language_of(wanted, "de"), PAGE_RETRY_S)
    if name not in files:
        raise ProblemError(404, "There is no such page")
    return answer(_read(folder, name or "index.html"), files[name], **headers)


async def brand_of(request: Request[Any, Any, Any]) -> tuple[str, str, Brand]:
    """The shop's name where it is not the one that ships, the logo's address where there is one, and all of it."""
    hub = hub_of(request)
    brand = await hub.database.read("", brand_now, hub.brand)
    return brand.name if brand.name != read_brand().name else "", "/brand/logo" if brand.logo else "", brand


def style_over(brand: Brand) -> Response[bytes]:
    """The brand's colours over those of the page; none where the shop has none of its own."""
    return answer(b"" if style_of(brand) == style_of(read_brand()) else style_of(brand).encode(), "text/css")


def answer(content: bytes, media_type: str, **headers: str) -> Response[bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(content, media_type=media_type, headers=HEADERS | _HEADERS | named)


@lru_cache(maxsize=16)
def _read(folder: str, name: str) -> bytes:
    """As it is sent: without the blanks at the beginning of lines, which are for who reads the source."""
    return re.sub(rb"(?m)^ +", b"", (config_path() / folder / name).read_bytes())
