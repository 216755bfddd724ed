"""The hub's API, under /v1: tills say hello, hand facts up and take changes down; the office brings articles in."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

from litestar import MediaType, Request, Response, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.params import FromPath, QueryParameter
from litestar.types import Guard

from sync.hub import articles, changes, ledger, promotions
from sync.hub.answers import hub_of, json_answer
from sync.hub.body import lines, read_json
from sync.hub.carts_api import CART_ROUTES
from sync.hub.gate import caller_of
from sync.hub.machine_api import MACHINE_ROUTES
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.hub.shop.kit.http import bearer_of
from sync.wire import (
    BATCH_MAX_BYTES,
    REQUEST_MAX_BYTES,
    Ack,
    Brought,
    Feed,
    Fork,
    Gap,
    Health,
    Problem,
    RefusedRecord,
    Welcome,
    WireError,
    decode_batch,
    decode_hello,
)

__all__ = ["only_office", "software_version", "till_api"]

HELLO_MAX_BYTES: Final = 64 * 1024
CATALOGUE_MAX_BYTES: Final = 512 * 1024 * 1024
CHANGES_MAX: Final = 500
CURSORS_MAX: Final = 256
WAIT_MAX_S: Final = 60
_RECORDS_AT_ONCE: Final = 500
_ERRORS_MAX: Final = 100

_PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
_REFUSALS = {
    400: _PROBLEM,
    401: _PROBLEM,
    403: _PROBLEM,
    413: _PROBLEM,
    415: _PROBLEM,
    503: _PROBLEM,
}


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


@dataclass
class _ArticlesOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("application/x-ndjson", ref="ArticleLine")


class _PromotionsOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("application/x-ndjson", ref="PromotionLine")


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


@put(
    "/catalogue/articles",
    operation_class=_ArticlesOperation,
    request_max_body_size=None,
    responses={**_REFUSALS, 422: ResponseSpec(Brought, generate_examples=False, media_type=MediaType.JSON)},
    guards=[office_or("catalogue:write")],
)
async def put_articles(request: Request[Any, Any, Any]) -> Response[Brought]:
    """Insert or replace articles, one JSON object with a `sku` a line; unchanged ones make no change.

    Records that no till could read are left out and named in the answer, which is 422 then; all others are taken,
    in order, some hundreds in each commit. After any other error, send all of it again.
    """
    return await _bring(
        request, articles.read_article, articles.put_articles, articles.RECORD_MAX_BYTES, one_by_one=True
    )


@put(
    "/catalogue/promotions",
    operation_class=_PromotionsOperation,
    request_max_body_size=None,
    responses=_REFUSALS,
    guards=[office_or("promotions:write")],
)
async def put_promotions(request: Request[Any, Any, Any]) -> Response[Brought]:
    """Insert or replace promotions, one JSON object with an `id` a line; unchanged ones make no change.

    The first row that no till could read ends the request with all that is wrong with it. One is ended by sending it
    with `active` false.
    """
    return await _bring(
        request, promotions.read_promotion, promotions.put_promotions, promotions.RECORD_MAX_BYTES
    )


async def _bring(
    request: Request[Any, Any, Any],
    read: Callable[[bytes], Any],
    put_records: Callable[..., int],
    record_max_bytes: int,
    *,
    one_by_one: bool = False,
) -> Response[Brought]:
    """Take the lines of a body in order, some hundreds in each commit. `one_by_one`: a bad one holds up no other."""
    hub = hub_of(request)
    if hub.relay is not None:
        raise ProblemError(409, "This is a relay", "this is brought to the hub, and comes down from there")
    records = changed = refused = 0
    errors: list[RefusedRecord] = []
    pending: list[Any] = []

    async def store() -> None:
        nonlocal changed
        changed += await hub.database.run(
            "", put_records, list(pending), changes.new_stamp(hub.ids), hub.clock.wall_ms()
        )
        pending.clear()

    async for line in lines(request, CATALOGUE_MAX_BYTES, record_max_bytes):
        records += 1
        try:
            pending.append(read(line))
        except articles.RecordError as error:
            if not one_by_one:
                raise ProblemError(400, f"Record {records} cannot be taken", str(error)) from error
            refused += 1
            if len(errors) < _ERRORS_MAX:
                errors.append(RefusedRecord(records, str(error)))
        if len(pending) >= _RECORDS_AT_ONCE:
            await store()
    if pending:
        await store()
    return json_answer(Brought(records, changed, refused, tuple(errors)), 422 if refused else 200)


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
            put_articles,
            put_promotions,
            get_health,
            *MACHINE_ROUTES,
            *CART_ROUTES,
        ],
    )


def _demand_same(store: str, till: str, said_store: str, said_till: str) -> None:
    if (store, till) != (said_store, said_till):
        raise ProblemError(400, "Address and message name different tills")
