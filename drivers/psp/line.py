"""The line to a payment service: it creates, asks again and again with pauses that grow, cancels, refunds, and asks after a cut.

It speaks to the till as a card terminal does: what the service said is kept before anything else is done, and what it never
said is unknown. Nothing is ever ordered under another key.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from msgspec.structs import replace

from pos.card_ports import CardDesk, NotKeptError
from pos.domain.card import CardAnswer, CardEnd, CardRequest, CardResult, CardState
from pos.domain.psp import FINAL, PspOrder, PspSays, result_of
from pos.ports import Clock
from pos.psp_ports import PaymentService, PspAwayError, PspRefusedError

__all__ = ["PspLine"]

POLL_S: Final = (1.0, 1.0, 2.0, 2.0, 3.0, 5.0)
AWAY_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
TRIES: Final = 5
"""So often an order is repeated, under its own key, before it is unknown."""
KEY_MS: Final = 23 * 3_600_000
"""A service remembers a key for a day; later it is only looked for."""
LATE_MS: Final = 6 * 60_000
"""What was sent so long ago cannot arrive any more."""


class PspLine:
    """pos.card_ports.CardTerminal of a service. `order_of` gives the whole order of a payment that is asked for."""

    provider: str

    def __init__(
        self,
        name: str,
        service: PaymentService,
        clock: Clock,
        *,
        text: str = "",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.provider = service.name
        self._service = service
        self._clock = clock
        self._text = text
        self._sleep = sleep
        self._desk: CardDesk | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, asyncio.Event] = {}
        self._newest = ""

    @property
    def ready(self) -> bool:
        return self._desk is not None

    def connect(self, desk: CardDesk) -> None:
        self._desk = desk

    def start(self, request: CardRequest) -> None:
        """A link for a sale, or a refund. `ended` follows when it is paid, over, or unknown."""
        kind = "refund" if request.kind == "refund" else "sale"
        order = PspOrder(
            request.payment_id,
            kind,  # type: ignore[arg-type]
            request.amount_minor,
            request.currency,
            request.begun_ms,
            self._text,
            of=request.of_reference,
        )
        self._newest = request.payment_id
        self._run(order, self._talk(order))

    def cancel(self) -> None:
        self.give_up(self._newest)

    def give_up(self, payment_id: str) -> None:
        """Let nobody pay it any more."""
        if payment_id in self._cancelled:
            self._cancelled[payment_id].set()

    def ask(self, order: PspOrder, *, cancel: bool = False) -> None:
        """What became of a payment? `answer` follows. `cancel`: whatever is open is closed first."""
        if order.payment_id not in self._tasks:
            self._run(
                replace(order, text=self._text), self._look(replace(order, text=self._text), cancel=cancel)
            )

    def look(self, payment_id: str) -> None:
        """A service is asked by `ask`, with the whole order."""
        self._told.answer(payment_id, CardAnswer("silent", detail="no order"))

    def receipts(self, payment_id: str) -> None:
        self._told.ended(payment_id, CardEnd("refused", detail="no receipts"))

    def close_day(self) -> None:
        """A service has no end of day at the till."""

    def service(self, what: str) -> None:
        """Nothing to be serviced."""

    async def run(self) -> None:
        """Payments run as tasks of their own; this one waits, and ends them with it."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for task in list(self._tasks.values()):
                task.cancel()

    # -- one payment

    @property
    def _told(self) -> CardDesk:
        assert self._desk is not None, "connected before anything is asked"
        return self._desk

    def _run(self, order: PspOrder, work: Coroutine[object, object, Callable[[], None]]) -> None:
        self._cancelled[order.payment_id] = asyncio.Event()
        self._tasks[order.payment_id] = asyncio.get_running_loop().create_task(
            self._whole(order.payment_id, work)
        )

    async def _whole(self, payment_id: str, work: Coroutine[object, object, Callable[[], None]]) -> None:
        """Whoever hears of the end may ask at once again: it is over before it is told."""
        try:
            tell = await work
        finally:
            del self._tasks[payment_id], self._cancelled[payment_id]
        tell()

    async def _talk(self, order: PspOrder) -> Callable[[], None]:
        id_ = order.payment_id
        try:
            says = await self._ordered(order)
            await self._keep(id_, says)
            if order.kind == "sale" and says.status not in FINAL:
                says = await self._until_over(replace(order, reference=says.reference), says)
            end = _end_of(order, says)
        except PspRefusedError as error:
            end = CardEnd("refused", detail=str(error))
        except (PspAwayError, NotKeptError) as error:
            end = CardEnd("unknown", detail=str(error))
        return lambda: self._told.ended(id_, end)

    async def _ordered(self, order: PspOrder) -> PspSays:
        """Order it; as often as its answer is lost, again under the same key. Raises PspAwayError, PspRefusedError."""
        do = self._service.refund if order.kind == "refund" else self._service.create
        for attempt in range(TRIES):
            try:
                return await do(order)
            except PspAwayError:
                if attempt == TRIES - 1:
                    raise
                self._told.state(order.payment_id, CardState(text="away"))
                await self._pause(order.payment_id, AWAY_S[min(attempt, len(AWAY_S) - 1)])
        raise AssertionError("the last attempt returns or raises")

    async def _until_over(self, order: PspOrder, says: PspSays) -> PspSays:
        """Ask until it is paid or over; once it is given up, cancel. Raises PspAwayError, NotKeptError."""
        polls = lost = late = 0
        shown: tuple[str, str] | None = None
        while says.status not in FINAL:
            id_ = order.payment_id
            if (says.status, says.link) != shown:
                self._told.state(id_, CardState(text=f"psp-{says.status}", link=says.link))
                shown = (says.status, says.link)
            cancelled = self._cancelled[id_].is_set()
            if not cancelled or lost or says.status == "pending":
                pauses = AWAY_S if lost else POLL_S
                await self._pause(id_, pauses[min(lost or polls, len(pauses) - 1)], wake=not cancelled)
                cancelled = self._cancelled[id_].is_set()
            polls += 1
            try:
                says = await (self._service.cancel if cancelled else self._service.status)(order)
                lost = 0
            except PspAwayError:
                lost += 1
                self._told.state(id_, CardState(text="away", link=says.link))
                shown = None
                if cancelled and lost >= TRIES:
                    raise
            else:
                late += cancelled
                if late >= TRIES and says.status == "pending":  # the bank takes its time
                    raise PspAwayError("pending")
        await self._keep(order.payment_id, says)
        return says

    async def _look(self, order: PspOrder, *, cancel: bool) -> Callable[[], None]:
        """After a cut: what is it now? What is open stays open until its link is over, or somebody cancels."""
        id_ = order.payment_id
        try:
            says = await self._found(order)
            if cancel and says.status in {"open", "pending"}:
                says = await self._service.cancel(replace(order, reference=says.reference))
        except PspRefusedError as error:  # it was never there
            answer = CardAnswer("nothing", detail=str(error))
        except PspAwayError as error:
            answer = CardAnswer("silent", detail=str(error))
        else:
            if says.link:
                self._told.state(id_, CardState(text=f"psp-{says.status}", link=says.link))
            answer = CardAnswer("result", result_of(says), detail=says.status)
        return lambda: self._told.answer(id_, answer)

    async def _found(self, order: PspOrder) -> PspSays:
        if order.reference:
            return await self._service.status(order)
        age = self._clock.wall_ms() - order.begun_ms
        again = self._service.refund if order.kind == "refund" else self._service.create
        if 0 <= age < KEY_MS:
            with contextlib.suppress(
                PspAwayError
            ):  # also where the service remembers an error of its own for this key
                says = await again(order)  # what it remembers is what it was: ask what it is
                return await self._service.status(replace(order, reference=says.reference))
        says = await self._service.find(order)
        if says.status == "none" and age < LATE_MS:
            raise PspAwayError("it may still arrive")
        return says

    async def _keep(self, payment_id: str, says: PspSays) -> None:
        result: CardResult = result_of(says)
        await self._told.result(payment_id, result)

    async def _pause(self, payment_id: str, seconds: float, *, wake: bool = True) -> None:
        """Until the time is over, or it is given up."""
        given_up = self._cancelled[payment_id]
        if not wake or given_up.is_set():
            await self._sleep(seconds)
            return
        waiting = {
            asyncio.ensure_future(given_up.wait()),
            asyncio.ensure_future(_slept(self._sleep(seconds))),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()


def _end_of(order: PspOrder, says: PspSays) -> CardEnd:
    if says.status != "paid":
        return CardEnd("refused", detail=says.status)
    return CardEnd("completion") if says.currency == order.currency else CardEnd("unknown", detail="currency")


async def _slept(sleeping: Awaitable[object]) -> None:
    await sleeping
