"""One command of the channels, in one transaction: what it does, the events it leaves, and its answer by its key.

A command is a plain function `(work, ask) -> answer` over tables; it raises RefusedError to say no. `perform` runs one: where a
key was used before, the first answer is given again; events and changes that go down to the tills are written last, in the
order of their scopes, because their numbers are taken under a lock that is held until the commit.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import changes
from sync.hub import tables as t
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.kit.actor import Actor, secret_hash
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.vault import has_vault, vault_of
from sync.wire import encode_json

__all__ = [
    "KEY_KEPT_MS",
    "KEY_MAX",
    "Done",
    "Event",
    "Keyed",
    "Work",
    "forget_keys",
    "perform",
    "read_events",
]

KEY_MAX: Final = 128
KEY_KEPT_MS: Final = 45 * 24 * 3600 * 1000
_SEALED: Final = b"\0"
_NONCE_BYTES: Final = 12
_COUNT: Final = Inserting(t.event_counter, keep=True)
_SAY: Final = Inserting(t.event)


_FIRST: Final = Inserting(t.idempotency, keep=True, returning=("key",))


@prepared
def _answered(caller: Any, key: Any) -> Any:
    c = t.idempotency.c
    return sa.select(c.digest, c.status, c.body, c.tag).where(c.caller == caller, c.key == key)


@prepared
def _answer(caller: Any, key: Any, status: Any, body: Any, tag: Any) -> Any:
    c = t.idempotency.c
    mine = (c.caller == caller, c.key == key)
    return t.idempotency.update().where(*mine).values(status=status, body=body, tag=tag)


@prepared
def _counted(of_store: Any, more: Any) -> Any:
    c = t.event_counter.c
    return t.event_counter.update().where(c.store == of_store).values(n=c.n + more).returning(c.n)


_T = TypeVar("_T")
_A = TypeVar("_A")


class Event(msgspec.Struct, frozen=True):
    """What happened, for webhooks and readers. `n` counts without gaps per store; `type` is like `order.ready`."""

    store: str
    n: int
    id: str
    type: str
    subject: str
    at_ms: int
    data: msgspec.Raw


class Work:
    """What a command works with: the open transaction, the hub's time, ids by chance, and who acts."""

    def __init__(self, connection: Connection, now_ms: int, ids: Ids, actor: Actor) -> None:
        self.connection = connection
        self.now_ms = now_ms
        self.ids = ids
        self.actor = actor
        self._events: list[tuple[str, str, str, bytes]] = []
        self._changes: list[tuple[str, str, str, str | None]] = []

    def execute(self, statement: Any, rows: Any = None) -> Any:
        return self.connection.execute(statement, rows)

    def new_id(self) -> str:
        """A UUIDv7 (RFC 9562): 48 bits of time, 74 of chance."""
        rest = int.from_bytes(self.ids.token(10), "big")
        number = (self.now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (rest >> 64 & 0xFFF) << 64
        number |= 0b10 << 62 | rest & (1 << 62) - 1
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def new_secret(self) -> str:
        """192 bits by chance, as text for an address or a header; keep only `secret_hash` of it."""
        return self.ids.token(24).hex()

    def demand_secret(self, given: str, kept_hash: bytes) -> None:
        """A public caller must know the resource's secret; whoever does not, hears that there is nothing."""
        if self.actor.is_public and not hmac.compare_digest(bytes(kept_hash), secret_hash(given)):
            raise RefusedError(404, "not-found", "There is no such resource, or its secret is another")

    def event(self, store: str, type_: str, subject: str, data: object) -> None:
        """Say what happened. `data` holds no personal data: who needs it asks by the subject."""
        self._events.append((store, type_, subject, encode_json(data)))

    def change(self, scope: str, kind: str, key: str, record: object | None) -> None:
        """A record that goes down to tills (see sync.hub.changes); None: it is gone."""
        body = None if record is None else encode_json(record).decode()
        self._changes.append((scope, kind, key, body))

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """What fails inside leaves no events and changes behind."""
        events, records = len(self._events), len(self._changes)
        try:
            yield
        except BaseException:
            del self._events[events:], self._changes[records:]
            raise

    def finish(self) -> None:
        """Write events and changes. The last thing of the transaction."""
        for store in sorted({store for store, *_ in self._events}):
            self._write_events(store)
        stamp = changes.new_stamp(self.ids) if self._changes else ""
        for scope, kind in sorted({(scope, kind) for scope, kind, *_ in self._changes}):
            rows = [(key, body) for s, k, key, body in self._changes if (s, k) == (scope, kind)]
            changes.append(self.connection, scope, kind, rows, stamp, self.now_ms)

    def _write_events(self, store: str) -> None:
        mine = [event for event in self._events if event[0] == store]
        last = _counted.scalar(self.connection, store, len(mine))
        if last is None:
            _COUNT.run(self.connection, {"store": store, "n": 0})
            last = _counted.scalar(self.connection, store, len(mine))
            assert last is not None
        rows = [
            {
                "store": store, "n": n, "event_id": self.new_id(), "type": type_, "subject": subject,
                "at_ms": self.now_ms, "data": data,
            }
            for n, (_, type_, subject, data) in enumerate(mine, last - len(mine) + 1)
        ]  # fmt: skip
        _SAY.all_of(self.connection, rows)


class Keyed(msgspec.Struct, frozen=True):
    """An idempotency key and what it was used for: the request's name (method and path) and the digest of its body."""

    key: str
    name: str
    digest: bytes

    @classmethod
    def of(cls, key: str, name: str, body: bytes) -> "Keyed":
        return cls(key, name, hashlib.sha256(name.encode() + b"\0" + body).digest())


class Done(msgspec.Struct, frozen=True):
    """An answer as JSON. `again`: it was given before, under this key; nothing was done now."""

    body: bytes
    status: int
    tag: str
    again: bool = False


def perform(
    connection: Connection,
    function: Callable[[Work, _A], _T],
    ask: _A,
    *,
    now_ms: int,
    ids: Ids,
    actor: Actor,
    keyed: Keyed | None = None,
    status: int = 200,
    tag: Callable[[_T], str] = lambda _: "",
) -> Done:
    """Run one command. Raises RefusedError, also for a key that was used for something else (422)."""
    if keyed is not None:
        known = _known(connection, actor, keyed, now_ms)
        if known is not None:
            return known
    work = Work(connection, now_ms, ids, actor)
    answer = function(work, ask)
    body = encode_json(answer)
    done = Done(body, status, tag(answer))
    if keyed is not None:
        kept = _kept(connection, ids, body, _whose(actor, keyed))
        _answer.run(connection, actor.name, keyed.key, done.status, kept, done.tag)
    work.finish()
    return done


def _known(connection: Connection, actor: Actor, keyed: Keyed, now_ms: int) -> Done | None:
    """The answer of the first time. The row is the lock: a second request under the key waits for the first one."""
    row = {
        "caller": actor.name, "key": keyed.key, "digest": keyed.digest, "status": 0, "body": b"", "tag": "",
        "created_ms": now_ms,
    }  # fmt: skip
    if _FIRST.first(connection, row) is not None:
        return None
    known = _answered.first(connection, actor.name, keyed.key)
    assert known is not None, "the row that was in the way is there"
    if bytes(known.digest) != keyed.digest:
        raise RefusedError(422, "key-reused", "This Idempotency-Key was used for another request", keyed.name)
    return Done(
        _given(connection, bytes(known.body), _whose(actor, keyed)), known.status, known.tag, again=True
    )


def _whose(actor: Actor, keyed: Keyed) -> str:
    return f"{actor.name}\0{keyed.key}"


def _kept(connection: Connection, ids: Ids, body: bytes, whose: str) -> bytes:
    """As it lies in the table: encrypted under the hub's key file, since an answer may hold a secret, once."""
    if not has_vault(connection):
        return body
    return _SEALED + vault_of(connection).seal_answer(body, ids.token(_NONCE_BYTES), whose)


def _given(connection: Connection, kept: bytes, whose: str) -> bytes:
    """Raises VaultError."""
    if not kept.startswith(_SEALED):
        return kept
    return vault_of(connection).open_answer(kept.removeprefix(_SEALED), whose)


def forget_keys(connection: Connection, now_ms: int) -> int:
    """Drop keys that are older than they are kept; counts them."""
    c = t.idempotency.c
    return connection.execute(t.idempotency.delete().where(c.created_ms < now_ms - KEY_KEPT_MS)).rowcount


def read_events(connection: Connection, store: str, after: int, limit: int) -> list[Event]:
    """Events of one store behind `after`, in order, without gaps."""
    c = t.event.c
    query = (
        sa.select(c.store, c.n, c.event_id, c.type, c.subject, c.at_ms, c.data)
        .where(c.store == store, c.n > after)
        .order_by(c.n)
        .limit(limit)
    )
    return [Event(*row[:6], msgspec.Raw(bytes(row.data))) for row in connection.execute(query)]
