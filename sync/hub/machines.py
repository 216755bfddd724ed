"""Machines, their keys and the epochs they were granted: plain functions over a connection.

A key's standing is "active", "retired" (its machine was replaced, or the key was rotated out: it still vouches
for facts of epochs up to its last) or "revoked" (nothing it signs counts). What changes a machine does so under
the lock of its row, see `lock`.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.facts import GENESIS
from sync.hub import tables as t
from sync.hub.database import insert_or_keep
from sync.keys import SigningKey, key_id_of, verify
from sync.wire import (
    EpochRequest,
    Grant,
    Problem,
    Rotated,
    Rotation,
    epoch_bytes,
    grant_bytes,
    rotation_bytes,
)

__all__ = [
    "FORBIDDEN",
    "OVERLAP_MS",
    "Last",
    "MachineKey",
    "Rights",
    "add_key",
    "answer_request",
    "give_grant",
    "grant_of",
    "key_of",
    "keys",
    "latest_epoch",
    "lock",
    "newest_fact",
    "node_key",
    "retire_others",
    "revoke",
    "role_of",
    "rotate",
]

FORBIDDEN: Final = "urn:tresen:problem:forbidden"
OVERLAP_MS: Final = 7 * 24 * 3_600_000
REASONS: Final = ("restored", "fork")
_SLOT: Final = "own"


class MachineKey(msgspec.Struct, frozen=True):
    """A public key of a machine. Times in ms since 1970, None where there is none."""

    store: str
    machine: str
    role: str
    key_id: str
    public_key: bytes
    state: str
    last_epoch: int | None
    valid_from_ms: int
    valid_until_ms: int | None
    revoked_ms: int | None

    @property
    def revoked(self) -> bool:
        return self.state == "revoked"

    def standing(self, now_ms: int) -> str:
        """One of "active", "retired", "revoked"."""
        if self.state == "active" and self.valid_until_ms is not None and now_ms >= self.valid_until_ms:
            return "retired"
        return self.state

    def may_write(self, epoch: int, now_ms: int) -> bool:
        """Whether the key vouches for facts of this epoch."""
        standing = self.standing(now_ms)
        return standing == "active" or (standing == "retired" and epoch <= (self.last_epoch or 0))


class Last(msgspec.Struct, frozen=True):
    """A newest fact: what a till or a node holds up to."""

    epoch: int = 0
    seq: int = 0
    hash: bytes = GENESIS


_KEYS: Final = (
    t.machine_key.c.store, t.machine_key.c.machine, t.machine.c.role, t.machine_key.c.key_id,
    t.machine_key.c.public_key, t.machine_key.c.state, t.machine_key.c.last_epoch, t.machine_key.c.valid_from_ms,
    t.machine_key.c.valid_until_ms, t.machine_key.c.revoked_ms,
)  # fmt: skip
_JOINED: Final = t.machine_key.join(
    t.machine,
    (t.machine.c.store == t.machine_key.c.store) & (t.machine.c.machine == t.machine_key.c.machine),
)

_KEY_OF: Final = (
    sa.select(*_KEYS)
    .select_from(_JOINED)
    .where(*(t.machine_key.c[name] == sa.bindparam(f"of_{name}") for name in ("store", "machine", "key_id")))
)


def node_key(connection: Connection, new_seed: bytes, now_ms: int) -> SigningKey:
    """The node's own key; `new_seed` becomes it at the first start."""
    query = sa.select(t.node_key.c.seed).where(t.node_key.c.slot == _SLOT)
    seed = connection.execute(query).scalar_one_or_none()
    if seed is None:
        row = {"slot": _SLOT, "seed": new_seed, "created_ms": now_ms}
        insert_or_keep(connection, t.node_key, [row])
        seed = connection.execute(query).scalar_one()
    return SigningKey(bytes(seed))


def lock(connection: Connection, store: str, machine: str, role: str, now_ms: int) -> str:
    """Hold the machine's row until the transaction ends, making it if need be. Gives the machine's role."""
    row = {"store": store, "machine": machine, "role": role, "created_ms": now_ms}
    insert_or_keep(connection, t.machine, [row])
    c = t.machine.c
    held: str = connection.execute(
        sa.select(c.role).where(c.store == store, c.machine == machine).with_for_update()
    ).scalar_one()
    return held


def role_of(connection: Connection, store: str, machine: str) -> str | None:
    c = t.machine.c
    query = sa.select(c.role).where(c.store == store, c.machine == machine)
    return connection.execute(query).scalar_one_or_none()


def key_of(connection: Connection, store: str, machine: str, key_id: str) -> MachineKey | None:
    """A key of this very machine of this very store; None for any other."""
    of = {"of_store": store, "of_machine": machine, "of_key_id": key_id}
    row = connection.execute(_KEY_OF, of).first()
    return None if row is None else _key(row)


def keys(connection: Connection, store: str = "", machine: str = "") -> list[MachineKey]:
    """All keys, of one store or of one machine, each machine's oldest first."""
    c = t.machine_key.c
    query = sa.select(*_KEYS).select_from(_JOINED)
    if store:
        query = query.where(c.store == store)
    if machine:
        query = query.where(c.machine == machine)
    rows = connection.execute(query.order_by(c.store, c.machine, c.valid_from_ms, c.key_id))
    return [_key(row) for row in rows]


def add_key(connection: Connection, store: str, machine: str, public_key: bytes, now_ms: int) -> str:
    """A new key in use; the same key again changes nothing. Gives its id."""
    key_id = key_id_of(public_key)
    row = {
        "store": store,
        "machine": machine,
        "key_id": key_id,
        "public_key": public_key,
        "state": "active",
        "last_epoch": None,
        "valid_from_ms": now_ms,
        "valid_until_ms": None,
        "revoked_ms": None,
    }
    insert_or_keep(connection, t.machine_key, [row])
    return key_id


def retire_others(connection: Connection, store: str, machine: str, key_id: str, epoch: int = 0) -> int:
    """All keys in use but this one are retired with the newest epoch there is, `epoch` at least. Counts them."""
    c = t.machine_key.c
    done = connection.execute(
        t.machine_key.update()
        .where(c.store == store, c.machine == machine, c.key_id != key_id, c.state == "active")
        .values(state="retired", last_epoch=max(epoch, latest_epoch(connection, store, machine)))
    )
    return done.rowcount


def rotate(connection: Connection, old: MachineKey, message: Rotation, now_ms: int) -> Rotated | Problem:
    """A new key beside the old one that signed the wish; the same wish again: the same answer."""
    c = t.machine_key.c
    if not verify(message.public_key, message.proof, rotation_bytes(old.key_id)):
        return Problem(400, "The new key's proof does not hold")
    lock(connection, old.store, old.machine, old.role, now_ms)
    known = {key.key_id: key for key in keys(connection, old.store, old.machine)}
    held, key_id = known[old.key_id], key_id_of(message.public_key)
    if held.standing(now_ms) != "active":
        return _forbidden(f"The key of {old.machine} is {held.standing(now_ms)}")
    if held.valid_until_ms is not None and key_id in known and key_id != old.key_id:
        return Rotated(key_id, held.valid_until_ms)
    if held.valid_until_ms is not None or key_id in known:
        return Problem(409, "The key was changed already, for another one")
    add_key(connection, old.store, old.machine, message.public_key, now_ms)
    connection.execute(
        t.machine_key.update()
        .where(c.store == old.store, c.machine == old.machine, c.key_id == old.key_id)
        .values(
            valid_until_ms=now_ms + OVERLAP_MS, last_epoch=latest_epoch(connection, old.store, old.machine)
        )
    )
    return Rotated(key_id, now_ms + OVERLAP_MS)


def answer_request(
    connection: Connection, node: SigningKey, message: EpochRequest, now_ms: int
) -> Grant | Problem:
    """A till's wish for an epoch, signed by itself, whoever carried it; its key is looked at under the lock."""
    if role_of(connection, message.store, message.till) != "till":
        return _forbidden(f"There is no till {message.till} in store {message.store}")
    lock(connection, message.store, message.till, "till", now_ms)
    key = key_of(connection, message.store, message.till, message.key_id)
    if key is None or key.standing(now_ms) != "active":
        return _forbidden("Only a till with a key in use is granted an epoch")
    if not verify(key.public_key, message.signature, epoch_bytes(message)):
        return _forbidden("The till's signature does not hold")
    if message.reason not in REASONS:
        return Problem(400, "This is no reason for an epoch", f"take one of {', '.join(REASONS)}")
    return give_grant(
        connection,
        node,
        store=message.store,
        till=message.till,
        own=Last(message.epoch, message.last_seq, message.last_hash),
        reason=message.reason,
        request_id=message.request_id,
        now_ms=now_ms,
    )


def revoke(connection: Connection, store: str, machine: str, key_id: str, now_ms: int) -> int:
    """At once and for good: one key, or, for `key_id` empty, all of the machine. Counts those it changed."""
    c = t.machine_key.c
    query = t.machine_key.update().where(c.store == store, c.machine == machine, c.state != "revoked")
    if key_id:
        query = query.where(c.key_id == key_id)
    return connection.execute(query.values(state="revoked", revoked_ms=now_ms)).rowcount


def newest_fact(connection: Connection, store: str, till: str) -> Last:
    """The newest fact of the newest epoch that this node holds; epoch 0 for none."""
    c = t.till_head.c
    row = connection.execute(
        sa.select(c.epoch, c.seq, c.hash)
        .where(c.store == store, c.till == till)
        .order_by(c.epoch.desc())
        .limit(1)
    ).first()
    return Last() if row is None else Last(row.epoch, row.seq, bytes(row.hash))


def latest_epoch(connection: Connection, store: str, till: str) -> int:
    """The newest epoch that has facts or was granted; 0 for none."""
    g = t.till_epoch.c
    granted = connection.execute(
        sa.select(sa.func.max(g.epoch)).where(g.store == store, g.till == till)
    ).scalar_one()
    return max(granted or 0, newest_fact(connection, store, till).epoch)


def grant_of(connection: Connection, store: str, till: str, epoch: int) -> Grant | None:
    """The grant that opened this epoch; None where none was given."""
    c = t.till_epoch.c
    return _grant(connection, c.store == store, c.till == till, c.epoch == epoch)


def give_grant(
    connection: Connection,
    node: SigningKey,
    *,
    store: str,
    till: str,
    own: Last,
    reason: str,
    request_id: str,
    now_ms: int,
) -> Grant:
    """The till's next epoch, under its machine's lock; the same `request_id` again: the same grant.

    It begins after the newer of the node's and the till's `own` newest fact; after a fork, after its own.
    """
    c = t.till_epoch.c
    given = _grant(connection, c.store == store, c.till == till, c.request_id == request_id)
    if given is not None:
        return given
    held = newest_fact(connection, store, till)
    last = own if reason == "fork" or (own.epoch, own.seq) > (held.epoch, held.seq) else held
    grant = Grant(
        store=store,
        till=till,
        epoch=max(latest_epoch(connection, store, till), own.epoch) + 1,
        first_seq=last.seq + 1,
        prev_hash=last.hash,
        previous_epoch=last.epoch,
        reason=reason,
        granted_ms=now_ms,
        key_id=node.key_id,
    )
    grant = msgspec.structs.replace(grant, signature=node.sign(grant_bytes(grant)))
    connection.execute(t.till_epoch.insert().values(**msgspec.structs.asdict(grant), request_id=request_id))
    # A key in its last days of use vouches for this epoch too.
    k = t.machine_key.c
    connection.execute(
        t.machine_key.update()
        .where(k.store == store, k.machine == till, k.state == "active", k.valid_until_ms > now_ms)
        .values(last_epoch=grant.epoch)
    )
    return grant


class Rights:
    """What the ledger asks inside its transaction, at the time that `wall_ms` gives."""

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms

    def key_of(self, connection: Connection, store: str, machine: str, key_id: str) -> MachineKey | None:
        """As `key_of`; `last_epoch` stands there only where the key is no longer in use."""
        found = key_of(connection, store, machine, key_id)
        if found is None or found.standing(self._wall_ms()) != "active":
            return found
        return msgspec.structs.replace(found, last_epoch=None)

    def grant_of(self, connection: Connection, store: str, till: str, epoch: int) -> Grant | None:
        return grant_of(connection, store, till, epoch)


def _forbidden(detail: str) -> Problem:
    return Problem(403, "This key may not do this", detail, type=FORBIDDEN)


def _key(row: Any) -> MachineKey:
    return msgspec.structs.replace(MachineKey(*row), public_key=bytes(row.public_key))


def _grant(connection: Connection, *conditions: sa.ColumnElement[bool]) -> Grant | None:
    c = t.till_epoch.c
    names = Grant.__struct_fields__
    row = connection.execute(sa.select(*(c[name] for name in names)).where(*conditions)).mappings().first()
    if row is None:
        return None
    return Grant(**{**row, "prev_hash": bytes(row["prev_hash"]), "signature": bytes(row["signature"])})
