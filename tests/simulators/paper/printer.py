"""A receipt printer made of memory: receive buffer, speed, sensors, faults and answers around the interpreter."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from tests.simulators.paper import grammar
from tests.simulators.paper.interpreter import Interpreter, real_time_pulse
from tests.simulators.paper.model import DrawerPulse, Item, Receipt, TextLine, Violation
from tests.simulators.paper.profile import PROFILES, Profile
from tests.simulators.paper.status import Personality, Status, gs_i

_TAIL = len(grammar.CLEAR_BUFFERS)


@dataclass(frozen=True)
class Pulse:
    """A drawer opened: `at` is wall time for people, `monotonic_s` for measuring."""

    pin: int
    on_ms: int
    off_ms: int
    realtime: bool
    at: datetime
    monotonic_s: float


class PaperPrinter:
    """Put bytes in with `receive`, get answers through an attached writer, look at `receipts`.

    `speed_mm_s` None prints without delay. `buffer_bytes` is the receive buffer: when it is full the
    printer takes nothing more, so not even real-time commands get through, as on a real line.
    Real-time commands are found at arrival, wherever they stand. The printer works in a thread of its
    own between `start()` and `stop()`; it is a context manager.
    """

    def __init__(
        self,
        profile: Profile | str = "48",
        *,
        buffer_bytes: int = 4096,
        speed_mm_s: float | None = None,
        personality: Personality = "full",
    ) -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.buffer_bytes = buffer_bytes
        self.speed_mm_s = speed_mm_s
        self.personality: Personality = personality
        self.pulses: list[Pulse] = []
        self.received = bytearray()  # every byte that ever reached the printer
        self.bytes_lost = 0  # taken, but thrown away by power-off or a clear command
        self.changed = threading.Condition(threading.RLock())
        self.version = 0  # grows with every visible change
        self._status = Status()
        self._powered = True
        self._reading = True
        self._buffer = bytearray()
        self._tail = b""
        self._asb_mask = 0
        self._writers: list[Callable[[bytes], None]] = []
        self._power_listeners: list[Callable[[bool], None]] = []
        self._power_off_at: int | None = None
        self._paper_end_at: int | None = None
        self._lines = 0
        self._owed_dots = 0
        self._busy = False
        self._running = False
        self._thread: threading.Thread | None = None
        self._interpreter = Interpreter(
            self.profile, realtime=False, on_item=self._on_item, on_query=self._on_query
        )

    # -- what tests look at ----------------------------------------------------------------------

    @property
    def status(self) -> Status:
        return self._status

    @property
    def powered(self) -> bool:
        return self._powered

    @property
    def reading(self) -> bool:
        return self._powered and self._reading

    @property
    def receipts(self) -> list[Receipt]:
        """Snapshots of all receipts, the uncut one last."""
        with self.changed:
            return [receipt.copy() for receipt in self._interpreter.receipts]

    @property
    def cut_receipts(self) -> list[Receipt]:
        return [receipt for receipt in self.receipts if receipt.cut]

    @property
    def violations(self) -> list[Violation]:
        with self.changed:
            return list(self._interpreter.violations)

    @property
    def mm(self) -> float:
        """Paper used so far."""
        with self.changed:
            return self._interpreter.mm

    @property
    def buffered(self) -> int:
        """Bytes in the receive buffer."""
        with self.changed:
            return len(self._buffer)

    @property
    def lines_printed(self) -> int:
        return self._lines

    def wait_for(self, condition: Callable[["PaperPrinter"], object], timeout_s: float = 5.0) -> bool:
        """Wait until `condition(self)` holds; False when it did not in time."""
        with self.changed:
            return bool(self.changed.wait_for(lambda: condition(self), timeout_s))

    def wait_change(self, seen: int, timeout_s: float) -> bool:
        """Wait until `version` is no longer `seen`."""
        return self.wait_for(lambda printer: printer.version != seen, timeout_s)

    def wait_receipts(self, count: int, timeout_s: float = 5.0) -> list[Receipt]:
        """The cut receipts as soon as there are `count`; fewer when time is up."""
        self.wait_for(lambda printer: len(printer.cut_receipts) >= count, timeout_s)
        return self.cut_receipts

    def wait_idle(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything received has been carried out."""
        return self.wait_for(lambda printer: not printer._buffer and not printer._busy, timeout_s)

    # -- what tests do ---------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        """Change sensors by the names of `Status`, e.g. `set(paper="end", cover_open=True)`."""
        with self.changed:
            self._change(replace(self._status, **changes))

    def stop_reading(self) -> None:
        """Hang: connections stay open and nothing is read from them any more."""
        with self.changed:
            self._reading = False
            self._touch()

    def resume_reading(self) -> None:
        with self.changed:
            self._reading = True
            self._touch()

    def power_off(self) -> None:
        """Switch off: buffer, unprinted line and settings are gone, connections break."""
        with self.changed:
            if not self._powered:
                return
            self._powered = False
            self.bytes_lost += len(self._buffer)
            self._buffer.clear()
            self._tail = b""
            self._asb_mask = 0
            self._owed_dots = 0
            self._interpreter.power_cycle()
            self._touch()
            listeners = list(self._power_listeners)
        for listener in listeners:
            listener(False)

    def power_on(self) -> None:
        with self.changed:
            if self._powered:
                return
            self._powered = True
            self._touch()
            listeners = list(self._power_listeners)
        for listener in listeners:
            listener(True)

    def power_off_after(self, count: int) -> None:
        """Switch off as soon as `count` more bytes have arrived."""
        with self.changed:
            self._power_off_at = len(self.received) + count

    def paper_end_after(self, lines: int) -> None:
        """Run out of paper when `lines` more lines of text are printed."""
        with self.changed:
            self._paper_end_at = self._lines + lines

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._running = True
        self._thread = threading.Thread(target=self._work, name="paper-printer", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        with self.changed:
            self._running = False
            self._touch()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    # -- what servers use ------------------------------------------------------------------------

    @contextmanager
    def attached(self, writer: Callable[[bytes], None]) -> Iterator[None]:
        """Send the printer's answers to `writer`, which must not block."""
        with self.changed:
            self._writers.append(writer)
        try:
            yield
        finally:
            with self.changed:
                self._writers.remove(writer)

    def on_power(self, listener: Callable[[bool], None]) -> None:
        self._power_listeners.append(listener)

    def off_power(self, listener: Callable[[bool], None]) -> None:
        self._power_listeners.remove(listener)

    def room(self, timeout_s: float) -> int:
        """Bytes the printer would take now; waits up to `timeout_s` for more than none."""
        with self.changed:
            self.changed.wait_for(lambda: self._room() > 0, timeout_s)
            return self._room()

    def receive(self, data: bytes) -> int:
        """Take as many bytes as there is room for; returns how many were taken."""
        taken = 0
        with self.changed:
            for code in data:
                if not self._room():
                    break
                taken += 1
                self._take(code)
                if self._power_off_at is not None and len(self.received) >= self._power_off_at:
                    self._power_off_at = None
                    self.power_off()
                    break
            if taken:
                self._touch()
        return taken

    # -- inside ----------------------------------------------------------------------------------

    def _touch(self) -> None:
        self.version += 1
        self.changed.notify_all()

    def _room(self) -> int:
        return max(0, self.buffer_bytes - len(self._buffer)) if self.reading else 0

    def _take(self, code: int) -> None:
        self.received.append(code)
        self._buffer.append(code)
        self._tail = (self._tail + bytes([code]))[-_TAIL:]
        tail = self._tail
        if tail[-3:-1] == b"\x10\x04" and 1 <= code <= 4:
            self._answer(self._status.dle_eot(code))
        elif tail[-3:-1] == b"\x10\x05" and code in (1, 2):
            self._recover(clear=code == 2)
        elif tail[-5:-2] == b"\x10\x14\x01" and tail[-2] in (0, 1) and 1 <= code <= 8:
            self._interpreter.pulse(real_time_pulse(tail[-5:]))
        elif tail == grammar.CLEAR_BUFFERS:
            self._throw_away()

    def _recover(self, *, clear: bool) -> None:
        """DLE ENQ: end a cutter error, with or without the data that waits behind it."""
        if self._status.cutter_error:
            if clear:
                self._throw_away()
            self._change(replace(self._status, cutter_error=False))

    def _throw_away(self) -> None:
        self.bytes_lost += len(self._buffer)
        self._buffer.clear()
        self._interpreter.clear()

    def _change(self, status: Status) -> None:
        before, self._status = self._status, status
        watched = before.asb_watched(self._asb_mask) != status.asb_watched(self._asb_mask)
        if self._asb_mask and watched and self._powered:
            self._answer(status.asb())
        self._touch()

    def _answer(self, data: bytes) -> None:
        if self.personality == "silent" or not self._powered:
            return
        for writer in list(self._writers):
            writer(data)

    def _on_query(self, name: str, arguments: bytes) -> None:
        full = self.personality == "full"
        if name == "GS r":
            self._answer(self._status.gs_r(arguments[0]))
        elif name == "GS I" and full:
            self._answer(gs_i(arguments[0]))
        elif name == "GS ( H" and full:
            self._answer(b"\x37\x22" + arguments + b"\x00")
        elif name == "GS a" and full:
            self._asb_mask = arguments[0]
            if self._asb_mask:
                self._answer(self._status.asb())

    def _on_item(self, item: Item) -> None:
        if isinstance(item, DrawerPulse):
            self.pulses.append(
                Pulse(
                    pin=item.pin,
                    on_ms=item.on_ms,
                    off_ms=item.off_ms,
                    realtime=item.realtime,
                    at=datetime.now().astimezone(),
                    monotonic_s=time.monotonic(),
                )
            )
        self._owed_dots += item.dots
        if isinstance(item, TextLine):
            self._lines += 1
            if self._paper_end_at is not None and self._lines >= self._paper_end_at:
                self._paper_end_at = None
                self._change(replace(self._status, paper="end"))

    def _work(self) -> None:
        """Carry out the buffer byte by byte while nothing is wrong, at the speed of the paper."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: not self._running or self._can_print())
                if not self._running:
                    return
                self._busy = True
                # One byte at a time, so that a fault stops the print where it happens.
                for _ in range(64):
                    if not self._can_print() or self._owed_dots:
                        break
                    code = self._buffer[0]
                    del self._buffer[0]
                    self._interpreter.feed(bytes([code]))
                pause_s = self.profile.mm(self._owed_dots) / self.speed_mm_s if self.speed_mm_s else 0.0
                self._owed_dots = 0
                self._busy = pause_s > 0
                self._touch()
            if pause_s:
                self._sleep(pause_s)
                with self.changed:
                    self._busy = False
                    self._touch()

    def _can_print(self) -> bool:
        return bool(self._buffer) and self._powered and not self._status.stopped

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self.changed:
            self.changed.wait_for(
                lambda: not self._running or not self._powered or time.monotonic() >= deadline,
                seconds,
            )
