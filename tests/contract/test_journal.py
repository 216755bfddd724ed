"""The journal on a real disk: what is kept, what is refused, and what damage is found."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from pos.cart_facts import CartAbandoned
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.journal import file_journal
from pos.journal.backup import BackupError, check_backup, write_backup
from pos.journal.file_journal import FileJournal
from pos.journal.lock import StateFolderLock, StateFolderLockedError
from pos.journal.reader import JournalFeed, iterate, verify_journal
from pos.journal.rebuild import compare_views, rebuild_views
from pos.journal.segment import segment_files
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.journal.writer import create_journal
from pos.sale_facts import Sale, SaleLine, SaleTax
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from pos.till_facts import DrawerOpenedFact, EpochOpened


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test"))
    return tmp_path


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


def sale(number: int, total: int = 119) -> Sale:
    return Sale(
        cart_id=f"cart-{number}",
        number=number,
        business_day="2026-11-22",
        cash_session="1-2",
        operator="1",
        started_ms=1,
        tendered_ms=2,
        completed_ms=3,
        offset_min=60,
        lines=(SaleLine(1, "Artikel", total, total, "A", Decimal(19), 1),),
        tenders=(Tender("cash", total, total),),
        taxes=(SaleTax("A", 1, Decimal(19), total, 100, total - 100),),
        total_minor=total,
        pieces=1,
    )


def journal_of(state: Path, worker: ThreadWorker) -> FileJournal:
    return FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)


def append(state: Path, worker: ThreadWorker, numbers: range) -> None:
    async def run() -> None:
        journal = journal_of(state, worker)
        await journal.open()
        for number in numbers:
            await journal.append([sale(number)])
        await journal.close()

    asyncio.run(run())


def test_a_sale_whose_drawer_was_opened_by_key_is_still_the_newest_thing_that_happened(
    state: Path, worker: ThreadWorker
) -> None:
    """Else a till that died before the receipt was in the spool would not show it again."""
    told = []

    async def add(*facts: Fact) -> None:
        journal = journal_of(state, worker)
        told.append((await journal.open()).last_is_sale)
        for fact in facts:
            await journal.append([fact])
        told.append(journal.head.last_is_sale)
        await journal.close()

    opened = DrawerOpenedFact("1", "sale", by_key=True, cart_id="cart-1")
    asyncio.run(add(sale(1), opened))
    asyncio.run(add(DrawerOpenedFact("1", "change")))
    asyncio.run(add(sale(2)))
    asyncio.run(add(opened))
    assert told == [False, True, True, False, False, True, True, False]


def test_a_sale_is_kept_and_the_head_knows_the_next_number(state: Path, worker: ThreadWorker) -> None:
    append(state, worker, range(1, 4))

    async def run() -> None:
        journal = journal_of(state, worker)
        head = await journal.open()
        assert (head.next_number, head.seq, head.epoch) == (4, 4, 1)
        assert head.last_sale == sale(3)
        assert await journal.cart_ended("cart-2")
        assert not await journal.cart_ended("cart-9")
        await journal.close()

    asyncio.run(run())
    totals = verify_journal(state / "journal")
    assert totals.problems == []
    assert (totals.sales, totals.gross_minor, totals.facts) == (3, 357, 4)


@pytest.mark.parametrize(
    "statement",
    [
        "update fact set wall_ms = 0",
        "delete from fact where seq = 2",
        "insert or replace into fact select seq, epoch, kind, version, 0, mono_ms, boot_id, body, hash from fact",
        "insert into fact select seq + 5, epoch, kind, version, 0, mono_ms, boot_id, body, hash from fact where seq=2",
        "delete from segment",
        "update segment set till = 'other'",
    ],
)
def test_the_database_itself_refuses_to_change_what_is_written(
    state: Path, worker: ThreadWorker, statement: str
) -> None:
    append(state, worker, range(1, 3))
    connection = apsw.Connection(str(segment_files(state / "journal")[0]))
    with pytest.raises(apsw.ConstraintError):
        connection.execute(statement)
    connection.close()
    assert verify_journal(state / "journal").problems == []


@pytest.mark.parametrize("column", ["body", "wall_ms", "kind", "epoch", "boot_id", "hash"])
def test_a_changed_fact_is_found_even_when_the_triggers_were_dropped(
    state: Path, worker: ThreadWorker, column: str
) -> None:
    append(state, worker, range(1, 6))
    connection = apsw.Connection(str(segment_files(state / "journal")[0]))
    connection.execute("drop trigger fact_keep")
    value = {"body": b"x", "hash": bytes(32), "kind": "other", "boot_id": "other"}.get(column, 7)
    connection.execute(f"update fact set {column} = ? where seq = 3", (value,))
    connection.close()
    problems = verify_journal(state / "journal").problems
    assert len(problems) == 1
    assert "fact 3" in problems[0]


@pytest.mark.parametrize(
    "damage", ["kind = cast(x'ff' as text)", "body = null", "epoch = null", "hash = null"]
)
def test_a_column_that_is_not_even_of_its_kind_is_damage_like_any_other(
    state: Path, worker: ThreadWorker, damage: str
) -> None:
    append(state, worker, range(1, 6))
    path = str(segment_files(state / "journal")[0])
    connection = apsw.Connection(path)
    connection.execute("drop trigger fact_keep; pragma writable_schema = 1")
    connection.execute(
        "update sqlite_schema set sql = replace(replace(sql, ' not null', ''), 'strict', '') where name = 'fact'"
    )
    connection.close()
    connection = apsw.Connection(path)
    connection.execute(f"update fact set {damage} where seq = 3")
    connection.close()
    (problem,) = verify_journal(state / "journal").problems
    assert "fact 3" in problem

    async def run() -> None:
        with pytest.raises(JournalUnavailableError, match="fact 3 "):
            await journal_of(state, worker).open()

    asyncio.run(run())


def test_a_removed_fact_is_found(state: Path, worker: ThreadWorker) -> None:
    append(state, worker, range(1, 6))
    connection = apsw.Connection(str(segment_files(state / "journal")[0]))
    connection.execute("drop trigger fact_stay")
    connection.execute("delete from fact where seq = 3")
    connection.close()
    assert "fact 3" in verify_journal(state / "journal").problems[0]


def test_a_till_with_a_damaged_journal_does_not_open_it(state: Path, worker: ThreadWorker) -> None:
    append(state, worker, range(1, 6))
    path = segment_files(state / "journal")[0]
    body = list(iterate(state / "journal"))[3].body
    content = bytearray(path.read_bytes())
    content[content.index(body) + 20] ^= 1
    path.write_bytes(content)

    async def run() -> None:
        with pytest.raises(JournalUnavailableError):
            await journal_of(state, worker).open()

    asyncio.run(run())


def test_full_segments_are_sealed_and_the_chain_goes_on(
    state: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 10)
    append(state, worker, range(1, 36))
    assert [path.stem for path in segment_files(state / "journal")] == [
        f"{first:012d}" for first in (1, 11, 21, 31)
    ]
    totals = verify_journal(state / "journal")
    assert totals.problems == []
    assert (totals.segments, totals.sales) == (4, 35)
    assert [fact.seq for fact in iterate(state / "journal", 8)] == list(range(9, 37))
    segment_files(state / "journal")[1].unlink()
    assert verify_journal(state / "journal").problems


def test_the_views_are_derived_and_come_out_the_same_each_time(state: Path, worker: ThreadWorker) -> None:
    append(state, worker, range(1, 20))
    live, fresh = compare_views(state)
    assert live == fresh
    assert rebuild_views(state) == live
    (state / "views.db").write_bytes(b"not a database at all")
    append(state, worker, range(20, 22))
    live, fresh = compare_views(state)
    assert live == fresh


def test_a_second_till_on_the_same_folder_is_refused(state: Path) -> None:
    with StateFolderLock(state), pytest.raises(StateFolderLockedError, match=str(os.getpid())):
        StateFolderLock(state).__enter__()
    with StateFolderLock(state):
        pass


def test_the_open_cart_comes_back_with_every_line_that_was_flushed(
    tmp_path: Path, worker: ThreadWorker
) -> None:
    from pos.domain.cart import Line, Mark, cart_of

    lines = tuple(
        Line(n, "article", f"Artikel {n}", Decimal("1.5"), 100, 150, Mark(5, "1"), tax_percent=Decimal(7))
        for n in range(1, 6)
    )

    async def run() -> None:
        store = StateStore(tmp_path / "state.db", worker)
        assert await store.open() is None
        for count in range(1, 6):
            store.save_cart(cart_of("c1", 1, "1", lines[:count]))
        await store.flush()
        assert 1 <= store.saves <= 5
        again = StateStore(tmp_path / "state.db", worker)
        assert await again.open() == cart_of("c1", 1, "1", lines)
        store.save_cart(None)
        await store.close()
        assert await again.open() is None
        await again.close()

    asyncio.run(run())


def test_the_feed_reads_in_order_while_the_till_writes(state: Path, worker: ThreadWorker) -> None:
    append(state, worker, range(1, 10))

    async def run() -> None:
        feed = JournalFeed(state / "journal", worker)
        facts = await feed.read_after(1, 4, 3)
        assert [fact.seq for fact in facts] == [5, 6, 7]
        assert await feed.hash_at(1, 7) == facts[-1].hash
        assert await feed.hash_at(1, 99) is None

    asyncio.run(run())


def test_a_backup_holds_the_journal_and_its_checksums_find_a_change(
    state: Path, worker: ThreadWorker
) -> None:
    append(state, worker, range(1, 10))
    target = state / "till.backup"
    write_backup(state, target, 1)
    names = check_backup(target)
    assert any(name.startswith("journal/") for name in names)
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
    with pytest.raises(BackupError):
        check_backup(target)


def test_an_abandoned_cart_is_kept_too(state: Path, worker: ThreadWorker) -> None:
    async def run() -> None:
        journal = journal_of(state, worker)
        await journal.open()
        await journal.append([CartAbandoned("cart-x", "2026-11-22", "1", 1, 2, 60, ())])
        await journal.close()
        await journal.open()
        assert await journal.cart_ended("cart-x")
        await journal.close()

    asyncio.run(run())


FULL_DISK = """
import asyncio, sys
from pathlib import Path
from tests.contract.test_journal import journal_of, sale
from pos.storage_ports import JournalUnavailableError
from pos.system import ThreadWorker

async def run(state):
    worker = ThreadWorker("w")
    journal = journal_of(state, worker)
    await journal.open()
    kept = 0
    code = ""
    for number in range(1, 5000):
        try:
            await journal.append([sale(number)])
            kept = number
        except JournalUnavailableError as error:
            code = error.code
            break
    print(kept, code)

asyncio.run(run(Path(sys.argv[1])))
"""


def test_a_full_disk_refuses_the_next_sale_and_keeps_all_before_it(tmp_path: Path) -> None:
    """A real small file system: 3 MB of tmpfs."""
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)], check=True)
    try:
        create_journal(mount / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test"))
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, str(mount)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        kept, code = done.stdout.split()
        assert code == "disk-full"
        totals = verify_journal(mount / "journal")
        assert totals.problems == []
        assert totals.sales == int(kept) > 0
    finally:
        subprocess.run(["umount", str(mount)], check=True)
