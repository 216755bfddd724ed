"""A till that comes back from its backup, a card that outlived its till: with a real hub, by the documented commands."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pos.journal.reader import iterate
from sync.hub.database import open_engine
from sync.hub.stored import read_facts
from tests.simulation.hubs import enrol_till, running_hub
from tests.simulation.line_till import LineTill, run_tool

CUCUMBER = "2000000000299"


def sell(till: LineTill, count: int) -> None:
    for _ in range(count):
        till.send(f"scan {CUCUMBER}")
        assert till.send("key cash")["state"] == "paid"


def until(till: LineTill, holds: Callable[[dict], bool]) -> dict:  # type: ignore[type-arg]
    end = time.monotonic() + 60
    while True:
        view = till.send("key help")
        if holds(view):
            return view
        assert time.monotonic() < end, view
        time.sleep(0.1)


def at_hub(db: str, store: str, till: str) -> list[tuple[int, int, bytes]]:
    engine = open_engine(db)
    with engine.connect() as connection:
        found = [
            (fact.epoch, fact.seq, fact.hash)
            for epoch in range(1, 5)
            for fact in read_facts(connection, store, till, epoch=epoch, after_seq=0, limit=1000)
        ]
    engine.dispose()
    return found


def in_journal(state: Path) -> list[tuple[int, int, bytes]]:
    return [(fact.epoch, fact.seq, fact.hash) for fact in iterate(state / "journal")]


@pytest.mark.parametrize("more", [0, 4])
def test_a_restored_till_waits_for_the_hub_and_then_sells_under_new_numbers(
    start: Callable[..., LineTill], state: Path, tmp_path: Path, more: int
) -> None:
    """`more`: sales after the backup, which only the hub and the lost disk know."""
    with running_hub(tmp_path) as (url, db):
        enrol_till(state, db, url)
        till = start(state, "--hub", url)
        till.sign_in()
        sell(till, 3)
        run_tool("backup", "--state", str(state), str(tmp_path / "till.backup"))
        sell(till, more)
        until(till, lambda view: view["unsent"] == 0)
        till.end()
        lost = in_journal(state)

        new = tmp_path / "new"
        run_tool("restore", "--state", str(new), str(tmp_path / "till.backup"))
        alone = start(new)
        assert alone.sign_in()["message"]["code"] == "till-restored"
        assert alone.send(f"scan {CUCUMBER}")["lines"] == []
        alone.end()
        till = start(new, "--hub", url)
        until(till, lambda view: view["state"] == "signed-out")
        till.sign_in()
        sell(till, 2)
        until(till, lambda view: view["unsent"] == 0)
        till.end()
    assert "clean" in run_tool("journal", "verify", "--state", str(new))
    mine = in_journal(new)
    assert [epoch for epoch, _, _ in mine][-3:] == [2, 2, 2]  # its beginning and two sales
    held = at_hub(db, "demo", "k3")
    assert held == lost + [fact for fact in mine if fact[0] == 2]
    assert mine[-3][1] == lost[-1][1] + 1


def test_a_card_that_outlived_its_till_is_rescued_by_the_command(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        enrol_till(state, db, url)
        till = start(state, "--hub", url)
        till.sign_in()
        sell(till, 2)
        until(till, lambda view: view["unsent"] == 0)
        till.end()
        identity = state / "keys" / "identity.json"
        hidden = identity.rename(identity.with_name("hidden"))
        till = start(state)
        till.sign_in()
        sell(till, 3)
        till.kill()
        hidden.rename(identity)
        card = tmp_path / "card" / "var" / "lib" / "tresen"
        card.parent.mkdir(parents=True)
        state.rename(card)
        said = run_tool("journal", "rescue", str(tmp_path / "card"), "--state", str(tmp_path / "none"))
        assert "5 sales" in said
        assert "3 sales rescued, 2 were already there" in said
        said = run_tool("journal", "rescue", str(card), "--state", str(tmp_path / "none"))
        assert "0 sales rescued, 5 were already there" in said
        assert at_hub(db, "demo", "k3") == in_journal(card)
        (tmp_path / "empty").mkdir()
        with pytest.raises(RuntimeError, match="There is no journal"):
            run_tool("journal", "rescue", str(tmp_path / "empty"), "--state", str(card))
