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
from pos.domain.codes import shown
from pos.domain.tax import UnknownTaxCodeError
from pos.ports import CatalogueUnavailableError
from pos.storage_ports import Head, JournalUnavailableError
from pos.till.approvals import Approvals
from pos.till.cards.parts import CardParts
from pos.till.carts.parking import RESUME_BEFORE, Parking
from pos.till.carts.phone_carts import PhoneCarts
from pos.till.carts.store_carts import StoreCarts
from pos.till.carts.take_over import TakeOver
from pos.till.checkout import PAY_BEFORE, Checkout
from pos.till.customers import Customers
from pos.till.day.cash import Cash
from pos.till.day.closing import Closing
from pos.till.day.counting import Counting
from pos.till.day.inserts import Inserts
from pos.till.day.leftovers import Leftovers
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
from pos.till.flows import Flow, Flows, Need
from pos.till.ledger import Ledger
from pos.till.numbers import Numbers
from pos.till.orders.parts import OrderParts
from pos.till.picture import Picture
from pos.till.receipts.receipt_book import ReceiptBook
from pos.till.returns.elsewhere import Elsewhere
from pos.till.returns.finding import Finding
from pos.till.returns.gifts import Gifts
from pos.till.returns.provider_back import ProviderBack
from pos.till.returns.returning import Returning
from pos.till.returns.without_receipt import WithoutReceipt
from pos.till.sale.coupons import Coupons
from pos.till.sale.goods import Goods
from pos.till.sale.open_prices import OpenPrices
from pos.till.sale.pricing import Pricing
from pos.till.sale.promoting import Promoting
from pos.till.sale.scanning import Scanning
from pos.till.sale.selling import Selling
from pos.till.sale.slips import Slips
from pos.till.sale.variants import Variants
from pos.till.sale.weighing import Weighing
from pos.till.signing import Signing
from pos.till.stock.labels import Labels
from pos.till.stock.room import Stockroom
from pos.till.surroundings import Surroundings
from pos.till.tasks import Tasks
from pos.till.tenders.credit import Credit
from pos.till.tenders.refunds import Refunds
from pos.till.tenders.retender import Retender
from pos.till.tenders.tendering import Tendering
from pos.till.tenders.transfers import Transfers
from pos.till.tenders.vouchers import Vouchers
from pos.till.training import TrainingMode
from pos.view import TillView

__all__ = ["Till"]

SHOW_AGAIN_MS = 15 * 60_000
_log = logging.getLogger(__name__)
_Done = asyncio.Future[None] | None
_Waiting = Coroutine[Any, Any, None] | None
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
        ledger = Ledger(self._desk)
        self._selling = Selling(self._desk)
        self._prices = OpenPrices(self._desk, self._selling)
        self._scanning = Scanning(self._desk, self._selling, self._prices)
        store_carts = StoreCarts(self._desk, ledger, self.submit, lambda: self._picture.at_rest)
        self._surroundings = Surroundings(self._desk, ledger, store_carts.held)
        self._parking = Parking(
            self._desk, ledger, self._selling, self._surroundings.print_document, store_carts
        )
        self._checkout = Checkout(
            self._desk, ledger, self._selling, self._parking, self._surroundings, self._later
        )
        self._handlers: dict[type[c.Command], Callable[[Any], _Waiting | Flow]] = {
            c.Mistyped: self._mistyped,
            c.Do: self._do,
            c.Notice: self._notice,
            c.Tick: self._tick,
        }
        self._flows = Flows(self._desk)
        self._approvals = Approvals(self._desk, self._run, self._flows.drop)
        self._signing = Signing(
            self._desk,
            self._flows,
            self._approvals,
            self._selling,
            self._parking,
            lambda: self._checkout.paying,
        )
        book = ReceiptBook(self._desk, ledger, self._surroundings)
        elsewhere = Elsewhere(self._desk, self._selling, self._checkout)
        finding = Finding(self._desk, self._selling, book, elsewhere)
        returning = Returning(self._desk, self._selling, book, finding)
        refunds = self._refunds = Refunds(self._desk, self._selling, self._checkout)
        tendering = Tendering(self._desk, self._selling, self._checkout)
        tendering.dispatch = self._do
        self._cards = CardParts(
            self._desk,
            ledger,
            self._flows,
            self._selling,
            self._checkout,
            self._parking,
            self._surroundings,
            tendering,
            self.submit,
        )
        self._cards.paying.give_back_by(refunds)
        retender = Retender(self._desk, ledger, self._selling, self._checkout, self._cards.paying)
        vouchers = self._vouchers = Vouchers(
            self._desk, self._selling, self._checkout, self._surroundings, tendering
        )
        credit = Credit(self._desk, self._selling, self._checkout, tendering)
        retender.may_void, retender.may_turn = vouchers.may_void, credit.may_turn
        vouchers.give_back_by(refunds)
        credit.give_back_by(refunds)
        promoting = Promoting(self._desk)
        self._pricing = pricing = Pricing(self._desk, self._selling, promoting.price)
        self._selling.price = pricing.price
        self._goods = Goods(self._desk, ledger, self._selling)
        Inserts(self._desk, ledger, self._selling, self._checkout, tendering)
        self._phone_carts = PhoneCarts(self._desk, self._selling, self._checkout)
        self._orders = OrderParts(
            self._desk, ledger, self._selling, self._checkout, self._parking, self._surroundings
        )
        self._desk.again = lambda command: self._queue.appendleft((command, None))
        counting = Counting(self._desk, ledger)
        cash = Cash(self._desk, ledger, self._selling, self._surroundings, counting)
        leftovers = Leftovers(self._desk, ledger, self._parking, self._surroundings)
        self._closing = Closing(
            self._desk, ledger, self._selling, self._surroundings, counting, cash, leftovers
        )
        self._cards.before_closing(self._closing, leftovers)
        self._picture = Picture(
            self._desk,
            self._selling,
            self._prices,
            self._checkout,
            self._flows,
            self._approvals,
            self._parking,
            self._surroundings,
            self._signing,
            self._closing,
            refunds,
        )
        parts: tuple[Any, ...] = (
            self._selling,
            self._prices,
            self._scanning,
            self._surroundings,
            self._checkout,
            self._parking,
            store_carts,
            TakeOver(self._desk, self._selling, store_carts),
            self._approvals,
            self._flows,
            Numbers(self._desk, ledger),
            self._signing,
            Weighing(self._desk, self._selling, self.submit),
            Slips(self._desk, self._selling),
            TrainingMode(self._desk, ledger, self._selling),
            refunds,
            tendering,
            Coupons(self._desk, self._selling, promoting),
            self._goods,
            pricing,
            Variants(self._desk, self._selling, self._flows, self.submit),
            self._phone_carts,
            book,
            cash,
            self._closing,
            retender,
            vouchers,
            credit,
            Customers(self._desk, self._selling, vouchers),
            Transfers(self._desk, ledger, self._checkout, self._surroundings, tendering),
            returning,
            finding,
            ProviderBack(self._desk, self._selling, self._checkout, self._surroundings, refunds),
            Gifts(self._desk, self._selling, self._checkout, self._surroundings, book),
            Stockroom(self._desk, self._selling),
            Labels(self._desk, self._selling, self._surroundings),
            Tasks(self._desk),
            WithoutReceipt(self._desk, self._selling, book, returning),
            *self._orders.parts,
            *self._cards.parts,
        )
        self._take_in(parts)
        self._queue: deque[tuple[c.Command, _Done]] = deque()
        self._busy, self._revision = False, 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._afterwards: asyncio.Task[None] | None = None
        self._listeners: list[_Listener] = []
        self._view: TillView | None = None

    def _take_in(self, parts: tuple[Any, ...]) -> None:
        """What each part handles, which keys start its functions, which codes are its business."""
        self._functions: dict[str, Callable[[c.Do], _Waiting | Flow]] = {}
        self._checkout.first = self._first
        for part in parts:
            self._handlers.update(part.handlers)
            self._functions.update(getattr(part, "functions", {}))
            self._scanning.receivers.update(getattr(part, "codes", {}))

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
            self._selling.cart = cart
            return
        await self._desk.budgets.count_anew(self._desk.world.history)
        await self._cards.start(self.handle)
        head = self._desk.world.journal.head
        if head.last_sale is not None:
            self._desk.remember_sale(head.last_sale)
        if cart is not None and await self._desk.world.journal.cart_ended(cart.cart_id):
            if head.last_sale is not None and head.last_sale.cart_id == cart.cart_id:
                self._checkout.found_paid()
            else:
                self._parking.say_if_parked(cart)
            self._desk.world.state.save_cart(None)
            cart = None
        elif cart is None and self._sold_just_now(head):
            self._checkout.show_last()
        self._selling.cart = cart
        self._selling.look_again()
        self._parking.take_up_resumed()
        await self._parking.store.load()
        self._selling.choose_open_line()
        self._cards.take_up()
        self._orders.take_up()
        self._vouchers.take_up()

    def _tick(self, command: c.Tick) -> _Waiting:
        self._cards.tick()
        return self._signing.tick(command)

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
            self._view = self._picture.view(self._revision)
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
            await self._greet()
            asking = self._ask_of_goods()
            if asking is not None:
                await asking
            foreseen = self._refunds.foresee()
            if foreseen is not None:
                await foreseen
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
                self._signing.touched()
                self._approvals.look(command)
                self._begin(command)
                command = self._flows.look(command)
            waiting = self._run(command)
            return waiting or self._ask_of_goods() or self._refunds.foresee()
        except NeedsAnswer as needed:
            return self._ask_first(needed, command)
        except Exception as error:  # noqa: BLE001 - a bug costs one command, never the till
            self._say_why(error, command)
            return None

    def _run(self, command: c.Command) -> _Waiting:
        """Handle a command; a function that asks is driven to its first question."""
        result = self._handlers[type(command)](command)
        return self._flows.begin(result) if isinstance(result, Generator) else result

    def _do(self, command: c.Do) -> "_Waiting | Flow":
        function = self._functions.get(command.name)
        if function is None:
            raise Refusal("no-such-key", text=command.name[:40])
        return function(command)

    def _ask_of_goods(self) -> _Waiting:
        """What a line just added asks of the cashier, as soon as nothing else is asked."""
        if not self._desk.goods_ask or not self._flows.idle or self._desk.asking is not None:
            return None
        self._desk.goods_ask = False
        return self._flows.begin(self._goods.asks())

    def _first(self) -> None:
        """What must be so before anything is paid. Raises Refusal, NeedsAnswer."""
        self._pricing.first()
        self._goods.first()
        self._phone_carts.first()
        self._orders.first()

    def _ask_first(self, needed: NeedsAnswer, command: c.Command) -> _Waiting:
        """A question comes before the command; answered well, the command is done."""
        try:
            return self._flows.begin(self._then(needed.flow, command))
        except Exception as error:  # noqa: BLE001 - as in `_take`
            self._say_why(error, command)
            return None

    def _then(self, first: Generator[Any, Any, bool], command: c.Command) -> Flow:
        if not (yield from first) or isinstance(command, _ANSWERS):
            return
        result: Any = None
        try:
            result = self._handlers[type(command)](command)
        except NeedsApproval as needed:  # while it goes on, the desk holds the approval
            yield Need(needed.right, size=needed.size)
            result = self._handlers[type(command)](command)
        if isinstance(result, Generator):
            yield from result
        elif result is not None:
            yield result

    @property
    def functions(self) -> frozenset[str]:
        """The names that `Do` knows."""
        return frozenset(self._functions)

    def _begin(self, command: c.Command) -> None:
        """What the command before left behind ends here; an approval goes on with what was asked."""
        self._desk.message = None
        if type(command) is c.Approve or self._desk.asking is not None:
            return
        if self._desk.second_step.partition(" ")[0] != _SECOND_STEPS.get(type(command)):
            self._desk.second_step = ""
        if type(command) is not c.EnterCode:
            self._prices.waiting = None

    def _say_why(self, error: Exception, command: c.Command) -> None:
        """A command was not done."""
        match error:
            case NeedsApproval():
                self._approvals.ask(command, error)
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

    def _notice(self, command: c.Notice) -> None:
        self._desk.warn(command.code, detail=command.detail)

    def _mistyped(self, command: c.Mistyped) -> None:
        if command.code in ("not-a-quantity", "quantity-too-long"):
            self._selling.quantity = None
        raise Refusal(command.code, text=shown(command.text))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
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

    async def _greet(self) -> None:
        """Whoever has just signed in is asked what should be known before work begins."""
        if self._flows.busy or not any(isinstance(event, e.SignedIn) for event in self._desk.events):
            return
        asks = self._closing.at_sign_in()
        waiting = self._flows.begin(asks) if asks is not None else None
        if waiting is not None:
            await waiting
