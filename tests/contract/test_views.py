"""The views follow the facts in groups: the file may be a little behind, answers and starts never are."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from pos.facts import StoredFact
from pos.journal import file_journal
from pos.journal.file_journal import FileJournal
from pos.journal.rebuild import compare_views, rebuild_views
from pos.journal.segment import segment_files
from pos.journal.views import GROUP_FACTS, Views
from pos.journal.writer import create_journal
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import EpochOpened
from tests.contract.test_journal import sale
from tests.contract.test_parked_carts import parked

_ROW_BEFORE_THE_FIRST = """
drop trigger fact_append;
insert into fact
  select 0, epoch, kind, version, wall_ms, mono_ms, boot_id, body, hash from earlier.fact where seq = 4;
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_journal(
        tmp_path / "till" / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test")
    )
    return tmp_path / "till"


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


def followed(state: Path) -> int:
    """How far the file is, for whoever looks at it from outside."""
    connection = apsw.Connection(str(state / "views.db"), flags=apsw.SQLITE_OPEN_READONLY)
    seq: int = connection.execute("select seq from applied").get
    connection.close()
    return seq


def test_the_file_is_written_once_for_a_group_of_facts_and_at_closing(
    state: Path, worker: ThreadWorker
) -> None:
    async def run() -> None:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        at_start = followed(state)
        for number in range(1, 2 * GROUP_FACTS):
            await journal.append([sale(number)])
            await worker.run(int)  # what follows an answer is done
            assert followed(state) == at_start + number // GROUP_FACTS * GROUP_FACTS
        await journal.close()
        assert followed(state) == journal.head.seq

    asyncio.run(run())
    assert len({*compare_views(state), rebuild_views(state)}) == 1


def test_an_answer_has_every_fact_in_it_that_was_appended(state: Path, worker: ThreadWorker) -> None:
    views = Views(state / "views.db")

    async def run() -> None:
        journal = FileJournal(state / "journal", views, SystemClock(), worker)
        await journal.open()
        digests = {await worker.run(views.digest)}
        for count in range(1, GROUP_FACTS):
            await journal.append([parked(f"cart-{count}")])
            assert len(await worker.run(views.parked)) == count
            digests.add(await worker.run(views.digest))
        assert len(digests) == GROUP_FACTS
        await journal.close()

    asyncio.run(run())


def test_a_start_after_a_kill_takes_in_what_was_left(
    state: Path, worker: ThreadWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the facts between lie in several segments."""
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 3)
    image = tmp_path / "image"

    async def run() -> None:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        for number in range(1, GROUP_FACTS):
            await journal.append([sale(number)])
        await worker.run(shutil.copytree, state, image)
        await journal.close()

        assert followed(image) == 1
        assert len(segment_files(image / "journal")) > 2
        again = FileJournal(image / "journal", Views(image / "views.db"), SystemClock(), worker)
        head = await again.open()
        assert (again.known_seq, head.seq) == (1, GROUP_FACTS)
        await again.close()

    asyncio.run(run())
    assert compare_views(image) == (rebuild_views(state),) * 2


def test_facts_that_cannot_be_taken_in_now_are_taken_in_with_the_next_ones(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Views._apply
    failing = [5, 5]

    def fail(views: Views, connection: apsw.Connection, fact: StoredFact) -> None:
        if failing and fact.seq == failing[0]:
            failing.pop()
            raise apsw.FullError("disk full")
        apply(views, connection, fact)

    monkeypatch.setattr(Views, "_apply", fail)

    async def run() -> None:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        for number in range(1, GROUP_FACTS + 1):
            await journal.append([sale(number)])
        await worker.run(int)
        assert followed(state) == 1
        for number in (1, 2):
            await journal.append([sale(GROUP_FACTS + number)])
        await worker.run(int)
        assert followed(state) == GROUP_FACTS + 3
        await journal.close()

    asyncio.run(run())
    assert failing == []
    assert len({*compare_views(state), rebuild_views(state)}) == 1


@pytest.mark.parametrize(
    ("at", "damage", "found"),
    [
        (
            0,
            "drop trigger fact_keep; update fact set epoch = 7 where seq = 4",
            "fact 4 is not what was written",
        ),
        (1, _ROW_BEFORE_THE_FIRST, "fact 5 is missing"),
    ],
)
def test_damage_where_the_head_is_read_is_found_at_the_start_after_a_new_segment_began(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch, at: int, damage: str, found: str
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 4)

    async def run() -> None:
        journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
        await journal.open()
        for number in range(1, 4):
            await journal.append([sale(number)])
        await journal.close()
        files = segment_files(state / "journal")
        assert len(files) == 2
        connection = apsw.Connection(str(files[at]))
        connection.execute("attach ? as earlier", (str(files[0]),))
        connection.execute(damage)
        connection.close()
        with pytest.raises(JournalUnavailableError) as refused:
            await journal.open()
        assert found in refused.value.detail

    asyncio.run(run())
