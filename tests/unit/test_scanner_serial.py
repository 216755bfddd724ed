"""Scanners on a line: frames cut anywhere, noise, silence, cables pulled; on real ptys and pipes."""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scanner import AddressError, make_scanner
from drivers.scanner.framing import FRAME_MAX_BYTES, FrameReader
from drivers.scanner.repeats import RepeatFilter
from drivers.supervisor import DeviceAbsentError, DeviceFaultError, Supervisor
from drivers.transports import SerialPort, unmark_parity
from pos.domain.commands import Command, DeviceReported, Scan
from pos.system import SystemClock
from tests.simulators import scanner as simulator

CODES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_characters="\x7f"), min_size=1)
SIZES = st.lists(st.integers(1, 9), max_size=40)


class Till:
    def __init__(self) -> None:
        self.commands: list[Command] = []

    @property
    def scans(self) -> list[Scan]:
        return [command for command in self.commands if isinstance(command, Scan)]

    @property
    def codes(self) -> list[str]:
        return [scan.code for scan in self.scans]

    @property
    def details(self) -> list[str]:
        return [command.detail for command in self.commands if isinstance(command, DeviceReported)]


def play(address: str, story: Callable[[Supervisor, Till], Awaitable[None]], **options: Any) -> Till:
    """Run the scanner at `address` while the story lasts."""
    till = Till()

    async def run() -> None:
        scanner = make_scanner(address, till.commands.append, SystemClock(), **options)
        task = asyncio.create_task(scanner.run())
        try:
            async with asyncio.timeout(10):
                await story(scanner, till)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())
    return till


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not ready():  # noqa: ASYNC110 - the conditions are many and short-lived
            await asyncio.sleep(0.002)


@given(st.lists(CODES, max_size=6), SIZES, st.sampled_from([b"\r", b"\n", b"\r\n", b"\t", b"\x03"]))
@settings(database=None, deadline=None)
def test_codes_arrive_whole_however_the_bytes_are_cut(
    codes: list[str], sizes: list[int], suffix: bytes
) -> None:
    data = b"".join(simulator.frame(code, b"\x02", suffix) for code in codes)
    for reader in (FrameReader(), FrameReader(b"\x02", suffix)):
        read = [code for piece in simulator.pieces(data, sizes) for code in reader.feed(piece)]
        assert read == codes


@given(st.binary(max_size=40), SIZES)
@settings(database=None, deadline=None)
def test_noise_never_costs_the_scan_after_it(noise: bytes, sizes: list[int]) -> None:
    reader = FrameReader(b"\x02", b"\r")
    data = noise + b"\x024006381333931\r"
    read = [code for piece in simulator.pieces(data, sizes) for code in reader.feed(piece)]
    assert read[-1] == "4006381333931"


def test_a_frame_cut_off_by_the_next_is_dropped_and_counted() -> None:
    reader = FrameReader(b"\x02", b"\r")
    assert reader.feed(b"\x0240063\x024006381333931\r") == ["4006381333931"]
    assert reader.dropped == 1


def test_a_broken_check_digit_is_a_code_like_any_other_to_the_line() -> None:
    assert FrameReader().feed(b"4006381333932\r4006381333931\r") == ["4006381333932", "4006381333931"]


def test_a_byte_of_wrong_parity_spoils_its_code_and_no_other() -> None:
    marked = b"40063\xff\x00\x3881333931\r4006381333931\r"
    data, rest = unmark_parity(marked)
    assert rest == b""
    reader = FrameReader()
    assert reader.feed(data) == ["4006381333931"]
    assert reader.dropped == 1


@given(st.lists(st.one_of(st.binary(max_size=3), st.just(b"\xff\x00A")), max_size=8), SIZES)
@settings(database=None, deadline=None)
def test_parity_marks_are_undone_wherever_the_data_is_cut(parts: list[bytes], sizes: list[int]) -> None:
    marked = b"".join(p if p == b"\xff\x00A" else p.replace(b"\xff", b"\xff\xff") for p in parts) + b"."
    whole = b"".join(b"\xff" if p == b"\xff\x00A" else p for p in parts) + b"."
    out, rest = b"", b""
    for piece in simulator.pieces(marked, sizes):
        data, rest = unmark_parity(rest + piece)
        out += data
    assert (out, rest) == (whole, b"")


def test_an_endless_code_is_dropped_without_filling_memory() -> None:
    reader = FrameReader(suffix=b"\r\n")
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    assert len(reader._frame) <= FRAME_MAX_BYTES + 1
    assert reader.feed(b"\r\n4006381333931\r\n") == ["4006381333931"]
    assert reader.dropped == 1


def test_gs_stays_and_latin_1_is_read() -> None:
    assert FrameReader().feed(b"]C10104\x1d10ABC\rM\xfcller\r") == ["]C10104\x1d10ABC", "Müller"]


def test_a_scan_comes_through_a_pty_with_its_source() -> None:
    device = simulator.SerialScanner(prefix=b"\x02")

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        device.send(b"noise")
        device.send(simulator.frame("4006381333931", b"\x02"), sizes=[1] * 20, pause_s=0.001)
        device.scan("]E04006381333931")
        await until(lambda: len(till.scans) == 2)

    till = play(f"serial:{device.path}?baud=9600&parity=N&prefix=02&suffix=0D", story)
    device.unplug()
    assert till.scans == [
        Scan("4006381333931", "scanner:serial"),
        Scan("]E04006381333931", "scanner:serial"),
    ]


def test_half_a_code_followed_by_silence_is_dropped_and_said() -> None:
    device = simulator.SerialScanner()

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        device.send(b"40063")
        await until(lambda: "damaged" in till.details[-1])
        device.scan("81333931")
        await until(lambda: bool(till.scans))

    assert play(f"serial:{device.path}", story).codes == ["81333931"]
    device.unplug()


def test_a_slow_line_is_no_silence() -> None:
    device = simulator.SerialScanner()

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        for piece in (b"400", b"638", b"1333931\r"):
            device.send(piece)
            await asyncio.sleep(0.12)
        await until(lambda: bool(till.scans))

    assert play(f"serial:{device.path}", story).codes == ["4006381333931"]
    device.unplug()


def test_a_late_loop_does_not_take_its_own_delay_for_silence() -> None:
    device = simulator.SerialScanner()

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        device.send(b"40063")
        await asyncio.sleep(0.05)
        device.send(b"81333931\r")
        threading.Event().wait(0.3)  # the loop stands still
        await until(lambda: bool(till.scans))

    assert play(f"serial:{device.path}", story).codes == ["4006381333931"]
    device.unplug()


def test_a_cable_pulled_and_put_back_costs_half_a_code_and_a_second(tmp_path: Path) -> None:
    device = simulator.SerialScanner(link=tmp_path / "ttyACM0")

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        device.send(b"40063")
        device.unplug()
        await until(lambda: scanner.state == "absent")
        device.plug()
        started = asyncio.get_running_loop().time()
        await until(lambda: scanner.state == "ready")
        assert asyncio.get_running_loop().time() - started <= 1.0
        device.scan("81333931")
        await until(lambda: bool(till.scans))

    till = play(f"serial:{tmp_path / 'ttyACM0'}", story)
    device.unplug()
    assert till.codes == ["81333931"]
    assert f"{tmp_path / 'ttyACM0'}: unplugged" in till.details


def test_even_parity_on_a_pty_works() -> None:
    device = simulator.SerialScanner()

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        device.scan("4006381333931")
        await until(lambda: bool(till.scans))

    assert play(f"serial:{device.path}?bits=7&parity=E", story).codes == ["4006381333931"]
    device.unplug()


def test_a_port_another_program_holds_is_said_to_be_busy() -> None:
    device = simulator.SerialScanner()
    first, second = SerialPort(device.path), SerialPort(device.path)
    first.open()
    try:
        with pytest.raises(DeviceFaultError, match=f"{device.path}: busy, another program holds it"):
            second.open()
        assert first.clear_to_send is None
    finally:
        first.close()
        device.unplug()


def test_a_port_that_is_not_there_and_one_that_is_forbidden(tmp_path: Path) -> None:
    with pytest.raises(DeviceAbsentError, match="not there; plug it in"):
        SerialPort(str(tmp_path / "ttyUSB9")).open()
    port = SerialPort("/dev/ttyACM0")
    assert "group dialout" in str(port._refusal(PermissionError(13, "Permission denied")))
    (tmp_path / "file").touch()
    with pytest.raises(DeviceFaultError, match="file: "):
        SerialPort(str(tmp_path / "file")).open()


def test_writing_reaches_the_device_and_has_a_deadline() -> None:
    device = simulator.SerialScanner()
    port = SerialPort(device.path)

    async def write() -> None:
        await port.write(b"beep", timeout_s=1)
        assert device.received() == b"beep"
        with pytest.raises(TimeoutError):
            await port.write(b"x" * 100_000, timeout_s=0.05)

    port.open()
    try:
        asyncio.run(write())
    finally:
        port.close()
        device.unplug()


def test_lines_from_a_named_pipe_are_scans_and_writers_may_come_and_go(tmp_path: Path) -> None:
    fifo = tmp_path / "scans"
    os.mkfifo(fifo)

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        for codes in (["4006381333931", "40063813"], ["1234"]):
            await asyncio.to_thread(simulator.main, ["--to", str(fifo), "--rate", "1000", *codes])
        await until(lambda: len(till.scans) == 3)

    till = play(f"fifo:{fifo}", story)
    assert till.codes == ["4006381333931", "40063813", "1234"]
    assert till.scans[0].source == "scanner:pipe"


def test_a_descriptor_is_read_in_one_step_and_its_end_is_final() -> None:
    reader, writer = os.pipe()

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        os.write(writer, b"1\n2\r\n\n3\n40")
        await asyncio.sleep(0.01)
        assert till.codes == ["1", "2", "3"]
        os.write(writer, b"06\n7")
        os.close(writer)
        await until(lambda: scanner.state == "absent")

    till = play(f"fd:{reader}", story)
    os.close(reader)
    assert till.codes == ["1", "2", "3", "4006"]


def test_no_pipe_is_a_sentence(tmp_path: Path) -> None:
    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state in {"absent", "fault"} and bool(scanner.detail))

    assert "make it with mkfifo" in play(f"fifo:{tmp_path / 'none'}", story).details[-1]
    (tmp_path / "file").touch()
    assert "not a named pipe" in play(f"fifo:{tmp_path / 'file'}", story).details[-1]
    with (tmp_path / "file").open() as file:
        assert "not a pipe or terminal" in play(f"fd:{file.fileno()}", story).details[-1]
    assert "not open" in play("fd:987", story).details[-1]


def test_a_label_read_twice_in_a_moment_counts_once_and_says_so() -> None:
    reader, writer = os.pipe()
    dropped: list[str] = []

    async def story(scanner: Supervisor, till: Till) -> None:
        await until(lambda: scanner.state == "ready")
        os.write(writer, b"4006381333931\n4006381333931\n1234\n4006381333931\n")
        await until(lambda: len(till.scans) == 3)

    till = play(f"fd:{reader}?repeat_ms=300&name=left", story)
    assert till.codes == ["4006381333931", "1234", "4006381333931"]
    assert {scan.source for scan in till.scans} == {"scanner:left"}
    assert "counted once" in till.details[-1]
    play(f"fd:{reader}", story_of_all(writer))
    os.write(writer, b"1\n1\n")
    os.close(writer)
    play(f"fd:{reader}", ended, repeat_ms=300, on_repeat=lambda code, _: dropped.append(code))
    os.close(reader)
    assert dropped == ["1"]


def story_of_all(writer: int) -> Callable[[Supervisor, Till], Awaitable[None]]:
    """Without the setting every read counts."""

    async def story(scanner: Supervisor, till: Till) -> None:
        os.write(writer, b"5\n5\n5\n")
        await until(lambda: till.codes == ["5", "5", "5"])

    return story


async def ended(scanner: Supervisor, till: Till) -> None:
    await until(lambda: bool(scanner.generation) and scanner.state == "absent")


def test_a_second_scan_after_the_window_counts_and_a_label_left_in_the_beam_does_not() -> None:
    class Clock(SystemClock):
        ms = 0

        def mono_ms(self) -> int:
            return self.ms

    clock, dropped = Clock(), list[tuple[str, int]]()
    repeats = RepeatFilter(300, clock, lambda code, gap_ms: dropped.append((code, gap_ms)))
    passed = []
    for clock.ms in (1000, 1200, 1400, 1600, 1950):
        passed.append(repeats.passes("4006381333931"))
    assert passed == [True, False, False, False, True]
    assert dropped == [("4006381333931", 200)] * 3


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("ttyACM0", "it must be evdev:"),
        ("usb:1", "it must be evdev:"),
        ("serial:", "it must be evdev:"),
        ("serial:/dev/x?baud=fast", "whole number"),
        ("serial:/dev/x?baud=9601", "one of"),
        ("serial:/dev/x?parity=X", "one of N, E, O"),
        ("serial:/dev/x?suffix=0", "hexadecimal"),
        ("serial:/dev/x?speed=1", "no option 'speed'; there are baud,"),
        ("serial:/dev/x?baud", "name=value"),
        ("fd:out", "must be a number"),
        ("evdev:event7", "vendor:product"),
        ("evdev:/dev/input/event7?layout=fr", "one of us, de"),
    ],
)
def test_a_wrong_address_is_a_sentence(address: str, word: str) -> None:
    with pytest.raises(AddressError, match="scanner") as wrong:
        make_scanner(address, print, SystemClock())
    assert word in str(wrong.value)


def test_the_simulator_plays_a_serial_scanner_from_another_terminal(tmp_path: Path) -> None:
    link = tmp_path / "scanner"
    written: list[bytes] = []
    with simulator._line(simulator._arguments().parse_args(["--pty", str(link)])) as send:
        line = os.open(link, os.O_RDONLY | os.O_NOCTTY)
        fcntl.flock(line, fcntl.LOCK_EX)
        send(simulator.frame("1234", b"\x02"))
        written.append(os.read(line, 100))
        os.close(line)
    assert written == [b"\x021234\r"]
    assert not link.exists()
    assert simulator.main(["--to", str(link), "1"]) == 1
