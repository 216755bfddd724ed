"""A hub and a relay below it as real processes, each on a port that it keeps."""

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.simulation.hubs import HubProcess
from tests.simulation.line_till import run_tool

__all__ = ["STORE", "Nodes", "running_nodes"]

STORE = "demo"


class Nodes:
    """Both on SQLite in `folder`; nothing runs yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub_db = f"sqlite:///{folder / 'hub.db'}"
        self.relay_db = f"sqlite:///{folder / 'relay' / 'hub.db'}"
        (folder / "relay").mkdir(parents=True)
        hub_port, relay_port = _free_port(), _free_port()
        self.hub_url = f"http://127.0.0.1:{hub_port}"
        self.relay_url = f"http://127.0.0.1:{relay_port}"
        self.hub = HubProcess(self.hub_db, folder / "hub.log", "--port", str(hub_port))
        above = ("--upstream", self.hub_url)
        self.relay = HubProcess(self.relay_db, folder / "relay.log", "--port", str(relay_port), *above)

    def start_hub(self) -> None:
        self.hub.start()
        self.hub.address()

    def start_relay(self) -> None:
        self.relay.start()
        self.relay.address()

    def code(self, *machine: str) -> str:
        return run_tool("hub", "--db", self.hub_db, "enrol", "--quiet", "--store", STORE, *machine).strip()

    def join(self) -> str:
        """The relay becomes one; what the command says."""
        code = self.code("--relay")
        return run_tool("hub", "--db", self.relay_db, "join", "--hub", self.hub_url, "--code", code)

    def facts(self, db: str, kind: str = "sale") -> int:
        """How many facts of a kind a node holds."""
        with contextlib.closing(sqlite3.connect(db.removeprefix("sqlite:///"), timeout=20)) as connection:
            query = "select count(*) from fact where kind = ?"
            found: int = connection.execute(query, (kind,)).fetchone()[0]
        return found

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        self.relay.stop()
        self.hub.stop()


@contextlib.contextmanager
def running_nodes(folder: Path) -> Iterator[Nodes]:
    """Hub and relay at work."""
    nodes = Nodes(folder)
    try:
        nodes.start_hub()
        nodes.join()
        nodes.start_relay()
        yield nodes
    finally:
        nodes.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
