"""What people must do: pick, put back, count, look at a conflict. One for each cause, however often it is noted."""

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from sync.hub import tables as t
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = ["OPEN", "Task", "about", "add", "listing", "reopen", "restate", "settle", "withdraw"]

OPEN: Final = "open"
_WITHDRAWN: Final = "withdrawn"
_KEEP: Final = Inserting(t.task, keep=True, returning=("key",))


@prepared
def _open(store: Any, kind: Any, key: Any) -> Any:
    c = t.task.c
    return _select().where(c.store == store, c.kind == kind, c.key == key, c.state == OPEN)


@prepared
def _about(store: Any, kind: Any, subject: Any) -> Any:
    c = t.task.c
    return _select().where(c.store == store, c.kind == kind, c.subject == subject).order_by(c.key)


@prepared
def _restated(of_store: Any, of_kind: Any, of_key: Any, more: Any) -> Any:
    c = t.task.c
    mine = (c.store == of_store, c.kind == of_kind, c.key == of_key, c.data != more)
    return t.task.update().where(*mine).values(data=more, state=OPEN, done_ms=0, done_by="")


@prepared
def _reopened(of_store: Any, of_kind: Any, of_key: Any, more: Any, due: Any) -> Any:
    c = t.task.c
    mine = (c.store == of_store, c.kind == of_kind, c.key == of_key, c.state == _WITHDRAWN)
    return t.task.update().where(*mine).values(data=more, due_ms=due, state=OPEN, done_ms=0, done_by="")


@prepared
def _again(of_store: Any, of_kind: Any, of_key: Any) -> Any:
    c = t.task.c
    mine = (c.store == of_store, c.kind == of_kind, c.key == of_key, c.state == _WITHDRAWN)
    return t.task.update().where(*mine).values(state=OPEN, done_ms=0, done_by="")


@prepared
def _ended(of_store: Any, of_kind: Any, of_key: Any, end: Any, now_ms: Any, by: Any) -> Any:
    c = t.task.c
    mine = (c.store == of_store, c.kind == of_kind, c.key == of_key)
    return t.task.update().where(*mine).values(state=end, done_ms=now_ms, done_by=by)


class Task(msgspec.Struct, frozen=True):
    """`kind` like "put-back"; `key` tells tasks of a kind apart; `subject` is an order, a sku, a receipt.

    `state` is "open", "done" or "withdrawn" (its cause is gone). `data` is what its kind needs. `due_ms` 0: no matter when.
    """

    store: str
    kind: str
    key: str
    subject: str
    state: str
    created_ms: int
    due_ms: int
    done_ms: int
    done_by: str
    data: msgspec.Raw


def add(
    work: Work, store: str, kind: str, key: str, *, subject: str = "", data: object = None, due_ms: int = 0
) -> bool:
    """Note a task; what stands under this kind and key stays as it is, open or done. One whose cause was gone opens again.

    True: it is new, or open again.
    """
    row = {
        "store": store, "kind": kind, "key": key, "subject": subject, "state": OPEN, "created_ms": work.now_ms,
        "due_ms": due_ms, "done_ms": 0, "done_by": "", "data": encode_json(data),
    }  # fmt: skip
    said: dict[str, object] = {"kind": kind, "key": key, "subject": subject}
    if _KEEP.first(work.connection, row) is None:
        if not _reopened.run(work.connection, store, kind, key, row["data"], due_ms):
            return False
        said["again"] = True
    work.event(store, "task.created", f"{kind}/{key}", said)
    return True


def reopen(work: Work, store: str, kind: str, key: str) -> None:
    """The cause that was gone is there again, as it was said; nothing happens to a task that is open or done."""
    if _again.run(work.connection, store, kind, key):
        work.event(store, "task.created", f"{kind}/{key}", {"kind": kind, "key": key, "again": True})


def settle(work: Work, store: str, kind: str, key: str, by: str) -> Task:
    """A person did it. Raises RefusedError for one that is not there, or not open any more."""
    found = _find(work, store, kind, key)
    if found.state != OPEN:
        raise RefusedError(409, "task-done", "This task is not open any more", found.state)
    return _end(work, found, "done", by)


def restate(work: Work, store: str, kind: str, key: str, data: object) -> None:
    """Its cause is more than was said: a task that people had done with opens again. With the same data nothing happens."""
    if _restated.run(work.connection, store, kind, key, encode_json(data)):
        work.event(store, "task.created", f"{kind}/{key}", {"kind": kind, "key": key, "again": True})


def about(work: Work, store: str, kind: str, subject: str) -> list[Task]:
    """All of a kind that there ever were about it."""
    return [_task(row) for row in _about.all(work.connection, store, kind, subject)]


def withdraw(work: Work, store: str, kind: str, key: str) -> None:
    """Its cause is gone; nothing happens to one that is done, or that never was."""
    row = _open.first(work.connection, store, kind, key)
    if row is not None:
        _end(work, _task(row), _WITHDRAWN, "")


def listing(
    work: Work,
    store: str,
    *,
    kind: str = "",
    state: str = OPEN,
    after: tuple[int, str, str] | None = None,
    limit: int,
) -> list[Task]:
    """Oldest first."""
    c = t.task.c
    query = _select().where(c.store == store, c.state == state)
    if kind:
        query = query.where(c.kind == kind)
    if after is not None:
        query = query.where(sa.tuple_(c.created_ms, c.kind, c.key) > after)
    rows = work.execute(query.order_by(c.created_ms, c.kind, c.key).limit(limit))
    return [_task(row) for row in rows]


def _select() -> sa.Select[Any]:
    c = t.task.c
    return sa.select(
        c.store, c.kind, c.key, c.subject, c.state, c.created_ms, c.due_ms, c.done_ms, c.done_by, c.data
    )  # fmt: skip


def _task(row: Any) -> Task:
    """Of the columns that `_select` asks for."""
    return Task(
        row.store, row.kind, row.key, row.subject, row.state, row.created_ms, row.due_ms, row.done_ms, row.done_by,
        msgspec.Raw(bytes(row.data)),
    )  # fmt: skip


def _find(work: Work, store: str, kind: str, key: str) -> Task:
    c = t.task.c
    row = work.execute(
        _select().where(c.store == store, c.kind == kind, c.key == key).with_for_update()
    ).first()
    if row is None:
        raise not_found("task", f"{kind}/{key}")
    return _task(row)


def _end(work: Work, task: Task, state: str, by: str) -> Task:
    _ended.run(work.connection, task.store, task.kind, task.key, state, work.now_ms, by)
    work.event(task.store, f"task.{state}", f"{task.kind}/{task.key}", {"kind": task.kind, "key": task.key})
    return msgspec.structs.replace(task, state=state, done_ms=work.now_ms, done_by=by)
