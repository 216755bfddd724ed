"""Scanners that play keyboard, through unmodified python-evdev and a kernel faked by umockdev.

Needs Debian's umockdev, gir1.2-umockdev-1.0 and python3-gi; `make test` installs them. A part that is
missing fails here: a scanner driver that was never run is no driver.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GI = Path("/usr/lib/python3/dist-packages/gi")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All scenes, played once by a child under umockdev-wrapper."""
    wrapper = shutil.which("umockdev-wrapper")
    assert wrapper, "umockdev-wrapper is missing: apt-get install umockdev gir1.2-umockdev-1.0"
    assert GI.is_dir(), "gi is missing: apt-get install python3-gi"
    only_gi = tmp_path_factory.mktemp("only-gi")  # the system's gi, and nothing else of the system
    (only_gi / "gi").symlink_to(GI)
    child = subprocess.run(
        [wrapper, sys.executable, str(Path(__file__).with_name("evdev_child.py"))],
        env=os.environ | {"PYTHONPATH": f"{only_gi}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout.splitlines()[-1])


def test_two_scanners_pressed_key_by_key_in_turn_never_mix(played: Any) -> None:
    result = played["interleaved"]
    assert result["scans"] == 400
    assert result["wrong"] == 0


def test_twenty_codes_at_once_all_arrive_in_order(played: Any) -> None:
    assert played["burst"] is True


def test_keys_without_an_end_are_forgotten_with_a_word(played: Any) -> None:
    assert played["without_an_end"] == ["81333931"]


def test_a_code_cut_off_by_unplugging_is_never_sold(played: Any) -> None:
    assert played["unplugged_in_a_scan"]["codes"] == ["4006381333931", "81333931"]


def test_a_scanner_is_back_within_a_second_on_another_port(played: Any) -> None:
    result = played["unplugged_in_a_scan"]
    assert result["back_s"] <= 1.0
    assert result["generation"] == 2
    states = result["states"]
    assert [state for i, state in enumerate(states) if states[i - 1 : i] != [state]] == [
        "opening",
        "ready",
        "absent",
        "ready",
        "absent",
    ]


def test_a_scanner_that_is_gone_costs_next_to_nothing(played: Any) -> None:
    assert played["unplugged_in_a_scan"]["absent_cpu_share"] < 0.05


def test_a_hundred_plugs_leave_no_descriptor_and_no_task(played: Any) -> None:
    result = played["plugged_100_times"]
    assert result["codes_right"] is True
    early, late = result["sizes"]
    assert early == late


def test_german_and_american_scanners_are_read_by_their_own_tables(played: Any) -> None:
    assert played["layouts"]["read"] == played["layouts"]["meant"]


def test_the_calibration_barcode_finds_a_wrong_layout_and_is_no_scan(played: Any) -> None:
    calibrated = played["layouts"]["calibrated"]
    assert calibrated["codes"] == ["Yz-7"]
    assert calibrated["notes"] == [
        "the scanner's keyboard layout is de, not us; put layout=de in its address"
    ]
