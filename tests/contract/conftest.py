"""The databases that the hub must work on alike: SQLite, and a real PostgreSQL that pip brought."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.postgres import create_database, running_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL that holds an up-to-date, empty database `template_hub`."""
    with running_postgres() as url:
        yield url


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
        return create_database(server_url, name)

    return make
