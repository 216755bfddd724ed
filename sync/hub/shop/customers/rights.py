"""The rights of a person, with or without an account: all that is kept, and erasing it (Articles 15 and 17 GDPR)."""

import datetime as dt

import msgspec
from msgspec import Struct

from sync.hub.shop.cases.core import Named, cases_naming, cases_of, forget_case, read_case
from sync.hub.shop.cases.messages import Case
from sync.hub.shop.customers import core
from sync.hub.shop.customers.messages import Export, Identifier
from sync.hub.shop.kit.refusal import not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import forget_address
from sync.hub.shop.letters.looking import LetterState, letters_to
from sync.hub.shop.orders.body import hold, shown
from sync.hub.shop.orders.messages import Order, ShipTo
from sync.hub.shop.orders.people import forget_person, orders_naming, orders_of, person_of

__all__ = ["Forgotten", "Told", "ToldOrder", "forget", "told"]


class ToldOrder(Struct, frozen=True):
    """An order, and whom it names."""

    order: Order
    person: ShipTo | None


class Told(Struct, frozen=True):
    """`customer` None: only what was done without an account names the person. `letters` says what was sent, and when; their
    words are kept for a short time and only to send them.
    """

    customer: Export | None
    orders: tuple[ToldOrder, ...]
    cases: tuple[Case, ...]
    letters: tuple[LetterState, ...]


class Forgotten(Struct, frozen=True):
    """What was erased, when (UTC) and by whom; `stays` says what a law keeps."""

    customers: tuple[str, ...]
    orders: tuple[str, ...]
    messages: int
    stays: tuple[str, ...]
    at: str
    by: str
    cases: int = 0


def told(work: Work, who: tuple[str, str]) -> Told:
    """`who`: "id", or the kind of an identifier, and its value. Raises RefusedError 404."""
    customer_id, guests, cases = _find(work, who)
    export = core.export(work, customer_id) if customer_id else None
    ids = tuple(one.customer_id for one in export.customers) if export is not None else ()
    orders = sorted({*orders_of(work, ids), *guests})
    address = who[1].strip() if who[0] in {"email", "phone"} else ""
    return Told(
        export,
        tuple(_order(work, order_id) for order_id in orders),
        tuple(read_case(work, one) for one in (*cases_of(work, ids), *cases)),
        letters_to(work, ids, address),
    )


def _order(work: Work, order_id: str) -> ToldOrder:
    held = hold(work, order_id, lock=False)
    return ToldOrder(shown(held), person_of(work, held))


def forget(work: Work, who: tuple[str, str]) -> Forgotten:
    """Erase the account, and whom orders without one name. Raises RefusedError 404."""
    customer_id, guests, cases = _find(work, who)
    gone: tuple[str, ...] = ()
    stays: tuple[str, ...] = core.STAYS
    if customer_id:
        erased = core.erase(work, customer_id)
        gone, stays = tuple(erased.customer_ids), tuple(erased.stays)
    elif who[0] == "email":
        core.confirm_erasure(work, who[1].strip(), "de", kept=bool(guests))
    for order_id in guests:
        forget_person(work, order_id)
    for case in cases:
        forget_case(work, case)
    emptied = forget_address(work, who[1].strip()) if who[0] in {"email", "phone"} else 0
    at = dt.datetime.fromtimestamp(work.now_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Forgotten(gone, tuple(guests), emptied, stays, at, work.actor.name, len(cases))


def _find(work: Work, who: tuple[str, str]) -> tuple[str, list[str], list[Named]]:
    kind, value = who
    if kind == "id":
        core.get(work, value)
        return value, [], []
    found = core.find_by_identifier(work, kind, value) or ""
    guests: list[str] = []
    cases: list[Named] = []
    if kind in {"email", "phone"}:
        named = msgspec.convert({"kind": kind, "value": value}, Identifier)
        wanted = core.lookup_form(named)

        def form(one: str) -> str:
            return core.lookup_form(msgspec.structs.replace(named, value=one))

        guests = orders_naming(work, kind, wanted, form)
        cases = cases_naming(work, kind, wanted, form)
    if not found and not guests and not cases:
        raise not_found("person")
    return found, guests, cases
