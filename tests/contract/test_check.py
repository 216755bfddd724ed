"""`tresen check` from outside: what a technician reads, and the exit code a script reads."""

import contextlib
import fcntl
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import apsw
import pytest

from pos.check import program, store
from pos.check.report import Finding, can_sell, table
from pos.check.surroundings import check_clock
from pos.journal.lock import StateFolderLock
from pos.journal.segment import segment_files
from pos.settings import load_settings, write_settings
from pos.system import SystemClock

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 3.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    made = _tresen("init", "--state", str(folder), "--operator", "Anna", typed="2468\n")
    assert made.returncode == 0, made.stderr
    return folder


def test_a_fresh_till_can_sell(state: Path) -> None:
    done = _tresen("check", "--state", str(state))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "The till can sell." in done.stdout
    assert "-> Import them: tresen catalogue import FILE" in done.stdout


def test_articles_that_were_imported_are_counted_and_compared(state: Path) -> None:
    rows = str(ROOT / "config" / "demo" / "articles.csv")
    assert _tresen("catalogue", "import", rows, "--state", str(state)).returncode == 0
    done = _tresen("check", "--state", str(state), "--json")
    (articles,) = [one for one in json.loads(done.stdout)["findings"] if one["what"] == "Articles"]
    assert (articles["state"], articles["found"].partition(",")[0]) == ("ok", "318 articles")


def test_each_finding_is_there_as_json(state: Path) -> None:
    done = _tresen("check", "--state", str(state), "--json")
    answer = json.loads(done.stdout)
    assert answer["can_sell"] is True
    states = {finding["what"]: finding["state"] for finding in answer["findings"]}
    assert states["Journal"] == states["Operators"] == states["Settings"] == states["SQLite in apsw"] == "ok"
    assert states["Articles"] == states["Shop on the receipt"] == "missing"
    assert states["Hub"] == states["Receipt printer"] == states["Scanner"] == states["Running till"] == "off"
    assert {finding["state"] for finding in answer["findings"]} <= {"ok", "missing", "wrong", "off"}
    assert all(finding["to_do"] for finding in answer["findings"] if finding["state"] in {"missing", "wrong"})


def test_looking_changes_nothing(state: Path) -> None:
    before = _contents(state)
    assert _tresen("check", "--state", str(state)).returncode == 0
    assert _contents(state) == before


def test_without_a_till_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = _tresen("check", "--state", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert f"tresen init --state {tmp_path / 'nowhere'}" in done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_journal_means_no_selling(state: Path) -> None:
    path = segment_files(state / "journal")[-1]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("drop trigger fact_keep")
        connection.execute("update fact set body = cast(body || x'20' as blob) where seq = 1")
        connection.commit()
    found = _findings(state, exit_code=1)
    assert found["Journal"]["state"] == "wrong"
    assert "fact 1 is not what was written" in found["Journal"]["found"]


def test_a_journal_of_garbage_means_no_selling(state: Path) -> None:
    segment_files(state / "journal")[-1].write_bytes(b"not a database" * 1000)
    assert _findings(state, exit_code=1)["Journal"]["state"] == "wrong"


def test_a_till_without_operators_cannot_sell(state: Path) -> None:
    with contextlib.closing(apsw.Connection(str(state / "people.db"))) as people:
        people.execute("update operator set active = 0")
    assert _findings(state, exit_code=1)["Operators"]["state"] == "missing"


def test_wrong_settings_are_all_named(state: Path) -> None:
    (state / "settings.toml").write_text("[shop]\nnam = 'x'\n[hub]\nurl = 7\n")
    found = _findings(state, exit_code=1)["Settings"]
    assert "did you mean name?" in found["found"]
    assert "hub.url must be str" in found["found"]


def test_a_folder_open_to_others_is_pointed_out_and_sells(state: Path) -> None:
    state.chmod(0o755)
    assert _findings(state)["State folder"]["state"] == "wrong"


def test_a_running_till_is_named_and_not_disturbed(state: Path) -> None:
    with StateFolderLock(state):
        found = _findings(state)["Running till"]
        assert (found["state"], found["found"]) == ("ok", f"process {os.getpid()}")
    with (state / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more


def test_everything_missing_is_told_within_three_seconds(state: Path) -> None:
    """A printer and a hub that take the connection and say nothing are the slowest there are."""
    with _silent() as port, _full() as full_port:
        _set(
            state,
            devices={
                "printer": f"tcp://127.0.0.1:{full_port}",
                "printer_other": "usb:dead:beef",
                "scanner": ["evdev:/dev/input/by-id/none", "serial:/dev/ttyUSB99", "evdev:dead:beef"],
            },
            hub={"url": f"http://127.0.0.1:{port}"},
        )
        began = time.monotonic()
        found = _findings(state)
        assert time.monotonic() - began < SECONDS_MAX
    for what in ("Receipt printer", "Other printer", "Scanner 1", "Scanner 2", "Scanner 3", "Hub"):
        assert found[what]["state"] == "missing", found[what]
        assert found[what]["to_do"]


def test_devices_that_are_there_are_ok_and_get_no_byte(state: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scans")
    with socket.create_server(("127.0.0.1", 0)) as printer:
        printer.settimeout(5)
        _set(
            state,
            devices={
                "printer": f"tcp://127.0.0.1:{printer.getsockname()[1]}",
                "printer_other": f"file:{tmp_path / 'paper.bin'}",
                "scanner": [f"fifo:{tmp_path / 'scans'}"],
            },
        )
        found = _findings(state)
        line, _ = printer.accept()
        with line:
            line.settimeout(5)
            assert line.recv(100) == b""
    assert [found[what]["state"] for what in ("Receipt printer", "Other printer", "Scanner")] == ["ok"] * 3
    assert not (tmp_path / "paper.bin").exists()


def test_addresses_that_make_no_sense_are_wrong(state: Path) -> None:
    _set(state, devices={"printer": "lpt1", "scanner": ["usb"]}, hub={"url": "shop.example"})
    found = _findings(state)
    assert [found[what]["state"] for what in ("Receipt printer", "Scanner", "Hub")] == ["wrong"] * 3


@pytest.mark.parametrize(("status", "expected"), [(200, "missing"), (403, "wrong"), (503, "wrong")])
def test_the_hub_of_a_till_that_is_not_enrolled_is_asked_for_its_health(
    state: Path, status: int, expected: str
) -> None:
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        _set(state, hub={"url": f"http://127.0.0.1:{server.server_port}"})
        assert _findings(state)["Hub"]["state"] == expected
        thread.join(5)
    assert asked == ["/v1/health"]


def test_a_clock_before_the_last_fact_is_wrong() -> None:
    clock = SystemClock()
    assert check_clock(clock, clock.wall_ms() - 1000).state == "ok"
    late = check_clock(clock, clock.wall_ms() + 86_400_000)
    assert late.state == "wrong"
    assert "before the last fact" in late.found
    assert not late.vital


def test_little_room_on_the_disk_is_pointed_out(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_FREE_MINIMUM_BYTES", 1 << 60)
    short = store._free_space(state)
    assert (short.state, short.vital) == ("wrong", False)


def test_another_owner_of_our_names_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "packages_distributions", lambda: {"config": ["Config"], "pos": ["tresen"]})
    (stranger,) = program._strangers()
    assert (stranger.what, stranger.state) == ("Package config", "wrong")
    assert "pip uninstall Config" in stranger.to_do


def test_a_library_that_is_missing_says_how_to_get_it() -> None:
    found = program._library(program._Library("no_such_module", "no-such", "nothing", vital=True))
    assert (found.state, found.vital) == ("missing", True)
    assert "tresen[till]" in found.to_do
    assert not can_sell([found])


def test_several_lines_stay_in_their_column() -> None:
    rows = table([Finding("Till", "Settings", "wrong", "one\ntwo", "mend")]).splitlines()
    assert rows[2].index("two") == rows[1].replace("\x1b[31m", "").replace("\x1b[0m", "").index("one")


def _tresen(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("TRESEN_")}
    return subprocess.run(
        [sys.executable, "-m", "pos", *words],
        cwd=ROOT,
        env=surroundings,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _findings(state: Path, *, exit_code: int = 0) -> dict[str, dict[str, Any]]:
    done = _tresen("check", "--state", str(state), "--json")
    assert done.returncode == exit_code, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["can_sell"] is (exit_code == 0)
    return {finding["what"]: finding for finding in answer["findings"]}


def _set(state: Path, **tables: dict[str, Any]) -> None:
    write_settings(state / "settings.toml", tables)
    load_settings(state)


def _contents(folder: Path) -> dict[str, bytes]:
    """File by file; an empty -wal and its -shm are what SQLite needs for reading, and hold nothing."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.stat().st_size}


@contextlib.contextmanager
def _silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def _full() -> Iterator[int]:
    """A port whose queue is full: a connection to it is neither made nor refused."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_sales_on_one_medium_only_are_said_and_a_copy_on_the_same_one_is_none(state: Path) -> None:
    assert _findings(state)["Second copy"]["state"] == "missing"
    (state / "copy").mkdir()
    write_settings(state / "settings.toml", {"till": {"second_copy": str(state / "copy")}})
    found = _findings(state)["Second copy"]
    assert (found["state"], found["found"]) == ("wrong", f"{state / 'copy'}: same-medium")
    write_settings(state / "settings.toml", {"till": {"second_copy": "/nowhere/at/all"}})
    assert _findings(state)["Second copy"]["found"] == "/nowhere/at/all: absent"


def test_a_till_that_waits_for_new_numbers_cannot_sell(state: Path, tmp_path: Path) -> None:
    made = _tresen("backup", "--state", str(state), str(tmp_path / "b"))
    assert made.returncode == 0, made.stderr
    new = tmp_path / "new"
    assert _tresen("restore", "--state", str(new), str(tmp_path / "b")).returncode == 0
    found = _findings(new, exit_code=1)["Numbers"]
    assert (found["state"], found["vital"]) == ("wrong", True)
    assert "tresen epoch --alone" in found["to_do"]
    alone = ("epoch", "--alone", "--state", str(new), "--operator", "Anna", "--reason", "test")
    assert _tresen(*alone, typed="2468\n").returncode == 0
    assert "Numbers" not in _findings(new)
