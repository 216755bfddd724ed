"""Payments at card terminals: an intent before the first byte, what was said before it is acknowledged, and never a guess.

A payment runs as part of a function that asks: the question on the screen waits for the terminal's news. The news is kept
whether somebody waits for it or not; so a sale that was set aside, and a till that was cut off, come to the same end.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Final, Literal

import msgspec

from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult
from pos.card_ports import CardTerminal, TerminalDay
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.card import (
    APPROVED,
    CardAnswer,
    CardEnd,
    CardPaper,
    CardRequest,
    CardResult,
    CardState,
)
from pos.domain.card_rules import Verdict, judge, outcome
from pos.domain.cart import Cart
from pos.domain.psp import PspOrder, verdict_of_answer
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.payments import HeldPayment, OpenPayment, Payments
from pos.till.card_paper import CardPapers
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Flows, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.selling import Selling
from pos.till.terminals import Terminals
from pos.words import amount

__all__ = ["DECIDE", "Approved", "Cards", "Settled", "tender_of"]

DECIDE: Final = declare("card-decide")
ZVT: Final = "zvt"
LINK_KIND: Final = "pay-link"
"""The tender of a payment at a payment service."""
_YES_NO: Final = (Option("yes", word="ui.yes"), Option("no", word="ui.no"))
_BEAT_S: Final = 1.0
_WAITS: Final = frozenset({"silent", "open", "pending"})
"""Why nobody knows yet, where there is nothing to compare."""
_LOOK_MS: Final = 10_000
_Waiting = Coroutine[Any, Any, None] | None


class Settled(msgspec.Struct, frozen=True):
    """What became of a payment, as its function is told. `verdict` is there where the terminal was asked."""

    outcome: str
    result: CardResult | None = None
    code: int | None = None
    verdict: Verdict | None = None


class Approved(msgspec.Struct, frozen=True):
    """A payment that a terminal approved, or a person stated."""

    intent: PaymentIntent
    result: CardResult | None
    paper: tuple[CardPaper, ...] = ()

    @property
    def minor(self) -> int:
        """What was really charged: a terminal may approve less, or add a tip."""
        asked = self.intent.amount_minor
        return asked if self.result is None or self.result.amount_minor is None else self.result.amount_minor

    @property
    def tip_minor(self) -> int:
        return (self.result.tip_minor or 0) if self.result is not None else 0


def tender_of(approved: Approved, *, sign: int = 1) -> Tender:
    """The tender that holds a payment; `sign` -1 where money went back."""
    minor, result = sign * approved.minor, approved.result
    number = "" if result is None or result.receipt_no is None else f"{result.receipt_no:04}"
    intent = approved.intent
    if intent.provider != ZVT and result is not None:
        number = result.reference
    return Tender(
        "card" if intent.provider == ZVT else LINK_KIND,
        minor,
        minor,
        0,
        intent.currency,
        number,
        payment=intent.payment_id,
        card=result,
        paper=approved.paper,
    )


class Cards:
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
        self._selling = selling
        self.aside: Callable[[Cart], Coroutine[Any, Any, None]] | None = None
        """Sets a cart aside whose payment is looked into."""
        self._ledger = ledger
        self._flows = flows
        self._submit = submit
        self.terminals = Terminals(desk, ledger)
        self.papers = CardPapers(desk)
        self.print_paper: Callable[[CardPaper], None] = lambda _: None
        self.settled: Callable[[str], None] = lambda _: None
        """Told of each payment that was approved while nobody waited for it."""
        self._running: dict[str, CardRequest] = {}
        self._cancelled: set[str] = set()
        self._looked: dict[str, int] = {}
        self._state: dict[str, tuple[CardState, int]] = {}
        self._links: dict[str, str] = {}
        self.print_link: Callable[[str, int], None] = lambda _link, _minor: None
        self._silent: set[str] = set()
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {c.CardNews: self._news}

    # -- what others ask

    @property
    def payments(self) -> Payments:
        return self._desk.real.journal.head.payments

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
    ) -> Generator[Any, Any, Approved | None]:
        """One payment from its intent to its end; None where it was not approved, with a message that says why.

        `in_sale`: the caller writes the sale that holds it at once; else its end is a fact of its own. Raises Refusal.
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
        request = msgspec.structs.replace(request, begun_ms=intent.begun_ms)
        yield self._begin(intent)
        self._running[payment_id] = request
        self._say(payment_id, CardState(text="sent"))
        chosen.start(request)
        self._beat(payment_id)
        settled: Settled = yield from self._wait(intent, chosen)
        return (yield from self._go_on(intent, settled, chosen, in_sale=in_sale))

    def take_up(self, payment: OpenPayment) -> Generator[Any, Any, Approved | None]:
        """Settle a payment of which nobody knows: ask its terminal, as often as wished, or let a person decide."""
        terminal = self.terminals.find(payment.intent.terminal)
        self._look(payment)
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
            heard = yield self._running_question(intent)
            if isinstance(heard, Settled):
                return heard
            if heard == "slip":
                self._print_link(intent)
                continue
            self._cancelled.add(intent.payment_id)
            self._say(intent.payment_id, CardState(text="cancelling"))
            terminal.cancel()

    def _go_on(
        self, intent: PaymentIntent, settled: Settled, terminal: CardTerminal | None, *, in_sale: bool
    ) -> Generator[Any, Any, Approved | None]:
        while settled.outcome == "unknown":
            settled = yield from self._ask(intent, terminal, settled.verdict)
        cancelled = intent.payment_id in self._cancelled
        self._cancelled.discard(intent.payment_id)
        if settled.outcome != "approved":
            self._tell_why(intent, settled)
            return None
        approved = Approved(intent, settled.result, self.papers.of(intent.payment_id))
        if not in_sale:
            yield self.keep_end(approved)
        if intent.kind != "sale":
            return approved
        if settled.result is not None and settled.result.signature:
            if not (yield from self._signed(approved)):
                return None
        elif cancelled and not (yield from self._still_wanted(approved)):
            return None
        return approved

    def _signed(self, approved: Approved) -> Generator[Any, Any, bool]:
        """The customer signs on the merchant's slip; what nobody signs rightly is taken back."""
        for paper in self.papers.merchant(approved.paper, approved.result):
            self.print_paper(paper)
        fields: dict[str, str | int] = {"amount": self._money(approved.minor)}
        if (yield Question("card-signature", options=_YES_NO, fields=fields, scans="refuse")) == "yes":
            return True
        yield from self.reverse(approved)
        return False

    def _still_wanted(self, approved: Approved) -> Generator[Any, Any, bool]:
        """It was to be given up, and the card was charged first: that stands, unless somebody takes it back."""
        options = (Option("keep", word="ui.card-keep"), Option("reverse", word="ui.card-reverse"))
        fields: dict[str, str | int] = {"amount": self._money(approved.minor)}
        if (yield Question("card-won", options=options, fields=fields, scans="refuse")) == "keep":
            return True
        yield from self.reverse(approved)
        return False

    def reverse(self, approved: Approved) -> Generator[Any, Any, Approved | None]:
        """Take a whole payment back at its terminal; an explicit act of a person, never a reaction to silence."""
        result = approved.result
        if approved.intent.provider != ZVT:
            return (yield from self._refund_link(approved))
        if result is None or result.receipt_no is None:
            raise Refusal("card-no-number")
        yield self.keep_end(approved)
        terminal = self.terminals.find(approved.intent.terminal)
        if terminal is None:
            raise Refusal("card-terminal-gone")
        return (
            yield from self.pay(
                "reversal",
                approved.minor,
                of=approved.intent.payment_id,
                receipt_no=result.receipt_no,
                terminal=terminal,
            )
        )

    def _refund_link(self, approved: Approved) -> Generator[Any, Any, Approved | None]:
        """Give all of a payment back at the service that has it."""
        yield self.keep_end(approved)
        intent, result = approved.intent, approved.result
        return (
            yield from self.refund_link(
                approved.minor, intent.terminal, intent.payment_id, result.reference if result else ""
            )
        )

    def refund_link(
        self, minor: int, service: str, of: str, reference: str
    ) -> Generator[Any, Any, Approved | None]:
        """Give money of a payment back at its service. Raises Refusal where the service or the payment's id is not known."""
        line = self.terminals.service(service)
        if line is None:
            raise Refusal("card-terminal-gone")
        if not reference:
            raise Refusal("card-no-number")
        return (yield from self.pay("refund", minor, of=of, terminal=line, of_reference=reference))

    def _print_link(self, intent: PaymentIntent) -> None:
        link = self._links.get(intent.payment_id, "")
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
            heard = yield self._unknown_question(intent, terminal, verdict)
            if isinstance(heard, Settled):
                if heard.outcome != "unknown":
                    return heard
                verdict = heard.verdict
            elif heard == "again":
                self._look(now)
            elif heard == "close":
                self._cancelled.add(intent.payment_id)
                self._look(now, cancel=True)
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
        raise Refusal("card-aside", level="warn", amount=payment.intent.amount_minor)

    def _known(self, intent: PaymentIntent) -> Settled:
        """It was settled while something else was asked."""
        held = next((one for one in self.payments.held if one.intent.payment_id == intent.payment_id), None)
        return Settled("approved", held.result) if held is not None else Settled("declined")

    def _decide(self, payment: OpenPayment, verdict: Verdict | None) -> Generator[Any, Any, Settled | None]:
        """A person with the right states it, on the terminal's own paper; its end of day is watched for it."""
        approvals: tuple[Approval, ...] = approval_of((yield Need(DECIDE)))
        options = (
            Option("charged", word="ui.card-charged"),
            Option("not-charged", word="ui.card-not-charged"),
            Option("wait", word="ui.card-wait"),
        )
        answer = yield Question(
            "card-decide", options=options, rows=self._both(payment.intent, verdict), scans="refuse"
        )
        if answer == "wait" or self.payments.find(payment.intent.payment_id) is None:
            return None
        note = yield Question("card-evidence", "text", scans="refuse")
        if self.payments.find(payment.intent.payment_id) is None:
            return None
        approved = answer == "charged"
        ended = self._ended_fact(
            payment.intent,
            "approved" if approved else "unpaid",
            "operator",
            rule=verdict.rule if verdict is not None else "silent",
            note=note,
            approvals=approvals,
        )
        yield self._keep([ended])
        return Settled("approved" if approved else "unpaid")

    # -- news

    def _news(self, command: c.CardNews) -> _Waiting:
        match command.news:
            case None:
                self._redraw(command.payment_id)
                self._beat(command.payment_id)
            case CardState():
                self._say(command.payment_id, command.news)
            case CardResult():
                return self._heard(command.payment_id, command.news)
            case CardPaper():
                return self.papers.keep(command.payment_id, command.news)
            case CardEnd():
                return self._ended(command.payment_id, command.news)
            case CardAnswer():
                return self._answered(command.payment_id, command.news)
            case TerminalDay():
                name = f"day {command.terminal}"
                return self._flows.tell(command.news) if self._flows.waits_for(name) else None
            case _:
                waiting: _Waiting = self.terminals.news(command)
                return waiting
        return None

    async def _heard(self, payment_id: str, result: CardResult) -> None:
        """Before it is acknowledged: what was said is a fact. The same said twice is one."""
        payment = self.payments.find(payment_id)
        if payment is None or result in payment.results:
            return
        clock = self._desk.real.clock
        how = "terminal" if payment_id in self._running else "late"
        fact = PaymentResult(payment_id, result, clock.wall_ms(), self._desk.offset_min(), how)
        await self._keep([fact])
        self._desk.events.append(e.CardHeard(payment_id, result.code))

    async def _ended(self, payment_id: str, end: CardEnd) -> None:
        request = self._running.pop(payment_id, None)
        self._state.pop(payment_id, None)
        payment = self.payments.find(payment_id)
        if request is None or payment is None:
            return
        found = outcome(request, payment.results, end)
        result = payment.results[-1] if payment.results else None
        code = end.code if end.code is not None else (result.code if result is not None else None)
        settled = Settled(found, result, code)
        if found == "unknown":
            self._desk.events.append(e.CardUnknown(payment_id))
            self._desk.warn("card-unknown", level="alarm", amount=payment.intent.amount_minor)
            self._look(payment)
        elif found != "approved" or not self._flows.waits_for(payment_id):
            await self._state_end(payment.intent, found, end.by, result, code)
        await self._tell(payment_id, settled)

    async def _answered(self, payment_id: str, answer: CardAnswer) -> None:
        """What the terminal's last transaction means for the payment that is asked for."""
        self._looked[payment_id] = self._desk.real.clock.mono_ms()
        self._state.pop(payment_id, None)
        (self._silent.add if answer.found == "silent" else self._silent.discard)(payment_id)
        payment = self.payments.find(payment_id)
        if payment is None or payment_id in self._running:
            return
        intent = payment.intent
        request = CardRequest(payment_id, intent.kind, intent.amount_minor, intent.currency)  # type: ignore[arg-type]
        zone = dt.timezone(dt.timedelta(minutes=intent.offset_min))
        begun = dt.datetime.fromtimestamp(intent.begun_ms / 1000, zone)
        verdict = (
            judge(request, intent.before, intent.terminal_id, begun, payment.results, answer, payment.known)
            if intent.provider == ZVT
            else verdict_of_answer(_order_of(payment), answer)
        )
        if answer.result is not None and (intent.provider == ZVT or answer.result not in payment.results):
            clock = self._desk.real.clock
            await self._keep(
                [
                    PaymentResult(
                        payment_id,
                        answer.result,
                        clock.wall_ms(),
                        self._desk.offset_min(),
                        "query" if intent.provider == ZVT else "late",
                    )
                ]
            )
        if verdict.outcome != "unknown":
            await self._state_end(intent, verdict.outcome, "query", verdict.result, None, verdict.rule)
        await self._tell(payment_id, Settled(verdict.outcome, verdict.result, verdict=verdict))

    async def _state_end(
        self,
        intent: PaymentIntent,
        found: str,
        by: str,
        result: CardResult | None,
        code: int | None,
        rule: str = "",
    ) -> None:
        kept = result if found != "declined" or by == "query" else None
        paper = self.papers.of(intent.payment_id)
        await self._keep(
            [self._ended_fact(intent, found, by, code=code, rule=rule, result=kept, paper=paper)]
        )
        self._desk.events.append(e.CardSettled(intent.payment_id, found))
        if found != "approved":
            for each in paper:
                self.print_paper(each)
        if not self._flows.waits_for(intent.payment_id):
            self._desk.warn(f"card-{found}-aside", level="warn", amount=intent.amount_minor)
            if found == "approved":
                self.settled(intent.payment_id)

    async def _tell(self, payment_id: str, settled: Settled) -> None:
        if not self._flows.waits_for(payment_id):
            return
        waiting = self._flows.tell(settled)
        if waiting is not None:
            await waiting

    # -- asking by itself

    def tick(self) -> None:
        """A terminal that is back is asked by itself for every payment of which nobody knows."""
        now = self._desk.real.clock.mono_ms()
        for payment in self.payments.open:
            id_ = payment.intent.payment_id
            due = now - self._looked.get(id_, -_LOOK_MS) >= _LOOK_MS
            if id_ not in self._running and id_ not in self._state and due:
                self._look(payment)

    def _look(self, payment: OpenPayment, *, cancel: bool = False) -> None:
        terminal, id_ = self.terminals.find(payment.intent.terminal), payment.intent.payment_id
        if terminal is None or id_ in self._state:
            return
        self._looked[id_] = self._desk.real.clock.mono_ms()
        self._say(id_, CardState(text="asking"))
        self._beat(id_)
        line = self.terminals.service(payment.intent.terminal)
        if line is None:
            terminal.look(id_)
        else:
            line.ask(_order_of(payment), cancel=cancel)

    # -- facts

    async def _keep(self, facts: Sequence[Fact]) -> None:
        await self._ledger.append(facts, None, real=True)

    def terminal_of(self, terminal_id: str) -> CardTerminal | None:
        """The terminal that has this id now."""
        known = (one.name for one in self.payments.terminals if one.terminal_id == terminal_id)
        return next((self.terminals.find(name) for name in known), None)

    async def keep_end(self, approved: Approved) -> None:
        """An approved payment that no sale holds at once."""
        if self.payments.find(approved.intent.payment_id) is None:
            return
        await self._keep(
            [
                self._ended_fact(
                    approved.intent, "approved", "completion", result=approved.result, paper=approved.paper
                )
            ]
        )

    def _ended_fact(
        self,
        intent: PaymentIntent,
        found: str,
        by: str,
        *,
        code: int | None = None,
        rule: str = "",
        result: CardResult | None = None,
        note: str = "",
        paper: tuple[CardPaper, ...] = (),
        approvals: tuple[Approval, ...] = (),
    ) -> PaymentEnded:
        return PaymentEnded(
            intent.payment_id,
            found,
            by,
            self._desk.operator_id(),
            self._desk.real.clock.wall_ms(),
            self._desk.offset_min(),
            code,
            rule,
            result,
            note,
            paper,
            approvals,
        )

    # -- what is shown

    def _say(self, payment_id: str, state: CardState) -> None:
        self._state[payment_id] = (state, self._desk.real.clock.mono_ms())
        if state.link:
            self._links[payment_id] = state.link
        self._desk.events.append(e.CardSaid(payment_id, state.code, state.text))
        self._redraw(payment_id)

    def _beat(self, payment_id: str) -> None:
        """Once a second the seconds on the screen go on, as long as the terminal works."""
        if payment_id in self._running or payment_id in self._state:
            loop = asyncio.get_running_loop()
            loop.call_later(_BEAT_S, self._submit, c.CardNews("", payment_id, None))

    def _redraw(self, payment_id: str) -> None:
        question = self._flows.question
        if question is None or question.waits != payment_id:
            return
        rows = (*question.rows[:-1], self._state_row(payment_id))
        qr = self._links.get(payment_id, "")
        self._flows.redraw(msgspec.structs.replace(question, rows=rows, qr=qr))

    def _state_row(self, payment_id: str) -> tuple[str, str]:
        if payment_id not in self._state:
            idle = CardState(text="idle" if payment_id in self._silent else "answered")
            return self.terminals.words_of(idle), ""
        state, since = self._state[payment_id]
        seconds = max(0, self._desk.real.clock.mono_ms() - since) // 1000
        return self.terminals.words_of(state), f"{seconds} s"

    def _running_question(self, intent: PaymentIntent) -> Question:
        cancelled = intent.payment_id in self._cancelled
        link = intent.provider != ZVT
        word = "card-cancelling" if cancelled else f"{'link' if link else 'card'}-{intent.kind}"
        slip = (
            (Option("slip", word="ask.code-slip"),) if link and self._desk.world.printer is not None else ()
        )
        return Question(
            word,
            options=(Option("cancel", word="ui.card-cancel"), *slip),
            fields={"amount": self._money(intent.amount_minor), "terminal": intent.terminal},
            rows=(self._state_row(intent.payment_id),),
            scans="refuse",
            waits=intent.payment_id,
            esc="cancel",
            qr=self._links.get(intent.payment_id, "") if not cancelled else "",
        )

    def _unknown_question(
        self, intent: PaymentIntent, terminal: CardTerminal | None, verdict: Verdict | None
    ) -> Question:
        options = [Option("decide", word="ui.card-decide")]
        if terminal is not None:
            options.insert(0, Option("again", word="ui.card-again"))
        options.insert(1, Option("aside", word="ui.card-aside"))
        manual = verdict is not None and verdict.rule not in _WAITS
        link = intent.provider != ZVT
        if link:
            options.insert(1, Option("close", word="ui.link-close"))
        return Question(
            "card-differs" if manual else "link-unknown" if link else "card-unknown",
            options=tuple(options),
            fields={"amount": self._money(intent.amount_minor), "terminal": intent.terminal},
            rows=(*(self._both(intent, verdict) if manual else ()), self._state_row(intent.payment_id)),
            scans="refuse",
            waits=intent.payment_id,
            esc="aside",
            qr=self._links.get(intent.payment_id, ""),
        )

    def _both(self, intent: PaymentIntent, verdict: Verdict | None) -> tuple[tuple[str, str], ...]:
        """Both facts side by side: what was asked, and what the terminal has."""
        zone = dt.timezone(dt.timedelta(minutes=intent.offset_min))
        asked = dt.datetime.fromtimestamp(intent.begun_ms / 1000, zone)
        words = self._desk.words
        rows = [(words("card.asked", time=f"{asked:%H:%M:%S}"), self._money(intent.amount_minor))]
        found = verdict.result if verdict is not None else None
        if found is None:
            rows.append((words("card.answer-none"), ""))
        else:
            time = f"{found.time[:2]}:{found.time[2:4]}:{found.time[4:]}" if len(found.time) == 6 else "?"
            number = "?" if found.receipt_no is None else f"{found.receipt_no:04}"
            minor = "?" if found.amount_minor is None else self._money(found.amount_minor)
            good = words("card.good" if found.code == APPROVED else "card.bad")
            rows.append((words("card.answered", time=time, number=number, good=good), minor))
        return tuple(rows)

    def _tell_why(self, intent: PaymentIntent, settled: Settled) -> None:
        code = settled.code if settled.code not in {None, APPROVED} else None
        why = self.terminals.words_of_result(code) if code is not None else ""
        sentence = (
            f"card-{settled.outcome}" if settled.outcome != "declined" or why else "card-declined-plain"
        )
        self._desk.refuse(e.Message(sentence, {"amount": intent.amount_minor, "why": why}, level="error"))

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)


def _order_of(payment: OpenPayment) -> PspOrder:
    """What a payment service is asked for: the same as was ordered."""
    intent = payment.intent
    reference = next((one.reference for one in reversed(payment.results) if one.reference), "")
    kind: Literal["sale", "refund"] = "refund" if intent.kind == "refund" else "sale"
    return PspOrder(
        intent.payment_id,
        kind,
        intent.amount_minor,
        intent.currency,
        intent.begun_ms,
        reference=reference,
        of=intent.of_reference,
    )
