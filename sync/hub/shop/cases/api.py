"""The API for cases and the survey: for the store's people and its tills."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from sync.hub.answers import hub_of
from sync.hub.shop.cases import core, survey
from sync.hub.shop.cases.messages import Answer, Case, CaseBrief, CaseList, Survey
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX, etag
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stores.messages import StoreName

__all__ = ["ROUTES"]

_Request = Request[Any, Any, Any]
_Ms = Annotated[int, QueryParameter(ge=0, le=9_000_000_000_000)]
_KEYED: Final[dict[str, Any]] = {"status_code": 200, "responses": REFUSALS, "operation_class": with_key()}
_ONE: Final = "/cases/{store:str}/{case_id:str}"


def _tag(found: Case) -> str:
    return etag(found.brief.version)


@get("/cases", responses=REFUSALS)
async def get_cases(
    request: _Request,
    store: Annotated[str, QueryParameter(min_length=1, max_length=32)],
    case_state: Annotated[str, QueryParameter(name="state", pattern="^(|open|answered|closed)$")] = "",
    about: Annotated[str, QueryParameter(max_length=64)] = "",
    receipt: Annotated[str, QueryParameter(max_length=80)] = "",
    number: Annotated[int, QueryParameter(ge=0, le=1_000_000_000_000)] = 0,
    cursor: Annotated[str, QueryParameter(max_length=512)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = 50,
) -> Response[CaseList]:
    """A store's cases, newest first. `about`: of one receipt (till-epoch-number) or order; `receipt`: of the one with this link."""
    ask = core.ListCases(store, case_state, about, number, cursor, limit, receipt)
    return await look(request, "cases:read", core.listing, ask)


@get(_ONE, responses=REFUSALS)
async def get_case(request: _Request, store: FromPath[str], case_id: FromPath[str]) -> Response[Case]:
    """One case with all that was said; its ETag is its version."""
    return await look(request, "cases:read", core.get, core.Named(store, case_id), tag=_tag)


@post(f"{_ONE}/answers", **_KEYED)
async def post_answer(
    request: _Request, store: FromPath[StoreName], case_id: FromPath[str], data: JSONBody[Answer]
) -> Response[CaseBrief]:
    """Answer the customer; where there is an address, a mail goes out. The answer to this names nobody: it is kept by its key."""
    ask = core.AnswerAsk(core.Named(store, case_id), data, hub_of(request).public_url)

    def run(work: Work, about: core.AnswerAsk) -> CaseBrief:
        return core.answer(work, about).brief

    return await act(request, "cases:write", run, ask)


@post(f"{_ONE}/close", **_KEYED)
async def post_close(
    request: _Request, store: FromPath[StoreName], case_id: FromPath[str]
) -> Response[CaseBrief]:
    """Nothing more is to be done."""

    def run(work: Work, named: core.Named) -> CaseBrief:
        return core.close(work, named).brief

    return await act(request, "cases:write", run, core.Named(store, case_id))


@post(f"{_ONE}/erase", **_KEYED)
async def post_erase(
    request: _Request, store: FromPath[StoreName], case_id: FromPath[str]
) -> Response[CaseBrief]:
    """Destroy the case's key: what was written can be read by nobody afterwards."""

    def run(work: Work, named: core.Named) -> CaseBrief:
        return core.erase(work, named).brief

    return await act(request, "cases:write", run, core.Named(store, case_id))


@get("/surveys", responses=REFUSALS)
async def get_survey(
    request: _Request,
    store: Annotated[str, QueryParameter(min_length=1, max_length=32)],
    from_ms: _Ms = 0,
    to_ms: _Ms = 0,
) -> Response[Survey]:
    """Answers to the one question on receipts, counted, with the newest sentences."""
    return await look(request, "surveys:read", survey.counted, survey.SurveyAsk(store, from_ms, to_ms))


ROUTES: Final = (get_cases, get_case, post_answer, post_close, post_erase, get_survey)
