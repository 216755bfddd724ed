"""Plays scanners that play keyboard to the real driver, kernel faked by umockdev; prints what was scanned.

Not a test itself: `test_scanner_evdev.py` starts it under umockdev-wrapper, once for all its questions.
The last line of output is JSON: one entry for each scene.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

from drivers.scanner import evdev, make_scanner  # noqa: E402
from drivers.scanner.calibrate import CALIBRATION  # noqa: E402
from drivers.supervisor import Supervisor  # noqa: E402
from pos.domain.commands import Command, DeviceReported, Scan  # noqa: E402
from pos.system import SystemClock  # noqa: E402
from tests.simulators.scanner import Keyboard  # noqa: E402

KEYS = bytearray(96)
for number in (*range(1, 89), 96, 97, 98, 100, 113, 114, 115, 117, 121, 125):
    KEYS[number // 8] |= 1 << number % 8
EV_BITS = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 17 | 1 << 20  # SYN, KEY, MSC, LED, REP


def ioctls(vendor: int, product: int, name: str) -> str:
    """What the kernel answers python-evdev about the device; lengths must be those it asks for."""

    def bits(*numbers: int) -> str:
        field = bytearray(96)
        for number in numbers:
            field[number // 8] |= 1 << number % 8
        return field.hex().upper()

    def text(value: str) -> str:
        return value.encode().ljust(256, b"\0").hex().upper()

    identity = b"".join(part.to_bytes(2, "little") for part in (3, vendor, product, 0x111))
    return "\n".join(
        (
            "EVIOCGVERSION 0 01000100",
            f"EVIOCGID 0 {identity.hex().upper()}",
            f"EVIOCGNAME(0) {len(name) + 1} {text(name)}",
            f"EVIOCGPHYS(0) 5 {text('usb-1')}",
            f"EVIOCGBIT(0) 4 {EV_BITS.to_bytes(4, 'little').hex().upper()}",
            f"EVIOCGBIT(1) 96 {KEYS.hex().upper()}",
            f"EVIOCGBIT(4) 96 {bits(4)}",
            f"EVIOCGBIT(17) 96 {bits(0, 1, 2)}",
            f"EVIOCGBIT(20) 96 {bits(0, 1)}",
            "EVIOCGEFFECTS 0 00000000",
            f"EVIOCGPROP(0) 4 {'00' * 4}",
            f"EVIOCGREP 0 {bytes.fromhex('FA000000').hex().upper()}{bytes.fromhex('21000000').hex().upper()}",
            "",
        )
    )


class Bench:
    """The mock computer: scanners are plugged in and out of it."""

    def __init__(self, folder: Path) -> None:
        self.testbed = UMockdev.Testbed.new()
        self.root = Path(self.testbed.get_root_dir())
        self.folder = folder
        self.plugs = 0

    def plug(self, node: int, by_id: str, *, vendor: int = 0x0C2E, product: int = 0x0B61) -> str:
        """A scanner appears as /dev/input/event<node>; returns its path in sysfs."""
        self.plugs += 1
        parent = f"/devices/usb1/{self.plugs}/input/input{100 + self.plugs}"
        key_word = int.from_bytes(KEYS[:8], "little")
        key_word_2 = int.from_bytes(KEYS[8:16], "little")
        self.testbed.add_from_string(
            f"P: {parent}\nE: SUBSYSTEM=input\nE: PRODUCT=3/{vendor:x}/{product:x}/111\n"
            f"A: name=Test Scanner\nA: phys=usb-1\nA: id/vendor={vendor:04x}\nA: id/product={product:04x}\n"
            f"A: capabilities/key={key_word_2:x} {key_word:x}\n\n"
            f"P: {parent}/event{node}\nN: input/event{node}\nS: input/by-id/{by_id}\nE: SUBSYSTEM=input\n"
            f"E: DEVNAME=/dev/input/event{node}\nE: ID_INPUT=1\nE: ID_INPUT_KEYBOARD=1\n"
            f"A: dev=13:{64 + node}\nL: device=../../input{100 + self.plugs}\n"
        )
        link = self.root / f"dev/input/by-id/{by_id}"
        link.unlink()
        link.symlink_to(f"../event{node}")  # relative, as udev makes it
        file = self.folder / f"{self.plugs}.ioctl"
        file.write_text(ioctls(vendor, product, "Test Scanner"))
        self.testbed.load_ioctl(f"/dev/input/event{node}", str(file))
        return f"/sys{parent}"

    def unplug(self, sysfs: str, node: int, by_id: str) -> None:
        fd = self.fd(node)
        dev = self.root / "dev"
        pty = str((dev / f"input/event{node}").readlink()).replace("/", "_")
        self.testbed.uevent(f"{sysfs}/event{node}", "remove")
        self.testbed.remove_device(f"{sysfs}/event{node}")
        self.testbed.remove_device(sysfs)
        for left in (
            f"input/by-id/{by_id}",
            f"input/event{node}",
            f".node/input_event{node}",
            f".ptymap/{pty}",
        ):
            (dev / left).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.close(fd)  # the testbed leaves its end open, and the reader would never notice

    def fd(self, node: int) -> int:
        return int(self.testbed.get_dev_fd(f"/dev/input/event{node}"))


class Till:
    """Takes commands as the till would, and notes when."""

    def __init__(self) -> None:
        self.scans: list[tuple[str, str]] = []
        self.times: list[float] = []
        self.reports: list[DeviceReported] = []

    def submit(self, command: Command) -> None:
        if isinstance(command, Scan):
            self.scans.append((command.source, command.code))
            self.times.append(time.perf_counter())
        elif isinstance(command, DeviceReported):
            self.reports.append(command)

    def codes(self, source: str = "") -> list[str]:
        return [code for where, code in self.scans if source in where]

    async def until(self, ready: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not ready():  # noqa: ASYNC110 - the conditions are many and short-lived
                await asyncio.sleep(0.002)


Scene = Callable[[Bench, Till], Awaitable[Any]]


async def with_scanner(
    till: Till, address: str, body: Callable[[Supervisor], Awaitable[Any]], **options: Any
) -> Any:
    scanner = make_scanner(address, till.submit, SystemClock(), **options)
    task = asyncio.create_task(scanner.run())
    try:
        await till.until(lambda: scanner.state == "ready")
        return await body(scanner)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def press(fd: int, report_bytes: bytes, pause_s: float = 0.00003) -> None:
    """The mock's device is a pty: give the kernel a moment, or half an event is read, which evdev never does."""
    os.write(fd, report_bytes)
    time.sleep(pause_s)


async def type_in(fd: int, events: list[bytes]) -> None:
    for event in events:
        press(fd, event, 0.0005)
        await asyncio.sleep(0)


async def interleaved(bench: Bench, till: Till) -> Any:
    """Two scanners, key by key in turn, 200 pairs of codes."""
    left, right = bench.plug(1, "usb-Left-event-kbd"), bench.plug(2, "usb-Right-event-kbd")
    pairs = [(f"4006381{n:06d}", f"LOT-{n:03d}/R") for n in range(200)]

    async def body(_: Supervisor) -> Any:
        async def inner(_: Supervisor) -> Any:
            late_ms: list[float] = []
            keyboard = Keyboard()
            for a, b in pairs:
                keys_a, keys_b = keyboard.events(a), keyboard.events(b)
                for n in range(max(len(keys_a), len(keys_b))):
                    for node, keys in ((1, keys_a), (2, keys_b)):
                        if n < len(keys):
                            press(bench.fd(node), keys[n])
                    last = time.perf_counter()
                    await asyncio.sleep(0)
                wanted = 2 * len(late_ms) + 2
                await till.until(lambda wanted=wanted: len(till.scans) == wanted)  # type: ignore[misc]
                late_ms.append((till.times[-1] - last) * 1000)
            return late_ms

        return await with_scanner(till, "evdev:/dev/input/by-id/usb-Right-event-kbd?name=right", inner)

    late_ms = await with_scanner(till, "evdev:/dev/input/by-id/usb-Left-event-kbd?name=left", body)
    bench.unplug(left, 1, "usb-Left-event-kbd")
    bench.unplug(right, 2, "usb-Right-event-kbd")
    return {
        "wrong": sum(a != b for a, b in zip(till.codes("left"), [a for a, _ in pairs], strict=True))
        + sum(a != b for a, b in zip(till.codes("right"), [b for _, b in pairs], strict=True)),
        "scans": len(till.scans),
        "p99_ms": statistics.quantiles(late_ms, n=100)[98],
    }


async def unplugged_in_a_scan(bench: Bench, till: Till) -> Any:
    """Out in the middle of a code, back as another node; the address stays."""
    by_id = "usb-Roving-event-kbd"
    sysfs = bench.plug(7, by_id)

    async def body(scanner: Supervisor) -> Any:
        keyboard = Keyboard()
        await type_in(bench.fd(7), keyboard.events("4006381333931"))
        await till.until(lambda: len(till.scans) == 1)
        await type_in(bench.fd(7), keyboard.events("40063")[:-2])  # no Enter yet
        await asyncio.sleep(0.02)
        bench.unplug(sysfs, 7, by_id)
        await till.until(lambda: scanner.state == "absent")
        busy_s = time.process_time()
        await asyncio.sleep(0.6)
        busy_s = time.process_time() - busy_s
        plugged = time.perf_counter()
        again = bench.plug(9, by_id)
        await till.until(lambda: scanner.state == "ready")
        back_s = time.perf_counter() - plugged
        await type_in(bench.fd(9), keyboard.events("81333931"))
        await till.until(lambda: len(till.scans) == 2)
        generation = scanner.generation
        bench.unplug(again, 9, by_id)
        await till.until(lambda: scanner.state == "absent")
        return {
            "codes": till.codes(),
            "back_s": back_s,
            "generation": generation,
            "absent_cpu_share": busy_s / 0.6,
            "states": [report.state for report in till.reports],
        }

    return await with_scanner(till, f"evdev:/dev/input/by-id/{by_id}", body)


async def plugged_100_times(bench: Bench, till: Till) -> Any:
    """No descriptor and no task may be left of a scanner that went."""
    by_id = "usb-Worn-event-kbd"
    keyboard = Keyboard()
    first = 20  # umockdev cannot give a node's number twice
    sysfs = bench.plug(first, by_id)

    def size() -> tuple[int, int]:
        links = list(Path("/proc/self/fd").iterdir())
        # The testbed itself leaves a socket behind for each plug; devices are ptys.
        devices = sum(link.is_symlink() and str(link.readlink()).startswith("/dev/pt") for link in links)
        return devices, len(asyncio.all_tasks())

    async def body(scanner: Supervisor) -> Any:
        nonlocal sysfs
        sizes = []
        for n in range(100):
            node = first + n
            await type_in(bench.fd(node), keyboard.events(f"code-{n}"))
            await till.until(lambda n=n: len(till.scans) == n + 1)  # type: ignore[misc]
            await type_in(bench.fd(node), keyboard.events("40063")[:-2])
            sizes.append(size())
            bench.unplug(sysfs, node, by_id)
            await till.until(lambda: scanner.state == "absent")
            sysfs = bench.plug(node + 1, by_id)
            await till.until(lambda: scanner.state == "ready")
        bench.unplug(sysfs, first + 100, by_id)
        await till.until(lambda: scanner.state == "absent")
        return {
            "codes_right": till.codes() == [f"code-{n}" for n in range(100)],
            "sizes": [sizes[5], sizes[-1]],
        }

    def quickly(seconds: float) -> Awaitable[None]:
        return asyncio.sleep(seconds / 50)

    return await with_scanner(till, f"evdev:/dev/input/by-id/{by_id}", body, sleep=quickly)


async def layouts(bench: Bench, till: Till) -> Any:
    """German and American scanners, each with its table; then one that is set wrong and calibrated."""
    sysfs = bench.plug(6, "usb-Layout-event-kbd", vendor=0x05E0, product=0x1200)
    texts = {"us": "xyzXYZ-/?:&=#]{}~^@|", "de": "zyZYäöüÄÖÜß-_/?&=€@[]{}\\~|^´`µ<>°²³"}

    async def body(_: Supervisor) -> Any:
        before = len(till.scans)
        await type_in(bench.fd(6), Keyboard(layout).events(texts[layout]))
        await till.until(lambda: len(till.scans) > before)
        return till.codes()[-1]

    read = {}
    for layout in texts:
        read[layout] = await with_scanner(till, f"evdev:05e0:1200?layout={layout}", body)

    async def calibrate(_: Supervisor) -> Any:
        before = len(till.scans)
        keyboard = Keyboard("de")
        await type_in(bench.fd(6), [*keyboard.events(CALIBRATION), *keyboard.events("Yz-7")])
        await till.until(lambda: len(till.scans) > before)
        return {"codes": till.codes()[before:], "notes": [report.detail for report in till.reports[-1:]]}

    calibrated = await with_scanner(till, "evdev:05e0:1200?layout=us", calibrate)
    bench.unplug(sysfs, 6, "usb-Layout-event-kbd")
    return {"read": read, "meant": texts, "calibrated": calibrated}


async def burst(bench: Bench, till: Till) -> Any:
    """Twenty codes at once, more events than one read takes; Enter on the pad and Tab end a code too."""
    sysfs = bench.plug(3, "usb-Burst-event-kbd")
    codes = [f"{n:013d}" for n in range(20)]

    async def body(_: Supervisor) -> Any:
        for code, terminator in zip(codes, ("ENTER", "KPENTER", "TAB", "ENTER") * 5, strict=True):
            for event in Keyboard(terminator=terminator).events(code):
                press(bench.fd(3), event)  # all of it before the driver's turn: more than one read takes
            await asyncio.sleep(0.002)
        await till.until(lambda: len(till.scans) == len(codes))
        return till.codes() == codes

    right = await with_scanner(till, "evdev:/dev/input/event3", body)
    bench.unplug(sysfs, 3, "usb-Burst-event-kbd")
    return right


async def without_an_end(bench: Bench, till: Till) -> Any:
    """Keys that stop without Enter are forgotten after a silence, with a word; the next code is its own."""
    sysfs = bench.plug(4, "usb-Silent-event-kbd")
    patient, evdev.PARTIAL_TIMEOUT_S = evdev.PARTIAL_TIMEOUT_S, 0.05

    async def body(_: Supervisor) -> Any:
        keyboard = Keyboard()
        await type_in(bench.fd(4), keyboard.events("40063")[:-2])
        await till.until(lambda: any(report.detail == evdev.NO_TERMINATOR for report in till.reports))
        evdev.PARTIAL_TIMEOUT_S = patient
        await type_in(bench.fd(4), keyboard.events("81333931"))
        await till.until(lambda: bool(till.scans))
        return till.codes()

    codes = await with_scanner(till, "evdev:/dev/input/event4", body)
    bench.unplug(sysfs, 4, "usb-Silent-event-kbd")
    return codes


async def main(folder: Path) -> None:
    bench = Bench(folder)
    evdev.PARTIAL_TIMEOUT_S = 30.0  # a busy machine may take long over the keys of one code
    scenes: list[Scene] = [
        burst,
        interleaved,
        unplugged_in_a_scan,
        plugged_100_times,
        layouts,
        without_an_end,
    ]
    results: dict[str, Any] = {}
    for scene in scenes:
        started = time.perf_counter()
        try:
            results[scene.__name__] = await scene(bench, Till())
        except Exception as error:  # noqa: BLE001 - the test shows it
            results[scene.__name__] = {"error": repr(error)}
        print(f"{scene.__name__}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    print(json.dumps(results))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="evdev-child-") as temporary:
        asyncio.run(main(Path(temporary)))
