"""Keeps one device alive: opens it, serves it, and starts over when it goes, whatever happens inside.

A till sells with every device gone. So nothing a driver raises leaves this module; it becomes a state
and a sentence for the cashier, and the next attempt follows after a pause that doubles from 0.5 s to 30 s.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Protocol

from pos.device_ports import DeviceState
from pos.domain.commands import DeviceReported
from pos.ports import Clock, Submit

__all__ = [
    "Device",
    "DeviceAbsentError",
    "DeviceEndedError",
    "DeviceFaultError",
    "Health",
    "Supervisor",
    "presence",
]

Sleep = Callable[[float], Awaitable[object]]

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
STEADY_MS = 5_000  # a device that was ready this long has earned a short first pause again
GLANCE_S = 0.25  # how often a pause looks whether the device has been plugged in
PACE_MS = 250  # two attempts are never closer than this, whoever asks
OPEN_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class DeviceAbsentError(Exception):
    """The device is not there, or has gone. The text is a sentence for the cashier."""


class DeviceFaultError(Exception):
    """The device is there and cannot be used. The text is a sentence that says what to do."""


class DeviceEndedError(Exception):
    """The device has ended and will not come back (the end of a pipe): no further attempt."""


class Health(Protocol):
    """What a device may say about itself while it is served."""

    def seen(self) -> None:
        """The device gave a sign of life."""
        ...

    def busy(self, detail: str = "") -> None: ...
    def ready(self, detail: str = "") -> None: ...
    def note(self, detail: str) -> None:
        """Tell the cashier something that does not change the state."""
        ...


class Device(Protocol):
    """One device behind a driver. All three run on the event loop and may not block it."""

    async def open(self) -> str:
        """Find and open it; returns a detail worth showing. Raises DeviceAbsentError, DeviceFaultError."""
        ...

    async def serve(self, health: Health) -> None:
        """Work until the device goes, which is said by DeviceAbsentError or a plain return."""
        ...

    def close(self) -> None:
        """Let go of everything; called after every attempt, also a failed one."""
        ...


class Supervisor:
    """Runs one device for ever; a task of its own beside the app.

    `trace`, if given, is a cheap look at where the device would appear (None for not there): when its
    answer changes during a pause, the pause ends. `poke()` does the same for whoever knows better.
    Attempts that fail the same way again are not reported again.
    """

    def __init__(
        self,
        name: str,
        device: Device,
        submit: Submit,
        clock: Clock,
        *,
        trace: Callable[[], object] | None = None,
        sleep: Sleep = asyncio.sleep,
        open_timeout_s: float = OPEN_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.state = DeviceState.ABSENT
        self.detail = ""
        self.generation = 0  # counts the times the device was opened
        self.last_seen_ms: int | None = None  # wall time of its last sign of life
        self._device = device
        self._submit = submit
        self._clock = clock
        self._trace = trace
        self._sleep = sleep
        self._open_timeout_s = open_timeout_s
        self._poked = asyncio.Event()
        self._tried_ms = 0
        self._trace_before: object = None

    async def run(self) -> None:
        """Returns only when the device has ended for good; a cancellation passes through."""
        pause_s = BACKOFF_FIRST_S
        while True:
            opened_before = self.generation
            state, detail, ended = await self._attempt()
            self._report(state, detail)
            if ended:
                return
            held_ms = self._clock.mono_ms() - self._tried_ms
            if self.generation > opened_before and held_ms >= STEADY_MS:
                pause_s = BACKOFF_FIRST_S
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)

    def poke(self) -> None:
        """Something was plugged in: do not wait for the end of the pause. From the loop's thread only."""
        self._poked.set()

    def seen(self) -> None:
        self.last_seen_ms = self._clock.wall_ms()

    def busy(self, detail: str = "") -> None:
        self._report(DeviceState.BUSY, detail)

    def ready(self, detail: str = "") -> None:
        self._report(DeviceState.READY, detail)

    def note(self, detail: str) -> None:
        self._send(self.state, detail)

    async def _attempt(self) -> tuple[DeviceState, str, bool]:
        """Open and serve once: the state it ended in, why, and whether that is final."""
        self._poked.clear()
        self._tried_ms = self._clock.mono_ms()
        self._trace_before = self._look()
        if self.generation == 0 and not self.detail:
            self._report(DeviceState.OPENING, "")
        try:
            async with asyncio.timeout(self._open_timeout_s):
                detail = await self._device.open()
            self.generation += 1
            self.seen()
            self._report(DeviceState.READY, detail)
            await self._device.serve(self)
        except DeviceEndedError as end:
            return DeviceState.ABSENT, str(end), True
        except DeviceAbsentError as gone:
            return DeviceState.ABSENT, str(gone), False
        except DeviceFaultError as fault:
            return DeviceState.FAULT, str(fault), False
        except TimeoutError:
            return DeviceState.FAULT, "it did not answer in time", False
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            _log.exception("the driver of %s failed", self.name)
            return DeviceState.FAULT, f"the driver failed ({type(error).__name__}: {error})", False
        else:
            return DeviceState.ABSENT, "the connection ended", False
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._device.close()
        except Exception:  # noqa: BLE001 - no driver may end the till
            _log.exception("closing %s failed", self.name)

    def _look(self) -> object:
        if self._trace is None:
            return None
        try:
            return self._trace()
        except Exception:  # noqa: BLE001 - no driver may end the till
            _log.exception("looking for %s failed", self.name)
            return None

    async def _pause(self, seconds: float) -> None:
        left_s = seconds
        while left_s > 0:
            step_s = left_s if self._trace is None else min(GLANCE_S, left_s)
            await self._sleep_or_poke(step_s)
            left_s -= step_s
            if self._poked.is_set() or self._look() != self._trace_before:
                early_ms = PACE_MS - (self._clock.mono_ms() - self._tried_ms)
                if early_ms > 0:
                    await self._sleep(early_ms / 1000)
                return

    async def _sleep_or_poke(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._sleep(seconds)),
            asyncio.ensure_future(self._poked.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _report(self, state: DeviceState, detail: str) -> None:
        if (state, detail) == (self.state, self.detail):
            return
        self.state = state
        self.detail = detail
        self._send(state, detail)

    def _send(self, state: DeviceState, detail: str) -> None:
        self._submit(DeviceReported(device=self.name, state=state.value, detail=detail))


def presence(path: str) -> object:
    """For `trace`: None if nothing is at the path, else what changes with the device or its permissions."""
    try:
        about = os.stat(path)  # noqa: PTH116 - several times a second, without building a Path
    except OSError:
        return None
    return about.st_ino, about.st_rdev, about.st_mode, about.st_uid, about.st_gid
