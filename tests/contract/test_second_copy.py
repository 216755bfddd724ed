"""The second copy: another medium holds what the journal holds, within two seconds, and says so when it does not."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from pos.bootstrap import OpenTill, create_till
from pos.domain import commands as c
from pos.journal import file_journal, second_copy
from pos.journal import mirror as mirror_module
from pos.journal.backup import write_backup
from pos.journal.file_journal import FileJournal
from pos.journal.mirror import Mirror
from pos.journal.reader import iterate, verify_journal
from pos.journal.restore import restore_backup
from pos.journal.second_copy import SecondCopy, copy_folder, look, read_seals
from pos.journal.segment import segment_files
from pos.settings import load_settings, write_settings
from pos.system import ThreadWorker
from tests.contract.killing import STEPS_MAX, finished_before
from tests.contract.test_epochs import restored, sell, using
from tests.contract.test_new_numbers import ELSEWHERE, PIN, at_the_till
from tests.contract.test_new_numbers import sell as sell_at


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    create_till(state, load_settings(state, {}), "t1", "Kim", PIN)
    return state


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes media: real file systems of a size."""
    mounts: list[Path] = []

    def mount(size: str) -> Path:
        path = tmp_path / f"medium{len(mounts)}"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
        mounts.append(path)
        return path

    yield mount
    for path in mounts:
        subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


@pytest.fixture
def medium(mounted: Callable[[str], Path]) -> Path:
    return mounted("20m")


def signed(epoch: int, first_seq: int, last_seq: int, last_hash: bytes) -> tuple[str, bytes]:
    return "ab" * 16, f"{epoch}/{first_seq}-{last_seq}".encode() + last_hash


def copy_of(state: Path, medium: Path) -> SecondCopy:
    return SecondCopy(state / "journal", medium, "shop", "t1", signed)


def caught_up(copy: SecondCopy) -> str:
    for _ in range(200):
        word, _waiting = copy.step()
        if word != "behind":
            return word
    return "behind"


def there(medium: Path) -> Path:
    return copy_folder(medium, "shop", "t1")


def same(state: Path, medium: Path) -> bool:
    return list(iterate(state / "journal")) == list(iterate(there(medium)))


def test_a_copy_holds_the_same_facts_in_the_same_segments_and_verifies_alone(
    state: Path, medium: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 6)
    monkeypatch.setattr(second_copy, "BATCH_FACTS", 4)

    async def work(journal: FileJournal) -> None:
        await sell(journal, 8)
        await journal.open_epoch(restored(), 51, ELSEWHERE, 2)
        await sell(journal, 8)

    using(state, worker, work)
    copy = copy_of(state, medium)
    assert caught_up(copy) == "ok"
    assert same(state, medium)
    ours, theirs = verify_journal(state / "journal"), verify_journal(there(medium))
    assert theirs.problems == []
    assert theirs == ours
    assert [path.name for path in segment_files(there(medium))] == [
        path.name for path in segment_files(state / "journal") if list(iterate_one(path))
    ]
    for path in segment_files(there(medium))[:-1]:
        assert sealed_at(path) == sealed_at(state / "journal" / path.name)
    seals = [seal for path in segment_files(there(medium)) for seal in read_seals(path)]
    hashes = {(fact.epoch, fact.seq): fact.hash for fact in iterate(state / "journal")}
    assert seals[-1].last_seq == 59
    assert all(hashes[seal.epoch, seal.last_seq] == seal.last_hash for seal in seals)
    assert {seal.epoch for seal in seals} == {1, 2}
    assert read_seals(segment_files(state / "journal")[0]) == []


def iterate_one(path: Path) -> Iterator[int]:
    connection = apsw.Connection(str(path))
    yield from (row[0] for row in connection.execute("select seq from fact"))
    connection.close()


def sealed_at(path: Path) -> object:
    connection = apsw.Connection(str(path))
    found = connection.execute("select last_seq, last_hash, sealed_ms from seal").fetchone()
    connection.close()
    return found


def test_a_copy_goes_on_where_it_was(state: Path, medium: Path, worker: ThreadWorker) -> None:
    using(state, worker, lambda journal: sell(journal, 3))
    copy = copy_of(state, medium)
    assert caught_up(copy) == "ok"
    using(state, worker, lambda journal: sell(journal, 3))
    assert look(state / "journal", medium, "shop", "t1") == ("behind", 3)
    assert caught_up(copy) == "ok"  # open
    using(state, worker, lambda journal: sell(journal, 3))
    copy.close()
    assert caught_up(copy_of(state, medium)) == "ok"  # opened anew
    assert same(state, medium)
    assert look(state / "journal", medium, "shop", "t1") == ("ok", 0)


def test_a_medium_that_comes_back_is_caught_up(
    state: Path, medium: Path, worker: ThreadWorker, tmp_path: Path
) -> None:
    copy = copy_of(state, tmp_path / "not-there")
    assert caught_up(copy) == "absent"
    using(state, worker, lambda journal: sell(journal, 3))
    copy = copy_of(state, medium)
    assert caught_up(copy) == "ok"
    subprocess.run(["umount", "-l", str(medium)], check=True)
    assert caught_up(copy) == "same-medium"  # the empty folder where it used to be
    assert list(medium.iterdir()) == []
    medium.rmdir()
    assert caught_up(copy) == "absent"


def test_a_folder_on_the_journals_own_medium_is_no_second_copy(state: Path, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    assert caught_up(copy_of(state, tmp_path / "beside")) == "same-medium"
    assert list((tmp_path / "beside").iterdir()) == []


def test_a_full_medium_is_said_and_catches_up_when_there_is_room(
    state: Path, mounted: Callable[[str], Path], worker: ThreadWorker
) -> None:
    small = mounted("400k")
    (small / "ballast").write_bytes(bytes(250 * 1024))
    using(state, worker, lambda journal: sell(journal, 300))
    copy = copy_of(state, small)
    assert caught_up(copy) == "full"
    (small / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
    assert caught_up(copy) == "ok"
    assert same(state, small)


def test_a_medium_that_cannot_be_written_is_said(state: Path, medium: Path, worker: ThreadWorker) -> None:
    assert caught_up(copy_of(state, medium)) == "ok"
    using(state, worker, lambda journal: sell(journal, 1))
    subprocess.run(["mount", "-o", "remount,ro", str(medium)], check=True)
    assert caught_up(copy_of(state, medium)) == "read-only"


def test_a_damaged_copy_is_left_as_it_is_and_said(state: Path, medium: Path, worker: ThreadWorker) -> None:
    using(state, worker, lambda journal: sell(journal, 3))
    copy = copy_of(state, medium)
    caught_up(copy)
    copy.close()
    path = segment_files(there(medium))[0]
    connection = apsw.Connection(str(path))
    connection.execute("drop trigger fact_keep; update fact set wall_ms = 1 where seq = 3")
    connection.close()
    before = path.read_bytes()
    using(state, worker, lambda journal: sell(journal, 1))
    assert caught_up(copy_of(state, medium)) == "fault"
    assert path.read_bytes() == before


def test_the_copy_of_another_journal_is_not_touched(
    state: Path, medium: Path, worker: ThreadWorker, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    create_till(other, load_settings(other, {}), "t1", "Kim", PIN)
    using(other, worker, lambda journal: sell(journal, 1))
    assert caught_up(copy_of(other, medium)) == "ok"
    using(state, worker, lambda journal: sell(journal, 5))
    kept = [path.read_bytes() for path in segment_files(there(medium))]
    assert caught_up(copy_of(state, medium)) == "other"
    assert [path.read_bytes() for path in segment_files(there(medium))] == kept


def test_a_copy_killed_at_any_step_goes_on_to_the_same_copy(
    state: Path, medium: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 5)
    monkeypatch.setattr(second_copy, "BATCH_FACTS", 3)
    using(state, worker, lambda journal: sell(journal, 10))
    partly = 0
    for step in range(1, STEPS_MAX):
        done = finished_before(step, lambda: caught_up(copy_of(state, medium)))
        assert verify_journal(there(medium)).problems in ([], [f"there is no journal in {there(medium)}"])
        partly += not same(state, medium)
        assert caught_up(copy_of(state, medium)) == "ok"
        assert same(state, medium)
        assert read_seals(segment_files(there(medium))[-1])[-1].last_seq == 11
        shutil.rmtree(there(medium))
        if done:
            break
    else:
        pytest.fail("the copy took more steps than are looked at")
    assert partly > 20


async def until(opened: OpenTill, holds: Callable[[], bool]) -> None:
    """Wait for news of the till after which it holds."""
    news = asyncio.Event()
    opened.till.subscribe(lambda _: news.set())
    async with asyncio.timeout(20):
        while not holds():
            news.clear()
            await news.wait()


def with_copy(state: Path, medium: Path) -> None:
    write_settings(state / "settings.toml", {"till": {"second_copy": str(medium)}})


def test_the_till_keeps_its_copy_while_it_sells(
    state: Path, medium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_copy(state, medium)
    stepped = asyncio.Event()
    tell = Mirror._tell

    def telling(mirror: Mirror, word: str, waiting: int) -> None:
        tell(mirror, word, waiting)
        stepped.set()

    monkeypatch.setattr(Mirror, "_tell", telling)

    async def work(opened: OpenTill) -> None:
        tasks = [asyncio.ensure_future(make()) for _, make in opened.surround.tasks()]
        await sell_at(opened, 3)
        async with asyncio.timeout(20):
            while not same(state, medium):
                stepped.clear()
                await stepped.wait()
        assert opened.till.view.second_copy.state == "ok"
        await sell_at(opened, 1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    at_the_till(state, work)
    assert same(state, medium)  # the last sale too, copied at the orderly end


def test_news_is_copied_after_half_a_second_and_trouble_is_tried_again_after_five() -> None:
    class Scripted:
        def __init__(self) -> None:
            self.answers = iter(
                [("ok", 0), ("behind", 3), ("ok", 0), ("absent", 0), ("absent", 0), ("ok", 0)]
            )

        def step(self) -> tuple[str, int]:
            return next(self.answers)

        def close(self) -> None:
            pass

    class Inline:
        async def run(self, function: Callable[..., object], *args: object) -> object:
            return function(*args)

        def post(self, function: Callable[[], None]) -> None:
            pass

    slept: list[float] = []
    told: list[c.Command] = []

    async def run() -> None:
        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(told) == 1 and seconds == mirror_module.LOOK_S:
                mirror.kick()
                await asyncio.Event().wait()

        mirror = Mirror(Scripted(), Inline(), told.append, sleep=sleep)  # type: ignore[arg-type]
        with contextlib.suppress(StopIteration, RuntimeError):
            await mirror.run()

    asyncio.run(run())
    assert slept[:2] == [20.0, 0.5]
    assert slept[2:5] == [20.0, 5.0, 5.0]
    assert [(news.state, news.waiting) for news in told if isinstance(news, c.CopyReported)] == [
        ("ok", 0),
        ("behind", 3),
        ("ok", 0),
        ("absent", 0),
        ("ok", 0),
    ]


def test_a_dying_medium_holds_up_no_payment(state: Path) -> None:
    """The copy's step never returns; sales do."""
    stuck = ThreadWorker("stuck")
    release, held = os.pipe()
    reports: list[c.Command] = []

    class Dying:
        def step(self) -> tuple[str, int]:
            os.read(release, 1)
            return "fault", 0

        def close(self) -> None:
            pass

    async def work(opened: OpenTill) -> None:
        mirror = Mirror(Dying(), stuck, reports.append)  # type: ignore[arg-type]
        opened.till.subscribe(lambda _: mirror.kick())
        task = asyncio.ensure_future(mirror.run())
        await sell_at(opened, 5)
        assert reports == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    at_the_till(state, work)
    os.write(held, b"xxx")
    stuck.close()
    os.close(release)
    os.close(held)


def test_a_copy_that_knows_more_than_the_journal_locks_the_till(
    state: Path, medium: Path, tmp_path: Path, worker: ThreadWorker
) -> None:
    """A disk that lost what it had said to have written, at a till without any hub."""
    using(state, worker, lambda journal: sell(journal, 2))
    write_backup(state, tmp_path / "b", 1)
    using(state, worker, lambda journal: sell(journal, 2))
    assert caught_up(copy_of(state, medium)) == "ok"
    shutil.rmtree(state / "journal")
    restore_backup(tmp_path / "b", tmp_path / "old")
    shutil.copytree(tmp_path / "old" / "journal", state / "journal")
    (state / "views.db").unlink()
    assert look(state / "journal", medium, "shop", "t1")[0] == "ahead"
    with_copy(state, medium)

    async def work(opened: OpenTill) -> None:
        tasks = [asyncio.ensure_future(make()) for _, make in opened.surround.tasks()]
        await until(opened, lambda: opened.till.view.state == "stopped")
        assert opened.till.view.message is not None
        assert opened.till.view.message.code == "journal-shorter"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    at_the_till(state, work)
    shutil.rmtree(there(medium))

    async def again(opened: OpenTill) -> None:
        assert opened.till.view.state == "stopped"

    at_the_till(state, again)
