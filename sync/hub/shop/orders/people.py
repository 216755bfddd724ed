"""The people of orders without an account: each order's under a key of its own, destroyed some time after it ended, or when asked."""

from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from sync.hub.shop.customers import tables as people
from sync.hub.shop.customers.keys import destroy, seal_for, unseal_for
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import tables as t
from sync.hub.shop.orders.body import ENDED, Body, Held, hold
from sync.hub.shop.orders.messages import ShipTo

__all__ = [
    "GUEST_KEPT_MS",
    "forget_guests",
    "forget_person",
    "orders_naming",
    "orders_of",
    "person_of",
    "seal_notes",
]

GUEST_KEPT_MS: Final = 90 * 24 * 3600 * 1000
"""After it was placed, if it ended by then: until then somebody may bring something back."""
_AT_ONCE: Final = 20
_PAGE: Final = 500
_PREFIX: Final = "order/"


def forget_person(work: Work, order_id: str) -> bool:
    """Whom the order names cannot be read any more; goods, sums and payments stay. False: it names nobody."""
    held = hold(work, order_id)
    had = destroy(work, f"{_PREFIX}{order_id}")
    if not held.body.person and not held.body.note and not held.body.sealed_note:
        return had
    held.body, held.note = replace(held.body, person=b"", note="", sealed_note=b""), ""
    held.write(work)
    return True


def seal_notes(work: Work) -> int:
    """Notes of orders from before they were encrypted, some at a time; counts them. A tick of the hub's."""
    c = t.order_unsealed.c
    rows = work.execute(
        sa.select(c.store, c.order_id).order_by(c.store, c.order_id).limit(_AT_ONCE)
    ).fetchall()
    for row in rows:
        held = hold(work, row.order_id)
        if held.body.note:
            sealed = seal_for(work, f"{_PREFIX}{row.order_id}", held.body.note.encode())
            held.body = replace(held.body, note="", sealed_note=sealed)
            held.write(work)
        work.execute(t.order_unsealed.delete().where(c.store == row.store, c.order_id == row.order_id))
    return len(rows)


def forget_guests(work: Work) -> int:
    """Those of orders that ended, 90 days after they were placed; counts them. A tick of the hub's."""
    c = people.customer_key.c
    until = f"{_PREFIX}{_earliest(work.now_ms - GUEST_KEPT_MS)}"
    rows = work.execute(
        sa.select(c.subject).where(c.subject > _PREFIX, c.subject < until).order_by(c.subject)
    )
    count = 0
    for (subject,) in rows.fetchall():
        held = hold(work, subject.removeprefix(_PREFIX))
        if _is_over(held):
            count += forget_person(work, held.order_id)
        if count == _AT_ONCE:
            break
    return count


def orders_of(work: Work, customer_ids: tuple[str, ...]) -> list[str]:
    """The orders of these customers."""
    c = t.order_head.c
    return list(
        work.execute(sa.select(c.order_id).where(c.customer.in_(customer_ids)).order_by(c.order_id)).scalars()
    )


def person_of(work: Work, held: Held) -> ShipTo | None:
    """Where it goes and whom to tell; None where it names nobody, or nobody any more."""
    plain = unseal_for(work, f"{_PREFIX}{held.order_id}", held.body.person) if held.body.person else None
    return None if plain is None else msgspec.json.decode(plain, type=ShipTo)


def orders_naming(work: Work, kind: str, lookup: str, form: object) -> list[str]:
    """Orders whose person has this e-mail address or telephone number, by reading all of them. `form` makes equal ones equal."""
    assert callable(form)
    c = t.order_head.c
    found: list[str] = []
    last = ""
    while True:
        query = sa.select(c.order_id, c.body).where(c.order_id > last).order_by(c.order_id).limit(_PAGE)
        rows = work.execute(query).fetchall()
        for order_id, body in rows:
            sealed = msgspec.json.decode(bytes(body), type=Body).person
            plain = unseal_for(work, f"{_PREFIX}{order_id}", sealed)
            if plain is None:
                continue
            person = msgspec.json.decode(plain, type=ShipTo)
            value = person.email if kind == "email" else person.phone
            if value and form(value) == lookup:
                found.append(order_id)
        if len(rows) < _PAGE:
            return found
        last = rows[-1].order_id


def _is_over(held: Held) -> bool:
    return all(task.state in ENDED for task in held.tasks.values())


def _earliest(ms: int) -> str:
    """The smallest UUIDv7 of a moment: orders' ids are in the order of time."""
    text = f"{ms:012x}"
    return f"{text[:8]}-{text[8:]}"
