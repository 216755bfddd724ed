"""Payments at terminals and payment services, as far as they are not over: what follows from the facts alone, one after the other."""

from typing import Final

import msgspec

from pos.card_facts import (
    PaymentEnded,
    PaymentIntent,
    PaymentResult,
    TerminalClosed,
    TerminalMet,
    TerminalPrinted,
)
from pos.cart_facts import CartResumed
from pos.domain.card import APPROVED, CardMark, CardPaper, CardResult, mark_of
from pos.facts import Fact
from pos.sale_facts import Sale

__all__ = ["HeldPayment", "OpenPayment", "Payments", "Terminal", "follow_payments"]

KNOWN_MAX: Final = 40
_BACK: Final = frozenset({"reversal", "refund"})
_OUT: Final = frozenset({"refund", "reversal"})
_SETTLES: Final = frozenset({"book", "release"})
_MOVES_NOTHING: Final = frozenset({"preauth", "release"})
"""Nothing is charged by them: a card is only held to an amount, or no more."""


class OpenPayment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A payment whose outcome no fact states.

    `cart_id` is the cart to which it belongs now, `known` which of the terminal's transactions were known when it began,
    `results` what was said of it in its own conversation, in order.
    """

    intent: PaymentIntent
    cart_id: str
    known: tuple[CardMark, ...] = ()
    results: tuple[CardResult, ...] = ()


class HeldPayment(msgspec.Struct, frozen=True, omit_defaults=True):
    """An approved payment, refund or reversal that stands in no sale yet. `result` None: a person stated it."""

    intent: PaymentIntent
    cart_id: str
    result: CardResult | None = None
    paper: tuple[CardPaper, ...] = ()


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the facts know of one terminal.

    `last` is its newest transaction (None: it had none when it was met), `known` those that are known, with the payment that each
    was (empty: none of ours), `sums` what was approved since its last end of day by brand, `watched` payments whose outcome a
    person stated since then, `printed` is the newest paper of its own that belongs to no payment.
    """

    name: str
    terminal_id: str
    epoch: int
    last: CardMark | None = None
    known: tuple[tuple[CardMark, str], ...] = ()
    sums: tuple[tuple[str, int, int], ...] = ()
    watched: tuple[str, ...] = ()
    printed: CardPaper | None = None


class Payments(msgspec.Struct, frozen=True, omit_defaults=True):
    """`reserved` are pre-authorisations that are neither booked nor released."""

    open: tuple[OpenPayment, ...] = ()
    held: tuple[HeldPayment, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    reserved: tuple[HeldPayment, ...] = ()

    def find(self, payment_id: str) -> OpenPayment | None:
        return next((one for one in self.open if one.intent.payment_id == payment_id), None)

    def terminal(self, name: str) -> Terminal | None:
        return next((one for one in self.terminals if one.name == name), None)

    def at(self, terminal: str) -> OpenPayment | None:
        """The payment of which nobody knows at this terminal: it takes no other until it is settled."""
        return next((one for one in self.open if one.intent.terminal == terminal), None)

    def of_cart(self, cart_id: str) -> tuple[OpenPayment, ...]:
        return tuple(one for one in self.open if one.cart_id == cart_id)

    def held_for(self, cart_id: str) -> tuple[HeldPayment, ...]:
        return tuple(one for one in self.held if one.cart_id == cart_id)


def follow_payments(payments: Payments, fact: Fact, epoch: int) -> Payments:
    """The payments after one more fact of this epoch."""
    match fact:
        case Sale():
            ids = {tender.payment for tender in fact.tenders if tender.payment}
            for payment_id in ids:
                payments = _sold(payments, payment_id)
            return payments
        case PaymentIntent():
            terminal = payments.terminal(fact.terminal)
            known = tuple(mark for mark, _ in terminal.known) if terminal is not None else ()
            begun = OpenPayment(fact, fact.cart_id, known)
            return msgspec.structs.replace(payments, open=(*payments.open, begun))
        case PaymentResult():
            return _heard(payments, fact)
        case PaymentEnded():
            return _ended(payments, fact)
        case TerminalMet():
            return _met(payments, fact, epoch)
        case TerminalPrinted():
            return _changed(payments, fact.terminal, printed=fact.paper)
        case TerminalClosed():
            return _changed(payments, fact.terminal, sums=(), watched=())
        case CartResumed() if payments.open or payments.held:
            return msgspec.structs.replace(
                payments,
                open=tuple(_moved(one, fact) for one in payments.open),
                held=tuple(_moved(one, fact) for one in payments.held),
            )
    return payments


def _moved(one: "OpenPayment | HeldPayment", fact: CartResumed) -> "OpenPayment | HeldPayment":
    return msgspec.structs.replace(one, cart_id=fact.new_cart_id) if one.cart_id == fact.cart_id else one


def _heard(payments: Payments, fact: PaymentResult) -> Payments:
    found = payments.find(fact.payment_id)
    if found is None:
        return payments
    kept = found.results if fact.how == "query" else (*found.results, fact.result)
    heard = msgspec.structs.replace(found, results=kept)
    payments = msgspec.structs.replace(
        payments, open=tuple(heard if one is found else one for one in payments.open)
    )
    mark = mark_of(fact.result)
    return payments if mark is None else _marked(payments, found.intent.terminal, mark, fact.payment_id)


def _marked(payments: Payments, terminal: str, mark: CardMark, payment_id: str) -> Payments:
    known = payments.terminal(terminal)
    if known is None:
        return payments
    others = tuple(each for each in known.known if each[0] != mark)
    return _changed(payments, terminal, last=mark, known=(*others, (mark, payment_id))[-KNOWN_MAX:])


def _ended(payments: Payments, fact: PaymentEnded) -> Payments:
    found = payments.find(fact.payment_id)
    if found is None:
        return _released(payments, fact.payment_id)
    payments = msgspec.structs.replace(payments, open=tuple(one for one in payments.open if one is not found))
    intent = found.intent
    if fact.by == "operator":
        known = payments.terminal(intent.terminal)
        watched = known.watched if known is not None else ()
        payments = _changed(payments, intent.terminal, watched=(*watched, fact.payment_id))
    if fact.outcome != "approved":
        return payments
    payments = _summed(payments, intent, fact.result)
    if intent.kind in _BACK and any(one.intent.payment_id == intent.of for one in payments.held):
        return _released(payments, intent.of)
    held = HeldPayment(intent, found.cart_id, fact.result, fact.paper)
    if intent.kind == "preauth":
        return msgspec.structs.replace(payments, reserved=(*payments.reserved, held))
    payments = _used(payments, intent)
    if intent.kind == "release":
        return payments
    return msgspec.structs.replace(payments, held=(*payments.held, held))


def _released(payments: Payments, payment_id: str) -> Payments:
    """A payment that was held, or a card that was, is so no more: it was taken back, or a person stated where it went."""
    return msgspec.structs.replace(
        payments, held=_without(payments.held, payment_id), reserved=_without(payments.reserved, payment_id)
    )


def _used(payments: Payments, intent: PaymentIntent) -> Payments:
    """A pre-authorisation ends when it is booked, with less than it was or all of it, and when it is released."""
    if intent.kind not in _SETTLES:
        return payments
    return msgspec.structs.replace(payments, reserved=_without(payments.reserved, intent.of))


def _without(held: tuple[HeldPayment, ...], payment_id: str) -> tuple[HeldPayment, ...]:
    return tuple(one for one in held if one.intent.payment_id != payment_id)


def _sold(payments: Payments, payment_id: str) -> Payments:
    """A sale holds this payment: that ends it."""
    found = payments.find(payment_id)
    if found is not None:
        approved = next((one for one in reversed(found.results) if one.code == APPROVED), None)
        payments = _used(_summed(payments, found.intent, approved), found.intent)
    return msgspec.structs.replace(
        payments,
        open=tuple(one for one in payments.open if one.intent.payment_id != payment_id),
        held=_without(payments.held, payment_id),
    )


def _summed(payments: Payments, intent: PaymentIntent, result: CardResult | None) -> Payments:
    known = payments.terminal(intent.terminal)
    if known is None or intent.kind in _MOVES_NOTHING:
        return payments
    amount = intent.amount_minor
    if result is not None and result.amount_minor is not None and intent.kind != "tip":
        amount = result.amount_minor
    if intent.kind in _OUT:
        amount = -amount
    brand = result.brand if result is not None else ""
    sums = {name: (count, total) for name, count, total in known.sums}
    count, total = sums.get(brand, (0, 0))
    sums[brand] = (count + 1, total + amount)
    return _changed(
        payments, intent.terminal, sums=tuple((name, *both) for name, both in sorted(sums.items()))
    )


def _met(payments: Payments, fact: TerminalMet, epoch: int) -> Payments:
    old = payments.terminal(fact.terminal)
    same = old is not None and old.terminal_id == fact.terminal_id
    known = old.known if old is not None and same else ()
    if fact.last is not None and all(each[0] != fact.last for each in known):
        known = (*known, (fact.last, ""))[-KNOWN_MAX:]
    met = Terminal(
        fact.terminal,
        fact.terminal_id,
        epoch,
        fact.last,
        known,
        old.sums if old is not None and same else (),
        old.watched if old is not None and same else (),
        old.printed if old is not None and same else None,
    )
    others = tuple(one for one in payments.terminals if one.name != fact.terminal)
    return msgspec.structs.replace(payments, terminals=(*others, met))


def _changed(payments: Payments, terminal: str, **changes: object) -> Payments:
    return msgspec.structs.replace(
        payments,
        terminals=tuple(
            msgspec.structs.replace(one, **changes) if one.name == terminal else one
            for one in payments.terminals
        ),
    )
