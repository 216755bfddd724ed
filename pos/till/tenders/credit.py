"""Paying later: on the account of a customer up to a limit, and invoices with their buyer and a number of their own."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Tender
from pos.domain.codes import shown
from pos.domain.question import Option, Question, Scanned
from pos.domain.rights import Size, declare
from pos.domain.rounding import cash_due
from pos.sale_facts import Sale
from pos.storage_ports import Found
from pos.till.checkout import Checkout, refused
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.receipts.counters import account_paid
from pos.till.sale.selling import Selling
from pos.till.settlement import SaleContext
from pos.till.tenders.refunds import Refunds
from pos.till.tenders.tendering import Tendering
from pos.words import amount

__all__ = ["Credit"]

ON_ACCOUNT: Final = declare("on-account", amount=True)
_LAST: Final = "invoice.last"
_LISTED: Final = 8
_TEXT_MAX: Final = 40


class Credit:
    """The keys "account", "account-pay" and "invoice". Names and addresses stay in a book of this till, never in a fact."""

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout, tendering: Tendering) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self._tendering = tendering
        tendering.menu |= {"account": "account", "invoice": "invoice"}
        checkout.invoice_number = self.next_number
        self.functions = {
            "account": self._account,
            "account-pay": self._pay_account,
            "invoice": self._invoice,
        }
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}

    def give_back_by(self, refunds: Refunds) -> None:
        """What was sold on account is owed no more."""
        refunds.named["on-account"] = self.onto_account
        refunds.limits["on-account"] = self.owed

    # -- on account

    async def owed(self, customer: str) -> int:
        """What a customer owes, by the facts of this till."""
        history = self._desk.world.history
        found: Sequence[Found] = await history.mentions("account", customer) if history is not None else ()
        return sum(
            tender.amount_minor
            for one in found
            if isinstance(one.fact, Sale)
            for tender in one.fact.tenders
            if tender.kind == "on-account" and tender.reference == customer
        )

    async def onto_account(self, minor: int, customer: str) -> Tender:
        """A way to give money back (pos.till.tenders.refunds): the customer owes less."""
        return Tender("on-account", -minor, -minor, currency=self._desk.setup.currency, reference=customer)

    async def may_turn(self, standing: Sequence[Tender]) -> None:
        """Raises Refusal where what a customer owed for a receipt that stands paid so was paid since."""
        for tender in standing:
            if tender.kind == "on-account" and await self.owed(tender.reference) < tender.amount_minor:
                raise Refusal("account-paid", customer=tender.reference)

    def _account(self, command: c.Do) -> Flow:
        cart, wanted = self._tendering.begin("account", command)
        if payment.rest_minor(cart) <= 0:
            raise Refusal("nothing-to-pay", level="info")
        due = payment.rest_minor(cart) if wanted is None else min(wanted, payment.rest_minor(cart))
        approvals = approval_of((yield Need(ON_ACCOUNT, size=Size(due))))
        customer = cart.about.customer or (yield from self._customer())
        owed: int = yield self.owed(customer)
        held = sum(tender.amount_minor for tender in cart.tenders if tender.reference == customer)
        free = self._desk.setup.tenders.account_limit_minor - owed - held
        yield from self._tendering.sure(cart)
        try:
            paid = payment.exactly(cart, "on-account", wanted, self._desk.setup.currency, reference=customer)
        except payment.PayError as error:
            raise refused(error) from error
        (tender,) = paid.tenders
        if tender.amount_minor > free:
            raise Refusal("account-limit", customer=customer, owed=owed + held, free=max(0, free))
        cart = carts.with_about(cart, customer=customer, approvals=(*cart.about.approvals, *approvals))
        yield from self._tendering.take(cart, paid)
        if paid.done and self._desk.message is None:
            self._say_owed(customer, owed + held + tender.amount_minor)

    def _customer(self) -> Generator[Any, Any, str]:
        answer: str | Scanned = yield Question("account-customer", "text", scans="answer")
        return shown(answer.code if isinstance(answer, Scanned) else answer).strip().upper()[:_TEXT_MAX]

    def _say_owed(self, customer: str, minor: int) -> None:
        self._desk.message = e.Message("account-owed", {"customer": customer, "owed": minor}, "info")

    def _pay_account(self, command: c.Do) -> Flow:
        """A customer pays what is owed: a document without goods."""
        self._desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        customer = yield from self._customer()
        owed: int = yield self.owed(customer)
        if owed <= 0:
            raise Refusal("account-nothing", customer=customer)
        minor = self._tendering.typed(command)
        while minor is None or not 0 < minor <= owed:
            fields: dict[str, str | int] = {"customer": customer, "owed": amount(owed, self._desk.language)}
            minor = yield Question("account-pay", "amount", fields=fields)
        rules = self._desk.setup.tenders
        kinds = tuple(Option(kind, word=f"key.{kind}") for kind in ("cash", "card") if kind in rules.taken)
        fields = {"amount": amount(minor, self._desk.language)}
        kind = yield Question("account-pay-by", options=kinds, fields=fields)
        if kind == "cash":
            due, _ = cash_due(minor, rules.rounding)
            tenders = (Tender("cash", due, due, 0, self._desk.setup.currency),) if due else ()
        else:
            card: Tender | None = yield from self._tendering.by_card(minor)
            if card is None:
                raise Refusal("card-not-approved", level="info")
            tenders = (card,)
        lowered = yield self.onto_account(minor, customer)

        def make(context: SaleContext) -> Sale:
            return account_paid((*tenders, lowered), self._desk.world.ids.new_id(), context)

        yield self._checkout.counter(make, ())
        self._say_owed(customer, owed - minor)

    # -- invoices

    def _invoice(self, _: c.Do) -> Flow:
        """Buyer first; then it is paid now by any means, or by transfer later."""
        cart, _none = self._tendering.begin("invoice", c.Do("invoice"))
        buyer = (yield from self._buyer_again(cart.about.buyer)) if cart.about.buyer else ""
        if not cart.about.buyer or buyer == "other":
            buyer = yield from self._pick_buyer()
        cart = carts.with_about(self._checkout.payable(), buyer=buyer)
        self._selling.keep(cart)
        if not buyer:
            self._desk.message = e.Message("invoice-not-wanted", level="info")
            return
        when = (Option("now", word="ask.invoice-now"), Option("later", word="ask.invoice-later"))
        if payment.rest_minor(cart) <= 0 or (yield Question("invoice-when", options=when)) == "now":
            self._desk.message = e.Message("invoice-wanted", level="info")
            return
        approvals = approval_of((yield Need(ON_ACCOUNT, size=Size(payment.rest_minor(cart)))))
        yield from self._tendering.sure(cart)
        cart = carts.with_about(cart, approvals=(*cart.about.approvals, *approvals))
        yield from self._tendering.take(
            cart, payment.exactly(cart, "invoice", None, self._desk.setup.currency)
        )

    def _buyer_again(self, buyer: str) -> Generator[Any, Any, str]:
        """An invoice is wanted already: for the same buyer, another one ("other"), or none (empty)."""
        lines: tuple[str, ...] = yield self._desk.book.get(buyer)
        options = (
            Option("same", " ".join(lines) or buyer),
            Option("other", word="ask.invoice-other"),
            Option("none", word="ask.invoice-none"),
        )
        answer: str = yield Question("invoice-buyer", options=options)
        return {"same": buyer, "none": ""}.get(answer, answer)

    def _pick_buyer(self) -> Generator[Any, Any, str]:
        known: Mapping[str, tuple[str, ...]] = yield self._desk.book.newest(_LISTED)
        if known:
            options = [Option(key, " ".join(lines)) for key, lines in known.items()]
            options.append(Option("new", word="ask.invoice-new"))
            answer: str = yield Question("invoice-buyer", options=tuple(options))
            if answer != "new":
                return answer
        lines = []
        for part in ("name", "street", "city"):
            typed: str | None = yield Question(f"invoice-{part}", "text", empty=part == "street")
            if typed:
                lines.append(shown(typed)[:_TEXT_MAX])
        key = self._desk.world.ids.new_id()
        yield self._desk.book.put(key, tuple(lines))
        return key

    async def next_number(self) -> str:
        """The number after the newest that a fact holds, in this epoch of the till: without gaps, from 1.

        What memory holds only says where to look first.
        """
        head, memory = self._desk.world.journal.head, self._desk.world.memory
        prefix = f"{head.till}-{head.epoch}-R"
        kept = await memory.get(f"{_LAST}.{head.epoch}") if memory is not None else None
        last = int(kept) if kept and await self._exists(f"{prefix}{int(kept)}") else 0
        step = 1
        while await self._exists(f"{prefix}{last + step}"):
            last, step = last + step, step * 2
        while step > 1:
            step //= 2
            if await self._exists(f"{prefix}{last + step}"):
                last += step
        if memory is not None and last:
            await memory.put(f"{_LAST}.{head.epoch}", str(last).encode())
        return f"{prefix}{last + 1}"

    async def _exists(self, number: str) -> bool:
        history = self._desk.world.history
        return history is not None and bool(await history.mentions("invoice", number))
