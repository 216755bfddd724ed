"""Writing facts: one commit, the business day that opens by itself, and what happens when it fails."""

from collections.abc import Sequence

from pos.domain.cart import Cart
from pos.facts import DayOpened, Fact, Sale
from pos.ports import JournalUnavailableError
from pos.till.desk import Desk, Refusal, stop_message

__all__ = ["Ledger"]


class Ledger:
    """The one way from a decision to the journal."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def append(self, facts: Sequence[Fact], cart: Cart | None) -> None:
        """Write facts; what ends a cart takes its unsaved state along."""
        state = self._desk.world.state
        if cart is not None:
            state.supersede()
        try:
            stored = await self._desk.world.journal.append(facts)
        except JournalUnavailableError as error:
            if cart is not None:
                state.save_cart(cart)
            if error.stored is None:
                self._desk.in_doubt = True
            self._desk.refuse(stop_message(error))
            raise Refusal(error.code, level="alarm", detail=error.detail) from error
        for fact, row in zip(facts, stored, strict=True):
            if isinstance(fact, Sale):
                self._desk.unsent.append(row.seq)

    def day_facts(self) -> list[Fact]:
        """A business day opens by itself with the first fact of a later date than the last day's."""
        head = self._desk.world.journal.head
        today = self._desk.today().isoformat()
        backwards = self._desk.world.clock.wall_ms() < head.last_wall_ms - 60_000
        if head.business_day and (backwards or today <= head.business_day):
            return []
        session = f"{head.epoch}-{head.seq + 1}"
        return [DayOpened(today, session, clock_doubt="behind the journal" if backwards else "")]

    def business_day(self, facts: Sequence[Fact]) -> str:
        opened = next((fact for fact in facts if isinstance(fact, DayOpened)), None)
        return opened.business_day if opened is not None else self._desk.world.journal.head.business_day

    def cash_session(self, facts: Sequence[Fact]) -> str:
        opened = next((fact for fact in facts if isinstance(fact, DayOpened)), None)
        return opened.cash_session if opened is not None else self._desk.world.journal.head.cash_session
