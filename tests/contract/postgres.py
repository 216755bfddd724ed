"""A real PostgreSQL that pip brought, for tests and simulations."""

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync.hub.database import migrate, open_engine
from tests.postgres import pip_server

TEMPLATE = "template_hub"


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a server that holds an up-to-date, empty database `template_hub`."""
    # Folders of their own: short, as a socket's name has at most 107 bytes, and open to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-"))
    server = pip_server(folder / "data")
    url = server.get_uri()
    create_database(url, TEMPLATE, "template0")
    engine = open_engine(url.replace("/postgres?", f"/{TEMPLATE}?"))
    migrate(engine)
    engine.dispose()
    try:
        yield url
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _stop_at_once(server.get_postmaster_info().process)
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _stop_at_once(postmaster: Any) -> None:
    """Its data goes away with it, so it need not write hundreds of databases first."""
    postmaster.send_signal(signal.SIGQUIT)
    postmaster.wait(30)


def create_database(server_url: str, name: str, template: str = TEMPLATE) -> str:
    """A new database; gives its address."""
    engine = open_engine(server_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"create database {name} template {template}"))
    engine.dispose()
    return server_url.replace("/postgres?", f"/{name}?")
