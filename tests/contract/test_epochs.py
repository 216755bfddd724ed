"""Epochs in a journal: numbers that begin anew, holes that are legal, and those that are not."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from pos.facts import GENESIS, decode_fact
from pos.journal import file_journal
from pos.journal.file_journal import FileJournal
from pos.journal.reader import JournalFeed, iterate, sales_after, verify_journal
from pos.journal.rebuild import compare_views
from pos.journal.segment import open_reader, segment_files
from pos.journal.writer import create_journal
from pos.storage_ports import Head, JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import EpochOpened
from tests.contract.test_journal import journal_of, sale

ELSEWHERE = bytes(range(32))


def restored(*, previous_epoch: int = 1) -> EpochOpened:
    return EpochOpened("shop", "t1", "restored", "test", previous_epoch)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test"))
    return tmp_path


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


async def sell(journal: FileJournal, count: int) -> None:
    for _ in range(count):
        head = journal.head
        made = msgspec.structs.replace(
            sale(head.next_number), cart_id=f"cart-{head.epoch}-{head.next_number}"
        )
        await journal.append([made])


def using(state: Path, worker: ThreadWorker, work: Callable[[FileJournal], Awaitable[None]]) -> Head:
    """Open the journal, do the work, close it; returns the head as the next opening finds it."""

    async def run() -> Head:
        journal = journal_of(state, worker)
        await journal.open()
        await work(journal)
        await journal.close()
        head = await journal.open()
        await journal.close()
        return head

    return asyncio.run(run())


def ask(state: Path, worker: ThreadWorker, question: Callable[[JournalFeed], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await question(JournalFeed(state / "journal", worker))

    return asyncio.run(run())


def place_of(epoch: int, seq: int) -> Callable[[JournalFeed], Awaitable[bytes | None]]:
    return lambda feed: feed.hash_at(epoch, seq)


async def next_three(place: tuple[int, int], feed: JournalFeed) -> Any:
    return await feed.read_after(*place, 3)


def leapt(state: Path, worker: ThreadWorker) -> None:
    """Facts 1 to 4 in epoch 1, facts 51 to 54 in epoch 3; those between lie elsewhere."""

    async def work(journal: FileJournal) -> None:
        await sell(journal, 3)
        await journal.open_epoch(restored(previous_epoch=2), 51, ELSEWHERE, 3)
        await sell(journal, 3)

    using(state, worker, work)


def test_an_epoch_goes_on_where_the_journal_is_when_nobody_holds_more(
    state: Path, worker: ThreadWorker
) -> None:
    async def work(journal: FileJournal) -> None:
        await sell(journal, 3)
        before = journal.head
        stored = await journal.open_epoch(restored(), 3, ELSEWHERE, 2)
        assert (stored.epoch, stored.seq) == (2, 5)
        fact = decode_fact(stored.kind, stored.version, stored.body)
        assert isinstance(fact, EpochOpened)
        assert (fact.previous_epoch, fact.previous_seq, fact.previous_hash) == (1, 4, before.hash.hex())
        await sell(journal, 2)

    head = using(state, worker, work)
    assert (head.epoch, head.seq, head.next_number) == (2, 7, 3)
    assert verify_journal(state / "journal").problems == []
    assert len(segment_files(state / "journal")) == 1


def test_an_epoch_begins_in_a_segment_of_its_own_after_facts_that_lie_elsewhere(
    state: Path, worker: ThreadWorker
) -> None:
    leapt(state, worker)
    head = using(state, worker, lambda journal: sell(journal, 1))
    assert (head.epoch, head.seq, head.next_number) == (3, 55, 5)
    totals = verify_journal(state / "journal")
    assert totals.problems == []
    assert (totals.facts, totals.sales, totals.last_epoch, totals.last_seq) == (9, 7, 3, 55)
    assert [path.stem for path in segment_files(state / "journal")] == ["000000000001", "000000000051"]
    live, fresh = compare_views(state)
    assert live == fresh


def test_the_segment_before_a_leap_is_sealed_even_if_the_power_went_before_its_seal(
    state: Path, worker: ThreadWorker
) -> None:
    leapt(state, worker)
    old = segment_files(state / "journal")[0]
    assert open_reader(old).sealed
    connection = apsw.Connection(str(old))
    connection.execute("drop trigger seal_stay; delete from seal")
    connection.close()
    using(state, worker, lambda journal: sell(journal, 1))
    assert open_reader(old).sealed
    assert verify_journal(state / "journal").problems == []


def test_a_cart_that_ended_just_before_a_leap_is_still_known_to_have_ended(
    state: Path, worker: ThreadWorker
) -> None:
    async def work(journal: FileJournal) -> None:
        await sell(journal, 3)
        await journal.open_epoch(restored(), 100_001, ELSEWHERE, 2)
        assert await journal.cart_ended("cart-1-3")
        assert not await journal.cart_ended("cart-1-4")

    using(state, worker, work)


def test_an_epoch_that_is_not_above_the_last_is_refused(state: Path, worker: ThreadWorker) -> None:
    async def work(journal: FileJournal) -> None:
        with pytest.raises(ValueError, match="not above"):
            await journal.open_epoch(restored(), 51, ELSEWHERE, 1)
        await sell(journal, 1)

    assert using(state, worker, work).seq == 2


def test_a_replaced_till_begins_where_the_other_machine_ended(tmp_path: Path, worker: ThreadWorker) -> None:
    first = EpochOpened("shop", "t1", "replaced", "test", 1, 200, ELSEWHERE.hex())
    create_journal(tmp_path / "journal", SystemClock(), first, first_seq=201, prev_hash=ELSEWHERE, epoch=2)
    head = using(tmp_path, worker, lambda journal: sell(journal, 2))
    assert (head.epoch, head.seq, head.next_number) == (2, 203, 3)
    assert verify_journal(tmp_path / "journal").problems == []
    assert ask(tmp_path, worker, lambda feed: feed.hash_at(2, 200)) == ELSEWHERE
    assert ask(tmp_path, worker, lambda feed: feed.hash_at(2, 0)) == ELSEWHERE
    assert ask(tmp_path, worker, lambda feed: feed.hash_at(1, 200)) is None
    assert [fact.seq for fact in ask(tmp_path, worker, lambda feed: feed.read_after(1, 0, 9))] == [
        201,
        202,
        203,
    ]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((1, 0), [1, 2, 3, 4]),
        ((1, 2), [3, 4]),
        ((1, 4), [51, 52, 53, 54]),  # done: the next epoch's first ones
        ((1, 30), [51, 52, 53, 54]),  # the hub holds more of the old epoch than this disk
        ((1, 52), [51, 52, 53, 54]),  # and even beyond the numbers where the new one begins
        ((2, 50), [51, 52, 53, 54]),
        ((3, 50), [51, 52, 53, 54]),
        ((3, 0), [51, 52, 53, 54]),
        ((3, 52), [53, 54]),
        ((3, 54), []),
        ((4, 0), []),
    ],
)
def test_the_feed_goes_by_epoch_then_seq(
    state: Path, worker: ThreadWorker, place: tuple[int, int], expected: list[int]
) -> None:
    leapt(state, worker)
    facts = ask(state, worker, lambda feed: feed.read_after(*place, 100))
    assert [fact.seq for fact in facts] == expected
    assert [fact.seq for fact in ask(state, worker, lambda feed: feed.read_after(*place, 2))] == expected[:2]
    unsent = sales_after(state / "journal", *place)
    assert [seq for _, seq in unsent] == [
        fact.seq
        for fact in iterate(state / "journal")
        if fact.kind == "sale" and expected and fact.seq >= expected[0]
    ]


def test_a_hash_belongs_to_an_epoch_and_a_number(state: Path, worker: ThreadWorker) -> None:
    leapt(state, worker)
    hashes = {(fact.epoch, fact.seq): fact.hash for fact in iterate(state / "journal")}
    for (epoch, seq), hash_ in hashes.items():
        assert ask(state, worker, place_of(epoch, seq)) == hash_
    began_on = {(1, 0): GENESIS, (3, 50): ELSEWHERE, (3, 0): ELSEWHERE}
    nowhere = [(1, 5), (1, 50), (1, 52), (2, 0), (2, 50), (2, 51), (3, 4), (3, 49), (3, 55), (4, 0), (4, 54)]
    for place, expected in (began_on | dict.fromkeys(nowhere)).items():
        assert ask(state, worker, place_of(*place)) == expected, place
    assert ask(state, worker, lambda feed: feed.last()) == (3, 54, hashes[3, 54])


def test_an_epoch_in_the_same_file_begins_on_the_fact_before_it(state: Path, worker: ThreadWorker) -> None:
    async def work(journal: FileJournal) -> None:
        await sell(journal, 3)
        await journal.open_epoch(restored(), 1, ELSEWHERE, 2)
        await sell(journal, 1)

    using(state, worker, work)
    hashes = [fact.hash for fact in iterate(state / "journal")]
    assert ask(state, worker, lambda feed: feed.hash_at(2, 4)) == hashes[3]
    assert ask(state, worker, lambda feed: feed.hash_at(1, 4)) == hashes[3]
    assert ask(state, worker, lambda feed: feed.hash_at(2, 0)) == hashes[3]
    assert ask(state, worker, lambda feed: feed.hash_at(1, 5)) is None


def test_the_feed_reads_over_full_segments_and_epochs(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 4)

    async def work(journal: FileJournal) -> None:
        await sell(journal, 10)
        await journal.open_epoch(restored(), 1, GENESIS, 2)
        await sell(journal, 6)
        await journal.open_epoch(restored(previous_epoch=2), 41, ELSEWHERE, 5)
        await sell(journal, 7)

    using(state, worker, work)
    assert verify_journal(state / "journal").problems == []
    place, seen = (0, 0), []
    while facts := ask(state, worker, functools.partial(next_three, place)):
        assert len({fact.epoch for fact in facts}) == 1
        seen += facts
        place = (facts[-1].epoch, facts[-1].seq)
    assert [(fact.epoch, fact.seq) for fact in seen] == (
        [(1, seq) for seq in range(1, 12)]
        + [(2, seq) for seq in range(12, 19)]
        + [(5, seq) for seq in range(41, 49)]
    )


def damaged(state: Path, statement: str) -> list[str]:
    connection = apsw.Connection(str(segment_files(state / "journal")[-1]))
    for name in ("fact_keep", "segment_keep", "fact_stay"):
        connection.execute(f"drop trigger {name}")
    connection.execute(statement)
    connection.close()
    return verify_journal(state / "journal").problems


def test_a_hole_before_anything_but_an_opened_epoch_is_damage(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 4)
    using(state, worker, lambda journal: sell(journal, 11))
    segment_files(state / "journal")[1].unlink()
    assert "fact 5 is missing" in verify_journal(state / "journal").problems[0]


def test_a_leap_whose_beginning_was_changed_is_damage(state: Path, worker: ThreadWorker) -> None:
    leapt(state, worker)
    assert damaged(state, "update segment set prev_hash = zeroblob(32)")


def test_an_epoch_that_was_never_opened_is_damage(state: Path, worker: ThreadWorker) -> None:
    """Even where the hashes hold: whoever writes facts of another epoch must say so first."""

    async def work(journal: FileJournal) -> None:
        await sell(journal, 1)
        journal.head = msgspec.structs.replace(journal.head, epoch=2)
        await sell(journal, 1)

    with pytest.raises(JournalUnavailableError):
        using(state, worker, work)
    assert "never opened" in verify_journal(state / "journal").problems[0]
