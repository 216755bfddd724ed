"""A card held to an amount (Reservierung): taken, booked in a sale with that amount or less, or let go. What is open is listed."""

import datetime as dt
from collections.abc import Callable, Generator
from typing import Any, Final

from pos.card_facts import PaymentEnded
from pos.domain import commands as c
from pos.domain import payment
from pos.domain.card import CardPaper
from pos.domain.card_slip import slip_lines
from pos.domain.document import Document, DocumentRow
from pos.domain.question import Option, Question
from pos.domain.rights import declare
from pos.payments import HeldPayment
from pos.till.cards.paper import paper_document
from pos.till.cards.paying import CardPaying
from pos.till.cards.payments import DECIDE, Cards
from pos.till.cards.values import Approved
from pos.till.checkout import refused
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.tenders.tendering import YES_NO, Tendering
from pos.words import amount

__all__ = ["CardReserved"]

RESERVE: Final = declare("card-reserve")
_NOTE_MAX: Final = 40
_NUMBER_MAX: Final = 9_999


class CardReserved:
    """The keys "card-reserve", "card-book" and "card-release"."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        cards: Cards,
        paying: CardPaying,
        tendering: Tendering,
        print_document: Callable[[Document], None],
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._cards = cards
        self._paying = paying
        self._tendering = tendering
        self._print = print_document
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        self.functions: dict[str, Callable[[c.Do], Any]] = {
            "card-reserve": self._reserve,
            "card-book": self._book,
            "card-release": lambda _: self.look_after(),
        }

    @property
    def open(self) -> tuple[HeldPayment, ...]:
        """Neither booked nor released; none in training."""
        return () if self._desk.training else self._cards.payments.reserved

    def _begin(self) -> None:
        if self._desk.training:
            raise Refusal("card-training-none", level="info")
        self._desk.must_be_selling()

    # -- hold a card

    def _reserve(self, command: c.Do) -> Flow:
        self._begin()
        self._desk.need(RESERVE)
        if why := self._cards.terminals.why():
            raise Refusal(why)
        minor = self._tendering.typed(command)
        while not minor:
            minor = yield Question("card-reserve", "amount")
        if minor > payment.CHANGE_MAX_MINOR * 100:
            raise Refusal("card-reserve-too-much")
        note = yield Question("card-reserve-for", "text", empty=True, scans="refuse")
        approved = yield from self._cards.pay("preauth", minor, note=(note or "")[:_NOTE_MAX])
        if approved is not None:
            self._papers(approved)
            self._desk.warn("card-reserved", level="info", amount=approved.minor)

    def _papers(self, approved: Approved, *, again: bool = False) -> None:
        """The customer's copy, and the shop's where it must be or is wanted; what was signed is printed already."""
        result, setup = approved.result, self._desk.setup
        printed = [paper for paper in approved.paper if paper.kind == "customer"]
        if not printed and result is not None:
            printed = [CardPaper("customer", slip_lines(result, self._desk.language))]
        wanted = again or setup.tenders.card_merchant_slip
        printed += [
            paper
            for paper in approved.paper
            if paper.kind == "merchant" and (paper.must or wanted) and (again or not paper.signature)
        ]
        words = self._desk.words
        title = DocumentRow(words("card.reserved-title"), style="mark")
        row = DocumentRow(words("card.slip-amount"), self._money(approved.minor))
        named = (DocumentRow(approved.intent.note),) if approved.intent.note else ()
        for paper in printed:
            document = paper_document(paper)
            if paper.kind == "customer":
                document = Document((title, row, *named, *document.rows), head=True)
            self._print(document)

    # -- book it

    def _book(self, command: c.Do) -> Flow:
        """What the open sale costs, or what was typed, out of a card that is held; the terminal lets the rest go."""
        self._begin()
        self._desk.need(RESERVE)
        cart, wanted = self._tendering.begin("card", command)
        held = yield from self._choose("card-book-which")
        most = Approved(held.intent, held.result).minor
        currency = self._desk.setup.currency
        if wanted is not None and wanted > most:
            raise Refusal("card-book-too-much", amount=most)
        try:
            paid = payment.exactly(cart, "card", wanted, currency, most=most)
        except payment.PayError as error:
            raise refused(error) from error
        yield from self._tendering.sure(cart)
        minor = paid.tenders[0].amount_minor
        fields: dict[str, str | int] = {"amount": self._money(minor), "held": self._money(most)}
        question = Question("card-book-sure", options=YES_NO, fields=fields, rows=(self._row(held),))
        if (yield question) != "yes":
            raise Refusal("card-reserved-stays", level="info", amount=most)
        number = yield from self._number(held)
        yield from self._paying.book(cart, paid, held.intent, number, self._tendering.settle)

    def _number(self, held: HeldPayment) -> Generator[Any, Any, int]:
        """The terminal's number of it; typed from its paper where the till was never told."""
        if held.result is not None and held.result.receipt_no is not None:
            return held.result.receipt_no
        while True:
            typed: str = yield Question("card-reserved-number", "text", rows=(self._row(held),))
            if typed.isascii() and typed.isdigit() and 0 < int(typed[:9]) <= _NUMBER_MAX:
                return int(typed)
            self._desk.warn("card-reserved-number")

    # -- what is open

    def look_after(self) -> Flow:
        """The list: one is released, printed once more, or taken off the list by a person who knows that it is over."""
        self._begin()
        yield Need(RESERVE)
        held = yield from self._choose("card-holds")
        names = ("release", "print", "state")
        options = tuple(Option(name, word=f"ui.card-reserved-{name}") for name in names)
        fields: dict[str, str | int] = {"amount": self._money(Approved(held.intent, held.result).minor)}
        what = yield Question("card-reserved", options=options, fields=fields, rows=(self._row(held),))
        approved = Approved(held.intent, held.result, held.paper)
        if what == "print":
            self._papers(approved, again=True)
        elif what == "state":
            yield from self._state(held)
        else:
            number = yield from self._number(held)
            done = yield from self._cards.release(approved, number)
            if done is not None:
                self._desk.warn("card-released", level="info", amount=approved.minor)

    def _state(self, held: HeldPayment) -> Flow:
        """It lapsed, or was dealt with at the terminal: nothing is sent, and who said so is kept."""
        approvals = approval_of((yield Need(DECIDE)))
        note = yield Question("card-evidence", "text", scans="refuse")
        if held not in self._cards.payments.reserved:
            return
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

    def _choose(self, code: str) -> Generator[Any, Any, HeldPayment]:
        if not self.open:
            raise Refusal("card-none-reserved", level="info")
        options = tuple(
            Option(
                held.intent.payment_id,
                self._row(held)[0],
                amount_minor=Approved(held.intent, held.result).minor,
            )
            for held in self.open
        )
        chosen = yield Question(code, options=options, fields={"count": len(options)})
        found = next((one for one in self.open if one.intent.payment_id == chosen), None)
        if found is None:
            raise Refusal("card-none-reserved", level="info")
        return found

    def _row(self, held: HeldPayment) -> tuple[str, str]:
        """Whose it is, since when, and the end of the card's number."""
        intent = held.intent
        zone = dt.timezone(dt.timedelta(minutes=intent.offset_min))
        since = dt.datetime.fromtimestamp(intent.begun_ms // 1000, zone)
        shown = f"{since:%d.%m. %H:%M}" if self._desk.language == "de" else f"{since:%m-%d %H:%M}"
        card = f"*{held.result.pan_last4}" if held.result is not None and held.result.pan_last4 else ""
        parts = (shown, intent.note, card)
        return "  ".join(part for part in parts if part), self._money(Approved(intent, held.result).minor)

    def _money(self, minor: int) -> str:
        return amount(minor, self._desk.language)
