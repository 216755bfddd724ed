"""The API for parked carts that belong to the store: what waits, and who goes on with it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.params import FromPath

from sync.cart_messages import ARBITER, Claim, Claimed, ParkedAsk, ParkedList
from sync.hub import carts, enrolment
from sync.hub.answers import hub_of, json_answer
from sync.hub.body import read_json
from sync.hub.gate import caller_of
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.wire import Problem

if TYPE_CHECKING:
    from sync.hub.service import Hub

__all__ = ["CART_ROUTES"]

_MAX_BYTES: Final = 128 * 1024
_T = TypeVar("_T", ParkedAsk, Claim)
_PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
_REFUSALS = {400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 503: _PROBLEM}


def _body(name: str) -> RequestBody:
    schema = Reference(ref=f"#/components/schemas/{name}")
    return RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema=schema)})


@dataclass
class _ParkedOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("ParkedAsk")


@dataclass
class _ClaimOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("Claim")


@post(
    "/tills/{store:str}/{till:str}/parked",
    status_code=200,
    operation_class=_ParkedOperation,
    responses=_REFUSALS,
)
async def post_parked(
    request: Request[Any, Any, Any], store: FromPath[str], till: FromPath[str]
) -> Response[ParkedList]:
    """A till names the carts that it gave to the store, and hears which wait; held while the list is the one it knows."""
    hub, ask = await _asked(request, store, till, ParkedAsk)

    async def look() -> tuple[ParkedList, bool]:
        found, changed = await hub.database.run(store, carts.answer, ask, hub.clock.wall_ms())
        if changed:
            hub.cart_rings.ring(store)
        return found, found.version != ask.known

    return json_answer(await hub.cart_rings.until_other(store, ask.wait, look))


@post(
    "/tills/{store:str}/{till:str}/claims",
    status_code=200,
    operation_class=_ClaimOperation,
    responses=_REFUSALS,
)
async def post_claim(
    request: Request[Any, Any, Any], store: FromPath[str], till: FromPath[str]
) -> Response[Claimed]:
    """A till wants to go on with a parked cart: yes, with all that is in it, or no. The same `key` gets the same answer."""
    hub, ask = await _asked(request, store, till, Claim)
    answer = await hub.database.run(store, carts.claim, ask, hub.clock.wall_ms())
    if isinstance(answer, Problem):
        raise ProblemError.of(answer)
    hub.cart_rings.ring(store)
    return json_answer(answer)


CART_ROUTES: Final = (post_parked, post_claim)


async def _asked(request: Request[Any, Any, Any], store: str, till: str, kind: type[_T]) -> "tuple[Hub, _T]":
    """The message of a till of this store, at its arbiter. Raises ProblemError."""
    caller = caller_of(request)
    caller.demand_active()
    caller.demand_till(store, till)
    raw = await read_json(request, _MAX_BYTES)
    try:
        ask = msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"This is no {kind.__name__}", str(error)) from error
    if (store, till) != (ask.store, ask.till):
        raise ProblemError(400, "Address and message name different tills")
    hub = hub_of(request)
    relays = await hub.database.read(store, enrolment.relays_of, store, hub.clock.wall_ms())
    if hub.relay is None and relays:
        raise ProblemError.of(Problem(409, "The store's relay decides this", "ask the relay", type=ARBITER))
    return hub, ask
