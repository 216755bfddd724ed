"""What a node takes in and what it keeps aside: seals, keys, branches, epochs; each conflict noted once."""

import itertools
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pos.facts import StoredFact
from pos.till_facts import EpochOpened
from sync.hub import exceptions, ledger, quarantine
from sync.hub import tables as t
from sync.hub.database import migrate, open_engine, transact
from sync.hub.digest import digest
from sync.hub.rights import Intake
from sync.wire import Ack, Batch, Fork, Gap, Hello, Problem, encode_json
from tests.contract.hub_kit import NOW_MS, Till
from tests.contract.keyring import Keyring

LINK_KEY = bytes(32)


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def ring() -> Keyring:
    return Keyring()


def take(engine: Engine, ring: Keyring, batch: Batch) -> Ack | Gap | Fork | Problem:
    return transact(engine, ledger.ingest, batch, NOW_MS, ring.intake)


def held(engine: Engine, till: Till, epoch: int = 1) -> list[StoredFact]:
    with engine.connect() as connection:
        return ledger.read_facts(connection, till.store, till.till, epoch=epoch, after_seq=0, limit=10_000)


def noted(engine: Engine) -> list[tuple[str, int, int]]:
    with engine.connect() as connection:
        return [(found.kind, found.epoch, found.seq) for found in exceptions.listing(connection)]


def aside(engine: Engine) -> list[tuple[int, int, bytes]]:
    c = t.quarantine.c
    with engine.connect() as connection:
        rows = connection.execute(sa.select(c.epoch, c.seq, c.hash).order_by(c.epoch, c.seq, c.hash))
        return [(row.epoch, row.seq, bytes(row.hash)) for row in rows]


def branch_of(engine: Engine) -> quarantine.Branch:
    with engine.connect() as connection:
        [branch] = quarantine.branches(connection)
    return branch


def forked(count: int = 4) -> tuple[Till, Till]:
    """A till and its clone, which part after fact 5."""
    till = Till()
    till.sell(4)
    clone = till.clone()
    clone.number += 50
    till.sell(count)
    clone.sell(count)
    return till, clone


# Seals


def test_a_sealed_batch_is_taken_and_its_seal_passed_on_unchanged(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(9)
    batches = [ring.seal(till, 1, 6), ring.seal(till, 7, 10)]
    for batch in batches:
        assert isinstance(take(engine, ring, batch), Ack)
    with engine.connect() as connection:
        place = (connection, "demo", "1")
        whole = ledger.read_batch(*place, epoch=1, after_seq=0)
        tail = ledger.read_batch(*place, epoch=1, after_seq=6)
        assert ledger.read_batch(*place, epoch=1, after_seq=10) is None
    assert whole is not None
    assert whole.facts == tuple(till.facts)
    assert whole.seal == batches[1].seal
    assert tail == batches[1]


def test_a_bundle_for_the_next_hub_ends_at_a_seal(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(9)
    for first, last in ((1, 3), (4, 7), (8, 10)):
        take(engine, ring, ring.seal(till, first, last))
    with engine.connect() as connection:
        ends = []
        for limit, max_bytes in ((10, 10**6), (9, 10**6), (7, 10**6), (4, 10**6), (10, 6000), (10, 1)):
            batch = ledger.read_batch(
                connection, "demo", "1", epoch=1, after_seq=0, limit=limit, max_bytes=max_bytes
            )
            assert batch is not None
            assert batch.seal is not None
            assert batch.seal.last_seq == batch.facts[-1].seq
            ends.append(batch.facts[-1].seq)
    assert ends[:4] == [10, 7, 7, 3]
    assert ends[4:] == [3, 3]


def test_what_one_node_passes_on_makes_the_next_one_the_same(
    engine: Engine, ring: Keyring, new_url: Callable[[str], str]
) -> None:
    till = Till()
    till.sell(20)
    till.new_epoch()
    till.sell(5)
    ring.grant(till, 2, 22, till.facts[20].hash)
    for first, last in ((1, 8), (5, 21), (22, 27)):
        take(engine, ring, ring.seal(till, first, last))
    hub = open_engine(new_url("sqlite"))
    migrate(hub)
    for epoch in (1, 2):
        after = 0
        while True:
            with engine.connect() as connection:
                batch = ledger.read_batch(connection, "demo", "1", epoch=epoch, after_seq=after, limit=10)
            if batch is None:
                break
            assert isinstance(take(hub, ring, batch), Ack)
            after = batch.facts[-1].seq
    with engine.connect() as here, hub.connect() as there:
        assert digest(here) == digest(there)
    hub.dispose()


def with_seal(batch: Batch, **changes: object) -> Batch:
    assert batch.seal is not None
    return msgspec.structs.replace(batch, seal=msgspec.structs.replace(batch.seal, **changes))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ring, till, batch: msgspec.structs.replace(batch, seal=None),
        lambda ring, till, batch: with_seal(batch, key_id=ring.key(Till("demo", "2")).key_id),
        lambda ring, till, batch: msgspec.structs.replace(batch, seal=ring.seal(till, 1, 4).seal),
        lambda ring, till, batch: with_seal(batch, first_seq=2),
        lambda ring, till, batch: with_seal(batch, signature=bytes(64)),
        lambda ring, till, batch: with_seal(batch, key_id="0" * 32),
    ],
    ids=["missing", "another till's key", "about other facts", "moved", "no signature", "unknown key"],
)
def test_a_batch_whose_seal_does_not_hold_is_refused(
    engine: Engine, ring: Keyring, spoil: Callable[[Keyring, Till, Batch], Batch]
) -> None:
    till = Till()
    till.sell(4)
    answer = take(engine, ring, spoil(ring, till, ring.seal(till, 1, 5)))
    assert isinstance(answer, Problem)
    assert (answer.status, answer.title) == (400, "The seal of this batch does not hold")
    assert held(engine, till) == []
    assert noted(engine) == []
    assert isinstance(take(engine, ring, ring.seal(till, 1, 5)), Ack)


def test_a_seal_of_more_than_this_batch_holds_is_good(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(9)
    take(engine, ring, ring.seal(till, 1, 4))
    tail = msgspec.structs.replace(till.batch(5, 10), seal=ring.seal(till, 3, 10).seal)
    assert isinstance(take(engine, ring, tail), Ack)


# Branches


def test_what_follows_a_branch_is_kept_with_it_and_noted_once(engine: Engine, ring: Keyring) -> None:
    till, clone = forked(9)
    take(engine, ring, ring.seal(till, 1, 14))
    first = take(engine, ring, ring.seal(clone, 4, 8))
    assert first == Fork(seq=6, hub_hash=till.facts[5].hash, kept_seq=8)
    assert take(engine, ring, ring.seal(clone, 9, 12)) == Fork(
        seq=8, hub_hash=till.facts[7].hash, kept_seq=12
    )
    assert take(engine, ring, ring.seal(clone, 13, 14)) == Fork(
        seq=12, hub_hash=till.facts[11].hash, kept_seq=14
    )
    assert [hash_ for *_, hash_ in aside(engine)] == [fact.hash for fact in clone.facts[5:]]
    assert noted(engine) == [("fork", 1, 6)]
    assert held(engine, till) == till.facts


def test_a_branch_that_is_longer_than_the_chain_is_kept_to_its_end(engine: Engine, ring: Keyring) -> None:
    till, clone = forked(2)
    clone.sell(6)
    take(engine, ring, ring.seal(till, 1, 7))
    take(engine, ring, ring.seal(clone, 6, 9))
    assert take(engine, ring, ring.seal(clone, 10, 13)) == Fork(7, till.facts[6].hash, kept_seq=13)
    till.sell(5)
    assert isinstance(take(engine, ring, ring.seal(till, 8, 12)), Ack)
    assert len(aside(engine)) == 8
    assert noted(engine) == [("fork", 1, 6)]


def test_branches_in_any_order_cut_and_repetition_are_one_exception_each(
    engine: Engine, ring: Keyring
) -> None:
    chance = random.Random(3)
    till, clone = forked(8)
    second = clone.clone()
    second.number += 50
    second.facts, second.seq = till.facts[:9], 9
    second.sell(4)
    take(engine, ring, ring.seal(till, 1, 13))
    for _ in range(40):
        branch, root = chance.choice([(clone, 6), (second, 10)])
        done = sum(1 for _, seq, hash_ in aside(engine) if any(f.hash == hash_ for f in branch.facts))
        first = min(13, chance.randint(root - 3, root + done))
        take(engine, ring, ring.seal(branch, first, min(13, first + chance.randint(0, 6))))
    for branch, root in ((clone, 6), (second, 10)):
        take(engine, ring, ring.seal(branch, root, 13))
    assert sorted(noted(engine)) == [("fork", 1, 6), ("fork", 1, 10)]
    assert {hash_ for *_, hash_ in aside(engine)} == {
        fact.hash for fact in (*clone.facts[5:], *second.facts[9:])
    }
    assert held(engine, till) == till.facts


# Keys that were revoked or replaced


def test_facts_of_a_revoked_key_are_kept_aside_and_can_be_taken_in(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(9)
    take(engine, ring, ring.seal(till, 1, 4))
    ring.entry(till).revoked = True
    for _ in range(2):
        for first, last in ((3, 6), (7, 10)):
            answer = take(engine, ring, ring.seal(till, first, last))
            assert isinstance(answer, Problem)
            assert (answer.status, answer.type) == (403, "urn:tresen:problem:revoked")
    assert held(engine, till) == till.facts[:4]
    assert [seq for _, seq, _ in aside(engine)] == list(range(5, 11))
    assert noted(engine) == [("revoked", 1, 5)]

    branch = branch_of(engine)
    assert (branch.reason, branch.first_seq, branch.last_seq, branch.facts, branch.taken_in) == (
        "revoked", 5, 10, 6, 0,
    )  # fmt: skip
    count = transact(engine, quarantine.take_in, "demo", "1", 1, branch.branch, "anna", NOW_MS)
    assert count == 6
    assert held(engine, till) == till.facts
    assert branch_of(engine).taken_in == 6
    with engine.connect() as connection:
        batch = ledger.read_batch(connection, "demo", "1", epoch=1, after_seq=4)
        assert batch is not None
        assert batch.seal == ring.seal(till, 7, 10).seal
    with pytest.raises(quarantine.TakeInError, match="does not follow"):
        transact(engine, quarantine.take_in, "demo", "1", 1, branch.branch, "anna", NOW_MS)
    with pytest.raises(quarantine.TakeInError, match="no such branch"):
        transact(engine, quarantine.take_in, "demo", "1", 1, bytes(32), "anna", NOW_MS)


def test_a_branch_that_leaves_the_chain_cannot_be_taken_in(engine: Engine, ring: Keyring) -> None:
    till, clone = forked()
    take(engine, ring, ring.seal(till, 1, 9))
    take(engine, ring, ring.seal(clone, 6, 9))
    with pytest.raises(quarantine.TakeInError, match="does not follow fact 9"):
        transact(engine, quarantine.take_in, "demo", "1", 1, branch_of(engine).branch, "anna", NOW_MS)
    assert held(engine, till) == till.facts


def test_a_till_that_was_revoked_before_its_first_fact_can_be_taken_in_whole(
    engine: Engine, ring: Keyring
) -> None:
    till = Till()
    till.sell(4)
    batch = ring.seal(till, 1, 5)
    ring.entry(till).revoked = True
    take(engine, ring, batch)
    assert held(engine, till) == []
    transact(engine, quarantine.take_in, "demo", "1", 1, branch_of(engine).branch, "anna", NOW_MS)
    assert held(engine, till) == till.facts


def test_a_replaced_till_may_still_bring_its_tail_but_no_new_epoch(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(4)
    take(engine, ring, ring.seal(till, 1, 3))
    ring.entry(till).last_epoch = 1
    assert isinstance(take(engine, ring, ring.seal(till, 4, 5)), Ack)
    till.new_epoch()
    till.sell(1)
    for _ in range(2):
        answer = take(engine, ring, ring.seal(till, 6, 7))
        assert isinstance(answer, Fork)
        assert answer.kept_seq == 7
    assert held(engine, till, 2) == []
    assert [(epoch, seq) for epoch, seq, _ in aside(engine)] == [(2, 6), (2, 7)]
    assert noted(engine) == [("retired", 2, 6)]


# Epochs


def after_epoch_one(engine: Engine, ring: Keyring, held_seq: int = 5) -> Till:
    """A till of which the node holds facts 1 to `held_seq`, just before it opens another epoch."""
    till = Till()
    till.sell(4)
    take(engine, ring, ring.seal(till, 1, held_seq))
    return till


def test_a_granted_epoch_on_a_new_disk_begins_where_the_grant_says(engine: Engine, ring: Keyring) -> None:
    old = after_epoch_one(engine, ring, 3)
    new = Till(epoch=2, seq=3)
    new.base = old.facts[2].hash
    new.facts.clear()
    new.seq = 3
    new.write(EpochOpened("demo", "1", "replaced", "test", 1, 3))
    new.sell(2)
    ring.grant(new, 2, 4, old.facts[2].hash)
    assert take(engine, ring, ring.seal(new, 2, 3, n=1)) == Gap(expected_seq=4)
    assert isinstance(take(engine, ring, ring.seal(new, 1, 3, n=1)), Ack)
    assert isinstance(take(engine, ring, ring.seal(old, 4, 5)), Ack)
    assert noted(engine) == []
    with engine.connect() as connection:
        batch = ledger.read_batch(connection, "demo", "1", epoch=2, after_seq=0)
    assert batch == ring.seal(new, 1, 3, n=1)


def test_a_granted_epoch_that_does_not_begin_as_granted_is_kept_aside(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    till.new_epoch()
    ring.grant(till, 2, 6, bytes([1]) * 32)
    assert take(engine, ring, ring.seal(till, 6, 6)) == Fork(5, bytes([1]) * 32, kept_seq=6)
    ring.grant(till, 2, 7, till.facts[4].hash)
    assert isinstance(take(engine, ring, ring.seal(till, 6, 6)), Fork)
    assert held(engine, till, 2) == []
    assert noted(engine) == [("epoch", 2, 6)]


def test_a_granted_epoch_may_go_on_where_the_journal_is(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring, 3)
    till.new_epoch()
    ring.grant(till, 2, 4, till.facts[2].hash)
    assert isinstance(take(engine, ring, ring.seal(till, 6, 6)), Ack)
    assert isinstance(take(engine, ring, ring.seal(till, 4, 5)), Ack)
    assert noted(engine) == []


def test_the_epoch_after_a_fork_follows_the_branch(engine: Engine, ring: Keyring) -> None:
    till, clone = forked()
    take(engine, ring, ring.seal(till, 1, 9))
    assert isinstance(take(engine, ring, ring.seal(clone, 6, 9)), Fork)
    ring.grant(clone, 2, 10, clone.facts[-1].hash)
    clone.new_epoch()
    clone.sell(2)
    assert isinstance(take(engine, ring, ring.seal(clone, 10, 12)), Ack)
    till.sell(1)
    assert isinstance(take(engine, ring, ring.seal(till, 10, 10)), Ack)
    assert noted(engine) == [("fork", 1, 6)]


def test_an_epoch_opened_alone_is_taken_and_noted_once(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    till.new_epoch()
    till.sell(2)
    for first, last in ((6, 6), (6, 8), (6, 6)):
        assert isinstance(take(engine, ring, ring.seal(till, first, last)), Ack)
    assert noted(engine) == [("epoch", 2, 6)]


def test_an_epoch_opened_alone_on_a_restored_disk_begins_on_an_older_fact(
    engine: Engine, ring: Keyring
) -> None:
    till = after_epoch_one(engine, ring)
    del till.facts[3:]
    till.seq = 3
    till.new_epoch()
    assert isinstance(take(engine, ring, ring.seal(till, 4, 4)), Ack)
    assert noted(engine) == [("epoch", 2, 4)]


def test_an_epoch_opened_alone_on_facts_that_are_not_held_is_kept_aside(
    engine: Engine, ring: Keyring
) -> None:
    till, clone = forked()
    take(engine, ring, ring.seal(till, 1, 9))
    clone.new_epoch()
    clone.sell(1)
    assert take(engine, ring, ring.seal(clone, 10, 10)) == Fork(9, till.facts[8].hash, kept_seq=10)
    assert isinstance(take(engine, ring, ring.seal(clone, 11, 11)), Fork)
    assert noted(engine) == [("epoch", 2, 10)]


def test_an_epoch_that_is_not_the_next_one_is_kept_aside(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    till.epoch = 2
    till.new_epoch()
    till.sell(1)
    assert isinstance(take(engine, ring, ring.seal(till, 6, 6)), Fork)
    assert isinstance(take(engine, ring, ring.seal(till, 7, 7)), Fork)
    assert [(epoch, seq) for epoch, seq, _ in aside(engine)] == [(3, 6), (3, 7)]
    assert noted(engine) == [("epoch", 3, 6)]


def test_a_node_that_lost_all_takes_a_journal_that_begins_late(engine: Engine, ring: Keyring) -> None:
    till = Till(epoch=4, seq=900)
    till.sell(2)
    assert isinstance(take(engine, ring, ring.seal(till, 1, 3)), Ack)
    assert noted(engine) == [("epoch", 4, 901)]


# Hello


def standing(engine: Engine, ring: Keyring, till: Till, epoch: int = 1, last: int = 0, n: int = 0) -> str:
    fact = till.facts[last - 1]
    message = Hello(till.store, till.till, epoch, last_seq=fact.seq, last_hash=fact.hash)
    return transact(
        engine, ledger.hello, message, LINK_KEY, "u", NOW_MS, ring.intake, ring.key(till, n).key_id
    ).standing


def test_hello_says_whether_the_node_holds_more_or_others(engine: Engine, ring: Keyring) -> None:
    till, clone = forked()
    take(engine, ring, ring.seal(till, 1, 8))
    assert standing(engine, ring, till, last=8) == "ok"
    assert standing(engine, ring, till, last=9) == "ok"
    assert standing(engine, ring, till, last=4) == "behind"
    assert standing(engine, ring, clone, last=8) == "fork"
    assert standing(engine, ring, clone, last=7) == "fork"
    clone.sell(3)
    assert standing(engine, ring, clone, last=12) == "ok"
    take(engine, ring, ring.seal(clone, 6, 12))
    assert standing(engine, ring, clone, last=12) == "fork"


def test_hello_of_a_till_that_went_on_elsewhere(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    old = till.clone()
    till.new_epoch()
    ring.grant(till, 2, 6, old.facts[-1].hash)
    take(engine, ring, ring.seal(till, 6, 6))
    assert standing(engine, ring, till, epoch=2, last=6) == "ok"
    assert standing(engine, ring, old, last=5) == "replaced"  # the same key: a second machine with this disk
    ring.entry(old).last_epoch = 1
    assert standing(engine, ring, old, last=5) == "replaced"
    assert standing(engine, ring, till, epoch=2, last=6, n=1) == "ok"
    ring.entry(old).revoked = True
    assert standing(engine, ring, old, last=5) == "revoked"


def test_hello_of_a_replaced_till_before_the_new_one_sold(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    ring.grant(till, 2, 6, till.facts[-1].hash)
    ring.entry(till).last_epoch = 1
    assert standing(engine, ring, till, last=5) == "replaced"


def test_a_replaced_machine_that_goes_on_is_noted_once_whoever_brings_its_facts(
    engine: Engine, ring: Keyring
) -> None:
    till = after_epoch_one(engine, ring)
    ring.entry(till).last_epoch = 1
    take(engine, ring, ring.seal(till, 1, 5))
    assert noted(engine) == []  # nothing new, and nobody went on
    till.sell(3)
    take(engine, ring, ring.seal(till, 6, 6))
    assert noted(engine) == []
    ring.grant(till, 2, 6, till.facts[4].hash)
    take(engine, ring, ring.seal(till, 7, 7))
    assert standing(engine, ring, till, last=8) == "replaced"
    assert isinstance(take(engine, ring, ring.seal(till, 8, 8)), Ack)
    assert noted(engine) == [("replaced", 1, 7)]


def test_what_a_revoked_key_wrote_is_no_fork_for_the_tills_new_key(engine: Engine, ring: Keyring) -> None:
    till = after_epoch_one(engine, ring)
    till.sell(2)
    ring.entry(till).revoked = True
    take(engine, ring, ring.seal(till, 6, 7))
    assert standing(engine, ring, till, last=7, n=1) == "ok"
    assert isinstance(take(engine, ring, ring.seal(till, 6, 7, n=1)), Ack)
    assert standing(engine, ring, till, last=7, n=1) == "ok"


# A relay


def test_a_relay_tells_what_the_hub_holds(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(4)
    relay = msgspec.structs.replace(ring.intake, name="relay", relay=True)

    def say(batch: Batch) -> Ack:
        answer = transact(engine, ledger.ingest, batch, NOW_MS, relay)
        assert isinstance(answer, Ack)
        return answer

    first = say(ring.seal(till, 1, 2))
    assert (first.stored_by, first.upstream) == ("relay", None)
    above = Ack(1, 2, till.facts[1].hash, NOW_MS, "hub", "demo", "1", "k", bytes(64))
    for ack in (above, msgspec.structs.replace(above, acked_seq=1)):
        transact(engine, ledger.note_upstream, ack)
        assert say(ring.seal(till, 1, 4)).upstream == ack
        welcome = transact(engine, ledger.hello, Hello("demo", "1", 1), LINK_KEY, "u", NOW_MS, relay)
        assert (welcome.stored_by, welcome.upstream) == ("relay", ack)
    assert transact(engine, ledger.ingest, ring.seal(till, 1, 4), NOW_MS, ring.intake).upstream is None  # type: ignore[union-attr]


def test_without_rights_seals_are_neither_asked_for_nor_kept(engine: Engine, ring: Keyring) -> None:
    till = Till()
    till.sell(4)
    assert isinstance(transact(engine, ledger.ingest, ring.seal(till, 1, 5), NOW_MS, Intake()), Ack)
    with engine.connect() as connection:
        batch = ledger.read_batch(connection, "demo", "1", epoch=1, after_seq=0)
    assert batch == till.batch(1, 5)
    assert encode_json(batch)


def test_batches_of_many_tills_in_any_order_end_in_the_same_digest(
    engine: Engine, ring: Keyring, new_url: Callable[[str], str]
) -> None:
    till, clone = forked(6)
    batches = [ring.seal(till, 1, 6), ring.seal(till, 7, 11), ring.seal(clone, 6, 8), ring.seal(clone, 9, 11)]
    take(engine, ring, batches[0])
    for order in itertools.permutations(batches[1:]):
        for batch in order:
            take(engine, ring, batch)
    other = open_engine(new_url("sqlite"))
    migrate(other)
    for batch in batches:
        take(other, ring, batch)
    with engine.connect() as here, other.connect() as there:
        assert digest(here) == digest(there)
    assert noted(engine) == noted(other) == [("fork", 1, 6)]
    other.dispose()
