"""The parts of the till that have to do with card terminals, put together."""

from collections.abc import Awaitable, Callable
from typing import Any

from pos.card_ports import CardDesk
from pos.domain import commands as c
from pos.domain.card import CardPaper
from pos.domain.document import Document, DocumentRow
from pos.domain.tender import Tender
from pos.resources import texts
from pos.sale_facts import Sale
from pos.till.cards.desk import TillCardDesk
from pos.till.cards.office import CardOffice
from pos.till.cards.paper import paper_document
from pos.till.cards.paying import CardPaying
from pos.till.cards.payments import Cards
from pos.till.cards.reserved import CardReserved
from pos.till.cards.tips import CardTips
from pos.till.carts.parking import Parking
from pos.till.checkout import Checkout
from pos.till.day.closing import Closing
from pos.till.day.leftovers import Leftovers
from pos.till.desk import Desk
from pos.till.flows import Flows
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.till.tenders.tendering import Tendering
from pos.words import amount

__all__ = ["CardParts"]


class CardParts:
    """`paying` pays at a terminal on a line; `parts` take commands."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        flows: Flows,
        selling: Selling,
        checkout: Checkout,
        parking: Parking,
        surroundings: Surroundings,
        tendering: Tendering,
        submit: Callable[[c.Command], None],
    ) -> None:
        self._desk = desk
        self._submit = submit
        self._print = surroundings.print_document
        self._cards = Cards(desk, ledger, flows, selling, submit)
        self._cards.news.print_paper = self._paper
        self._cards.print_link = self._link
        self.paying = CardPaying(desk, selling, checkout, parking, self._cards, self._print)
        tendering.line = self.paying
        self._tips = CardTips(desk, selling, checkout, self._cards, tendering)
        self._reserved = CardReserved(desk, ledger, self._cards, self.paying, tendering, self._print)
        self._office = CardOffice(
            desk, ledger, selling, self._cards, self.paying, self._print, self._tips.book
        )
        self.tick = self._cards.news.tick
        self.parts: tuple[Any, ...] = (self._cards.news, self._office, self._reserved, self._tips)
        checkout.afterwards.append(self._merchant)

    async def start(self, handle: Callable[[c.Command], Awaitable[None]]) -> None:
        """Before the till takes commands; the drivers know from here on whom to tell."""
        await self._cards.news.papers.load()
        for terminal in (*self._desk.real.cards, *self._desk.real.services):
            terminal.connect(self.desk(handle))

    def before_closing(self, closing: Closing, leftovers: Leftovers) -> None:
        """What nobody knows comes before a closing; cards that are held are listed with what else stays open."""
        closing.first = self._office.nothing_open
        leftovers.reserved = lambda: len(self._reserved.open)
        leftovers.look_after = self._reserved.look_after

    def take_up(self) -> None:
        """When the open cart is known: payments that were approved just before a cut are its own."""
        self.paying.put_waiting()
        self._cards.found()

    def desk(self, handle: Callable[[c.Command], Awaitable[None]]) -> CardDesk:
        """What a terminal's driver tells."""
        return TillCardDesk(
            handle, self._submit, lambda: self._desk.real.journal.head, self._cards.news.papers
        )

    def _paper(self, paper: CardPaper) -> None:
        self._print(paper_document(paper))

    def _link(self, link: str, minor: int) -> None:
        """For whoever stands where no screen shows the code."""
        words, setup = texts(self._desk.setup.language), self._desk.setup
        rows = (
            DocumentRow(words("link.title"), style="mark"),
            DocumentRow(),
            DocumentRow(words("transfer.amount"), f"{amount(minor, setup.language)} {setup.currency}", "big"),
            DocumentRow(link, style="code"),
            DocumentRow(words("customer.page-scan"), style="centre"),
            DocumentRow(words("transfer.no-proof"), style="centre"),
        )
        self._print(Document(rows, marks=(words("ui.demo"),) if setup.demo else ()))

    def _merchant(self, sale: Sale) -> None:
        """The shop's copies, after the sale is durable; what was signed is printed already."""
        for tender in sale.tenders:
            if tender.kind == "card" and not _signed(tender):
                for paper in tender.paper:
                    if paper.kind == "merchant" and (
                        paper.must or self._desk.setup.tenders.card_merchant_slip
                    ):
                        self._paper(paper)


def _signed(tender: Tender) -> bool:
    return tender.card is not None and tender.card.signature
