"""The log of changes: cursors, resets, shares, what is dropped and when, mirrors, long poll."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest
from sqlalchemy.engine import Engine

from pos.system import ThreadWorker
from sync.hub import changes
from sync.hub.changes import CHAIN, KEPT_MS, Cursor
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.feed import LOOK_S, Feeds, forget_all
from sync.wire import Changes, Feed
from tests.contract.hub_kit import NOW_MS, Clock, InlineWorker

STAMP = "0000002a"


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    found = open_engine(hub_url)
    migrate(found)
    yield found
    found.dispose()


def add(engine: Engine, *keys: str, scope: str = CHAIN, stamp: str = STAMP, now_ms: int = NOW_MS) -> None:
    """One append. A key with a minus before it is gone."""
    rows = [(key.removeprefix("-"), None if key[0] == "-" else f'{{"of":"{key}"}}') for key in keys]
    transact(engine, changes.append, scope, "article", rows, stamp, now_ms)


def read(engine: Engine, *cursors: Cursor, limit: int = 500, mirror: bool = False) -> list[Changes]:
    with engine.connect() as connection:
        return changes.read_changes(connection, cursors, limit, mirror=mirror)


def snapshot(engine: Engine, scope: str = CHAIN) -> dict[str, object]:
    """What a reader holds that reads from the start."""
    records: dict[str, object] = {}
    (answer,) = read(engine, Cursor(scope))
    for change in answer.changes:
        records[change.key] = bytes(change.body)
    return {key: body for key, body in records.items() if body != b"null"}


def test_a_cursor_is_a_number_with_its_stamp() -> None:
    assert changes.read_cursor("chain@0") == Cursor(CHAIN)
    assert changes.read_cursor("till:north/k-1@17.0000002a") == Cursor("till:north/k-1", 17, STAMP)
    for text in ("", "chain", "chain@", "chain@1", "chain@01.0000002a", "chain@0.0000002a", "chain@1.xyz", "shop:a@0", "till:a@0", "store:a/b@0", "chain@1.0000002a\n", "chain@-1.0000002a"):  # fmt: skip
        assert changes.read_cursor(text) is None, text


def test_a_reader_goes_on_behind_its_cursor(engine: Engine) -> None:
    add(engine, "a", "b")
    (first,) = read(engine, Cursor(CHAIN), limit=1)
    assert [(change.n, change.key, change.stamp) for change in first.changes] == [(1, "a", STAMP)]
    assert (first.cursor, first.head, first.next, first.reset) == (1, 2, f"1.{STAMP}", False)
    (rest,) = read(engine, Cursor(CHAIN, 1, STAMP))
    assert [change.key for change in rest.changes] == ["b"]
    (end,) = read(engine, Cursor(CHAIN, 2, STAMP))
    assert (end.changes, end.cursor, end.head, end.next) == ((), 2, 2, f"2.{STAMP}")


@pytest.mark.parametrize(
    "cursor", [Cursor(CHAIN, 2, "0badbeef"), Cursor(CHAIN, 3, STAMP), Cursor("store:x", 1, STAMP)]
)
def test_a_cursor_of_another_log_begins_at_the_start(engine: Engine, cursor: Cursor) -> None:
    """As after a hub's restore: the number was given again, to another change, or not yet."""
    add(engine, "a", "b")
    (answer,) = read(engine, cursor)
    assert answer.reset
    assert [change.n for change in answer.changes] == ([1, 2] if cursor.scope == CHAIN else [])
    assert answer.next == (f"2.{STAMP}" if cursor.scope == CHAIN else "0")


def test_a_limit_is_shared_and_what_one_scope_leaves_the_others_get(engine: Engine) -> None:
    add(engine, *(f"c{n}" for n in range(20)))
    add(engine, "s1", "s2", scope="store:x")
    add(engine, *(f"t{n}" for n in range(20)), scope="till:x/1")
    answers = read(engine, Cursor(CHAIN), Cursor("store:x"), Cursor("till:x/1"), limit=12)
    assert [len(answer.changes) for answer in answers] == [4, 2, 6]
    answers = read(engine, Cursor(CHAIN), Cursor("till:x/1", 20, STAMP), limit=12)
    assert [len(answer.changes) for answer in answers] == [12, 0]
    assert [change.n for change in answers[0].changes] == list(range(1, 13))
    assert answers[0].next == f"12.{STAMP}"


def test_superseded_records_go_after_30_days_and_nobody_who_reads_monthly_is_reset(engine: Engine) -> None:
    add(engine, "a", "b")
    add(engine, "a", now_ms=NOW_MS + 1)
    whole = snapshot(engine)
    transact(engine, changes.forget, CHAIN, 0, NOW_MS + KEPT_MS + 1)
    assert len(read(engine, Cursor(CHAIN))[0].changes) == 3
    transact(engine, changes.forget, CHAIN, 0, NOW_MS + KEPT_MS + 2)
    (answer,) = read(engine, Cursor(CHAIN))
    assert [(change.n, change.key) for change in answer.changes] == [(2, "b"), (3, "a")]
    assert snapshot(engine) == whole
    assert not read(engine, Cursor(CHAIN, 2, STAMP))[0].reset
    assert read(engine, Cursor(CHAIN, 1, STAMP))[0].reset  # its own change was dropped: it was away too long


def test_a_dropped_tombstone_resets_those_who_never_heard_of_it(engine: Engine) -> None:
    add(engine, "a", "b", "c")
    add(engine, "-b")
    add(engine, "d")
    late = NOW_MS + KEPT_MS + 1
    transact(engine, changes.forget, CHAIN, 0, late)
    (answer,) = read(engine, Cursor(CHAIN))
    assert [change.key for change in answer.changes] == ["a", "c", "d"]
    assert read(engine, Cursor(CHAIN, 3, STAMP))[0].reset
    assert not read(engine, Cursor(CHAIN, 5, STAMP))[0].reset
    assert answer.floor == 4


def test_the_newest_change_stays_even_if_it_is_an_old_tombstone(engine: Engine) -> None:
    """Else every reader that is up to date would begin again."""
    add(engine, "a")
    add(engine, "-a")
    for _ in range(2):
        transact(engine, changes.forget, CHAIN, 0, NOW_MS + KEPT_MS + 1)
    (answer,) = read(engine, Cursor(CHAIN, 2, STAMP))
    assert (answer.reset, answer.head) == (False, 2)
    assert snapshot(engine) == {}


def test_a_tombstone_never_leaves_before_the_record_that_it_buried(engine: Engine) -> None:
    """Windows are swept from low to high: a record in a later one must not come back to life."""
    add(engine, "a", "x", "y")
    add(engine, "-a", "z")
    transact(engine, changes.forget, CHAIN, 3, NOW_MS + KEPT_MS + 1)
    assert "a" not in snapshot(engine)


def test_housekeeping_sweeps_every_scope_in_windows(engine: Engine) -> None:
    for n in range(3):
        add(engine, *(f"k{m}" for m in range(40)), now_ms=NOW_MS + n)
        add(engine, "x", scope="store:x", now_ms=NOW_MS + n)

    async def run() -> None:
        await forget_all(Database(engine, [InlineWorker()]), NOW_MS + KEPT_MS + 10)

    asyncio.run(run())
    assert [change.n for change in read(engine, Cursor(CHAIN))[0].changes] == list(range(81, 121))
    assert [change.n for change in read(engine, Cursor("store:x"))[0].changes] == [3]
    after, sweeps = 0, 0
    while after := transact(engine, changes.forget, CHAIN, after, NOW_MS, span=50):
        sweeps += 1
    assert sweeps == 2


def test_a_mirror_that_knows_less_than_its_reader_says_nothing(engine: Engine) -> None:
    add(engine, "a")
    (answer,) = read(engine, Cursor(CHAIN, 7, "0badbeef"), mirror=True)
    assert (answer.changes, answer.reset, answer.head, answer.next) == ((), False, 7, "7.0badbeef")


def test_a_mirror_never_calls_a_scope_empty_that_it_has_not_heard_of(engine: Engine) -> None:
    (answer,) = read(engine, Cursor("store:x"), mirror=True)
    assert (answer.changes, answer.reset, answer.next) == ((), False, "0")
    assert answer.head > answer.cursor


def test_who_may_read_what() -> None:
    scopes = [CHAIN, "store:x", "store:y", "till:x/1", "till:x/2", "till:y/1"]
    readable = {
        who: [scope for scope in scopes if changes.may_read(scope, *who)]
        for who in (("till", "x", "1"), ("relay", "x", "r"))
    }
    assert readable[("till", "x", "1")] == [CHAIN, "store:x", "till:x/1"]
    assert readable[("relay", "x", "r")] == [CHAIN, "store:x", "till:x/1", "till:x/2"]


# Long poll


class Sleeper:
    """Sleeps that end when the test says so."""

    def __init__(self) -> None:
        self.sleeping: list[tuple[float, asyncio.Future[None]]] = []
        self.asleep = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleeping.append((seconds, future))
        self.asleep.set()
        await future

    async def until_asleep(self, seconds: float) -> None:
        while not any(length == seconds and not future.done() for length, future in self.sleeping):
            self.asleep.clear()
            await self.asleep.wait()

    def end(self, seconds: float) -> None:
        for length, future in self.sleeping:
            if length == seconds and not future.done():
                future.set_result(None)


def polled(
    url: str, act: Callable[[Database, Engine, Sleeper, Feeds], object], cursors: Sequence[Cursor]
) -> Feed:
    """Hold a question, let `act` happen, and give the answer."""
    engine = open_engine(url)
    migrate(engine)
    worker = ThreadWorker("test")

    async def run() -> Feed:
        sleeper = Sleeper()
        database = Database(engine, [worker])
        feeds = Feeds(database, Clock(), sleep=sleeper)
        database.on_changes = feeds.ring
        async with asyncio.timeout(20):
            question = asyncio.create_task(feeds.read(cursors, 500, 25))
            await sleeper.until_asleep(25)
            await sleeper.until_asleep(LOOK_S)
            assert not question.done()
            happening = act(database, engine, sleeper, feeds)
            if asyncio.iscoroutine(happening):
                await happening
            return await question

    try:
        return asyncio.run(run())
    finally:
        worker.close()
        engine.dispose()


def test_a_held_question_is_answered_when_this_process_commits(hub_url: str) -> None:
    async def act(database: Database, _engine: Engine, _sleeper: Sleeper, _feeds: Feeds) -> None:
        rows = [("k", "{}")]
        await database.run("", changes.append, "till:x/1", "price", rows, STAMP, NOW_MS)

    feed = polled(hub_url, act, [Cursor(CHAIN), Cursor("till:x/1")])
    assert [[change.key for change in part.changes] for part in feed.scopes] == [[], ["k"]]


def test_a_held_question_finds_what_another_process_committed(hub_url: str) -> None:
    def act(_database: Database, engine: Engine, sleeper: Sleeper, _feeds: Feeds) -> None:
        add(engine, "k")
        sleeper.end(LOOK_S)

    feed = polled(hub_url, act, [Cursor("store:x"), Cursor(CHAIN)])
    assert [[change.key for change in part.changes] for part in feed.scopes] == [[], ["k"]]


def test_a_held_question_is_answered_with_nothing_when_its_time_is_over(hub_url: str) -> None:
    feed = polled(hub_url, lambda _d, _e, sleeper, _f: sleeper.end(25), [Cursor(CHAIN)])
    assert (feed.scopes[0].changes, feed.hub_time_ms) == ((), NOW_MS)


def test_held_questions_end_with_the_node(hub_url: str) -> None:
    feed = polled(hub_url, lambda _d, _e, _s, feeds: feeds.close(), [Cursor(CHAIN)])
    assert feed.scopes[0].changes == ()


def test_a_failing_database_does_not_end_the_look(hub_url: str) -> None:
    async def act(database: Database, engine: Engine, sleeper: Sleeper, _feeds: Feeds) -> None:
        real = database.read

        async def broken(*_: object, **__: object) -> None:
            database.read = real  # type: ignore[method-assign]
            raise OSError("gone")

        database.read = broken  # type: ignore[method-assign, assignment]
        sleeper.end(LOOK_S)
        await sleeper.until_asleep(LOOK_S)
        add(engine, "k")
        sleeper.end(LOOK_S)

    assert len(polled(hub_url, act, [Cursor(CHAIN)]).scopes[0].changes) == 1
