"""The model of a power cut bites: it loses and damages what real disks lose and damage, and nothing else."""

import hashlib
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.simulation.disk import Disk, PowerCut, Survival, ram_folder

Connect = Callable[[Path], Any]
CUTS = 200


def with_apsw(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path))


def with_sqlite3(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


@pytest.fixture
def parent() -> Iterator[Path]:
    with ram_folder() as folder:
        yield folder


def work(connection: Any, pragmas: str, disk: Disk, kept: list[int], rows: int = 12) -> None:
    """Commit rows one by one until the power goes; `kept` are those whose commit returned before."""
    for pragma in pragmas.split():
        connection.execute(f"pragma {pragma}").fetchone()
    connection.execute("create table if not exists row(id integer primary key, body blob)")
    for number in range(1, rows + 1):
        connection.execute("begin immediate")
        connection.execute("insert into row values(?, zeroblob(2500))", (number,))
        connection.execute("commit")
        if disk.dead:
            return
        kept.append(number)


def look(path: Path, connect: Connect) -> set[int] | None:
    """The rows that are there; None for a damaged file."""
    connection = connect(path)
    try:
        if connection.execute("pragma integrity_check").fetchone()[0] != "ok":
            return None
        if not connection.execute("select 1 from sqlite_schema where name = 'row'").fetchone():
            return set()
        return {row[0] for row in connection.execute("select id from row")}
    except (apsw.CorruptError, apsw.NotADBError, sqlite3.DatabaseError):
        return None
    finally:
        connection.close()


def cuts(parent: Path, connect: Connect, pragmas: str, *, lying: bool = False) -> Counter[str]:
    """What became of committed rows in CUTS power cuts, each at another moment of a new database."""
    outcomes: Counter[str] = Counter()
    for number in range(CUTS):
        rng = random.Random(number)
        with Disk(parent, f"disk{number}", rng, lying=lying) as disk:
            kept: list[int] = []
            disk.cut_after(rng.randint(1, 110))
            connection = connect(disk.folder / "a.db")
            try:
                work(connection, pragmas, disk, kept)
            except (apsw.Error, sqlite3.Error):
                assert disk.dead
            found = look(disk.crash() / "a.db", connect)
            connection.close()
            outcomes["damaged" if found is None else "lost" if set(kept) - found else "kept"] += 1
    return outcomes


WAL = "journal_mode=wal wal_autocheckpoint=20 synchronous="
DELETE = "journal_mode=delete synchronous="


@pytest.mark.parametrize("connect", [with_apsw, with_sqlite3])
@pytest.mark.parametrize("pragmas", [WAL + "full", DELETE + "extra"])
def test_what_was_committed_with_enough_syncs_survives_every_cut(
    parent: Path, connect: Connect, pragmas: str
) -> None:
    assert cuts(parent, connect, pragmas) == {"kept": CUTS}


@pytest.mark.parametrize("connect", [with_apsw, with_sqlite3])
def test_a_wal_that_is_not_synced_loses_committed_rows(parent: Path, connect: Connect) -> None:
    outcomes = cuts(parent, connect, WAL + "normal")
    assert outcomes["lost"] > CUTS // 10
    assert outcomes["damaged"] == 0


@pytest.mark.parametrize("connect", [with_apsw, with_sqlite3])
def test_a_rollback_journal_whose_removal_is_not_synced_takes_committed_rows_back(
    parent: Path, connect: Connect
) -> None:
    outcomes = cuts(parent, connect, DELETE + "full")
    assert outcomes["lost"] > CUTS // 50
    assert outcomes["damaged"] == 0


@pytest.mark.parametrize("connect", [with_apsw, with_sqlite3])
def test_a_database_that_never_syncs_is_damaged(parent: Path, connect: Connect) -> None:
    assert cuts(parent, connect, DELETE + "off")["damaged"] > CUTS // 10


@pytest.mark.parametrize("connect", [with_apsw, with_sqlite3])
@pytest.mark.parametrize("pragmas", [WAL + "full", DELETE + "extra"])
def test_a_disk_that_lies_about_syncs_loses_or_damages(parent: Path, connect: Connect, pragmas: str) -> None:
    outcomes = cuts(parent, connect, pragmas, lying=True)
    assert outcomes["lost"] + outcomes["damaged"] > CUTS // 10
    assert outcomes["damaged"] > 0


def test_the_same_seed_gives_the_same_image(parent: Path) -> None:
    digests = []
    for name in ("first", "second"):
        rng = random.Random(7)
        with Disk(parent, name, rng) as disk:
            disk.cut_after(37)
            connection = with_apsw(disk.folder / "a.db")
            with pytest.raises(apsw.IOError):
                work(connection, WAL + "full", disk, [])
            folder = disk.crash(Survival.TORN)
            digests.append({path.name: _digest(path) for path in folder.iterdir()})
            connection.close()
    assert digests[0] == digests[1]
    assert "a.db-wal" in digests[0]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_sector_that_survives_is_the_old_or_a_newer_one_and_never_a_mix(parent: Path) -> None:
    """Pages of one repeated byte: after a torn cut every sector still consists of one."""
    seen: set[int] = set()
    for seed in range(60):
        with Disk(parent, f"disk{seed}", random.Random(seed)) as disk:
            connection = with_apsw(disk.folder / "a.db")
            for pragma in ("journal_mode=delete", "synchronous=extra", "page_size=4096"):
                connection.execute(f"pragma {pragma}")
            connection.execute("create table row(id integer primary key, body blob)")
            connection.execute("insert into row values(1, ?)", (b"\x01" * 40_000,))
            connection.execute("pragma synchronous=off")
            connection.execute("update row set body = ?", (b"\x02" * 40_000,))
            content = (disk.crash(Survival.TORN) / "a.db").read_bytes()
            for at in range(3 * 4096, len(content) - 4096, 512):
                seen |= set(content[at + 4 : at + 512])
                assert len(set(content[at + 4 : at + 512])) == 1
    assert seen == {1, 2}


def test_the_power_goes_at_the_call_it_was_told_and_nothing_reaches_the_files_after(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        connection = with_apsw(disk.folder / "a.db")
        work(connection, WAL + "full", disk, [], rows=2)
        steps = disk.steps
        disk.cut_after(5)
        connection.execute("insert into row values(3, '')")
        with pytest.raises(apsw.IOError):
            connection.execute("insert into row values(4, '')")
        assert disk.steps == steps + 5
        assert disk.dead
        before = (disk.folder / "a.db-wal").read_bytes()
        with pytest.raises(apsw.Error):
            connection.execute("insert into row values(9, '')")
        with pytest.raises(apsw.CantOpenError):
            with_apsw(disk.folder / "b.db").execute("create table t(x)")
        with pytest.raises(PowerCut):
            (disk.folder / "a.db").rename(disk.folder / "b.db")
        assert (disk.folder / "a.db-wal").read_bytes() == before
        connection.close()


def test_what_is_left_open_from_before_the_cut_cannot_touch_what_comes_after(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        old = with_apsw(disk.folder / "a.db")
        work(old, WAL + "full", disk, [], rows=3)
        folder = disk.crash(Survival.ALL)
        assert look(folder / "a.db", with_apsw) == {1, 2, 3}
        with pytest.raises(apsw.Error):
            old.execute("delete from row")
        old.close()
        assert look(folder / "a.db", with_apsw) == {1, 2, 3}
        new = with_apsw(folder / "a.db")
        new.execute("insert into row values(4, '')")
        new.close()
        assert look(disk.crash(Survival.NONE) / "a.db", with_apsw) == {1, 2, 3, 4}


def test_a_killed_process_loses_nothing_but_a_later_cut_still_may(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        connection = with_apsw(disk.folder / "a.db")
        work(connection, WAL + "normal", disk, [], rows=5)
        folder = disk.kill()
        again = with_apsw(folder / "a.db")
        assert again.execute("select count(*) from row").get == 5
        assert look(disk.crash(Survival.NONE) / "a.db", with_apsw) == set()
        connection.close()
        again.close()


def test_readers_and_a_writer_share_a_wal_on_it(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        writer, reader = with_apsw(disk.folder / "a.db"), with_apsw(disk.folder / "a.db")
        work(writer, WAL + "full", disk, [], rows=3)
        reader.execute("begin")
        assert reader.execute("select count(*) from row").get == 3
        writer.execute("insert into row values(4, '')")
        assert reader.execute("select count(*) from row").get == 3
        reader.execute("commit")
        assert reader.execute("select count(*) from row").get == 4
        assert not list(disk.crash(Survival.ALL).glob("*-shm"))
        writer.close()
        reader.close()


@pytest.mark.parametrize("synced", [True, False])
def test_a_new_name_is_there_after_a_cut_only_if_its_folder_was_synced(parent: Path, synced: bool) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        connection = with_apsw(disk.folder / "building")
        work(connection, DELETE + "extra", disk, [], rows=1)
        connection.close()
        (disk.folder / "building").rename(disk.folder / "ready.db")
        if synced:
            handle = os.open(disk.folder, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        folder = disk.crash(Survival.NONE)
        assert {path.name for path in folder.iterdir()} == {"ready.db" if synced else "building"}
        assert look(folder / ("ready.db" if synced else "building"), with_apsw) == {1}


def test_a_file_that_was_removed_or_replaced_may_come_back(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        for name, text in (("old", "old"), ("gone", "gone"), ("new", "new")):
            (disk.folder / name).write_text(text, encoding="ascii")
        (disk.folder / "new").replace(disk.folder / "old")
        (disk.folder / "gone").unlink()
        folder = disk.crash(Survival.NONE)
        assert {path.name: path.read_text(encoding="ascii") for path in folder.iterdir()} == {
            "old": "old",
            "gone": "gone",
            "new": "new",
        }


@pytest.mark.parametrize(
    ("kind", "error"), [("write", apsw.IOError), ("sync", apsw.IOError), ("full", apsw.FullError)]
)
def test_a_fault_hits_once_and_the_disk_lives_on(parent: Path, kind: str, error: type[Exception]) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        connection = with_apsw(disk.folder / "a.db")
        work(connection, WAL + "full", disk, [], rows=2)
        disk.fail(kind)
        with pytest.raises(error):
            connection.execute("insert into row values(3, '')")
        connection.execute("insert into row values(4, '')")
        connection.close()
        assert not disk.dead
        assert look(disk.crash() / "a.db", with_apsw) == {1, 2, 4}


def test_after_a_failed_sync_no_later_sync_brings_back_what_was_dropped(parent: Path) -> None:
    """Otherwise a till that just syncs again would seem safe: the kernel marks the pages clean."""
    missing = 0
    for seed in range(20):
        with Disk(parent, f"disk{seed}", random.Random(seed)) as disk:
            connection = with_apsw(disk.folder / "a.db")
            work(connection, WAL + "full", disk, [], rows=1)
            disk.fail("sync")
            with pytest.raises(apsw.IOError):
                connection.execute("insert into row values(2, zeroblob(9000))")
            shown = (disk.folder / "a.db-wal").read_bytes()
            (file,) = [file for file in disk.open_files() if file.path.endswith("-wal")]
            assert disk.on_sync(file) == 0
            missing += (disk.crash(Survival.ALL) / "a.db-wal").read_bytes() != shown
            connection.close()
    assert missing > 10


def test_other_folders_are_none_of_its_business(parent: Path, tmp_path: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        disk.cut()
        connection = with_apsw(tmp_path / "a.db")
        work(connection, WAL + "full", disk, [], rows=2)
        connection.close()
        (tmp_path / "a.db").rename(tmp_path / "b.db")
        assert disk.steps == 0
    assert look(tmp_path / "b.db", with_apsw) == {1}


def test_writes_and_syncs_are_counted(parent: Path) -> None:
    with Disk(parent, "disk", random.Random(1)) as disk:
        connection = with_apsw(disk.folder / "a.db")
        work(connection, WAL + "full", disk, [], rows=1)
        before = disk.writes, disk.syncs, disk.bytes_written
        connection.execute("insert into row values(2, '')")
        after = disk.writes, disk.syncs, disk.bytes_written
        connection.close()
    # one page as one frame: its head and its content
    assert [new - old for old, new in zip(before, after, strict=True)] == [2, 1, 24 + 4096]
