"""A real PostgreSQL for a benchmark: its own folder, the defaults of the package that brings it."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sync.hub.database import migrate, open_engine
from tests.postgres import pip_server

__all__ = ["postgres"]


@contextmanager
def postgres() -> Iterator[Callable[[], str]]:
    """Gives a function that makes a fresh hub database and says its address."""
    folder = tempfile.mkdtemp(prefix="bench-pg-")
    server = pip_server(folder)
    url: str = server.get_uri()
    numbers = itertools.count(1)

    def fresh() -> str:
        name = f"bench_{next(numbers)}"
        engine = open_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"create database {name}"))
        engine.dispose()
        mine = url.replace("/postgres?", f"/{name}?")
        engine = open_engine(mine)
        migrate(engine)
        engine.dispose()
        return mine

    try:
        yield fresh
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
