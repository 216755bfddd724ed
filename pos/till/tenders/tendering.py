"""Paying in parts and by other means than cash: which tender, how much of what is left, and what is taken back."""

from collections.abc import Callable, Generator
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain import payment
from pos.domain.cart import Cart, Tender
from pos.domain.order_cart import PREPAID
from pos.domain.question import Option, Question, to_minor
from pos.domain.rounding import cash_due
from pos.domain.tender import ForeignRate
from pos.till.cards.paying import CardPaying
from pos.till.checkout import Checkout, refused
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.till.tenders.stand_alone import StandAlone
from pos.words import amount

__all__ = ["YES_NO", "Tendering"]

NOTES: Final = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
YES_NO: Final = (Option("yes", word="ui.yes"), Option("no", word="ui.no"))


class Tendering:
    """The tender keys. What pays a part is kept with the cart; what pays the rest ends it."""

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self._terminal = StandAlone(desk, selling)
        self.line: CardPaying | None = None
        """Pays at terminals on a line, where there are any."""
        self.menu: dict[str, str] = {"cash": "cash", "card": "card", "foreign": "foreign-cash"}
        """The key of each kind of tender that this till can take."""
        self.functions: dict[str, Callable[[c.Do], Any]] = {
            "card": self._card,
            "pay-link": self._link,
            "cash-quick": self._quick,
            "foreign-cash": self._foreign,
            "tip": self._tip,
            "tender-back": self._take_back,
            "tenders": self._menu,
        } | {f"note-{note // 100}": self._note(note) for note in NOTES}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.dispatch: Callable[[c.Do], Any] = lambda _: None
        self.undo: dict[str, Callable[[Cart, Tender], Generator[Any, Any, str]]] = {}
        """By kind of tender: what is asked before a part is taken back. Gives the code of the sentence, raises Refusal where it stays."""
        self.may_leave: Callable[[Tender], None] = lambda _: None
        """Raises Refusal for cash that only others can give back."""

    # -- what every tender begins with

    def begin(self, kind: str, command: c.Do) -> tuple[Cart, int | None]:
        """The cart to be paid and the amount that was typed, if any. Raises Refusal."""
        if kind not in self._desk.setup.tenders.taken:
            raise Refusal("tender-not-taken", level="info")
        cart = self._checkout.payable()
        return cart, self.typed(command)

    def typed(self, command: c.Do) -> int | None:
        text = command.text
        if not text:
            return None
        minor = to_minor(text, digits_are_cents=self._desk.setup.digits_are_cents)
        if minor is None:
            raise Refusal("not-an-amount", text=text)
        return minor

    def sure(self, cart: Cart) -> Flow:
        """A cart from before the numbers began anew may be sold already: asked once, as the cash key does."""
        if cart.cart_id in self._desk.world.journal.head.before:
            fields: dict[str, str | int] = {"total": self.money(payment.rest_minor(cart))}
            if (yield Question("pay-before", options=YES_NO, fields=fields)) != "yes":
                raise Refusal("not-paid", level="info")

    def money(self, minor: int) -> str:
        return amount(minor, self._desk.language)

    def take(self, cart: Cart, paid: payment.Paid) -> Flow:
        waiting = self._checkout.take(cart, paid)
        if waiting is not None:
            yield waiting

    # -- cash

    def _note(self, minor: int) -> Callable[[c.Do], Any]:
        def pay(_: c.Do) -> Any:
            return self._given(minor)

        return pay

    def _given(self, minor: int | None) -> Flow:
        cart = self._checkout.payable()
        yield from self.sure(cart)
        yield from through(self._checkout.pay_cash(cart, minor))

    def _quick(self, _: c.Do) -> Flow:
        """What is likely given, to choose from."""
        cart = self._checkout.payable()
        due = cash_due(payment.rest_minor(cart), self._desk.setup.tenders.rounding)[0]
        amounts = payment.quick_amounts(due)
        if not amounts:
            yield from self._given(None)
            return
        options = tuple(
            Option(str(minor), word="ui.exactly" if minor == due else "ui.quick-given", amount_minor=minor)
            for minor in amounts
        )
        answer = yield Question("cash-quick", options=options, fields={"due": self.money(due)})
        yield from self._given(int(answer))

    def _foreign(self, command: c.Do) -> Flow:
        cart, given = self.begin("foreign", command)
        rates = self._desk.setup.tenders.foreign
        if not rates:
            raise Refusal("no-foreign-rate")
        if payment.rest_minor(cart) <= 0:
            raise Refusal("nothing-to-pay", level="info")
        rate = rates[0]
        if len(rates) > 1:
            options = tuple(self._rate_option(each, cart) for each in rates)
            code = yield Question("foreign-currency", options=options)
            rate = next(each for each in rates if each.currency == code)
        due = payment.foreign_due(cart, rate)
        while given is None:
            given = yield Question(
                "foreign-given",
                "amount",
                fields={"currency": rate.currency, "due": self.money(due), "rate": str(rate.rate)},
                rows=((f"1 {rate.currency}", f"{rate.rate} {self._desk.setup.currency}"), self._dated(rate)),
            )
        yield from self.sure(cart)
        setup = self._desk.setup
        try:
            paid = payment.foreign(cart, given, rate, setup.tenders.rounding, setup.currency)
        except payment.PayError as error:
            raise refused(error) from error
        yield from self.take(cart, paid)

    def _rate_option(self, rate: ForeignRate, cart: Cart) -> Option:
        due = self.money(payment.foreign_due(cart, rate))
        return Option(rate.currency, rate.currency, note=f"{due} {rate.currency}")

    def _dated(self, rate: ForeignRate) -> tuple[str, str]:
        return (rate.day.isoformat(), "")

    # -- card

    def _card(self, command: c.Do) -> Flow:
        """By card: the whole rest, or what was typed."""
        if self.line is not None and (yield from self.line.settle_first(self.settle)):
            return
        cart, typed = self.begin("card", command)
        rest = payment.rest_minor(cart)
        if not rest and cart.tenders:
            yield from self.settle(cart)
            return
        yield from self.sure(cart)
        wanted = rest if typed is None else typed
        if rest > 0 and wanted > rest:
            yield from self._over(cart, wanted)
            return
        if rest < 0 and typed is not None:
            raise Refusal("nothing-to-take", amount=-rest)
        paid = payment.Paid(
            (Tender("card-manual", wanted, wanted, 0, self._desk.setup.currency),), done=wanted == rest
        )
        if not wanted:
            raise Refusal("amount-needed")
        yield from self._through(cart, paid)

    def _link(self, command: c.Do) -> Flow:
        """By a link of a payment service, which the customer opens with a phone."""
        if self.line is None or not self.line.has_link:
            raise Refusal("link-none", level="info")
        if (yield from self.line.settle_first(self.settle)):
            return
        cart, wanted = self.begin("link", command)
        if not payment.rest_minor(cart) and cart.tenders:
            yield from self.settle(cart)
            return
        try:
            paid = payment.exactly(cart, "pay-link", wanted, self._desk.setup.currency)
        except payment.PayError as error:
            raise refused(error) from error
        yield from self.sure(cart)
        yield from self.line.by_link(cart, paid, self.settle)

    def _over(self, cart: Cart, wanted: int) -> Flow:
        """A card gives no change: what is more is a tip, or is paid out in cash."""
        rules, rest = self._desk.setup.tenders, payment.rest_minor(cart)
        over = wanted - rest
        options = []
        if rules.tips:
            options.append(Option("tip", word="ui.as-tip", amount_minor=over))
        if 0 < over <= rules.cashback_max_minor:
            options.append(Option("cashback", word="ui.as-cashback", amount_minor=over))
        if not options:
            raise Refusal("only-cash-over", rest=rest)
        answer = yield Question(
            "card-over",
            options=tuple(options),
            fields={"rest": self.money(rest), "wanted": self.money(wanted)},
        )
        currency = self._desk.setup.currency
        if answer == "tip":
            cart = carts.with_about(cart, tip_minor=cart.about.tip_minor + over)
            paid = payment.exactly(cart, "card-manual", wanted, currency)
        else:
            paid = self._with_cash_out(cart, wanted)
        yield from self._through(cart, paid)

    def _with_cash_out(self, cart: Cart, wanted: int) -> payment.Paid:
        rules = self._desk.setup.tenders
        try:
            return payment.cash_out(
                cart,
                "card-manual",
                wanted,
                rules.cashback_max_minor,
                self._desk.setup.currency,
                rules.rounding,
            )
        except payment.PayError as error:
            raise refused(error) from error

    def _through(self, cart: Cart, paid: payment.Paid) -> Flow:
        """By the terminal; what it approved is kept with the cart before anything else is asked."""
        if self.line is not None and self.line.at_hand:
            yield from self.line.pay(cart, paid, self._alone, self.settle)
        else:
            yield from self._alone(cart, paid)

    def _alone(self, cart: Cart, paid: payment.Paid) -> Flow:
        """The terminal stands beside the till: what was typed there is said here."""
        approved: Cart | None = yield from self._terminal.pay(cart, paid)
        if approved is None:
            self._desk.warn("card-not-approved", level="info")
            return
        yield from self.settle(approved)

    def by_card(self, minor: int) -> Generator[Any, Any, Tender | None]:
        """A payment by card without a cart; None where the terminal did not approve."""
        if self.line is not None and self.line.at_hand:
            return (yield from self.line.charge(minor))
        number: str | None = yield from self._terminal.stated(minor)
        if number is None:
            return None
        return Tender("card-manual", minor, minor, 0, self._desk.setup.currency, number)

    def settle(self, cart: Cart) -> Flow:
        """On with a cart whose payments are kept: number of the terminal, then the sale if nothing is left."""
        cart = yield from self._terminal.number(cart)
        if payment.rest_minor(cart) == 0:
            yield self._checkout.complete(cart, cart.tenders, tip_minor=cart.about.tip_minor)
        else:
            self._checkout.say_part(cart)

    # -- tips, taking back, the menu

    def _tip(self, command: c.Do) -> Flow:
        if not self._desk.setup.tenders.tips:
            raise Refusal("no-tips", level="info")
        cart = self._checkout.payable()
        tip = self.typed(command)
        if tip is None:
            tip = yield Question("tip", "amount")
        assert tip is not None, "an amount was asked for"
        if payment.owed_minor(cart) - cart.about.tip_minor <= 0 and tip:
            raise Refusal("nothing-to-pay", level="info")
        if tip > payment.CHANGE_MAX_MINOR:
            raise Refusal("tip-too-much", tip=tip)
        self._selling.keep(carts.with_about(cart, tip_minor=tip))
        self._desk.message = e.Message("tip-is", {"tip": tip}, "info")

    def _take_back(self, command: c.Do) -> Flow:
        """The last part payment, or the one whose number was typed."""
        self._desk.must_be_selling()
        cart = self._selling.cart
        if cart is None or not cart.tenders:
            raise Refusal("no-part-paid", level="info")
        at = len(cart.tenders) - 1
        if command.text:
            if not command.text.isdecimal() or not 1 <= int(command.text) <= len(cart.tenders):
                raise Refusal("no-such-choice", level="warn")
            at = int(command.text) - 1
        while at and _is_out(cart.tenders[at]):  # paid out for the one before it
            at -= 1
        tender = cart.tenders[at]
        if tender.kind == PREPAID:
            raise Refusal("prepaid-stays", level="info")
        for other in (tender, *filter(_is_out, cart.tenders)):
            self.may_leave(other)
        said = "part-back"
        if tender.kind in self.undo:
            said = yield from self.undo[tender.kind](cart, tender)
        elif tender.payment and self.line is not None:
            if not (yield from self.line.take_back(cart, at)):
                return
        elif tender.kind == "card-manual":
            fields: dict[str, str | int] = {"amount": self.money(tender.amount_minor)}
            if (yield Question("card-back", options=YES_NO, fields=fields, scans="refuse")) != "yes":
                raise Refusal("part-stays", level="info")
        cart = carts.drop_tender(cart, at)
        paired = next(
            (n for n, other in enumerate(cart.tenders) if tender.kind != "cash" and _is_out(other)), None
        )
        if paired is not None and payment.overpaid(cart):
            cart = carts.drop_tender(cart, paired)
        self._selling.keep(_without_name(cart, tender))
        self._desk.message = e.Message(said, {"amount": tender.amount_minor}, "info")

    def _menu(self, command: c.Do) -> Flow:
        """All that the shop takes."""
        self._checkout.payable()
        menu = self.menu | ({"link": "pay-link"} if self.line is not None and self.line.has_link else {})
        taken = [kind for kind in self._desk.setup.tenders.taken if kind in menu]
        options = tuple(Option(kind, word=f"key.{menu[kind]}") for kind in taken)
        rest = payment.rest_minor(self._checkout.payable())
        answer = yield Question("tenders", options=options, fields={"rest": self.money(rest)})
        if answer == "cash":
            yield from self._given(self.typed(command))
            return
        yield from through(self.dispatch(msgspec.structs.replace(command, name=menu[answer])))


def through(result: Any) -> Flow:
    """Whatever a function of the till gave back, as a part of another."""
    if isinstance(result, Generator):
        yield from result
    elif result is not None:
        yield result


def _without_name(cart: Cart, gone: Tender) -> Cart:
    """Whoever was named with a payment that is gone may be somebody else now."""
    if any(tender.kind == gone.kind for tender in cart.tenders):
        return cart
    if gone.kind == "on-account" and cart.about.customer == gone.reference:
        return carts.with_about(cart, customer="")
    return carts.with_about(cart, buyer="") if gone.kind == "invoice" else cart


def _is_out(tender: Tender) -> bool:
    return tender.kind == "cash" and tender.amount_minor < 0
