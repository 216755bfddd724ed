"""Brings each receipt to paper exactly once as an original, or asks; and opens the drawer.

A job's bytes are saved before the first one leaves. After them goes a question that the printer answers
only when all before it is done (the barrier). If the line breaks in between, nobody can know whether the
receipt came out: the job is `unknown`, and the cashier decides. What provably never left is sent again
by itself. A printer that stops for paper keeps its buffer and goes on; nothing is sent twice to it.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from drivers.printer.drawer import CLOSED, DrawerSensor
from drivers.printer.session import PROBLEMS, PrinterTraits, Session, Timing
from drivers.printer.spool import Job, Spool, SpoolInfo
from drivers.printer.transports import Line
from drivers.supervisor import Supervisor
from pos.device_ports import DeviceState, JobState, PrintJob, SpoolStore
from pos.domain.commands import Command, DeviceReported
from pos.ports import Clock, Submit, Worker
from pos.storage_ports import JournalUnavailableError

__all__ = ["Compose", "EscPosPrinter"]

Compose = Callable[[PrintJob, str], bytes]
"""A job's bytes for a printer profile by name; blocks, so it runs on the worker."""

_RETRY_S: Final = 2.0
_PAUSE_MAX_S: Final = 2.0  # a printer that is switched on again prints what waits within this

_log = logging.getLogger(__name__)


class EscPosPrinter:
    """One printer with its drawer: ports.ReceiptPrinter and ports.CashDrawer.

    `run()` is its task; everything else returns at once and is called on the loop's thread. News are
    DeviceReported(name, ...) with the details paper-out, paper-low, cover-open, cutter, offline,
    unreachable, busy, unverified, held, no-permission, no-library, receipt-failed; the drawer reports as
    `drawer`, with `open` and `left-open` where `drawer_open` says which level of its sensor ("high", "low") means open,
    and where it is open for longer than `drawer_open_s`. `other` takes jobs over on the choice "other-printer"; it must share the spool store.
    """

    def __init__(
        self,
        line: Line,
        traits: PrinterTraits,
        store: SpoolStore,
        compose: Compose,
        submit: Submit,
        worker: Worker,
        clock: Clock,
        *,
        name: str = "printer",
        other: "EscPosPrinter | None" = None,
        timing: Timing | None = None,
        drawer_open: str = "",
        drawer_open_s: float = 30.0,
    ) -> None:
        self.name = name
        self.traits = traits
        self._compose = compose
        self._submit = submit
        self._worker = worker
        self._other = other
        self._spool = Spool(store, name)
        self._sensor = None
        if drawer_open and traits.pulse:
            self._sensor = DrawerSensor(
                open_is_high=drawer_open == "high", limit_s=drawer_open_s, tell=self._tell_drawer
            )
        self._session = Session(
            line, traits, self._spool, self._tell, clock, timing or Timing(), self._sensor
        )
        self._supervisor = Supervisor(name, self._session, self._relay, clock, sleep=_short_sleep)
        self._requests: asyncio.Queue[PrintJob | tuple[str, str]] = asyncio.Queue()
        self._shown = (DeviceState.ABSENT, "")
        self._drawer_shown = DeviceState.NONE

    # -- the ports

    def submit(self, job: PrintJob) -> None:
        """Print a receipt. An id that was given before prints nothing a second time."""
        self._requests.put_nowait(job)

    def decide(self, job_id: str, choice: str) -> None:
        """Carry out the cashier's word; a choice that is not possible leaves the job, which is told again."""
        self._requests.put_nowait((job_id, choice))

    def open(self) -> bool:
        """Open the drawer: the pulse overtakes every receipt that has not begun to leave."""
        return self._session.pulse()

    async def run(self) -> None:
        """Print for ever; a cancellation ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_books())
            group.create_task(self._supervisor.run())

    def adopt(self, info: SpoolInfo, payload: bytes) -> None:
        """Take a job over from another printer; the store knows it already."""
        job = self._spool.adopt(info, payload)
        self._tell(job)
        self._session.wake()

    # -- what the till wants

    async def _keep_books(self) -> None:
        await self._insist(self._load)
        while True:
            request = await self._requests.get()
            if isinstance(request, PrintJob):
                await self._insist(functools.partial(self._accept, request))
            else:
                await self._insist(functools.partial(self._decide, *request))
            self._session.wake()

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it until the store lets it be done: a full disk must not lose a receipt."""
        while True:
            try:
                return await step()
            except JournalUnavailableError as error:
                _log.warning("the spool cannot be written: %s", error)
                await asyncio.sleep(_RETRY_S)
            except Exception:  # noqa: BLE001 - a bug in one request must not end the printer
                _log.exception("a request to %s failed", self.name)
                return None

    async def _load(self) -> None:
        for job in await self._spool.load():
            self._tell(job)
        self._session.wake()

    async def _accept(self, job: PrintJob) -> None:
        known = self._spool.fate(job.job_id)
        if known is not None:  # asked twice: never a second original
            self._report(job.job_id, known)
            return
        try:
            payload = await self._worker.run(self._compose, job, self.traits.profile)
        except Exception:  # noqa: BLE001 - a receipt that cannot be composed is told, the next one prints
            _log.exception("receipt %s cannot be composed", job.job_id)
            self._report(job.job_id, JobState.DROPPED, "receipt-failed")
            return
        self._tell(await self._spool.add(SpoolInfo(job, self.name), payload))

    async def _decide(self, job_id: str, choice: str) -> None:
        job = self._spool.find(job_id)
        if job is None or not job.decidable or job.held:
            return None
        job.held = True
        try:
            if choice == "printed" and job.state is not JobState.QUEUED:
                await self._spool.set(job, JobState.CONFIRMED)
            elif choice == "code-only":
                await self._spool.set(job, JobState.DROPPED)
            elif choice == "again":
                await self._again(job)
            elif choice == "other-printer" and self._other is not None:
                return await self._hand_over(job, self._other)
        finally:
            job.held = False
        self._tell(job)
        return None

    async def _again(self, job: Job) -> None:
        """Once more; as a copy where the original may be out. Waiting jobs just go on waiting."""
        if job.state is not JobState.QUEUED:
            await self._rewrite(job, self)
            await self._spool.set(job, JobState.QUEUED)

    async def _hand_over(self, job: Job, other: "EscPosPrinter") -> None:
        """One write moves the job, so that no crash leaves it with both printers or with none."""
        await self._rewrite(job, other)
        await self._spool.set(job, JobState.QUEUED)
        self._spool.forget(job)
        other.adopt(job.info, job.payload)

    async def _rewrite(self, job: Job, printer: "EscPosPrinter") -> None:
        copy = job.info.job.copy or job.state is not JobState.QUEUED
        marked = msgspec.structs.replace(job.info.job, copy=copy)
        payload = await self._worker.run(self._compose, marked, printer.traits.profile)
        await self._spool.rewrite(job, SpoolInfo(marked, printer.name), payload)

    # -- what the till hears

    def _tell(self, job: Job) -> None:
        self._report(job.job_id, job.state)

    def _report(self, job_id: str, job_state: JobState, detail: str | None = None) -> None:
        state, shown = self._shown
        self._submit(
            DeviceReported(
                device=self.name,
                state=state.value,
                detail=shown if detail is None else detail,
                job_id=job_id,
                job_state=job_state.value,
            )
        )

    def _relay(self, command: Command) -> None:
        """The supervisor's news in the driver's words: a printer that is there and cannot print is at fault."""
        assert isinstance(command, DeviceReported), "a supervisor reports devices"
        state = DeviceState(command.state)
        if command.detail in PROBLEMS and state in (DeviceState.BUSY, DeviceState.READY):
            state = DeviceState.FAULT
        if (state, command.detail) == self._shown:
            return
        self._shown = (state, command.detail)
        self._submit(msgspec.structs.replace(command, state=state.value))
        if self.traits.pulse and self._drawer_shown is not state:
            self._drawer_shown = state
            if self._sensor is not None and state in (DeviceState.ABSENT, DeviceState.OPENING):
                self._sensor.forget()
            word = self._sensor.word if self._sensor is not None else CLOSED
            self._submit(DeviceReported("drawer", state.value, word or command.detail))

    def _tell_drawer(self, word: str) -> None:
        self._submit(DeviceReported("drawer", self._drawer_shown.value, word))


async def _short_sleep(seconds: float) -> None:
    await asyncio.sleep(min(seconds, _PAUSE_MAX_S))
