"""The hub's commands look into the database of a hub that ran: none of them makes one."""

import itertools
import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from sync.hub.cli import hub
from sync.hub.database import migrate, open_engine, transact
from sync.hub.machines import add_key, lock
from tests.contract.postgres import create_database

COMMANDS = (
    "token list",
    "token new shop --role storefront",
    "token revoke 0",
    "customer erase --yes --email a@example.org",
    "customer export --email a@example.org",
    "digest",
    "enrol --store s --till 1",
    "enrol --store s --relay",
    "exceptions",
    "machines",
    "migrate",
    "quarantine",
    "quarantine take-in --who Anna s 1 1 ab",
    "rebuild",
    "revoke --store s --till 1",
    "verify",
)
WITHOUT_A_DATABASE = {"grants", "join", "openapi"}
_numbers = itertools.count(1)


def run(db: str, command: str, **environment: str) -> Result:
    named = ["--db", db] if db else []
    return CliRunner().invoke(hub, [*named, *shlex.split(command)], env=environment)


def test_each_command_is_named_here() -> None:
    assert {command.split()[0] for command in COMMANDS} | WITHOUT_A_DATABASE == set(hub.commands)
    groups = [found for found in hub.commands.values() if isinstance(found, click.Group)]
    assert {name for group in groups for name in group.commands} == {
        "take-in", "new", "list", "revoke", "erase", "export",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_is_not_there_is_refused_and_not_made(tmp_path: Path, command: str) -> None:
    found = run(f"sqlite:///{tmp_path}/hbu.db", command)
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"there is no database sqlite:///{tmp_path}/hbu.db" in found.stderr
    assert "--db" in found.stderr
    assert "start it once" in found.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_name_it_says_where_it_looked_and_makes_no_folder(tmp_path: Path, command: str) -> None:
    found = run("", command, TRESEN_STATE=str(tmp_path / "state"))
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"there is no database sqlite:///{tmp_path / 'state' / 'hub.db'}" in found.stderr
    assert "TRESEN_STATE" in found.stderr
    assert not (tmp_path / "state").exists()


@pytest.fixture(params=["sqlite", "postgresql"])
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """A database of somebody else's, and what tables are in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'theirs.db'}"
        with sqlite3.connect(tmp_path / "theirs.db") as connection:
            connection.execute("create table invoice (id integer primary key)")
        connection.close()
    else:
        name = f"theirs_{os.getpid()}_{next(_numbers)}"
        url = create_database(request.getfixturevalue("postgres_url"), name, "template0")
    engine = open_engine(url)
    yield url, lambda: sa.inspect(engine).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("command", ["verify", "enrol --store s --till 1", "migrate"])
def test_a_database_without_our_tables_is_refused_and_gets_none(
    strange: tuple[str, Callable[[], list[str]]], command: str
) -> None:
    url, tables = strange
    before = tables()
    found = run(url, command)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "is no hub's database. Name the hub's own with --db" in found.stderr
    assert tables() == before


def test_a_postgresql_database_that_is_not_there_is_named(postgres_url: str) -> None:
    found = run(postgres_url.replace("/postgres?", "/hbu?"), "verify")
    assert (found.exit_code, found.stdout) == (2, "")
    assert '"hbu" does not exist' in found.stderr
    assert "start it once" in found.stderr


def test_a_database_of_another_user_is_no_reason_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "hub.db").mkdir()  # cannot be opened, whoever asks
    found = run(f"sqlite:///{tmp_path}/hub.db", "enrol --store s --till 1")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "cannot be used: Is a directory. Type this as the user that the hub runs as" in found.stderr


def test_a_database_that_a_hub_made_is_looked_into(hub_url: str) -> None:
    engine = open_engine(hub_url)
    migrate(engine)
    engine.dispose()
    found = run(hub_url, "verify")
    assert (found.exit_code, found.stdout[:17]) == (0, "0 facts in 0 chai")


def test_a_relay_is_not_joined_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    found = run(f"sqlite:///{tmp_path}/realy/hub.db", "join --hub http://127.0.0.1:1 --code X")
    assert found.exit_code == 2
    assert f"there is no folder {tmp_path}/realy" in found.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def made(tmp_path: Path) -> str:
    """The address of a database that a hub made."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    engine = open_engine(url)
    migrate(engine)
    transact(engine, lock, "s", "1", "till", 1)
    transact(engine, add_key, "s", "1", bytes(32), 1)
    engine.dispose()
    return url


def test_a_replacement_of_a_till_that_never_was_is_warned_of(made: str) -> None:
    known = run(made, "enrol --store s --till 1 --replace --quiet")
    assert (known.exit_code, known.stderr) == (0, "")
    strange = run(made, "enrol --store s --till 11 --replace --quiet")
    assert strange.exit_code == 0
    assert len(strange.stdout.strip()) == 24
    assert "no machine 11 of store s was ever enrolled here" in strange.stderr
    assert run(made, "enrol --store s --till 11 --quiet").stderr == ""


def test_the_printed_command_names_no_port_that_the_hub_may_not_have(made: str) -> None:
    said = run(made, "enrol --store s --till 2").stdout
    assert "--hub http://ADDRESS-OF-THIS-HUB:PORT --code" in said
    assert "8080 where no --port was given" in said


def test_a_revocation_tells_both_ways_back(made: str) -> None:
    said = run(made, "revoke --store s --till 1").stdout
    assert "1 of 1 in store s revoked" in said
    assert "tresen hub enrol --store s --till 1. For another machine" in said
    assert "with --replace" in said
