"""Cases: opened by customers from a receipt's or an order's page, answered by the store's people, erased by their key.

open (the store's turn) -> answered (the customer's) -> closed; whoever writes again opens it again.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.facts import decode_fact
from pos.sale_facts import Sale
from sync.hub import ledger
from sync.hub.database import upsert
from sync.hub.shop.cases import tables as t
from sync.hub.shop.cases.messages import (
    Answer,
    Case,
    CaseBrief,
    CaseList,
    CaseMessage,
    Contact,
    OpenCase,
    Opened,
)
from sync.hub.shop.customers.keys import destroy, seal_for, unseal_for
from sync.hub.shop.customers.records import standing
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.links import CASE, link_to
from sync.hub.shop.kit.pages import after, cursor_of
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, say
from sync.links import split_link
from sync.wire import encode_json

__all__ = [
    "KEPT_MS",
    "AnswerAsk",
    "ListCases",
    "Named",
    "about",
    "answer",
    "cases_naming",
    "cases_of",
    "close",
    "erase",
    "forget_case",
    "forget_old",
    "get",
    "listing",
    "open_case",
    "read_case",
    "reply",
]

KEPT_MS: Final = 180 * 24 * 3_600_000
"""A case that was closed for so long is erased: its key is destroyed."""
_OPEN_MAX: Final = 5
_MESSAGES_MAX: Final = 50
_PAGE: Final = 500
_DUE_AT_ONCE: Final = 100
_BRIEF: Final = tuple(t.case.c[name] for name in CaseBrief.__struct_fields__)


class Named(Struct, frozen=True):
    store: str
    case_id: str


class AnswerAsk(Struct, frozen=True):
    """`public_url`: where the letter's link leads."""

    named: Named
    about: Answer
    public_url: str = ""


class ListCases(Struct, frozen=True):
    """`state` empty: all; `about` narrows to one receipt (till-epoch-number) or order, `number` to one case."""

    store: str
    state: str = ""
    about: str = ""
    number: int = 0
    cursor: str = ""
    limit: int = 50
    receipt: str = ""


# -- customers


def open_case(work: Work, ask: OpenCase) -> Opened:
    """A case and its number; a task for the store. Raises RefusedError 409 "too-many" where this has too many open ones."""
    c = t.case.c
    mine = (c.store == ask.store, c.once == ask.once)
    known = work.execute(sa.select(c.case_id, c.number).where(*mine)).first()
    if known is not None:
        return Opened(known.case_id, known.number, link_to(work, CASE, ask.store, known.case_id), new=False)
    open_now = sum(1 for one in about(work, ask.store, ask.about_kind, ask.about) if one.state != "closed")
    if open_now >= _OPEN_MAX:
        raise RefusedError(409, "too-many", "There are too many open cases about this", str(open_now))
    case_id = work.new_id()
    customer = _customer(work, ask.customer)
    subject = customer or f"case/{case_id}"
    number = _next_number(work, ask.store)
    row = {
        "store": ask.store, "case_id": case_id, "number": number, "kind": ask.kind,
        "once": ask.once, "about_kind": ask.about_kind, "about": ask.about, "state": "open", "version": 1,
        "language": ask.language, "customer": customer, "subject": subject, "created_ms": work.now_ms,
        "changed_ms": work.now_ms, "contact": seal_for(work, subject, encode_json(ask.contact)),
    }  # fmt: skip
    made = work.execute(
        upsert(work.connection, t.case).values(row).on_conflict_do_nothing().returning(c.case_id)
    ).first()
    if made is None:  # the same form at the same moment
        return open_case(work, ask)
    held = _lock(work, Named(ask.store, case_id))
    _write(work, held, "customer", "", ask.text)
    work.event(ask.store, "case.opened", case_id, {"number": number, "kind": ask.kind})
    return Opened(case_id, number, link_to(work, CASE, ask.store, case_id), new=True)


def reply(work: Work, ask: Named, text: str) -> None:
    """The customer writes again; the same words as the last ones are a form that was sent twice."""
    held = _lock(work, ask)
    said = _messages(work, held)
    if said and (said[-1].side, said[-1].text) == ("customer", text):
        return
    if len(said) >= _MESSAGES_MAX:
        raise RefusedError(409, "too-many", "This case is long enough", str(len(said)))
    _change(work, held, "open")
    _write(work, held, "customer", "", text)
    work.event(ask.store, "case.opened", ask.case_id, {"number": held.number, "kind": held.kind})


# -- the store's people


def answer(work: Work, ask: AnswerAsk) -> Case:
    """Said to the customer, by mail too where there is an address."""
    work.actor.demand_store(ask.named.store)
    held = _lock(work, ask.named)
    contact = _contact(work, held)
    n = _write(work, held, "staff", ask.about.by or work.actor.name, ask.about.text)
    _change(work, held, "closed" if ask.about.close else "answered")
    _settle(work, held)
    if contact.email:
        link = link_to(work, CASE, held.store, held.case_id)
        fields = {"case": str(held.number), "answer": ask.about.text}
        if ask.public_url:
            fields["link"] = f"{ask.public_url}/h/{link}"
        message = Message(
            held.store, f"case/{held.case_id}/{n}", "case-answered", contact.email, fields, "email", held.language,
            held.customer,
        )  # fmt: skip
        say(work, message)
    work.event(held.store, "case.answered", held.case_id, {"number": held.number})
    return get(work, ask.named)


def close(work: Work, ask: Named) -> Case:
    """Nothing more is to be done."""
    work.actor.demand_store(ask.store)
    held = _lock(work, ask)
    if held.state != "closed":
        _change(work, held, "closed")
        _settle(work, held)
        work.event(ask.store, "case.closed", ask.case_id, {"number": held.number})
    return get(work, ask)


def erase(work: Work, ask: Named) -> Case:
    """Nothing that was written can be read any more; number, kind and times stay."""
    work.actor.demand_store(ask.store)
    held = _lock(work, ask)
    _erase(work, held)
    work.event(ask.store, "case.erased", ask.case_id, {"number": held.number})
    return get(work, ask)


def forget_old(work: Work) -> int:
    """What was closed long ago is erased."""
    c = t.case.c
    old = sa.and_(c.state == "closed", c.changed_ms <= work.now_ms - KEPT_MS, c.contact != b"")
    rows = work.execute(
        sa.select(c.store, c.case_id).where(old).order_by(c.store, c.case_id).limit(_DUE_AT_ONCE)
    )
    named = [Named(row.store, row.case_id) for row in rows]
    for one in named:
        _erase(work, _lock(work, one))
    return len(named)


def cases_naming(work: Work, kind: str, lookup: str, form: Callable[[str], str]) -> list[Named]:
    """Cases of people without an account who gave this e-mail address or telephone number, by reading all of them."""
    c = t.case.c
    found: list[Named] = []
    last = ""
    while True:
        query = sa.select(c.store, c.case_id, c.subject, c.contact).where(c.subject > max("case/", last))
        rows = work.execute(query.where(c.subject < "case0").order_by(c.subject).limit(_PAGE)).fetchall()
        for row in rows:
            said = _contact(work, row)
            value = said.email if kind == "email" else said.phone
            if value and form(value) == lookup:
                found.append(Named(row.store, row.case_id))
        if len(rows) < _PAGE:
            return found
        last = rows[-1].subject


def cases_of(work: Work, customer_ids: tuple[str, ...]) -> list[Named]:
    """Cases of people with an account."""
    c = t.case.c
    query = sa.select(c.store, c.case_id).where(c.subject.in_(customer_ids)).order_by(c.created_ms, c.case_id)
    return [Named(row.store, row.case_id) for row in work.execute(query)]


def forget_case(work: Work, ask: Named) -> None:
    """Who wrote cannot be read any more, nor what."""
    held = _lock(work, ask)
    _erase(work, held)
    work.event(ask.store, "case.erased", ask.case_id, {"number": held.number})


# -- read


def get(work: Work, ask: Named) -> Case:
    """Raises RefusedError 404."""
    work.actor.demand_store(ask.store)
    return read_case(work, ask)


def read_case(work: Work, ask: Named) -> Case:
    """Whoever asks must be allowed to. Raises RefusedError 404."""
    held = _row(work, ask)
    brief = CaseBrief(*(getattr(held, name) for name in CaseBrief.__struct_fields__))
    return Case(brief, held.language, held.customer, _contact(work, held), tuple(_messages(work, held)))


def listing(work: Work, ask: ListCases) -> CaseList:
    work.actor.demand_store(ask.store)
    c = t.case.c
    query = sa.select(*_BRIEF).where(c.store == ask.store).order_by(c.number.desc())
    subject = _of_link(work, ask.store, ask.receipt) if ask.receipt else ask.about
    for column, value in ((c.state, ask.state), (c.about, subject), (c.number, ask.number)):
        if value:
            query = query.where(column == value)
    place = after(ask.cursor, int)
    if place is not None:
        query = query.where(c.number < place[0])
    rows = [CaseBrief(*row) for row in work.execute(query.limit(ask.limit + 1))]
    more = len(rows) > ask.limit
    return CaseList(tuple(rows[: ask.limit]), cursor_of(rows[ask.limit - 1].number) if more else "")


def about(work: Work, store: str, about_kind: str, subject: str) -> list[CaseBrief]:
    """Cases of one receipt or order, oldest first."""
    c = t.case.c
    query = sa.select(*_BRIEF).where(c.store == store, c.about_kind == about_kind, c.about == subject)
    return [CaseBrief(*row) for row in work.execute(query.order_by(c.number))]


def _of_link(work: Work, store: str, link: str) -> str:
    """Which receipt of the store this is, as cases name it; a name that none has where it is none."""
    parts = split_link(link)
    found = ledger.find_receipt(work.connection, store, parts[1]) if parts and parts[0] == store else None
    if found is None:
        return "-"
    till, fact = found
    sale = decode_fact(fact.kind, fact.version, fact.body)
    return f"{till}-{fact.epoch}-{sale.number}" if isinstance(sale, Sale) else "-"


# -- rows


def _row(work: Work, ask: Named, *, lock: bool = False) -> Any:
    c = t.case.c
    query = sa.select(t.case).where(c.store == ask.store, c.case_id == ask.case_id)
    row = work.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise not_found("case", ask.case_id)
    return row


def _lock(work: Work, ask: Named) -> Any:
    return _row(work, ask, lock=True)


def _change(work: Work, held: Any, state: str) -> None:
    c = t.case.c
    work.execute(
        t.case.update()
        .where(c.store == held.store, c.case_id == held.case_id)
        .values(state=state, version=c.version + 1, changed_ms=work.now_ms)
    )


def _write(work: Work, held: Any, side: str, by: str, text: str) -> int:
    c = t.case_message.c
    here = (c.store == held.store, c.case_id == held.case_id)
    last = work.execute(sa.select(sa.func.coalesce(sa.func.max(c.n), 0)).where(*here)).scalar_one()
    row = {
        "store": held.store, "case_id": held.case_id, "n": last + 1, "at_ms": work.now_ms, "side": side,
        "said_by": by, "sealed": seal_for(work, held.subject, text.encode()),
    }  # fmt: skip
    work.execute(t.case_message.insert(), row)
    if side == "customer":
        data = {"number": held.number, "kind": held.kind, "about_kind": held.about_kind, "about": held.about}
        tasks.add(work, held.store, "case", f"{held.number}-{last + 1}", subject=held.case_id, data=data)
    return int(last) + 1


def _settle(work: Work, held: Any) -> None:
    """The store has answered: what it had to do for this case is done."""
    for said in _messages(work, held):
        if said.side == "customer":
            tasks.withdraw(work, held.store, "case", f"{held.number}-{said.n}")


def _messages(work: Work, held: Any) -> list[CaseMessage]:
    c = t.case_message.c
    rows = work.execute(
        sa.select(c.n, c.at_ms, c.side, c.said_by, c.sealed)
        .where(c.store == held.store, c.case_id == held.case_id)
        .order_by(c.n)
    )
    return [
        CaseMessage(row.n, row.at_ms, row.side, row.said_by, _open(work, held, bytes(row.sealed)).decode())
        for row in rows
    ]


def _contact(work: Work, held: Any) -> Contact:
    plain = _open(work, held, bytes(held.contact))
    return msgspec.json.decode(plain, type=Contact) if plain else Contact()


def _open(work: Work, held: Any, sealed: bytes) -> bytes:
    return unseal_for(work, held.subject, sealed) or b""


def _erase(work: Work, held: Any) -> None:
    c, m = t.case.c, t.case_message.c
    if held.subject.startswith("case/"):
        destroy(work, held.subject)
    work.execute(
        t.case_message.update()
        .where(m.store == held.store, m.case_id == held.case_id)
        .values(sealed=b"", said_by="")
    )
    work.execute(
        t.case.update()
        .where(c.store == held.store, c.case_id == held.case_id)
        .values(contact=b"", customer="", state="closed", version=c.version + 1)
    )
    _settle(work, held)


def _customer(work: Work, customer: str) -> str:
    """The record under whose key it is sealed; none for somebody who is erased by now."""
    try:
        return standing(work, customer) if customer else ""
    except RefusedError:
        return ""


def _next_number(work: Work, store: str) -> int:
    c = t.case_counter.c
    counted = (
        upsert(work.connection, t.case_counter)
        .values({"store": store, "n": 1})
        .on_conflict_do_update(index_elements=[c.store], set_={"n": c.n + 1})
        .returning(c.n)
    )
    return int(work.execute(counted).scalar_one())
