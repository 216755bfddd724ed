"""The staff page's files and the shop's brand. It is nobody's until a till's code makes it somebody's (sync.hub.shop.staff)."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.web.small_pages import answer, brand_of, file_of, style_over
from sync.wire import encode_json

__all__ = ["ROUTES"]

_FILES: Final = {
    "": "text/html",
    "staff.css": "text/css",
    **dict.fromkeys(("de.json", "en.json"), "application/json"),
    **dict.fromkeys(("desk.js", "pick.js", "tasks.js", "staff.js"), "text/javascript"),
}
_CAMERA: Final = "camera=(self), geolocation=(), microphone=()"


@get("/staff/settings.json", include_in_schema=False)
async def get_settings(request: Request[Any, Any, Any]) -> Response[bytes]:
    _demand_hub(request)
    name, logo, _ = await brand_of(request)
    return answer(encode_json({"name": name, "logo": logo}), "application/json")


@get("/staff/brand.css", include_in_schema=False)
async def get_style(request: Request[Any, Any, Any]) -> Response[bytes]:
    _demand_hub(request)
    return style_over((await brand_of(request))[2])


@get(["/staff", "/staff/{name:str}"], include_in_schema=False)
async def get_file(request: Request[Any, Any, Any], name: FromPath[str] = "") -> Response[bytes]:
    """The page, its scripts, its style. It alone may ask the browser for the camera."""
    _demand_hub(request)
    return file_of(request, "staff_page", _FILES, name, Permissions_Policy=_CAMERA)


def _demand_hub(request: Request[Any, Any, Any]) -> None:
    if hub_of(request).relay is not None:
        raise ProblemError(404, "There is no such page", "this is a store's relay; the hub has it")


ROUTES: Final = (get_settings, get_style, get_file)
