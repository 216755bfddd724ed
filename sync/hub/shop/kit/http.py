"""Handlers of the channels' API: who calls, how often, one command in one transaction, its answer with its tag.

A handler says which scope it needs and which function does the work; all else is here. Writers may send `Idempotency-Key`
(a POST must), and `If-Match` where a resource has a version.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.engine import Connection

from sync.hub.answers import ANSWER_HEADERS, hub_of
from sync.hub.gate import Caller, caller_of
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.hub.shop.kit import actor as actors
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import KEY_MAX, Done, Keyed, Work, perform
from sync.wire import Problem, encode_json

if TYPE_CHECKING:
    from sync.hub.service import Hub

__all__ = [
    "BODY_MAX_BYTES",
    "REFUSALS",
    "SECRET_HEADER",
    "act",
    "actor_of",
    "bearer_of",
    "look",
    "problem_of",
    "secret_of",
]

BODY_MAX_BYTES: Final = 256 * 1024
SECRET_HEADER: Final = "x-tresen-secret"  # noqa: S105 - a header's name
_A = TypeVar("_A")
_T = TypeVar("_T")

_PROBLEM: Final = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
REFUSALS: Final = dict.fromkeys((400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503), _PROBLEM)


async def actor_of(request: Request[Any, Any, Any], scope: str) -> Actor:
    """Who calls, allowed `scope`. Raises ProblemError."""
    hub = hub_of(request)
    if hub.relay is not None:
        raise problem_of(RefusedError(421, "relay", "This is a store's relay", "the hub answers this"))
    actor = await _actor(request, hub)
    address = request.client.host if request.client is not None else ""
    who = f"{actor.name} {address}" if actor.is_public else actor.name
    if not hub.guests.admit(who, public=actor.is_public):
        raise ProblemError(429, "Too many requests", "wait a moment")
    try:
        actor.demand(scope)
    except RefusedError as refused:
        raise problem_of(refused) from refused
    return actor


async def bearer_of(connection: ASGIConnection[Any, Any, Any, Any], scope: str) -> Actor:
    """Who calls with a token, allowed `scope`. Raises ProblemError."""
    found = await _actor(connection, hub_of(connection))
    try:
        found.demand(scope)
    except RefusedError as refused:
        raise problem_of(refused) from refused
    return found


async def _actor(request: ASGIConnection[Any, Any, Any, Any], hub: "Hub") -> Actor:
    scheme, _, presented = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return _machine(caller_of(request))
    presented = presented.strip()
    known = hub.guests.known(presented)
    if known is None:
        known = await hub.database.read("", actors.find_token, presented)
        if known is None:
            raise ProblemError(401, "This token is not known, or no longer in use")
        hub.guests.remember(presented, known)
    if known.expires_ms and known.expires_ms <= hub.clock.wall_ms():
        raise ProblemError(401, "This token's time is over")
    return known


def _machine(caller: Caller) -> Actor:
    caller.demand_active()
    return Actor("till", f"{caller.store}/{caller.machine}", "till", caller.store)


def secret_of(request: Request[Any, Any, Any]) -> str:
    """The secret of a resource, by which a public caller reaches it."""
    return request.headers.get(SECRET_HEADER, "")


async def act(
    request: Request[Any, Any, Any],
    scope: str,
    function: Callable[[Work, _A], _T],
    ask: _A,
    *,
    lane: str = "",
    status: int = 200,
    tag: Callable[[_T], str] = lambda _: "",
    after: Callable[[], None] = lambda: None,
    sent: bytes | None = None,
) -> Response[Any]:
    """Run a command and answer with what it returned. `lane`: what should wait in one queue (a store's name).

    `after` is called once it is durable, also for an answer that is given again. `sent`: the body, where the handler has read it.
    """
    hub = hub_of(request)
    actor = await actor_of(request, scope)
    keyed = await _keyed(request, sent)
    try:
        done = await hub.database.run(lane, _perform, function, ask, hub, actor, keyed, status, tag)
    except RefusedError as refused:
        raise problem_of(refused) from refused
    after()
    hub.shop_moved()
    return _answer(done)


async def look(
    request: Request[Any, Any, Any],
    scope: str,
    function: Callable[[Work, _A], _T],
    ask: _A,
    *,
    lane: str = "",
    tag: Callable[[_T], str] = lambda _: "",
) -> Response[Any]:
    """Run a question that changes nothing. 304 where the caller holds this very version."""
    hub = hub_of(request)
    actor = await actor_of(request, scope)

    def read(connection: Connection) -> Done:
        answer = function(Work(connection, hub.clock.wall_ms(), hub.ids, actor), ask)
        return Done(encode_json(answer), 200, tag(answer))

    try:
        done = await hub.database.read(lane, read)
    except RefusedError as refused:
        raise problem_of(refused) from refused
    if done.tag and request.headers.get("if-none-match", "").strip() == done.tag:
        return Response(b"", status_code=304, headers={**ANSWER_HEADERS, "ETag": done.tag})
    return _answer(done)


def _perform(
    connection: Connection,
    function: Callable[[Work, Any], Any],
    ask: Any,
    hub: "Hub",
    actor: Actor,
    keyed: Keyed | None,
    status: int,
    tag: Callable[[Any], str],
) -> Done:
    return perform(
        connection, function, ask, now_ms=hub.clock.wall_ms(), ids=hub.ids, actor=actor, keyed=keyed,
        status=status, tag=tag,
    )  # fmt: skip


async def _keyed(request: Request[Any, Any, Any], sent: bytes | None) -> Keyed | None:
    if request.method == "GET":
        return None  # nothing to do once; and an answer may hold what must not be kept
    given = request.headers.get("idempotency-key")
    key = (given or "").strip()
    if given is None:
        if request.method == "POST":
            raise problem_of(RefusedError(400, "key-missing", "A POST needs an Idempotency-Key"))
        return None
    if not 0 < len(key) <= KEY_MAX or not all("!" <= letter <= "~" for letter in key):
        raise problem_of(
            RefusedError(400, "key", f"An Idempotency-Key has 1 to {KEY_MAX} printable characters")
        )
    body = await request.body() if sent is None else sent
    return Keyed.of(key, f"{request.method} {request.url.path}", body)


def _answer(done: Done) -> Response[bytes]:
    headers = dict(ANSWER_HEADERS)
    if done.tag:
        headers["ETag"] = done.tag
    if done.again:
        headers["Idempotent-Replayed"] = "true"
    return Response(done.body, status_code=done.status, media_type="application/json", headers=headers)


def problem_of(refused: RefusedError) -> ProblemError:
    """For handlers that do not go through `act` or `look`."""
    problem = Problem(refused.status, refused.title, refused.detail)
    return ProblemError.of(msgspec.structs.replace(problem, type=refused.type))
