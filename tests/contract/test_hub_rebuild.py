"""The projections are built anew while facts arrive and are followed, and end as the live ones would have."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync.hub import ledger, projector, rebuild
from sync.hub import tables as t
from sync.hub.database import deriving, migrate, open_engine, transact
from sync.hub.digest import Digest, digest
from sync.links import split_link
from tests.contract.hub_kit import NOW_MS, Till, link_of

KEY = bytes(range(32))


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def store_some(engine: Engine, till: Till, count: int) -> None:
    first = len(till.facts) + 1
    for n in range(count):
        till.sell(1, link=link_of(till.store, KEY, till.seq), day=f"2026-09-{n % 28 + 1:02d}")
    first = 1 if first == 2 else first
    transact(engine, ledger.ingest, till.batch(first, len(till.facts)), NOW_MS)


def follow_all(engine: Engine) -> None:
    with engine.connect() as connection:
        todo = projector.lagging(connection)
    for place in todo:
        while transact(deriving(engine), projector.follow, *place, NOW_MS):
            pass


def digest_of(engine: Engine) -> Digest:
    with engine.connect() as connection:
        return digest(connection)


def spoil(engine: Engine) -> None:
    """What a fault in a former version may have left."""

    def run(connection: Connection) -> None:
        connection.execute(t.day_total.update().values(gross_minor=1))
        connection.execute(t.receipt.delete().where(t.receipt.c.till == "2"))

    transact(engine, run)


class Interrupted:
    """Runs each transaction of a rebuild, and before each of them something else that a living hub does."""

    def __init__(self, engine: Engine, meanwhile: Callable[[int], None]) -> None:
        self._engine = engine
        self._meanwhile = meanwhile
        self.steps = 0

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.steps += 1
        self._meanwhile(self.steps)
        return transact(self._engine, function, *args, **kwargs)


def test_facts_that_arrive_during_a_rebuild_are_counted_once(
    engine: Engine, new_url: Callable[[str], str]
) -> None:
    tills = [Till(store, name) for store in ("nord", "sued") for name in ("1", "2")]
    for till in tills:
        store_some(engine, till, 40)
    follow_all(engine)
    spoil(engine)

    def meanwhile(step: int) -> None:
        till = tills[step % len(tills)]
        store_some(engine, till, 3)
        if step % 2:
            follow_all(engine)

    run = Interrupted(engine, meanwhile)
    rebuild.rebuild_beside(run, NOW_MS)
    assert run.steps > 15
    follow_all(engine)

    fresh = open_engine(new_url("sqlite"))
    migrate(fresh)
    for till in tills:
        for first in range(1, len(till.facts) + 1, 500):
            transact(fresh, ledger.ingest, till.batch(first, min(len(till.facts), first + 499)), NOW_MS)
    follow_all(fresh)
    assert digest_of(engine) == digest_of(fresh)
    fresh.dispose()


def test_nothing_disappears_while_it_is_built_anew(engine: Engine) -> None:
    till = Till()
    store_some(engine, till, 30)
    follow_all(engine)
    before = digest_of(engine).projections
    token = split_link(link_of("demo", KEY, 1))
    assert token is not None

    def meanwhile(_step: int) -> None:
        with engine.connect() as connection:
            assert ledger.find_receipt(connection, "demo", token[1]) is not None
        assert digest_of(engine).projections == before

    rebuild.rebuild_beside(Interrupted(engine, meanwhile), NOW_MS)
    assert digest_of(engine).projections == before
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.receipt)).scalar_one() == 30


def test_a_rebuild_that_was_cut_off_harms_nothing_and_the_next_one_ends_it(engine: Engine) -> None:
    till = Till()
    store_some(engine, till, 30)
    follow_all(engine)
    before = digest_of(engine)

    class CutError(Exception):
        pass

    for last in (2, 4, 6):

        def meanwhile(step: int, last: int = last) -> None:
            if step == last:
                raise CutError

        with pytest.raises(CutError):
            rebuild.rebuild_beside(Interrupted(engine, meanwhile), NOW_MS)
        assert digest_of(engine) == before
    rebuild.rebuild_beside(partial(transact, engine), NOW_MS)
    assert digest_of(engine) == before
    with engine.connect() as connection:
        for table in (t.receipt, t.day_total, t.projection):
            assert len(connection.execute(sa.select(table.c.generation).distinct()).all()) == 1


def test_rebuilds_ingest_and_follower_at_once_on_real_threads(new_url: Callable[[str], str]) -> None:
    engine = open_engine(new_url("postgresql"))
    tills = [Till(till=str(n)) for n in range(3)]
    for till in tills:
        store_some(engine, till, 100)
    faults: list[Exception] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - shown at the end
            faults.append(error)

    def sell(till: Till) -> None:
        for _ in range(15):
            store_some(engine, till, 10)

    def follow() -> None:
        for _ in range(15):
            follow_all(engine)

    def anew() -> None:
        for _ in range(3):
            rebuild.rebuild_beside(partial(transact, deriving(engine)), NOW_MS)

    work: list[Callable[[], None]] = [*(partial(sell, till) for till in tills), follow, anew]
    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    follow_all(engine)
    found = digest_of(engine)
    transact(engine, rebuild.rebuild, NOW_MS)
    assert digest_of(engine) == found
    assert found.sales == 3 * 250
    engine.dispose()
