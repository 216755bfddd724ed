"""The parts that a till is made of: each made with what it needs, and what it takes part in.

A part has `handlers` (a command's type to what does it), and may have `functions` (names that keys start)
and `codes` (kinds of scanned codes that are its business).
"""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.codes import shown
from pos.till.approvals import Approvals
from pos.till.cards.parts import CardParts
from pos.till.carts.parking import Parking
from pos.till.carts.phone_carts import PhoneCarts
from pos.till.carts.store_carts import StoreCarts
from pos.till.carts.take_over import TakeOver
from pos.till.checkout import Checkout
from pos.till.customers import Customers
from pos.till.day.cash import Cash
from pos.till.day.closing import Closing
from pos.till.day.counting import Counting
from pos.till.day.inserts import Inserts
from pos.till.day.leftovers import Leftovers
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows
from pos.till.ledger import Ledger
from pos.till.numbers import Numbers
from pos.till.orders.parts import OrderParts
from pos.till.picture import Picture
from pos.till.receipts.letters import ReceiptLetters
from pos.till.receipts.open_cases import OpenCases
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
from pos.till.stock.staff_page import StaffPage
from pos.till.surroundings import Surroundings
from pos.till.tasks import Tasks
from pos.till.tenders.credit import Credit
from pos.till.tenders.refunds import Refunds
from pos.till.tenders.retender import Retender
from pos.till.tenders.tendering import Tendering
from pos.till.tenders.transfers import Transfers
from pos.till.tenders.vouchers import Vouchers
from pos.till.training import TrainingMode

__all__ = ["Hands", "Parts", "Waiting"]

Waiting = Coroutine[Any, Any, None] | None
"""What is left of a command when storage must be awaited."""


class Hands(Protocol):
    """What the parts may ask of the till that runs them."""

    def submit(self, command: c.Command) -> None:
        """Have a command done in its turn."""
        ...

    def run(self, command: c.Command) -> Waiting:
        """Do a command that was held up, now."""
        ...

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done beside the commands; the next one that waits for storage waits for it too."""
        ...


class Parts:
    """All of them. `desk` is what they share."""

    def __init__(self, desk: Desk, hands: Hands) -> None:
        self._desk = desk
        ledger = Ledger(desk)
        self.selling = Selling(desk)
        self.prices = OpenPrices(desk, self.selling)
        self.scanning = Scanning(desk, self.selling, self.prices)
        store_carts = StoreCarts(desk, ledger, hands.submit, lambda: self.picture.at_rest)
        self.surroundings = Surroundings(desk, ledger, store_carts.held)
        self.parking = Parking(desk, ledger, self.selling, self.surroundings.print_document, store_carts)
        self.checkout = Checkout(desk, ledger, self.selling, self.parking, self.surroundings, hands.later)
        self.flows = Flows(desk)
        self.approvals = Approvals(desk, hands.run, self.flows.drop)
        self.signing = Signing(
            desk,
            self.flows,
            self.approvals,
            self.selling,
            self.parking,
            lambda: self.checkout.paying,
        )
        open_cases = OpenCases(desk, self.flows, hands.submit)
        book = ReceiptBook(desk, ledger, self.surroundings, open_cases)
        elsewhere = Elsewhere(desk, self.selling, self.checkout)
        finding = Finding(desk, self.selling, book, elsewhere)
        returning = Returning(desk, self.selling, book, finding, open_cases)
        refunds = self.refunds = Refunds(desk, self.selling, self.checkout)
        tendering = Tendering(desk, self.selling, self.checkout)
        tendering.dispatch = self.do
        self.cards = CardParts(
            desk,
            ledger,
            self.flows,
            self.selling,
            self.checkout,
            self.parking,
            self.surroundings,
            tendering,
            hands.submit,
        )
        self.cards.paying.give_back_by(refunds)
        retender = Retender(desk, ledger, self.selling, self.checkout, self.cards.paying)
        vouchers = self.vouchers = Vouchers(desk, self.selling, self.checkout, self.surroundings, tendering)
        credit = Credit(desk, self.selling, self.checkout, tendering)
        vouchers.give_back_by(refunds)
        credit.give_back_by(refunds)
        promoting = Promoting(desk)
        self.pricing = pricing = Pricing(desk, self.selling, promoting.price)
        self.selling.price = pricing.price
        self.goods = Goods(desk, ledger, self.selling)
        Inserts(desk, ledger, self.selling, self.checkout, tendering)
        self.phone_carts = PhoneCarts(desk, self.selling, self.checkout)
        self.orders = OrderParts(
            desk, ledger, self.selling, self.checkout, self.parking, self.surroundings, hands.submit
        )
        retender.may_turn, retender.may_void = (
            credit.may_turn, (vouchers.may_void, self.orders.giving_back.may_void),
        )  # fmt: skip
        counting = Counting(desk, ledger)
        cash = Cash(desk, ledger, self.selling, self.surroundings, counting)
        leftovers = Leftovers(desk, ledger, self.parking, self.surroundings)
        self.closing = Closing(desk, ledger, self.selling, self.surroundings, counting, cash, leftovers)
        self.cards.before_closing(self.closing, leftovers)
        self.picture = Picture(
            desk,
            self.selling,
            self.prices,
            self.checkout,
            self.flows,
            self.approvals,
            self.parking,
            self.surroundings,
            self.signing,
            self.closing,
            refunds,
        )
        gifts = Gifts(desk, self.selling, self.checkout, self.surroundings, book)
        self.letters = ReceiptLetters(desk, ledger, book, self.surroundings, hands.submit)
        everyone: tuple[Any, ...] = (
            self.selling,
            self.prices,
            self.scanning,
            self.surroundings,
            self.checkout,
            self.parking,
            store_carts,
            TakeOver(desk, self.selling, store_carts),
            self.approvals,
            self.flows,
            Numbers(desk, ledger),
            self.signing,
            Weighing(desk, self.selling, hands.submit),
            Slips(desk, self.selling),
            TrainingMode(desk, ledger, self.selling),
            refunds,
            tendering,
            Coupons(desk, self.selling, promoting),
            self.goods,
            pricing,
            Variants(desk, self.selling, self.flows, hands.submit),
            self.phone_carts,
            book,
            cash,
            self.closing,
            retender,
            vouchers,
            credit,
            Customers(desk, self.selling, vouchers),
            Transfers(desk, ledger, self.checkout, self.surroundings, tendering),
            returning,
            finding,
            ProviderBack(desk, self.selling, self.checkout, self.surroundings, refunds),
            gifts,
            Stockroom(desk, self.selling, self.surroundings),
            StaffPage(desk),
            labels := Labels(desk, self.selling, self.surroundings, self.orders.desk.tell_later),
            self.letters,
            open_cases,
            Tasks(desk, open_cases, labels, self.orders.desk.settle, self.orders.giving_back.give_back),
            WithoutReceipt(desk, self.selling, book, returning),
            *self.orders.parts,
            *self.cards.parts,
        )
        self.handlers: dict[type[c.Command], Callable[[Any], Waiting | Flow]] = {
            c.Mistyped: self._mistyped,
            c.Do: self.do,
            c.Notice: self._notice,
            c.Tick: self._tick,
        }
        self.functions: dict[str, Callable[[c.Do], Waiting | Flow]] = {}
        self.checkout.first, self.signing.greeting = self._first, self.closing.at_sign_in
        for part in everyone:
            self.handlers.update(part.handlers)
            self.functions.update(getattr(part, "functions", {}))
            self.scanning.receivers.update(getattr(part, "codes", {}))

    def do(self, command: c.Do) -> Waiting | Flow:
        """What a key starts by its name. Raises Refusal."""
        function = self.functions.get(command.name)
        if function is None:
            raise Refusal("no-such-key", text=command.name[:40])
        return function(command)

    def _first(self) -> None:
        """What must be so before anything is paid. Raises Refusal, NeedsAnswer."""
        self.pricing.first()
        self.goods.first()
        self.phone_carts.first()
        self.orders.first()

    def ask_of_goods(self) -> Waiting:
        """What a line just added asks of the cashier, as soon as nothing else is asked."""
        if not self._desk.goods_ask or not self.flows.idle or self._desk.asking is not None:
            return None
        self._desk.goods_ask = False
        return self.flows.begin(self.goods.asks())

    def greet(self) -> Waiting:
        """Whoever has just signed in is asked what should be known before work begins."""
        if self.flows.busy or not any(isinstance(event, e.SignedIn) for event in self._desk.events):
            return None
        asks = self.closing.at_sign_in()
        return self.flows.begin(asks) if asks is not None else None

    def _tick(self, command: c.Tick) -> Waiting:
        self.cards.tick()
        self.letters.tick()
        return self.signing.tick(command)

    def _notice(self, command: c.Notice) -> None:
        self._desk.warn(command.code, detail=command.detail)

    def _mistyped(self, command: c.Mistyped) -> None:
        if command.code in ("not-a-quantity", "quantity-too-long"):
            self.selling.quantity = None
        raise Refusal(command.code, text=shown(command.text))
