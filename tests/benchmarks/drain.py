"""Ten tills come back after 28 days offline: real clients over real journals, a real hub process, PostgreSQL, loopback.

Nothing is left out: the clients read journals, seal, pack and sign; the hub verifies, stores durably, signs; the
clients verify the acknowledgement and move their cursors.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.engine import Engine

from pos.domain.commands import Command, HubReported
from pos.facts import GENESIS
from pos.journal.reader import JournalFeed
from pos.journal.segment import SegmentHead, create_segment
from pos.system import SystemClock, SystemIds, ThreadWorker
from sync.client import HubClient
from sync.hub import machines, projector
from sync.hub.database import open_engine, transact
from sync.hub.digest import digest
from sync.identity import Identity, Node
from tests.benchmarks.harness import cpu_ns
from tests.benchmarks.hub_sales import BEGAN_MS, STORE, Keys, batches_of
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report
from tests.contract.hub_kit import Memory
from tests.contract.hub_rig import hub_process

__all__ = ["measure"]

_BAR_S = 60.0
_PATIENCE_S = 300.0


def measure(report: Report, tills: int, sales: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-drain-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        keys = Keys()
        names = [str(n + 1) for n in range(tills)]
        for name in names:
            write_journal(folder / name, name, keys, sales)
        fresh = stack.enter_context(postgres())
        url = fresh()
        engine = open_engine(url)
        stack.callback(engine.dispose)
        transact(engine, keys.enrol)
        hub = stack.enter_context(hub_process("--port", "0", "--db", url))
        node = Node(hub.ready(), "hub", "hub", node_key(engine))
        client_cpu, hub_cpu = time.process_time(), cpu_ns(hub.popen.pid)
        stored_s = asyncio.run(drain(folder, names, keys, node, sales + 1))
        client_cpu, hub_cpu = time.process_time() - client_cpu, cpu_ns(hub.popen.pid) - hub_cpu
        began = time.perf_counter()
        while lags(engine):
            time.sleep(0.01)
        projected_s = stored_s + time.perf_counter() - began
        with engine.connect() as connection:
            found = digest(connection)
        assert (found.sales, found.facts) == (tills * sales, tills * (sales + 1))
    name = f"{tills * sales:,} sales of {tills} tills drain to a hub process"
    report.add(f"{name}, acknowledged", stored_s, "s", bar=_BAR_S)
    report.add("  of which CPU of the ten clients", client_cpu, "s")
    report.add("  of which CPU of the hub, without PostgreSQL", hub_cpu / 1e9, "s")
    report.add(f"{name}, receipts and day totals there", projected_s, "s", bar=_BAR_S)


def write_journal(folder: Path, till: str, keys: Keys, sales: int) -> None:
    """A journal that nobody has sent yet."""
    folder.mkdir(parents=True)
    facts = [fact for batch in batches_of(till, keys, [sales + 1]) for fact in batch.facts]
    create_segment(folder, SegmentHead(STORE, till, 1, GENESIS), BEGAN_MS, facts)


def node_key(engine: Engine) -> bytes:
    """The public key of the hub that runs on this database."""
    return transact(engine, machines.node_key, bytes(32), BEGAN_MS).public


def lags(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(projector.lagging(connection))


async def drain(folder: Path, names: list[str], keys: Keys, node: Node, facts: int) -> float:
    """Seconds until each till knows that all its facts are held."""
    workers = [ThreadWorker(f"drain-{n}") for n in range(2)]
    done = {name: asyncio.Event() for name in names}

    def hear(name: str) -> Callable[[Command], None]:
        def submit(command: Command) -> None:
            if isinstance(command, HubReported) and command.acked_seq == facts:
                done[name].set()

        return submit

    clients = [
        HubClient(
            Identity(STORE, name, "till", keys.of(name).seed, (node,)),
            epoch=lambda: 1,
            source=JournalFeed(folder / name, workers[0]),
            memory=Memory(),
            clock=SystemClock(),
            ids=SystemIds(),
            worker=workers[1],
            submit=hear(name),
        )
        for name in names
    ]
    began = time.perf_counter()
    tasks = [asyncio.create_task(client.run()) for client in clients]
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*(event.wait() for event in done.values()))
        return time.perf_counter() - began
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            worker.close()
