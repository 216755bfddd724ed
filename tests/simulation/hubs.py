"""Real hub processes for tests: started, killed, started again, each time where the system has a port free."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import Connection

from pos.enrol import journal_end
from pos.system import SystemClock, SystemIds
from sync.hub import machines
from sync.hub.database import open_engine, transact
from sync.identity import Identity, Node, identity_file, save_identity
from sync.keys import SEED_BYTES, SigningKey
from tests.simulation.prepared import ROOT, Process, Program, usual

__all__ = ["ROOT", "HubProcess", "enrol_till", "running_hub"]


def enrol_till(state: Path, db: str, url: str) -> None:
    """A till that has a journal, enrolled at the hub of this database; one that is enrolled stays what it is."""
    path = identity_file(state)
    journal = journal_end(state)
    assert journal is not None, f"there is no till in {state}"
    if path.exists():
        return
    clock, ids = SystemClock(), SystemIds()
    key = SigningKey(ids.token(SEED_BYTES))
    engine = open_engine(db)

    def write(connection: Connection) -> SigningKey:
        machines.lock(connection, journal.store, journal.till, "till", clock.wall_ms())
        machines.add_key(connection, journal.store, journal.till, key.public, clock.wall_ms())
        return machines.node_key(connection, ids.token(SEED_BYTES), clock.wall_ms())

    try:
        node = transact(engine, write)
    finally:
        engine.dispose()
    nodes = (Node(url, "hub", "hub", node.public),)
    save_identity(path, Identity(journal.store, journal.till, "till", key.seed, nodes))


class HubProcess:
    """`tresen hub` on the database `db`. What it says on standard error collects in `log`."""

    def __init__(self, db: str, log: Path, *options: str, program: Program = usual) -> None:
        self.db = db
        self._log = log
        self._options = options
        self._program = program
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns at once; `address` waits."""
        with self._log.open("ab") as log:
            self._process = self._program(
                ["hub", "--db", self.db, "--port", "0", *self._options],
                (subprocess.DEVNULL, subprocess.PIPE, log.fileno()),
            )

    def address(self) -> str:
        """Wait until it listens; its address."""
        assert self._process is not None
        assert self._process.stdout is not None
        said = self._process.stdout.readline().decode()
        if not said.startswith("hub ready on "):
            raise RuntimeError(f"the hub did not start: {said}{self._log.read_text()[-2000:]}")
        return said.removeprefix("hub ready on ").strip()

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel is done with it."""
        assert self._process is not None
        self._process.kill()
        self._gone()

    def stop(self) -> None:
        """SIGTERM, in any case its end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._gone()

    def _gone(self) -> None:
        if self._process is not None:
            self._process.wait(20)
            assert self._process.stdout is not None
            self._process.stdout.close()


@contextlib.contextmanager
def running_hub(folder: Path, program: Program = usual) -> Iterator[tuple[str, str]]:
    """A real hub process on SQLite; gives its address and its database URL."""
    db = f"sqlite:///{folder / 'hub.db'}"
    hub = HubProcess(db, folder / "hub.log", program=program)
    hub.start()
    try:
        yield hub.address(), db
    finally:
        hub.stop()
