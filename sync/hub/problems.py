"""Every refusal of the hub is a problem document (RFC 9457) that says in a sentence what is wrong."""

import http
import logging
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sync.hub.vault import VaultError
from sync.wire import Fork, Gap, Problem, encode_json

__all__ = ["HANDLERS", "PROBLEM_JSON", "Document", "ProblemError"]

Document = Gap | Fork | Problem
PROBLEM_JSON: Final = "application/problem+json"
_RETRY_S: Final = 5

_log = logging.getLogger("tresen.hub")


class ProblemError(Exception):
    """Ends a request with a problem document. Gap and Fork are documents of their own kind.

    `retry_s`: when to come again, for 429 and 503.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", answer: Document | None = None, retry_s: int = 1
    ) -> None:
        super().__init__(title)
        self.status = status
        self.retry_s = retry_s
        self.document: Document = answer or Problem(status, title, detail)

    @classmethod
    def of(cls, answer: Document) -> "ProblemError":
        return cls(answer.status, answer.title, answer=answer)


def _respond(document: Document, **headers: str) -> Response[bytes]:
    return Response(
        encode_json(document),
        status_code=document.status,
        media_type=PROBLEM_JSON,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers},
    )


def _on_problem(_request: Request[Any, Any, Any], error: ProblemError) -> Response[bytes]:
    if error.status in {429, 503}:
        return _respond(error.document, **{"Retry-After": str(error.retry_s)})
    if error.status == 408:
        return _respond(error.document, Connection="close")
    return _respond(error.document)


def _on_http(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else ""
    allow = (error.headers or {}).get("Allow")
    return _respond(Problem(error.status_code, phrase, detail), **({"Allow": allow} if allow else {}))


def _on_database(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("the database failed: %s", error)
    return _respond(Problem(503, "The hub's database does not answer"), **{"Retry-After": str(_RETRY_S)})


def _on_data(_request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    return _respond(
        Problem(400, "A value is one that no table can hold", "text without NUL, numbers of 64 bits")
    )


def _on_vault(_request: Request[Any, Any, Any], error: VaultError) -> Response[bytes]:
    _log.error("%s", error)
    return _respond(
        Problem(503, "The hub's key file is missing, or another one", str(error)), **{"Retry-After": "60"}
    )


def _on_depth(_request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    return _respond(Problem(400, "The message is nested too deep"))


def _on_letters(_request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    return _respond(Problem(400, "The message is no UTF-8"))


def _on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("a fault in %s %s", request.method, request.route_handler.name or "", exc_info=error)
    return _respond(Problem(500, "A fault of the hub; its log says more"))


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    ProblemError: _on_problem,
    HTTPException: _on_http,
    DataError: _on_data,
    DBAPIError: _on_database,
    PoolTimeoutError: _on_database,
    VaultError: _on_vault,
    RecursionError: _on_depth,
    UnicodeDecodeError: _on_letters,
    Exception: _on_bug,
}
