"""The API for customers in bulk."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, put
from litestar.params import QueryParameter
from litestar.response import Stream
from sqlalchemy.engine import Connection

from sync.hub.answers import hub_of, json_answer
from sync.hub.body import chunks
from sync.hub.problems import ProblemError
from sync.hub.shop.customers.bulk import CUSTOMERS, ImportAsk, export_page, import_lines
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.bulk import (
    WHOLE_MAX_LINES,
    BadLine,
    FormatAsked,
    Import,
    NothingTakenError,
    Read,
    Reader,
    read_stream,
)
from sync.hub.shop.kit.bulk_http import Page, form_of, stream
from sync.hub.shop.kit.http import REFUSALS, actor_of, problem_of
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work

__all__ = ["ROUTES"]

_MAX_BYTES: Final = 512 * 1024 * 1024
_LINE_MAX_BYTES: Final = 64 * 1024
_AT_ONCE: Final = 200
_ERRORS_MAX: Final = 100


@get("/customers/export", responses=REFUSALS)
async def get_all(request: Request[Any, Any, Any], form: FormatAsked = "ndjson") -> Stream:
    """All customers by id: profile, identifiers, consents; NDJSON or CSV, written while it is read.

    It is written down with each of them, before the data goes out. Points and purchases are not in it.
    """
    actor = await actor_of(request, "customers:export")
    hub = hub_of(request)

    def page(connection: Connection, after: str) -> Page:
        work = Work(connection, hub.clock.wall_ms(), hub.ids, actor)
        found = export_page(work, after)
        work.finish()
        return found

    async def read(after: str) -> Page:
        return await hub.database.run("", page, after)

    return await stream(form, CUSTOMERS, read, "customers")


@put("/customers/import", responses=REFUSALS, request_max_body_size=None)
async def put_all(
    request: Request[Any, Any, Any], whole: Annotated[bool, QueryParameter()] = False
) -> Response[Import]:
    """Customers as the export writes them: NDJSON, or CSV with a heading. Who has a `customer_id` keeps it.

    Who has none is found by an identifier, or new. Good lines hold, some hundreds in each commit; the first hundred bad
    ones are named in the answer. With `whole` all lines hold or none (422): at most 5,000. The same lines again change nothing.
    """
    actor = await actor_of(request, "customers:import")
    hub = hub_of(request)
    reader = Reader(form_of(request), CUSTOMERS, _LINE_MAX_BYTES)
    taken, errors = 0, list[BadLine]()
    pending: list[Read] = []

    async def store() -> None:
        nonlocal taken
        done = await hub.database.run("", _take, ImportAsk(list(pending), whole), hub, actor)
        taken += done.taken
        errors.extend(done.errors[: _ERRORS_MAX - len(errors)])
        pending.clear()

    try:
        async for one in read_stream(chunks(request, _MAX_BYTES), reader):
            pending.append(one)
            if whole and len(pending) > WHOLE_MAX_LINES:
                raise ProblemError(413, f"At most {WHOLE_MAX_LINES} lines at once, where all are to hold")
            if len(pending) == _AT_ONCE and not whole:
                await store()
        if pending:
            await store()
    except NothingTakenError as nothing:
        return json_answer(Import(0, nothing.found.errors[:_ERRORS_MAX]), 422)
    except RefusedError as error:
        raise problem_of(error) from error
    return json_answer(Import(taken, tuple(errors)))


def _take(connection: Connection, ask: ImportAsk, hub: Any, actor: Actor) -> Import:
    work = Work(connection, hub.clock.wall_ms(), hub.ids, actor)
    done = import_lines(work, ask)
    work.finish()
    return done


ROUTES: Final = (get_all, put_all)
