"""A tip that is added after a sale was paid by card: booked at the terminal, then a document of its own."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import msgspec

from pos.card_facts import PaymentIntent
from pos.domain import commands as c
from pos.domain import payment
from pos.domain.card import CardResult
from pos.domain.question import Option, Question
from pos.domain.rights import declare
from pos.domain.tender import Tender
from pos.mentions import receipt_key
from pos.sale_facts import Reference, Sale
from pos.storage_ports import Found
from pos.till.cards.payments import Cards
from pos.till.cards.values import Approved, tender_of
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.receipts.counters import is_counter, tip_of
from pos.till.sale.selling import Selling
from pos.till.settlement import SaleContext
from pos.till.tenders.tendering import Tendering
from pos.words import amount

__all__ = ["CardTips"]

TIP: Final = declare("card-tip")
_LISTED: Final = 20


class _Payment(msgspec.Struct, frozen=True):
    """A payment by card that may get a tip, and its receipt."""

    found: Found
    sale: Sale
    tender: Tender
    result: CardResult


class CardTips:
    """The key "card-tip". A tip goes to a payment only where the terminal said of it that it may."""

    def __init__(
        self, desk: Desk, selling: Selling, checkout: Checkout, cards: Cards, tendering: Tendering
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self._cards = cards
        self._tendering = tendering
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {"card-tip": self._tip}

    def _tip(self, command: c.Do) -> Flow:
        desk = self._desk
        if desk.training:
            raise Refusal("card-training-none", level="info")
        desk.must_be_selling()
        if not desk.setup.tenders.tips:
            raise Refusal("no-tips", level="info")
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        desk.need(TIP)
        minor = self._tendering.typed(command)
        paid = yield from self._which()
        fields: dict[str, str | int] = {"amount": self._money(paid.tender.amount_minor)}
        while not minor:
            minor = yield Question("card-tip-amount", "amount", fields=fields)
        if minor > payment.CHANGE_MAX_MINOR:
            raise Refusal("tip-too-much", tip=minor)
        terminal = self._cards.terminal_of(paid.result.terminal_id)
        if terminal is None:
            raise Refusal("card-terminal-gone")
        approved = yield from self._cards.pay(
            "tip",
            minor,
            of=paid.tender.payment,
            receipt_no=paid.result.receipt_no,
            terminal=terminal,
            receipt=self._key(paid.found),
        )
        if approved is not None:
            yield self.book(approved)

    def book(self, approved: Approved) -> Any:
        """The document of a tip that its terminal has booked. Raises Refusal while a cart is open."""
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        intent = approved.intent
        tender = msgspec.structs.replace(
            tender_of(approved), amount_minor=intent.amount_minor, given_minor=intent.amount_minor
        )

        def make(context: SaleContext) -> Sale:
            return tip_of(tender, _reference(intent), self._desk.world.ids.new_id(), context)

        return self._checkout.counter(make, intent.approvals)

    # -- which payment

    def _which(self) -> Generator[Any, Any, _Payment]:
        history = self._desk.world.history
        if history is None:
            raise Refusal("no-last-sale")
        recent: Sequence[Found] = yield history.recent(_LISTED)
        payments: list[_Payment] = []
        for found in recent:
            paid = _payment(found)
            if paid is not None and (yield from self._stands(found)):
                payments.append(paid)
        if not payments:
            raise Refusal("card-no-tip", level="info")
        if len(payments) == 1:
            return payments[0]
        options = tuple(
            Option(str(at), self._key(one.found), amount_minor=one.tender.amount_minor)
            for at, one in enumerate(payments)
        )
        return payments[int((yield Question("card-tip-which", options=options)))]

    def _stands(self, found: Found) -> Generator[Any, Any, bool]:
        """Was the receipt neither taken back nor paid otherwise, and has it no tip yet?"""
        history = self._desk.world.history
        assert history is not None, "the receipt came out of it"
        later: Sequence[Found] = yield history.mentions("receipt", self._key(found))
        return not any(
            reference.kind in {"void", "retender", "tip"}
            for each in later
            if isinstance(each.fact, Sale)
            for reference in each.fact.references
        )

    def _key(self, found: Found) -> str:
        assert isinstance(found.fact, Sale), "a receipt is a sale"
        return receipt_key(self._desk.world.journal.head.till, found.epoch, found.fact.number)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)


def _payment(found: Found) -> _Payment | None:
    sale = found.fact
    if not isinstance(sale, Sale) or is_counter(sale):
        return None
    for tender in sale.tenders:
        result = tender.card
        if tender.payment and tender.amount_minor > 0 and result is not None and result.tippable:
            return _Payment(found, sale, tender, result) if result.receipt_no is not None else None
    return None


def _reference(intent: PaymentIntent) -> Reference:
    till, epoch, number = intent.receipt.rsplit("-", 2)
    return Reference("tip", till, int(epoch), int(number))
