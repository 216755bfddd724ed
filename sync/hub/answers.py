"""What handlers share: the hub behind a request, and answers as JSON."""

from typing import Any, Final

from litestar import Response
from litestar.connection import ASGIConnection

from sync.hub.service import Hub
from sync.wire import encode_json

__all__ = ["ANSWER_HEADERS", "hub_of", "json_answer"]


ANSWER_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def hub_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


def json_answer(message: Any, status: int = 200) -> Response[Any]:
    return Response(
        encode_json(message),
        status_code=status,
        media_type="application/json",
        headers=ANSWER_HEADERS,
    )
