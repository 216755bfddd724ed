"""A PostgreSQL of one's own, brought by pip: started, killed without a chance to write anything, started again."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from sync.hub.database import DatabaseUnavailableError, migrate, open_engine
from tests.postgres import pip_server

__all__ = ["PostgresServer", "running_postgres"]

_PATIENCE_S = 60
_POLL_S = 0.02
_SETTINGS = (
    "-c",
    "recovery_init_sync_method=syncfs",
)  # one call instead of an fsync of each file after a kill


class PostgresServer:
    """A server in a folder that is removed at the end; `url` is a database with the hub's tables."""

    def __init__(self) -> None:
        # A folder of its own: short, as a socket's name has at most 107 bytes, and open to the server's user.
        self._folder = tempfile.mkdtemp(prefix="hub-pg-")
        made = pip_server(self._folder, start=False)
        made.ensure_pgdata_inited()
        self._program = str(Path(made.bin_path) / "postgres")
        self._user: str | None = made.system_user  # the server refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres:@/hub?host={self._folder}"
        self.start()
        engine = self._open(self.url.replace("/hub?", "/postgres?"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("create database hub"))
        engine.dispose()
        engine = self._open(self.url)
        migrate(engine)
        engine.dispose()

    def start(self) -> None:
        """Returns at once; `ready` waits. After a kill the server recovers from its log before it answers."""
        with (Path(self._folder).parent / f"{Path(self._folder).name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    "-D",
                    self._folder,
                    "-k",
                    self._folder,
                    "-c",
                    "listen_addresses=",
                    *_SETTINGS,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Wait until the hub's database answers."""
        self._open(self.url).dispose()

    def kill(self) -> None:
        """SIGKILL for the postmaster and each of its processes, as if the plug of the hub's machine were pulled.

        What it had handed to the kernel stays: that fsync reached the disk is not shown by this.
        """
        assert self._process is not None
        backends = [pid for pid, (_, parent) in _processes() if parent == self._process.pid]
        self._process.kill()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_PATIENCE_S)
        end = time.monotonic() + _PATIENCE_S
        while any(pid in backends and state not in "ZX" for pid, (state, _) in _processes()):
            assert time.monotonic() < end, "a process of the server does not end"
            time.sleep(_POLL_S)

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        Path(f"{self._folder}.log").unlink(missing_ok=True)

    def _open(self, url: str) -> sa.Engine:
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return open_engine(url)
            except DatabaseUnavailableError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(_POLL_S)


def _processes() -> Iterator[tuple[int, tuple[str, int]]]:
    """Each process of this machine: its id, state and parent."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended while we looked
            state, parent, *_ = (place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            yield int(place.name), (state, int(parent))


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()
