"""What became of messages, for the shop's people: nobody's address and nothing of what was said. A failed one goes out again."""

from typing import Annotated, Any, Final

import sqlalchemy as sa
from msgspec import Meta, Struct

from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import seals_of
from sync.hub.shop.letters.tables import message as t

__all__ = ["AskLetters", "LetterList", "LetterName", "LetterState", "letters_to", "listing", "send_again"]

AGAIN_MS: Final = 48 * 3_600_000
_FAILED: Final = ("refused", "given_up")
_WISHED: Final = ("erased", "consent", "withdrawn")
_SHOWN: Final = (
    "store", "key", "kind", "purpose", "channel", "language", "customer", "state", "reason", "answer", "attempts",
    "created_ms", "next_ms", "settled_ms",
)  # fmt: skip


class LetterState(Struct, frozen=True):
    """A message: `state` is "waiting", "sending", "sent", "refused" or "given_up"; `reason` and the server's `answer` say why.

    `key` begins with what it tells of: "order/ID/..." or "case/...". `attempts` since it was written or sent again.
    `can_again`: it failed and may be sent again.
    """

    store: str
    key: str
    kind: str
    purpose: str
    channel: str
    language: str
    customer: str
    state: str
    reason: str
    answer: str
    attempts: int
    created_ms: int
    next_ms: int
    settled_ms: int
    can_again: bool


class LetterList(Struct, frozen=True):
    """Newest first; `next` is the next page's cursor, empty at the end."""

    messages: tuple[LetterState, ...]
    next: str


class LetterName(Struct, frozen=True, forbid_unknown_fields=True):
    """One message. `store` is empty for those that concern none."""

    key: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*\Z")]
    store: Annotated[str, Meta(max_length=32, pattern=r"^[^\x00]*\Z")] = ""


class AskLetters(Struct, frozen=True):
    """Each that is not empty narrows it down. `subject` is how keys begin: "order/ID", "case/ID"."""

    store: str
    customer: str
    subject: str
    state: str
    cursor: str
    limit: int


def listing(work: Work, ask: AskLetters) -> LetterList:
    query = sa.select(*(t.c[name] for name in _SHOWN), t.c.until_ms, (t.c.sealed != b"").label("held"))
    store = ask.store or work.actor.store
    if store:
        work.actor.demand_store(store)
        query = query.where(t.c.store == store)
    if ask.customer:
        query = query.where(t.c.customer == ask.customer)
    if ask.subject:
        begins = t.c.key.startswith(ask.subject.rstrip("/") + "/", autoescape=True)
        query = query.where((t.c.key == ask.subject) | begins)
    if ask.state:
        query = query.where(t.c.state == ask.state)
    place = after(ask.cursor, int, str, str)
    if place is not None:
        query = query.where(sa.tuple_(t.c.created_ms, t.c.store, t.c.key) < place)
    order = (t.c.created_ms.desc(), t.c.store.desc(), t.c.key.desc())
    rows = work.execute(query.order_by(*order).limit(ask.limit + 1)).all()
    last = rows[ask.limit - 1] if len(rows) > ask.limit else None
    return LetterList(
        tuple(_shown(row, work.now_ms) for row in rows[: ask.limit]),
        cursor_of(last.created_ms, last.store, last.key) if last else "",
    )


def letters_to(work: Work, customers: tuple[str, ...], address: str) -> tuple[LetterState, ...]:
    """All that were written to customers, or to an address as long as it is kept; oldest first."""
    marks = [seals_of(work.connection, work.ids).mark(address)] if address else []
    whose = t.c.customer.in_(customers) | t.c.address_mark.in_(marks)
    columns = (*(t.c[name] for name in _SHOWN), t.c.until_ms, (t.c.sealed != b"").label("held"))
    rows = work.execute(sa.select(*columns).where(whose).order_by(t.c.created_ms, t.c.store, t.c.key))
    return tuple(_shown(row, work.now_ms) for row in rows)


def send_again(work: Work, ask: LetterName) -> LetterState:
    """Raises RefusedError 409 for one that did not fail, must not be sent, has lost its content or is too late."""
    work.actor.demand_store(ask.store)
    mine = (t.c.store == ask.store, t.c.key == ask.key)
    query = sa.select(t, (t.c.sealed != b"").label("held")).where(*mine)
    row = work.execute(query.with_for_update()).first()
    if row is None:
        raise not_found("message", ask.key)
    if row.state not in _FAILED:
        raise RefusedError(409, "not-failed", "This message did not fail", row.state)
    if row.reason in _WISHED:
        raise RefusedError(409, "not-wished", "This message must not be sent", row.reason)
    if not row.held:
        raise RefusedError(409, "erased", "Address and content of this message are gone")
    if _is_late(row, work.now_ms):
        raise RefusedError(409, "late", "What this message says does not hold any more")
    work.execute(
        t.update()
        .where(*mine)
        .values(
            state="waiting", reason="", answer="", attempts=0, unknowns=0, next_ms=work.now_ms, settled_ms=0,
            until_ms=row.until_ms if row.until_ms > work.now_ms else work.now_ms + AGAIN_MS,
        )
    )  # fmt: skip
    if ask.store:
        tasks.withdraw(work, ask.store, "message-failed", ask.key)
        work.event(ask.store, "message.again", ask.key, {"kind": row.kind, "by": work.actor.name})
    return _shown(work.execute(query).one(), work.now_ms)


def _is_late(row: Any, now_ms: int) -> bool:
    """Its own end, as its writer gave it, is over; one that was sent again before has an end by that."""
    return bool(0 < row.until_ms <= now_ms)


def _shown(row: Any, now_ms: int) -> LetterState:
    failed = row.state in _FAILED and row.reason not in _WISHED
    said = {name: getattr(row, name) for name in _SHOWN}
    return LetterState(**said, can_again=bool(failed and row.held and not _is_late(row, now_ms)))
