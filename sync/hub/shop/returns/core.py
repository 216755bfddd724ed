"""Returns as they are asked for: found, kept for a till under a lock, given up, made longer; announced; refunded by who was paid."""

import hmac
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from pos.domain.purchase import PREPAID
from pos.domain.returns import Bought, Taken, refund_minor
from pos.domain.scans import ScanKind, own_code
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.people import contact_of
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders.body import hold, quantity
from sync.hub.shop.returns import tables as t
from sync.hub.shop.returns.messages import (
    Announce,
    AnnouncedLine,
    Announcement,
    Kept,
    Line,
    PaidBy,
    PlanRow,
    Purchase,
    Return,
    TakeBack,
)
from sync.hub.shop.returns.purchases import HELD, ORDER, live_holds, whole
from sync.wire import encode_json

__all__ = [
    "LEASE_MS",
    "Place",
    "announce",
    "demand_own_people",
    "extend",
    "forget_announced",
    "get_purchase",
    "release",
    "remaining",
    "take_back",
]

LEASE_MS: Final = 15 * 60_000
ANNOUNCED_MS: Final = 30 * 24 * 3_600_000
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH: Final = 10
_DUE_AT_ONCE: Final = 200


class Place(Struct, frozen=True):
    """A purchase: `purchase` as in the tables; the store of an order need not be known."""

    store: str
    purchase: str


def demand_own_people(work: Work) -> None:
    """Purchases are shown to tills and staff. Raises RefusedError for a web shop's token, which anyone may hold."""
    if work.actor.is_public:
        raise RefusedError(403, "forbidden", "Purchases are seen by the shop's own people")


def get_purchase(work: Work, ask: Place) -> Purchase:
    demand_own_people(work)
    return whole(work, ask.store, ask.purchase)


def remaining(work: Work, store: str, till: str, epoch: int, number: int) -> dict[int, Decimal]:
    """What of each line of a receipt can still come back. Raises RefusedError 404."""
    found = whole(work, store, f"{till}-{epoch}-{number}")
    return {line.n: line.left_qty for line in found.lines}


def take_back(work: Work, ask: TakeBack) -> Return:
    """Keep lines for a till's return. Raises RefusedError 409 `nothing-left`, `too-much`, `voided`."""
    demand_own_people(work)
    if ask.at_store:
        work.actor.demand_store(ask.at_store)
    purchase = ORDER + ask.order_id if ask.source == "order" else f"{ask.till}-{ask.epoch}-{ask.number}"
    found = whole(work, ask.store, purchase, lock=True)
    if found.voided:
        raise RefusedError(409, "voided", "This receipt was taken back as a whole")
    lines = _lines(found, ask)
    total = sum(line.worth_minor for line in lines)
    plan = _plan(work, found, purchase, total)
    return_id = f"{found.store}.{work.new_id()}"
    kept = Kept(lines, plan, ask.at_store, ask.at_till, ask.by, ask.announced)
    until_ms = work.now_ms + LEASE_MS
    row = {
        "store": found.store, "return_id": return_id, "purchase": purchase, "state": HELD, "until_ms": until_ms,
        "created_ms": work.now_ms, "body": encode_json(kept),
    }  # fmt: skip
    work.execute(t.return_hold.insert(), row)
    return Return(return_id, HELD, until_ms, lines, total, plan)


def _lines(found: Purchase, ask: TakeBack) -> tuple[Line, ...]:
    known = {line.n: line for line in found.lines}
    here: dict[int, Taken] = {}
    lines = []
    for one in ask.lines:
        qty = quantity(one.qty)
        line = known.get(one.n)
        if line is None:
            raise RefusedError(422, "line", "This purchase has no such line", str(one.n))
        before = here.get(one.n, Taken(line.qty - line.left_qty, line.pay_minor - line.left_minor))
        left = line.qty - before.quantity
        if left <= 0:
            raise RefusedError(409, "nothing-left", "Nothing of this line is left to come back", str(one.n))
        if qty > left:
            raise RefusedError(409, "too-much", "More than is left of this line", f"{one.n}: {left}")
        worth = refund_minor(Bought(one.n, line.qty, line.pay_minor), before, qty)
        here[one.n] = Taken(before.quantity + qty, before.refunded_minor + worth)
        lines.append(Line(one.n, qty, worth))
    return tuple(lines)


def _plan(work: Work, found: Purchase, purchase: str, total: int) -> tuple[PlanRow, ...]:
    """Over the tenders it was paid with, cash last; never more by one than came by it. What no tender has left goes in cash."""
    planned: dict[tuple[str, str], int] = {}
    for kept in live_holds(work, found.store, purchase):
        for row in kept.plan:
            key = row.kind, row.reference
            planned[key] = planned.get(key, 0) + row.amount_minor
    rows = []
    left = total
    for tender in sorted(found.tenders, key=lambda one: one.kind == "cash"):
        part = min(left, max(0, tender.refundable_minor - planned.get((tender.kind, tender.reference), 0)))
        if part > 0:
            rows.append(PlanRow(tender.provider, tender.kind, tender.reference, part, _where(tender)))
            left -= part
    if left > 0:
        rows.append(PlanRow("till", "cash", "", left, "till"))
    return tuple(rows)


def _where(tender: PaidBy) -> str:
    return "till" if tender.provider == "till" and tender.kind != PREPAID else "provider"


def _held(work: Work, return_id: str) -> Any:
    c = t.return_hold.c
    store = return_id.rpartition(".")[0]
    row = work.execute(
        sa.select(t.return_hold).where(c.store == store, c.return_id == return_id).with_for_update()
    ).first()
    if row is None:
        raise not_found("return", return_id)
    return row


def shown(work: Work, row: Any) -> Return:
    kept = msgspec.json.decode(bytes(row.body), type=Kept)
    state = "lapsed" if row.state == HELD and row.until_ms <= work.now_ms else row.state
    total = sum(line.worth_minor for line in kept.lines)
    return Return(row.return_id, state, row.until_ms, kept.lines, total, kept.plan)


def see(work: Work, return_id: str) -> Return:
    demand_own_people(work)
    return shown(work, _held(work, return_id))


def _mine(work: Work, row: Any) -> None:
    kept = msgspec.json.decode(bytes(row.body), type=Kept)
    if kept.at_store:
        work.actor.demand_store(kept.at_store)


def release(work: Work, return_id: str) -> Return:
    """Nobody wants it any more; what ended before stays as it ended."""
    demand_own_people(work)
    row = _held(work, return_id)
    _mine(work, row)
    if row.state == HELD:
        _put(work, row, state="released")
    return shown(work, _held(work, return_id))


def extend(work: Work, return_id: str) -> Return:
    """Longer, from now. Raises RefusedError 409 `lapsed` for one that is not kept any more."""
    demand_own_people(work)
    row = _held(work, return_id)
    _mine(work, row)
    if row.state != HELD or row.until_ms <= work.now_ms:
        raise RefusedError(409, "lapsed", "This return is not kept any more", row.state)
    _put(work, row, until_ms=work.now_ms + LEASE_MS)
    return shown(work, _held(work, return_id))


def _put(work: Work, row: Any, **values: Any) -> None:
    c = t.return_hold.c
    work.execute(
        t.return_hold.update().where(c.store == row.store, c.return_id == row.return_id).values(**values)
    )


# -- announced


class AnnounceAsk(Struct, frozen=True):
    """`secret`: the order's, by which the public reaches it. `receipt`: where its link leads, found by its MAC."""

    about: Announce
    secret: str = ""
    place: Place | None = None


def announce(work: Work, ask: AnnounceAsk) -> Announcement:
    """A code under which a till sees what the customer wants to bring back. Raises RefusedError 404, 409, 422."""
    about = ask.about
    if ask.place is not None:
        place = ask.place
    else:
        _prove(work, about, ask.secret)
        place = Place("", ORDER + about.order_id)
    found = whole(work, place.store, place.purchase)
    if found.voided:
        raise RefusedError(409, "voided", "This receipt was taken back as a whole")
    left = {line.n: line.left_qty for line in found.lines}
    wanted: dict[int, Decimal] = {}
    for one in about.lines:
        wanted[one.n] = wanted.get(one.n, Decimal(0)) + quantity(one.qty)
        if one.n not in left:
            raise RefusedError(422, "line", "This purchase has no such line", str(one.n))
        if wanted[one.n] > left[one.n]:
            raise RefusedError(409, "too-much", "More than is left of this line", str(one.n))
    announcement_id, expires_ms = work.new_id(), work.now_ms + ANNOUNCED_MS
    number = int.from_bytes(work.ids.token(16), "big")
    code = "".join(_LETTERS[number // len(_LETTERS) ** at % len(_LETTERS)] for at in range(_CODE_LENGTH))
    lines = tuple(AnnouncedLine(one.n, one.qty, one.reason) for one in about.lines)
    row = {
        "store": found.store, "announcement_id": announcement_id, "purchase": place.purchase, "code": code,
        "expires_ms": expires_ms, "body": encode_json(lines),
    }  # fmt: skip
    work.execute(t.return_announced.insert(), row)
    work.event(
        found.store, "return.announced", announcement_id, {"order_id": found.order_id, "number": found.number}
    )
    scan = own_code(ScanKind.RETURN, code)
    return Announcement(announcement_id, code, scan, expires_ms, found.store)


def _prove(work: Work, about: Announce, secret: str) -> None:
    """A guest knows the order's secret, or to which e-mail its messages go. Raises RefusedError 404."""
    if not work.actor.is_public or not about.email:
        orders.see(work, orders.Seen(about.order_id, secret))
        return
    contact = contact_of(work, hold(work, about.order_id, lock=False))
    known = contact.email.strip().lower() if contact is not None else ""
    if not known or not hmac.compare_digest(known.encode(), about.email.strip().lower().encode()):
        raise not_found("order")


def forget_announced(work: Work) -> int:
    """Announcements that are over, some at a time; counts them. See kit.ticks."""
    c = t.return_announced.c
    due = work.execute(
        sa.select(c.store, c.announcement_id).where(c.expires_ms <= work.now_ms).limit(_DUE_AT_ONCE)
    ).all()
    for row in due:
        work.execute(
            t.return_announced.delete().where(c.store == row.store, c.announcement_id == row.announcement_id)
        )
    return len(due)
