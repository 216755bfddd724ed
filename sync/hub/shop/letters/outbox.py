"""The outbox: messages wait in the transaction that caused them, are leased to be sent, and end once.

waiting -> sending -> sent | refused | given_up, and back to waiting. A lease keeps other processes of the hub away; one
that ran out belongs to a process that died, and whether its message went out is unknown. What is unknown is tried again
with the same message id, twice at most: a pickup code that comes twice is better than one that never comes.
"""

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import exceptions
from sync.hub.database import upsert
from sync.hub.shop.customers.keys import destroy
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.kinds import kinds
from sync.hub.shop.letters.messenger import Outcome
from sync.hub.shop.letters.seals import Seals
from sync.hub.shop.letters.tables import message as t

__all__ = [
    "ONCE",
    "UNKNOWNS_MAX",
    "Content",
    "Due",
    "Message",
    "counts",
    "due",
    "erase_address",
    "erase_customer",
    "forget",
    "give_up",
    "postpone",
    "put",
    "read_content",
    "renew",
    "settle",
    "withdraw",
    "withdraw_all",
]

UNKNOWNS_MAX: Final = 2
ONCE: Final = "once/"
"""Begins the name of a key that one message alone is sealed under."""
_FIRST_WAIT_MS: Final = 60_000
_LONGEST_WAIT_MS: Final = 3_600_000
_ROWS_KEPT_MS: Final = 400 * 86_400_000
_OPEN: Final = ("waiting", "sending")


class Message(msgspec.Struct, frozen=True):
    """What is to be said to whom. `key` is unique within the store and holds no personal data, like "order/17/ready/1".

    `store` is "" where it concerns none. `until_ms` 0: as long as the hub's settings say. `fields` are those of the kind,
    see docs/messages.md: text, amounts in minor units, moments in ms since 1970. A `purpose` other than the kind's is one
    that the customer must agree to when it is sent.
    """

    store: str
    key: str
    kind: str
    to: str
    fields: dict[str, Any]
    channel: str = "email"
    language: str = "de"
    customer: str = ""
    until_ms: int = 0
    purpose: str = ""


class Content(msgspec.Struct, frozen=True):
    """What is encrypted."""

    to: str
    fields: dict[str, Any]


class Due(msgspec.Struct, frozen=True):
    """A message that may be sent now, as it was leased; `attempts` counts this one."""

    store: str
    key: str
    kind: str
    purpose: str
    channel: str
    language: str
    customer: str
    urgent: bool
    attempts: int
    unknowns: int
    created_ms: int
    until_ms: int
    sealed: bytes


_DUE: Final = tuple(t.c[name] for name in Due.__struct_fields__)


def put(connection: Connection, message: Message, seals: Seals, now_ms: int) -> bool:
    """Write a message into the outbox. False if one with its key is there already, which stays as it is.

    Raises ValueError for a kind that does not exist or a field that the kind needs and that is missing: a fault of the
    program, found by its first test.
    """
    kind = kinds().get(message.kind)
    if kind is None:
        raise ValueError(f"there is no message {message.kind}")
    missing = sorted(set(kind.needs) - message.fields.keys())
    if missing:
        raise ValueError(f"a message {message.kind} needs {', '.join(missing)}")
    content = msgspec.json.encode(Content(message.to, message.fields))
    row = {
        "store": message.store,
        "key": message.key,
        "kind": message.kind,
        "purpose": message.purpose or kind.purpose,
        "channel": message.channel,
        "language": message.language,
        "customer": message.customer,
        "urgent": kind.urgent,
        "state": "waiting",
        "reason": "",
        "answer": "",
        "attempts": 0,
        "unknowns": 0,
        "created_ms": now_ms,
        "next_ms": now_ms,
        "until_ms": message.until_ms,
        "lease": "",
        "lease_until_ms": 0,
        "settled_ms": 0,
        "address_mark": seals.mark(message.to) if kind.content != "until-done" else b"",
        "sealed": seals.seal(connection, message.customer, content),
    }
    written = upsert(connection, t).values(row).on_conflict_do_nothing().returning(t.c.key)
    return connection.execute(written).first() is not None


def withdraw(connection: Connection, store: str, key: str, now_ms: int) -> bool:
    """Take a message back that has not gone out: what it says does not hold any more. False if it was too late."""
    return _end(connection, _is(store, key) & (t.c.state == "waiting"), "withdrawn", now_ms) == 1


def withdraw_all(connection: Connection, store: str, prefix: str, kinds: tuple[str, ...], now_ms: int) -> int:
    """The same for all of these kinds whose keys begin like this; gives how many."""
    which = (t.c.store == store) & t.c.key.startswith(prefix, autoescape=True) & t.c.kind.in_(kinds)
    return _end(connection, which & (t.c.state == "waiting"), "withdrawn", now_ms)


def due(connection: Connection, now_ms: int, limit: int, lease_name: str, lease_until_ms: int) -> list[Due]:
    """Lease up to `limit` messages whose time has come. A lease that ran out counts as an unknown outcome."""
    lost = (t.c.state == "sending") & (t.c.lease_until_ms <= now_ms)
    rows = connection.execute(
        sa.select(t.c.store, t.c.key, t.c.state)
        .where(((t.c.state == "waiting") & (t.c.next_ms <= now_ms)) | lost)
        .order_by(t.c.next_ms, t.c.store, t.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    found = []
    for store, key, state in rows:
        connection.execute(
            t.update()
            .where(_is(store, key))
            .values(
                state="sending",
                reason="",
                lease=lease_name,
                lease_until_ms=lease_until_ms,
                attempts=t.c.attempts + 1,
                unknowns=t.c.unknowns + (1 if state == "sending" else 0),
            )
        )
        row = connection.execute(sa.select(*_DUE).where(_is(store, key))).one()
        found.append(Due(*row))
    return found


def read_content(connection: Connection, message: Due, seals: Seals) -> Content | None:
    """Address and fields; None if they were erased."""
    plain = seals.open(connection, message.customer, message.sealed) if message.sealed else None
    return msgspec.json.decode(plain, type=Content) if plain is not None else None


def renew(connection: Connection, message: Due, name: str, lease_until_ms: int) -> bool:
    """Whether the lease is still ours, and then for longer: somebody may have erased or taken over the message since."""
    done = connection.execute(t.update().where(_ours(message, name)).values(lease_until_ms=lease_until_ms))
    return done.rowcount == 1


def postpone(connection: Connection, message: Due, name: str, next_ms: int, reason: str) -> None:
    """Not now, and it was not tried: quiet hours, or the server is away."""
    connection.execute(
        t.update()
        .where(_ours(message, name))
        .values(
            state="waiting",
            reason=reason,
            next_ms=next_ms,
            attempts=t.c.attempts - 1,
            lease="",
            lease_until_ms=0,
        )
    )


def settle(work: Work, message: Due, name: str, outcome: Outcome, *, pause_ms: int = 0) -> str:
    """Keep what became of it; gives the state. Nothing happens, and "" is given, if the lease is not ours any more."""
    how, unknowns = outcome.how, message.unknowns
    if how == "unknown":
        unknowns += 1
        how = "later" if unknowns <= UNKNOWNS_MAX else how
    if how == "sent":
        values = _ended("sent", "", work.now_ms)
    elif how == "refused":
        values = _ended("refused", "server" if outcome.answer != "address" else "address", work.now_ms)
    elif how == "unknown":
        values = _ended("given_up", "unknown", work.now_ms)
    else:
        wait_ms = min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS << min(message.attempts - 1, 10))
        if pause_ms and outcome.how == "later":
            wait_ms = pause_ms
        reason = "unknown" if outcome.how == "unknown" else "server" if outcome.server else "later"
        values = {"state": "waiting", "reason": reason, "next_ms": work.now_ms + wait_ms}
    done = work.execute(
        t.update()
        .where(_ours(message, name))
        .values(**values, answer=outcome.answer, unknowns=unknowns, lease="", lease_until_ms=0)
    )
    if done.rowcount != 1:
        return ""
    _drop(work, message, str(values["state"]))
    _tell(work, message, str(values["state"]), str(values["reason"]), outcome.answer)
    return str(values["state"])


def give_up(work: Work, message: Due, name: str, reason: str) -> None:
    """It will not be sent: too late, erased, no consent, no channel, or it cannot be written."""
    if _end(work.connection, _ours(message, name), reason, work.now_ms):
        _drop(work, message, "given_up")
        _tell(work, message, "given_up", reason, "")


def forget(connection: Connection, now_ms: int, retention_ms: int) -> int:
    """Remove address and content of what is long done, and rows that nobody asks for any more. Gives how many."""
    emptied = connection.execute(
        t.update()
        .where(t.c.state.not_in(_OPEN) & (t.c.settled_ms <= now_ms - retention_ms) & (t.c.sealed != b""))
        .values(sealed=b"", address_mark=b"")
    ).rowcount
    connection.execute(t.delete().where(t.c.state.not_in(_OPEN) & (t.c.settled_ms <= now_ms - _ROWS_KEPT_MS)))
    return emptied


def erase_customer(connection: Connection, customer: str, now_ms: int) -> int:
    """Nothing of a customer stays: what waits is given up, address and content go, and the customer's id."""
    assert customer
    return _erase(connection, t.c.customer == customer, now_ms)


def erase_address(connection: Connection, address: str, seals: Seals, now_ms: int) -> int:
    """The same for messages to an address, which people without an account have."""
    return _erase(connection, t.c.address_mark == seals.mark(address), now_ms)


def counts(connection: Connection) -> dict[str, int]:
    """How many messages stand in which state."""
    rows = connection.execute(sa.select(t.c.state, sa.func.count()).group_by(t.c.state))
    return {str(state): int(count) for state, count in rows}


def _erase(connection: Connection, whose: sa.ColumnElement[bool], now_ms: int) -> int:
    _end(connection, whose & t.c.state.in_(_OPEN), "erased", now_ms)
    return connection.execute(
        t.update().where(whose).values(sealed=b"", address_mark=b"", customer="")
    ).rowcount


def _end(connection: Connection, which: sa.ColumnElement[bool], reason: str, now_ms: int) -> int:
    return connection.execute(
        t.update().where(which).values(**_ended("given_up", reason, now_ms), lease="", lease_until_ms=0)
    ).rowcount


def _ended(state: str, reason: str, now_ms: int) -> dict[str, Any]:
    return {"state": state, "reason": reason, "settled_ms": now_ms}


def _drop(work: Work, message: Due, state: str) -> None:
    """Address and content of what must not stay longer; with them the key, where it was this message's own."""
    kind = kinds().get(message.kind)
    kept = "a-while" if kind is None else kind.content
    if state == "waiting" or kept == "a-while" or (kept == "until-sent" and state != "sent"):
        return
    values = {"sealed": b"", "address_mark": b"", "customer": ""}
    work.execute(t.update().where(_is(message.store, message.key)).values(values))
    if message.customer.startswith(ONCE):
        destroy(work, message.customer)


def _tell(work: Work, message: Due, state: str, reason: str, answer: str) -> None:
    """Say that a message ended. Where one did not reach its customer, a person must know."""
    if state == "waiting":
        return
    about = {"kind": message.kind, "channel": message.channel, "reason": reason, "answer": answer}
    if message.store:
        work.event(message.store, f"message.{state}", message.key, about)
    wished = reason in {"consent", "erased"} or message.purpose != "transactional"
    if state == "sent" or wished:
        return
    if message.store:
        tasks.add(work, message.store, "message-failed", message.key, subject=message.key, data=about)
    else:
        detail = f"{message.kind} by {message.channel}: {reason} {answer}".strip()
        exceptions.note(work.connection, "", "message-failed", message.key, detail=detail, now_ms=work.now_ms)


def _is(store: str, key: str) -> sa.ColumnElement[bool]:
    return (t.c.store == store) & (t.c.key == key)


def _ours(message: Due, name: str) -> sa.ColumnElement[bool]:
    return _is(message.store, message.key) & (t.c.state == "sending") & (t.c.lease == name)
