"""The till: takes commands one at a time, in order of arrival, and answers with events and a view.

Scans and keys are decided in memory and await nothing. Only storage is ever awaited: a payment's one
commit, a PIN's hash, a search. A device's news comes back as a command like any other.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Cart
from pos.domain.tax import UnknownTaxCodeError
from pos.ports import CatalogueUnavailableError
from pos.storage_ports import Head, JournalUnavailableError
from pos.till.carts.parking import RESUME_BEFORE
from pos.till.checkout import PAY_BEFORE
from pos.till.desk import (
    Desk,
    NeedsAnswer,
    NeedsApproval,
    Refusal,
    TillSetup,
    World,
    stop_message,
    unusable_catalogue,
)
from pos.till.flows import Flow, Need
from pos.till.parts import Parts, Waiting
from pos.view import TillView

__all__ = ["Till"]

SHOW_AGAIN_MS = 15 * 60_000
_log = logging.getLogger(__name__)
_Done = asyncio.Future[None] | None
_Listener = Callable[[Sequence[e.Event]], None]
_NEWS = frozenset(
    {
        c.DeviceReported,
        c.HubReported,
        c.CopyReported,
        c.OpenEpoch,
        c.Tick,
        c.Weighed,
        c.StockHeard,
        c.CaseHeard,
        c.StoreCartsHeard,
        c.ClaimAnswered,
        c.CardNews,
    }
)
_SLOW_S = 0.5
_ANSWERS = (c.Answer, c.Choose, c.GoBack, c.GoOn)
_SECOND_STEPS = {
    c.VoidCart: "void-cart",
    c.ResumeParked: RESUME_BEFORE,
    c.Scan: RESUME_BEFORE,
    c.EnterCode: RESUME_BEFORE,
    c.PayCash: PAY_BEFORE,
}


class Till:
    """`submit` commands from anywhere on the loop; `subscribe` to hear what came of them; read `view`."""

    def __init__(self, world: World, setup: TillSetup) -> None:
        self._desk = Desk(world, setup)
        self._queue: deque[tuple[c.Command, _Done]] = deque()
        self._busy, self._revision = False, 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._afterwards: asyncio.Task[None] | None = None
        self._listeners: list[_Listener] = []
        self._view: TillView | None = None
        self._desk.again = lambda command: self._queue.appendleft((command, None))
        self.parts = Parts(self._desk, self)

    async def start(
        self,
        cart: Cart | None,
        unsent: Sequence[tuple[int, int]],
        stopped: JournalUnavailableError | None,
        locked: str = "",
    ) -> None:
        """Take up what was left: the open cart, or the sale that ended it just before a cut.

        `locked` is the code of the sentence on a till that must not sell before its numbers begin anew.
        """
        if locked:
            self._desk.locked = e.Message(locked, level="alarm")
            self._desk.locked_epoch = self._desk.world.journal.head.epoch
        self._desk.unsent.extend(unsent)
        try:
            self._desk.world.catalogue.refresh(self._desk.today())
        except CatalogueUnavailableError as error:
            self._desk.message = unusable_catalogue(error)
        if stopped is not None:
            self._desk.stopped = stop_message(stopped)
            self.parts.selling.cart = cart
            return
        await self._desk.budgets.count_anew(self._desk.world.history)
        await self.parts.cards.start(self.handle)
        head = self._desk.world.journal.head
        if head.last_sale is not None:
            self._desk.remember_sale(head.last_sale)
        if cart is not None and await self._desk.world.journal.cart_ended(cart.cart_id):
            if head.last_sale is not None and head.last_sale.cart_id == cart.cart_id:
                self.parts.checkout.found_paid()
            else:
                self.parts.parking.say_if_parked(cart)
            self._desk.world.state.save_cart(None)
            cart = None
        elif cart is None and self._sold_just_now(head):
            self.parts.checkout.show_last()
        self.parts.selling.cart = cart
        self.parts.selling.look_again()
        self.parts.parking.take_up_resumed()
        await self.parts.parking.store.load()
        self.parts.selling.choose_open_line()
        self.parts.cards.take_up()
        self.parts.orders.take_up()
        self.parts.vouchers.take_up()

    def _sold_just_now(self, head: Head) -> bool:
        """True when the newest fact is a sale of the last minutes: its customer may still stand there."""
        sale = head.last_sale
        age_ms = self._desk.world.clock.wall_ms() - head.last_wall_ms
        return sale is not None and head.last_is_sale and 0 <= age_ms <= SHOW_AGAIN_MS

    def subscribe(self, listener: _Listener) -> None:
        """`listener(events)` is called on the loop after each command, with an empty list too."""
        self._listeners.append(listener)

    def submit(self, command: c.Command) -> None:
        """Hand over a command. Handled before this returns, unless an earlier one still waits for storage."""
        self._queue.append((command, None))
        if not self._busy:
            self._drain()

    async def handle(self, command: c.Command) -> None:
        """Hand over a command and wait until it, and all before it, are handled."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((command, done))
        if not self._busy:
            self._drain()
        await done

    async def settle(self) -> None:
        """Wait until the open cart is durable as the view shows it."""
        try:
            await self._desk.world.state.flush()
        except JournalUnavailableError as error:
            self._desk.message = stop_message(error)
            self._view = None

    @property
    def view(self) -> TillView:
        if self._view is None:
            self._view = self.parts.picture.view(self._revision)
        return self._view

    def _drain(self) -> None:
        self._busy = True
        while self._queue:
            command, done = self._queue.popleft()
            waiting = self._take(command)
            if waiting is not None:
                self._publish(None)  # "paying" is seen while the payment is written
                task = asyncio.get_running_loop().create_task(self._await(command, waiting, done))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            self._publish(done)
        self._busy = False

    def _is_slow(self) -> None:
        self._desk.slow = True
        self._publish(None)

    async def _await(self, command: c.Command, waiting: Coroutine[Any, Any, None], done: _Done) -> None:
        slow = asyncio.get_running_loop().call_later(_SLOW_S, self._is_slow)
        try:
            if self._afterwards is not None:  # what it writes decides what comes next: the day that is open
                await asyncio.wait((self._afterwards,))
            await waiting
            for more in (self.parts.greet, self.parts.ask_of_goods, self.parts.refunds.foresee):
                asking = more()
                if asking is not None:
                    await asking
        except NeedsAnswer as needed:
            asking = self._ask_first(needed, command)
            if asking is not None:
                await asking
        except Exception as error:  # noqa: BLE001 - a bug costs one command, never the till
            self._say_why(error, command)
        slow.cancel()
        self._desk.slow = False
        self._publish(done)
        self._drain()

    def _take(self, command: c.Command) -> Coroutine[Any, Any, None] | None:
        try:
            if type(command) not in _NEWS:
                self.parts.signing.touched()
                self.parts.approvals.look(command)
                self._begin(command)
                command = self.parts.flows.look(command)
            waiting = self.run(command)
            return waiting or self.parts.ask_of_goods() or self.parts.refunds.foresee()
        except NeedsAnswer as needed:
            return self._ask_first(needed, command)
        except Exception as error:  # noqa: BLE001 - a bug costs one command, never the till
            self._say_why(error, command)
            return None

    def run(self, command: c.Command) -> Waiting:
        """Handle a command; a function that asks is driven to its first question."""
        result = self.parts.handlers[type(command)](command)
        return self.parts.flows.begin(result) if isinstance(result, Generator) else result

    def _ask_first(self, needed: NeedsAnswer, command: c.Command) -> Waiting:
        """A question comes before the command; answered well, the command is done."""
        try:
            return self.parts.flows.begin(self._then(needed.flow, command))
        except Exception as error:  # noqa: BLE001 - as in `_take`
            self._say_why(error, command)
            return None

    def _then(self, first: Generator[Any, Any, bool], command: c.Command) -> Flow:
        if not (yield from first) or isinstance(command, _ANSWERS):
            return
        result: Any = None
        try:
            result = self.parts.handlers[type(command)](command)
        except NeedsApproval as needed:  # while it goes on, the desk holds the approval
            yield Need(needed.right, size=needed.size)
            result = self.parts.handlers[type(command)](command)
        if isinstance(result, Generator):
            yield from result
        elif result is not None:
            yield result

    @property
    def functions(self) -> frozenset[str]:
        """The names that `Do` knows."""
        return frozenset(self.parts.functions)

    def _begin(self, command: c.Command) -> None:
        """What the command before left behind ends here; an approval goes on with what was asked."""
        self._desk.message = None
        if type(command) is c.Approve or self._desk.asking is not None:
            return
        if self._desk.second_step.partition(" ")[0] != _SECOND_STEPS.get(type(command)):
            self._desk.second_step = ""
        if type(command) is not c.EnterCode:
            self.parts.prices.waiting = None

    def _say_why(self, error: Exception, command: c.Command) -> None:
        """A command was not done."""
        match error:
            case NeedsApproval():
                self.parts.approvals.ask(command, error)
            case Refusal():
                self._desk.refuse(error.message)
            case CatalogueUnavailableError():
                self._desk.refuse(unusable_catalogue(error))
            case JournalUnavailableError():  # it could not be read; what could not be written is refused by the ledger
                self._desk.refuse(stop_message(error))
            case UnknownTaxCodeError():  # no tax rate holds on the day that the clock shows
                day = self._desk.today().isoformat()
                self._desk.refuse(e.Message("clock-wrong", {"day": day}, "alarm"))
            case _:
                _log.error("a command failed", exc_info=error)
                self._desk.refuse(e.Message("internal-error"))

    def _publish(self, done: _Done) -> None:
        self._changed()
        events, self._desk.events = self._desk.events, []
        for listener in self._listeners:
            try:
                listener(events)
            except Exception:  # noqa: BLE001 - a screen that fails must not stop the till
                _log.exception("a listener failed")
        if done is not None and not done.done():
            done.set_result(None)

    def _changed(self) -> None:
        self._revision += 1
        self._view = None

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Refusal as refusal:
                self._desk.refuse(refusal.message)
            self._publish(None)

        task = asyncio.get_running_loop().create_task(guarded())
        self._afterwards = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
