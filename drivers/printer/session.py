"""One connection to a printer, from the first question to the break: asking, sending, waiting for the barrier."""

import asyncio
import contextlib
import zlib
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from drivers.printer.drawer import DrawerSensor
from drivers.printer.spool import Job, Spool
from drivers.printer.status import Answer, Kind, PrinterStatus, StatusParser, apply
from drivers.printer.transports import Line
from drivers.supervisor import DeviceAbsentError, DeviceFaultError, Health
from pos.device_ports import JobState
from pos.ports import Clock

__all__ = ["PROBLEMS", "PrinterTraits", "Session", "Timing"]

PROBLEMS: Final = frozenset({"cover-open", "paper-out", "cutter", "offline", "busy"})
_REPORT_CHANGES: Final = b"\x1d\x61\x0f"
_GO_ON: Final = b"\x10\x05\x01"  # DLE ENQ 1
_TRUST_ROUNDS: Final = 20  # rounds of questions until the answers count (status.TRUST_BYTES)
_MUTE_AFTER: Final = 2
_WITH_DRAWER: Final = 1  # the real-time question whose answer tells the drawer's pin
# None of these letters looks like an answer to DLE EOT, which the printer may slip in between.
_ID_LETTERS: Final = bytes((*range(0x21, 0x30), *range(0x41, 0x50), *range(0x61, 0x70)))


class PrinterTraits(msgspec.Struct, frozen=True):
    """What the driver must know of a profile. `pulse`: the bytes that open the drawer, empty without one."""

    profile: str
    barrier: Literal["process-id", "status", "none"] = "status"
    status_back: bool = False
    pulse: bytes = b""


class Timing(msgspec.Struct, frozen=True):
    """Deadlines in seconds."""

    poll_s: float = 1.0  # between questions: a pulled plug is known after this and `answer_s`
    answer_s: float = 0.6  # a printer that works answers a real-time question sooner
    stall_s: float = 1.2  # a write that has not ended by then is worth a word
    hang_s: float = 12.0  # without a sign of life for this long, a job under way is given up
    barrier_s: float = 20.0  # answers questions, has no problem, and never says that the job is done
    misses: int = 3  # rounds without an answer before an idle line is opened anew


class Session:
    """The supervised device (drivers.supervisor.Device)."""

    def __init__(
        self,
        line: Line,
        traits: PrinterTraits,
        spool: Spool,
        tell: Callable[[Job], None],
        clock: Clock,
        timing: Timing,
        sensor: DrawerSensor | None = None,
    ) -> None:
        self._line = line
        self._traits = traits
        self._spool = spool
        self._tell = tell
        self._clock = clock
        self._timing = timing
        self._sensor = sensor
        self._health: Health | None = None
        self._listener: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._ever_answered = False
        self._attempts = 0
        self._reset()

    def _reset(self) -> None:
        self._parser = StatusParser()
        self._status = PrinterStatus()
        self._lost = ""
        self._answered = 0  # the real-time question that was answered last
        self._process = b""  # the process id that was answered last
        self._singles = 0  # how many GS r were answered
        self._heard_ms = self._clock.mono_ms()
        self._cover_was_open = False
        self._wanted = b""
        self._wanted_singles = 0
        self._mute: dict[int, int] = {}  # questions that go unanswered while others do not
        self._misses = 0
        self._stalled = False
        self._unverified = False

    # -- the supervisor's side

    async def open(self) -> str:
        self._reset()
        await self._line.open()
        self._listener = asyncio.create_task(self._listen())
        if self._line.two_way:
            if self._traits.status_back:
                await self._send(_REPORT_CHANGES)
            await self._ask_all()
            if not self._parser.trusted and self._ever_answered:
                raise DeviceFaultError("busy")  # it could talk before: this is a hang, no silent printer
        self._unverified = not self._parser.trusted
        self._misses = 0
        return self._detail()

    async def serve(self, health: Health) -> None:
        self._health = health
        while True:
            self._show()
            job = self._spool.next()
            if job is not None and await self._able():
                if job.state is JobState.QUEUED and not job.held:
                    await self._print(job)
                continue
            if not await self._until(self._has_work, self._timing.poll_s):
                await self._ask_all()
                self._give_up_if_dead()

    def close(self) -> None:
        self._health = None
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        self._line.close()

    # -- the printer's side

    def wake(self) -> None:
        self._news.set()

    def pulse(self) -> bool:
        """Send the drawer's pulse now, or not at all."""
        if not self._traits.pulse or self._health is None or self._lost or self._detail() in PROBLEMS:
            return False
        return self._line.write_now(self._traits.pulse)

    # -- listening

    async def _listen(self) -> None:
        try:
            while True:
                for answer in self._parser.feed(await self._line.read()):
                    self._hear(answer)
                self._show()
                self._news.set()
        except (DeviceAbsentError, DeviceFaultError) as error:
            self._lost = str(error)
            self._news.set()

    def _hear(self, answer: Answer) -> None:
        self._heard_ms = self._clock.mono_ms()
        if answer.kind is Kind.PROCESS:
            self._process = answer.value
        elif answer.kind is Kind.SINGLE and answer.trusted:
            self._singles += 1
        elif answer.kind is Kind.REALTIME:
            self._answered = answer.question
        if answer.trusted:
            self._cover_was_open |= self._status.cover_open
            self._status = apply(self._status, answer)
            self._ever_answered = True
            self._unverified = self._stalled = False
            self._misses = 0
            if self._health is not None:
                self._health.seen()
            if self._sensor is not None and (answer.kind is Kind.REPORT or answer.question == _WITH_DRAWER):
                self._sensor.level(high=self._status.drawer_high)

    def _detail(self) -> str:
        """The one word: a problem, else paper-low or unverified, else nothing."""
        if self._status.problem:
            return self._status.problem
        if self._stalled or (self._misses and not self._unverified):
            return "busy"
        if self._unverified:
            return "unverified"
        return "paper-low" if self._status.paper_low else ""

    def _show(self) -> None:
        if self._health is not None:
            detail = self._detail()
            if detail in PROBLEMS:
                self._health.busy(detail)
            else:
                self._health.ready(detail)

    # -- asking

    async def _ask_all(self) -> None:
        """Real-time questions, repeated until the answers can be trusted. A silent printer is not waited for."""
        if not self._line.two_way:
            return
        if self._unverified and not self._answered:
            self._parser.forget_questions()
            self._parser.expect_realtime(1)
            await self._send(bytes((0x10, 0x04, 1)))
            return
        for _ in range(_TRUST_ROUNDS):
            await self._ask_round()
            if self._misses or self._parser.sure:
                return

    async def _ask_round(self) -> None:
        """Whether it is on line, why not, and the paper."""
        if not await self._ask(1):
            self._misses += 1
            return
        if self._status.offline:
            await self._ask(2)
            await self._ask(3)
        await self._ask(4)
        await self._restart_cutter()

    async def _restart_cutter(self) -> None:
        """A jammed cutter stays stopped until it is told to go on; only after someone was at the cover."""
        if self._status.cutter and self._cover_was_open and not self._status.cover_open:
            self._cover_was_open = False
            await self._send(_GO_ON)

    async def _ask(self, question: int) -> bool:
        if self._mute.get(question, 0) >= _MUTE_AFTER:
            return False
        self._answered = 0
        self._parser.forget_questions()
        self._parser.expect_realtime(question)
        await self._send(bytes((0x10, 0x04, question)))
        if await self._until(lambda: self._answered == question, self._timing.answer_s):
            self._mute.pop(question, None)
            return True
        self._parser.forget_questions()
        if question != 1:
            self._mute[question] = self._mute.get(question, 0) + 1
        return False

    async def _able(self) -> bool:
        """Asked right before the first byte: a printer that cannot print keeps nothing in its buffer."""
        if self._line.two_way and not self._unverified:
            await self._ask_all()
            self._show()
        return self._detail() not in PROBLEMS

    def _give_up_if_dead(self) -> None:
        if self._ever_answered and self._misses >= self._timing.misses:
            raise DeviceAbsentError("unreachable")

    def _has_work(self) -> bool:
        return self._spool.next() is not None and self._detail() not in PROBLEMS

    # -- printing

    async def _print(self, job: Job) -> None:
        """Send one job and wait for its barrier; whatever breaks, its state says how far it came."""
        silent = self._unverified or not self._line.two_way
        verifies = not silent and self._traits.barrier != "none"
        if job.info.verifies != verifies:
            info = msgspec.structs.replace(job.info, verifies=verifies)
            await self._spool.rewrite(job, info, job.payload)
            if job.state is not JobState.QUEUED or job.held:
                return
        await self._spool.set(job, JobState.SENDING)
        try:
            await self._write(job.payload + (self._barrier(job) if verifies else b""))
            await self._spool.set(job, JobState.SENT)
            self._tell(job)
            if verifies:
                await self._confirm(job)
        except Exception:
            unsent = job.state is JobState.SENDING and self._line.written == 0
            fate = JobState.QUEUED if unsent else JobState.UNKNOWN
            try:
                await self._spool.set(job, fate)
            finally:
                job.state = fate  # also when the store fails: what it holds is asked about at the next start
                self._tell(job)
            raise

    def _barrier(self, job: Job) -> bytes:
        """The question after the job, by what the profile knows."""
        self._attempts += 1
        self._process = b""
        self._singles = 0
        if self._traits.barrier == "process-id":
            self._wanted = process_id(job.job_id, self._attempts)
            return b"\x1d\x28\x48\x06\x00\x30\x30" + self._wanted
        self._parser.expect_single()
        self._wanted_singles = self._parser.singles_expected
        return b"\x1d\x72\x01"

    def _is_out(self) -> bool:
        if self._traits.barrier == "process-id":
            return self._process == self._wanted
        return self._singles >= self._wanted_singles

    async def _write(self, data: bytes) -> None:
        """One write; when it stalls the cashier hears of it, and while a reason is known it may wait."""
        self._line.written = 0
        write = asyncio.create_task(
            self._line.write(data, self._timing.hang_s, lambda: bool(self._status.problem))
        )
        started_ms = self._clock.mono_ms()
        try:
            while not write.done():
                self._news.clear()
                watch = asyncio.create_task(self._news.wait())
                await asyncio.wait({write, watch}, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
                watch.cancel()
                if self._lost and not write.done():
                    raise DeviceAbsentError(self._lost)
                waited_ms = self._clock.mono_ms() - max(started_ms, self._heard_ms)
                if not write.done() and waited_ms >= self._timing.stall_s * 1000:
                    self._stalled = True
                    self._show()
            await write
        finally:
            write.cancel()
            self._stalled = False
            with contextlib.suppress(DeviceAbsentError, DeviceFaultError, asyncio.CancelledError):
                await write

    async def _confirm(self, job: Job) -> None:
        """Wait until the printer says the job is out. A known problem may last; silence may not."""
        well_since_ms = self._clock.mono_ms()
        while not await self._until(self._is_out, self._timing.poll_s):
            await self._ask_all()
            self._show()
            now_ms = self._clock.mono_ms()
            if self._status.problem and not self._misses:
                well_since_ms = now_ms
            elif self._misses and now_ms - self._heard_ms >= self._timing.hang_s * 1000:
                raise DeviceAbsentError("unreachable")
            elif now_ms - well_since_ms >= self._timing.barrier_s * 1000:
                # It talks, and does not know the barrier: nothing more can be learned about this job.
                return await self._leave_unverified(job)
        await self._spool.set(job, JobState.CONFIRMED)
        self._tell(job)
        return None

    async def _leave_unverified(self, job: Job) -> None:
        await self._spool.rewrite(job, msgspec.structs.replace(job.info, verifies=False), job.payload)
        self._tell(job)

    # -- waiting

    async def _send(self, data: bytes) -> None:
        if self._lost:
            raise DeviceAbsentError(self._lost)
        await self._line.write(data, self._timing.answer_s)

    async def _until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for news until `done()`; False when time is up, DeviceAbsentError when the line is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not done():
                    if self._lost:
                        raise DeviceAbsentError(self._lost)
                    self._news.clear()
                    await self._news.wait()
        return done()


def process_id(job_id: str, attempt: int) -> bytes:
    """Four letters for GS ( H that an answer to an earlier job or connection will not carry."""
    number = zlib.crc32(f"{job_id}/{attempt}".encode())
    letters = bytearray()
    for _ in range(4):
        number, place = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[place])
    return bytes(letters)
