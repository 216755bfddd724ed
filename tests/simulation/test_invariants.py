"""Each invariant is fed a sound history, which it passes, and broken ones, which it must not."""

from typing import Any

import msgspec
import pytest

from pos.facts import GENESIS, StoredFact
from tests.simulation import invariants as inv
from tests.simulation.invariants import AckSeen, Conflict, DaySeen, FeedSeen, NodeFacts, Shown

STORE, TILL = "demo", "till1"


def chain(
    count: int, *, epoch: int = 1, first: int = 1, before: bytes = GENESIS, mark: str = ""
) -> list[StoredFact]:
    """Facts as a till would have written them; another `mark` gives another branch."""
    facts = []
    for seq in range(first, first + count):
        body = f'{{"cart_id":"{mark}{seq}","number":{seq}}}'.encode()
        fact = StoredFact(epoch, seq, "sale", 1, 1000 + seq, seq, "boot", body, b"")
        before = inv.hash_after(before, STORE, TILL, fact)
        facts.append(msgspec.structs.replace(fact, hash=before))
    return facts


def node(facts: list[StoredFact], aside: list[StoredFact] = []) -> NodeFacts:  # noqa: B006 - never changed
    return NodeFacts(
        {(TILL, fact.epoch, fact.seq): fact for fact in facts},
        {(TILL, fact.epoch, fact.seq): {fact.hash: fact} for fact in aside},
    )


def altered(fact: StoredFact) -> StoredFact:
    return msgspec.structs.replace(fact, body=fact.body.replace(b"number", b"nUmber"))


def test_the_reference_hash_is_the_one_that_the_till_computes() -> None:
    from pos.facts import hash_of

    fact = chain(1)[0]
    assert inv.hash_after(GENESIS, STORE, TILL, fact) == hash_of(GENESIS, STORE, TILL, fact)


def test_i1_sees_a_receipt_before_its_commit() -> None:
    assert not inv.i1_nothing_shown_before_it_is_durable([Shown("receipt", "c", durable=True)])
    assert inv.i1_nothing_shown_before_it_is_durable([Shown("receipt", "c", durable=False)])


def test_i2_sees_a_lost_a_changed_a_half_and_a_doubled_fact() -> None:
    kept = chain(5)

    def wrong(found: list[StoredFact], *under_way: int) -> list[str]:
        return inv.i2_journal_is_a_whole_prefix(STORE, TILL, found, kept, under_way=under_way)

    assert not wrong(kept)
    assert not wrong(chain(7), 2)
    assert not wrong(kept, 2)
    assert wrong(kept[:4])
    assert wrong(chain(6), 2)
    assert wrong([*kept[:3], altered(kept[3]), kept[4]])
    assert wrong([*kept[:2], *kept[3:]])
    twice = chain(5)
    again = msgspec.structs.replace(twice[-1], seq=6)
    again = msgspec.structs.replace(again, hash=inv.hash_after(twice[-1].hash, STORE, TILL, again))
    assert wrong([*twice, again], 1)


def test_i3_sees_what_nobody_wrote_a_hole_and_what_never_came() -> None:
    journal = chain(6)
    other = chain(2, first=5, before=journal[3].hash, mark="b")
    branches = {TILL: [[*journal[:4], *other], journal]}

    def wrong(held: NodeFacts, whole: list[bool] | None = None) -> list[str]:
        return inv.i3_node_holds_what_tills_wrote(held, branches, whole=whole)

    assert not wrong(node(journal[:3]))
    assert not wrong(node(journal, other), [True, True])
    assert not wrong(node(journal), [False, True])
    assert wrong(node(journal), [True, True])
    assert wrong(node(journal[:5]), [False, True])
    assert wrong(node([*journal[:2], *journal[3:]]))
    assert wrong(node([*journal[:5], altered(journal[5])]))
    assert wrong(node(journal, [altered(other[0])]))


def test_i4_sees_an_acknowledgement_that_went_back_or_was_not_kept() -> None:
    facts = chain(5)
    held = node(facts)

    def ack(seq: int, age: int = 0) -> AckSeen:
        return AckSeen("hub", TILL, 1, seq, facts[min(seq, 5) - 1].hash, age)

    assert not inv.i4_acknowledged_stays([ack(3), ack(5)], "hub", held, 0)
    assert not inv.i4_acknowledged_stays([ack(5), ack(3, 1)], "hub", held, 1)
    assert inv.i4_acknowledged_stays([ack(5), ack(3)], "hub", held, 0)
    assert inv.i4_acknowledged_stays([ack(6)], "hub", held, 0)
    forged = msgspec.structs.replace(facts[4], hash=bytes(32))
    assert inv.i4_acknowledged_stays([ack(5)], "hub", node([*facts[:4], forged]), 0)
    assert inv.i4_acknowledged_stays([ack(5)], "hub", node(facts[:4]), 0)


def test_i5_sees_another_digest() -> None:
    assert not inv.i5_same_digest("a", "a", "split")
    assert inv.i5_same_digest("a", "b", "split")


def test_i6_sees_a_silent_fork() -> None:
    assert not inv.i6_forks_are_heard([(TILL, 1, 4)], [TILL], [TILL])
    assert inv.i6_forks_are_heard([(TILL, 1, 4)], [], [TILL])
    assert inv.i6_forks_are_heard([(TILL, 1, 4)], [TILL], [])


def test_i7_sees_an_unknown_fact_that_was_dropped_or_altered() -> None:
    fact = msgspec.structs.replace(chain(1)[0], kind="future.wish")
    assert not inv.i7_unknown_kinds_survive([(TILL, fact)], node([fact]))
    assert inv.i7_unknown_kinds_survive([(TILL, fact)], node([]))
    assert inv.i7_unknown_kinds_survive([(TILL, fact)], node([altered(fact)]))


def test_i8_sees_a_refused_sale() -> None:
    assert not inv.i8_till_keeps_selling([])
    assert inv.i8_till_keeps_selling(["till1 refuses a sale: offline"])


def test_i9_sees_a_queue_that_stands() -> None:
    assert not inv.i9_queues_are_empty({TILL: 0})
    assert inv.i9_queues_are_empty({TILL: 3})


def test_i10_sees_a_number_used_twice_but_for_a_flagged_fork() -> None:
    once, twice = (TILL, 1, 7, b"a"), (TILL, 1, 7, b"b")
    assert not inv.i10_no_number_twice([once, once], [])
    assert not inv.i10_no_number_twice([once, (TILL, 2, 7, b"b")], [])
    assert inv.i10_no_number_twice([once, twice], [])
    assert not inv.i10_no_number_twice([once, twice], [(TILL, 1)])


def test_i11_sees_what_a_restored_hub_never_got_again() -> None:
    facts = chain(3)
    alive = [(TILL, fact) for fact in facts]
    assert not inv.i11_sent_again_after_restore(node(facts), alive)
    assert inv.i11_sent_again_after_restore(node(facts[:2]), alive)


def test_i12_wants_the_flipped_fact_named() -> None:
    assert not inv.i12_flip_is_named(["000000000001.journal: fact 17 is not what was written (hash)"], 17)
    assert inv.i12_flip_is_named([], 17)
    assert inv.i12_flip_is_named(["000000000001.journal: fact 171 is not what was written (hash)"], 17)


def test_i13_sees_a_name() -> None:
    assert not inv.i13_no_person([b'{"operator":"op-1"}'], [b"Kim Ohneland"])
    assert inv.i13_no_person([b'{"operator":"Kim Ohneland"}'], [b"Kim Ohneland"])


def test_i14_sees_numbers_and_days_that_follow_a_clock() -> None:
    def wrong(*seen: DaySeen) -> list[str]:
        return inv.i14_clock_changes_nothing(TILL, seen)

    def day(on: str, *, doubt: bool = False) -> DaySeen:
        return DaySeen(1, on, on, doubt)

    def sale(number: int, on: str) -> DaySeen:
        return DaySeen(1, on, sale_number=number, sale_day=on)

    assert not wrong(day("2026-03-02"), sale(1, "2026-03-02"), sale(2, "2026-03-02"), day("2026-03-03"))
    assert not wrong(day("2026-03-05"), day("2026-03-02", doubt=True))
    assert wrong(day("2026-03-05"), day("2026-03-02"))
    assert wrong(day("2026-03-05"), day("2026-03-04", doubt=True))
    assert wrong(day("2026-03-02"), sale(1, "2026-03-03"))
    assert wrong(day("2026-03-02"), sale(1, "2026-03-02"), sale(3, "2026-03-02"))
    assert wrong(day("2026-03-02"), sale(1, "2026-03-02"), sale(1, "2026-03-02"))


def test_i15_sees_a_conflict_without_a_note_and_one_noted_twice() -> None:
    fork, code = Conflict("fork", "till1/1"), Conflict("code", "abcd")
    assert not inv.i15_one_exception_each([fork, code], [code, fork])
    assert inv.i15_one_exception_each([fork], [])
    assert inv.i15_one_exception_each([fork], [fork, fork])
    assert inv.i15_one_exception_each([fork], [fork, Conflict("fork", "till2/1")])
    assert not inv.i15_one_exception_each([], [fork])
    assert inv.i15_one_exception_each([], [fork], {"fork"})


def test_i16_sees_a_missed_change_and_one_that_the_node_does_not_know() -> None:
    def seen(n: int, body: bytes = b"1", *, reset: bool = False) -> FeedSeen:
        return FeedSeen(n, f"sku-{n}", body, reset)

    log = {"sku-1": b"1", "sku-2": b"1"}
    assert not inv.i16_feed_misses_nothing(TILL, [seen(1), seen(2)], log)
    assert inv.i16_feed_misses_nothing(TILL, [seen(1)], log)
    assert inv.i16_feed_misses_nothing(TILL, [seen(1), seen(2, b"old")], log)
    assert not inv.i16_feed_misses_nothing(TILL, [seen(1), seen(2), seen(2)], log)
    assert not inv.i16_feed_misses_nothing(TILL, [seen(1)], {})
    assert inv.i16_feed_misses_nothing(TILL, [seen(1), seen(2), seen(3)], log)
    assert not inv.i16_feed_misses_nothing(TILL, [seen(3), seen(1, reset=True), seen(2)], log)
    assert inv.i16_feed_misses_nothing(TILL, [seen(1), seen(2), seen(2, reset=True)], log)


def test_i17_sees_a_parked_cart_that_goes_on_twice_and_one_that_is_noted_wrongly() -> None:
    def nobody(_cart: str, _tills: object) -> bool:
        return False

    once = [("c1", ("till1", 1, 4), b"a"), ("c1", ("till1", 1, 4), b"a"), ("c2", ("till2", 1, 9), b"b")]
    twice = [*once, ("c1", ("till2", 1, 7), b"c")]
    assert not inv.i17_parked_cart_goes_on_once(once, nobody)
    assert inv.i17_parked_cart_goes_on_once(twice, nobody)
    assert not inv.i17_parked_cart_goes_on_once(
        twice, lambda cart, tills: (cart, tills) == ("c1", {"till1", "till2"})
    )
    assert not inv.i17_twice_is_noted(twice, ["c1"])
    for noted in ([], ["c1", "c1"], ["c1", "c2"]):
        assert inv.i17_twice_is_noted(twice, noted)


def test_i17_sees_a_claim_that_is_given_up_after_it_was_used() -> None:
    assert not inv.i17_given_up_came_to_nothing(TILL, ["k1"], ["k2"])
    assert inv.i17_given_up_came_to_nothing(TILL, ["k1", "k2"], ["k2"])


@pytest.mark.parametrize("field", ["body", "kind", "wall_ms", "boot_id", "version", "mono_ms"])
def test_a_change_of_any_stored_field_breaks_the_chain(field: str) -> None:
    facts = chain(3)
    value: Any = getattr(facts[1], field)
    other = value + {int: 1, str: "x", bytes: b"x"}[type(value)]
    broken = [facts[0], msgspec.structs.replace(facts[1], **{field: other}), facts[2]]
    assert inv.chain_faults(STORE, TILL, broken)
    assert not inv.chain_faults(STORE, TILL, facts)
