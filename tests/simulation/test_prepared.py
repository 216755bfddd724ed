"""What is forked from a prepared interpreter is a process like any other: streams, code, signals, end."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.line_till import PIN, LineTill
from tests.simulation.prepared import Program, fresh, prepared_program, run


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with prepared_program() as prepared:
        yield prepared


def test_says_what_one_that_was_started_anew_says(program: Program) -> None:
    for arguments in (["--version"], ["journal", "verify", "--help"]):
        assert run(program, *arguments) == run(fresh, *arguments)


def test_a_failing_tool_is_an_error_with_what_it_said(program: Program) -> None:
    with pytest.raises(
        RuntimeError, match=r"tresen journal nothing: 2\n(.*\n)*Error: No such command 'nothing'"
    ):
        run(program, "journal", "nothing")


def test_a_till_sells_ends_and_is_killed(program: Program, tmp_path: Path) -> None:
    state = tmp_path / "till"
    run(program, "init", "--state", str(state), "--operator", "Kim", stdin=f"{PIN}\n")
    till = LineTill(state, program=program)
    assert till.sign_in()["state"] == "ready"
    assert till.end() == ""
    till = LineTill(state, program=program)
    till.sign_in()
    assert (Path(f"/proc/{till.pid}/status")).exists()
    till.kill()
    assert not (Path(f"/proc/{till.pid}/status")).exists()
    assert json.loads(run(program, "journal", "verify", "--json", "--state", str(state)))["problems"] == []


def test_the_code_of_a_signal_is_told(program: Program, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        hub = program(
            ["hub", "--db", f"sqlite:///{tmp_path / 'hub.db'}", "--port", "0"],
            (subprocess.DEVNULL, subprocess.PIPE, log.fileno()),
        )
    assert hub.stdout is not None
    assert hub.stdout.readline().startswith(b"hub ready on ")
    with pytest.raises(subprocess.TimeoutExpired):
        hub.wait(0.01)
    assert hub.poll() is None
    hub.kill()
    assert hub.wait() == hub.poll() == -signal.SIGKILL
    hub.stdout.close()
