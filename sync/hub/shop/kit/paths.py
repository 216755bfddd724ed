"""What a path names is held to its type: Litestar hands on any text."""

from functools import cache
from typing import Any, Final, get_type_hints

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sync.hub.problems import ProblemError

__all__ = ["demand_path"]


_QUERY_MAX: Final = 16 * 1024


async def demand_path(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: each part of the path is what its handler says (`FromPath[X]`), the query is text of no great length, and a
    message is sent as JSON. Raises ProblemError 400, 415.
    """
    types = _types(handler.fn)
    for name, value in connection.path_params.items():
        try:
            msgspec.convert(value, types.get(name, str))
        except msgspec.ValidationError as error:
            raise ProblemError(400, "The path names something that cannot be", f"{name}: {error}") from error
    if len(connection.scope["query_string"]) > _QUERY_MAX:
        raise ProblemError(400, "The query is too long", f"at most {_QUERY_MAX} bytes")
    if any("\0" in value for _, value in connection.query_params.multi_items()):
        raise ProblemError(400, "The query holds a NUL character")
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "data" in types and kind not in {"", "application/json"}:
        raise ProblemError(415, "The content type must be application/json", kind[:64])


@cache
def _types(function: Any) -> dict[str, Any]:
    """As declared; what Litestar keeps beside a type means nothing to msgspec."""
    return get_type_hints(function, include_extras=True)
