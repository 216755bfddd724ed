"""What the hub's commands share: which database, and how a failure is told."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

__all__ = ["database", "database_url", "db_option", "default_db", "fail", "key_file", "make_default_folder"]

UNAVAILABLE = 2


def default_db() -> str:
    state = os.environ.get("TRESEN_STATE") or Path.home() / ".local" / "state" / "tresen"
    return f"sqlite:///{Path(state).expanduser().absolute() / 'hub.db'}"


def fail(message: object) -> NoReturn:
    click.echo(f"tresen hub: {message}", err=True)
    sys.exit(UNAVAILABLE)


def db_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--db",
        metavar="URL",
        help="sqlite:////path/to/hub.db or postgresql://user@host/name  [default: hub.db in the state folder]",
    )(function)


@contextmanager
def database(context: click.Context, db: str | None) -> Iterator[Any]:
    """An engine of a hub's database that is there, with tables up to date.

    Only a hub that starts makes a database. Whatever fails is one sentence and exit code 2.
    """
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from sync.hub.database import DatabaseUnavailableError, migrate, open_existing  # noqa: PLC0415

    try:
        engine = open_existing(database_url(context, db))
        migrate(engine)
    except DatabaseUnavailableError as error:
        fail(error)
    try:
        yield engine
    except DBAPIError as error:
        fail(f"the database failed: {error.orig}")
    finally:
        engine.dispose()


def database_url(context: click.Context, db: str | None) -> str:
    """The database asked for, here or before a subcommand; else the default."""
    at: click.Context | None = context
    while at is not None and not db:
        db, at = at.params.get("db"), at.parent
    return str(db) if db else default_db()


def key_file(url: str, named: str) -> Path:
    """Where the key for customers' data lies: as named, else beside a SQLite database, else in the state folder."""
    if named:
        return Path(named).expanduser()
    if url.startswith("sqlite:///") and not url.startswith("sqlite:///file:"):
        return Path(url.removeprefix("sqlite:///").partition("?")[0] + ".key")
    return Path(default_db().removeprefix("sqlite:///") + ".key")


def make_default_folder(url: str) -> None:
    """The folder of the default database, for the hub that makes it."""
    if url != default_db():
        return
    try:
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        fail(f"the state folder cannot be made: {error}")
