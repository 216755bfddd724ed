"""Which event goes to which subscription, when it is tried, and what became of it.

A subscription is leased as a whole: one process at a time delivers for it, in the order of events as long as nothing
fails. A process that dies is followed by another one after the lease; what it may have delivered goes again under the
same id.
"""

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import tables as hub_tables
from sync.hub.database import insert_or_keep
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work, read_events
from sync.hub.shop.webhooks.core import new_row, secrets_of
from sync.hub.shop.webhooks.matching import matches
from sync.hub.shop.webhooks.tables import webhook as w
from sync.hub.shop.webhooks.tables import webhook_attempt, webhook_cursor
from sync.hub.shop.webhooks.tables import webhook_delivery as d

__all__ = ["RETRY_MS", "TRIES_MAX", "Answer", "Due", "Leased", "due", "forget", "lease", "release", "settle"]

MINUTE, HOUR = 60_000, 3_600_000
RETRY_MS: Final = (5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
TRIES_MAX: Final = len(RETRY_MS) + 1
_OLD_MS: Final = 72 * HOUR
_FIRST_PAUSE_MS: Final = 5_000
_LONGEST_PAUSE_MS: Final = 5 * MINUTE
_ASKED_PAUSE_MAX_MS: Final = HOUR
_FAN_OUT: Final = 500
_KEPT_MS: Final = 30 * 24 * HOUR


class Leased(msgspec.Struct, frozen=True):
    """A subscription that is ours for a while. `secrets` are those that sign now, the newest first."""

    webhook_id: str
    url: str
    secrets: tuple[str, ...]


class Due(msgspec.Struct, frozen=True):
    """What goes out now; a ping has no event."""

    store: str
    delivery_id: str
    n: int
    type: str
    tries: int
    created_ms: int
    subject: str = ""
    at_ms: int = 0
    data: bytes = b"{}"


class Answer(msgspec.Struct, frozen=True):
    """What the receiver said: `status` 0 for nothing, `reason` then says why. `wait_ms`: it asked to be left alone."""

    status: int
    reason: str
    took_ms: int
    wait_ms: int = 0

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def lease(work: Work, name: str, lease_until_ms: int, *, limit: int) -> list[Leased]:
    """Subscriptions that have something to deliver and that nobody serves; they are ours from now on."""
    now_ms = work.now_ms
    rows = work.execute(
        sa.select(w.c.webhook_id, w.c.store, w.c.url, w.c.types)
        .where(w.c.state == "active", w.c.next_ms <= now_ms, w.c.lease_until_ms <= now_ms)
        .order_by(w.c.next_ms, w.c.webhook_id)
        .with_for_update(skip_locked=True)
    ).all()
    found: list[Leased] = []
    for row in rows:
        if len(found) == limit:
            break
        _fan_out(work.connection, row.webhook_id, row.store, _types(row.types), now_ms)
        waits = work.execute(
            sa.select(d.c.delivery_id)
            .where(d.c.webhook_id == row.webhook_id, d.c.state == "waiting", d.c.next_ms <= now_ms)
            .limit(1)
        ).first()
        if waits is None:
            continue
        try:
            kept = secrets_of(work, row.webhook_id)
        except RefusedError:
            _set(work, row.webhook_id, state="stopped", reason="secret-lost")
            continue
        both = bool(kept.old) and now_ms < kept.old_until_ms
        _set(work, row.webhook_id, lease=name, lease_until_ms=lease_until_ms)
        found.append(Leased(row.webhook_id, row.url, (kept.new, kept.old) if both else (kept.new,)))
    return found


def _fan_out(
    connection: Connection, webhook_id: str, store: str, types: tuple[str, ...], now_ms: int
) -> None:
    """Write down what is to be delivered of events that came since the last look."""
    h, c = hub_tables.event_counter.c, webhook_cursor.c
    joined = hub_tables.event_counter.outerjoin(
        webhook_cursor, sa.and_(h.store == c.store, c.webhook_id == webhook_id)
    )
    query = sa.select(h.store, c.n).select_from(joined).where(sa.or_(c.n.is_(None), c.n < h.n))
    if store:
        query = query.where(h.store == store)
    for behind in connection.execute(query.order_by(h.store)).all():
        if behind.n is None:
            row = {"store": behind.store, "webhook_id": webhook_id, "n": 0}
            insert_or_keep(connection, webhook_cursor, [row])
        events = read_events(connection, behind.store, behind.n or 0, _FAN_OUT)
        wished = [
            new_row(behind.store, webhook_id, event.id, event.n, event.type, now_ms)
            for event in events
            if matches(types, event.type)
        ]
        if wished:
            insert_or_keep(connection, d, wished)
        if events:
            connection.execute(
                webhook_cursor.update()
                .where(c.store == behind.store, c.webhook_id == webhook_id)
                .values(n=events[-1].n)
            )


def due(connection: Connection, webhook_id: str, now_ms: int, limit: int) -> list[Due]:
    """What is to go out now, oldest first."""
    e = hub_tables.event.c
    joined = d.outerjoin(hub_tables.event, sa.and_(e.store == d.c.store, e.n == d.c.n))
    rows = connection.execute(
        sa.select(
            d.c.store, d.c.delivery_id, d.c.n, d.c.type, d.c.tries, d.c.created_ms, e.subject, e.at_ms, e.data
        )
        .select_from(joined)
        .where(d.c.webhook_id == webhook_id, d.c.state == "waiting", d.c.next_ms <= now_ms)
        .order_by(d.c.next_ms, d.c.store, d.c.n, d.c.delivery_id)
        .limit(limit)
    )
    return [
        Due(*row[:6], row.subject, row.at_ms, bytes(row.data)) if row.data is not None else Due(*row[:6])
        for row in rows
    ]


def settle(work: Work, hook: Leased, name: str, delivery: Due, answer: Answer, lease_until_ms: int) -> bool:
    """Keep what became of a delivery. True: go on with the next one; False: leave this receiver alone for now."""
    now_ms = work.now_ms
    held = work.execute(
        sa.select(w.c.failures).where(w.c.webhook_id == hook.webhook_id, w.c.lease == name).with_for_update()
    ).first()
    if held is None:
        return False  # it was removed, or somebody else serves it
    mine = (
        d.c.store == delivery.store, d.c.webhook_id == hook.webhook_id, d.c.delivery_id == delivery.delivery_id,
    )  # fmt: skip
    attempt = work.execute(
        d.update().where(*mine).values(attempts=d.c.attempts + 1).returning(d.c.attempts)
    ).scalar_one()
    work.execute(
        webhook_attempt.insert(),
        {
            "store": delivery.store, "webhook_id": hook.webhook_id, "delivery_id": delivery.delivery_id,
            "attempt": attempt, "at_ms": now_ms, "status": answer.status, "reason": answer.reason,
            "took_ms": answer.took_ms,
        },
    )  # fmt: skip
    if answer.good:
        work.execute(d.update().where(*mine).values(state="delivered", settled_ms=now_ms))
        _set(work, hook.webhook_id, failures=0, reason="", lease_until_ms=lease_until_ms)
        return True
    tries = delivery.tries + 1
    if tries >= TRIES_MAX or now_ms - delivery.created_ms >= _OLD_MS:
        work.execute(d.update().where(*mine).values(state="dead", tries=tries, settled_ms=now_ms))
        if delivery.store:
            about = {"webhook_id": hook.webhook_id, "type": delivery.type, "status": answer.status}
            tasks.add(
                work, delivery.store, "webhook-dead", hook.webhook_id, subject=hook.webhook_id, data=about
            )
    else:
        wait_ms = _spread(RETRY_MS[tries - 1], work.ids)
        work.execute(
            d.update().where(*mine).values(tries=tries, next_ms=now_ms + max(wait_ms, answer.wait_ms))
        )
    failures = held.failures + 1
    if answer.status == 410:
        _set(work, hook.webhook_id, failures=failures, state="stopped", reason="gone")
        return False
    pause_ms = min(_LONGEST_PAUSE_MS, _FIRST_PAUSE_MS << min(failures - 1, 10))
    pause_ms = max(pause_ms, min(answer.wait_ms, _ASKED_PAUSE_MAX_MS))
    _set(
        work,
        hook.webhook_id,
        failures=failures,
        reason=answer.reason or str(answer.status),
        next_ms=now_ms + pause_ms,
    )
    return False


def release(connection: Connection, webhook_id: str, name: str) -> None:
    """Nothing more to do for it now."""
    connection.execute(
        w.update().where(w.c.webhook_id == webhook_id, w.c.lease == name).values(lease="", lease_until_ms=0)
    )


def forget(connection: Connection, now_ms: int) -> int:
    """Drop deliveries that are long done, and their log; counts them."""
    old = now_ms - _KEPT_MS
    connection.execute(webhook_attempt.delete().where(webhook_attempt.c.at_ms <= old))
    return connection.execute(d.delete().where(d.c.state != "waiting", d.c.settled_ms <= old)).rowcount


def _set(work: Work, webhook_id: str, **values: Any) -> None:
    work.execute(w.update().where(w.c.webhook_id == webhook_id).values(**values))


def _spread(wait_ms: int, ids: Ids) -> int:
    """Up to a tenth longer, by chance, so that not everything comes back at once."""
    return wait_ms + wait_ms * ids.token(1)[0] // 2_560


def _types(stored: bytes) -> tuple[str, ...]:
    return msgspec.json.decode(bytes(stored), type=tuple[str, ...])
