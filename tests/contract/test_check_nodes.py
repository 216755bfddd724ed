"""What `tresen check` says of hub and relay at a till that is enrolled."""

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

import pos.check
from pos.check import check, nodes
from pos.enrol import journal_end
from sync.identity import Identity, Node, identity_file, load_identity, save_identity
from sync.keys import SigningKey
from sync.reasons import reason_of
from tests.simulation.hubs import running_hub
from tests.simulation.prepared import attempt, usual

ROOT = Path(__file__).parents[2]


def tresen(*arguments: str, typed: str = "") -> tuple[int, str]:
    code, said, errors = attempt(usual, *arguments, stdin=typed)
    return code, said + errors


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with running_hub(tmp_path_factory.mktemp("hub")) as found:
        yield found


@pytest.fixture
def state(tmp_path: Path, hub: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A till enrolled at a hub that runs. `check` may take its time here, whatever else the machine does."""
    monkeypatch.setattr(pos.check, "_NODE_PATIENCE_S", 60.0)
    monkeypatch.setattr(nodes, "_ASK_S", 30.0)
    return enrolled(tmp_path / "state", hub, uuid.uuid4().hex[:12])


def enrolled(folder: Path, hub: tuple[str, str], till: str, *options: str) -> Path:
    named = ("--store", "demo", "--till", till, *options)
    status, code = tresen("hub", "--db", hub[1], "enrol", *named, "--quiet")
    assert status == 0, code
    new = ("enrol", "--state", str(folder), "--hub", hub[0], "--code", code.strip(), "--operator", "Anna")
    status, said = tresen(*new, typed="2468\n")
    assert status == 0, said
    return folder


def look(state: Path) -> tuple[dict[str, Any], str]:
    """Findings of the section Hub by name, and the last row of the table."""
    said = CliRunner().invoke(check, ["--state", str(state), "--json"])
    found = {row["what"]: row for row in json.loads(said.stdout)["findings"] if row["section"] == "Hub"}
    return found, CliRunner().invoke(check, ["--state", str(state)]).stdout.splitlines()[-1]


def test_a_till_in_good_standing_is_ok_and_one_without_a_relay_has_no_line_for_it(state: Path) -> None:
    found, last = look(state)
    assert set(found) == {"Hub"}
    assert found["Hub"]["state"] == "ok"
    assert "answers" in found["Hub"]["found"]
    assert last == "The till can sell."


def test_a_revoked_till_is_told_so_and_that_it_must_not_sell(state: Path, hub: tuple[str, str]) -> None:
    journal = journal_end(state)
    assert journal is not None
    status, said = tresen("hub", "--db", hub[1], "revoke", "--store", journal.store, "--till", journal.till)
    assert status == 0, said
    found, last = look(state)
    assert found["Hub"]["state"] == "wrong"
    assert "revoked" in found["Hub"]["found"]
    assert "tresen enrol" in found["Hub"]["to_do"]
    assert last == "The till could sell, and must not: see Hub."


def test_a_replaced_till_is_told_so(state: Path, hub: tuple[str, str], tmp_path: Path) -> None:
    journal = journal_end(state)
    assert journal is not None
    new = enrolled(tmp_path / "new", hub, journal.till, "--replace")
    found, last = look(state)
    assert found["Hub"]["state"] == "wrong"
    assert "another machine took this till's place" in found["Hub"]["found"]
    assert last.startswith("The till could sell, and must not")
    assert look(new)[0]["Hub"]["state"] == "ok"


def test_a_relay_that_is_away_has_its_own_line_with_words_and_no_numbers(
    state: Path, hub: tuple[str, str]
) -> None:
    identity = load_identity(identity_file(state))
    assert identity is not None
    relay = Node(f"http://127.0.0.1:{free_port()}", "relay", "relay", SigningKey(bytes(32)).public)
    save_identity(
        identity_file(state),
        Identity(identity.store, identity.machine, "till", identity.seed, (relay, *identity.nodes)),
    )
    found, _ = look(state)
    assert (found["Relay"]["state"], found["Hub"]["state"]) == ("missing", "ok")
    assert found["Relay"]["found"] == f"{relay.url}: nothing listens there (connection refused)"
    assert "second copy" in found["Relay"]["to_do"]

    other = Node(hub[0], "relay", "relay", relay.public_key)  # somebody answers, with another key
    save_identity(
        identity_file(state),
        Identity(identity.store, identity.machine, "till", identity.seed, (other, *identity.nodes)),
    )
    found, _ = look(state)
    assert found["Relay"]["state"] == "wrong"
    assert "is not our relay" in found["Relay"]["found"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there (connection refused)"),
        (socket.gaierror(-2, "Name or service not known"), "the name of that machine is not known"),
        (httpx.ReadTimeout(""), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (httpx.ReadError(""), "the connection ended without an answer"),
        (OSError("nobody answers"), "nobody answers"),
    ],
)
def test_why_nobody_answers_is_said_in_words(error: Exception, said: str) -> None:
    assert reason_of(error) == said
    wrapped = httpx.ConnectError("")
    wrapped.__cause__ = error
    assert reason_of(wrapped) in {said, "the connection ended without an answer"}
