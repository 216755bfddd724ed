"""How a cart ends: paid, or given up. One commit decides; only after it come drawer, paper and thanks."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart
from pos.domain.order_cart import handing_lines, taken_here
from pos.domain.refund import GivenBack
from pos.domain.rights import Approval, declare
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.sale_facts import Reference, Sale
from pos.storage_ports import JournalUnavailableError
from pos.till import settlement
from pos.till.carts.parking import Parking
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.till.tenders.stand_alone import lacks_number

__all__ = ["PAY_BEFORE", "Checkout", "refused"]

PAY_BEFORE = "pay-before"
IN_DRAWER: Final = frozenset({"cash", "foreign"})
_COUNTERS: Final = frozenset({"void", "retender"})
VOID_CART: Final = declare("void-cart")
_Later = Callable[[Coroutine[Any, Any, None]], None]


def refused(error: payment.PayError) -> Refusal:
    """The sentence for a payment that cannot be."""
    refusal = Refusal(error.code)
    refusal.message = e.Message(error.code, error.fields)
    return refusal


class Checkout:
    """Payments, and carts that are voided. `later` runs what must not hold the thanks up."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        parking: Parking,
        surroundings: Surroundings,
        later: _Later,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._parking = parking
        self._surroundings = surroundings
        self._later = later
        self.paying = False
        self.pay_out: Callable[[Cart, int | None], Coroutine[Any, Any, None] | Flow] | None = None
        """Ends a cart of which nothing, or less, is due; given by the part that knows how money goes back."""
        self.unsettled: Callable[[Cart], None] = lambda _: None
        """Refuses to pay or void a cart of whose payment at a terminal nobody knows."""
        self.gift: Callable[[Sale], None] | None = None
        """Prints the gift receipt that was wished with a sale; given by the part that makes it."""
        self.given_up: list[Callable[[Cart], None]] = []
        """Told of each cart that was voided, once that is durable."""
        self.look_after: Callable[[], None] = lambda: None
        """What is kept elsewhere for this cart and may have lapsed; raises NeedsAnswer."""
        self.open_first: Callable[[], None] = lambda: None
        """Raises NeedsAnswer where a cash session must be written before anything is paid."""
        self.first: Callable[[], None] = lambda: None
        """What must be known before anything is paid; raises NeedsAnswer or Refusal."""
        self.invoice_number: Callable[[], Coroutine[Any, Any, str]] | None = None
        self.before_sale: Callable[[Cart, Sale], Sequence[Fact]] = lambda _cart, _sale: ()
        """What the same commit says before the sale: which orders it hands over."""
        self.afterwards: list[Callable[[Sale], None]] = []
        """Told of each sale that is durable, after drawer and receipt: what else is to be printed."""
        self.handlers = {
            c.PayCash: self._pay_cash,
            c.VoidCart: self._void_cart,
            c.Retry: self._retry,
        }

    def _void_cart(self, _: c.VoidCart) -> Coroutine[Any, Any, None] | None:
        self._desk.must_be_selling()
        if self._selling.cart is None:
            raise Refusal("nothing-to-void")
        self.unsettled(self._selling.cart)
        if taken_here(self._selling.cart):
            raise Refusal("part-paid-first", paid=carts.paid_minor(self._selling.cart))
        if self._desk.second_step != "void-cart":
            self._desk.second_step = "void-cart"
            self._desk.warn("void-cart-again", pieces=carts.pieces(self._selling.cart))
            return None
        self._desk.need(VOID_CART)
        self._desk.second_step = ""
        return self._abandon(self._selling.cart)

    async def _abandon(self, cart: Cart) -> None:
        facts = self._ledger.day_facts()
        facts.append(
            settlement.abandoned(
                cart,
                business_day=self._ledger.business_day(facts),
                operator=self._desk.operator_id(),
                ended_ms=self._desk.world.clock.wall_ms(),
                offset_min=self._desk.offset_min(),
                approvals=self._desk.approvals,
            )
        )
        await self._ledger.append(facts, cart)
        self._selling.end_cart()
        self._desk.events.append(e.CartVoided(cart.cart_id))
        for tell in self.given_up:
            tell(cart)

    def _pay_cash(self, command: c.PayCash) -> Coroutine[Any, Any, None] | Flow | None:
        if self._desk.in_doubt:
            return self._clear_doubt()
        if self._desk.showing_last and self._selling.cart is None:
            return None  # the key was held down, or pressed twice: the sale is paid
        cart = self.payable()
        due = payment.rest_minor(cart)
        if cart.cart_id in self._desk.world.journal.head.before and self._desk.second_step != PAY_BEFORE:
            self._desk.second_step = PAY_BEFORE
            self._desk.warn("pay-before", total=due)
            return None
        self._desk.second_step = ""
        return self.pay_cash(cart, command.given_minor)

    def payable(self) -> Cart:
        """The cart that can be paid now. Raises Refusal, and NeedsAnswer where goods still ask something."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        if cart is None or not any(line.live for line in cart.lines):
            raise Refusal("nothing-to-pay", level="info")
        self.unsettled(cart)
        self._nothing_on_scale()
        waiting = carts.open_lines(cart)
        if waiting:
            self._selling.choose_open_line()
            raise Refusal(
                "open-lines", level="alarm", count=len(waiting), code=waiting[0].code or waiting[0].text
            )
        self.first()
        self.look_after()
        self.open_first()
        return cart

    def _nothing_on_scale(self) -> None:
        if self._selling.on_scale is not None:
            raise Refusal("weighing-first", level="warn", text=self._selling.on_scale.text)

    def pay_cash(self, cart: Cart, given_minor: int | None) -> Coroutine[Any, Any, None] | Flow | None:
        """Cash: None is what is left, less is a part of it; what is owed to the customer is paid out. Raises Refusal."""
        if payment.rest_minor(cart) < 0:
            assert self.pay_out is not None, "a part pays out"
            return self.pay_out(cart, given_minor)
        profile, currency = self._desk.setup.tenders.rounding, self._desk.setup.currency
        try:
            paid = payment.cash(cart, given_minor, profile, currency)
        except payment.PayError as error:
            raise refused(error) from error
        return self.take(cart, paid)

    def take(self, cart: Cart, paid: payment.Paid) -> Coroutine[Any, Any, None] | None:
        """Keep a part with the cart; with nothing left to pay, write the sale."""
        if paid.done:
            if self._desk.setup.tenders.card_number == "required" and any(map(lacks_number, cart.tenders)):
                raise Refusal("card-number-missing")
            return self.complete(
                cart,
                (*cart.tenders, *paid.tenders),
                rounding_minor=paid.rounding_minor,
                tip_minor=cart.about.tip_minor,
            )
        for tender in paid.tenders:
            cart = carts.add_tender(cart, tender)
        self._selling.keep(cart)
        self.say_part(cart)
        return None

    def say_part(self, cart: Cart) -> None:
        """A part is paid: which, and what is left."""
        rest, last = payment.rest_minor(cart), cart.tenders[-1]
        self._desk.message = e.Message("part-paid", {"rest": rest}, "info")
        self._desk.events.append(e.PartPaid(last.kind, last.amount_minor, rest))

    def complete(
        self,
        cart: Cart,
        tenders: tuple[Tender, ...],
        *,
        rounding_minor: int = 0,
        tip_minor: int = 0,
        references: tuple[Reference, ...] = (),
        given_back: tuple[GivenBack, ...] = (),
    ) -> Coroutine[Any, Any, None]:
        """Write the sale that ends this cart, then drawer, paper and thanks. The tenders pay for it in full."""
        self._nothing_on_scale()
        self.first()
        if not any(reference.kind in _COUNTERS for reference in references):
            cart = carts.with_rates(cart, self._desk.rate_of)
        self.paying = True
        self._selling.quantity = None
        self._selling.results = None
        said = {"rounding_minor": rounding_minor, "tip_minor": tip_minor}
        references += tuple(
            Reference("order", external=one.order_id)
            for one in cart.about.handing
            if handing_lines(cart, one) or one.refused
        )
        return self._complete(cart, tenders, references=references, given_back=given_back, **said)

    async def _complete(self, cart: Cart, tenders: tuple[Tender, ...], **said: Any) -> None:
        try:
            facts = self._ledger.day_facts()
            context = self._context(facts, self._desk.approvals, **said)
            self._ledger.must_hold(facts, tenders)
            sale = await self._addressed(settlement.sale_of(cart, tenders, context), cart.about.buyer)
        except BaseException:
            self.paying = False
            raise
        facts += [*self.before_sale(cart, sale), sale]
        try:
            await self._ledger.append(facts, cart)
        finally:
            self.paying = False
        self._after_payment(sale)

    async def _addressed(self, sale: Sale, buyer: str) -> Sale:
        """With an invoice's number and buyer, where one is wanted."""
        if not buyer:
            return sale
        assert self.invoice_number is not None, "a part numbers invoices"
        await self._desk.know_buyer(buyer)
        if not self._desk.buyers[buyer]:
            raise Refusal("invoice-buyer-lost")
        number = await self.invoice_number()
        tenders = tuple(
            msgspec.structs.replace(tender, reference=number) if tender.kind == "invoice" else tender
            for tender in sale.tenders
        )
        return msgspec.structs.replace(sale, invoice=number, buyer=buyer, tenders=tenders)

    def counter(
        self, make: Callable[[settlement.SaleContext], Sale], approvals: tuple[Approval, ...]
    ) -> Coroutine[Any, Any, None]:
        """Write a document that turns a receipt, or its tenders; then drawer and paper as after any sale."""
        assert self._selling.cart is None, "no sale is open"
        self.paying = True
        return self._counter(make, approvals)

    async def _counter(
        self, make: Callable[[settlement.SaleContext], Sale], approvals: tuple[Approval, ...]
    ) -> None:
        try:
            facts = self._ledger.day_facts()
            sale = make(self._context(facts, approvals))
            self._ledger.must_hold(facts, sale.tenders)
            facts.append(sale)
            await self._ledger.append(facts, None)
        finally:
            self.paying = False
        self._after_payment(sale)

    def _context(
        self, facts: Sequence[Fact], approvals: tuple[Approval, ...], **said: Any
    ) -> settlement.SaleContext:
        """What a sale that is written now holds beside its cart; `facts` are written with it, `said` is known of it."""
        clock = self._desk.world.clock
        return settlement.SaleContext(
            number=self._desk.world.journal.head.next_number,
            business_day=self._ledger.business_day(facts),
            cash_session=self._ledger.cash_session(facts),
            operator=self._desk.operator_id(),
            tendered_ms=clock.wall_ms(),
            completed_ms=clock.wall_ms(),
            offset_min=self._desk.offset_min(),
            currency=self._desk.setup.currency,
            link=self._desk.world.hub.receipt_link() if self._desk.world.hub is not None else "",
            language=self._desk.setup.language,
            demo=self._desk.setup.demo,
            software=self._desk.setup.software,
            approvals=approvals,
            **said,
        )

    def _after_payment(self, sale: Sale) -> None:
        """The sale is durable: now, and only now, drawer, paper and thanks."""
        drawer = self._desk.world.drawer if any(tender.kind in IN_DRAWER for tender in sale.tenders) else None
        opened = drawer.open() if drawer is not None else False
        cart = self._selling.cart
        gift = cart is not None and cart.cart_id == sale.cart_id and cart.about.gift
        self._selling.end_cart()
        self._desk.remember_sale(sale)
        self._desk.showing_last = True
        assert self._desk.last is not None, "the sale was remembered"
        self._desk.events.append(
            e.SalePaid(
                sale.number,
                sale.total_minor,
                self._desk.last.given_minor,
                self._desk.last.change_minor,
                sale.link,
            )
        )
        if opened:
            self._desk.events.append(e.DrawerOpened("sale"))
        elif drawer is not None:
            self._desk.warn("drawer-by-key")
            self._later(self._surroundings.record_drawer("sale", by_key=True, cart_id=sale.cart_id))
        self._surroundings.issue(sale)
        for tell in self.afterwards:
            tell(sale)
        if gift and self.gift is not None:
            self.gift(sale)
        if self._desk.world.hub is not None:
            self._desk.world.hub.kick()

    async def _clear_doubt(self) -> None:
        """After a write whose fate is unknown: look what the journal really holds, then go on from there."""
        try:
            head = await self._desk.world.journal.reopen()
        except JournalUnavailableError as error:
            raise Refusal(error.code, level="alarm", detail=error.detail) from error
        self._desk.in_doubt = False
        self._desk.stopped = None
        await self._desk.budgets.count_anew(self._desk.world.history)
        cart = self._selling.cart
        if cart is not None and await self._desk.world.journal.cart_ended(cart.cart_id):
            sale = head.last_sale
            if sale is not None and sale.cart_id == cart.cart_id:
                self._desk.unsent.append((head.epoch, head.seq))
                self._after_payment(sale)
            else:
                self._selling.end_cart()
        self._parking.take_up_resumed()
        self._desk.warn("journal-again", level="info")

    def _retry(self, _: c.Retry) -> Coroutine[Any, Any, None] | None:
        if self._desk.in_doubt or self._desk.stopped is not None:
            return self._clear_doubt()
        return None

    def found_paid(self) -> None:
        """The power went between the commit and the thanks: show the sale again, print nothing by itself."""
        self.show_last()
        assert self._desk.last is not None, "the sale was remembered"
        self._desk.message = e.Message("sale-found-paid", {"number": self._desk.last.number}, "warn")

    def show_last(self) -> None:
        """Show the newest sale and its change as if it had just been paid; whether it was printed is unknown."""
        assert self._desk.last is not None, "the sale was remembered"
        self._desk.last = msgspec.structs.replace(self._desk.last, found_at_start=True)
        self._desk.showing_last = True
