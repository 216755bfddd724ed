"""`make simulate` keeps what it found, goes on where it was stopped, and names what failed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulation.phases import PHASES
from tests.simulation.prepared import ROOT
from tests.simulation.runner import Runner, add_up

TOY = """
import os, pathlib, sys, time
from tests.simulation import __main__ as simulation
from tests.simulation.phases import PHASES, Phase

def run(seed, count, folder, progress):
    with open(pathlib.Path(folder).parents[1] / "ran", "a") as ran:
        ran.write(f"{seed} {count}\\n")
    if os.environ.get("TOY_FAILS") == str(seed):
        raise AssertionError("a sale is missing")
    for done in range(count):
        progress(done)
        if os.environ.get("TOY_WAITS"):
            time.sleep(60)
    return {"sales": count * 10, "longest_max": seed}

PHASES["toy"] = Phase("toy", "toys", "seeds", 10, 4, run, {"sales": 100})
if __name__ == "__main__":
    sys.exit(simulation.main([sys.executable, __file__]))
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    script = tmp_path / "toy.py"
    script.write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return [sys.executable, str(script)]


def run_toy(toy: list[str], folder: Path) -> bool:
    namespace: dict[str, object] = {"__name__": "toy"}
    exec(Path(toy[1]).read_text(), namespace)
    try:
        return Runner(folder, jobs=2, scale=1.0, seed=100, program=toy).run([PHASES["toy"]])
    finally:
        del PHASES["toy"]


def blocks_run(folder: Path) -> list[str]:
    ran = (folder / "ran").read_text().splitlines()
    (folder / "ran").unlink()
    return sorted(ran)


def running_processes() -> list[str]:
    asked = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return asked.stdout.splitlines()


def report(folder: Path) -> dict[str, object]:
    phases: dict[str, dict[str, object]] = json.loads((folder / "report.json").read_text())["phases"]
    return phases["toy"]


def test_blocks_are_added_up_and_not_done_again(toy: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "simulation"
    assert run_toy(toy, folder)
    assert blocks_run(folder) == ["100 4", "104 4", "108 2"]
    assert report(folder)["figures"] == {"sales": 100, "longest_max": 108}
    assert report(folder)["met"] is True
    assert run_toy(toy, folder)
    assert not (folder / "ran").exists()
    assert not list((folder / "work").iterdir())


def test_a_block_that_fails_names_the_command_that_repeats_it(
    toy: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "simulation"
    monkeypatch.setenv("TOY_FAILS", "104")
    assert not run_toy(toy, folder)
    said = capsys.readouterr().err
    assert "AssertionError: a sale is missing" in said
    assert "python -m tests.simulation --block toy 104 4" in said
    assert report(folder)["blocks_failed"] == [104]
    assert report(folder)["met"] is False
    blocks_run(folder)
    monkeypatch.delenv("TOY_FAILS")
    assert run_toy(toy, folder)
    assert blocks_run(folder) == ["104 4"]


def test_what_other_code_found_does_not_count(toy: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "simulation"
    run_toy(toy, folder)
    blocks_run(folder)
    path = folder / "blocks" / "toy" / "104-4.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "code": "another"}))
    run_toy(toy, folder)
    assert blocks_run(folder) == ["104 4"]


def test_ctrl_c_leaves_no_process_and_the_next_run_goes_on(
    toy: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "simulation"
    monkeypatch.setenv("TOY_WAITS", "1")
    runner = subprocess.Popen(
        [*toy, "--only", "toy", "--folder", str(folder), "--jobs", "2", "--seed", "100"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        end = time.monotonic() + 30
        while not (folder / "ran").exists() or len((folder / "ran").read_text().splitlines()) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        runner.send_signal(signal.SIGINT)
        said, _ = runner.communicate(timeout=30)
    finally:
        runner.kill()
        runner.communicate()
    assert runner.returncode == 130
    assert "run it again and it goes on" in said
    assert not [line for line in running_processes() if toy[1] in line]
    assert blocks_run(folder) == ["100 4", "104 4"]
    monkeypatch.delenv("TOY_WAITS")
    assert run_toy(toy, folder)
    assert blocks_run(folder) == ["100 4", "104 4", "108 2"]


def test_each_phase_can_be_tried_small() -> None:
    for phase in PHASES.values():
        whole = phase.blocks(1, 1.0)
        assert sum(block.count for block in whole) == phase.volume
        assert len({block.seed for block in whole}) == len(whole)
        assert sum(block.count for block in phase.blocks(1, 0.001)) == max(1, round(phase.volume * 0.001))


def test_sums_go_into_tables_and_keep_the_largest() -> None:
    assert add_up([{"a": 1, "b": {"x": 2}, "c_max": 5}, {"a": 2, "b": {"x": 1, "y": 7}, "c_max": 3}]) == {
        "a": 3,
        "b": {"x": 3, "y": 7},
        "c_max": 5,
    }


def test_what_is_gone_through_in_full_has_each_case_once() -> None:
    from tests.simulation.kill_matrix import ACTS, FAILING
    from tests.simulation.mutations import MUTATIONS
    from tests.simulation.syscall_faults import FAULTS

    for name, cases in (
        ("matrix", len(ACTS)),
        ("calls", 3 * len(FAILING)),
        ("faults", len(FAULTS)),
        ("mutations", len(MUTATIONS)),
    ):
        assert PHASES[name].volume == cases
        assert {block.seed % cases for block in PHASES[name].blocks(20_261_122, 1.0)} == set(range(cases))
