"""Real processes under faults: the slice with fixed seeds of the phase `processes` of `make simulate`."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.hub.database import open_engine
from tests.simulation.baskets import BasketRun, load_codes
from tests.simulation.hubs import enrol_till, running_hub
from tests.simulation.prepared import Program, prepared_program
from tests.simulation.processes import Victims, process_kills, wait_until_drained
from tests.simulation.steady import DEMO_CATALOGUE


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with prepared_program() as prepared:
        yield prepared


@pytest.mark.simulation
def test_journal_and_hub_are_the_same_byte_by_byte_after_20_kills_of_tills_relay_hub_and_postgresql(
    tmp_path: Path, program: Program
) -> None:
    found = process_kills(11, 20, tmp_path, program=program)
    assert found["kills_of"] == {"hub": 3, "postgresql": 3, "relay": 2, "till": 12}
    assert found["line_faults"] > 0
    assert found["facts"] > found["sales"] >= 20


def test_every_twenty_kills_fall_on_every_kind_of_victim() -> None:
    assert list(Victims(5, 60)) == list(Victims(5, 60))
    assert list(Victims(5, 60)) != list(Victims(6, 60))
    for start in (0, 20, 40):
        hand = list(Victims(5, 60))[start : start + 20]
        assert {victim: hand.count(victim) for victim in Victims.SHARES} == Victims.SHARES


def test_the_comparison_finds_what_is_missing_altered_or_too_much(
    state: Path, tmp_path: Path, program: Program
) -> None:
    """Of the check itself: it must fail where a fact is."""
    with running_hub(tmp_path, program) as (url, db):
        enrol_till(state, db, url)
        codes = load_codes(DEMO_CATALOGUE, 100, 1)
        till = BasketRun(state, codes, seed=1, till_options=("--hub", url), program=program)
        till.run(3, 0)
        till.compare_with_journal()
        till.start()  # what was not sent before it closed
        engine = open_engine(db)
        assert wait_until_drained(engine, [state]) >= 3
        engine.dispose()
        till.end()
    with pytest.raises(AssertionError):
        damaged(db, "update fact set body = body || ' ' where seq = 3", state)
    with pytest.raises(AssertionError):
        damaged(db, "delete from fact where seq = 3", state)
    with pytest.raises(AssertionError):
        damaged(db, "insert into fact select store, 'k9', epoch, seq, kind, version, wall_ms, mono_ms, boot_id,"
                " body, hash, received_ms from fact where seq = 3", state)  # fmt: skip
    till.sold.pop()
    with pytest.raises(AssertionError):
        till.compare_with_journal()


def damaged(db: str, statement: str, state: Path) -> None:
    """Compare with a copy of the hub's database to which this was done."""
    original = sqlite3.connect(db.removeprefix("sqlite:///"))
    copy = sqlite3.connect(state / "copy.db")
    original.backup(copy)
    for (name,) in copy.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        copy.execute(f"drop trigger {name}")
    assert copy.execute(statement).rowcount > 0
    copy.commit()
    copy.close()
    original.close()
    engine = open_engine(f"sqlite:///{state / 'copy.db'}")
    try:
        wait_until_drained(engine, [state])
    finally:
        engine.dispose()
        (state / "copy.db").unlink()
