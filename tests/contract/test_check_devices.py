"""What `tresen check` says of display, scale and the customer's screen."""

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.scale import VERSION, fingerprint
from pos.check.devices import check_display, check_scale, check_screen
from pos.settings import DeviceSettings, load_settings


def named(**devices: Any) -> DeviceSettings:
    return msgspec.structs.replace(load_settings(environ={}).devices, **devices)


def test_what_is_not_named_is_off_and_says_where_to_name_it() -> None:
    devices = named()
    for finding in (check_display(devices), check_scale(devices), check_screen(devices, till_runs=False)):
        assert finding.state == "off"
        assert "devices." in finding.to_do


def test_a_line_that_is_there_is_fine_one_that_is_not_is_missing(tmp_path: Path) -> None:
    there = tmp_path / "tty"
    there.touch()
    display, scale = (
        check_display(named(display=f"serial:{there}")),
        check_scale(named(scale=f"serial:{there}")),
    )
    assert (display.state, scale.state) == ("ok", "ok")
    assert VERSION in scale.found
    assert fingerprint()[:16] in scale.found
    assert "not certified" in scale.found
    gone = f"serial:{tmp_path / 'gone'}"
    assert check_display(named(display=gone)).state == "missing"
    assert check_scale(named(scale=gone)).state == "missing"


def test_no_secret_of_a_scale_is_shown(tmp_path: Path) -> None:
    there = tmp_path / "tty"
    there.touch()
    assert "11021" not in check_scale(named(scale=f"serial:{there}?generator=11021")).found


@pytest.mark.parametrize("address", ["nonsense", "serial:", "serial:/dev/x?baud=7"])
def test_an_address_that_makes_no_sense_is_wrong(address: str) -> None:
    assert check_display(named(display=address)).state == "wrong"
    assert check_scale(named(scale=address)).state == "wrong"
    assert check_screen(named(customer_screen=address), till_runs=False).state == "wrong"


def test_a_page_must_answer_while_the_till_runs_and_its_port_be_free_while_it_does_not() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        devices = named(customer_screen=f"127.0.0.1:{listening.getsockname()[1]}")
        assert check_screen(devices, till_runs=False).state == "ok"
        assert check_screen(devices, till_runs=True).state == "missing"
        listening.listen()
        assert check_screen(devices, till_runs=True).state == "ok"
        assert check_screen(devices, till_runs=False).state == "wrong"
