"""What was approved goes back: at its terminal, at its payment service, or as a hold on a card that is let go."""

from collections.abc import Generator
from typing import Any

from pos.domain.card import CardAnswer
from pos.domain.psp import PspOrder, verdict_of_answer
from pos.domain.question import Option, Question
from pos.psp_ports import PaymentLine
from pos.till.cards.news import CardNews
from pos.till.cards.terminals import Terminals
from pos.till.cards.values import ZVT, Approved
from pos.till.desk import Refusal
from pos.till.flows import Flow
from pos.words import amount

__all__ = ["CardBack"]


class CardBack:
    """A part of pos.till.cards.payments.Cards."""

    news: CardNews
    terminals: Terminals

    def pay(self, *args: Any, **kwargs: Any) -> Generator[Any, Any, Approved | None]:
        """One payment from its intent to its end."""
        raise NotImplementedError

    def undo(self, approved: Approved) -> Flow:
        """Take back what just happened: money at the terminal, or the hold on a card."""
        if approved.intent.kind == "preauth":
            yield from self.release(approved)
        else:
            yield from self.reverse(approved)

    def release(
        self, approved: Approved, receipt_no: int | None = None
    ) -> Generator[Any, Any, Approved | None]:
        """Let a card go that is held to an amount; `receipt_no` where the terminal's number of it was told by a person."""
        number = approved.result.receipt_no if approved.result is not None else None
        terminal = self.terminals.of(approved.intent)
        if number is None and receipt_no is None:
            raise Refusal("card-no-number")
        return (
            yield from self.pay(
                "release",
                approved.minor,
                of=approved.intent.payment_id,
                receipt_no=number if number is not None else receipt_no,
                terminal=terminal,
                note=approved.intent.note,
            )
        )

    def reverse(self, approved: Approved) -> Generator[Any, Any, Approved | None]:
        """Take a whole payment back at its terminal; an explicit act of a person, never a reaction to silence."""
        result = approved.result
        if approved.intent.provider != ZVT:
            return (yield from self._refund_link(approved))
        if result is None or result.receipt_no is None:
            raise Refusal("card-no-number")
        yield self.news.keep_end(approved)
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
        yield self.news.keep_end(approved)
        intent, result = approved.intent, approved.result
        return (
            yield from self.refund_link(
                approved.minor, intent.terminal, intent.payment_id, result.reference if result else ""
            )
        )

    def refund_link(
        self, minor: int, service: str, of: str, reference: str
    ) -> Generator[Any, Any, Approved | None]:
        """Give money of a payment back at its service. What went back before a cut and stands in no sale is that: it does not go back twice.

        Raises Refusal where the service or the payment's id is not known, and where nobody knows of what went back before.
        """
        line = self.terminals.service(service)
        if line is None:
            raise Refusal("card-terminal-gone")
        if not reference:
            raise Refusal("card-no-number")
        for held in self.news.payments.held:
            intent = held.intent
            if (intent.kind, intent.of_reference, intent.amount_minor) == ("refund", reference, minor):
                before = Approved(intent, held.result, held.paper)
                if (yield from self._still_back(before, line)):
                    return before
        return (yield from self.pay("refund", minor, of=of, terminal=line, of_reference=reference))

    def _still_back(self, before: Approved, line: PaymentLine) -> Generator[Any, Any, bool]:
        """Ask the service for a refund that it had accepted, under the same key. False: it failed since, and is none."""
        intent = before.intent
        order = PspOrder(
            intent.payment_id,
            "refund",
            before.minor,
            intent.currency,
            intent.begun_ms,
            reference=before.result.reference if before.result is not None else "",
            of=intent.of_reference,
        )
        line.ask(order)
        heard = yield Question(
            "link-back-again",
            options=(Option("leave", word="ui.card-leave"),),
            fields={"amount": amount(before.minor, self.news.language)},
            scans="refuse",
            waits=intent.payment_id,
            esc="leave",
        )
        verdict = verdict_of_answer(order, heard) if isinstance(heard, CardAnswer) else None
        if verdict is not None and verdict.outcome == "approved":
            return True
        if verdict is None or verdict.outcome != "declined" or verdict.result is None:
            raise Refusal("link-back-unknown", amount=before.minor)
        yield self.news.keep([self.news.ended_fact(intent, "declined", "query", result=verdict.result)])
        return False
