"""Payments at card terminals: an intent before the first byte, what was said before it is acknowledged, and never a guess.

A payment runs as part of a function that asks: the question on the screen waits for the terminal's news. The news is kept
whether somebody waits for it or not (pos.till.cards.news); so a sale that was set aside, and a till that was cut off, come to
the same end.
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

import msgspec

from pos.card_facts import PaymentIntent
from pos.card_ports import CardTerminal
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.card import APPROVED, CardRequest, CardState
from pos.domain.card_rules import Verdict
from pos.domain.cart import Cart
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.payments import HeldPayment, OpenPayment, Payments
from pos.till.cards.back import CardBack
from pos.till.cards.news import CardNews
from pos.till.cards.questions import CardQuestions
from pos.till.cards.values import BESIDE, Approved, Settled
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.words import amount

__all__ = ["DECIDE", "Cards"]

DECIDE: Final = declare("card-decide")
_CARD_THERE: Final = frozenset({"sale", "preauth"})
"""What a customer signs, and what is asked once more where it was to be given up."""
_YES_NO: Final = (Option("yes", word="ui.yes"), Option("no", word="ui.no"))


class Cards(CardBack):
    """`pay` is a part of functions; `first` guards what must not happen to a cart whose payment nobody knows."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        flows: Flows,
        selling: Selling,
        submit: Callable[[c.Command], None],
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self.aside: Callable[[Cart], Coroutine[Any, Any, None]] | None = None
        """Sets a cart aside whose payment is looked into."""
        self.print_link: Callable[[str, int], None] = lambda _link, _minor: None
        self.news = CardNews(desk, ledger, flows, submit)
        self.terminals = self.news.terminals
        self._ask_by = CardQuestions(desk, self.news)

    # -- what others ask

    @property
    def payments(self) -> Payments:
        return self.news.payments

    @property
    def at_hand(self) -> bool:
        """Is there a terminal on a line? In training none is."""
        return bool(self._desk.real.cards) and not self._desk.training

    def guard(self, cart: Cart) -> None:
        """Refuse what would change, pay otherwise, park or void a cart of whose payment nobody knows."""
        if self._desk.training:
            return
        if self.payments.of_cart(cart.cart_id):
            raise Refusal("card-not-settled", level="alarm")

    def waiting_for(self, cart: Cart) -> tuple[HeldPayment, ...]:
        """Approved payments of this cart that it does not hold yet."""
        if self._desk.training:
            return ()
        there = {tender.payment for tender in cart.tenders}
        return tuple(
            one for one in self.payments.held_for(cart.cart_id) if one.intent.payment_id not in there
        )

    # -- paying

    def pay(
        self,
        kind: str,
        minor: int,
        *,
        cart: Cart | None = None,
        of: str = "",
        receipt_no: int | None = None,
        terminal: CardTerminal | None = None,
        in_sale: bool = False,
        of_reference: str = "",
        note: str = "",
        receipt: str = "",
    ) -> Generator[Any, Any, Approved | None]:
        """One payment from its intent to its end; None where it was not approved, with a message that says why.

        `note` and `receipt` are as in pos.card_facts.PaymentIntent. `in_sale`: the caller writes the sale that holds it at once; else its end is a fact of its own. Raises Refusal.
        """
        chosen = terminal or self.terminals.free()
        payment_id = self._desk.world.ids.new_id()
        request = CardRequest(
            payment_id,
            kind,  # type: ignore[arg-type]
            minor,
            self._desk.setup.currency,
            receipt_no,
            of_reference=of_reference,
        )
        intent = self.terminals.intent(chosen, request, cart.cart_id if cart is not None else "", of)
        intent = msgspec.structs.replace(intent, note=note, receipt=receipt)
        request = msgspec.structs.replace(request, begun_ms=intent.begun_ms)
        yield self._begin(intent)
        self.news.running[payment_id] = request
        self.news.say(payment_id, CardState(text="sent"))
        chosen.start(request)
        self.news.beat(payment_id)
        settled: Settled = yield from self._wait(intent, chosen)
        return (yield from self._go_on(intent, settled, chosen, in_sale=in_sale))

    def take_up(self, payment: OpenPayment) -> Generator[Any, Any, Approved | None]:
        """Settle a payment of which nobody knows: ask its terminal, as often as wished, or let a person decide."""
        terminal = self.terminals.find(payment.intent.terminal)
        self.news.look(payment)
        settled = yield from self._ask(payment.intent, terminal, None)
        return (yield from self._go_on(payment.intent, settled, terminal, in_sale=False))

    def found(self) -> None:
        """At start: say that there are payments of which nobody knows; their terminals are asked by themselves."""
        if self.payments.open:
            self._desk.message = e.Message("card-found-open", {"count": len(self.payments.open)}, "alarm")

    async def _begin(self, intent: PaymentIntent) -> None:
        """The open cart and the intent are durable before the first byte."""
        await self._desk.real.state.flush()
        await self._ledger.append([*self._ledger.day_facts(), intent], None)

    def _wait(self, intent: PaymentIntent, terminal: CardTerminal) -> Generator[Any, Any, Settled]:
        while True:
            heard = yield self._ask_by.running(intent)
            if isinstance(heard, Settled):
                return heard
            if heard == "slip":
                self._print_link(intent)
                continue
            self.news.cancelled.add(intent.payment_id)
            self.news.say(intent.payment_id, CardState(text="cancelling"))
            terminal.cancel()

    def _go_on(
        self, intent: PaymentIntent, settled: Settled, terminal: CardTerminal | None, *, in_sale: bool
    ) -> Generator[Any, Any, Approved | None]:
        while settled.outcome == "unknown":
            settled = yield from self._ask(intent, terminal, settled.verdict)
        cancelled = intent.payment_id in self.news.cancelled
        self.news.cancelled.discard(intent.payment_id)
        if settled.outcome != "approved":
            self._tell_why(intent, settled)
            return None
        approved = Approved(intent, settled.result, self.news.papers.of(intent.payment_id))
        if not in_sale:
            yield self.news.keep_end(approved)
        if intent.kind not in _CARD_THERE:
            return approved
        if settled.result is not None and settled.result.signature:
            if not (yield from self._signed(approved)):
                return None
        elif cancelled and not (yield from self._still_wanted(approved)):
            return None
        return approved

    def _signed(self, approved: Approved) -> Generator[Any, Any, bool]:
        """The customer signs on the merchant's slip; what nobody signs rightly is taken back."""
        for paper in self.news.papers.merchant(approved.paper, approved.result):
            self.news.print_paper(paper)
        fields: dict[str, str | int] = {"amount": self._money(approved.minor)}
        if (yield Question("card-signature", options=_YES_NO, fields=fields, scans="refuse")) == "yes":
            return True
        yield from self.undo(approved)
        return False

    def _still_wanted(self, approved: Approved) -> Generator[Any, Any, bool]:
        """It was to be given up, and the card was charged first: that stands, unless somebody takes it back."""
        options = (Option("keep", word="ui.card-keep"), Option("reverse", word="ui.card-reverse"))
        fields: dict[str, str | int] = {"amount": self._money(approved.minor)}
        if (yield Question("card-won", options=options, fields=fields, scans="refuse")) == "keep":
            return True
        yield from self.undo(approved)
        return False

    def _print_link(self, intent: PaymentIntent) -> None:
        link = self.news.links.get(intent.payment_id, "")
        if not link:
            raise Refusal("link-not-yet", level="info")
        self.print_link(link, intent.amount_minor)
        self._desk.message = e.Message("transfer-printed", level="info")

    # -- asking

    def _ask(
        self, intent: PaymentIntent, terminal: CardTerminal | None, verdict: Verdict | None
    ) -> Generator[Any, Any, Settled]:
        """Nobody knows what became of it: the terminal is asked, the sale may wait aside, a person may state it."""
        while True:
            now = self.payments.find(intent.payment_id)
            if now is None:
                return self._known(intent)
            heard = yield self._ask_by.unknown(intent, terminal, verdict)
            if isinstance(heard, Settled):
                if heard.outcome != "unknown":
                    return heard
                verdict = heard.verdict
            elif heard == "again":
                self.news.look(now)
            elif heard == "close":
                self.news.cancelled.add(intent.payment_id)
                self.news.look(now, cancel=True)
            elif heard == "slip":
                self._print_link(intent)
            elif heard == "decide":
                stated = yield from self._decide(now, verdict)
                if stated is not None:
                    return stated
            else:
                yield from self._set_aside(now)

    def _set_aside(self, payment: OpenPayment) -> Flow:
        """The sale waits, with its payment; the next customer can be served. Ends the function."""
        cart = self._selling.cart
        if cart is not None and cart.cart_id == payment.cart_id:
            assert self.aside is not None, "a part sets carts aside"
            yield self.aside(cart)
        sentence = "card-aside" if payment.cart_id else "card-aside-alone"
        raise Refusal(sentence, level="warn", amount=payment.intent.amount_minor)

    def _known(self, intent: PaymentIntent) -> Settled:
        """It was settled while something else was asked."""
        held = next((one for one in self.payments.held if one.intent.payment_id == intent.payment_id), None)
        return Settled("approved", held.result) if held is not None else Settled("declined")

    def _decide(self, payment: OpenPayment, verdict: Verdict | None) -> Generator[Any, Any, Settled | None]:
        """A person with the right states it, on the terminal's own paper; its end of day is watched for it."""
        approvals: tuple[Approval, ...] = approval_of((yield Need(DECIDE)))
        beside = "-beside" if payment.intent.kind in BESIDE else ""
        options = (
            Option("charged", word=f"ui.card-charged{beside}"),
            Option("not-charged", word=f"ui.card-not-charged{beside}"),
            Option("wait", word="ui.card-wait"),
        )
        answer = yield Question(
            "card-decide", options=options, rows=self._ask_by.both(payment.intent, verdict), scans="refuse"
        )
        if answer == "wait" or self.payments.find(payment.intent.payment_id) is None:
            return None
        note = yield Question("card-evidence", "text", scans="refuse")
        if self.payments.find(payment.intent.payment_id) is None:
            return None
        approved = answer == "charged"
        ended = self.news.ended_fact(
            payment.intent,
            "approved" if approved else "unpaid",
            "operator",
            rule=verdict.rule if verdict is not None else "silent",
            note=note,
            approvals=approvals,
        )
        yield self.news.keep([ended])
        return Settled("approved" if approved else "unpaid")

    # -- what is told

    def terminal_of(self, terminal_id: str) -> CardTerminal | None:
        """The terminal that has this id now."""
        known = (one.name for one in self.payments.terminals if one.terminal_id == terminal_id)
        return next((self.terminals.find(name) for name in known), None)

    def _tell_why(self, intent: PaymentIntent, settled: Settled) -> None:
        code = settled.code if settled.code not in {None, APPROVED} else None
        why = self.terminals.words_of_result(code) if code is not None else ""
        if intent.kind in BESIDE:
            sentence = "card-not-done" if why else "card-not-done-plain"
        else:
            plain = settled.outcome == "declined" and not why
            sentence = "card-declined-plain" if plain else f"card-{settled.outcome}"
        self._desk.refuse(e.Message(sentence, {"amount": intent.amount_minor, "why": why}, level="error"))

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)
