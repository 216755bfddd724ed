"""What a node knows of machines: their keys, and the epochs it granted. On SQLite and PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from pos.facts import GENESIS
from sync.hub import ledger, machines
from sync.hub.database import migrate, open_engine, transact
from sync.hub.machines import OVERLAP_MS, Last, MachineKey
from sync.keys import SigningKey, verify
from sync.wire import Grant, Problem, Rotated, Rotation, grant_bytes, rotation_bytes
from tests.contract.hub_kit import NOW_MS, Till

NODE = SigningKey(b"node" * 8)
KEYS = [SigningKey(bytes([n]) * 32) for n in range(4)]


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def enrolled(
    engine: Engine, key: SigningKey = KEYS[0], store: str = "demo", machine: str = "1"
) -> MachineKey:
    transact(engine, machines.lock, store, machine, "till", NOW_MS)
    transact(engine, machines.add_key, store, machine, key.public, NOW_MS)
    return found(engine, key, store, machine)


def found(engine: Engine, key: SigningKey = KEYS[0], store: str = "demo", machine: str = "1") -> MachineKey:
    known = transact(engine, machines.key_of, store, machine, key.key_id)
    assert known is not None
    return known


def ask(engine: Engine, request_id: str = "r1", own: Last | None = None, reason: str = "restored") -> Grant:
    return transact(
        engine,
        machines.give_grant,
        NODE,
        store="demo",
        till="1",
        own=own or Last(),
        reason=reason,
        request_id=request_id,
        now_ms=NOW_MS,
    )


def test_the_node_keeps_its_first_key(engine: Engine) -> None:
    first = transact(engine, machines.node_key, b"a" * 32, NOW_MS)
    again = transact(engine, machines.node_key, b"b" * 32, NOW_MS)
    assert first.seed == again.seed == b"a" * 32


def test_a_key_belongs_to_one_machine_of_one_store(engine: Engine) -> None:
    key = enrolled(engine)
    assert (key.public_key, key.role, key.standing(NOW_MS)) == (KEYS[0].public, "till", "active")
    for store, machine in (("demo", "2"), ("other", "1"), ("", "")):
        assert transact(engine, machines.key_of, store, machine, KEYS[0].key_id) is None
    assert transact(engine, machines.key_of, "demo", "1", KEYS[1].key_id) is None


def test_a_replaced_machines_key_vouches_for_its_epochs_and_no_newer_ones(engine: Engine) -> None:
    enrolled(engine)
    assert ask(engine).epoch == 1
    enrolled(engine, KEYS[1])
    assert transact(engine, machines.retire_others, "demo", "1", KEYS[1].key_id) == 1
    old = found(engine)
    assert old.standing(NOW_MS) == "retired"
    assert old.may_write(1, NOW_MS)
    assert not old.may_write(2, NOW_MS)
    assert found(engine, KEYS[1]).may_write(2, NOW_MS)


def wish(old: SigningKey, new: SigningKey) -> Rotation:
    return Rotation(new.public, new.sign(rotation_bytes(old.key_id)))


def test_a_key_is_changed_once_and_only_with_the_new_keys_proof(engine: Engine) -> None:
    old = enrolled(engine)
    unproven = Rotation(KEYS[1].public, KEYS[2].sign(rotation_bytes(old.key_id)))
    answers = [
        transact(engine, machines.rotate, old, wanted, NOW_MS)
        for wanted in (unproven, wish(KEYS[0], KEYS[1]), wish(KEYS[0], KEYS[2]), wish(KEYS[0], KEYS[0]))
    ]
    assert [getattr(answer, "status", 200) for answer in answers] == [400, 200, 409, 409]
    assert transact(engine, machines.key_of, "demo", "1", KEYS[2].key_id) is None
    transact(engine, machines.revoke, "demo", "1", "", NOW_MS)
    refused = transact(engine, machines.rotate, old, wish(KEYS[0], KEYS[1]), NOW_MS)
    assert isinstance(refused, Problem)
    assert refused.status == 403


def test_both_keys_hold_for_seven_days_after_a_rotation(engine: Engine) -> None:
    old = enrolled(engine)
    ask(engine)
    until_ms = NOW_MS + OVERLAP_MS
    rotated = Rotated(KEYS[1].key_id, until_ms)
    assert transact(engine, machines.rotate, old, wish(KEYS[0], KEYS[1]), NOW_MS) == rotated
    assert transact(engine, machines.rotate, old, wish(KEYS[0], KEYS[1]), NOW_MS + 5) == rotated
    ask(engine, "r2")
    old = found(engine)
    assert old.standing(until_ms - 1) == "active"
    assert old.standing(until_ms) == "retired"
    assert old.may_write(2, until_ms)
    assert not old.may_write(3, until_ms)
    assert found(engine, KEYS[1]).standing(until_ms) == "active"

    asked = machines.Rights(lambda: until_ms - 1)
    late = machines.Rights(lambda: until_ms)
    with engine.connect() as connection:
        before = asked.key_of(connection, "demo", "1", KEYS[0].key_id)
        after = late.key_of(connection, "demo", "1", KEYS[0].key_id)
    assert before is not None
    assert after is not None
    assert (before.last_epoch, after.last_epoch) == (None, 2)


def test_a_revoked_key_stays_revoked(engine: Engine) -> None:
    key = enrolled(engine)
    enrolled(engine, KEYS[1])
    assert transact(engine, machines.revoke, "demo", "1", key.key_id, NOW_MS) == 1
    assert transact(engine, machines.revoke, "demo", "1", key.key_id, NOW_MS) == 0
    assert found(engine).revoked
    assert not found(engine).may_write(1, NOW_MS)
    assert not found(engine, KEYS[1]).revoked
    transact(engine, machines.add_key, "demo", "1", KEYS[0].public, NOW_MS)
    transact(engine, machines.retire_others, "demo", "1", "")
    assert found(engine).revoked
    assert transact(engine, machines.revoke, "demo", "1", "", NOW_MS) == 1


def test_the_first_grant_begins_at_the_beginning_and_is_signed(engine: Engine) -> None:
    grant = ask(engine, reason="new")
    assert (grant.epoch, grant.first_seq, grant.prev_hash, grant.previous_epoch) == (1, 1, GENESIS, 0)
    assert verify(NODE.public, grant.signature, grant_bytes(grant))
    with engine.connect() as connection:
        assert machines.grant_of(connection, "demo", "1", 1) == grant
        assert machines.grant_of(connection, "demo", "1", 2) is None
        assert machines.grant_of(connection, "other", "1", 1) is None


def test_the_same_request_is_granted_once(engine: Engine) -> None:
    assert ask(engine) == ask(engine)
    assert ask(engine, "r2").epoch == 2


def test_a_grant_follows_the_newer_of_the_nodes_and_the_tills_facts(engine: Engine) -> None:
    till = Till()
    till.sell(4)
    transact(engine, ledger.ingest, till.batch(1, 5), NOW_MS)
    behind = ask(engine, "behind", Last(1, 2, till.facts[1].hash))
    assert (behind.epoch, behind.first_seq, behind.prev_hash) == (2, 6, till.facts[4].hash)
    ahead = ask(engine, "ahead", Last(1, 9, b"h" * 32))
    assert (ahead.epoch, ahead.first_seq, ahead.prev_hash, ahead.previous_epoch) == (3, 10, b"h" * 32, 1)
    forked = ask(engine, "fork", Last(1, 3, b"f" * 32), "fork")
    assert (forked.epoch, forked.first_seq, forked.prev_hash) == (4, 4, b"f" * 32)
    alone = ask(engine, "alone", Last(7, 12, b"a" * 32))
    assert (alone.epoch, alone.first_seq, alone.previous_epoch) == (8, 13, 7)
