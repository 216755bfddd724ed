"""Old segments leave only when others hold them, and the chain, the numbers and the views go on without them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec
import pytest
from click.testing import CliRunner

from pos.bootstrap import create_till
from pos.cart_facts import CartParked
from pos.cli import main
from pos.compaction import held_by_others
from pos.journal import file_journal
from pos.journal.backup import write_backup
from pos.journal.compact import ARCHIVE, Held, compact, removable
from pos.journal.file_journal import FileJournal
from pos.journal.reader import JournalFeed, iterate, verify_journal
from pos.journal.rebuild import compare_views, rebuild_views
from pos.journal.restore import restore_backup
from pos.journal.segment import segment_files
from pos.journal.views import Views
from pos.settings import load_settings
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, ThreadWorker
from tests.contract.killing import STEPS_MAX, finished_before
from tests.contract.test_epochs import ask, sell, using
from tests.contract.test_new_numbers import PIN, at_the_till, remember
from tests.contract.test_new_numbers import sell as sell_at
from tests.contract.test_second_copy import caught_up, copy_of, there

DAY_MS = 86_400_000
ALL = (9, 10**6)


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


@pytest.fixture
def state(tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four segments of ten facts: three are sealed."""
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 10)
    state = tmp_path / "state"
    state.mkdir()
    create_till(state, load_settings(state, {}), "t1", "Kim", PIN)
    using(state, worker, lambda journal: sell(journal, 34))
    return state


def later() -> int:
    return SystemClock().wall_ms() + 91 * DAY_MS


def names(paths: list[Path]) -> list[str]:
    return [path.stem.lstrip("0") for path in paths]


def leaving(state: Path, held: Held, now_ms: int = 0) -> tuple[list[str], str]:
    paths, why = removable(state / "journal", held, 90, now_ms or later())
    return names(paths), why


def test_what_hub_and_relay_hold_may_leave_but_never_the_newest(state: Path) -> None:
    found, why = leaving(state, Held(hub=ALL, relay=ALL))
    assert found == ["1", "11", "21"]
    assert "it is the newest" in why


@pytest.mark.parametrize(
    ("held", "now_ms", "expected", "why"),
    [
        (Held(hub=(1, 19), relay=ALL), 0, ["1"], "the hub has not acknowledged all of it"),
        (Held(hub=(1, 20), relay=ALL), 0, ["1", "11"], "the hub has not acknowledged all of it"),
        (Held(relay=ALL), 0, [], "the hub has not acknowledged all of it"),
        (Held(hub=ALL), 0, [], "no second copy"),
        (Held(hub=ALL, relay=(1, 10)), 0, ["1"], "no second copy"),
        (Held(hub=ALL, relay=ALL), 1, [], "not old enough"),
        (Held(hub=ALL, relay=ALL, exported_seq=9), 0, [], "not exported"),
        (Held(hub=ALL, relay=ALL, exported_seq=10), 0, ["1"], "not exported"),
        (Held(hub=ALL, relay=ALL, parked_seq=15), 0, ["1"], "the till still needs it"),
    ],
)
def test_each_condition_alone_keeps_a_segment(
    state: Path, held: Held, now_ms: int, expected: list[str], why: str
) -> None:
    found, said = leaving(state, held, now_ms and SystemClock().wall_ms())
    assert found == expected
    assert why in said


def test_a_second_medium_counts_where_it_really_holds_the_segment(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pos.journal.second_copy._must_be_another_medium", lambda *_: 1)
    (tmp_path / "stick").mkdir()
    copy = there(tmp_path / "stick")
    held = Held(hub=ALL, copy=copy)
    assert leaving(state, held)[0] == []
    assert caught_up(copy_of(state, tmp_path / "stick")) == "ok"
    assert leaving(state, held)[0] == ["1", "11", "21"]
    (copy / "000000000011.journal").write_bytes(b"")
    assert leaving(state, held)[0] == ["1"]


def let_go(state: Path, *, delete: bool = False) -> None:
    paths, _ = removable(state / "journal", Held(hub=ALL, relay=ALL), 90, later())
    for path in paths:
        compact(state / "journal", path, later(), delete=delete)


@pytest.mark.parametrize("delete", [False, True])
def test_after_segments_left_the_till_sells_on_with_the_next_number(state: Path, delete: bool) -> None:
    before = list(iterate(state / "journal"))
    let_go(state, delete=delete)
    assert names(segment_files(state / "journal")) == ["31"]
    totals = verify_journal(state / "journal")
    assert (totals.problems, totals.first_seq, totals.facts) == ([], 31, 5)
    assert list(iterate(state / "journal")) == before[30:]
    archived = names(segment_files(state / "journal" / ARCHIVE))
    assert archived == ([] if delete else ["1", "11", "21"])
    at_the_till(state, sell_at)
    totals = verify_journal(state / "journal")
    assert totals.problems == []
    assert b'"number":35' in list(iterate(state / "journal"))[-1].body


def test_the_feed_goes_on_behind_what_left(state: Path, worker: ThreadWorker) -> None:
    hashes = {fact.seq: fact.hash for fact in iterate(state / "journal")}
    let_go(state)
    assert ask(state, worker, lambda feed: feed.hash_at(1, 30)) == hashes[30]
    assert ask(state, worker, lambda feed: feed.hash_at(1, 29)) is None
    assert ask(state, worker, lambda feed: feed.hash_at(1, 0)) is None

    async def read(feed: JournalFeed) -> list[int]:
        return [fact.seq for fact in await feed.read_after(1, 30, 100)]

    assert ask(state, worker, read) == [31, 32, 33, 34, 35]


def test_what_left_comes_back_when_its_files_do(state: Path) -> None:
    facts = list(iterate(state / "journal"))
    let_go(state)
    for path in segment_files(state / "journal" / ARCHIVE):
        path.rename(state / "journal" / path.name)
    assert list(iterate(state / "journal")) == facts
    assert verify_journal(state / "journal").problems == []
    at_the_till(state, sell_at)


def test_the_views_come_out_the_same_with_the_archive(state: Path) -> None:
    before = rebuild_views(state)
    let_go(state)
    assert rebuild_views(state) == before
    live, fresh = compare_views(state)
    assert live == fresh


def test_what_the_views_have_not_taken_in_yet_does_not_leave(state: Path) -> None:
    connection = apsw.Connection(str(state / "views.db"))
    assert held_by_others(state, load_settings(state, {})).parked_seq == 36
    connection.execute("update applied set seq = 14")
    assert held_by_others(state, load_settings(state, {})).parked_seq == 15
    connection.execute("delete from applied")
    assert held_by_others(state, load_settings(state, {})).parked_seq == 0
    connection.close()


def test_a_first_segment_that_is_gone_without_a_record_is_damage(state: Path) -> None:
    segment_files(state / "journal")[0].unlink()
    assert "fact 1 is missing" in verify_journal(state / "journal").problems[0]


def test_a_record_that_does_not_fit_is_damage(state: Path) -> None:
    let_go(state)
    (record,) = (state / "journal").glob("*.gone")
    gone = msgspec.json.decode(record.read_bytes())
    record.write_bytes(msgspec.json.encode({**gone, "last_hash": "00" * 32}))
    assert verify_journal(state / "journal").problems


def test_a_damaged_segment_does_not_leave(state: Path) -> None:
    path = segment_files(state / "journal")[0]
    connection = apsw.Connection(str(path))
    connection.execute("drop trigger fact_keep; update fact set wall_ms = 1 where seq = 3")
    connection.close()
    with pytest.raises(JournalUnavailableError, match="fact 3"):
        compact(state / "journal", path, later(), delete=True)
    assert path.exists()


def test_leaving_killed_at_any_step_keeps_every_fact_somewhere(state: Path, tmp_path: Path) -> None:
    facts = list(iterate(state / "journal"))
    moved = 0
    for step in range(1, STEPS_MAX):
        here = Path(shutil.copytree(state, tmp_path / f"at{step}"))
        done = finished_before(step, lambda here=here: let_go(here))  # type: ignore[misc]
        assert verify_journal(here / "journal").problems == []
        archive = here / "journal" / ARCHIVE
        assert [*iterate(archive), *iterate(here / "journal")] == facts
        moved += archive.is_dir() and len(segment_files(archive)) > 0
        let_go(here)
        assert names(segment_files(here / "journal")) == ["31"]
        assert verify_journal(here / "journal").problems == []
        shutil.rmtree(here)
        if done:
            break
    else:
        pytest.fail("it took more steps than are looked at")
    assert moved > 5


def test_a_till_without_its_old_segments_comes_back_from_a_backup(state: Path, tmp_path: Path) -> None:
    let_go(state)
    write_backup(state, tmp_path / "b", 1)
    made = restore_backup(tmp_path / "b", tmp_path / "new")
    assert made.seq == 35
    assert verify_journal(tmp_path / "new" / "journal").problems == []


def test_parked_carts_keep_their_facts(state: Path, worker: ThreadWorker) -> None:
    async def work(journal: FileJournal) -> None:
        await journal.append([CartParked("c1", "2026-11-22", "1", 1, 2, 60, (), (), 0, 0)])
        await sell(journal, 30)

    using(state, worker, work)
    remember(state, "hub.cursor", "9:1")
    remember(state, "relay.cursor", "9:1")
    held = held_by_others(state, load_settings(state, {}))
    assert held.parked_seq == 36
    found, why = leaving(state, held)
    assert found == ["1", "11", "21"]
    assert "the till still needs it" in why


def run_cli(state: Path, *args: str) -> str:
    result = CliRunner().invoke(main, ["journal", "compact", "--state", str(state), *args])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_says_what_leaves_and_why_the_rest_stays(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the hub has not acknowledged all of it" in run_cli(state) or "not old enough" in run_cli(state)
    remember(state, "hub.cursor", "1:35")
    remember(state, "relay.cursor", "1:20")
    monkeypatch.setattr(SystemClock, "wall_ms", lambda _: 2_000_000_000_000)
    assert "000000000001.journal would leave" in run_cli(state, "--dry-run")
    assert names(segment_files(state / "journal")) == ["1", "11", "21", "31"]
    said = run_cli(state)
    assert "000000000011.journal: facts 11 to 20 moved to" in said
    assert "000000000021.journal stays: there is no second copy" in said
    assert names(segment_files(state / "journal")) == ["21", "31"]
    run_cli(state, "--delete")
    assert segment_files(state / "journal" / ARCHIVE) == []


class MonthClock(SystemClock):
    shift_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.shift_ms


def test_a_segment_is_sealed_when_a_later_month_has_begun_and_not_when_the_clock_falls_back(
    tmp_path: Path, worker: ThreadWorker
) -> None:
    state = tmp_path / "monthly"
    state.mkdir()
    create_till(state, load_settings(state, {}), "t1", "Kim", PIN)
    clock = MonthClock()

    def at(days: int) -> Callable[[], int]:
        def sold() -> int:
            import asyncio

            async def run() -> None:
                clock.shift_ms = days * DAY_MS
                journal = FileJournal(state / "journal", Views(state / "views.db"), clock, worker)
                await journal.open()
                await sell(journal, 2)
                await journal.close()

            asyncio.run(run())
            return len(segment_files(state / "journal"))

        return sold

    assert at(0)() == 1
    assert at(-40)() == 1
    assert at(40)() == 2
    assert at(0)() == 2
    assert at(80)() == 3
    assert verify_journal(state / "journal").problems == []
