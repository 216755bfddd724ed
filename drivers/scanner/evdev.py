"""A USB or Bluetooth scanner that plays keyboard, read from the kernel's event device.

The device is grabbed, so its keys reach this driver and nothing else: no focused field, no console.
"""

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from drivers.scanner.address import Address, AddressError, one_of
from drivers.scanner.calibrate import detect_layout
from drivers.scanner.layouts import LAYOUTS, KeyDecoder
from drivers.supervisor import DeviceAbsentError, DeviceFaultError, Health, presence

__all__ = ["EvdevScanner", "OnLayout", "candidates", "place_trace"]

OnLayout = Callable[[str], None]
"""Hears the layout that a calibration barcode has shown."""

PARTIAL_TIMEOUT_S = 1.0
KEYS_LOST = "the scanner was faster than this computer and keys were lost; scan it again"
NO_TERMINATOR = "a code came without Enter or Tab at its end; set the scanner to send Enter"
EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3

_INPUT = Path("/dev/input")
_SYSFS = Path("/sys/class/input")
_IDENTITY = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")
# What a keyboard has and a mouse or a volume knob has not: the digits 1 to 0 and Enter.
_KEYBOARD_KEYS = (*range(2, 12), 28)


class InputEvent(Protocol):
    """What python-evdev's events have, of which this much is used."""

    @property
    def type(self) -> int: ...
    @property
    def code(self) -> int: ...
    @property
    def value(self) -> int: ...


class EvdevScanner:
    """`evdev:/dev/input/by-id/...`, `evdev:/dev/input/event7` or `evdev:0c2e:0b61` (vendor:product).

    Options: `layout=us|de`, as the scanner is set; `grab=no` for looking without taking.
    """

    def __init__(
        self,
        address: Address,
        deliver: Callable[[str], None],
        *,
        layout: str = "us",
        on_layout: OnLayout | None = None,
    ) -> None:
        self._place = address.place
        if not (self._place.startswith("/") or _IDENTITY.fullmatch(self._place)):
            raise AddressError(
                f"scanner address evdev:{self._place}: it must be a path, or vendor:product as 4 digits each"
            )
        self._grab = one_of(address.options, "grab", ("yes", "no"), "yes") == "yes"
        self._decoder = KeyDecoder(LAYOUTS[one_of(address.options, "layout", LAYOUTS, layout)])
        self._deliver = deliver
        self._on_layout = on_layout
        self._device: Any = None
        self._report: list[tuple[int, int]] = []
        self._overrun = False

    @property
    def layout(self) -> str:
        return self._decoder.layout.name

    async def open(self) -> str:
        try:
            import evdev  # noqa: PLC0415 - only a till with such a scanner pays for it
        except ImportError:
            raise DeviceFaultError(
                "the Python package evdev is missing: pip install evdev-binary (or evdev, where it must be "
                "built), or set the scanner to serial mode"
            ) from None
        self.forget()
        refused: OSError | None = None
        for path in candidates(self._place):
            try:
                self._take(evdev.InputDevice(path))
            except OSError as error:
                refused = refused or error
            else:
                return f"{self._device.name} at {path}"
        raise _refusal(self._place, refused)

    async def serve(self, health: Health) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        device = self._device
        silence: asyncio.TimerHandle | None = None

        def expire() -> None:
            health.note(KEYS_LOST if self._decoder.lost else NO_TERMINATOR)
            self.forget()

        def on_readable() -> None:
            nonlocal silence
            if ended.done():
                return
            try:
                self.take_events(_read(device, self._place), health)
            except BlockingIOError:
                return
            except Exception as error:  # noqa: BLE001 - the supervisor hears every error
                ended.set_exception(error)
            if silence is not None:
                silence.cancel()
                silence = None
            if self._decoder.partial:
                silence = loop.call_later(PARTIAL_TIMEOUT_S, expire)

        loop.add_reader(device.fd, on_readable)
        try:
            await ended
        finally:
            loop.remove_reader(device.fd)
            if silence is not None:
                silence.cancel()

    def close(self) -> None:
        self.forget()
        device, self._device = self._device, None
        if device is not None:
            with contextlib.suppress(OSError):
                device.close()

    def forget(self) -> None:
        """Drop what was begun: half a code is never sold."""
        self._report.clear()
        self._overrun = False
        self._decoder.reset()

    def take_events(self, events: Iterable[InputEvent], health: Health) -> None:
        """Key events count when their SYN_REPORT has come; a SYN_DROPPED spoils the code."""
        for event in events:
            if event.type == EV_KEY:
                self._report.append((event.code, event.value))
            elif event.type == EV_SYN and event.code == SYN_DROPPED:
                self._overrun = True
            elif event.type == EV_SYN and event.code == SYN_REPORT:
                report, self._report = self._report, []
                if self._overrun:  # by the kernel's rule all up to this report is void
                    self._overrun = False
                    self._decoder.lose()
                    continue
                for key, value in report:
                    self._key(key, value, health)
        health.seen()

    def _key(self, key: int, value: int, health: Health) -> None:
        code = self._decoder.feed(key, value)
        if code is None:
            return
        if not code:
            health.note(KEYS_LOST)
        elif (layout := detect_layout(self._decoder.last_keys)) is not None:
            self._calibrated(layout, health)
        else:
            self._deliver(code)

    def _calibrated(self, layout: str, health: Health) -> None:
        """The calibration barcode is no article: it sets the layout, from the next code on."""
        before = self.layout
        self._decoder.layout = LAYOUTS[layout]
        if layout == before:
            health.note(f"the scanner's keyboard layout is right: {layout}")
        else:
            health.note(
                f"the scanner's keyboard layout is {layout}, not {before}; put layout={layout} in its address"
            )
        if self._on_layout is not None:
            self._on_layout(layout)

    def _take(self, device: Any) -> None:
        if self._grab:
            try:
                device.grab()
            except OSError:
                device.close()
                raise
        self._device = device


def candidates(place: str) -> Sequence[str]:
    """The device files that a place may mean: itself, or every keyboard with that vendor and product."""
    identity = _IDENTITY.fullmatch(place)
    if identity is None:
        return (_node_of(place),)
    wanted = (int(identity[1], 16), int(identity[2], 16))
    found = []
    for node in _event_nodes():
        about = _SYSFS / node / "device"
        try:
            have = (_hex(about / "id/vendor"), _hex(about / "id/product"))
            if have == wanted and _is_keyboard(about / "capabilities/key"):
                found.append(str(_INPUT / node))
        except (OSError, ValueError):
            continue
    return found


def _node_of(place: str) -> str:
    """A name under by-id is a link; the node behind it is what a person finds in other tools."""
    try:
        target = os.readlink(place)  # noqa: PTH115 - as udev wrote it, not resolved further
    except OSError:
        return place
    node = os.path.normpath(Path(place).parent / target)
    return node if node.startswith(f"{_INPUT}/event") else place


def place_trace(place: str) -> Callable[[], object]:
    """For the supervisor: what changes when a device comes, goes, or its permissions do."""

    def look() -> object:
        return tuple((path, presence(path)) for path in candidates(place))

    return look


def _event_nodes() -> list[str]:
    try:
        nodes = [node.name for node in _INPUT.iterdir() if re.fullmatch(r"event\d+", node.name)]
    except OSError:
        return []
    return sorted(nodes, key=lambda node: int(node[5:]))


def _hex(path: Path) -> int:
    return int(path.read_text(encoding="ascii"), 16)


def _is_keyboard(capabilities: Path) -> bool:
    """The kernel prints its bit field as 64-bit words in hexadecimal, highest first."""
    lowest_word = int(capabilities.read_text(encoding="ascii").split()[-1], 16)
    return all(lowest_word >> key & 1 for key in _KEYBOARD_KEYS)


def _read(device: Any, place: str) -> list[InputEvent]:
    try:
        events: list[InputEvent] = list(device.read())
    except BlockingIOError:
        raise
    except OSError as error:  # ENODEV: unplugged
        raise DeviceAbsentError(f"{place}: unplugged") from error
    if not events:  # readable and empty: gone as well, and ready to spin for ever
        raise DeviceAbsentError(f"{place}: unplugged")
    return events


def _refusal(place: str, error: OSError | None) -> DeviceAbsentError | DeviceFaultError:
    code = error.errno if error is not None else errno.ENOENT
    if code in {errno.EACCES, errno.EPERM}:
        return DeviceFaultError(
            f"{place}: no permission; add the till's user to the group input, or install the udev rule "
            "from the folder systemd"
        )
    if code == errno.EBUSY:
        return DeviceFaultError(f"{place}: busy, another program has grabbed it")
    if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
        return DeviceAbsentError(f"{place}: not there; plug it in or correct its address")
    return DeviceFaultError(f"{place}: {error}")
