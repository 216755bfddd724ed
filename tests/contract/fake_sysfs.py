"""A pretended /sys with a few USB devices, and what the real udev makes of them under given rules.

All in a mount namespace of its own: the machine's /sys, /dev, /run and rules are not touched.
"""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import msgspec

__all__ = ["FakeSysfs", "Named"]

PORTS = "/devices/pci0000:00/0000:00:14.0/usb1"
KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
VOLUME = "e000000000000 0"
# Debian's own rules that look up what ours match on; from Debian's package udev.
_DEBIANS = ("50-udev-default", "60-input-id", "60-persistent-input", "60-serial")
_GROUP = 4711


class Named(msgspec.Struct):
    """What udev decided: names under /dev, properties, and what the rules under test assigned."""

    links: set[str]
    properties: dict[str, str]
    group_mode: str
    complaints: list[str]


class FakeSysfs:
    """Devices plugged into numbered ports; each `plug` returns the device path of what a program opens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder / "sys"
        self._make("/devices/pci0000:00")
        self._make("/devices/pci0000:00/0000:00:14.0", "bus/pci", PCI_SLOT_NAME="0000:00:14.0")
        self._make(PORTS, "bus/usb", DEVTYPE="usb_device", MAJOR="189", MINOR="0")

    def keyboard(self, port: int, vendor: str, product: str, *, keys: str = KEYBOARD) -> str:
        interface = self._usb(port, vendor, product, (3, 1, 1))
        place = f"{interface}/input/input{port}"
        capabilities = {"ev": "120013", "key": keys, "rel": "0", "abs": "0"}
        self._make(place, "class/input", PRODUCT=f"3/{vendor}/{product}/110", EV="120013", KEY=keys)
        for name, bits in capabilities.items():
            self._file(f"{place}/capabilities/{name}", bits)
        node = f"input/event{port}"
        return self._make(
            f"{place}/event{port}", "class/input", MAJOR="13", MINOR=str(64 + port), DEVNAME=node
        )

    def acm(self, port: int, vendor: str, product: str) -> str:
        interface = self._usb(port, vendor, product, (2, 2, 1))
        place = f"{interface}/tty/ttyACM{port}"
        return self._make(place, "class/tty", MAJOR="166", MINOR=str(port), DEVNAME=f"ttyACM{port}")

    def cable(self, port: int, vendor: str, product: str) -> str:
        interface = self._usb(port, vendor, product, (255, 255, 255))
        serial = self._make(f"{interface}/ttyUSB{port}", "bus/usb-serial")
        place = f"{serial}/tty/ttyUSB{port}"
        return self._make(place, "class/tty", MAJOR="188", MINOR=str(port), DEVNAME=f"ttyUSB{port}")

    def printer(self, port: int, vendor: str, product: str) -> str:
        interface = self._usb(port, vendor, product, (7, 1, 2))
        place = f"{interface}/usbmisc/lp{port}"
        return self._make(place, "class/usbmisc", MAJOR="180", MINOR=str(port), DEVNAME=f"usb/lp{port}")

    def usb_device(self, port: int) -> str:
        return f"{PORTS}/1-{port}"

    def decide(self, device: str, rules: str) -> Named:
        """Let udev treat the device as just plugged in."""
        folder = self._folder / "rules"
        folder.mkdir(exist_ok=True)
        for name in _DEBIANS:
            shutil.copy(f"/usr/lib/udev/rules.d/{name}.rules", folder)
        (folder / "70-tresen.rules").write_text(rules)
        groups = self._folder / "group"
        groups.write_text(f"{Path('/etc/group').read_text()}tresen:x:{_GROUP}:\n")
        script = (
            f"set -e; mount --bind {folder} /usr/lib/udev/rules.d; mount --bind {groups} /etc/group;"
            "mount -t tmpfs none /run; mount -t tmpfs none /dev;"
            f"mount --bind {self._root} /sys; exec udevadm test --action=add {device}"
        )
        namespace = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
        done = subprocess.run(
            ["unshare", *namespace, "sh", "-c", script],
            env=os.environ | {"SYSTEMD_DEVICE_VERIFY_SYSFS": "0", "SYSTEMD_LOG_LEVEL": "debug"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stderr.splitlines()
        ours = [line.split("70-tresen.rules:", 1)[1] for line in said if "70-tresen.rules:" in line]
        properties = dict(re.findall(r"^([A-Z_]+)=(.*)$", done.stdout, re.MULTILINE))
        return Named(
            {link.removeprefix("/dev/") for link in properties.get("DEVLINKS", "").split()},
            properties,
            _group_and_mode(ours),
            [line for line in ours if not re.match(r"\d+ (GROUP|MODE|LINK) ", line)],
        )

    def _usb(self, port: int, vendor: str, product: str, kind: tuple[int, int, int]) -> str:
        device = self._make(
            self.usb_device(port),
            "bus/usb",
            DEVTYPE="usb_device",
            MAJOR="189",
            MINOR=str(port),
            DEVNAME=f"bus/usb/001/{port:03d}",
        )
        about = {"idVendor": vendor, "idProduct": product, "manufacturer": "Maker", "product": "Thing"}
        for name, text in about.items():
            self._file(f"{device}/{name}", text)
        head = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x200, 0, 0, 0, 64, 1, 1, 0x100, 1, 2, 0, 1)
        configuration = struct.pack("<BBHBBBBB", 9, 2, 25, 1, 1, 0, 0x80, 50)
        interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 1, *kind, 0)
        endpoint = struct.pack("<BBBBHB", 7, 5, 0x01, 2, 64, 0)
        descriptors = head + configuration + interface + endpoint
        (self._root / device[1:] / "descriptors").write_bytes(descriptors)
        place = self._make(f"{device}/1-{port}:1.0", "bus/usb", DEVTYPE="usb_interface")
        names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
        for name, number in zip(names, kind, strict=True):
            self._file(f"{place}/{name}", f"{number:02x}")
        self._file(f"{place}/bInterfaceNumber", "00")
        return place

    def _make(self, path: str, subsystem: str = "", **uevent: str) -> str:
        folder = self._root / path[1:]
        folder.mkdir(parents=True)
        self._file(f"{path}/uevent", "\n".join(f"{key}={value}" for key, value in uevent.items()))
        if "MAJOR" in uevent:
            self._file(f"{path}/dev", f"{uevent['MAJOR']}:{uevent['MINOR']}")
        if subsystem:
            (self._root / subsystem).mkdir(parents=True, exist_ok=True)
            (folder / "subsystem").symlink_to(os.path.relpath(self._root / subsystem, folder))
        return path

    def _file(self, path: str, text: str) -> None:
        file = self._root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


def _group_and_mode(lines: list[str]) -> str:
    group = next((line for line in lines if re.match(rf"\d+ GROUP {_GROUP}\b", line)), "")
    mode = next((line.split()[-1] for line in lines if re.match(r"\d+ MODE ", line)), "")
    return f"tresen {mode}" if group and mode else ""
