"""A parked sale goes on at the shop's other till: real tills, a real hub, and a kill between the claim and the next word."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulation.hubs import running_hub
from tests.simulation.line_till import LineTill, make_till, run_tool

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "demo"
CUCUMBER = "2000000000299"  # 0,89
LEMON = "2000000000268"  # 0,45


def another_till(state: Path, folder: Path) -> Path:
    """A till of the same store, with the same articles."""
    other = folder / "other"
    make_till(other, "--till", "k4", "--shop-file", str(DEMO / "shop.toml"))
    shutil.copy(state / "catalogue.db", other / "catalogue.db")
    return other


def enrol(db: str, url: str, state: Path, till: str) -> None:
    code = run_tool("hub", "--db", db, "enrol", "--store", "demo", "--till", till, "--quiet").strip()
    run_tool("enrol", "--state", str(state), "--hub", url, "--code", code)


def until(till: LineTill, holds: Callable[[Any], bool], line: str = "key help") -> Any:
    end = time.monotonic() + 60
    while True:
        view = till.send(line)
        if holds(view):
            return view
        assert time.monotonic() < end, view
        time.sleep(0.1)


def kinds(state: Path) -> list[str]:
    lines = run_tool("journal", "show", "--state", str(state)).splitlines()
    return [fact["kind"] for fact in map(json.loads, lines) if fact["kind"].startswith(("cart", "sale"))]


def test_what_one_till_parks_another_one_sells_once(
    state: Path, start: Callable[..., LineTill], tmp_path: Path
) -> None:
    other = another_till(state, tmp_path)
    with running_hub(tmp_path) as (url, db):
        enrol(db, url, state, "k3")
        enrol(db, url, other, "k4")
        here, there = start(state), start(other)
        for till in (here, there):
            till.sign_in()
        here.send(f"scan {CUCUMBER}")
        here.send(f"scan {LEMON}")
        here.send("blaue Jacke")
        here.send("key park")
        (shown,) = until(there, lambda view: bool(view["parked"]))["parked"]
        assert (shown["till"], shown["note"], shown["total_minor"]) == ("k3", "blaue Jacke", 134)
        view = there.send("key park")
        assert (view["state"], view["total_minor"]) == ("selling", 134)
        there.kill()
        there = start(other)
        assert there.sign_in()["total_minor"] == 134
        assert there.send("key cash")["state"] == "paid"
        until(here, lambda view: not view["parked"])
        assert here.send("key park")["message"]["code"] == "nothing-parked"
        here.send(f"scan {LEMON}")
        here.send("key park")
        until(there, lambda view: bool(view["parked"]))
    time.sleep(0.5)
    view = until(here, lambda view: view["parked"] and view["parked"][0]["away"])
    assert here.send("key park")["message"]["code"] == "parked-no-line"
    assert sorted(kinds(state)) == ["cart.left", "cart.parked", "cart.parked"]
    assert kinds(other) == ["cart.resumed", "sale"]
    for folder in (state, other):
        assert "clean" in run_tool("journal", "verify", "--state", str(folder))
