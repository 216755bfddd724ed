"""A reader of the change feed misses nothing while many write, and this test would notice if it did."""

import threading
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync.hub.database import open_engine
from tests.simulation.changes_race import WRITERS, race

COUNT = 3200


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_readers_miss_nothing_while_32_write(new_url: Callable[[str], str], kind: str) -> None:
    report = race(new_url(kind), COUNT)
    assert (report.database, report.changes, report.writers) == (kind, COUNT, WRITERS)
    assert report.sound, report


def test_the_race_catches_numbers_of_a_bare_sequence(new_url: Callable[[str], str]) -> None:
    """Taken at the insert, visible at the commit: the classic fault of such feeds.

    One writer holds its numbers back until a reader has been given a later one.
    """
    holds = threading.Lock()
    passed = threading.Event()
    held = 0

    def furthest(n: int) -> None:
        if 0 < held < n:
            passed.set()

    def from_a_sequence(
        connection: Connection,
        scope: str,
        kind: str,
        rows: Sequence[tuple[str, str | None]],
        stamp: str,
        now_ms: int,
    ) -> None:
        nonlocal held
        numbers = connection.execute(
            sa.text(
                "insert into change (scope, n, kind, key, body, stamp, changed_ms) "
                "select :scope, nextval('bare'), :kind, key, 'true', :stamp, :now "
                "from unnest(cast(:keys as text[])) as key returning n"
            ),
            {"scope": scope, "kind": kind, "stamp": stamp, "now": now_ms, "keys": [key for key, _ in rows]},
        ).scalars()
        beside = not threading.current_thread().name.startswith(
            "race-"
        )  # the node's own threads serve the readers
        if beside and holds.acquire(blocking=False):
            held = max(numbers)
            assert passed.wait(60), "no reader was given a later number"

    url = new_url("postgresql")
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create sequence bare"))
    engine.dispose()
    report = race(url, COUNT, from_a_sequence, furthest)
    assert not report.sound, report
