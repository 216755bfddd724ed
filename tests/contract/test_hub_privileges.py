"""On PostgreSQL the hub serves as a user that can add facts, and neither change nor remove one."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ProgrammingError

from pos.cli import main
from sync.hub import ledger
from sync.hub.database import open_engine
from sync.hub.exceptions import note
from sync.hub.privileges import APPEND_ONLY, grants
from tests.contract.hub_kit import NOW_MS, Till

USER = "tresen_serves"


def as_user(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(f"set local role {USER}"))
        connection.execute(sa.text(statement))


def test_the_hubs_user_takes_facts_in_and_can_neither_change_nor_remove_one(
    new_url: Callable[[str], str],
) -> None:
    engine = open_engine(new_url("postgresql"))
    till, other = Till(), Till()
    till.sell(3)
    other.sell(2, lines=7)
    with engine.begin() as owner:
        owner.execute(sa.text(f"create role {USER}"))
        for statement in grants(USER):
            owner.execute(sa.text(statement))
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(f"set local role {USER}"))
            ledger.ingest(connection, till.batch(1, 4), NOW_MS)
            ledger.ingest(connection, other.batch(1, 3), NOW_MS)  # another branch: quarantine and exception
            note(connection, "demo", "clock", "1", till="1", epoch=1, seq=1, detail="", now_ms=NOW_MS)
        for table in APPEND_ONLY:
            for statement in (
                f"update {table} set store = store",
                f"delete from {table}",
                f"truncate {table}",
                f"alter table {table} disable trigger all",
                f"drop table {table}",
            ):
                with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                    as_user(engine, statement)
        with engine.connect() as connection:
            assert connection.execute(sa.text("select count(*) from fact")).scalar_one() == 4
            assert connection.execute(sa.text("select count(*) from quarantine")).scalar_one() == 2
    finally:
        with engine.begin() as owner:
            owner.execute(sa.text(f"drop owned by {USER}"))
            owner.execute(sa.text(f"drop role {USER}"))
        engine.dispose()


def test_the_statements_are_printed_for_a_plain_name_and_for_no_other() -> None:
    printed = CliRunner().invoke(main, ["hub", "grants", "tresen_hub"])
    assert printed.output.count(";") == len(grants("tresen_hub"))
    assert CliRunner().invoke(main, ["hub", "grants", "x; drop table fact"]).exit_code == 2
