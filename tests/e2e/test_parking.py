"""Parked sales, line by line, on the real till: through restarts, and through kills between the two files."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.simulation.hubs import enrol_till, running_hub
from tests.simulation.line_till import PIN, LineTill, run_tool

CUCUMBER = "2000000000299"  # 0,89
LEMON = "2000000000268"  # 0,45
UNKNOWN = "4006381333931"


def facts(state: Path) -> list[tuple[str, dict]]:  # type: ignore[type-arg]
    lines = run_tool("journal", "show", "--state", str(state)).splitlines()
    return [(fact["kind"], fact["body"]) for fact in map(json.loads, lines)]


def cart_kinds(state: Path) -> list[str]:
    return [kind for kind, _ in facts(state) if kind in ("sale", "cart.parked", "cart.resumed")]


def test_one_key_parks_the_next_customer_pays_and_one_key_brings_it_back(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    before = till.send(f"scan {UNKNOWN}")
    till.send("blaue Jacke")
    view = till.send("key park")
    assert (view["state"], view["lines"], view["entry"]) == ("ready", [], "")
    (waiting,) = view["parked"]
    assert (waiting["note"], waiting["pieces"], waiting["total_minor"]) == ("blaue Jacke", 2, 89)
    till.send(f"scan {LEMON}")
    assert till.send("key cash")["total_minor"] == 45
    view = till.send("key park")
    assert (view["state"], view["lines"], view["parked"]) == ("selling", before["lines"], [])
    till.send("key drop")
    assert till.send("key cash")["total_minor"] == 89
    assert cart_kinds(state) == ["cart.parked", "sale", "cart.resumed", "sale"]
    assert "clean" in run_tool("journal", "verify", "--state", str(state))


def test_of_several_one_is_chosen_by_its_number(till: LineTill) -> None:
    for code in (CUCUMBER, LEMON):
        till.send(f"scan {code}")
        till.send("key park")
    assert till.send("key park")["message"]["code"] == "parked-several"
    till.send("3")
    assert till.send("key park")["message"]["code"] == "no-such-parked"
    till.send("2")
    view = till.send("key park")
    assert (view["total_minor"], len(view["parked"])) == (45, 1)


def test_a_note_that_is_too_long_stays_to_be_made_shorter(till: LineTill) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("x" * 41)
    view = till.send("key park")
    assert (view["message"]["code"], view["entry"], view["state"]) == ("note-too-long", "x" * 41, "selling")


def test_parked_sales_outlive_restarts_and_a_rebuild_of_the_views(
    start: Callable[..., LineTill], state: Path
) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("key park")
    till.end()
    (state / "views.db").unlink()
    (state / "state.db").unlink()
    till = start(state)
    assert [cart["total_minor"] for cart in till.sign_in()["parked"]] == [89]
    till.kill()
    till = start(state)
    till.sign_in()
    assert till.send("key park")["total_minor"] == 89
    till.end()
    till = start(state)
    view = till.sign_in()
    assert (view["total_minor"], view["parked"], view["message"]) == (89, [], None)


def test_in_sentences_each_parked_sale_has_its_number(state: Path) -> None:
    typed = f"sign-in Kim {PIN}\nscan {CUCUMBER}\nblaue Jacke\nkey park\nscan {LEMON}\nkey park\nkey park\n"
    done = subprocess.run(
        [sys.executable, "-m", "pos", "till", "--plain", "--state", str(state)],
        input=typed,
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert "1: blaue Jacke, 1 Teil, 0,89." in last
    assert "2: Zitrone" in last


# Ends itself without a word at the first save of the state after a fact of the kind it was told of.
CUT = """
import os, signal, sys
from pos.facts import kind_of
from pos.journal.file_journal import FileJournal
from pos.journal.state import StateStore

kind, after = sys.argv.pop(1), []
append, save = FileJournal.append, StateStore.save_cart

async def append_and_remember(self, facts):
    stored = await append(self, facts)
    after.extend(fact for fact in facts if kind_of(fact)[0] == kind)
    return stored

def save_or_die(self, cart):
    if after:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, cart)

FileJournal.append, StateStore.save_cart = append_and_remember, save_or_die
from pos.cli import main
main()
"""


def cut_after(kind: str, state: Path, *lines: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CUT, kind, "till", "--plain", "--json", "--state", str(state)],
        input="".join(f"{line}\n" for line in (f"sign-in Kim {PIN}", *lines)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_kill_between_the_parking_and_its_clearing_leaves_one_parked_sale(
    start: Callable[..., LineTill], state: Path
) -> None:
    cut_after("cart.parked", state, f"scan {CUCUMBER}", "key help", "key park")
    till = start(state)
    view = till.send("key help")
    assert (view["lines"], len(view["parked"])) == ([], 1)
    till.sign_in()
    assert till.send("key park")["total_minor"] == 89
    assert till.send("key cash")["state"] == "paid"
    till.end()
    assert cart_kinds(state) == ["cart.parked", "cart.resumed", "sale"]
    assert "clean" in run_tool("journal", "verify", "--state", str(state))


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_kill_between_the_resuming_and_its_saving_brings_the_sale_back_from_the_journal(
    start: Callable[..., LineTill], state: Path, rebuild: bool
) -> None:
    cut_after("cart.resumed", state, f"scan {CUCUMBER}", f"scan {LEMON}", "key park", "key park")
    if rebuild:
        (state / "views.db").unlink()
    for _ in range(2):  # it is saved again at once: a second start finds it in the state
        till = start(state)
        view = till.sign_in()
        assert (view["total_minor"], view["parked"]) == (134, [])
        till.kill()
    till = start(state)
    till.sign_in()
    assert till.send("key cash")["total_minor"] == 134
    till.kill()
    till = start(state)
    view = till.sign_in()
    assert (view["state"], view["lines"], view["parked"]) == ("paid", [], [])
    till.end()
    assert cart_kinds(state) == ["cart.parked", "cart.resumed", "sale"]
    assert "clean" in run_tool("journal", "verify", "--state", str(state))


def test_the_hub_keeps_parked_and_resumed_and_counts_only_sales(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        enrol_till(state, db, url)
        till = start(state, "--hub", url)
        till.sign_in()
        for line in (f"scan {CUCUMBER}", "key park", f"scan {LEMON}", "key cash", "key park", "key cash"):
            till.send(line)
        assert not till.end()
    connection = apsw.Connection(str(tmp_path / "hub.db"))
    kinds = [row[0] for row in connection.execute("select kind from fact order by seq")]
    assert kinds[2:] == ["cart.parked", "sale", "cart.resumed", "sale"]
    assert connection.execute("select count(*) from poison").get == 0
    connection.close()
