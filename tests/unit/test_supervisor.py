"""Devices come, go and break; the till hears of it in a sentence and never ends."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from drivers.supervisor import (
    DeviceAbsentError,
    DeviceEndedError,
    DeviceFaultError,
    Health,
    Supervisor,
    presence,
)
from pos.domain.commands import Command, DeviceReported


class FakeClock:
    boot_id = "test"

    def __init__(self) -> None:
        self.ms = 1_000_000

    def wall_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms

    def now(self) -> Any:
        raise NotImplementedError


class Scripted:
    """A device whose attempts are written down: what open says, and what serve does."""

    def __init__(self, *attempts: Any, serve: Callable[[Health], Any] | None = None) -> None:
        self.attempts = list(attempts)
        self.serve_step = serve
        self.opened = self.closed = 0

    async def open(self) -> str:
        self.opened += 1
        step = self.attempts.pop(0) if self.attempts else DeviceAbsentError("not there")
        if isinstance(step, BaseException):
            raise step
        return str(step)

    async def serve(self, health: Health) -> None:
        assert self.serve_step is not None
        result = self.serve_step(health)
        if asyncio.iscoroutine(result):
            await result

    def close(self) -> None:
        self.closed += 1


class Bench:
    """A supervisor with time that only passes when somebody sleeps."""

    def __init__(self, device: Any, trace: Callable[[], object] | None = None, *, nights: int = 8) -> None:
        self.clock = FakeClock()
        self.slept: list[float] = []
        self.commands: list[Command] = []
        self.nights = nights
        self.supervisor = Supervisor(
            "scanner", device, self.commands.append, self.clock, trace=trace, sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) >= self.nights:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.clock.ms += round(seconds * 1000)
        await asyncio.sleep(0)

    async def run(self, until: Callable[[], bool] | None = None) -> None:
        task = asyncio.create_task(self.supervisor.run())
        for _ in range(2000):
            await asyncio.sleep(0)
            if task.done() or (until is not None and until()):
                break
        if task.done():
            await task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    @property
    def reports(self) -> list[tuple[str, str]]:
        return [(c.state, c.detail) for c in self.commands if isinstance(c, DeviceReported)]


def test_a_missing_device_is_tried_less_and_less_often_and_reported_once() -> None:
    bench = Bench(device := Scripted())
    asyncio.run(bench.run())
    assert bench.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert bench.reports == [("opening", ""), ("absent", "not there")]
    assert device.opened == device.closed == 9


def test_a_device_that_comes_is_ready_and_says_where() -> None:
    async def forever(_: Health) -> None:
        await asyncio.Event().wait()

    bench = Bench(Scripted(DeviceAbsentError("not there"), "at /dev/x", serve=forever))
    asyncio.run(bench.run())
    assert bench.reports == [("opening", ""), ("absent", "not there"), ("ready", "at /dev/x")]
    assert bench.supervisor.generation == 1
    assert bench.supervisor.last_seen_ms == bench.clock.ms


@pytest.mark.parametrize(
    "crash", [ValueError("bad byte"), SystemExit(3), asyncio.CancelledError(), AssertionError()]
)
def test_a_driver_that_crashes_never_ends_the_till(
    crash: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(Scripted(crash, "at /dev/x", serve=lambda _: asyncio.Event().wait()))
    asyncio.run(bench.run())
    assert [state for state, _ in bench.reports] == ["opening", "fault", "ready"]
    assert type(crash).__name__ in bench.reports[1][1]
    assert "the driver of scanner failed" in caplog.text


def test_a_crash_while_serving_and_one_while_closing_are_survived(caplog: pytest.LogCaptureFixture) -> None:
    def crash(_: Health) -> None:
        raise RuntimeError("boom")

    device = Scripted("first", "second", serve=crash)
    device.close = lambda: (_ for _ in ()).throw(OSError("close"))  # type: ignore[method-assign]
    bench = Bench(device, nights=2)
    asyncio.run(bench.run())
    assert bench.supervisor.generation == 2
    assert ("fault", "the driver failed (RuntimeError: boom)") in bench.reports


def test_a_device_that_dies_at_once_every_time_is_no_storm() -> None:
    def die(_: Health) -> None:
        raise DeviceAbsentError("unplugged")

    bench = Bench(Scripted(*["ok"] * 20, serve=die))
    asyncio.run(bench.run())
    assert bench.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_after_a_good_while_the_first_pause_is_short_again() -> None:
    async def work(_: Health) -> None:
        bench.clock.ms += 10_000
        raise DeviceAbsentError("unplugged")

    bench = Bench(Scripted(DeviceAbsentError("a"), DeviceAbsentError("b"), "ok", serve=work), nights=4)
    asyncio.run(bench.run())
    assert bench.slept == [0.5, 1, 0.5, 1]


def test_a_plug_cuts_the_pause_short() -> None:
    there = [False]
    bench = Bench(device := Scripted(), lambda: there[0], nights=1000)

    async def story() -> None:
        task = asyncio.create_task(bench.supervisor.run())
        while bench.clock.ms < 1_000_000 + 40_000:  # noqa: ASYNC110 - the clock only moves here
            await asyncio.sleep(0)
        tries, at_ms = device.opened, bench.clock.ms
        there[0] = True
        while device.opened == tries:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert bench.clock.ms - at_ms <= 1000
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(story())


def test_poking_cuts_the_pause_short_but_never_below_a_quarter_second() -> None:
    bench = Bench(device := Scripted())

    async def only_short_sleeps_end(seconds: float) -> None:
        if seconds > 0.25:
            await asyncio.Event().wait()
        bench.clock.ms += round(seconds * 1000)

    bench.supervisor._sleep = only_short_sleeps_end

    async def story() -> None:
        task = asyncio.create_task(bench.supervisor.run())
        for _ in range(500):
            bench.supervisor.poke()
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert 3 < device.opened <= (bench.clock.ms - 1_000_000) / 250 + 1


def test_an_end_for_good_ends_the_task() -> None:
    bench = Bench(Scripted("fd:3", serve=lambda _: (_ for _ in ()).throw(DeviceEndedError("closed"))))
    asyncio.run(bench.run())
    assert bench.reports[-1] == ("absent", "closed")
    assert bench.slept == []


def test_a_fault_says_what_to_do_and_silence_has_a_deadline() -> None:
    bench = Bench(
        Scripted(DeviceFaultError("no permission; add the user to input"), TimeoutError()), nights=1
    )
    asyncio.run(bench.run())
    assert bench.reports[1:] == [
        ("fault", "no permission; add the user to input"),
        ("fault", "it did not answer in time"),
    ]


def test_a_device_tells_busy_ready_and_notes() -> None:
    async def work(health: Health) -> None:
        health.busy("weighing")
        health.busy("weighing")
        health.ready("at x")
        health.note("hint")
        await asyncio.Event().wait()

    bench = Bench(Scripted("at x", serve=work))
    asyncio.run(bench.run())
    assert bench.reports == [
        ("opening", ""),
        ("ready", "at x"),
        ("busy", "weighing"),
        ("ready", "at x"),
        ("ready", "hint"),
    ]


def test_cancelling_closes_the_device() -> None:
    device = Scripted("at x", serve=lambda _: asyncio.Event().wait())
    asyncio.run(Bench(device).run())
    assert device.closed == 1


def test_presence_tells_a_new_device_from_the_old(tmp_path: Any) -> None:
    path = tmp_path / "node"
    assert presence(str(path)) is None
    path.touch()
    first = presence(str(path))
    assert first is not None
    path.chmod(0o640)
    assert presence(str(path)) != first
