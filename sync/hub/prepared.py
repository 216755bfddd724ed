"""Statements that are built and compiled once, for what runs with every fact.

SQLAlchemy builds a statement anew each time it is written down, which costs ten times what SQLite then takes for it. A function
under `@prepared` is called once, with placeholders for its arguments; from then on its SQL is known:

    @prepared
    def _level(store, sku):
        return sa.select(c.on_hand, c.reserved).where(c.store == store, c.sku == sku)

    row = _level.first(connection, "s1", "milk")

On SQLite it goes to the driver straight away, on PostgreSQL through SQLAlchemy's own cache. Rows have their columns as attributes.
"""

import inspect
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

__all__ = ["Inserting", "Prepared", "prepared"]

_EMPTY: Final[Mapping[str, Any]] = {}


class _Lite:
    """A statement as SQLite's driver takes it. `values` are its parameters in their order, an int naming an argument's place."""

    def __init__(self, statement: Any, names: Sequence[str], connection: Connection) -> None:
        columns = None if not statement.is_select and not statement._returning else statement.exported_columns  # noqa: SLF001
        keys = list(names) if statement.is_insert and not statement._values else None  # noqa: SLF001
        compiled = statement.compile(dialect=connection.dialect, column_keys=keys)
        given = compiled.construct_params(dict.fromkeys(names, None), _check=False)
        places = {name: at for at, name in enumerate(names)}
        self.sql: str = str(compiled)
        assert "POSTCOMPILE" not in self.sql, "a list of unknown length cannot be prepared"
        order = list(compiled.positiontup or ())
        self.plain = order == list(names)
        self.values = [(places.get(name, -1), given[name]) for name in order]
        self.row: Any = None
        self.booleans: tuple[int, ...] = ()
        if columns is not None:
            names_of = [column.name for column in columns]
            self.row = getattr(namedtuple("Row", names_of, rename=True), "_make")  # noqa: B009, PYI024
            self.booleans = tuple(
                at for at, column in enumerate(columns) if isinstance(column.type, sa.Boolean)
            )

    def read(self, row: tuple[Any, ...]) -> Any:
        if self.booleans:
            cells = list(row)
            for at in self.booleans:
                cells[at] = None if cells[at] is None else bool(cells[at])
            row = tuple(cells)
        return self.row(row)

    def parameters(self, given: Sequence[Any]) -> Sequence[Any]:
        if self.plain:
            return given
        return [given[at] if at >= 0 else value for at, value in self.values]


class Prepared:
    """One statement; `make(dialect)` builds it with bound parameters that have these names, in this order."""

    def __init__(self, make: Callable[[str], Any], names: Sequence[str]) -> None:
        self._make = make
        self._names = tuple(names)
        self._statements: dict[str, Any] = {}
        self._lite: _Lite | None = None

    def all(self, connection: Connection, *given: Any) -> list[Any]:
        lite = self._ready(connection)
        if lite is None:
            return list(self._by_sqlalchemy(connection, given))
        return [lite.read(row) for row in self._cursor(connection, lite, given)]

    def first(self, connection: Connection, *given: Any) -> Any | None:
        lite = self._ready(connection)
        if lite is None:
            return self._by_sqlalchemy(connection, given).first()
        rows = self._cursor(
            connection, lite, given
        ).fetchall()  # all: a statement left open would hold its lock
        return lite.read(rows[0]) if rows else None

    def scalar(self, connection: Connection, *given: Any) -> Any | None:
        """The first column of the first row; None without one."""
        row = self.first(connection, *given)
        return None if row is None else row[0]

    def run(self, connection: Connection, *given: Any) -> int:
        """How many rows it touched."""
        lite = self._ready(connection)
        if lite is None:
            return int(self._by_sqlalchemy(connection, given).rowcount)
        return int(self._cursor(connection, lite, given).rowcount)

    def run_all(self, connection: Connection, given: Sequence[Sequence[Any]]) -> None:
        """Once for each."""
        lite = self._ready(connection)
        if lite is None:
            rows = [dict(zip(self._names, one, strict=True)) for one in given]
            connection.execute(self._statement(connection.dialect.name), rows)
            return
        for one in given:
            self._cursor(connection, lite, one)

    def _ready(self, connection: Connection) -> _Lite | None:
        """None: it goes through SQLAlchemy, as what begins a transaction always does."""
        if connection.dialect.name != "sqlite" or not connection.in_transaction():
            return None
        if self._lite is None:
            self._lite = _Lite(self._statement("sqlite"), self._names, connection)
        return self._lite

    def _statement(self, dialect: str) -> Any:
        found = self._statements.get(dialect)
        if found is None:
            found = self._statements[dialect] = self._make(dialect)
        return found

    def _by_sqlalchemy(self, connection: Connection, given: Sequence[Any]) -> Any:
        statement = self._statement(connection.dialect.name)
        return connection.execute(statement, dict(zip(self._names, given, strict=True)))

    def _cursor(self, connection: Connection, lite: _Lite, given: Sequence[Any]) -> Any:
        driver: Any = connection.connection.driver_connection
        try:
            return driver.execute(lite.sql, lite.parameters(given))
        except connection.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                lite.sql, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
            ) from error


def prepared(build: Callable[..., Any]) -> Prepared:
    """Of a function that writes a statement down; what it compares with is its arguments."""
    names = tuple(f"given_{name}" for name in inspect.signature(build).parameters)  # no column is called so
    return Prepared(lambda _dialect: build(*(sa.bindparam(name) for name in names)), names)


class Inserting:
    """Rows into a table, as mappings with all of its columns; `keep`: those whose key is taken stay as they are."""

    def __init__(self, table: sa.Table, *, keep: bool = False, returning: Sequence[str] = ()) -> None:
        self._names = tuple(column.name for column in table.columns)
        self._prepared = Prepared(lambda dialect: _insert(dialect, table, returning, keep=keep), self._names)

    def run(self, connection: Connection, row: Mapping[str, Any]) -> None:
        self._prepared.run(connection, *(row[name] for name in self._names))

    def all_of(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        self._prepared.run_all(connection, [tuple(row[name] for name in self._names) for row in rows])

    def first(self, connection: Connection, row: Mapping[str, Any]) -> Any | None:
        """What it returns of the row; None: its key was taken."""
        return self._prepared.first(connection, *(row[name] for name in self._names))


def _insert(dialect: str, table: sa.Table, returning: Sequence[str], *, keep: bool) -> Any:
    insert: Any = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if keep:
        insert = insert.on_conflict_do_nothing()
    return insert.returning(*(table.c[name] for name in returning)) if returning else insert
