"""Writing facts: one commit, the business day that opens by itself, and what happens when it fails."""

import datetime as dt
from collections.abc import Sequence

from pos.domain.cart import Cart
from pos.facts import DayOpened, EpochOpened, Fact, Sale
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
            raise self._refused(error) from error
        for fact, row in zip(facts, stored, strict=True):
            if isinstance(fact, Sale) and not self._desk.training:
                self._desk.unsent.append((row.epoch, row.seq))
                if not self._desk.training:
                    self._desk.budgets.sold(fact)

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> None:
        """Begin an epoch; one commit."""
        try:
            await self._desk.world.journal.open_epoch(fact, first_seq, prev_hash, epoch)
        except JournalUnavailableError as error:
            raise self._refused(error) from error

    def _refused(self, error: JournalUnavailableError) -> Refusal:
        if error.stored is None:
            self._desk.in_doubt = True
        self._desk.refuse(stop_message(error))
        return Refusal(error.code, level="alarm", detail=error.detail)

    def day_facts(self) -> list[Fact]:
        """A business day opens by itself with the first fact of a later date than the last day's.

        A clock that fell back by a day keeps the day that is open. One that fell back further was wrong
        before: today opens, and says in doubt of what.
        """
        head = self._desk.world.journal.head
        today = self._desk.today()
        doubt = ""
        if head.business_day:
            open_day = dt.date.fromisoformat(head.business_day)
            if open_day - dt.timedelta(days=1) <= today <= open_day:
                return []
            if today < open_day:
                doubt = f"the clock fell back from {open_day}"
        return [DayOpened(today.isoformat(), f"{head.epoch}-{head.seq + 1}", clock_doubt=doubt)]

    def business_day(self, facts: Sequence[Fact]) -> str:
        opened = next((fact for fact in facts if isinstance(fact, DayOpened)), None)
        return opened.business_day if opened is not None else self._desk.world.journal.head.business_day

    def cash_session(self, facts: Sequence[Fact]) -> str:
        opened = next((fact for fact in facts if isinstance(fact, DayOpened)), None)
        return opened.cash_session if opened is not None else self._desk.world.journal.head.cash_session
