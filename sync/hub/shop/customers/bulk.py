"""Customers in bulk, out and in: who they are, by what they are found, what they agreed to. Whose data went out is written down."""

import hashlib
from typing import Annotated, Final, Literal

import msgspec
import sqlalchemy as sa
from msgspec import Meta, Struct

from sync.hub.database import upsert
from sync.hub.shop.customers import consents, core
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.keys import seal_for
from sync.hub.shop.customers.messages import About, Channel, Identifier, NewCustomer
from sync.hub.shop.customers.records import change, cluster, locked, standing
from sync.hub.shop.kit.bulk import Import, LineError, Read, Sheet, take_lines
from sync.hub.shop.kit.bulk_http import PAGE_ROWS, Page
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.wire import encode_json

__all__ = ["CUSTOMERS", "ImportAsk", "export_page", "import_lines"]

EXPORTED: Final = "bulk-export"
_ID: Final = r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?\Z"
CUSTOMERS: Final = Sheet(
    ("customer_id", "state", "language", "name", "email", "phone", "birth_date", "group", "note"),
    ("lines", "identifiers", "consents"),
    has_more=False,
)


class _Consent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    purpose: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z][a-z-]*\Z")]
    channel: Channel
    given: bool
    at_ms: Annotated[int, Meta(ge=0, le=4_102_444_800_000)]
    source: Annotated[str, Meta(max_length=40)] = ""
    text_version: Annotated[str, Meta(max_length=40)] = ""
    evidence: Annotated[str, Meta(max_length=1000)] = ""


class _Line(About, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer in one line: the fields of About, and these. Without `customer_id`: found by an identifier, or new."""

    customer_id: Annotated[str, Meta(pattern=_ID)] = ""
    state: Literal["active", "restricted"] = "active"
    identifiers: Annotated[tuple[Identifier, ...], Meta(max_length=50)] = ()
    consents: Annotated[tuple[_Consent, ...], Meta(max_length=500)] = ()

    @property
    def about(self) -> About:
        return About(**{name: getattr(self, name) for name in About.__struct_fields__})


class ImportAsk(Struct, frozen=True):
    lines: list[Read]
    whole: bool = False


def export_page(work: Work, after: str) -> Page:
    """The next customers by id, without those that are a part of another; each one's list of who looked has this."""
    c = t.customer.c
    query = sa.select(c.customer_id).where(c.state.in_(("active", "restricted")), c.customer_id > after)
    ids = list(work.execute(query.order_by(c.customer_id).limit(PAGE_ROWS)).scalars())
    bodies = [encode_json(_line_of(work, customer_id)) for customer_id in ids]
    if ids:
        digest = hashlib.sha256(f"{work.now_ms} {work.actor.name} {EXPORTED}".encode()).hexdigest()[:24]
        row = {"access_id": digest, "at_ms": work.now_ms, "who": work.actor.name, "what": EXPORTED}
        insert = upsert(work.connection, t.customer_access).on_conflict_do_nothing()
        work.execute(insert, [{**row, "customer_id": customer_id} for customer_id in ids])
    return bodies, ids[-1] if ids else ""


def _line_of(work: Work, customer_id: str) -> _Line:
    found = core.shown(work, customer_id)
    named = {("email", found.about.email), ("phone", found.about.phone)}
    said = [consent for one in cluster(work, customer_id) for consent in consents.listing(work, one)]
    return _Line(
        **msgspec.structs.asdict(found.about),
        customer_id=customer_id,
        state="restricted" if found.state == "restricted" else "active",
        identifiers=tuple(
            sorted((one for one in found.identifiers if (one.kind, one.value) not in named), key=_order)
        ),
        consents=tuple(
            msgspec.convert(msgspec.structs.asdict(one), _Consent)
            for one in sorted(said, key=lambda one: (one.at_ms, one.purpose, one.channel, one.given))
        ),
    )


def _order(identifier: Identifier) -> tuple[str, str]:
    return identifier.kind, identifier.value


def import_lines(work: Work, ask: ImportAsk) -> Import:
    """Raises NothingTakenError."""
    return take_lines(
        work, ask.lines, lambda work, raw: _put(work, msgspec.json.decode(raw, type=_Line)), whole=ask.whole
    )


def _put(work: Work, line: _Line) -> None:
    if any("\0" in text for text in _texts(line)):
        raise LineError("text holds no NUL characters")
    if any(one.at_ms > work.now_ms for one in line.consents):
        raise LineError("consents: a consent was given before now", "consents")
    customer_id = _whose(work, line)
    if not customer_id:
        customer_id = core.create(work, NewCustomer(line.about), line.customer_id).customer_id
    else:
        customer_id = standing(work, customer_id)
        if core.shown(work, customer_id).about != line.about:
            core.put(work, core.Put(customer_id, line.about))
    known = {core.key_of(one) for one in core.shown(work, customer_id).identifiers}
    for identifier in line.identifiers:
        if core.key_of(identifier) not in known:
            core.add_identifier(work, core.Named(customer_id, identifier))
    if locked(work, customer_id).state != line.state:
        change(work, customer_id, state=line.state)
    _agree(work, customer_id, line.consents)


def _texts(line: _Line) -> list[str]:
    return [value for value in msgspec.structs.asdict(line).values() if isinstance(value, str)] + list(
        line.lines
    )


def _whose(work: Work, line: _Line) -> str:
    """Whom the line means; "": somebody new. Raises RefusedError where that one was erased."""
    if line.customer_id:
        c = t.customer.c
        state = work.execute(sa.select(c.state).where(c.customer_id == line.customer_id)).scalar_one_or_none()
        if state == "erased":
            raise RefusedError(409, "erased", "This person was erased", line.customer_id)
        return line.customer_id if state is not None else ""
    for identifier in (*core.identifiers_of(line.about), *line.identifiers):
        found = core.find_by_identifier(work, identifier.kind, identifier.value)
        if found is not None:
            return found
    return ""


def _agree(work: Work, customer_id: str, said: tuple[_Consent, ...]) -> None:
    """Words that are not known yet; each by what it says, so that it is written once."""
    known = {
        (one.purpose, one.channel, one.given, one.at_ms)
        for each in cluster(work, customer_id)
        for one in consents.listing(work, each)
    }
    for one in said:
        key = (one.purpose, one.channel, one.given, one.at_ms)
        if key in known:
            continue
        known.add(key)
        row = {
            "customer_id": customer_id, "consent_id": hashlib.sha256(repr(key).encode()).hexdigest()[:32],
            "purpose": one.purpose, "channel": one.channel, "given": one.given, "at_ms": one.at_ms,
            "source": one.source, "text_version": one.text_version,
            "evidence": seal_for(work, customer_id, one.evidence.encode()),
        }  # fmt: skip
        work.execute(upsert(work.connection, t.customer_consent).values(row).on_conflict_do_nothing())
