"""The units, udev rules and folders that make a machine a till, judged by systemd and udev themselves."""

import configparser
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.fake_sysfs import VOLUME, FakeSysfs

SYSTEMD = Path(__file__).parents[2] / "systemd"
FILTERED = Path(__file__).with_name("filtered_child.py")
RULES = SYSTEMD / "udev" / "70-tresen.rules"
EXPOSURE_MAX = {"tresen-till.service": 20, "tresen-hub.service": 20, "tresen-relay.service": 20}


@pytest.fixture(params=sorted(EXPOSURE_MAX))
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the unit that starts a program which is there."""
    name: str = request.param
    text = (SYSTEMD / name).read_text()
    there, count = re.subn(r"(?m)^ExecStart=/opt/tresen/bin/tresen ", "ExecStart=/bin/echo ", text)
    assert count == 1
    copy = tmp_path / name
    copy.write_text(there)
    return copy


def test_systemd_takes_the_unit_without_a_word(unit: Path) -> None:
    done = _run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_have_found_a_mistake(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nWatchDog=1"))
    assert "WatchDog" in _run("systemd-analyze", "verify", "--man=no", str(unit)).stderr


def test_the_unit_exposes_little(unit: Path) -> None:
    threshold = f"--threshold={EXPOSURE_MAX[unit.name]}"
    done = _run("systemd-analyze", "security", "--offline=true", "--no-pager", threshold, str(unit))
    assert done.returncode == 0, done.stdout[-400:]


def test_the_till_has_the_console_and_comes_back_for_ever() -> None:
    unit = _parse(SYSTEMD / "tresen-till.service")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Unit"]["Conflicts"] == "getty@tty1.service"
    service = unit["Service"]
    wanted = {
        "Type": "notify",
        "Restart": "always",
        "RestartSec": "1",
        "WatchdogSec": "10",
        "StandardInput": "tty-force",
        "StandardOutput": "tty",
        "StandardError": "tty",
        "TTYPath": "/dev/tty1",
        "User": "tresen",
        "StateDirectory": "tresen",
        "UMask": "0077",
        "DevicePolicy": "closed",
        "MemoryDenyWriteExecute": "yes",
    }
    assert {key: service.get(key) for key in wanted} == wanted


def test_the_relay_is_the_hub_with_another_folder_and_a_hub_above_it() -> None:
    hub, relay = (_parse(SYSTEMD / f"tresen-{name}.service")["Service"] for name in ("hub", "relay"))
    differs = {key for key in {*hub, *relay} if hub.get(key) != relay.get(key)}
    assert differs == {"ExecStart", "EnvironmentFile", "StateDirectory"}
    assert "--upstream ${TRESEN_HUB}" in relay["ExecStart"]
    assert relay["StateDirectory"] == "tresen-relay"


def test_users_named_by_units_and_rules_are_made() -> None:
    made = set(re.findall(r"(?m)^u (\S+)", (SYSTEMD / "sysusers.d" / "tresen.conf").read_text()))
    named = set(re.findall(r'GROUP="(\w+)"', RULES.read_text()))
    for name in EXPOSURE_MAX:
        named.add(_parse(SYSTEMD / name)["Service"]["User"])
    assert made == named == {"tresen", "tresen-hub"}


def test_sysusers_and_tmpfiles_can_be_carried_out_in_an_empty_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    users = SYSTEMD / "sysusers.d" / "tresen.conf"
    done = _run("systemd-sysusers", f"--root={root}", str(users))
    assert done.returncode == 0, done.stderr
    people = (root / "etc" / "passwd").read_text()
    assert "tresen:x:" in people
    assert "tresen-hub:x:" in people
    assert re.search(r"(?m)^dialout:.*\btresen\b", (root / "etc" / "group").read_text())
    dry = _run("systemd-tmpfiles", "--create", f"--root={root}", str(SYSTEMD / "tmpfiles.d" / "tresen.conf"))
    assert (root / "var/lib/tresen").is_dir(), dry.stderr
    assert (root / "var/lib/tresen").stat().st_mode & 0o777 == 0o700


@pytest.fixture(scope="module")
def allowed() -> str:
    """The system calls that the till's unit leaves, as this machine's systemd spells them out."""
    found: set[str] = set()
    for value in _all(SYSTEMD / "tresen-till.service", "SystemCallFilter"):
        calls = _calls(value.removeprefix("~").split())
        found = found - calls if value.startswith("~") else found | calls | _calls(["@default"])
    assert 100 < len(found) < 400
    return " ".join(sorted(found))


def test_the_libraries_live_under_the_filters_of_the_unit(tmp_path: Path, allowed: str) -> None:
    """Writable memory is never executable, and no call outside the filter is needed: argon2, cffi, all of it."""
    done = _run(sys.executable, str(FILTERED), str(tmp_path / "state"), allowed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alive")


def test_the_till_on_a_terminal_under_these_filters_is_ready_after_its_first_frame(
    tmp_path: Path, allowed: str
) -> None:
    """Ready, alive, silent when stopped, alive again, and gone in order: all that systemd goes by."""
    state = tmp_path / "state"
    made = _run(sys.executable, "-m", "pos", "init", "--state", str(state), "--operator", "A", typed="2468\n")
    assert made.returncode == 0, made.stderr
    till = (sys.executable, "-m", "pos", "till", "--state", str(state))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear, _terminal() as (screen, inside):
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(0.05)
        service = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "600000",
            "TERM": "linux",
            "LANG": "C.UTF-8",
        }
        process = subprocess.Popen(
            (sys.executable, str(FILTERED), str(state), allowed, *till),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=_surroundings() | service,
            start_new_session=True,
        )
        try:
            drawn_before_ready = _listen(ear, screen, b"READY=1", 20.0)
            assert drawn_before_ready is not None
            assert drawn_before_ready > 2_000
            assert _listen(ear, screen, b"WATCHDOG=1", 5.0) is not None
            process.send_signal(signal.SIGSTOP)
            while _listen(ear, screen, b"WATCHDOG=1", 0.05) is not None:
                pass
            assert _listen(ear, screen, b"WATCHDOG=1", 1.5) is None
            process.send_signal(signal.SIGCONT)
            assert _listen(ear, screen, b"WATCHDOG=1", 5.0) is not None
            process.terminate()
            _listen(ear, screen, b"never", 3.0, process)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()


def test_every_rule_reads_as_udev_reads_it() -> None:
    assert _faults(RULES.read_text()) == []


def test_the_examples_in_comments_are_rules_too() -> None:
    examples = _with_examples()
    assert examples != RULES.read_text()
    assert _faults(examples) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('SUBSYSTEM=="tty', "cannot be read"),
        ('SUBSYSTEMM=="tty"', "unknown key"),
        ('KERNEL="lp0"', "cannot be assigned"),
        ('SYMLINK=="a", MODE:=="0660"', "cannot be read"),
        ('GOTO="nowhere"', "no LABEL"),
        ('MODE="660x"', "octal"),
        ('ATTRS{idVendor}=="0C2E", MODE="0660"', "small letters"),
    ],
)
def test_the_reader_of_rules_finds_faults(line: str, fault: str) -> None:
    assert any(fault in found for found in _faults(line))


def test_a_scanner_has_its_name_and_types_nowhere(tmp_path: Path) -> None:
    sys_folder = FakeSysfs(tmp_path)
    named = sys_folder.decide(sys_folder.keyboard(1, "0c2e", "0b61"), RULES.read_text())
    assert {"till/scanner", "till/scanner-pci-0000_00_14_0-usb-0_1_1_0"} <= named.links
    assert named.group_mode == "tresen 0660"
    assert named.properties["LIBINPUT_IGNORE_DEVICE"] == "1"
    assert ":systemd:" in named.properties["TAGS"]
    assert named.complaints == []


def test_a_scanners_volume_keys_and_an_office_keyboard_are_left_alone(tmp_path: Path) -> None:
    for folder, vendor, keys in (("a", "0c2e", {"keys": VOLUME}), ("b", "046d", {})):
        sys_folder = FakeSysfs(tmp_path / folder)
        named = sys_folder.decide(sys_folder.keyboard(1, vendor, "c31c", **keys), RULES.read_text())
        assert not any(link.startswith("till/") for link in named.links)
        assert named.group_mode == ""
        assert "LIBINPUT_IGNORE_DEVICE" not in named.properties


def test_a_serial_scanner_is_not_probed_for_a_modem(tmp_path: Path) -> None:
    sys_folder = FakeSysfs(tmp_path)
    named = sys_folder.decide(sys_folder.acm(2, "05e0", "1701"), RULES.read_text())
    assert "till/scanner" in named.links
    assert named.properties["ID_MM_DEVICE_IGNORE"] == "1"
    assert named.group_mode == "tresen 0660"


def test_a_receipt_printer_has_its_name_and_an_office_printer_has_not(tmp_path: Path) -> None:
    sys_folder = FakeSysfs(tmp_path)
    receipts = sys_folder.printer(1, "04b8", "0202")
    office = sys_folder.printer(2, "04b8", "0812")
    assert "till/printer" in sys_folder.decide(receipts, RULES.read_text()).links
    assert sys_folder.decide(sys_folder.usb_device(1), RULES.read_text()).group_mode == "tresen 0660"
    assert sys_folder.decide(office, RULES.read_text()).links == set()
    assert sys_folder.decide(sys_folder.usb_device(2), RULES.read_text()).group_mode == ""


def test_a_scale_on_a_cable_is_known_by_its_port(tmp_path: Path) -> None:
    sys_folder = FakeSysfs(tmp_path)
    here = sys_folder.cable(2, "0403", "6001")
    elsewhere = sys_folder.cable(4, "0403", "6001")
    assert "till/scale" not in sys_folder.decide(here, RULES.read_text()).links
    assert "till/scale" in sys_folder.decide(here, _with_examples()).links
    assert "till/scale" not in sys_folder.decide(elsewhere, _with_examples()).links


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """A console of 80 x 25: its outer and its inner end."""
    screen, inside = os.openpty()
    os.set_blocking(screen, False)
    termios.tcsetwinsize(inside, (25, 80))
    try:
        yield screen, inside
    finally:
        os.close(screen)
        os.close(inside)


def _listen(
    ear: socket.socket,
    screen: int,
    wanted: bytes,
    patience_s: float,
    process: subprocess.Popen[bytes] | None = None,
) -> int | None:
    """Bytes drawn until the wanted word came; None if it did not, or the process ended. Keeps the screen empty."""
    drawn = 0
    until = time.monotonic() + patience_s
    while time.monotonic() < until and (process is None or process.poll() is None):
        with contextlib.suppress(BlockingIOError):
            drawn += len(os.read(screen, 65_536))
        with contextlib.suppress(TimeoutError):
            if ear.recv(200) == wanted:
                with contextlib.suppress(BlockingIOError):
                    drawn += len(os.read(screen, 65_536))
                return drawn
    return None


def _surroundings() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TRESEN_", "WATCHDOG_"))
    }
    return kept | {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(SYSTEMD.parent)}


def _run(*command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    assert shutil.which(command[0]), f"{command[0]} is missing: apt-get install systemd udev"
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=typed,
        env=_surroundings(),
    )


def _parse(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(path)
    return parser


def _all(path: Path, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", path.read_text())


def _calls(names: list[str]) -> set[str]:
    """System calls by name; @groups as this machine's systemd spells them out."""
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        done = _run("systemd-analyze", "syscall-filter", "--no-pager", name)
        assert done.returncode == 0, done.stderr
        members = [line.strip() for line in done.stdout.splitlines()[1:]]
        found |= _calls([word for word in members if word and not word.startswith("#")])
    return found


def _with_examples() -> str:
    return re.sub(r"(?m)^#(SUBSYSTEM)", r"\1", RULES.read_text())


_MATCHED = {"ACTION", "KERNEL", "SUBSYSTEM", "SUBSYSTEMS", "ATTR", "ATTRS", "ENV"}
_ASSIGNED = {"ENV", "GROUP", "MODE", "SYMLINK", "TAG", "GOTO", "LABEL", "IMPORT"}
_WITH_NAME = {"ATTR", "ATTRS", "ENV", "IMPORT"}
_TOKEN = re.compile(r'\s*([A-Z_]+)(?:\{([^}]+)\})?(==|!=|\+=|-=|:=|=)"([^"]*)"\s*(?:,|$)')


def _faults(text: str) -> list[str]:
    """What udevadm verify (from systemd 254 on) would say, for the keys that these rules use."""
    faults: list[str] = []
    labels, gotos = set(), set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        at = 0
        while at < len(line):
            token = _TOKEN.match(line, at)
            if token is None:
                faults.append(f"{number}: {line[at:]} cannot be read")
                break
            at = token.end()
            key, name, operator, value = token.groups()
            faults += [f"{number}: {fault}" for fault in _token_faults(key, name, operator, value)]
            if key == "LABEL":
                labels.add(value)
            if key == "GOTO":
                gotos.add(value)
    return faults + [f"no LABEL for {goto}" for goto in sorted(gotos - labels)]


def _token_faults(key: str, name: str | None, operator: str, value: str) -> list[str]:
    faults = []
    if key not in _MATCHED | _ASSIGNED:
        faults.append(f"unknown key {key}")
    if (name is not None) != (key in _WITH_NAME):
        faults.append(f"{key} with or without a name in braces")
    if operator in {"==", "!="} and key not in _MATCHED:
        faults.append(f"{key} cannot be matched")
    if operator not in {"==", "!="} and key not in _ASSIGNED:
        faults.append(f"{key} cannot be assigned")
    if key == "MODE" and not re.fullmatch(r"0[0-7]{3}", value):
        faults.append(f"mode {value} is not octal")
    if name in {"idVendor", "idProduct"} and value != value.lower():
        faults.append(f"{value}: sysfs has small letters")
    if key in {"SYMLINK", "TAG"} and operator == "=":
        faults.append(f"{key} would throw away what other rules gave")
    return faults
