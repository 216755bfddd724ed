"""What is to be done at terminals beside paying: payments that are not settled, the end of day, the service."""

from collections.abc import Callable, Generator
from typing import Any, Final

from pos.card_facts import PaymentEnded, TerminalClosed
from pos.card_ports import CardTerminal, TerminalDay
from pos.domain import commands as c
from pos.domain.card import CardPaper
from pos.domain.document import Document, DocumentRow
from pos.domain.question import Option, Question
from pos.domain.rights import declare
from pos.payments import HeldPayment, OpenPayment
from pos.till.cards.paying import CardPaying
from pos.till.cards.payments import DECIDE, Cards
from pos.till.cards.values import Approved
from pos.till.day.reports import time_text
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.words import amount

__all__ = ["CardOffice"]

CARD_DAY: Final = declare("card-day")
_LISTED: Final = 9
_SERVICE: Final = ("status", "diagnosis", "initialise")


class CardOffice:
    """Functions around the terminals."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        cards: Cards,
        paying: CardPaying,
        print_document: Callable[[Document], None],
        book_tip: Callable[[Approved], Any],
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._cards = cards
        self._paying = paying
        self._print = print_document
        self._book_tip = book_tip
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {
            "card-open": self._open,
            "card-day": self._day,
            "card-service": self._service,
        }

    def nothing_open(self) -> None:
        """Before a closing: no payment may be left of which nobody knows, or that stands in no sale. Raises Refusal."""
        payments = self._cards.payments
        count = len(payments.open) + len(payments.held)
        if count:
            raise Refusal("card-open-day", level="alarm", count=count)

    # -- payments that are not settled

    def _open(self, _: c.Do) -> Flow:
        self._desk.must_be_selling()
        payments = self._cards.payments
        listed: list[OpenPayment | HeldPayment] = list(payments.open)
        listed = [*listed, *payments.held][:_LISTED]
        if not listed:
            raise Refusal("card-none-open", level="info")
        options = tuple(
            Option(
                one.intent.payment_id,
                word="ask.card-open-unknown" if isinstance(one, OpenPayment) else "ask.card-open-held",
                fields={
                    "terminal": one.intent.terminal,
                    "kind": self._desk.words(f"card.kind-{one.intent.kind}"),
                },
                amount_minor=one.intent.amount_minor,
            )
            for one in listed
        )
        chosen = yield Question("card-open", options=options)
        open_ = self._cards.payments.find(chosen)
        if open_ is not None:
            approved = yield from self._cards.take_up(open_)
            if approved is not None:
                self._paying.put_waiting()
                self._desk.warn("card-approved-aside", amount=approved.minor)
            return
        held = next((one for one in self._cards.payments.held if one.intent.payment_id == chosen), None)
        if held is not None:
            yield from self._held(held)

    def _held(self, held: HeldPayment) -> Flow:
        """Approved, and in no sale: its cart is taken up, or the money goes back, or somebody says where it is."""
        head, cart = self._desk.real.journal.head, self._selling.cart
        if any(one.cart_id == held.cart_id for one in head.parked) or (
            cart is not None and cart.cart_id == held.cart_id
        ):
            raise Refusal("card-held-parked", level="info", amount=held.intent.amount_minor)
        options: tuple[Option, ...] = (Option("state", word="ui.card-state"),)
        if held.intent.kind == "tip":
            options = (Option("book", word="ui.card-tip-book"), *options)
        if held.intent.kind in {"sale", "book"}:
            options = (Option("reverse", word="ui.card-reverse"), *options)
        fields: dict[str, str | int] = {"amount": amount(held.intent.amount_minor, self._desk.language)}
        answer = yield Question("card-held", options=options, fields=fields, scans="refuse")
        if answer == "book":
            yield self._book_tip(Approved(held.intent, held.result, held.paper))
            return
        if answer == "reverse":
            done = yield from self._cards.reverse(Approved(held.intent, held.result, held.paper))
            if done is not None:
                self._desk.warn("card-reversed-now", level="info", amount=done.minor)
            return
        approvals = approval_of((yield Need(DECIDE)))
        note = yield Question("card-evidence", "text", scans="refuse")
        stated = PaymentEnded(
            held.intent.payment_id,
            "unpaid",
            "operator",
            self._desk.operator_id(),
            self._desk.real.clock.wall_ms(),
            self._desk.offset_min(),
            note=note,
            approvals=approvals,
        )
        yield self._ledger.append([stated], None, real=True)
        self._desk.warn("card-stated", level="info")

    # -- the terminal's own day, and its service

    def _terminal(self) -> Generator[Any, Any, CardTerminal]:
        known = self._cards.terminals.all()
        if not known:
            raise Refusal("card-no-terminal", level="info")
        if len(known) == 1:
            return known[0]
        options = tuple(
            Option(one.name, word="ask.card-terminal", fields={"terminal": one.name}) for one in known
        )
        chosen = yield Question("card-which", options=options)
        return next(one for one in known if one.name == chosen)

    def _day(self, _: c.Do) -> Flow:
        """The terminal's end of day, beside what the journal holds; refused while a payment on it is not settled."""
        self._desk.must_be_selling()
        self._desk.need(CARD_DAY)
        terminal = yield from self._terminal()
        if self._cards.payments.at(terminal.name) is not None:
            raise Refusal("card-locked", level="alarm")
        if not terminal.ready:
            raise Refusal("card-terminal-away")
        ours = self._ours(terminal.name)
        fields: dict[str, str | int] = {"terminal": terminal.name, "amount": self._money(sum(ours.values()))}
        options = (Option("yes", word="ui.yes"), Option("no", word="ui.no"))
        if (yield Question("card-day", options=options, fields=fields, scans="refuse")) != "yes":
            return
        terminal.close_day()
        heard = None
        while not isinstance(heard, TerminalDay):
            heard = yield Question(
                "card-day-runs",
                fields={"terminal": terminal.name},
                scans="refuse",
                waits=f"day {terminal.name}",
            )
        yield from self._day_ended(terminal.name, heard)

    def _ours(self, name: str) -> dict[str, int]:
        known = self._cards.payments.terminal(name)
        return {} if known is None else {brand: total for brand, _, total in known.sums}

    def _day_ended(self, name: str, day: TerminalDay) -> Flow:
        if day.end.by != "completion":
            why = self._cards.terminals.words_of_result(day.end.code) if day.end.code else day.end.detail
            raise Refusal("card-day-failed", why=why)
        known = self._cards.payments.terminal(name)
        assert known is not None, "its day was closed"
        total = None if day.totals is None else day.totals.total_minor
        held = sum(minor for _, _, minor in known.sums)
        facts = self._ledger.day_facts()
        closed = TerminalClosed(
            name,
            known.terminal_id,
            self._desk.operator_id(),
            self._ledger.business_day(facts),
            self._desk.real.clock.wall_ms(),
            self._desk.offset_min(),
            known.sums,
            day.totals,
            None if total is None else total - held,
            known.watched,
        )
        yield self._ledger.append([*facts, closed], None, real=True)
        self._print(self._report(closed))
        for paper in day.paper:
            self._cards.news.print_paper(paper)
        if closed.difference_minor:
            self._desk.warn("card-day-differs", level="alarm", difference=closed.difference_minor)
        elif closed.difference_minor is None:
            self._desk.warn("card-day-no-totals")
        else:
            self._desk.warn("card-day-closed", level="info", total=held)

    def _report(self, closed: TerminalClosed) -> Document:
        words = self._desk.words
        rows = [
            DocumentRow(words("card.day-title", terminal=closed.terminal), style="mark"),
            DocumentRow(words("report.at"), time_text(closed.closed_ms, closed.offset_min, words)),
            DocumentRow(words("report.till"), self._desk.world.journal.head.till),
            DocumentRow(words("card.day-id"), closed.terminal_id),
        ]
        for brand, count, total in closed.ours:
            rows.append(DocumentRow(f"{count} x {brand or words('card.day-other')}", self._money(total)))
        rows.append(DocumentRow(words("card.day-ours"), self._money(sum(one[2] for one in closed.ours))))
        totals = closed.totals
        if totals is not None:
            for brand, count, total in totals.brands:
                rows.append(
                    DocumentRow(words("card.day-theirs-brand", count=count, brand=brand), self._money(total))
                )
            if totals.total_minor is not None:
                rows.append(DocumentRow(words("card.day-theirs"), self._money(totals.total_minor)))
        difference = closed.difference_minor
        shown = words("card.day-unknown") if difference is None else self._money(difference)
        rows.append(DocumentRow(words("card.day-difference"), shown, style="big"))
        if closed.watched:
            rows.append(DocumentRow(words("card.day-watched", count=len(closed.watched))))
        return Document(tuple(rows))

    def _service(self, _: c.Do) -> Flow:
        """Ask a terminal how it is, or let it look after itself."""
        self._desk.must_be_selling()
        terminal = yield from self._terminal()
        status = self._cards.terminals.needs.get(terminal.name)
        options = tuple(Option(what, word=f"ask.card-service-{what}") for what in _SERVICE[1:])
        rows: tuple[tuple[str, str], ...] = ()
        if status is not None:
            rows = ((self._desk.words(f"card.needs-{status.action}"), status.detail),)
        paper = self._printed(terminal)
        if paper is not None:
            options = (*options, Option("paper", word="ask.card-service-paper"))
        what = yield Question("card-service", options=options, rows=rows, fields={"terminal": terminal.name})
        if what == "paper" and paper is not None:
            self._cards.news.print_paper(paper)
            return
        if not terminal.ready:
            raise Refusal("card-terminal-away")
        self._desk.need(CARD_DAY)
        terminal.service(what)
        self._desk.warn("card-service-begun", level="info", terminal=terminal.name)

    def _printed(self, terminal: CardTerminal) -> CardPaper | None:
        known = self._cards.payments.terminal(terminal.name)
        return known.printed if known is not None else None

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)
