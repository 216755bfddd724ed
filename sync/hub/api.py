"""The hub's API, under /v1: tills say hello, hand facts up and take changes down."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.params import FromPath, QueryParameter

from sync.hub import changes, ledger
from sync.hub.answers import hub_of, json_answer
from sync.hub.body import read_json
from sync.hub.carts_api import CART_ROUTES
from sync.hub.catalogue_api import CATALOGUE_ROUTES
from sync.hub.gate import caller_of
from sync.hub.machine_api import MACHINE_ROUTES
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.wire import (
    BATCH_MAX_BYTES,
    REQUEST_MAX_BYTES,
    Ack,
    Feed,
    Fork,
    Gap,
    Health,
    Problem,
    Welcome,
    WireError,
    decode_batch,
    decode_hello,
)

__all__ = ["software_version", "till_api"]

HELLO_MAX_BYTES: Final = 64 * 1024
CHANGES_MAX: Final = 500
CURSORS_MAX: Final = 256
WAIT_MAX_S: Final = 60

_PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
_REFUSALS = {
    400: _PROBLEM,
    401: _PROBLEM,
    403: _PROBLEM,
    413: _PROBLEM,
    415: _PROBLEM,
    503: _PROBLEM,
}


def software_version() -> str:
    try:
        return version("tresen")
    except PackageNotFoundError:
        return "unknown"


def _body(*content: str, ref: str) -> RequestBody:
    schema = Reference(ref=f"#/components/schemas/{ref}")
    return RequestBody(required=True, content={kind: OpenAPIMediaType(schema=schema) for kind in content})


@dataclass
class _HelloOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("application/json", ref="Hello")


@dataclass
class _BatchOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("application/json", ref="Batch")


@put("/tills/{store:str}/{till:str}", operation_class=_HelloOperation, responses=_REFUSALS)
async def put_till(
    request: Request[Any, Any, Any], store: FromPath[str], till: FromPath[str]
) -> Response[Welcome]:
    """A till reports for service and hears where its facts stand."""
    try:
        message = decode_hello(await read_json(request, HELLO_MAX_BYTES))
    except WireError as error:
        raise ProblemError(400, "This is no Hello", str(error)) from error
    _demand_same(store, till, message.store, message.till)
    caller = caller_of(request)
    caller.demand_till(store, till)
    hub = hub_of(request)
    welcome = await hub.database.run(
        f"{store}/{till}",
        ledger.hello,
        message,
        b"" if hub.relay else hub.ids.token(ledger.LINK_KEY_BYTES),
        hub.public_url,
        hub.clock.wall_ms(),
        hub.intake,
        caller.key.key_id if caller.machine == till else "",
        remember=caller.role != "relay" or message.shop is not None,
    )
    return json_answer(hub.welcome(message, welcome))


@post(
    "/tills/{store:str}/{till:str}/facts",
    status_code=200,
    operation_class=_BatchOperation,
    request_max_body_size=2 * REQUEST_MAX_BYTES + 1024,
    responses={
        **_REFUSALS,
        409: ResponseSpec(Gap | Fork, generate_examples=False, media_type=PROBLEM_JSON),
    },
)
async def post_facts(
    request: Request[Any, Any, Any], store: FromPath[str], till: FromPath[str]
) -> Response[Ack]:
    """Take facts in (JSON, gzip welcome). The answer comes after they are durable."""
    raw = await read_json(request, REQUEST_MAX_BYTES)
    try:
        batch = decode_batch(raw)
    except WireError as error:
        raise ProblemError(400, "This is no batch of facts", str(error)) from error
    _demand_same(store, till, batch.store, batch.till)
    if len(raw) > BATCH_MAX_BYTES and len(batch.facts) > 1:
        raise ProblemError(
            413, "The batch is too large", f"at most {BATCH_MAX_BYTES} bytes, or one fact alone"
        )
    caller_of(request).demand_store(store)  # whoever brings facts: what counts is their seal
    hub = hub_of(request)
    answer = await hub.database.run(
        f"{store}/{till}",
        ledger.ingest,
        batch,
        hub.clock.wall_ms(),
        hub.intake,
    )
    if not isinstance(answer, Ack):
        raise ProblemError.of(answer)
    hub.facts_arrived(batch)
    return json_answer(hub.signed(answer))


@get("/changes", responses=_REFUSALS)
async def get_changes(
    request: Request[Any, Any, Any],
    cursor: Annotated[list[str] | None, QueryParameter()] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=CHANGES_MAX)] = CHANGES_MAX,
    wait: Annotated[int, QueryParameter(ge=0, le=WAIT_MAX_S)] = 0,
) -> Response[Feed]:
    """Changes behind each cursor (`scope@n.stamp` or `scope@0`), in order, without gaps.

    With nothing to tell, the answer is held for up to `wait` seconds.
    """
    hub = hub_of(request)
    caller = caller_of(request)
    caller.demand_active()
    cursors = [found for text in cursor or () if (found := changes.read_cursor(text)) is not None]
    if not 0 < len(cursors) == len(cursor or ()) <= CURSORS_MAX or len({c.scope for c in cursors}) < len(
        cursors
    ):
        raise ProblemError(
            400,
            "These are no cursors",
            f"1 to {CURSORS_MAX} of scope@n.stamp or scope@0, each scope once",
        )
    caller.demand_scopes([found.scope for found in cursors])
    return json_answer(await hub.feeds.read(cursors, limit, wait))


@get("/health", responses={403: _PROBLEM, 503: _PROBLEM})
async def get_health(request: Request[Any, Any, Any]) -> Response[Health]:
    """The hub lives and its database answers."""
    hub = hub_of(request)
    await hub.database.read("", ledger.link_key, "")
    return json_answer(Health("tresen hub", software_version(), hub.public_url))


def till_api() -> Router:
    return Router(
        "/v1",
        route_handlers=[
            put_till,
            post_facts,
            get_changes,
            *CATALOGUE_ROUTES,
            get_health,
            *MACHINE_ROUTES,
            *CART_ROUTES,
        ],
    )


def _demand_same(store: str, till: str, said_store: str, said_till: str) -> None:
    if (store, till) != (said_store, said_till):
        raise ProblemError(400, "Address and message name different tills")
