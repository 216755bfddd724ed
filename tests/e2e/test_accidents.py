"""Accidents and malice at the counter: damaged files, wrong clocks, hostile codes, ends at the wrong moment."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.simulation.line_till import PIN, LineTill, TillDiedError, run_tool

CUCUMBER = "2000000000299"
ROOT = Path(__file__).parents[2]


def sales(state: Path) -> list[dict]:  # type: ignore[type-arg]
    lines = run_tool("journal", "show", "--state", str(state), "--kind", "sale").splitlines()
    return [json.loads(line)["body"] for line in lines]


def test_a_cart_from_an_older_state_file_is_never_paid_a_second_time(
    start: Callable[..., LineTill], state: Path
) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.kill()
    old = [shutil.copy(path, path.with_name("old-" + path.name)) for path in state.glob("state.db*")]
    till = start(state)
    till.sign_in()
    till.send("key cash")
    till.kill()
    for path in state.glob("state.db*"):
        path.unlink()
    for path in map(Path, old):
        path.rename(path.with_name(path.name.removeprefix("old-")))
    (state / "views.db").unlink()
    till = start(state)
    view = till.sign_in()
    assert (view["state"], view["lines"]) == ("paid", [])
    till.send("key cash")
    till.end()
    assert len(sales(state)) == 1


def test_a_cart_that_ended_twice_is_found_by_verify(tmp_path: Path) -> None:
    import asyncio

    from pos.cart_facts import CartAbandoned
    from pos.journal.file_journal import FileJournal
    from pos.journal.reader import verify_journal
    from pos.journal.views import Views
    from pos.journal.writer import create_journal
    from pos.system import SystemClock, ThreadWorker
    from pos.till_facts import EpochOpened

    create_journal(tmp_path / "journal", SystemClock(), EpochOpened("s", "t", "new till", "x"))
    worker = ThreadWorker("w")

    async def write() -> None:
        journal = FileJournal(tmp_path / "journal", Views(tmp_path / "views.db"), SystemClock(), worker)
        await journal.open()
        for _ in range(2):
            await journal.append([CartAbandoned("c1", "2026-11-22", "1", 1, 2, 60, ())])
        await journal.close()

    asyncio.run(write())
    worker.close()
    assert "second time" in verify_journal(tmp_path / "journal").problems[0]


def test_an_over_long_line_is_one_view_and_its_tail_does_nothing(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    for tail in ("key cash", "2000"):
        view = till.send("x" * 8_194 + tail)
        assert (view["message"]["code"], view["entry"], view["state"]) == ("input-too-long", "", "selling")
    assert till.send("x" * 200_000 + "key cash")["state"] == "selling"
    assert till.send("key help")["state"] == "selling"
    assert sales(state) == []


@pytest.mark.parametrize(("find", "put"), [(b'"total_minor":89', b'"total_minor":99'), (b'"B"', b'"C"')])
def test_a_damaged_open_cart_is_not_sold(
    start: Callable[..., LineTill], state: Path, find: bytes, put: bytes
) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.end()
    connection = apsw.Connection(str(state / "state.db"))
    body = connection.execute("select body from cart_line").get
    assert find in body
    connection.execute("update cart_line set body = ?", (body.replace(find, put),))
    connection.close()
    till = start(state)
    view = till.send("key cash")
    assert (view["state"], view["message"]["code"]) == ("stopped", "state-damaged")


@pytest.mark.parametrize("taken", ["state", "journal", "wal"])
def test_a_journal_taken_from_under_a_till_ends_its_selling(
    start: Callable[..., LineTill], state: Path, taken: str
) -> None:
    """SQLite goes on writing into files that nobody will ever find again."""
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("key cash")
    till.send(f"scan {CUCUMBER}")
    if taken == "wal":
        for log in (state / "journal").glob("*-wal"):
            log.unlink()
    else:
        shutil.rmtree(state if taken == "state" else state / "journal")
    for _ in range(3):
        view = till.send("key cash")
        said = view["state"], view["message"]["code"], len(view["lines"])
        assert said == ("stopped", "journal-gone", 1)
        if taken == "wal":
            break  # looking again finds a journal in order, without that sale


def test_a_lock_that_cannot_be_opened_lets_no_till_in(start: Callable[..., LineTill], state: Path) -> None:
    (state / "lock").unlink(missing_ok=True)
    (state / "lock").mkdir()
    with pytest.raises(TillDiedError, match="not known whether another till"):
        start(state)


def test_a_price_that_was_asked_for_brings_deposit_and_age_check_along(
    start: Callable[..., LineTill], fresh_till: Path, tmp_path: Path
) -> None:
    state = Path(shutil.copytree(fresh_till, tmp_path / "asked"))
    (tmp_path / "articles.csv").write_text(
        "gtin,name,price,vat_rate,unit,deposit,min_age,valid_from\n"
        "2000000099996,Starkbier,1.99,19,pc,0.25,16,2099-01-01\n",
        encoding="utf-8",
    )
    run_tool("catalogue", "import", str(tmp_path / "articles.csv"), "--state", str(state))
    till = start(state)
    till.sign_in()
    assert till.send("scan 2000000099996")["message"]["code"] == "price-needed"
    till.send("199")
    view = till.send("key price")
    assert view["question"]["code"] == "age"
    assert view["total_minor"] == 199 + 25
    till.send("1")
    till.send("")
    till.send("key cash")
    till.end()
    (sale,) = sales(state)
    assert [line.get("price_source", "catalogue") for line in sale["lines"]] == ["asked", "catalogue"]


def test_the_limit_of_a_sale_holds_on_every_way_into_it(till: LineTill) -> None:
    for _ in range(11):
        till.send("999*")
        till.send("scan 4006381333931")
        till.send("9999999")
        till.send("key price")
        till.send("5")
        view = till.send("key enter")
        assert view["total_minor"] <= 99_999_999
    assert view["message"]["code"] == "total-over-limit"


def test_a_weight_before_an_unknown_code_stays_a_weight(till: LineTill) -> None:
    till.send("0,842*")
    view = till.send("scan 4006381333931")
    assert view["lines"][0]["quantity"] == 0.842
    till.send("1000")
    till.send("key price")
    till.send("5")
    assert till.send("key enter")["total_minor"] == 842


def test_a_refused_quantity_is_forgotten(till: LineTill) -> None:
    till.send("3*")
    assert till.send("1000*")["message"]["code"] == "quantity-limit"
    assert till.send(f"scan {CUCUMBER}")["lines"][0]["quantity"] == 1


@pytest.mark.parametrize("line", ["scan \x1b[31mX", "key \x1b[2J\x1b]0;x\x07", "scan \x9bX", "scan \u202eX"])
def test_control_characters_never_reach_the_terminal(state: Path, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pos", "till", "--plain", "--state", str(state)],
        input=f"sign-in Kim {PIN}\n{line}\n",
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert all(char.isprintable() or char == "\n" for char in done.stdout), repr(done.stdout)


def test_a_pin_typed_in_the_wrong_place_is_kept_and_shown_nowhere(till: LineTill, state: Path) -> None:
    till.send("key lock")
    till.send(f"sign-in {PIN} Kim")
    assert till.send(f"  sign-in Kim {PIN}")["entry"] == ""
    till.send("key lock")
    assert till.send(f"sign-in\tKim\t{PIN}")["entry"] == ""
    for path in state.rglob("*"):
        if path.is_file():
            assert PIN.encode() not in path.read_bytes(), path


def test_name_and_number_share_their_tries(start: Callable[..., LineTill], state: Path) -> None:
    till = start(state)
    for _ in range(5):
        till.send("sign-in Kim 9999")
    assert till.send(f"sign-in 1 {PIN}")["message"]["code"] == "sign-in-locked"


def test_what_one_operator_typed_is_not_the_next_ones(till: LineTill) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("500")
    till.send("key lock")
    till.sign_in()
    assert till.send("key cash")["change_minor"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_till_that_is_told_to_end_ends_in_order(
    start: Callable[..., LineTill], state: Path, number: signal.Signals
) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till._process.send_signal(number)
    assert till._process.wait(10) == 0
    assert till.end() == ""
    till = start(state)
    assert len(till.sign_in()["lines"]) == 1


def test_a_till_whose_listener_is_gone_ends_by_itself(state: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pos", "till", "--plain", "--json", "--state", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(f"sign-in Kim {PIN}\nscan {CUCUMBER}\nkey cash\n".encode())
    process.stdin.close()
    assert process.wait(20) is not None
    assert process.stderr is not None
    process.stderr.close()
    run_tool("journal", "verify", "--state", str(state))


def test_the_screen_without_a_terminal_says_so(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pos", "till", "--state", str(state)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr


def test_a_backup_replaces_no_device(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pos", "backup", "--state", str(state), str(state / "journal")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode != 0
    assert (state / "journal").is_dir()


@pytest.mark.parametrize(
    "setting",
    ['[shop]\ncountry = "DF"', '[till]\nkeymap = "nope"', '[shop]\nlanguage = "dx"', '[till]\nthme = "x"'],
)
def test_a_wrong_setting_is_a_sentence_with_its_key(state: Path, setting: str) -> None:
    (state / "settings.toml").write_text(setting + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pos", "till", "--plain", "--state", str(state)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "The settings need mending" in done.stderr


def test_operators_that_cannot_be_read_are_a_sentence(start: Callable[..., LineTill], state: Path) -> None:
    (state / "people.db").write_bytes(b"not a database" * 500)
    till = start(state)
    assert till.sign_in()["message"]["code"] == "people-unusable"
