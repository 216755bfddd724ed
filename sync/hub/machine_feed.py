"""The keys of a store's machines as changes of its scope: so relays know whose seals and requests hold.

Kind "machine", key "machine/key_id"; a body is `MachineRecord`.
"""

from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub import changes, enrolment, machines
from sync.hub import tables as t
from sync.hub.database import insert_or_keep, upsert
from sync.hub.machines import MachineKey
from sync.keys import SigningKey
from sync.wire import Enrol, Enrolled, EpochRequest, Grant, Problem, Rotated, Rotation

__all__ = ["KIND", "MachineRecord", "answer_request", "publish", "redeem", "revoke", "rotate", "take"]

KIND: Final = "machine"


class MachineRecord(msgspec.Struct, frozen=True):
    """A public key and its standing. Times in ms since 1970, None where there is none."""

    machine: str
    key_id: str
    public_key: bytes
    role: str
    state: str
    last_epoch: int | None = None
    valid_from_ms: int = 0
    valid_until_ms: int | None = None
    revoked_ms: int | None = None


def publish(connection: Connection, store: str, machine: str, stamp: str, now_ms: int) -> None:
    """Tell what changed about a machine's keys, in the transaction that changed it, as its last statement."""
    scope = changes.store_scope(store)
    rows: list[tuple[str, str | None]] = []
    for key in machines.keys(connection, store, machine):
        name, body = f"{machine}/{key.key_id}", msgspec.json.encode(_record(key)).decode()
        if _newest(connection, scope, name) != body:
            rows.append((name, body))
    changes.append(connection, scope, KIND, rows, stamp, now_ms)


def redeem(
    connection: Connection, message: Enrol, node: SigningKey, stamp: str, *, name: str, now_ms: int
) -> Enrolled | Problem:
    """`enrolment.redeem`, and its store hears of it."""
    answer = enrolment.redeem(connection, message, node, name=name, now_ms=now_ms)
    if isinstance(answer, Enrolled):
        publish(connection, answer.store, answer.machine, stamp, now_ms)
    return answer


def rotate(
    connection: Connection, old: MachineKey, message: Rotation, stamp: str, now_ms: int
) -> Rotated | Problem:
    """`machines.rotate`, and its store hears of it."""
    answer = machines.rotate(connection, old, message, now_ms)
    publish(connection, old.store, old.machine, stamp, now_ms)
    return answer


def answer_request(
    connection: Connection,
    node: SigningKey,
    message: EpochRequest,
    stamp: str,
    now_ms: int,
) -> Grant | Problem:
    """`machines.answer_request`, and its store hears of it: a key in its last days vouches for one epoch more."""
    answer = machines.answer_request(connection, node, message, now_ms)
    publish(connection, message.store, message.till, stamp, now_ms)
    return answer


def revoke(connection: Connection, store: str, machine: str, key_id: str, stamp: str, now_ms: int) -> int:
    """`machines.revoke`, and its store hears of it."""
    count = machines.revoke(connection, store, machine, key_id, now_ms)
    publish(connection, store, machine, stamp, now_ms)
    return count


def take(connection: Connection, store: str, body: bytes, now_ms: int) -> None:
    """On a relay: know the key as the hub does. A body of another shape is passed over."""
    try:
        record = msgspec.json.decode(body, type=MachineRecord)
    except msgspec.MsgspecError:
        return
    row = {"store": store, "machine": record.machine, "role": record.role, "created_ms": now_ms}
    insert_or_keep(connection, t.machine, [row])
    values = {**msgspec.structs.asdict(record), "store": store}
    del values["role"]
    insert = upsert(connection, t.machine_key).values(values)
    news = {name: insert.excluded[name] for name in ("state", "last_epoch", "valid_until_ms", "revoked_ms")}
    connection.execute(insert.on_conflict_do_update(index_elements=["store", "machine", "key_id"], set_=news))


def _record(key: MachineKey) -> MachineRecord:
    return MachineRecord(
        key.machine, key.key_id, key.public_key, key.role, key.state, key.last_epoch, key.valid_from_ms,
        key.valid_until_ms, key.revoked_ms,
    )  # fmt: skip


def _newest(connection: Connection, scope: str, key: str) -> str | None:
    c = t.change.c
    return connection.execute(
        sa.select(c.body).where(c.scope == scope, c.kind == KIND, c.key == key).order_by(c.n.desc()).limit(1)
    ).scalar_one_or_none()
