"""From the settings to terminals, and what `tresen check` says of them."""

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pos.card_line import make_terminals, password_file
from pos.check.devices import check_card
from pos.domain.commands import DeviceReported
from pos.settings import Settings, SettingsError, load_settings
from tests.unit.card.bench import Desk


class Aside:
    """A worker that does it at once."""

    def __init__(self, _name: str) -> None:
        pass

    def run(self, *_: Any) -> Any:
        raise NotImplementedError

    def post(self, function: Any) -> None:
        function()


class Memory:
    async def get(self, key: str) -> bytes | None:
        raise NotImplementedError

    async def put(self, key: str, value: bytes) -> None:
        raise NotImplementedError


def settings(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "settings.toml").write_text(f"[devices]\n{text}\n")
    return load_settings(tmp_path, environ={})


def test_terminals_come_out_of_the_settings_and_a_bad_address_is_told(tmp_path: Path) -> None:
    told: list[Any] = []
    found = settings(tmp_path, 'card = ["tcp:192.0.2.20", "usb:1", "serial:/dev/ttyACM0?baud=115200"]')
    made = make_terminals(tmp_path, found, Memory(), told.append, Aside, Aside)  # type: ignore[arg-type]
    assert [terminal.name for terminal in made] == ["1", "3"]
    assert told == [DeviceReported("card-2", "fault", "bad-address")]
    for terminal in made:
        terminal.connect(Desk())
        assert not terminal.ready


def test_no_terminal_in_the_settings_is_none(tmp_path: Path) -> None:
    assert make_terminals(tmp_path, settings(tmp_path, ""), Memory(), print, Aside, Aside) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ['card_config = "86"', 'card_charset = "klingon"', "card = 7"])
def test_settings_that_cannot_be_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match="card"):
        settings(tmp_path, line)


def test_the_password_file_is_in_the_tills_folder_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    assert password_file(tmp_path, settings(tmp_path, "")) == tmp_path / "card-password"
    other = settings(tmp_path, 'card_password_file = "/etc/tresen/card"')
    assert password_file(tmp_path, other) == Path("/etc/tresen/card")
    assert "password" in msgspec.json.encode(other.devices).decode()


def test_the_check_looks_for_the_line_and_at_the_password(tmp_path: Path) -> None:
    none = tmp_path / "none"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        assert check_card("Card terminal", address, none, till_runs=False).state == "ok"
    assert check_card("Card terminal", address, none, till_runs=False).state == "missing"
    assert check_card("Card terminal", address, none, till_runs=True).state == "ok"
    assert check_card("Card terminal", "tcp:", none, till_runs=False).state == "wrong"
    assert check_card("Card terminal", "serial:/dev/nothing", none, till_runs=False).state == "missing"
    own = tmp_path / "password"
    own.write_text("123456")
    own.chmod(0o644)
    found = check_card("Card terminal", address, own, till_runs=True)
    assert found.state == "wrong"
    assert "600" in found.to_do
    assert "123456" not in repr(found)
