"""What a terminal's driver tells the till: each piece becomes a command, taken in its turn."""

from collections.abc import Awaitable, Callable

from pos.card_ports import NotKeptError, TerminalDay, TerminalSeen, TerminalStatus
from pos.domain import commands as c
from pos.domain.card import CardAnswer, CardEnd, CardPaper, CardResult, CardState
from pos.storage_ports import Head
from pos.till.cards.paper import CardPapers

__all__ = ["TillCardDesk"]


class TillCardDesk:
    """ports.CardDesk. `handle` takes a command and returns when it was handled; `head` is the real journal's."""

    def __init__(
        self,
        handle: Callable[[c.Command], Awaitable[None]],
        submit: Callable[[c.Command], None],
        head: Callable[[], Head],
        papers: CardPapers,
    ) -> None:
        self._handle = handle
        self._submit = submit
        self._head = head
        self._papers = papers

    def knows(self, terminal: str, terminal_id: str) -> bool:
        head = self._head()
        known = head.payments.terminal(terminal)
        return known is not None and known.terminal_id == terminal_id and known.epoch == head.epoch

    async def seen(self, terminal: str, seen: TerminalSeen) -> None:
        await self._handle(c.CardNews(terminal, "", seen))
        if not self.knows(terminal, seen.terminal_id):
            raise NotKeptError(f"the terminal {terminal} could not be kept")

    async def result(self, payment_id: str, result: CardResult) -> None:
        await self._handle(c.CardNews("", payment_id, result))
        payment = self._head().payments.find(payment_id)
        if payment is None or result not in payment.results:
            raise NotKeptError(f"the result of payment {payment_id} could not be kept")

    async def paper(self, payment_id: str, paper: CardPaper) -> None:
        await self._handle(c.CardNews("", payment_id, paper))
        if paper not in self._papers.of(payment_id):
            raise NotKeptError(f"a receipt of payment {payment_id} could not be kept")

    async def printed(self, terminal: str, paper: CardPaper) -> None:
        await self._handle(c.CardNews(terminal, "", paper))
        known = self._head().payments.terminal(terminal)
        if known is None or known.printed != paper:
            raise NotKeptError(f"what the terminal {terminal} has printed could not be kept")

    def state(self, payment_id: str, state: CardState) -> None:
        self._submit(c.CardNews("", payment_id, state))

    def ended(self, payment_id: str, end: CardEnd) -> None:
        self._submit(c.CardNews("", payment_id, end))

    def answer(self, payment_id: str, answer: CardAnswer) -> None:
        self._submit(c.CardNews("", payment_id, answer))

    def not_cancelled(self, payment_id: str, _code: int | None) -> None:
        self._submit(c.CardNews("", payment_id, CardState(text="not-cancelled")))

    def day(self, terminal: str, day: TerminalDay) -> None:
        self._submit(c.CardNews(terminal, "", day))

    def status(self, terminal: str, status: TerminalStatus) -> None:
        self._submit(c.CardNews(terminal, "", status))
