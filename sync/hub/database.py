"""The hub's database, SQLite or PostgreSQL: opened safely, brought up to date, reached through workers.

The hub's core is plain functions over a SQLAlchemy connection that know nothing of commits. `transact` runs
one inside a transaction, here and now (commands, simulations); `Database.run` does it on a worker. SQLite
has one connection on one worker, so that writers never meet; PostgreSQL has one for each worker, and what
belongs to one till always goes to the same.
"""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from pos.ports import Worker

__all__ = [
    "NEWS",
    "Bulk",
    "Database",
    "DatabaseUnavailableError",
    "deriving",
    "insert_or_keep",
    "migrate",
    "open_engine",
    "open_existing",
    "transact",
    "upsert",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")

NEWS: Final = "tresen_changed_scopes"
"""The execution option that holds a set, for the names of the scopes that a transaction adds changes to."""

SQLITE_WAL_SAFE: Final = (3, 51, 3)
_SQLITE_BUSY_MS: Final = 10_000
_POSTGRES_POOL: Final = 4
_ATTEMPTS: Final = 4
# Two transactions met and one had to give way: nothing happened, so it is tried again.
_TRY_AGAIN: Final = frozenset({"40001", "40P01"})


_NAME_IT: Final = (
    "Name the hub's own with --db or TRESEN_STATE; if the hub never ran, start it once: it makes its database"
)


class DatabaseUnavailableError(Exception):
    """The database cannot be used; the text is one sentence for the person who runs the hub."""


def open_engine(url_text: str, *, sqlite_version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Engine:
    """An engine whose database answered. Raises DatabaseUnavailableError.

    SQLite runs with a rollback journal; `?journal_mode=wal` in the address asks for a WAL, which is refused
    where the SQLite in use can damage one (before 3.51.3).
    """
    try:
        url = make_url(url_text)
        engine = _sqlite(url, sqlite_version) if _is_sqlite(url) else _postgresql(url)
    except (ArgumentError, ImportError) as error:
        raise DatabaseUnavailableError(
            "this is no database address; take sqlite:////path/to/hub.db or postgresql://host/name"
        ) from error
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("select 1")
    except DBAPIError as error:
        engine.dispose()
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        raise DatabaseUnavailableError(
            f"the database {url.render_as_string(hide_password=True)} cannot be used: {reason}"
        ) from error
    return engine


def open_existing(url_text: str) -> Engine:
    """The engine of a hub's database that is there: nothing is made. Raises DatabaseUnavailableError."""
    try:
        url = make_url(url_text)
    except ArgumentError:
        return open_engine(url_text)  # which says what an address is like
    shown = url.render_as_string(hide_password=True)
    if _is_sqlite(url) and "uri" not in url.query:
        try:
            with Path(url.database or ":memory:").open("rb+"):
                pass
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DatabaseUnavailableError(f"there is no database {shown}. {_NAME_IT}") from error
        except OSError as error:
            raise DatabaseUnavailableError(
                f"the database {shown} cannot be used: {error.strerror}. Type this as the user that the hub runs as"
            ) from error
    try:
        engine = open_engine(url_text)
    except DatabaseUnavailableError as error:
        raise DatabaseUnavailableError(f"{error}. {_NAME_IT}") from error
    try:
        if sa.inspect(engine).has_table("fact"):
            return engine
        problem = f"{shown} is no hub's database"
    except DBAPIError as error:
        problem = f"the database {shown} cannot be used: {error.orig}"
    engine.dispose()
    raise DatabaseUnavailableError(f"{problem}. {_NAME_IT}")


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, version: tuple[int, ...]) -> Engine:
    mode = str(url.query.get("journal_mode", "delete")).lower()
    if mode not in {"delete", "wal"}:
        raise DatabaseUnavailableError(f"journal_mode can be delete or wal, not {mode}")
    if mode == "wal" and version < SQLITE_WAL_SAFE:
        raise DatabaseUnavailableError(
            f"SQLite {'.'.join(map(str, version))} can damage a database in WAL mode; "
            "leave journal_mode=wal away, or take SQLite 3.51.3 or newer"
        )
    engine = sa.create_engine(
        url.difference_update_query(("journal_mode",)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        # The one connection belongs to the one worker; commands use it on their own thread.
        connect_args={"check_same_thread": False, "timeout": _SQLITE_BUSY_MS / 1000},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, see below
        for pragma in (
            f"journal_mode={mode}",
            "synchronous=EXTRA",
            "foreign_keys=ON",
            "recursive_triggers=ON",  # else INSERT OR REPLACE deletes without asking the triggers
        ):
            connection.execute(f"pragma {pragma}")
        in_use = connection.execute("pragma journal_mode").fetchone()[0]
        if in_use not in {mode, "memory"}:
            raise DatabaseUnavailableError(
                f"the database stays in journal mode {in_use}; close its other users"
            )
        if connection.execute("pragma synchronous").fetchone()[0] != 3:
            raise DatabaseUnavailableError("this SQLite does not know synchronous=EXTRA; take a newer one")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("tresen_write", False)
        connection.exec_driver_sql("begin immediate" if write else "begin")

    return engine


def _postgresql(url: URL) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise ArgumentError(f"{url.get_backend_name()} is neither sqlite nor postgresql")
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"), pool_size=_POSTGRES_POOL, max_overflow=2, pool_pre_ping=True
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("tresen_derived", False):
            driver: Any = connection.connection.driver_connection
            driver.execute("set local synchronous_commit to off")

    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date, in one transaction. Raises DatabaseUnavailableError."""
    from alembic import command  # noqa: PLC0415 - only the start needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.execution_options(tresen_write=True).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise DatabaseUnavailableError(f"the tables could not be brought up to date: {error}") from error


def transact(
    engine: Engine, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """`function(connection, ...)` in one durable transaction; tried again where two met."""
    writer = engine.execution_options(tresen_write=True)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with writer.begin() as connection:
                return function(connection, *args, **kwargs)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN or attempt == _ATTEMPTS:
                raise
    raise AssertionError("not reached")


def deriving(engine: Engine) -> Engine:
    """The engine for transactions that can be done again: PostgreSQL does not wait for the disk at their commit.

    A power cut may undo the last of them, whole and in order, with the cursor that says so.
    """
    return engine.execution_options(tresen_derived=True)


class Database:
    """An engine and the workers that may use it: one for SQLite, up to four for PostgreSQL.

    `on_changes` hears, on the loop and after the commit, to which scopes changes were added.
    """

    def __init__(self, engine: Engine, workers: Sequence[Worker]) -> None:
        assert workers
        self.engine = engine
        self.on_changes: Callable[[Collection[str]], None] = _nobody
        self._workers = workers[:1] if engine.dialect.name == "sqlite" else workers[:_POSTGRES_POOL]

    async def run(
        self,
        key: str,
        function: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """`transact` on a worker; calls with the same key keep their order."""
        news: set[str] = set()

        def job() -> _T:
            return transact(self.engine.execution_options(**{NEWS: news}), function, *args, **kwargs)

        answer = await self._workers[zlib.crc32(key.encode()) % len(self._workers)].run(job)
        if news:
            self.on_changes(news)
        return answer

    async def derive(
        self,
        key: str,
        function: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """The same for what follows from facts: see `deriving`."""

        def job() -> _T:
            return transact(deriving(self.engine), function, *args, **kwargs)

        return await self._workers[zlib.crc32(key.encode()) % len(self._workers)].run(job)

    async def read(
        self,
        key: str,
        function: Callable[Concatenate[Connection, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """The same for a function that only reads: nothing is locked or synced."""

        def job() -> _T:
            with self.engine.connect() as connection:
                return function(connection, *args, **kwargs)

        return await self._workers[zlib.crc32(key.encode()) % len(self._workers)].run(job)


def _nobody(_scopes: Collection[str]) -> None:
    """Nobody listens."""


class Bulk:
    """Inserts many rows at once past SQLAlchemy: COPY on PostgreSQL, one prepared statement on SQLite.

    For rows that are new for certain, as a lock says; `columns` maps names to PostgreSQL's type names.
    """

    def __init__(self, table: str, columns: Mapping[str, str]) -> None:
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self._insert = f"insert into {table} ({names}) values ({marks})"  # noqa: S608 - names of ours
        self._copy = f"copy {table} ({names}) from stdin (format binary)"
        self._types = tuple(columns.values())

    def insert(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            if connection.dialect.name == "sqlite":
                driver.executemany(self._insert, rows)
                return
            with driver.cursor() as cursor, cursor.copy(self._copy) as copy:
                copy.set_types(self._types)
                for row in rows:
                    copy.write_row(row)
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                self._insert, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
            ) from error


def upsert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_or_keep(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert; rows whose key is taken stay as they are."""
    connection.execute(upsert(connection, table).on_conflict_do_nothing(), list(rows))
