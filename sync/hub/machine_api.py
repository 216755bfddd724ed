"""The hub's API for machines as machines: enrol, change the key, ask for an epoch, learn who the relays are."""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.params import FromPath

from sync.hub import changes, enrolment, machine_feed
from sync.hub.answers import ANSWER_HEADERS, hub_of, json_answer
from sync.hub.body import read_json
from sync.hub.gate import caller_of
from sync.hub.problems import PROBLEM_JSON, ProblemError
from sync.line import Answer
from sync.wire import Enrol, Enrolled, EpochRequest, Grant, Problem, Relays, Rotated, Rotation, encode_json

__all__ = ["MACHINE_ROUTES"]

_SIGNATURE: Final = ("content-digest", "signature-input", "signature")
_MAX_BYTES: Final = 16 * 1024
_T = TypeVar("_T")

_PROBLEM = ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM_JSON)
_REFUSALS = {400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM, 409: _PROBLEM, 429: _PROBLEM, 503: _PROBLEM}


def _body(name: str) -> RequestBody:
    schema = Reference(ref=f"#/components/schemas/{name}")
    return RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema=schema)})


@dataclass
class _EnrolOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("Enrol")


@dataclass
class _RotationOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("Rotation")


@dataclass
class _EpochOperation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _body("EpochRequest")


@post("/enrolments", status_code=200, operation_class=_EnrolOperation, responses=_REFUSALS)
async def post_enrolment(request: Request[Any, Any, Any]) -> Response[Enrolled]:
    """A machine redeems a one-time code; not signed, as the code itself is the proof."""
    hub = hub_of(request)
    if not hub.enrolments.take():
        raise ProblemError(429, "Too many enrolments at once; try again in a minute", retry_s=60)
    if hub.relay is not None:
        return _as_it_came(await hub.relay.carry(request.url.path, await read_json(request, _MAX_BYTES)))
    message = await _read(request, Enrol)
    answer = await hub.database.run(
        "", machine_feed.redeem, message, hub.key, changes.new_stamp(hub.ids),
        name=hub.name, now_ms=hub.clock.wall_ms(),
    )  # fmt: skip
    if isinstance(answer, Problem):
        raise ProblemError.of(answer)
    hub.key_ring.forget()
    return json_answer(answer)


@post("/keys", status_code=200, operation_class=_RotationOperation, responses=_REFUSALS)
async def post_key(request: Request[Any, Any, Any]) -> Response[Rotated]:
    """A new key for the machine that asks; the old one holds for seven more days."""
    caller = caller_of(request)
    caller.demand_active()
    message = await _read(request, Rotation)
    hub = hub_of(request)
    if hub.relay is not None:
        raise ProblemError(409, "This is a relay", "keys are changed at the hub itself")
    answer = await hub.database.run(
        f"{caller.store}/{caller.machine}", machine_feed.rotate, caller.key, message,
        changes.new_stamp(hub.ids), hub.clock.wall_ms(),
    )  # fmt: skip
    if isinstance(answer, Problem):
        raise ProblemError.of(answer)
    hub.key_ring.forget()
    return json_answer(answer)


@post(
    "/tills/{store:str}/{till:str}/epochs",
    status_code=200,
    operation_class=_EpochOperation,
    responses=_REFUSALS,
)
async def post_epoch(
    request: Request[Any, Any, Any], store: FromPath[str], till: FromPath[str]
) -> Response[Grant]:
    """A till asks for an epoch; the same `request_id` again gives the same grant."""
    caller = caller_of(request)
    caller.demand_active()
    caller.demand_till(store, till)  # a relay may carry the wish; the till has signed it
    message = await _read(request, EpochRequest)
    if (store, till) != (message.store, message.till):
        raise ProblemError(400, "Address and message name different tills")
    hub = hub_of(request)
    if hub.relay is not None:
        return _as_it_came(await hub.relay.pass_on("POST", request.url.path, body=encode_json(message)))
    answer = await hub.database.run(
        f"{store}/{till}", machine_feed.answer_request, hub.key, message,
        changes.new_stamp(hub.ids), hub.clock.wall_ms(),
    )  # fmt: skip
    if isinstance(answer, Problem):
        raise ProblemError.of(answer)
    return json_answer(answer)


@get("/relays", responses=_REFUSALS)
async def get_relays(request: Request[Any, Any, Any]) -> Response[Relays]:
    """The relays of the caller's store, with their keys."""
    caller = caller_of(request)
    caller.demand_active()
    hub = hub_of(request)
    now_ms = hub.clock.wall_ms()
    return json_answer(Relays(await hub.database.read("", enrolment.relays_of, caller.store, now_ms)))


MACHINE_ROUTES: Final = (post_enrolment, post_key, post_epoch, get_relays)


def _as_it_came(answer: Answer | None) -> Response[Any]:
    """The hub's answer to what only it may grant; with its signature, where it signed for the one who asked."""
    if answer is None:
        raise ProblemError(503, "The hub cannot be reached", "only the hub may grant this; try again later")
    headers = dict(ANSWER_HEADERS)
    if "signature" in answer.headers and answer.unread:
        headers |= {name: answer.headers[name] for name in _SIGNATURE if name in answer.headers}
    return Response(
        answer.content,
        status_code=answer.status,
        media_type=answer.headers.get("content-type", "application/json"),
        headers=headers,
    )


async def _read(request: Request[Any, Any, Any], kind: type[_T]) -> _T:
    raw = await read_json(request, _MAX_BYTES)
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"This is no {kind.__name__}", str(error)) from error
