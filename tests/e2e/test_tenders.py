"""Paying by line mode on a real journal: parts that outlive a kill, counter-documents that the journal and the hub take."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from sync.hub.cli import hub
from tests.simulation.hubs import enrol_till, running_hub
from tests.simulation.line_till import LineTill, run_tool

CUCUMBER = "2000000000299"  # 0,89, 7 %
SHIRT = "2000000002651"  # 12,95


def sales(state: Path) -> list[dict[str, Any]]:
    out = run_tool("journal", "show", "--kind", "sale", "--state", str(state))
    return [json.loads(line)["body"] for line in out.splitlines()]


def test_a_part_payment_outlives_a_kill_and_is_paid_once(state: Path, start: Callable[..., LineTill]) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("50")
    assert till.send("key cash")["due_minor"] == 39
    till.kill()
    till = start(state)
    view = till.sign_in()
    assert (view["due_minor"], [tender["amount_minor"] for tender in view["tenders"]]) == (39, [50])
    till.send("key card")
    till.send("1")
    assert till.send("")["question"]["code"] == "card-number"
    till.kill()
    till = start(state)
    assert till.sign_in()["due_minor"] == 0, "what the terminal approved is kept"
    till.send("key card")
    till.send("4711")
    till.send("")
    till.end()
    (sale,) = sales(state)
    assert [(tender["kind"], tender["amount_minor"]) for tender in sale["tenders"]] == [
        ("cash", 50), ("card-manual", 39),
    ]  # fmt: skip
    assert sale["tenders"][1]["reference"] == "4711"


def test_counter_documents_and_vouchers_hold_in_the_journal_and_at_the_hub(
    state: Path, start: Callable[..., LineTill], tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        enrol_till(state, db, url)
        till = start(state, "--hub", url)
        till.sign_in()
        till.send(f"scan {SHIRT}")
        till.send("key cash")
        till.send("key retender")
        for line in ("1", "", "815", ""):
            view = till.send(line)
        assert (view["state"], view["total_minor"]) == ("paid", 0)
        till.send(f"scan {CUCUMBER}")
        till.send("key cash")
        till.send("key void-sale")
        till.send("1")
        assert till.send("")["total_minor"] == -89
        till.send("2000")
        till.send("key gift-card")
        till.send("")
        till.send("1")  # nothing prints: the number is written down
        till.send("")
        till.send("key cash")
        till.end()
        assert "clean" in run_tool("journal", "verify", "--state", str(state))
        done = CliRunner().invoke(hub, ["verify", "--db", db])
        assert done.exit_code == 0, done.output
        written = sales(state)
        assert [sale["number"] for sale in written] == [1, 2, 3, 4, 5]
        assert [sale["total_minor"] for sale in written] == [1295, 0, 89, -89, 2000]
        assert written[1]["references"][0] == {"kind": "retender", "till": "k3", "epoch": 1, "number": 1}
        assert [tender["amount_minor"] for tender in written[1]["tenders"]] == [-1295, 1295]
