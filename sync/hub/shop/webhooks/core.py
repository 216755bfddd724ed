"""Commands and questions about webhooks."""

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from sync.hub import tables as hub_tables
from sync.hub.shop.kit.pages import after, cursor_of, demand_version
from sync.hub.shop.kit.refusal import RefusedError, not_found
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.seals import HubSeals
from sync.hub.shop.webhooks.guard import Rules, UrlError, check_url
from sync.hub.shop.webhooks.matching import matches
from sync.hub.shop.webhooks.messages import (
    Attempt,
    Delivery,
    DeliveryPage,
    NewWebhook,
    Replay,
    Replayed,
    SecretList,
    Webhook,
    WebhookList,
)
from sync.hub.shop.webhooks.signing import new_secret
from sync.hub.shop.webhooks.tables import webhook as w
from sync.hub.shop.webhooks.tables import webhook_attempt, webhook_cursor
from sync.hub.shop.webhooks.tables import webhook_delivery as d

__all__ = [
    "OLD_SECRET_MS",
    "DeliveriesAsk",
    "ListAsk",
    "Make",
    "Put",
    "ReplayAsk",
    "Secrets",
    "change",
    "deliveries",
    "find",
    "get",
    "listing",
    "make",
    "new_row",
    "ping",
    "remove",
    "replay",
    "rotate",
    "secrets",
    "secrets_of",
]

PING: Final = "webhook.ping"
OLD_SECRET_MS: Final = 24 * 3_600_000
WEBHOOKS_MAX: Final = 100
REPLAY_MAX: Final = 10_000
_COLUMNS: Final = tuple(w.c[name] for name in Webhook.__struct_fields__)


class Secrets(Struct, frozen=True):
    """As they are kept, encrypted. `old` signs too until `old_until_ms`."""

    new: str
    old: str = ""
    old_until_ms: int = 0


class Make(Struct, frozen=True):
    about: NewWebhook
    rules: Rules


class Put(Struct, frozen=True):
    webhook_id: str
    about: NewWebhook
    rules: Rules
    if_match: str = ""


class ListAsk(Struct, frozen=True):
    cursor: str
    limit: int


class DeliveriesAsk(Struct, frozen=True):
    webhook_id: str
    state: str
    cursor: str
    limit: int


class ReplayAsk(Struct, frozen=True):
    webhook_id: str
    about: Replay


def make(work: Work, ask: Make) -> Webhook:
    """A subscription to what happens from now on."""
    about = ask.about
    _demand(work, about, ask.rules)
    if work.execute(sa.select(sa.func.count()).select_from(w)).scalar_one() >= WEBHOOKS_MAX:
        raise RefusedError(409, "too-many", f"There are {WEBHOOKS_MAX} webhooks already")
    row: dict[str, Any] = {
        "webhook_id": work.new_id(), "store": about.store, "url": about.url,
        "types": msgspec.json.encode(about.types), "description": about.description, "state": about.state,
        "reason": "", "failures": 0, "version": 1, "created_ms": work.now_ms, "next_ms": 0, "lease": "",
        "lease_until_ms": 0, "secrets": _seal(work, Secrets(new_secret(work.ids))),
    }  # fmt: skip
    work.execute(w.insert(), row)
    for store, n in _heads(work, about.store):
        work.execute(webhook_cursor.insert(), {"store": store, "webhook_id": row["webhook_id"], "n": n})
    return find(work, row["webhook_id"])


def change(work: Work, ask: Put) -> Webhook:
    """Another address, other types; or paused, or active again. The store stays."""
    found = find(work, ask.webhook_id, lock=True)
    demand_version(ask.if_match, found.version)
    _demand(work, ask.about, ask.rules)
    if ask.about.store != found.store:
        raise RefusedError(422, "store", "The store of a webhook does not change; make another one")
    work.execute(
        w.update()
        .where(w.c.webhook_id == ask.webhook_id)
        .values(
            url=ask.about.url,
            types=msgspec.json.encode(ask.about.types),
            description=ask.about.description,
            state=ask.about.state,
            reason="",
            failures=0,
            next_ms=0,
            version=found.version + 1,
        )
    )
    return find(work, ask.webhook_id)


def find(work: Work, webhook_id: str, *, lock: bool = False) -> Webhook:
    """Raises RefusedError."""
    query = sa.select(*_COLUMNS).where(w.c.webhook_id == webhook_id)
    row = work.execute(query.with_for_update() if lock else query).first()
    if row is None or (work.actor.store and row.store != work.actor.store):
        raise not_found("webhook", webhook_id)
    return _webhook(row)


def get(work: Work, webhook_id: str) -> Webhook:
    return find(work, webhook_id)


def listing(work: Work, ask: ListAsk) -> WebhookList:
    query = sa.select(*_COLUMNS).order_by(w.c.webhook_id)
    place = after(ask.cursor, str)
    if place is not None:
        query = query.where(w.c.webhook_id > place[0])
    if work.actor.store:
        query = query.where(w.c.store == work.actor.store)
    rows = [_webhook(row) for row in work.execute(query.limit(ask.limit + 1))]
    more = len(rows) > ask.limit
    return WebhookList(tuple(rows[: ask.limit]), cursor_of(rows[ask.limit - 1].webhook_id) if more else "")


def remove(work: Work, webhook_id: str) -> Webhook:
    """As it was; it is gone with all that waits for it, and its log."""
    found = find(work, webhook_id, lock=True)
    for table in (webhook_attempt, d, webhook_cursor, w):
        work.execute(table.delete().where(table.c.webhook_id == webhook_id))
    return found


def secrets(work: Work, webhook_id: str) -> SecretList:
    """Never part of a command's answer, which is kept with its key."""
    find(work, webhook_id)
    kept = secrets_of(work, webhook_id)
    both = bool(kept.old) and work.now_ms < kept.old_until_ms
    return SecretList((kept.new, kept.old) if both else (kept.new,), kept.old_until_ms if both else 0)


def rotate(work: Work, webhook_id: str) -> Webhook:
    """A new secret; the one before it signs too for a day."""
    found = find(work, webhook_id, lock=True)
    kept = secrets_of(work, webhook_id)
    turned = Secrets(new_secret(work.ids), kept.new, work.now_ms + OLD_SECRET_MS)
    work.execute(
        w.update()
        .where(w.c.webhook_id == webhook_id)
        .values(secrets=_seal(work, turned), version=found.version + 1)
    )
    return find(work, webhook_id)


def ping(work: Work, webhook_id: str) -> Delivery:
    """A message that nothing happened: to see that they arrive."""
    found = find(work, webhook_id, lock=True)
    row = new_row(found.store, webhook_id, work.new_id(), 0, PING, work.now_ms)
    work.execute(d.insert(), row)
    work.execute(w.update().where(w.c.webhook_id == webhook_id).values(next_ms=0))
    return Delivery(
        row["delivery_id"], found.store, 0, PING, "waiting", 0, work.now_ms, work.now_ms, 0, log=()
    )


def replay(work: Work, ask: ReplayAsk) -> Replayed:
    """Send a range again, whatever became of it. Their ids stay, so a receiver knows what it has."""
    about = ask.about
    found = find(work, ask.webhook_id, lock=True)
    if found.store and about.store != found.store:
        raise RefusedError(422, "store", "This webhook follows another store", found.store)
    if about.last < about.first or about.last - about.first >= REPLAY_MAX:
        raise RefusedError(422, "range", f"A range has at most {REPLAY_MAX} events, first to last")
    e = hub_tables.event.c
    types = found.types
    events = work.execute(
        sa.select(e.n, e.event_id, e.type)
        .where(e.store == about.store, e.n >= about.first, e.n <= about.last)
        .order_by(e.n)
    ).all()
    mine = (d.c.store == about.store, d.c.webhook_id == ask.webhook_id)
    known = {
        row.delivery_id: row.state
        for row in work.execute(
            sa.select(d.c.delivery_id, d.c.state).where(*mine, d.c.n >= about.first, d.c.n <= about.last)
        )
    }
    wished = [event for event in events if matches(types, event.type)]
    if about.only_dead:
        wished = [event for event in wished if known.get(event.event_id) == "dead"]
    again = {"state": "waiting", "tries": 0, "next_ms": work.now_ms, "settled_ms": 0}
    for event in wished:
        if event.event_id in known:
            work.execute(d.update().where(*mine, d.c.delivery_id == event.event_id).values(**again))
        else:
            row = new_row(about.store, ask.webhook_id, event.event_id, event.n, event.type, work.now_ms)
            work.execute(d.insert(), row)
    work.execute(w.update().where(w.c.webhook_id == ask.webhook_id).values(next_ms=0))
    return Replayed(len(wished))


def deliveries(work: Work, ask: DeliveriesAsk) -> DeliveryPage:
    """The log, newest first."""
    find(work, ask.webhook_id)
    query = sa.select(d).where(d.c.webhook_id == ask.webhook_id)
    if ask.state:
        query = query.where(d.c.state == ask.state)
    place = after(ask.cursor, int, str, str)
    if place is not None:
        query = query.where(sa.tuple_(d.c.created_ms, d.c.store, d.c.delivery_id) < place)
    order = (d.c.created_ms.desc(), d.c.store.desc(), d.c.delivery_id.desc())
    rows = work.execute(query.order_by(*order).limit(ask.limit + 1)).all()
    more, rows = len(rows) > ask.limit, rows[: ask.limit]
    last = rows[-1] if more else None
    return DeliveryPage(
        tuple(_delivery(work, row) for row in rows),
        cursor_of(last.created_ms, last.store, last.delivery_id) if last is not None else "",
    )


def secrets_of(work: Work, webhook_id: str) -> Secrets:
    """Raises RefusedError where the hub's own key is another than the one they were sealed with."""
    sealed = work.execute(sa.select(w.c.secrets).where(w.c.webhook_id == webhook_id)).scalar_one()
    plain = _seals(work).open(work.connection, "", bytes(sealed))
    if plain is None:
        raise RefusedError(409, "secret-lost", "The hub's own key changed; rotate the secret of this webhook")
    return msgspec.json.decode(plain, type=Secrets)


def _seal(work: Work, kept: Secrets) -> bytes:
    return _seals(work).seal(work.connection, "", msgspec.json.encode(kept))


def _seals(work: Work) -> HubSeals:
    seed = work.execute(sa.select(hub_tables.node_key.c.seed)).scalar_one()
    return HubSeals(bytes(seed), work.ids, use="webhooks")


def _demand(work: Work, about: NewWebhook, rules: Rules) -> None:
    if work.actor.store and about.store != work.actor.store:
        raise RefusedError(403, "forbidden", "This caller belongs to another store", about.store)
    try:
        check_url(about.url, rules)
    except UrlError as error:
        raise RefusedError(422, "url", "Webhooks do not go to this address", error.code) from error


def _heads(work: Work, store: str) -> list[tuple[str, int]]:
    c = hub_tables.event_counter.c
    query = sa.select(c.store, c.n).order_by(c.store)
    return [(row.store, row.n) for row in work.execute(query.where(c.store == store) if store else query)]


def new_row(store: str, webhook_id: str, delivery_id: str, n: int, type_: str, now_ms: int) -> dict[str, Any]:
    return {
        "store": store, "webhook_id": webhook_id, "delivery_id": delivery_id, "n": n, "type": type_,
        "state": "waiting", "attempts": 0, "tries": 0, "created_ms": now_ms, "next_ms": now_ms,
        "settled_ms": 0,
    }  # fmt: skip


def _webhook(row: sa.Row[Any]) -> Webhook:
    held = dict(row._mapping)  # noqa: SLF001 - its public name
    return Webhook(**{**held, "types": msgspec.json.decode(bytes(row.types), type=tuple[str, ...])})


def _delivery(work: Work, row: sa.Row[Any]) -> Delivery:
    a = webhook_attempt.c
    log = work.execute(
        sa.select(a.attempt, a.at_ms, a.status, a.reason, a.took_ms)
        .where(a.store == row.store, a.webhook_id == row.webhook_id, a.delivery_id == row.delivery_id)
        .order_by(a.attempt)
    )
    return Delivery(
        row.delivery_id, row.store, row.n, row.type, row.state, row.attempts, row.created_ms, row.next_ms,
        row.settled_ms, tuple(Attempt(*one) for one in log),
    )  # fmt: skip
