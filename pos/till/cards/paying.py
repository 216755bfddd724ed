"""A sale paid at a card terminal: the part that a card pays, what a terminal makes of it, and a sale that waits for its answer."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import msgspec

from pos.card_facts import PaymentIntent
from pos.domain import cart as carts
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart
from pos.domain.document import Document, DocumentRow
from pos.domain.payment import Paid
from pos.domain.question import Option, Question
from pos.domain.scans import ScanKind, own_code, short_number
from pos.domain.tender import Tender
from pos.till.cards.payments import Cards
from pos.till.cards.values import LINK_KIND, Approved, tender_of
from pos.till.carts.parking import Parking
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.tenders.refunds import Refunds
from pos.words import amount, day_text

__all__ = ["CardPaying"]

ON_LINE: Final = frozenset({"card", LINK_KIND})
"""Tenders that hold a payment of a terminal or a payment service."""
_AWAY: Final = (Option("again", word="ui.card-try"), Option("alone", word="ui.card-alone"))
_MORE: Final = (Option("tip", word="ui.as-tip"), Option("reverse", word="ui.card-reverse"))


class CardPaying:
    """`alone` pays at a terminal that stands beside the till; it is offered where no terminal on a line answers."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        checkout: Checkout,
        parking: Parking,
        cards: Cards,
        print_document: Callable[[Document], None],
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self._parking = parking
        self._cards = cards
        self._print = print_document
        selling.guard = checkout.unsettled = parking.unsettled = self.guard
        parking.taken_up = cards.news.settled = self.put_waiting
        cards.aside = self.aside

    @property
    def at_hand(self) -> bool:
        return self._cards.at_hand

    def guard(self, cart: Cart) -> None:
        """Refuse to touch a cart of whose payment nobody knows. Raises Refusal."""
        self._cards.guard(cart)

    # -- paying

    def settle_first(self, settle: Callable[[Cart], Flow]) -> Generator[Any, Any, bool]:
        """The card key on a cart whose payment is not settled settles it. True where that was the business."""
        cart = self._selling.cart
        if cart is None or self._desk.training:
            return False
        self.put_waiting()
        payments = self._cards.payments.of_cart(cart.cart_id)
        if not payments:
            return False
        self._desk.must_be_selling()
        approved = yield from self._cards.take_up(payments[0])
        if approved is not None:
            self.put_waiting()
            yield from settle(self._selling.the_cart())
        return True

    def pay(
        self, cart: Cart, paid: Paid, alone: Callable[[Cart, Paid], Flow], settle: Callable[[Cart], Flow]
    ) -> Flow:
        """The first tender of `paid` is the card's; what follows goes out in cash for it."""
        if not self._cards.terminals.usable() and (yield from self._instead(cart, paid, alone)):
            return
        wanted = paid.tenders[0].amount_minor
        kind, minor = ("sale", wanted) if wanted > 0 else ("refund", -wanted)
        approved = yield from self._cards.pay(kind, minor, cart=cart, in_sale=paid.done)
        if approved is None:
            return
        yield from self._count(cart, paid, approved, settle)

    def book(
        self, cart: Cart, paid: Paid, held: PaymentIntent, receipt_no: int, settle: Callable[[Cart], Flow]
    ) -> Flow:
        """The one tender of `paid` out of a card that is held to an amount; `receipt_no` is the terminal's number of it."""
        approved = yield from self._cards.pay(
            "book",
            paid.tenders[0].amount_minor,
            cart=cart,
            of=held.payment_id,
            receipt_no=receipt_no,
            terminal=self._cards.terminals.of(held),
            in_sale=paid.done,
            note=held.note,
        )
        if approved is not None:
            yield from self._count(cart, paid, approved, settle)

    def _count(self, cart: Cart, paid: Paid, approved: Approved, settle: Callable[[Cart], Flow]) -> Flow:
        """What was charged may be less than was asked for, or more by a tip."""
        wanted = paid.tenders[0].amount_minor
        sign = 1 if wanted > 0 else -1
        over = approved.minor - abs(wanted)
        if not over and paid.done:
            tenders = (*cart.tenders, tender_of(approved, sign=sign), *paid.tenders[1:])
            yield self._checkout.complete(cart, tenders, tip_minor=cart.about.tip_minor)
            return
        yield self._cards.news.keep_end(approved)
        if over > 0 and approved.tip_minor != over:
            fields: dict[str, str | int] = {"amount": self._money(approved.minor), "over": self._money(over)}
            if (yield Question("card-more", options=_MORE, fields=fields, scans="refuse")) == "reverse":
                yield from self._cards.reverse(approved)
                return
        self._put(approved, sign, paid.tenders[1:] if over >= 0 else (), max(0, over))
        yield from settle(self._selling.the_cart())

    def _put(self, approved: Approved, sign: int, others: Sequence[Tender], tip_minor: int) -> None:
        cart = self._selling.the_cart()
        if tip_minor:
            cart = carts.with_about(cart, tip_minor=cart.about.tip_minor + tip_minor)
        cart = carts.add_tender(cart, tender_of(approved, sign=sign))
        for tender in others:
            cart = carts.add_tender(cart, tender)
        self._selling.keep(cart)

    def put_waiting(self, _: str = "") -> None:
        """Approved payments of the open cart that it does not hold yet, as after a cut, become its tenders."""
        cart = self._selling.cart
        if cart is None or self._desk.training:
            return
        known = {one.intent.payment_id for one in self._cards.payments.held_for(cart.cart_id)}
        for at in range(
            len(cart.tenders) - 1, -1, -1
        ):  # what was reversed just before a cut is none any more
            if cart.tenders[at].kind in ON_LINE and cart.tenders[at].payment not in known:
                self._selling.keep(carts.drop_tender(self._selling.the_cart(), at))
        for held in self._cards.waiting_for(cart):
            approved = Approved(held.intent, held.result, held.paper)
            sign = -1 if held.intent.kind == "refund" else 1
            over = max(0, approved.tip_minor) if sign > 0 else 0
            self._put(approved, sign, (), over)
            self._desk.message = e.Message("card-approved-after", {"amount": approved.minor}, "warn")

    def _instead(
        self, cart: Cart, paid: Paid, alone: Callable[[Cart, Paid], Flow]
    ) -> Generator[Any, Any, bool]:
        """No terminal takes a payment now. True where the terminal beside the till took it, typed in by hand."""
        while not self._cards.terminals.usable():
            why = self._cards.terminals.why()
            if (yield Question(why, options=_AWAY, scans="refuse")) == "alone":
                yield from alone(cart, paid)
                return True
        return False

    # -- a sale that waits

    async def aside(self, cart: Cart) -> None:
        """Set a sale aside whose payment is looked into: a slip for its customer, and the next one can be served."""
        words = self._desk.words
        total = payment.rest_minor(cart)
        await self._parking.set_aside(cart, words("card.aside-note"))
        now = self._desk.world.clock.now()
        rows = [
            DocumentRow(words("card.slip-title"), style="mark"),
            DocumentRow(f"{day_text(now.date(), self._desk.language)} {now:%H:%M}"),
            DocumentRow(words("card.slip-amount"), self._money(total)),
            DocumentRow(words("card.slip-text")),
            DocumentRow(own_code(ScanKind.PARKED, cart.cart_id), style="code"),
            DocumentRow(words("slip.number", number=short_number(cart.cart_id)), style="centre"),
            DocumentRow(words("slip.no-receipt"), style="centre"),
        ]
        self._print(Document(tuple(rows)))

    def take_back(self, cart: Cart, at: int) -> Generator[Any, Any, bool]:
        """Take a part back that a terminal charged: it is reversed there. False where it stays."""
        tender = cart.tenders[at]
        held = next(
            (one for one in self._cards.payments.held if one.intent.payment_id == tender.payment), None
        )
        if held is None:
            raise Refusal("card-no-number")
        approved = Approved(held.intent, held.result, held.paper)
        return (yield from self._cards.reverse(approved)) is not None

    def reverse_paid(self, tender: Tender) -> Generator[Any, Any, Tender | None]:
        """Give back what a sale was paid by card: reversed at its terminal; else as a refund, with the card. The new tender, negative."""
        result = tender.card
        if tender.amount_minor <= 0:
            raise Refusal("card-no-number")
        if tender.kind == LINK_KIND:
            return (yield from self.back_by_link(tender, tender.amount_minor))
        if result is not None and result.receipt_no is not None:
            known = self._cards.terminal_of(result.terminal_id)
            if known is not None:
                approved = yield from self._cards.pay(
                    "reversal",
                    tender.amount_minor,
                    of=tender.payment,
                    receipt_no=result.receipt_no,
                    terminal=known,
                )
                if approved is not None:
                    return _negative(tender_of(approved, sign=-1), tender.amount_minor)
                fields: dict[str, str | int] = {"amount": self._money(tender.amount_minor)}
                options = (Option("refund", word="ui.card-refund"), Option("leave", word="ui.card-leave"))
                if (
                    yield Question("card-not-reversed", options=options, fields=fields, scans="refuse")
                ) != "refund":
                    return None
        return (yield from self.refund(tender.amount_minor))

    def refund(self, minor: int, cart: Cart | None = None) -> Generator[Any, Any, Tender | None]:
        """Credit a card without the payment it came from; the card is there."""
        approved = yield from self._cards.pay("refund", minor, cart=cart)
        return None if approved is None else _negative(tender_of(approved, sign=-1), minor)

    def way(self, minor: int) -> Generator[Any, Any, Tender]:
        """A way to give money back (pos.till.tenders.refunds): as a credit to the card. Raises Refusal where it was not given."""
        tender = yield from self.refund(minor, self._selling.cart)
        if tender is None:
            raise Refusal("card-not-approved", level="info")
        return tender

    def back_by_link(self, tender: Tender, minor: int) -> Generator[Any, Any, Tender | None]:
        """Give back at the payment service what was paid by its link, or a part of it."""
        line = self._cards.terminals.service()
        if line is None:
            raise Refusal("card-terminal-gone")
        approved = yield from self._cards.refund_link(minor, line.name, tender.payment, tender.reference)
        return None if approved is None else _negative(tender_of(approved, sign=-1), minor)

    def refund_named(self, minor: int, reference: str) -> Generator[Any, Any, Tender]:
        """A way of pos.till.tenders.refunds: back to the payment with this id. Raises Refusal where it does not go."""
        paid = Tender(LINK_KIND, minor, minor, reference=reference)
        back = yield from self.back_by_link(paid, minor)
        if back is None:
            raise Refusal("link-not-back")
        return back

    def give_back_by(self, refunds: Refunds) -> None:
        """What came by card or by link goes back so."""
        refunds.ways["card"] = self.way
        refunds.asked[LINK_KIND] = self.refund_named

    def by_link(self, cart: Cart, paid: Paid, settle: Callable[[Cart], Flow]) -> Flow:
        """A link of a payment service, as a code that the customer scans."""
        line = self._cards.terminals.service()
        if line is None:
            raise Refusal("link-none", level="info")
        if self._desk.training:
            raise Refusal("link-training", level="info")
        approved = yield from self._cards.pay(
            "sale", paid.tenders[0].amount_minor, cart=cart, terminal=line, in_sale=paid.done
        )
        if approved is not None:
            yield from self._count(cart, paid, approved, settle)

    @property
    def has_link(self) -> bool:
        return self._cards.terminals.service() is not None

    def charge(self, minor: int) -> Generator[Any, Any, Tender | None]:
        """Charge a card for what belongs to no open cart: a re-tender, an account."""
        approved = yield from self._cards.pay("sale", minor)
        if approved is None:
            return None
        if approved.minor != minor:
            yield from self._cards.reverse(approved)
            raise Refusal("card-other-amount")
        return tender_of(approved)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)


def _negative(tender: Tender, minor: int) -> Tender:
    """What goes back is what was asked for, whether the terminal repeated the amount or not."""
    return msgspec.structs.replace(tender, amount_minor=-minor, given_minor=-minor)
