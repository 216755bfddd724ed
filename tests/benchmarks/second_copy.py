"""How long a sale is only at its till: from its commit to the relay's answer, and to the hub's disk."""

import asyncio
import shutil
import statistics
import time
from pathlib import Path

from pos.domain.commands import Command, HubReported
from pos.system import SystemClock, SystemIds, ThreadWorker
from sync.client import HubClient
from sync.codes import read_code
from sync.enrolling import enrol
from tests.benchmarks.report import Report
from tests.contract.hub_kit import SHOP, Memory, Till
from tests.simulation.relays import STORE, Nodes, running_nodes

__all__ = ["measure"]

BAR_MS = 2_000


def measure(report: Report, folder: Path, sales: int) -> None:
    """Real hub and relay processes, the till's real client; one sale after the other."""
    shutil.rmtree(folder, ignore_errors=True)
    with running_nodes(folder) as nodes:
        at_relay, at_hub = asyncio.run(_sell(nodes, sales))
    report.add("second copy at the relay, p50", statistics.median(at_relay), "ms")
    report.add("second copy at the relay, p99", _p99(at_relay), "ms", bar=BAR_MS)
    report.add("the same at the hub, through the relay, p99", _p99(at_hub), "ms")


class _Reports:
    """How far the relay is."""

    def __init__(self) -> None:
        self._acked = 0
        self._news = asyncio.Event()

    def __call__(self, command: Command) -> None:
        if isinstance(command, HubReported) and command.node == "relay":
            self._acked = command.acked_seq
            self._news.set()

    async def until_relay_has(self, seq: int) -> None:
        async with asyncio.timeout(60):
            while self._acked < seq:
                self._news.clear()
                await self._news.wait()


async def _sell(nodes: Nodes, sales: int) -> tuple[list[float], list[float]]:
    ids, clock, worker = SystemIds(), SystemClock(), ThreadWorker("second-copy")
    code = read_code(nodes.code("--till", "1"))
    identity, _ = await enrol(nodes.hub_url, code, ids=ids, relay_url=nodes.relay_url)
    till, reports = Till(STORE, "1"), _Reports()
    client = HubClient(
        identity,
        epoch=lambda: till.epoch,
        source=till,
        memory=Memory(),
        clock=clock,
        ids=ids,
        worker=worker,
        submit=reports,
        shop=SHOP,
    )
    task = asyncio.create_task(client.run())
    at_relay, at_hub = [], []
    try:
        for _ in range(sales + 1):
            (fact,) = till.sell()
            began = time.perf_counter()
            client.kick()
            await reports.until_relay_has(fact.seq)
            at_relay.append((time.perf_counter() - began) * 1000)
            while nodes.facts(nodes.hub_db) < till.number:  # noqa: ASYNC110 - another process writes there
                await asyncio.sleep(0.005)
            at_hub.append((time.perf_counter() - began) * 1000)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        worker.close()
    return at_relay[1:], at_hub[1:]  # the first one waited for the lines to come up


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]
