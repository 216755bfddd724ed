"""A till, a relay in its shop and the hub above, all as processes: sales go on and arrive, whoever is away."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.hubs import ROOT
from tests.simulation.line_till import LineTill, run_tool
from tests.simulation.relays import STORE, Nodes

GTIN = "2000000000299"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    found = Nodes(tmp_path / "nodes")
    yield found
    found.stop()


def test_sales_reach_the_hub_through_the_relay_and_past_it(
    nodes: Nodes, state: Path, start: Callable[..., LineTill]
) -> None:
    nodes.start_hub()
    assert f"the relay of store {STORE}" in nodes.join()
    nodes.start_relay()
    run_tool(
        *("enrol", "--state", str(state), "--hub", nodes.hub_url, "--relay-url", nodes.relay_url),
        *("--code", nodes.code("--till", "k3")),
    )
    till = start(state)
    till.sign_in()
    _until("the line to the relay", lambda: _heard(till, "hub-changed", online=True))
    _sell(till)
    _until("a second copy", lambda: till.send("key help")["unsent"] == 0)
    _until("the sale at the hub", lambda: nodes.facts(nodes.hub_db) == 1)
    assert nodes.facts(nodes.relay_db) == 1
    link = _last_link(till)
    assert link, "a receipt has a link from the first sale on"

    nodes.hub.stop()
    for _ in range(3):
        _sell(till)
    _until("a second copy while the hub is away", lambda: till.send("key help")["unsent"] == 0)
    assert nodes.facts(nodes.relay_db) == 4
    assert nodes.facts(nodes.hub_db) == 1
    nodes.start_hub()
    _until("the sales at the hub", lambda: nodes.facts(nodes.hub_db) == 4, 90)

    nodes.relay.stop()
    _sell(till)
    _until("a sale past the relay", lambda: nodes.facts(nodes.hub_db) == 5, 90)
    assert nodes.facts(nodes.relay_db) == 4
    nodes.start_relay()
    _until("the sale at the relay too", lambda: nodes.facts(nodes.relay_db) == 5, 90)
    assert not till.end()
    digests = [json.loads(run_tool("hub", "--db", db, "digest")) for db in (nodes.hub_db, nodes.relay_db)]
    assert digests[0]["digest"] == digests[1]["digest"]
    assert digests[0]["quarantined"] == digests[1]["quarantined"] == 0
    assert "Traceback" not in nodes.logs()


def test_a_machine_that_is_no_relay_is_told_how_to_become_one(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'hub.db'}"
    done = subprocess.run(
        [sys.executable, "-m", "pos", "hub", "--db", db, "--port", "0", "--upstream", "http://127.0.0.1:1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "TRESEN_STATE": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "this machine is no relay yet" in done.stderr
    assert "tresen hub join --hub URL --code CODE" in done.stderr


def _sell(till: LineTill) -> None:
    till.send(f"scan {GTIN}")
    till.send("5000")
    view = till.send("key cash")
    assert view["state"] == "paid", view


def _heard(till: LineTill, name: str, **fields: object) -> bool:
    till.send("key help")
    return any({"event": name, **fields}.items() <= event.items() for event in till.events)


def _last_link(till: LineTill) -> str:
    paid: list[dict[str, Any]] = [event for event in till.events if event.get("event") == "sale-paid"]
    return str(paid[-1]["link"])


def _until(what: str, holds: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.05)
