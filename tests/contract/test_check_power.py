"""`tresen check power` finds a medium that lies and accuses no honest one."""

import contextlib
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from pos.check.power import FILE, KEPT, Finding, Medium, PowerRun, look, medium_of, run_of, speed_us
from pos.resources import texts
from pos.system import SystemClock
from tests.simulation.disk import Disk, ram_folder

TRIES = 60


def pull_the_plug(seed: int, *, lying: bool) -> Finding:
    """A run on a disk whose power goes somewhere, and what the command says of it afterwards."""
    chance = random.Random(seed)
    with ram_folder() as place, Disk(place, "card", chance, lying=lying) as disk:
        run = PowerRun(disk.folder, "run", "before")
        disk.cut_after(chance.randint(5, 1_500))
        saw = 0
        with contextlib.suppress(apsw.Error):
            while saw < 10_000:
                saw = run.commit()
        assert disk.dead
        return look(disk.crash(), saw, "after")


def test_an_honest_disk_is_never_accused() -> None:
    found = Counter(pull_the_plug(seed, lying=False).code for seed in range(TRIES))
    assert found["honest"] + found["unseen"] == TRIES
    assert found["honest"] > TRIES * 0.9


def test_a_disk_that_lies_is_found_by_most_cuts() -> None:
    found = Counter(pull_the_plug(seed, lying=True).code for seed in range(TRIES))
    assert found["lies"] + found["nothing"] > TRIES * 0.7


def test_one_record_that_is_missing_or_altered_is_enough(tmp_path: Path) -> None:
    for statement in (
        "delete from record where n = 20",
        "delete from record where n = 7",
        "update record set body = zeroblob(300) where n = 12",
        "delete from run",
        "drop table record",
    ):
        written(tmp_path, 20)
        assert look(tmp_path, 20, "after").code == "honest"
        change(tmp_path, statement)
        assert look(tmp_path, 20, "after").code == "lies", statement
    (tmp_path / FILE).write_bytes(b"x" * 8192)
    assert look(tmp_path, 20, "after").code == "lies"
    (tmp_path / FILE).unlink()
    assert look(tmp_path, 20, "after").code == "nothing"


def test_records_that_nobody_saw_acknowledged_may_be_there_or_not(tmp_path: Path) -> None:
    written(tmp_path, 20)
    assert look(tmp_path, 18, "after") == Finding("honest", "run", 18, 20)
    assert look(tmp_path, 21, "after").missing == 1


def test_old_records_are_dropped_and_not_missed() -> None:
    with ram_folder() as folder:
        written(folder, KEPT + 50)
        assert look(folder, KEPT + 50, "after").code == "honest"
        change(folder, "delete from record where n = 51")  # the oldest that must be there
        assert look(folder, KEPT + 50, "after").missing == 1


def test_what_proves_nothing_is_called_so(tmp_path: Path) -> None:
    written(tmp_path, 5)
    assert look(tmp_path, 0, "after").code == "unseen"
    assert look(tmp_path, 5, "before").code == "running"
    run = PowerRun(tmp_path, "second", "before")
    run.commit()
    run.end()
    assert look(tmp_path, 1, "after").code == "ended"


def test_a_new_run_forgets_the_one_before(tmp_path: Path) -> None:
    written(tmp_path, 30)
    PowerRun(tmp_path, "second", "before").commit()
    assert run_of(tmp_path) == "second"
    assert look(tmp_path, 1, "after") == Finding("honest", "second", 1, 1)


def test_the_short_look_knows_the_device_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert speed_us(tmp_path, SystemClock()) > 0
    assert list(tmp_path.iterdir()) == []
    device = tmp_path / "mmcblk0"
    (device / "queue").mkdir(parents=True)
    (device / "queue" / "write_cache").write_text("write back\n")
    (device / "mmcblk0p2").mkdir()
    blocks = tmp_path / "block"
    blocks.mkdir()
    (blocks / "179:2").symlink_to(device / "mmcblk0p2")
    card = SimpleNamespace(stat=lambda: SimpleNamespace(st_dev=179 << 8 | 2))
    found = medium_of(card, blocks)  # type: ignore[arg-type]
    assert found == Medium("mmcblk0p2", flushed=True)
    assert found.plausible_us == 300
    assert Medium("nvme0n1", flushed=True).plausible_us == 0
    (device / "queue" / "write_cache").write_text("write through\n")
    assert medium_of(card, blocks) == Medium("mmcblk0p2", flushed=False)  # type: ignore[arg-type]
    assert medium_of(tmp_path, tmp_path / "nothing") is None


@pytest.fixture
def witness() -> Iterator[str]:
    """A witness on this machine; its address."""
    process = tresen("--listen", "127.0.0.1:0")
    try:
        assert process.stdout is not None
        port = re.search(r"port (\d+)", process.stdout.readline())
        assert port is not None
        yield f"127.0.0.1:{port[1]}"
    finally:
        process.kill()
        process.communicate()


def test_through_the_commands_with_a_witness(tmp_path: Path, witness: str) -> None:
    run = tresen("--state", str(tmp_path), "--witness", witness)
    assert run.stdout is not None
    assert "pull the plug" in run.stdout.readline()
    until_written(tmp_path, 30)
    run.kill()
    run.communicate()
    code, said = result(tmp_path, "--witness", witness)
    assert (code, "was not off since" in said) == (2, True)
    change(tmp_path, "update run set boot_id = 'another'")
    code, said = result(tmp_path, "--witness", witness)
    assert (code, "Nothing was lost" in said) == (0, True)
    saw = re.search(r"up to number (\d+)", said)
    assert saw is not None
    assert int(saw[1]) >= 30
    change(tmp_path, f"delete from record where n = {saw[1]}")
    code, said = result(tmp_path, "--witness", witness)
    assert (code, "THIS MEDIUM LIES" in said) == (1, True)
    code, said = result(tmp_path, "--witness", witness, "--language", "de")
    assert (code, "DIESES MEDIUM LÜGT" in said) == (1, True)


def test_through_the_commands_with_a_screen(tmp_path: Path) -> None:
    run = tresen("--state", str(tmp_path), "--screen")
    assert run.stdout is not None
    run.stdout.readline()
    seen = [int(run.stdout.readline()) for _ in range(20)]
    assert seen == list(range(1, 21))
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=20)
    assert "says nothing" in said
    code, said = result(tmp_path, "--saw", "20")
    assert (code, "Ended by hand" in said) == (2, True)


def test_without_options_it_says_how_fast_the_medium_is_and_how_to_know_more(tmp_path: Path) -> None:
    done = tresen("--state", str(tmp_path))
    said, errors = done.communicate(timeout=30)
    assert (done.returncode, errors) == (0, "")
    assert "One commit takes" in said
    assert "pull the plug" in said


@pytest.mark.parametrize(
    "arguments",
    [("--result",), ("--witness", "nowhere"), ("--listen", "port"), ("--witness", "127.0.0.1:1")],
)
def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tresen("--state", str(tmp_path), *arguments)
    _, errors = done.communicate(timeout=30)
    assert done.returncode in {1, 2}
    assert "Error: " in errors
    assert "Traceback" not in errors


def test_every_finding_has_its_sentence_in_both_languages() -> None:
    for language in ("de", "en"):
        words = texts(language)
        for code in ("honest", "lies", "nothing", "unseen", "running", "ended"):
            assert words(f"power.{code}", saw=5, last=6, missing=1) != f"power.{code}"


def written(folder: Path, count: int) -> None:
    run = PowerRun(folder, "run", "before")
    for _ in range(count):
        run.commit()
    run._connection.close()


def change(folder: Path, statement: str) -> None:
    connection = apsw.Connection(str(folder / FILE))
    connection.execute(statement)
    connection.close()


def until_written(folder: Path, number: int) -> None:
    connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        while (connection.execute("select max(n) from record").get or 0) < number:
            pass
    finally:
        connection.close()


def result(folder: Path, *arguments: str) -> tuple[int, str]:
    done = tresen("--state", str(folder), "--result", *arguments)
    said, errors = done.communicate(timeout=30)
    assert errors == ""
    return done.returncode, said


def tresen(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pos", "check", "power", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
    )
