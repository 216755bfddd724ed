"""The survey: one question, one answer a receipt, counted."""

from typing import Final

import sqlalchemy as sa
from msgspec import Struct

from sync.hub.database import upsert
from sync.hub.shop.cases.messages import Comment, Survey, SurveyAnswer
from sync.hub.shop.cases.tables import survey_answer as t
from sync.hub.shop.customers.keys import seal_for, unseal_for
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work

__all__ = ["SurveyAsk", "counted", "is_answered", "put_answer"]

_COMMENTS: Final = 50
_PROMOTERS, _PASSIVES = 9, 7


class SurveyAsk(Struct, frozen=True):
    """From and to in ms of Unix time, the end not included; `to_ms` 0: until now."""

    store: str
    from_ms: int = 0
    to_ms: int = 0


def put_answer(work: Work, ask: SurveyAnswer) -> None:
    """Raises RefusedError 409 "survey" where this receipt has another answer; the same one again is a form sent twice."""
    if not 0 <= ask.score <= 10:
        raise RefusedError(400, "form", "A score is 0 to 10", str(ask.score))
    who = _subject(ask.store, ask.subject)
    row = {
        "store": ask.store, "subject": ask.subject, "at_ms": work.now_ms, "score": ask.score,
        "sealed": seal_for(work, who, ask.text.encode()) if ask.text else b"",
    }  # fmt: skip
    made = work.execute(
        upsert(work.connection, t).values(row).on_conflict_do_nothing().returning(t.c.subject)
    ).first()
    if made is not None:
        work.event(ask.store, "survey.answered", ask.subject, {"score": ask.score})
        return
    known = work.execute(
        sa.select(t.c.score).where(t.c.store == ask.store, t.c.subject == ask.subject)
    ).scalar_one()
    if known != ask.score:
        raise RefusedError(409, "survey", "This receipt has its answer")


def is_answered(work: Work, store: str, subject: str) -> bool:
    query = sa.select(t.c.subject).where(t.c.store == store, t.c.subject == subject)
    return work.execute(query).first() is not None


def counted(work: Work, ask: SurveyAsk) -> Survey:
    work.actor.demand_store(ask.store)
    to_ms = ask.to_ms or work.now_ms + 1
    here = (t.c.store == ask.store, t.c.at_ms >= ask.from_ms, t.c.at_ms < to_ms)
    rows = work.execute(sa.select(t.c.score, sa.func.count()).where(*here).group_by(t.c.score))
    found = {int(score): int(count) for score, count in rows}
    scores = tuple(found.get(score, 0) for score in range(11))
    total, up, down = sum(scores), sum(scores[_PROMOTERS:]), sum(scores[:_PASSIVES])
    said = work.execute(
        sa.select(t.c.subject, t.c.at_ms, t.c.score, t.c.sealed)
        .where(*here, t.c.sealed != b"")
        .order_by(t.c.at_ms.desc(), t.c.subject)
        .limit(_COMMENTS)
    )
    comments = []
    for row in said:
        text = unseal_for(work, _subject(ask.store, row.subject), bytes(row.sealed))
        if text:
            comments.append(Comment(row.subject, row.at_ms, row.score, text.decode()))
    nps = round((up - down) * 100 / total) if total else None
    return Survey(
        ask.store, ask.from_ms, to_ms, total, up, total - up - down, down, nps, scores, tuple(comments)
    )


def _subject(store: str, subject: str) -> str:
    return f"survey/{store}/{subject}"
