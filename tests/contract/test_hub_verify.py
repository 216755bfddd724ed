"""One flipped bit anywhere in a stored fact is found, and the fact named; so is what was taken out or moved."""

import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync.hub import ledger
from sync.hub.database import migrate, open_engine, transact
from sync.hub.verify import Damage, Verified, verify
from tests.contract.hub_kit import NOW_MS, Till
from tests.contract.keyring import Keyring

COLUMNS = [
    "seq",
    "kind",
    "version",
    "wall_ms",
    "mono_ms",
    "boot_id",
    "body",
    "hash",
    "epoch",
    "till",
    "store",
]


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def ring() -> Keyring:
    return Keyring()


@pytest.fixture
def tills(engine: Engine, ring: Keyring) -> list[Till]:
    made = []
    for name in ("1", "2"):
        till = Till(till=name)
        till.sell(11)
        for first, last in ((1, 5), (6, 12)):
            transact(engine, ledger.ingest, ring.seal(till, first, last), NOW_MS, ring.intake)
        till.new_epoch()
        till.sell(3)
        transact(engine, ledger.ingest, ring.seal(till, 13, 16), NOW_MS, ring.intake)
        made.append(till)
    return made


def walked(engine: Engine, ring: Keyring, *, every_seal: bool = False) -> Verified:
    with engine.connect() as connection:
        return verify(connection, ring, every_seal=every_seal)


def tamper(engine: Engine, table: str, statement: str, **bound: object) -> None:
    """Past the triggers, as a disk or somebody with the password would."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            names = connection.execute(
                sa.text("select name, sql from sqlite_master where type = 'trigger' and tbl_name = :table"),
                {"table": table},
            ).all()
            for name, _ in names:
                connection.execute(sa.text(f"drop trigger {name}"))
        else:
            connection.execute(sa.text(f"alter table {table} disable trigger all"))
        assert connection.execute(sa.text(statement), bound).rowcount == 1

    transact(engine, run)


def test_what_is_whole_is_found_whole(engine: Engine, ring: Keyring, tills: list[Till]) -> None:
    found = walked(engine, ring)
    assert (found.facts, found.chains, found.seals, found.signatures) == (32, 4, 6, 4)
    assert walked(engine, ring, every_seal=True).signatures == 6
    assert found.damage == []


def flipped(value: object, chance: random.Random) -> object:
    """One bit changed, in what a column holds."""
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(10, 30))
    if isinstance(value, str):
        at = chance.randrange(len(value))
        return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    assert isinstance(value, bytes)
    at = chance.randrange(len(value))
    return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]


@pytest.mark.parametrize("column", COLUMNS)
def test_one_flipped_bit_is_found_and_the_fact_named(
    engine: Engine, ring: Keyring, tills: list[Till], column: str
) -> None:
    chance = random.Random(column)
    seq = chance.randint(2, 11)
    where = "store = 'demo' and till = '2' and epoch = 1 and seq = :at"
    with engine.connect() as connection:
        value = connection.execute(
            sa.text(f"select {column} from fact where {where}"), {"at": seq}
        ).scalar_one()
    value = bytes(value) if isinstance(value, memoryview) else value
    tamper(
        engine,
        "fact",
        f"update fact set {column} = :value where {where}",
        value=flipped(value, chance),
        at=seq,
    )
    damage = walked(engine, ring).damage
    assert damage
    if column in {"seq", "epoch", "till", "store"}:  # it lies elsewhere now: both places are named
        assert Damage("demo", "2", 1, seq, f"fact {seq} is missing") in damage
        assert len({(found.store, found.till, found.epoch, found.seq) for found in damage}) >= 2
    else:
        assert {(found.till, found.epoch, found.seq) for found in damage} == {("2", 1, seq)}


@pytest.mark.parametrize("seq", [1, 6, 12])
def test_a_fact_that_was_taken_out_is_missed(
    engine: Engine, ring: Keyring, tills: list[Till], seq: int
) -> None:
    tamper(engine, "fact", "delete from fact where till = '1' and epoch = 1 and seq = :seq", seq=seq)
    assert seq in {found.seq for found in walked(engine, ring).damage}


def test_an_altered_head_or_seal_is_found(engine: Engine, ring: Keyring, tills: list[Till]) -> None:
    tamper(
        engine,
        "seal",
        "update seal set signature = :s where till = '1' and epoch = 1 and last_seq = 5",
        s=bytes(64),
    )
    assert walked(engine, ring).damage == []  # the seal of fact 12 vouches for it
    assert walked(engine, ring, every_seal=True).damage == [
        Damage("demo", "1", 1, 5, "the signature of its seal does not hold")
    ]
    tamper(engine, "till_head", "update till_head set hash = :h where till = '2' and epoch = 2", h=bytes(32))
    assert walked(engine, ring).damage == [
        Damage("demo", "2", 2, 16, "is not the fact that was acknowledged")
    ]


def test_facts_in_quarantine_are_verified_too(engine: Engine, ring: Keyring, tills: list[Till]) -> None:
    clone = tills[0].clone()
    clone.facts, clone.seq, clone.epoch = clone.facts[:8], 8, 1
    clone.number += 50
    clone.sell(3)
    transact(engine, ledger.ingest, ring.seal(clone, 9, 11), NOW_MS, ring.intake)
    assert walked(engine, ring).quarantined == 3
    assert walked(engine, ring).damage == []
    tamper(engine, "quarantine", "update quarantine set wall_ms = wall_ms + 1 where seq = 10")
    assert [found.seq for found in walked(engine, ring).damage] == [10]
