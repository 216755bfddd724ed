"""A reader of the change feed misses nothing while many write, and this test would notice if it did."""

import time
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
    """Taken at the insert, visible at the commit: the classic fault of such feeds."""

    def from_a_sequence(
        connection: Connection,
        scope: str,
        kind: str,
        rows: Sequence[tuple[str, str | None]],
        stamp: str,
        now_ms: int,
    ) -> None:
        connection.execute(
            sa.text(
                "insert into change (scope, n, kind, key, body, stamp, changed_ms) "
                "select :scope, nextval('bare'), :kind, key, 'true', :stamp, :now "
                "from unnest(cast(:keys as text[])) as key"
            ),
            {"scope": scope, "kind": kind, "stamp": stamp, "now": now_ms, "keys": [key for key, _ in rows]},
        )
        time.sleep(0.002)  # a numbered change that nobody sees yet, while the others' go on

    url = new_url("postgresql")
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create sequence bare"))
    engine.dispose()
    report = race(url, COUNT, from_a_sequence)
    assert not report.sound, report
