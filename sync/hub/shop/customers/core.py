"""Customers: made, found, changed, merged and parted again, exported, erased.

A merged record stays and points at the one that stands for both; whatever is asked of either is answered for all of them, so
that undoing a merge loses nothing and a sale that names the old record is the right one's.
"""

import hashlib
from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub.database import upsert
from sync.hub.prepared import Inserting
from sync.hub.shop.customers import consents, points
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.keys import destroy, seal_for, unseal_for
from sync.hub.shop.customers.messages import (
    About,
    Contact,
    Customer,
    Erased,
    Export,
    Found,
    Identifier,
    Made,
    NewCustomer,
    Purchase,
    Purchases,
)
from sync.hub.shop.customers.records import change, cluster, locked, standing
from sync.hub.shop.kit.actor import secret_hash
from sync.hub.shop.kit.pages import after, cursor_of, demand_version
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, forget_customer, say_once
from sync.hub.shop.orders.people import forget_person, orders_of
from sync.hub.vault import has_vault, vault_of
from sync.wire import encode_json

__all__ = [
    "LINK_MS",
    "STAYS",
    "ListPurchases",
    "MergeAsk",
    "Named",
    "Put",
    "add_identifier",
    "by_link",
    "confirm_erasure",
    "contact",
    "create",
    "erase",
    "export",
    "find",
    "find_by_identifier",
    "get",
    "identifiers_of",
    "kept_of",
    "key_of",
    "lookup_form",
    "make_link",
    "merge",
    "part",
    "purchases",
    "put",
    "remove_identifier",
    "restrict",
    "shown",
]

ACTIVE: Final = "active"
LINK_MS: Final = 30 * 24 * 3600 * 1000
STAYS: Final = (
    "sales and invoices of the shop (section 147 AO, section 14b UStG): they hold a reference that now leads nowhere",
)


class Named(Struct, frozen=True):
    customer_id: str
    identifier: Identifier


class Put(Struct, frozen=True):
    customer_id: str
    about: About
    if_match: str = ""


class MergeAsk(Struct, frozen=True):
    customer_id: str
    other: str


class ListPurchases(Struct, frozen=True):
    customer_id: str
    cursor: str
    limit: int


def create(work: Work, ask: NewCustomer, customer_id: str = "") -> Made:
    """Raises RefusedError 409 "known" (its detail is the customer's id) where one of the identifiers is somebody's."""
    customer_id = customer_id or work.new_id()
    row = {
        "customer_id": customer_id, "version": 1, "state": ACTIVE, "merged_into": "", "language": ask.about.language,
        "created_ms": work.now_ms, "changed_ms": work.now_ms,
        "body": seal_for(work, customer_id, encode_json(ask.about)),
    }  # fmt: skip
    work.execute(t.customer.insert(), row)
    for identifier in (*identifiers_of(ask.about), *ask.identifiers):
        _identify(work, customer_id, identifier)
    work.event("", "customer.created", customer_id, {"version": 1})
    return Made(customer_id, 1)


def put(work: Work, ask: Put) -> Made:
    customer_id = standing(work, ask.customer_id)
    row = locked(work, customer_id)
    demand_version(ask.if_match, row.version)
    before = _about(work, customer_id, bytes(row.body))
    old, new = set(identifiers_of(before)), set(identifiers_of(ask.about))
    for identifier in sorted(old - new, key=_order):
        _forget(work, customer_id, identifier)
    for identifier in sorted(new - old, key=_order):
        _identify(work, customer_id, identifier)
    version = change(
        work,
        customer_id,
        body=seal_for(work, customer_id, encode_json(ask.about)),
        language=ask.about.language,
    )
    return Made(customer_id, version)


def get(work: Work, customer_id: str) -> Customer:
    found = shown(work, standing(work, customer_id))
    _looked(work, found.customer_id, "profile")
    return found


def restrict(work: Work, ask: tuple[str, bool]) -> Made:
    """Article 18: nothing is done with the data, and nothing is sent, until it is lifted."""
    customer_id, on = standing(work, ask[0]), ask[1]
    locked(work, customer_id)
    return Made(customer_id, change(work, customer_id, state="restricted" if on else ACTIVE))


# -- how they are found


def lookup_form(identifier: Identifier) -> str:
    """The form in which equal ones are equal: small letters, digits of a telephone with 00 as +."""
    value = "".join(identifier.value.split())
    if identifier.kind == "email":
        return value.lower()
    if identifier.kind == "phone":
        digits = "".join(char for char in value if char.isdigit())
        if value.startswith("+"):
            return f"+{digits}"
        return f"+{digits[2:]}" if digits.startswith("00") else f"+49{digits.removeprefix('0')}"
    return value.upper()


def key_of(identifier: Identifier) -> tuple[str, str]:
    """By which identifiers are the same."""
    return identifier.kind, lookup_form(identifier)


def find_by_identifier(work: Work, kind: str, value: str) -> str | None:
    """Whose it is: the record that stands for it."""
    if len(value.strip()) < 3:
        return None
    identifier = msgspec.convert({"kind": kind, "value": value.strip()[:120]}, Identifier)
    c = t.customer_identifier.c
    lookup = vault_of(work.connection).lookup(identifier.kind, lookup_form(identifier))
    found = work.execute(
        sa.select(c.customer_id).where(c.kind == identifier.kind, c.lookup == lookup)
    ).scalar_one_or_none()
    return None if found is None else standing(work, found)


def find(work: Work, ask: Identifier) -> Found:
    found = find_by_identifier(work, ask.kind, ask.value)
    if found is not None:
        _looked(work, found, "search")
    return Found((found,) if found is not None else ())


def add_identifier(work: Work, ask: Named) -> Made:
    customer_id = standing(work, ask.customer_id)
    locked(work, customer_id)
    _identify(work, customer_id, ask.identifier)
    return Made(customer_id, change(work, customer_id))


def remove_identifier(work: Work, ask: Named) -> Made:
    customer_id = standing(work, ask.customer_id)
    locked(work, customer_id)
    for one in cluster(work, customer_id):
        _forget(work, one, ask.identifier)
    return Made(customer_id, change(work, customer_id))


def contact(work: Work, customer_id: str) -> Contact | None:
    """How somebody is reached; None where nothing may be done with the data, or nothing is known."""
    try:
        customer_id = standing(work, customer_id)
    except RefusedError:
        return None
    c = t.customer.c
    row = work.execute(sa.select(c.state, c.body).where(c.customer_id == customer_id)).one()
    if row.state != ACTIVE:
        return None
    about = _about(work, customer_id, bytes(row.body))
    return Contact(about.email, about.phone, about.language, about.name)


# -- merge and part


def merge(work: Work, ask: MergeAsk) -> Made:
    """`other` becomes a part of this one. Nothing moves, so `part` undoes it whole."""
    kept, other = standing(work, ask.customer_id), standing(work, ask.other)
    if kept == other:
        raise RefusedError(409, "same", "Both are one customer already")
    rows = [locked(work, customer_id) for customer_id in sorted((kept, other))]
    if any(row.state != ACTIVE for row in rows):
        raise RefusedError(409, "restricted", "The data of one of them is restricted: lift that first")
    change(work, other, state="merged", merged_into=kept)
    work.event("", "customer.merged", kept, {"other": other})
    return Made(kept, change(work, kept))


def part(work: Work, ask: MergeAsk) -> Made:
    """Undo a merge: `other` stands for itself again."""
    row = locked(work, ask.other)
    if row.state != "merged" or row.merged_into != ask.customer_id:
        raise RefusedError(409, "not-merged", "These two were not merged")
    locked(work, ask.customer_id)
    change(work, ask.other, state=ACTIVE, merged_into="")
    work.event("", "customer.parted", ask.customer_id, {"other": ask.other})
    return Made(ask.other, row.version + 1)


# -- what they bought


def purchases(work: Work, ask: ListPurchases) -> Purchases:
    """Newest first, over all channels."""
    customer_id = standing(work, ask.customer_id)
    c = t.customer_purchase.c
    query = (
        sa.select(c.channel, c.reference, c.store, c.at_ms, c.total_minor, c.currency, c.pieces)
        .where(c.customer_id.in_(cluster(work, customer_id)))
        .order_by(c.at_ms.desc(), c.reference.desc())
        .limit(ask.limit + 1)
    )
    place = after(ask.cursor, int, str)
    if place is not None:
        query = query.where(sa.tuple_(c.at_ms, c.reference) < place)
    rows = [Purchase(*row) for row in work.execute(query)]
    _looked(work, customer_id, "purchases")
    last = rows[ask.limit - 1] if len(rows) > ask.limit else None
    return Purchases(tuple(rows[: ask.limit]), cursor_of(last.at_ms, last.reference) if last else "")


_KEEP_PURCHASE: Final = Inserting(t.customer_purchase, keep=True)


def bought(work: Work, customer_id: str, purchase: Purchase) -> None:
    """Note a purchase; the same one again changes nothing."""
    row = {"customer_id": customer_id, **msgspec.structs.asdict(purchase)}
    _KEEP_PURCHASE.run(work.connection, row)


# -- their rights


def export(work: Work, customer_id: str) -> Export:
    """All that is kept of a person; who asked is noted."""
    told = kept_of(work, customer_id)
    _looked(work, standing(work, customer_id), "export")
    return told


def kept_of(work: Work, customer_id: str) -> Export:
    """The same for the person's own eyes: nothing is noted."""
    customer_id = standing(work, customer_id)
    all_ids = cluster(work, customer_id)
    a, p = t.customer_access.c, t.customer_purchase.c
    rows = work.execute(
        sa.select(p.channel, p.reference, p.store, p.at_ms, p.total_minor, p.currency, p.pieces)
        .where(p.customer_id.in_(all_ids))
        .order_by(p.at_ms, p.reference)
    )
    seen = work.execute(
        sa.select(a.at_ms, a.who, a.what).where(a.customer_id.in_(all_ids)).order_by(a.at_ms, a.access_id)
    )
    return Export(
        tuple(shown(work, one) for one in all_ids),
        tuple(consent for one in all_ids for consent in consents.listing(work, one)),
        tuple(points.entries(work, all_ids)),
        tuple(Purchase(*row) for row in rows),
        tuple((row.at_ms, row.who, row.what) for row in seen),
    )


def erase(work: Work, customer_id: str) -> Erased:
    """Article 17. The keys are destroyed, and all that names the person goes; what a law keeps names nobody."""
    customer_id = standing(work, customer_id)
    all_ids = cluster(work, customer_id)
    for one in sorted(all_ids):
        locked(work, one)
    reached = contact(work, customer_id) if has_vault(work.connection) else None
    if reached is not None and reached.email:
        c = t.customer_purchase.c
        bought_something = sa.select(c.reference).where(c.customer_id.in_(all_ids)).limit(1)
        kept = work.execute(bought_something).first() is not None or bool(orders_of(work, tuple(all_ids)))
        confirm_erasure(work, reached.email, reached.language, kept=kept)
    for order_id in orders_of(work, tuple(all_ids)):
        forget_person(work, order_id)
    for one in all_ids:
        forget_customer(work, one)
        destroy(work, one)
        for table in (
            *(t.customer_identifier, t.customer_consent, t.customer_points, t.customer_purchase),
            *(t.customer_link, t.customer_access),
        ):
            work.execute(table.delete().where(table.c.customer_id == one))
        change(work, one, state="erased", merged_into="", body=b"")
        work.event("", "customer.erased", one, {"by": work.actor.name})
    return Erased(tuple(all_ids), STAYS)


def confirm_erasure(work: Work, email: str, language: str, *, kept: bool) -> None:
    """The last letter to an address, which goes as soon as the letter is out, or given up. `kept`: a law keeps something."""
    fields = {"kept": True} if kept else {}
    say_once(work, Message("", f"erasure/{work.new_id()}", "erasure-done", email, fields, "email", language))


def make_link(work: Work, customer_id: str) -> str:
    """The secret of a page with this person's data, for 30 days."""
    customer_id, secret = standing(work, customer_id), work.new_secret()
    row = {
        "secret_hash": secret_hash(secret),
        "customer_id": customer_id,
        "expires_ms": work.now_ms + LINK_MS,
    }
    work.execute(t.customer_link.insert(), row)
    return secret


def by_link(work: Work, secret: str) -> str | None:
    """Whose page it is."""
    c = t.customer_link.c
    query = sa.select(c.customer_id).where(
        c.secret_hash == secret_hash(secret[:200]), c.expires_ms > work.now_ms
    )
    found = work.execute(query).scalar_one_or_none()
    return None if found is None else standing(work, found)


# -- inside


def identifiers_of(about: About) -> tuple[Identifier, ...]:
    found = (("email", about.email), ("phone", about.phone))
    return tuple(
        msgspec.convert({"kind": kind, "value": value}, Identifier)
        for kind, value in found
        if len(value.strip()) >= 3
    )


def _order(identifier: Identifier) -> tuple[str, str]:
    return identifier.kind, identifier.value


def _identify(work: Work, customer_id: str, identifier: Identifier) -> None:
    lookup = vault_of(work.connection).lookup(identifier.kind, lookup_form(identifier))
    c = t.customer_identifier.c
    row = {
        "kind": identifier.kind, "lookup": lookup, "customer_id": customer_id,
        "value": seal_for(work, customer_id, identifier.value.encode()), "added_ms": work.now_ms,
    }  # fmt: skip
    work.execute(upsert(work.connection, t.customer_identifier).values(row).on_conflict_do_nothing())
    whose = work.execute(
        sa.select(c.customer_id).where(c.kind == identifier.kind, c.lookup == lookup)
    ).scalar_one()
    if whose != customer_id and standing(work, whose) != customer_id:
        raise RefusedError(409, "known", "This belongs to another customer", standing(work, whose))


def _forget(work: Work, customer_id: str, identifier: Identifier) -> None:
    lookup = vault_of(work.connection).lookup(identifier.kind, lookup_form(identifier))
    c = t.customer_identifier.c
    work.execute(
        t.customer_identifier.delete().where(
            c.kind == identifier.kind, c.lookup == lookup, c.customer_id == customer_id
        )
    )


def _about(work: Work, customer_id: str, body: bytes) -> About:
    plain = unseal_for(work, customer_id, body)
    return msgspec.json.decode(plain, type=About) if plain else About()


def shown(work: Work, customer_id: str) -> Customer:
    """As it is; who looks is for the caller to note."""
    c, i = t.customer.c, t.customer_identifier.c
    row = work.execute(sa.select(c.version, c.state, c.body).where(c.customer_id == customer_id)).one()
    all_ids = cluster(work, customer_id)
    rows = work.execute(
        sa.select(i.kind, i.customer_id, i.value)
        .where(i.customer_id.in_(all_ids))
        .order_by(i.added_ms, i.kind)
    )
    identifiers = []
    for found in rows:
        plain = unseal_for(work, found.customer_id, bytes(found.value))
        if plain is not None:
            identifiers.append(msgspec.convert({"kind": found.kind, "value": plain.decode()}, Identifier))
    return Customer(
        customer_id, row.version, row.state, _about(work, customer_id, bytes(row.body)), tuple(identifiers),
        points.balance(work, all_ids), tuple(all_ids[1:]),
    )  # fmt: skip


def _looked(work: Work, customer_id: str, what: str) -> None:
    digest = hashlib.sha256(f"{work.now_ms} {work.actor.name} {what}".encode()).hexdigest()[:24]
    row = {
        "customer_id": customer_id, "access_id": digest, "at_ms": work.now_ms, "who": work.actor.name, "what": what,
    }  # fmt: skip
    work.execute(upsert(work.connection, t.customer_access).values(row).on_conflict_do_nothing())
