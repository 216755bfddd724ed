"""One terminal while its link is open: registered, met, asked, looked after. What ends it is DeviceAbsentError or DeviceFaultError.

After anything whose end nobody knows the link is dropped: the next one begins with what the terminal still has to say of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec

from drivers.card.heard import Capabilities, totals_of
from drivers.card.link import Down, Link
from drivers.card.listeners import Beside, Payment
from drivers.card.orders import Orders, OrdersError, Wishes
from drivers.card.speech import Speech
from drivers.card.talk import NOT_REGISTERED, Call, Ending, Listener, Talk, Timers
from drivers.card.zvt import Apdu
from drivers.supervisor import DeviceAbsentError, DeviceFaultError, Health
from pos.card_ports import TerminalDay, TerminalStatus
from pos.domain.card import APPROVED, CardAnswer, CardEnd, CardRequest, CardState

__all__ = ["Session", "Work"]

LOOK_S: Final = 60.0
POLL_S: Final = 60.0
_T2_S: Final = 5.0
_QUIET_TCP_S: Final = 0.5
_ACTIONS: Final = {
    0x00: "none", 0x51: "initialise", 0x62: "diagnosis", 0x9C: "wait", 0xB1: "close-day", 0xB2: "close-day",
    0xC2: "diagnosis", 0xDC: "card-in", 0xE1: "card-in", 0xF0: "close-day", 0xF6: "initialise",
}  # fmt: skip
_FRESH_S: Final = 10.0
_RESTART_SYNC: Final = -1

_log = logging.getLogger(__name__)


class Work(msgspec.Struct):
    """What the till asks for. `until` (loop time): it begins by then, or not at all; a look is over by then."""

    kind: Literal["pay", "look", "receipts", "day", "service"]
    until: float
    payment_id: str = ""
    request: CardRequest | None = None
    what: str = ""
    begun: bool = False


class _Receipts(Payment):
    """Paper only: a status that comes with it is no news."""

    async def status(self, apdu: Apdu) -> None:
        pass


class Session(Speech):
    """A drivers.supervisor.Device."""

    def __init__(
        self,
        name: str,
        make_link: Callable[[Callable[[], None]], Link],
        make_orders: Callable[[], Orders],
        wishes: Wishes,
        *,
        serial: bool,
        timers: Timers,
        remember: Callable[[Capabilities], Awaitable[None]],
    ) -> None:
        super().__init__(name, wishes, timers, remember)
        self.work: Work | None = None
        self.serving = False
        self._make_link = make_link
        self._make_orders = make_orders
        self._serial = serial
        self._health: Health | None = None
        self._status: TerminalStatus | None = None
        self._sync = (
            _RESTART_SYNC  # the newest receipt number that this terminal told in this run of the program
        )
        self._loose: Beside
        self._heard_at = 0.0
        self._last: Apdu | None = None  # the newest status that was kept and acknowledged

    # -- a device

    async def open(self) -> str:
        if self.desk is None:
            raise DeviceAbsentError("card-not-connected")
        self._orders = self._make_orders()
        link = self._make_link(self._alive)
        self._link = link
        await link.open()
        self._talk = Talk(link, self._timers)
        if (older := self._older) is not None:
            await self._talk.drain(older, quiet_s=_T2_S if self._serial else _QUIET_TCP_S, limit_s=LOOK_S)
        await self._register(fresh=True)
        await self._meet()
        return self._title

    async def serve(self, health: Health) -> None:
        self._health, self.serving = health, True
        self._loose = self._beside()
        self._tell_needs()
        loop = asyncio.get_running_loop()
        poll_at = loop.time()
        while True:
            if self.work is not None:
                await self._do(self.work, health)
                poll_at = loop.time() + POLL_S
                continue
            item = await self._on.next(poll_at)
            if item is None:
                await self._poll()
                poll_at = loop.time() + POLL_S
            elif isinstance(item, Down):
                await self._loose.save()
                raise item.error
            elif isinstance(item, Apdu):
                await self._idle(item)

    def close(self) -> None:
        self.serving = False
        self._health = None
        if self.work is not None:
            self.work.begun = False
        if self._link is not None:
            self._link.close()
            self._link = None

    def call(self, call: Call) -> None:
        """Put something among the terminal's messages."""
        if self._link is not None:
            self._link.inbox.put_nowait(call)

    def forget_sync(self) -> None:
        self._sync = _RESTART_SYNC

    @property
    def _title(self) -> str:
        return ""

    def _alive(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._health is not None:
            self._health.seen()

    # -- what the till asks for

    async def _do(self, work: Work, health: Health) -> None:
        work.begun = True
        health.busy()
        try:
            match work.kind:
                case "pay":
                    await self._pay(work)
                case "look":
                    await self._look(work)
                case "receipts":
                    await self._receipts(work)
                case "day":
                    await self._close_day()
                case "service":
                    await self._service(work)
        except (DeviceAbsentError, DeviceFaultError):
            raise
        except Exception as error:
            _log.exception("the driver of card terminal %s failed", self._name)
            self.give_up(work, CardEnd("unknown", detail="driver-failed"), "driver-failed")
            raise DeviceFaultError("card-driver") from error
        health.ready(self._title)

    def give_up(self, work: Work, end: CardEnd, detail: str) -> None:
        """Tell the till how a piece of work ended that nobody carries on."""
        if self.work is not work:
            return
        self.work = None
        if work.kind == "look":
            self._till.answer(work.payment_id, CardAnswer("silent", detail=detail))
        elif work.kind == "day":
            self._till.day(self._name, TerminalDay(end))
        elif work.kind == "service":
            self._till.status(self._name, TerminalStatus("away", detail=detail))
        else:
            self._till.ended(work.payment_id, end)

    async def _pay(self, work: Work) -> None:
        request = work.request
        assert request is not None, "a payment is one"
        self.late = None
        listener = self.payment(request.payment_id)
        sync = self._sync if self._wishes.sync and "1F1F" in self.capabilities.tags else None
        try:
            self._say.check(request, sync)
        except OrdersError as error:
            _log.error("card terminal %s: %s", self._name, error)
            self.give_up(work, CardEnd("refused", detail="not-sent"), "")
            return
        try:
            await self._be_sure()
        except (DeviceAbsentError, DeviceFaultError) as error:
            self.give_up(work, CardEnd("refused", detail="not-sent"), str(error))
            raise
        self._till.state(request.payment_id, CardState(text="sent"))
        try:
            ending = await self._registered(
                lambda: self._on.command(self._say.payment(request, sync), listener, cancellable=True)
            )
        except (DeviceAbsentError, DeviceFaultError) as error:  # the registration in between
            self.give_up(work, CardEnd("refused", NOT_REGISTERED, str(error)), "")
            raise
        self._note_sync(ending, listener)
        self._last = listener.last
        if ending.by == "unknown":
            await listener.save()
            self.late = listener
        self.give_up(work, _end_of(ending), "")
        if ending.by == "unknown":
            raise ending.away()
        if ending.by == "abort" and ending.code == NOT_REGISTERED:
            await self._register()

    async def _be_sure(self) -> None:
        """A line that was silent may have died unnoticed: better found out before the order than after it."""
        if asyncio.get_running_loop().time() - self._heard_at > _FRESH_S:
            await self._ask_status(self._beside())

    def _note_sync(self, ending: Ending, listener: Payment) -> None:
        """Tag 1F1F holds only what this terminal told of a transaction whose end was heard."""
        last = listener.results[-1] if listener.results else None
        if ending.by == "refused":
            return
        approved = ending.by == "completion" and last is not None and last.code == APPROVED
        self._sync = (last.receipt_no or _RESTART_SYNC) if approved and last is not None else _RESTART_SYNC

    async def _look(self, work: Work) -> None:
        """R2 to R4. The link has been registered when this begins; if it goes, the next one goes on here."""
        if self.late is None or self.late.payment_id != work.payment_id:
            self.late = self.payment(work.payment_id)
        try:
            async with asyncio.timeout_at(work.until):
                answer = await self._asked(work.payment_id, self.late)
        except TimeoutError:
            self.give_up(work, CardEnd("unknown"), "card-busy")
            raise DeviceAbsentError("card-busy") from None
        if answer.found == "silent":
            raise DeviceAbsentError(answer.detail)
        if self.work is work:
            self.work, self.late = None, None
            self._sync = (
                (answer.result.receipt_no or _RESTART_SYNC) if answer.result is not None else _RESTART_SYNC
            )
            self._till.answer(work.payment_id, answer)

    async def _receipts(self, work: Work) -> None:
        listener = _Receipts(self._till, work.payment_id, self._wishes.charset, self._wishes.columns)
        ending = await self._registered(
            lambda: self._command(self._say.repeat(receipts=True), listener, self._timers.t4)
        )
        await listener.save()
        self.give_up(work, _end_of(ending), "")
        if ending.by == "unknown":
            raise ending.away()

    async def _close_day(self) -> None:
        work = self.work
        assert work is not None, "it is under way"
        aside = self._aside()
        ending = await self._registered(lambda: self._on.command(self._say.end_of_day(), aside))
        await aside.flush()
        totals = [totals_of(apdu, self._wishes.charset) for apdu in aside.statuses]
        found = next((each for each in reversed(totals) if each is not None), None)
        if self.work is work:
            self.work = None
            self.forget_sync()
            self._till.day(self._name, TerminalDay(_end_of(ending), found, tuple(aside.papers)))
        if ending.by == "unknown":
            raise ending.away()

    async def _service(self, work: Work) -> None:
        order = self._say.diagnosis if work.what == "diagnosis" else self._say.initialisation
        ending = await self._registered(lambda: self._on.command(order(), self._beside()))
        self.work = None
        if ending.by == "unknown":
            self._till.status(self._name, TerminalStatus("away", detail=str(ending.away())))
            raise ending.away()
        if ending.by != "completion":
            self._till.status(self._name, TerminalStatus("service", ending.code))
            return
        self._status = None
        await self._poll()

    # -- looking after it

    def _tell_needs(self) -> None:
        if self.capabilities.needs:
            self._news(TerminalStatus(self.capabilities.needs))

    def _news(self, status: TerminalStatus) -> None:
        if status != self._status:
            self._status = status
            self._till.status(self._name, status)

    async def _poll(self) -> None:
        """05 01 while nothing else is asked: what it needs, and whether it is there at all."""
        if asyncio.get_running_loop().time() - self._heard_at > self._timers.t3:
            await self._loose.save()  # what has no end by now has none
        code = await self._ask_status(self.late or self._loose)
        if code is not None:
            self._news(TerminalStatus(_ACTIONS.get(code, "service"), code))

    async def _idle(self, apdu: Apdu) -> None:
        """What a terminal says unasked. A status that belongs to nothing known is not acknowledged: nobody would keep it."""
        listener: Listener = self.late or self._loose
        if apdu.command == 0x040F and self.late is None and apdu != self._last:
            _log.error("card terminal %s: a status that nobody asked for is left unanswered", self._name)
            raise DeviceAbsentError("card-old-payment")
        await self._on.take(apdu, listener)


def _end_of(ending: Ending) -> CardEnd:
    return CardEnd(ending.by, ending.code, ending.detail)
