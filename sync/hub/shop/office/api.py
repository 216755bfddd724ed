"""The API for tasks and events."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.http import REFUSALS, act, look
from sync.hub.shop.kit.openapi import with_key
from sync.hub.shop.kit.pages import PAGE_MAX, after, cursor_of
from sync.hub.shop.kit.tasks import Task
from sync.hub.shop.kit.work import Event, Work, read_events
from sync.hub.shop.orders.giving_back import must_be_free

__all__ = ["ROUTES"]

_Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
_Cursor = Annotated[str, QueryParameter(max_length=512)]


class TaskPage(Struct, frozen=True):
    tasks: tuple[Task, ...]
    next: str


class TaskName(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    key: Annotated[str, Meta(min_length=1, max_length=200)]


class EventPage(Struct, frozen=True):
    """`next` is the cursor to go on with, also when there is nothing new yet."""

    events: tuple[Event, ...]
    next: str


class _Tasks(Struct, frozen=True):
    store: str
    kind: str
    state: str
    cursor: str
    limit: int


class _Settle(Struct, frozen=True):
    store: str
    kind: str
    key: str


class _Events(Struct, frozen=True):
    store: str
    cursor: str
    limit: int


def _list(work: Work, ask: _Tasks) -> TaskPage:
    work.actor.demand_store(ask.store)
    place = after(ask.cursor, int, str, str)
    found = tasks.listing(work, ask.store, kind=ask.kind, state=ask.state, after=place, limit=ask.limit + 1)
    last = found[ask.limit - 1] if len(found) > ask.limit else None
    return TaskPage(
        tuple(found[: ask.limit]), cursor_of(last.created_ms, last.kind, last.key) if last else ""
    )


def _settle(work: Work, ask: _Settle) -> Task:
    work.actor.demand_store(ask.store)
    must_be_free(work, ask.kind, ask.key)
    return tasks.settle(work, ask.store, ask.kind, ask.key, work.actor.name)


def _events(work: Work, ask: _Events) -> EventPage:
    work.actor.demand_store(ask.store)
    place = after(ask.cursor, int)
    found = read_events(work.connection, ask.store, place[0] if place else 0, ask.limit)
    last = found[-1].n if found else (place[0] if place else 0)
    return EventPage(tuple(found), cursor_of(last))


@get("/stores/{store:str}/tasks", responses=REFUSALS)
async def get_tasks(
    request: Request[Any, Any, Any],
    store: FromPath[str],
    kind: Annotated[str, QueryParameter(max_length=64)] = "",
    task_state: Annotated[str, QueryParameter(name="state", pattern="^(open|done|withdrawn)$")] = "open",
    cursor: _Cursor = "",
    limit: _Limit = 50,
) -> Response[TaskPage]:
    """What people of a store must do, oldest first."""
    return await look(request, "tasks:read", _list, _Tasks(store, kind, task_state, cursor, limit))


@post(
    "/stores/{store:str}/tasks/{kind:str}/{key:str}/done",
    status_code=200, responses=REFUSALS, operation_class=with_key(),
)  # fmt: skip
async def post_done(
    request: Request[Any, Any, Any], store: FromPath[str], kind: FromPath[str], key: FromPath[str]
) -> Response[Task]:
    """A person has done it."""
    return await act(request, "tasks:write", _settle, _Settle(store, kind, key), lane=store)


@post("/stores/{store:str}/tasks/done", status_code=200, responses=REFUSALS, operation_class=with_key())
async def post_settled(
    request: Request[Any, Any, Any], store: FromPath[str], data: JSONBody[TaskName]
) -> Response[Task]:
    """The same, with the task's name in the body: keys may hold what no path does."""
    return await act(request, "tasks:write", _settle, _Settle(store, data.kind, data.key), lane=store)


@get("/stores/{store:str}/events", responses=REFUSALS)
async def get_events(
    request: Request[Any, Any, Any], store: FromPath[str], cursor: _Cursor = "", limit: _Limit = 50
) -> Response[EventPage]:
    """What happened in a store, in order and without gaps, behind a cursor."""
    return await look(request, "events:read", _events, _Events(store, cursor, limit))


ROUTES: Final = (get_tasks, post_done, post_settled, get_events)
