"""News of payments at terminals: kept whether somebody waits for it or not, and what is asked by the till itself."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Literal

import msgspec

from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult, TerminalPrinted
from pos.card_ports import TerminalDay
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.card import CardAnswer, CardEnd, CardPaper, CardRequest, CardResult, CardState
from pos.domain.card_rules import Verdict, judge, outcome
from pos.domain.psp import PspOrder, verdict_of_answer
from pos.domain.rights import Approval
from pos.facts import Fact
from pos.payments import OpenPayment, Payments
from pos.till.cards.paper import CardPapers
from pos.till.cards.terminals import Terminals
from pos.till.cards.values import BESIDE, ZVT, Approved, Settled
from pos.till.desk import Desk
from pos.till.flows import Flows
from pos.till.ledger import Ledger

__all__ = ["CardNews"]

_BEAT_S: Final = 1.0
_LOOK_MS: Final = 10_000
_Waiting = Coroutine[Any, Any, None] | None


class CardNews:
    """`running` are the payments whose conversation is under way, `cancelled` those that somebody wished to give up."""

    def __init__(self, desk: Desk, ledger: Ledger, flows: Flows, submit: Callable[[c.Command], None]) -> None:
        self._desk = desk
        self._ledger = ledger
        self._flows = flows
        self._submit = submit
        self.terminals = Terminals(desk, ledger)
        self.papers = CardPapers(desk)
        self.print_paper: Callable[[CardPaper], None] = lambda _: None
        self.settled: Callable[[str], None] = lambda _: None
        """Told of each payment that was approved while nobody waited for it."""
        self.running: dict[str, CardRequest] = {}
        self.cancelled: set[str] = set()
        self.links: dict[str, str] = {}
        self._looked: dict[str, int] = {}
        self._state: dict[str, tuple[CardState, int]] = {}
        self._silent: set[str] = set()
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {c.CardNews: self._news}

    @property
    def language(self) -> str:
        return self._desk.language

    @property
    def payments(self) -> Payments:
        return self._desk.real.journal.head.payments

    # -- news

    def _news(self, command: c.CardNews) -> _Waiting:
        match command.news:
            case None:
                self._redraw(command.payment_id)
                self.beat(command.payment_id)
            case CardState():
                self.say(command.payment_id, command.news)
            case CardResult():
                return self._heard(command.payment_id, command.news)
            case CardPaper():
                if not command.payment_id:
                    return self._printed(command.terminal, command.news)
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
        how = "terminal" if payment_id in self.running else "late"
        fact = PaymentResult(payment_id, result, clock.wall_ms(), self._desk.offset_min(), how)
        await self.keep([fact])
        self._desk.events.append(e.CardHeard(payment_id, result.code))

    async def _printed(self, terminal: str, paper: CardPaper) -> None:
        """Of no payment: the shop's, kept for ever and printed. The same paper said again is one."""
        known = self.payments.terminal(terminal)
        if known is None or known.printed == paper:
            return
        now, offset = self._desk.real.clock.wall_ms(), self._desk.offset_min()
        await self.keep([TerminalPrinted(terminal, known.terminal_id, paper, now, offset)])
        self.print_paper(paper)

    async def _ended(self, payment_id: str, end: CardEnd) -> None:
        request = self.running.pop(payment_id, None)
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
            self.look(payment)
        elif found != "approved" or not self._flows.waits_for(payment_id):
            await self._state_end(payment.intent, found, end.by, result, code)
        await self._tell(payment_id, settled)

    async def _answered(self, payment_id: str, answer: CardAnswer) -> None:
        """What the terminal's last transaction means for the payment that is asked for."""
        self._looked[payment_id] = self._desk.real.clock.mono_ms()
        self._state.pop(payment_id, None)
        (self._silent.add if answer.found == "silent" else self._silent.discard)(payment_id)
        payment = self.payments.find(payment_id)
        if payment is None and self._flows.waits_for(payment_id):
            waiting = self._flows.tell(answer)  # a refund that is known is asked for again
            if waiting is not None:
                await waiting
        if payment is None or payment_id in self.running:
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
        if verdict.outcome != "unknown" and self._swapped(intent):
            verdict = Verdict("unknown", "terminal", answer.result)
        if answer.result is not None and (intent.provider == ZVT or answer.result not in payment.results):
            clock = self._desk.real.clock
            await self.keep(
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

    def _swapped(self, intent: PaymentIntent) -> bool:
        """Is another terminal in the place of the one that was asked? What it says of itself is nothing about that one."""
        known = self.payments.terminal(intent.terminal)
        return known is not None and bool(intent.terminal_id) and known.terminal_id != intent.terminal_id

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
        await self.keep([self.ended_fact(intent, found, by, code=code, rule=rule, result=kept, paper=paper)])
        self._desk.events.append(e.CardSettled(intent.payment_id, found))
        if found != "approved":
            for each in paper:
                self.print_paper(each)
        if not self._flows.waits_for(intent.payment_id):
            sentence = f"card-{found}-aside"
            if intent.kind in BESIDE:
                sentence = "card-done-beside" if found == "approved" else "card-not-done-beside"
            self._desk.warn(sentence, level="warn", amount=intent.amount_minor)
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
            if id_ not in self.running and id_ not in self._state and due:
                self.look(payment)

    def look(self, payment: OpenPayment, *, cancel: bool = False) -> None:
        terminal, id_ = self.terminals.find(payment.intent.terminal), payment.intent.payment_id
        if terminal is None or id_ in self._state:
            return
        self._looked[id_] = self._desk.real.clock.mono_ms()
        self.say(id_, CardState(text="asking"))
        self.beat(id_)
        line = self.terminals.service(payment.intent.terminal)
        if line is None:
            terminal.look(id_)
        else:
            line.ask(_order_of(payment), cancel=cancel)

    # -- facts

    async def keep(self, facts: Sequence[Fact]) -> None:
        await self._ledger.append(facts, None, real=True)

    async def keep_end(self, approved: Approved) -> None:
        """An approved payment that no sale holds at once."""
        if self.payments.find(approved.intent.payment_id) is None:
            return
        await self.keep(
            [
                self.ended_fact(
                    approved.intent, "approved", "completion", result=approved.result, paper=approved.paper
                )
            ]
        )

    def ended_fact(
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

    def say(self, payment_id: str, state: CardState) -> None:
        self._state[payment_id] = (state, self._desk.real.clock.mono_ms())
        if state.link:
            self.links[payment_id] = state.link
        self._desk.events.append(e.CardSaid(payment_id, state.code, state.text))
        self._redraw(payment_id)

    def beat(self, payment_id: str) -> None:
        """Once a second the seconds on the screen go on, as long as the terminal works."""
        if payment_id in self.running or payment_id in self._state:
            loop = asyncio.get_running_loop()
            loop.call_later(_BEAT_S, self._submit, c.CardNews("", payment_id, None))

    def _redraw(self, payment_id: str) -> None:
        question = self._flows.question
        if question is None or question.waits != payment_id:
            return
        rows = (*question.rows[:-1], self.state_row(payment_id))
        qr = self.links.get(payment_id, "")
        self._flows.redraw(msgspec.structs.replace(question, rows=rows, qr=qr))

    def state_row(self, payment_id: str) -> tuple[str, str]:
        if payment_id not in self._state:
            idle = CardState(text="idle" if payment_id in self._silent else "answered")
            return self.terminals.words_of(idle), ""
        state, since = self._state[payment_id]
        seconds = max(0, self._desk.real.clock.mono_ms() - since) // 1000
        return self.terminals.words_of(state), f"{seconds} s"


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
