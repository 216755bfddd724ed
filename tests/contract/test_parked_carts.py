"""Parked carts on a real disk: which ones wait is derived from the facts, however the journal was opened."""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from pos.cart_facts import CartAbandoned, CartParked, CartResumed, TaxKey
from pos.facts import Fact
from pos.journal import file_journal
from pos.journal.file_journal import FileJournal
from pos.journal.reader import verify_journal
from pos.journal.rebuild import compare_views, rebuild_views
from pos.journal.segment import segment_files
from pos.journal.views import Views
from pos.journal.writer import create_journal
from pos.sale_facts import SaleLine
from pos.storage_ports import Head, JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import EpochOpened, ReceiptCopied
from tests.contract.test_journal import sale


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test"))
    return tmp_path


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


def parked(cart_id: str, note: str = "") -> CartParked:
    line = SaleLine(1, "Artikel", 119, 119, "A", Decimal(19), 1)
    keys = (TaxKey("A", Decimal(19), 1),)
    return CartParked(cart_id, "2026-11-22", "1", 1, 2, 60, (line,), keys, 119, 1, note=note)


def resumed(cart_id: str, new_cart_id: str) -> CartResumed:
    return CartResumed(cart_id, new_cart_id, "2026-11-22", "1", 3, 60)


def abandoned(cart_id: str) -> CartAbandoned:
    return CartAbandoned(cart_id, "2026-11-22", "1", 1, 2, 60, ())


def write(state: Path, worker: ThreadWorker, facts: Sequence[Fact]) -> tuple[Head, Head]:
    """Append one by one; the head as it followed them, and as it is read by the next start."""

    async def run() -> tuple[Head, Head]:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        for fact in facts:
            await journal.append([fact])
        followed = journal.head
        await journal.close()
        read = await journal.open()
        await journal.close()
        return followed, read

    return asyncio.run(run())


CASES: dict[str, tuple[list[Fact], list[str], str]] = {
    "one waits": ([parked("a")], ["a"], ""),
    "the oldest is first": ([parked("b"), parked("a")], ["b", "a"], ""),
    "resumed": ([parked("a"), parked("b"), resumed("a", "c")], ["b"], "c"),
    "resumed and paid": ([parked("a"), resumed("a", "cart-1"), sale(1)], [], ""),
    "resumed and given up": ([parked("a"), resumed("a", "b"), abandoned("b")], [], ""),
    "parked again": ([parked("a"), resumed("a", "b"), parked("b", "again")], ["b"], ""),
    "another sale between": ([parked("a"), sale(1), abandoned("x"), resumed("a", "b")], [], "b"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_head_knows_which_carts_wait_and_which_goes_on(
    state: Path, worker: ThreadWorker, case: str
) -> None:
    facts, waiting, goes_on = CASES[case]
    for head in write(state, worker, facts):
        assert [cart.cart_id for cart in head.parked] == waiting
        assert (head.resumed[0].new_cart_id if head.resumed is not None else "") == goes_on
        assert all(cart in facts for cart in head.parked)
    assert verify_journal(state / "journal").problems == []
    live, fresh = compare_views(state)
    assert live == fresh == rebuild_views(state)


def test_a_parked_cart_is_read_from_whichever_segment_holds_it(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 4)
    copies: list[Fact] = [ReceiptCopied(1, "1")] * 3
    facts = [parked("a"), *copies, parked("b"), *copies, parked("c"), parked("d"), resumed("b", "e"), *copies]
    for head in write(state, worker, facts):
        assert [cart.cart_id for cart in head.parked] == ["a", "c", "d"]
        assert head.resumed is not None
        assert head.resumed[1].cart_id == "b"
    assert len(segment_files(state / "journal")) > 3


@pytest.mark.parametrize("later", [0, 150])
def test_a_cart_that_was_parked_has_ended(state: Path, worker: ThreadWorker, later: int) -> None:
    write(state, worker, [parked("a"), *[ReceiptCopied(1, "1")] * later])

    async def run() -> None:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        assert await journal.cart_ended("a")
        assert not await journal.cart_ended("b")
        if not later:
            await journal.append([resumed("a", "b")])
            assert await journal.cart_ended("a")
            assert not await journal.cart_ended("b")
        await journal.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ([parked("a"), parked("a")], "fact 3: cart a ends a second time"),
        ([parked("cart-1"), sale(1)], "fact 3: cart cart-1 ends a second time"),
        ([resumed("a", "b")], "fact 2: cart a goes on, but is not parked"),
        ([parked("a"), resumed("a", "b"), resumed("a", "c")], "fact 4: cart a goes on, but is not parked"),
        ([abandoned("a"), resumed("a", "b")], "fact 3: cart a goes on, but is not parked"),
        ([parked("a"), resumed("a", "a")], "fact 3: cart a begins after its end"),
    ],
)
def test_a_cart_that_ends_or_goes_on_twice_is_found_by_verify(
    state: Path, worker: ThreadWorker, facts: list[Fact], problem: str
) -> None:
    write(state, worker, facts)
    assert problem in verify_journal(state / "journal").problems


def test_a_parked_cart_that_was_changed_in_an_old_segment_is_not_sold(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 4)
    write(state, worker, [parked("a"), *[ReceiptCopied(1, "1")] * 12])
    connection = apsw.Connection(str(segment_files(state / "journal")[0]))
    connection.execute("drop trigger fact_keep")
    connection.execute("update fact set body = cast(replace(body, '119', '118') as blob) where seq = 2")
    connection.close()
    with pytest.raises(JournalUnavailableError, match="fact 2"):
        write(state, worker, [])
