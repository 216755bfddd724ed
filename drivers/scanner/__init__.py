"""Scanners: from an address to a supervised device that submits Scan commands.

`evdev` (a scanner that plays keyboard, grabbed), `serial`, and `fd` or `fifo` (lines by pipe). A scan
typed into the terminal by a scanner nobody may grab is `wedge`'s business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from drivers.scanner.address import Address, AddressError, whole_number
from drivers.scanner.repeats import OnRepeat, RepeatFilter
from drivers.supervisor import Device, Supervisor, presence
from pos.domain.commands import Scan
from pos.ports import Clock, Submit

__all__ = ["AddressError", "make_scanner"]


def make_scanner(
    address: str,
    submit: Submit,
    clock: Clock,
    *,
    name: str = "",
    layout: str = "us",
    repeat_ms: int = 0,
    on_repeat: OnRepeat | None = None,
    on_layout: Callable[[str], None] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Supervisor:
    """The scanner at `address`; raises AddressError. Its `run()` is the task.

    Options in the address win over the arguments: `name` (two scanners need one each), `repeat_ms`
    (repeated reads within that time are dropped; 0 is off), `layout`. Scans come from the source
    `scanner:evdev`, `scanner:serial`, `scanner:pipe`, or `scanner:<name>`; the device reports itself as
    `scanner`, or `scanner:<name>`. A dropped repeat is noted to the cashier unless `on_repeat` takes it.
    """
    where = Address.read(address)
    name = where.options.get("name", name)
    source = f"scanner:{name or ('pipe' if where.kind in {'fd', 'fifo'} else where.kind)}"
    window_ms = whole_number(where.options, "repeat_ms", repeat_ms)

    def note_repeat(code: str, gap_ms: int) -> None:
        supervisor.note(f"{code} was read again after {gap_ms} ms and counted once")

    repeats = RepeatFilter(window_ms, clock, on_repeat or note_repeat)

    def deliver(code: str) -> None:
        submit(Scan(code, source))

    def deliver_once(code: str) -> None:
        if repeats.passes(code):
            submit(Scan(code, source))

    device, trace = _make_device(where, deliver_once if window_ms else deliver, layout, on_layout)
    supervisor = Supervisor(
        f"scanner:{name}" if name else "scanner", device, submit, clock, trace=trace, sleep=sleep
    )
    return supervisor


def _make_device(
    where: Address,
    deliver: Callable[[str], None],
    layout: str,
    on_layout: Callable[[str], None] | None,
) -> tuple[Device, Callable[[], object] | None]:
    """The driver for the address's kind, imported only when asked for, and where to look for the device."""
    if where.kind == "evdev":
        from drivers.scanner import evdev  # noqa: PLC0415

        return (
            evdev.EvdevScanner(where, deliver, layout=layout, on_layout=on_layout),
            evdev.place_trace(where.place),
        )
    if where.kind == "serial":
        from drivers.scanner import serial  # noqa: PLC0415

        return serial.SerialScanner(where, deliver), partial(presence, where.place)
    from drivers.scanner import pipe  # noqa: PLC0415

    trace = partial(presence, where.place) if where.kind == "fifo" else None
    return pipe.PipeScanner(where, deliver), trace
