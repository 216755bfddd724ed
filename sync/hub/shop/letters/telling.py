"""What customers are told of their orders: follows the events of all stores, each once, and writes messages.

The cursor moves in the transaction that writes the messages, so none is lost and none is doubled. What an event means is
looked up in the order as it stands now; what does not hold any more is not said, and taken back where it still waits.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import tables as hub_tables
from sync.hub.database import insert_or_keep
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.links import ORDER, link_to
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Event, Work, read_events
from sync.hub.shop.letters import core, outbox
from sync.hub.shop.letters.kinds import LANGUAGES, kinds
from sync.hub.shop.letters.outbox import Message
from sync.hub.shop.orders.body import Held, Task, hold, shown
from sync.hub.shop.orders.messages import OrderLine
from sync.hub.shop.returns.asking import COUNTER
from sync.hub.shop.webhooks.tables import webhook_cursor

__all__ = ["ACTOR", "Contact", "ContactOf", "follow"]

ACTOR: Final = Actor("hub", "messages", "admin")
# Cursors over the events stand in one table; a subscription's name is a UUID and never this.
_WHO: Final = "messages"
_STEP: Final = 200
_OLD_MS: Final = 48 * 3_600_000
_PICKUP: Final = ("order-ready", "alteration-ready", "pickup-reminder", "pickup-extended", "order-partly")
_SHIPPED: Final = frozenset({"ship_from_store", "endless_aisle"})

_log = logging.getLogger("tresen.messages")


class Contact(msgspec.Struct, frozen=True):
    """How a person is reached. `customer` is empty for somebody without an account."""

    email: str = ""
    phone: str = ""
    customer: str = ""


ContactOf = Callable[[Work, Held], Contact | None]
"""Whom an order's messages go to; None where nobody can be reached."""


def follow(
    connection: Connection,
    contact_of: ContactOf,
    channels: frozenset[str],
    now_ms: int,
    ids: Ids,
    public_url: str = "",
) -> bool:
    """Read on in the events of one store that is behind; False if none is.

    `public_url`: where customers find the hub's pages; without it messages have no links.
    """
    h, c = hub_tables.event_counter.c, webhook_cursor.c
    joined = hub_tables.event_counter.outerjoin(
        webhook_cursor, sa.and_(h.store == c.store, c.webhook_id == _WHO)
    )
    behind = connection.execute(
        sa.select(h.store)
        .select_from(joined)
        .where(sa.or_(c.n.is_(None), c.n < h.n))
        .order_by(h.store)
        .limit(1)
    ).scalar_one_or_none()
    if behind is None:
        return False
    mine = (c.store == behind, c.webhook_id == _WHO)
    insert_or_keep(connection, webhook_cursor, [{"store": behind, "webhook_id": _WHO, "n": 0}])
    after = connection.execute(sa.select(c.n).where(*mine).with_for_update()).scalar_one()
    events = read_events(connection, behind, after, _STEP)
    work = Work(connection, now_ms, ids, ACTOR)
    for event in events:
        if event.type.startswith("order.") and now_ms - event.at_ms < _OLD_MS:
            _order(work, event, contact_of, channels, public_url)
        elif event.type == "customer.erased" and event.subject:
            outbox.erase_customer(connection, event.subject, now_ms)
    if events:
        connection.execute(webhook_cursor.update().where(*mine).values(n=events[-1].n))
    work.finish()
    return True


def _order(
    work: Work, event: Event, contact_of: ContactOf, channels: frozenset[str], public_url: str
) -> None:
    try:
        held = hold(work, event.subject, lock=False)
        if held.store != event.store:
            return  # the order's own store has the same event
        data = msgspec.json.decode(event.data, type=dict[str, Any])
        _take_back(work, held, event.type)
        contact = contact_of(work, held)
        if contact is None:
            return
        channel, to = ("email", contact.email) if contact.email else ("sms", contact.phone)
        if not to or (channel == "sms" and channel not in channels):
            return
        language = held.body.language if held.body.language in LANGUAGES else "en"
        link = f"{public_url}/o/{link_to(work, ORDER, held.store, held.order_id)}" if public_url else ""
        for store, key, kind, fields in _said(held, event, data):
            about = {"order": str(held.number), "currency": held.body.currency, **fields}
            about |= {name: link for name in ("link", "extend_link") if link and name in kinds()[kind].may}
            until_ms = fields.get("deadline_ms") or 0
            core.say(
                work,
                Message(
                    store,
                    f"order/{held.order_id}/{key}",
                    kind,
                    to,
                    about,
                    channel,
                    language,
                    contact.customer,
                    until_ms,
                ),
            )
    except (RefusedError, ValueError, KeyError) as error:
        _log.error(
            "event %s %s of store %s is told to nobody: %s",
            event.type,
            event.id,
            event.store,
            type(error).__name__,
        )


def _take_back(work: Work, held: Held, type_: str) -> None:
    """What waits for the morning and does not hold any more."""
    if type_ in {"order.handed_over", "order.expired", "order.cancelled", "order.closed", "order.shipped"}:
        stores = {held.store, *(task.store for task in held.tasks.values())}
        open_here = {task.store for task in held.tasks.values() if task.state in {"ready", "claimed"}}
        for store in sorted(stores - open_here):
            outbox.withdraw_all(work.connection, store, f"order/{held.order_id}/", _PICKUP, work.now_ms)


def _said(held: Held, event: Event, data: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Store, key, kind and fields of what the event means for the customer."""
    task = held.tasks.get(str(data.get("fulfillment_id", "")))
    order = shown(held)
    over = max(0, -order.rest_minor)
    match event.type:
        case "order.placed" | "order.paid" if held.state == "confirmed" and held.kind != "in_store":
            pickup = held.kind not in _SHIPPED
            fields = {
                "lines": [_goods(line, line.qty) for line in held.body.lines], "total_minor": order.value_minor,
                "pickup": pickup, "paid": order.rest_minor <= 0, "ordered_ms": held.created_ms,
                "ready_by_ms": min((one.due_ms for one in held.tasks.values()), default=0) if pickup else 0,
            }  # fmt: skip
            return [(held.store, "received", "order-received", fields)]
        case "order.ready" if task is not None and task.deadline_ms and task.state in {"ready", "claimed"}:
            return _ready(held, task, max(0, order.rest_minor), over)
        case "order.reminder" | "order.extended" if task is not None and task.state in {"ready", "claimed"}:
            kind = "pickup-reminder" if event.type == "order.reminder" else "pickup-extended"
            fields = {"code": held.code, "deadline_ms": task.deadline_ms}
            if kind == "pickup-reminder":
                fields["due_minor"] = max(0, order.rest_minor)
            return [(task.store, f"{kind}/{event.n}", kind, fields)]
        case "order.shipped" if task is not None and task.doing.label is not None:
            label = task.doing.label
            sent: dict[str, Any] = {"carrier": label.carrier}
            sent |= {"tracking": label.tracking} if label.tracking else {}
            sent |= {"parcel": label.url} if label.url else {}
            return [(held.store, f"shipped/{task.fulfillment_id}", "order-shipped", sent)]
        case "order.expired" if task is not None:
            return [(task.store, f"expired/{task.fulfillment_id}", "pickup-expired", {"refund_minor": over})]
        case "order.returned":
            came = [(held.line(n), Decimal(qty)) for n, qty in data.get("lines", ()) if Decimal(qty) > 0]
            if not came:
                return []
            fields = {"lines": [_goods(line, qty, priced=False) for line, qty in came]}
            if any(one.provider not in COUNTER for one in held.body.payments):
                fields["amount_minor"] = data["amount_minor"]
            return [(held.store, f"returned/{event.n}", "return-received", fields)]
        case "order.refund_started":
            providers = {one.provider for one in held.body.payments if one.provider not in COUNTER}
            fields = {"amount_minor": data["amount_minor"], "way": ", ".join(sorted(providers))}
            return [(held.store, f"refund/{data['refund_id']}", "refund-started", fields)]
        case "order.cancelled" if data.get("reason") != "not-collected":
            fields = {"by_customer": data.get("reason") == "customer", "refund_minor": over}
            return [(held.store, "cancelled", "order-cancelled", fields)]
    return []


def _ready(held: Held, task: Task, due: int, over: int) -> list[tuple[str, str, str, dict[str, Any]]]:
    found: list[tuple[str, str, str, dict[str, Any]]] = []
    name = task.fulfillment_id
    short = [(held.line(line.n), line.short) for line in task.doing.lines if line.short]
    if short:
        fields: dict[str, Any] = {
            "missing": [_goods(line, qty, priced=False) for line, qty in short], "refund_minor": over,
            "substitutes": [_goods(line, line.qty) for line in _lines(held, task) if line.for_n],
            "later": any(other.state == "new" for other in held.tasks.values()),
        }  # fmt: skip
        found.append((task.store, f"partly/{name}", "order-partly", fields))
    there = [_goods(held.line(line.n), line.picked, priced=False) for line in task.doing.lines if line.picked]
    about: dict[str, Any] = {"code": held.code, "deadline_ms": task.deadline_ms, "due_minor": due}
    if held.body.purpose == "alteration":
        about["what"] = ", ".join(line.text for line in _lines(held, task))
        found.append((task.store, f"ready/{name}", "alteration-ready", about))
    else:
        found.append((task.store, f"ready/{name}", "order-ready", {**about, "lines": there}))
    return found


def _lines(held: Held, task: Task) -> list[OrderLine]:
    return [held.line(line.n) for line in task.doing.lines]


def _goods(line: OrderLine, qty: Decimal, *, priced: bool = True) -> dict[str, Any]:
    unit = "" if line.unit == "pc" else line.unit
    goods: dict[str, Any] = {"quantity": f"{qty.normalize():f}", "name": line.text, "unit": unit}
    if priced:
        goods["amount_minor"] = line.pay_minor
    return goods
