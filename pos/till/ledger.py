"""Writing facts: one commit, the business day that opens by itself, and what happens when it fails."""

import datetime as dt
from collections.abc import Sequence

from pos.cash_facts import DayOpened, SessionOpened, SessionTaken
from pos.days import Days, OpenDay
from pos.domain.cart import Cart
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.sale_facts import Sale
from pos.storage_ports import Head, JournalUnavailableError
from pos.till.desk import Desk, Refusal, stop_message
from pos.till_facts import EpochOpened

__all__ = ["Ledger"]

_DAY = dt.timedelta(days=1)


class Ledger:
    """The one way from a decision to the journal."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def append(self, facts: Sequence[Fact], cart: Cart | None, *, real: bool = False) -> None:
        """Write facts; what ends a cart takes its unsaved state along. `real`: also in training they are no practice."""
        state = self._desk.world.state
        world = self._desk.real if real else self._desk.world
        if cart is not None:
            state.supersede()
        try:
            stored = await world.journal.append(facts)
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
        """What must stand before the next fact: the business day and the cash session that open by themselves.

        A day opens with the first fact of a later date than the last day's, or after a closing; until the hour that
        the shop set, a night belongs to the day before. A clock that fell back by a day keeps the day that is open. One
        that fell back further was wrong before: today opens, and says in doubt of what. The session is the operator's
        own where each has an insert, else the current one.
        """
        head = self._desk.world.journal.head
        today = self._desk.today()
        newest = head.business_day or head.days.last_day
        doubt = ""
        if newest:
            last = dt.date.fromisoformat(newest)
            if head.business_day and (last - _DAY <= today <= last or self._still_night(last)):
                return self._session_facts(head)
            if last - _DAY <= today < last:
                today = last
            elif today < last:
                doubt = f"the clock fell back from {last}"
        opened = DayOpened(
            today.isoformat(),
            f"{head.epoch}-{head.seq + 1}",
            clock_doubt=doubt,
            operators=self._owners(),
            left_minor=head.days.left_in(1),
            left_foreign=head.days.foreign_left_in(1),
        )
        return [opened]

    def _still_night(self, day: dt.date) -> bool:
        now = self._desk.world.clock.now()
        return now.date() == day + _DAY and now.hour < self._desk.setup.cash.day_ends_hour

    def _owners(self) -> tuple[str, ...]:
        own = self._desk.setup.cash.own_insert and self._desk.operator is not None
        return (self._desk.operator_id(),) if own else ()

    def _session_facts(self, head: Head) -> list[Fact]:
        current, today, owners = head.days.current, head.days.today, self._owners()
        if current is None or today is None:
            return []
        if not current.closed and (not owners or set(owners) & set(current.operators)):
            return []
        fitting = (one for one in today.to_close if set(owners) <= set(one.operators))
        other = next(fitting, None)
        return [self.session_taken(other.session) if other is not None else self.session_opened(head, owners)]

    def session_taken(self, session: str) -> SessionTaken:
        desk = self._desk
        return SessionTaken(session, desk.operator_id(), desk.world.clock.wall_ms(), desk.offset_min())

    def session_opened(self, head: Head, owners: tuple[str, ...]) -> SessionOpened:
        """A further session of today, as the next fact."""
        today, desk = head.days.today, self._desk
        assert today is not None, "a day is open"
        drawer = _free_insert(head.days)
        return SessionOpened(
            f"{head.epoch}-{head.seq + 1}",
            today.day,
            today.business_day,
            desk.operator_id(),
            desk.world.clock.wall_ms(),
            desk.offset_min(),
            drawer=drawer,
            operators=owners,
            left_minor=head.days.left_in(drawer),
            left_foreign=head.days.foreign_left_in(drawer),
        )

    def must_hold(self, facts: Sequence[Fact], tenders: Sequence[Tender]) -> None:
        """Refuse to pay out cash that is not in the drawer; where nobody told its float, nobody knows."""
        own = [tender for tender in tenders if tender.kind == "cash" and not tender.cash_session]
        cash = sum(tender.amount_minor for tender in own)
        session = self._desk.world.journal.head.days.find(self.cash_session(facts))
        if cash >= 0 or session is None or session.float_minor is None:
            return
        if session.expected_minor + cash < 0:
            raise Refusal("refund-not-in-drawer")

    def unclosed(self) -> tuple[OpenDay, ...]:
        """Days that are over and not closed, oldest first."""
        days = self._desk.world.journal.head.days
        opens = any(isinstance(fact, DayOpened) for fact in self.day_facts())
        return days.open if opens or not days.session else days.open[:-1]

    def business_day(self, facts: Sequence[Fact]) -> str:
        opened = next((fact for fact in facts if isinstance(fact, DayOpened)), None)
        return opened.business_day if opened is not None else self._desk.world.journal.head.business_day

    def cash_session(self, facts: Sequence[Fact]) -> str:
        """The session to which what follows these facts belongs."""
        for fact in reversed(facts):
            if isinstance(fact, DayOpened | SessionOpened | SessionTaken):
                return fact.cash_session
        return self._desk.world.journal.head.cash_session


def _free_insert(days: Days) -> int:
    """The lowest number of a drawer or insert that no session of today holds."""
    today = days.today
    used = {one.drawer for one in today.to_close} if today is not None else set()
    return next(number for number in range(1, len(used) + 2) if number not in used)
