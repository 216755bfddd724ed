"""The API for the staff page's devices: a till's codes, and the sessions that phones and tablets open with them."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.params import JSONBody

from sync.hub.answers import hub_of, json_answer
from sync.hub.problems import ProblemError
from sync.hub.shop.kit.http import REFUSALS, act, problem_of
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.staff import core
from sync.hub.shop.staff.messages import Ended, EndOf, MakeCode, Pair, StaffCode, StaffSession
from sync.hub.visitors import network_of

__all__ = ["ROUTES"]


@post("/staff/codes", status_code=201, responses=REFUSALS, operation_class=with_key())
async def post_code(request: Request[Any, Any, Any], data: JSONBody[MakeCode]) -> Response[StaffCode]:
    """A till makes a code for whoever is signed in, by whom a phone or tablet becomes theirs (docs/staff-page.md)."""
    page = f"{hub_of(request).public_url}/staff/"

    def make(work: Work, ask: MakeCode) -> StaffCode:
        return msgspec.structs.replace(core.make_code(work, ask), url=page)

    return await act(request, "staff:write", make, data, status=201)


@post("/staff/sessions", status_code=201, responses=REFUSALS)
async def post_session(request: Request[Any, Any, Any], data: JSONBody[Pair]) -> Response[StaffSession]:
    """A device redeems a code. Not signed and without a token, as the code is the proof; no key either, as the device's secret is one."""
    hub = hub_of(request)
    if hub.relay is not None:
        raise problem_of(RefusedError(421, "relay", "This is a store's relay", "the hub answers this"))
    asks = f"staff {network_of(request.client.host if request.client is not None else '')}"
    if not hub.guests.may_guess(asks):
        raise ProblemError(429, "Too many codes were tried from here", "wait a minute")
    hub.guests.guessed(asks)
    found = await hub.database.run("", core.pair, data, hub.ids, hub.clock.wall_ms())
    if isinstance(found, RefusedError):
        raise problem_of(found)
    return json_answer(found, 201)


@post("/staff/sessions/end", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_session_end(request: Request[Any, Any, Any]) -> Response[Ended]:
    """The session that asks is over."""
    return await act(request, "staff:read", core.end_own, None)


@post("/staff/end", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_end(request: Request[Any, Any, Any], data: JSONBody[EndOf]) -> Response[Ended]:
    """All sessions of an operator of this till are over: somebody left, or lost a phone."""
    return await act(request, "staff:write", core.end_sessions, data)


ROUTES: Final = (post_code, post_session, post_session_end, post_end)
