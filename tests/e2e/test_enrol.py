"""Enrolling as a shop does it: a code at the hub, a command at the till, real processes on both sides."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pos.enrol import journal_end, redeem
from sync.begun import unfinished
from sync.identity import identity_file, load_identity
from tests.simulation.hubs import running_hub
from tests.simulation.line_till import LineTill
from tests.simulation.prepared import attempt, usual

ROOT = Path(__file__).parents[2]
CUCUMBER = "2000000000299"
PIN = "4711"


def tresen(*arguments: str, stdin: str = "") -> tuple[int, str]:
    code, said, errors = attempt(usual, *arguments, stdin=stdin)
    return code, said + errors


def code_of(db: str, state: Path, *options: str) -> str:
    journal = journal_end(state)
    assert journal is not None
    return code_for(db, journal.store, journal.till, *options)


def code_for(db: str, store: str, till: str, *options: str) -> str:
    status, said = tresen("hub", "--db", db, "enrol", "--store", store, "--till", till, "--quiet", *options)
    assert status == 0, said
    return said.strip()


def sell(till: LineTill, count: int) -> None:
    for _ in range(count):
        till.send(f"scan {CUCUMBER}")
        assert till.send("key cash")["state"] == "paid"


def until(what: str, holds: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def plain(state: Path, *lines: str) -> str:
    """What line mode says in sentences, from the moment when the till has heard from its hub."""
    till = subprocess.Popen(
        [sys.executable, "-m", "pos", "till", "--plain", "--state", str(state)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert till.stdin is not None
    assert till.stdout is not None
    with till:
        said = till.stdout.readline()
        for line in lines:
            end = time.monotonic() + 40
            while time.monotonic() < end:
                till.stdin.write(f"{line}\n")
                till.stdin.flush()
                answer = till.stdout.readline()
                said += answer
                if "ersetzt" in said:
                    break
                time.sleep(0.2)
        till.stdin.close()
        return said + till.stdout.read()


def receipts(state: Path) -> list[tuple[int, int]]:
    """Epoch and number of each sale in a till's journal."""
    _, said = tresen("journal", "show", "--state", str(state), "--kind", "sale")
    facts = [json.loads(line) for line in said.splitlines()]
    return [(fact["epoch"], fact["body"]["number"]) for fact in facts]


def test_a_till_that_is_not_enrolled_sells_says_so_and_goes_online_as_soon_as_it_is(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        till = start(state, "--hub", url)
        till.sign_in()
        sell(till, 2)
        assert any(event.get("problem") == "not-enrolled" for event in till.events), till.events
        assert till.send("key help")["unsent"] == 2
        status, said = tresen("enrol", "--state", str(state), "--hub", url, "--code", code_of(db, state))
        assert status == 0, said
        assert "is enrolled at" in said
        until("the sales do not reach the hub", lambda: till.send("key help")["unsent"] == 0)
        till.end()
    status, said = tresen("hub", "--db", db, "machines")
    assert (status, said.count("active"), said.count(" till ")) == (0, 1, 1)


def test_what_does_not_fit_is_a_sentence(state: Path, tmp_path: Path) -> None:
    here = ("enrol", "--state", str(state))
    with running_hub(tmp_path) as (url, db):
        journal = journal_end(state)
        assert journal is not None
        for arguments, sentence in (
            (("--hub", url, "--code", code_for(db, journal.store, "other")), "The code is for till other"),
            (("--hub", url, "--code", "ABCD-EFGH"), "This is no code"),
            (("--hub", url, "--code", "ABCD-EFGH-JKMN-PQRS-TVWX"), "The hub refuses: The code is wrong."),
            (
                ("--hub", "http://127.0.0.1:9", "--code", "0" * 20),
                "The hub does not answer at http://127.0.0.1:9",
            ),
            (("--hub", url), "name the hub and the code"),
            (("--new-key",), "is not enrolled yet"),
            (("--relay-url", url), "is not enrolled yet"),
        ):
            status, said = tresen(*here, *arguments)
            assert status != 0
            assert sentence in said, (arguments, said)
            assert "Traceback" not in said
        fresh = ("enrol", "--state", str(tmp_path / "fresh"), "--hub", url)
        status, said = tresen(*fresh, "--code", code_for(db, "demo", "9"))
        assert "name its first operator with --operator" in said
        status, said = tresen(*fresh, "--code", code_for(db, "demo", "9"), "--operator", "Kim", stdin="1\n")
        assert "A PIN has" in said
    assert not identity_file(state).exists()
    assert not (tmp_path / "fresh" / "journal").exists()


def test_a_fresh_machine_takes_a_lost_tills_place_and_uses_no_number_again(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    with running_hub(tmp_path) as (url, db):
        assert tresen("enrol", "--state", str(state), "--hub", url, "--code", code_of(db, state))[0] == 0
        old = start(state)
        old.sign_in()
        sell(old, 3)
        until("the sales do not reach the hub", lambda: old.send("key help")["unsent"] == 0)
        lost = journal_end(state)
        assert lost is not None
        old.kill()

        status, said = tresen(
            "enrol", "--state", str(new), "--hub", url, "--code", code_of(db, state, "--replace"),
            "--operator", "Kim", stdin=f"{PIN}\n",
        )  # fmt: skip
        assert status == 0, said
        assert f"Till {lost.till} of store {lost.store} is ready" in said
        begun = journal_end(new)
        assert begun is not None
        assert (begun.till, begun.epoch, begun.last_seq) == (lost.till, lost.epoch + 1, lost.last_seq + 1)
        shutil.copy(state / "catalogue.db", new / "catalogue.db")
        till = start(new)
        till.send(f"sign-in Kim {PIN}")
        sell(till, 2)
        until("the new machine's sales do not reach the hub", lambda: till.send("key help")["unsent"] == 0)
        till.end()

        for _ in range(2):
            again = start(state)  # the lost machine turns up
            until("it is not told", lambda again=again: _told(again, "replaced"))  # type: ignore[misc]
            again.end()
        said = plain(state, "key help", "key help")
        assert said.count("wurde durch ein anderes Gerät ersetzt") == 1, said
        status, said = tresen("hub", "--db", db, "exceptions")
        assert said.count(" replaced: ") == 1, said
    assert receipts(state) == [(1, 1), (1, 2), (1, 3)]
    assert receipts(new) == [(2, 1), (2, 2)]
    status, said = tresen("hub", "--db", db, "machines")
    assert (said.count("retired after epoch 1"), said.count("active")) == (1, 1)
    assert tresen("journal", "verify", "--state", str(new))[0] == 0


def test_a_till_changes_its_key_and_goes_on(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        assert tresen("enrol", "--state", str(state), "--hub", url, "--code", code_of(db, state))[0] == 0
        before = load_identity(identity_file(state))
        status, said = tresen("enrol", "--state", str(state), "--new-key")
        assert (status, "the old one holds until" in said) == (0, True), said
        after = load_identity(identity_file(state))
        assert before is not None
        assert after is not None
        assert before.key.key_id != after.key.key_id
        till = start(state)
        till.sign_in()
        sell(till, 1)
        until("the sale does not reach the hub", lambda: till.send("key help")["unsent"] == 0)
        till.end()


def test_a_revoked_till_is_told_and_its_sales_wait_for_a_person(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        assert tresen("enrol", "--state", str(state), "--hub", url, "--code", code_of(db, state))[0] == 0
        journal = journal_end(state)
        assert journal is not None
        till = start(state)
        till.sign_in()
        sell(till, 1)
        until("the sale does not reach the hub", lambda: till.send("key help")["unsent"] == 0)
        named = ("--db", db, "--store", journal.store, "--till", journal.till)
        status, said = tresen("hub", "revoke", *named)
        assert (status, "1 of" in said) == (0, True), said
        sell(till, 2)
        until("the till is not told", lambda: _told(till, "revoked"))
        found = ""

        def kept() -> bool:
            nonlocal found
            found = tresen("hub", "--db", db, "quarantine")[1]
            return "revoked" in found

        until("its sales are not kept", kept)
        till.kill()
        store, name, epoch, branch = found.split()[:4]
        status, said = tresen(
            "hub", "--db", db, "quarantine", "take-in", "--who", "Chef", store, name, epoch, branch
        )
        assert (status, "facts taken in" in said) == (0, True), said
        status, said = tresen(
            "hub", "--db", db, "quarantine", "take-in", "--who", "Chef", store, name, epoch, branch
        )
        assert (status, "taken in before" in said) == (0, True), said
        status, said = tresen("hub", "--db", db, "exceptions")
        assert "revoked:" in said
        assert "by Chef" in said


def _told(till: LineTill, problem: str) -> bool:
    till.send("key help")
    return any(event.get("problem") == problem for event in till.events)


def test_a_revoked_till_that_is_enrolled_again_goes_on_without_a_restart_and_not_in_silence(
    start: Callable[..., LineTill], state: Path, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as (url, db):
        here = ("enrol", "--state", str(state), "--hub", url)
        assert tresen(*here, "--code", code_of(db, state))[0] == 0
        journal = journal_end(state)
        assert journal is not None
        till = start(state)
        till.sign_in()
        assert tresen("hub", "revoke", "--db", db, "--store", journal.store, "--till", journal.till)[0] == 0
        sell(till, 2)
        until("the till is not told", lambda: _told(till, "revoked"))
        assert tresen(*here, "--code", code_of(db, state))[0] == 0
        until("it does not go on by itself", lambda: till.send("key help")["unsent"] == 0)
        changed = [event["problem"] for event in till.events if event["event"] == "hub-changed"]
        assert changed[-1] == ""
        assert "fork" not in changed
        till.end()
        assert receipts(state) == [(1, 1), (1, 2)]
        _, said = tresen("hub", "--db", db, "exceptions")
        assert said.count(" taken-in: ") == 1, said


def test_an_enrolment_whose_answers_were_lost_or_that_was_broken_off_goes_on_with_the_same_code(
    tmp_path: Path,
) -> None:
    fresh = tmp_path / "fresh"
    with running_hub(tmp_path) as (url, db):
        code = code_for(db, "demo", "9")

        async def lost() -> None:
            await redeem(fresh, url, code)  # the hub enrolled it; nothing was made of the answer

        asyncio.run(lost())
        begun = unfinished(identity_file(fresh))
        assert begun is not None
        assert (begun.hub, begun.code) == (url, code.replace("-", ""))
        command = ("enrol", "--state", str(fresh), "--hub", url, "--operator", "Kim", "--code")
        status, said = tresen(*command, code, stdin=f"{PIN}\n")
        assert status == 0, said
        identity = load_identity(identity_file(fresh))
        assert identity is not None
        assert identity.seed == begun.seed
        assert [path.name for path in (fresh / "keys").glob("enrolling-*")] == []
        status, said = tresen("hub", "--db", db, "exceptions")
        assert (status, said) == (0, "")
        other = (
            "enrol",
            "--state",
            str(tmp_path / "other"),
            "--hub",
            url,
            "--operator",
            "Kim",
            "--code",
            code,
        )
        status, said = tresen(*other, stdin=f"{PIN}\n")
        assert (status, "used already" in said) == (1, True)


def test_a_hub_on_this_machine_needs_no_code(start: Callable[..., LineTill], state: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    till = start(state, "--hub", f"here:{port}")
    till.sign_in()
    sell(till, 1)
    until("the sale does not reach the hub", lambda: till.send("key help")["unsent"] == 0)
    till.end()
    assert identity_file(state).exists()
