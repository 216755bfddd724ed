"""How a machine becomes one of a store's: one-time codes, made by a person here and redeemed there.

A code is good for ten minutes, five wrong attempts, and one machine. The machine that redeemed it may ask again
with the same key, as its answer may have been lost; anyone else is refused.
"""

import hmac
from collections.abc import Callable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.codes import CHANCE_BYTES, Code, enrol_proof, enrolled_proof, make_code
from sync.hub import ledger, machines
from sync.hub import tables as t
from sync.hub.exceptions import note
from sync.hub.machines import Last
from sync.keys import SigningKey, key_id_of
from sync.wire import Enrol, Enrolled, Grant, Problem, RelayKey, encode_json

__all__ = ["CODE_VALID_MS", "PROBLEM", "WRONG_MAX", "new_code", "redeem", "relays_of"]

CODE_VALID_MS: Final = 10 * 60_000
WRONG_MAX: Final = 5
PROBLEM: Final = "urn:tresen:problem:enrolment"
_KEPT_MS: Final = 30 * 24 * 3_600_000


class _Zone(msgspec.Struct, frozen=True):
    """What a till wants of a store's description (sync.hub.shop.stores.messages)."""

    time_zone: str = ""


def new_code(
    connection: Connection,
    chance: Callable[[int], bytes],
    *,
    store: str,
    machine: str,
    role: str = "till",
    replace: bool = False,
    now_ms: int,
) -> Code:
    """A code for one machine. Codes of the same machine that nobody used end with it."""
    c = t.enrolment_code.c
    connection.execute(
        t.enrolment_code.delete().where(
            sa.or_(
                sa.and_(c.store == store, c.machine == machine, c.used_ms.is_(None)),
                c.expires_ms < now_ms - _KEPT_MS,
            )
        )
    )
    while True:
        code = make_code(chance(CHANCE_BYTES))
        taken = connection.execute(sa.select(c.code_id).where(c.code_id == code.code_id)).first()
        if taken is None:
            break
    connection.execute(
        t.enrolment_code.insert().values(
            code_id=code.code_id,
            store=store,
            machine=machine,
            role=role,
            replace=replace,
            secret_hash=code.key,
            created_ms=now_ms,
            expires_ms=now_ms + CODE_VALID_MS,
            wrong_attempts=0,
            used_ms=None,
            key_id="",
            nonce=b"",
            answer="",
        )
    )
    return code


def redeem(
    connection: Connection, message: Enrol, node: SigningKey, *, name: str, now_ms: int
) -> Enrolled | Problem:
    """Take the machine in, or say why not. Wrong attempts are counted: the caller commits either way."""
    c = t.enrolment_code.c
    this_code = c.code_id == message.code_id
    code = connection.execute(sa.select(t.enrolment_code).where(this_code).with_for_update()).first()
    if code is None:
        return _refused("The code is wrong")
    if code.wrong_attempts >= WRONG_MAX:
        return _refused("The code was tried too often; make a new one")
    proof = enrol_proof(bytes(code.secret_hash), message.public_key, message.nonce)
    if not hmac.compare_digest(proof, message.proof):
        connection.execute(
            t.enrolment_code.update().where(this_code).values(wrong_attempts=c.wrong_attempts + 1)
        )
        return _refused("The code is wrong")
    key_id = key_id_of(message.public_key)
    if code.used_ms is not None and code.key_id == key_id:
        return _once_more(connection, message, code, now_ms)
    if now_ms >= code.expires_ms:
        return _refused("The code has expired; make a new one")
    if code.used_ms is not None:
        note(
            connection,
            code.store,
            "code-reused",
            f"{code.code_id}/{code.used_ms}",
            till=code.machine,
            detail="an enrolment code was used a second time: somebody has seen it",
            now_ms=now_ms,
        )
        return _refused("The code was used already")
    found = _take_in(connection, message, code, node, now_ms)
    if isinstance(found, Problem):
        return found
    answer = Enrolled(
        code.store,
        code.machine,
        code.role,
        node.public,
        name,
        now_ms,
        _proof(message, code, node.public),
        grant=found,
        shop=ledger.shop_of(connection, code.store, code.machine) or ledger.shop_of(connection, code.store),
        relays=relays_of(connection, code.store, now_ms),
        time_zone=_zone_of(connection, code.store),
    )  # fmt: skip
    connection.execute(
        t.enrolment_code.update()
        .where(this_code)
        .values(used_ms=now_ms, key_id=key_id, nonce=message.nonce, answer=encode_json(answer).decode())
    )
    return answer


def _once_more(connection: Connection, message: Enrol, code: Any, now_ms: int) -> Enrolled | Problem:
    """What the machine was told when it used the code: its answer was lost, or it was broken off before its end."""
    key = machines.key_of(connection, code.store, code.machine, code.key_id)
    if key is None or key.standing(now_ms) != "active":
        return _refused("The code was used already, and the key that used it has ended; make a new one")
    answer = msgspec.json.decode(code.answer, type=Enrolled)
    return msgspec.structs.replace(answer, proof=_proof(message, code, answer.node_key))


def _proof(message: Enrol, code: Any, node_key: bytes) -> bytes:
    return enrolled_proof(
        bytes(code.secret_hash), message.public_key, message.nonce, node_key,
        store=code.store, machine=code.machine, role=code.role,
    )  # fmt: skip


def relays_of(connection: Connection, store: str, now_ms: int) -> tuple[RelayKey, ...]:
    """The store's relays with the keys in use: what they sign as nodes, they sign with these too."""
    return tuple(
        RelayKey(key.machine, key.public_key)
        for key in machines.keys(connection, store)
        if key.role == "relay" and key.standing(now_ms) == "active"
    )


def _zone_of(connection: Connection, store: str) -> str:
    """The store's time zone, where somebody told of the store."""
    body = connection.execute(sa.select(t.store_info.c.body).where(t.store_info.c.store == store)).scalar()
    return "" if body is None else msgspec.json.decode(body, type=_Zone).time_zone


def _take_in(
    connection: Connection, message: Enrol, code: Any, node: SigningKey, now_ms: int
) -> Grant | Problem | None:
    """The machine's key and, where it has no journal of its own, its epoch."""
    has_journal = bool(message.store or message.machine)
    if message.role != code.role:
        return _conflict(f"The code is for a {code.role}, and this is a {message.role}")
    if has_journal and (message.store, message.machine) != (code.store, code.machine):
        return _conflict(
            f"The code is for {code.role} {code.machine} of store {code.store}, and this machine is "
            f"{message.machine} of store {message.store}"
        )
    if has_journal and code.replace:
        return _conflict("The code is for a machine without a journal, and this one has a journal")
    held = machines.lock(connection, code.store, code.machine, code.role, now_ms)
    if held != code.role:
        return _conflict(f"{code.machine} of store {code.store} is a {held}")
    known = machines.keys(connection, code.store, code.machine)
    if not has_journal and not code.replace and any(key.standing(now_ms) == "active" for key in known):
        return _conflict(
            f"{code.machine} of store {code.store} is enrolled already; for another machine in its place "
            "make the code with --replace"
        )
    if any(key.public_key == message.public_key for key in known):
        return _conflict("This key was enrolled before; a machine makes a new one each time")
    if has_journal:
        _note_taken_in(connection, code.store, code.machine, known, key_id_of(message.public_key), now_ms)
    key_id = machines.add_key(connection, code.store, code.machine, message.public_key, now_ms)
    machines.retire_others(connection, code.store, code.machine, key_id, epoch=message.epoch)
    if has_journal or code.role != "till":
        return None
    before = machines.latest_epoch(connection, code.store, code.machine)
    return machines.give_grant(
        connection,
        node,
        store=code.store,
        till=code.machine,
        own=Last(),
        reason="replaced" if before else "new",
        request_id=f"code-{code.code_id}-{now_ms}",
        now_ms=now_ms,
    )


def _note_taken_in(
    connection: Connection,
    store: str,
    machine: str,
    known: list[machines.MachineKey],
    key_id: str,
    now_ms: int,
) -> None:
    """A till whose key was revoked goes on with its own journal: what it wrote since comes in under the new key."""
    revoked = [key for key in known if key.revoked]
    if not revoked:
        return
    last = max(revoked, key=lambda key: key.revoked_ms or 0)
    held = machines.newest_fact(connection, store, machine)
    note(
        connection,
        store,
        "taken-in",
        f"{machine}/enrolled/{key_id}",
        till=machine,
        epoch=held.epoch,
        seq=held.seq,
        detail=f"enrolled again with its own journal after its key {last.key_id} was revoked: what it wrote after "
        "this fact, in quarantine or not sent yet, is taken in under its new key",
        now_ms=now_ms,
    )


def _refused(title: str) -> Problem:
    return Problem(403, title, type=PROBLEM)


def _conflict(title: str) -> Problem:
    return Problem(409, title, type=PROBLEM)
