"""`tresen hub`: run the hub, compare it, build its projections anew. Heavy imports wait until they are used."""

import ipaddress
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

__all__ = ["hub"]

UNAVAILABLE = 2


def default_db() -> str:
    state = os.environ.get("TRESEN_STATE") or Path.home() / ".local" / "state" / "tresen"
    return f"sqlite:///{Path(state).expanduser().absolute() / 'hub.db'}"


def _fail(message: object) -> NoReturn:
    click.echo(f"tresen hub: {message}", err=True)
    sys.exit(UNAVAILABLE)


def _networks(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[Any, ...]:
    try:
        return tuple(ipaddress.ip_network(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(f"{error}; a network is written like 192.168.1.0/24") from error


def _db_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--db",
        metavar="URL",
        help="sqlite:////path/to/hub.db or postgresql://user@host/name  [default: hub.db in the state folder]",
    )(function)


@contextmanager
def _database(context: click.Context, db: str | None) -> Iterator[Any]:
    """An engine with tables up to date; whatever fails is one sentence and exit code 2."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from sync.hub.database import DatabaseUnavailableError, migrate, open_engine  # noqa: PLC0415

    try:
        engine = open_engine(_url(context, db))
        migrate(engine)
    except DatabaseUnavailableError as error:
        _fail(error)
    try:
        yield engine
    except DBAPIError as error:
        _fail(f"the database failed: {error.orig}")
    finally:
        engine.dispose()


def _url(context: click.Context, db: str | None) -> str:
    """The database asked for, here or before the subcommand; else the default, whose folder is made."""
    chosen = db or (context.parent.params.get("db") if context.parent else None)
    if chosen:
        return str(chosen)
    url = default_db()
    try:
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        _fail(f"the state folder cannot be made: {error}")
    return url


@click.group(invoke_without_command=True)
@_db_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Where customers find receipts.  [default: http://host:port]",
)
@click.option(
    "--office-network",
    "office_networks",
    multiple=True,
    metavar="CIDR",
    callback=_networks,
    help="The office may bring articles from here (repeat for more). This machine always may.",
)
@click.pass_context
def hub(
    context: click.Context,
    db: str | None,
    host: str,
    port: int,
    public_url: str,
    office_networks: tuple[Any, ...],
) -> None:
    """Run the hub: takes the tills' facts, keeps the ledger, shows receipts."""
    if context.invoked_subcommand:
        return
    import logging  # noqa: PLC0415

    from sync.hub.database import DatabaseUnavailableError  # noqa: PLC0415
    from sync.hub.serve import ListenError, serve  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(_url(context, db), host, port, public_url=public_url, office_networks=office_networks)
    except (DatabaseUnavailableError, ListenError) as error:
        _fail(error)


@hub.command("digest")
@_db_option
@click.pass_context
def digest_command(context: click.Context, db: str | None) -> None:
    """Counts, takings and digests as JSON, to compare with tills, copies and other databases."""
    from sync.hub.digest import digest  # noqa: PLC0415
    from sync.wire import encode_json  # noqa: PLC0415

    with _database(context, db) as engine, engine.connect() as connection:
        click.echo(encode_json(digest(connection)).decode())


@hub.command("rebuild")
@_db_option
@click.pass_context
def rebuild_command(context: click.Context, db: str | None) -> None:
    """Build receipts and day totals anew from the facts, while the hub goes on."""
    from pos.system import SystemClock  # noqa: PLC0415
    from sync.hub.database import deriving, transact  # noqa: PLC0415
    from sync.hub.rebuild import rebuild_beside  # noqa: PLC0415

    with _database(context, db) as engine:
        count = rebuild_beside(partial(transact, deriving(engine)), SystemClock().wall_ms())
    click.echo(f"projections built anew from {count} facts")


@hub.command("migrate")
@_db_option
@click.pass_context
def migrate_command(context: click.Context, db: str | None) -> None:
    """Bring the tables up to date and leave; the hub does the same when it starts."""
    with _database(context, db):
        click.echo("the tables are up to date")
