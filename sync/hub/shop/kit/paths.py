"""What a path names is held to its type: Litestar hands on any text."""

from functools import cache
from typing import Any, get_type_hints

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sync.hub.problems import ProblemError

__all__ = ["demand_path"]


async def demand_path(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: each part of the path is what its handler says (`FromPath[X]`). Raises ProblemError 400."""
    types = _types(handler.fn)
    for name, value in connection.path_params.items():
        try:
            msgspec.convert(value, types.get(name, str))
        except msgspec.ValidationError as error:
            raise ProblemError(400, "The path names something that cannot be", f"{name}: {error}") from error


@cache
def _types(function: Any) -> dict[str, Any]:
    """As declared; what Litestar keeps beside a type means nothing to msgspec."""
    return get_type_hints(function, include_extras=True)
