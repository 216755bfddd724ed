"""Guards of what the office uses: its networks, or a token that may do it."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from sync.hub.answers import hub_of
from sync.hub.problems import ProblemError
from sync.hub.shop.kit.http import bearer_of

__all__ = ["office_or", "only_office"]


async def only_office(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """A guard: what the office uses is open to its networks alone. Async, or each request takes a thread."""
    hub = hub_of(connection)
    if connection.client is None or not hub.admits(connection.client.host):
        raise ProblemError(
            403, "This is closed to your address", "the hub's option --office-network opens it"
        )


def office_or(scope: str) -> Guard:
    """Who calls from the office's network, or from anywhere with a token that may do this."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.headers.get("authorization", "").lower().startswith("bearer "):
            await bearer_of(connection, scope)
        else:
            await only_office(connection, handler)

    return guard
