"""The closing of a business day: what is open is settled, the drawers are counted, and one commit makes the Z."""

from collections.abc import Callable
from typing import Any, Final

from pos.cash_facts import CashCounted, DayClosed
from pos.days import OpenDay
from pos.domain import commands as c
from pos.domain.day_totals import Totals
from pos.domain.document import Document
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.facts import Fact
from pos.storage_ports import Found
from pos.till.day.cash import SEE_EXPECTED, Cash
from pos.till.day.counting import Counting
from pos.till.day.leftovers import Leftovers
from pos.till.day.reports import count_slip, screen_pages, x_report, z_report
from pos.till.day.session_end import SessionEnd, foreign_texts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings
from pos.totals import day_totals
from pos.words import amount, iso_day_text

__all__ = ["Closing"]

CLOSE_DAY: Final = declare("close-day")
X_REPORT: Final = declare("x-report")
CASH_CHECK: Final = declare("cash-check")

_PAGE: Final = 8  # rows that the smallest screen (64x18) holds beside the question
_PAGE_IN_A_SALE: Final = 5  # there its total stands below
_Approvals = tuple[Approval, ...]


class Closing:
    """X and Z, the count without a closing, and what is asked when somebody begins to work."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        surroundings: Surroundings,
        counting: Counting,
        cash: Cash,
        leftovers: Leftovers,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._surroundings = surroundings
        self._counting = counting
        self._ending = SessionEnd(desk, ledger, counting)
        self._cash = cash
        self._leftovers = leftovers
        self.first: Callable[[], None] = lambda: None
        """What must be settled before a day is closed. Raises Refusal."""
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {
            "close-day": self._close_day,
            "x-report": self._x_report,
            "cash-check": self._cash_check,
            "session-close": self._session_close,
            "z-again": self._z_again,
        }

    # -- at the beginning of work

    def at_sign_in(self) -> Flow | None:
        """What somebody who begins to work is asked; a scan drops it."""
        desk = self._desk
        if not desk.setup.cash.ask_float or self._selling.cart is not None or desk.standstill is not None:
            return None
        if self._ledger.unclosed() and not desk.training:
            return self._ask_yesterday()
        return self._cash.ask_float() if self._cash.lacks_float else None

    def _ask_yesterday(self) -> Flow:
        day = self._ledger.unclosed()[0].business_day
        options = (Option("close", word="ask.yesterday-close"), Option("later", word="ask.yesterday-later"))
        answer = yield Question("yesterday", options=options, fields={"day": day})
        if answer == "close":
            approvals = approval_of((yield Need(CLOSE_DAY)))
            yield from self._close(approvals)
        if self._cash.lacks_float:
            yield from self._cash.ask_float()

    @property
    def hint(self) -> str:
        """The code of what should be done soon; empty where there is nothing."""
        desk = self._desk
        rules = desk.setup.cash
        if not rules.ask_float or desk.operator is None or desk.training:
            return ""
        if self._ledger.unclosed():
            return "yesterday-open"
        if self._cash.lacks_float:
            return "float-missing"
        session = self._cash.session
        full = session is not None and session.expected_minor > rules.drawer_limit_minor > 0
        return "drawer-full" if full else ""

    # -- the closing

    def _close_day(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("close-cart-open")
        if not desk.world.journal.head.days.open:
            raise Refusal("nothing-to-close", level="info")
        desk.need(CLOSE_DAY)
        desk.showing_last = False
        yield from self._close(desk.approvals)

    def _close(self, approvals: _Approvals) -> Flow:
        """The oldest day that is not closed."""
        self.first()
        settled = yield from self._leftovers.settle()
        if not settled:
            return
        day = self._desk.world.journal.head.days.open[0]
        facts: list[Fact] = []
        for session in day.to_close:
            facts += yield from self._ending.end(day, session)
        closed, epoch = yield self._write_closing(day, facts, approvals)
        yield from self._show(closed, epoch)
        if self._ledger.unclosed():
            self._desk.warn("closed-one-more", level="info", number=closed.number)
        else:
            self._desk.warn(
                "day-closed", level="info", number=closed.number, day=self._day(closed.business_day)
            )

    def _day(self, business_day: str) -> str:
        return iso_day_text(business_day, self._desk.language)

    def _show(self, closed: DayClosed, epoch: int) -> Flow:
        document = z_report(closed, self._desk.world.journal.head.till, epoch, names=self._desk.names)
        self._surroundings.print_document(document)
        yield from self._pages("z-shown", document, closed.totals)

    def _pages(self, code: str, document: Document, totals: Totals) -> Flow:
        """A report, as many rows at a time as a screen holds, on and back."""
        desk = self._desk
        room = (_PAGE if self._selling.cart is None else _PAGE_IN_A_SALE) - desk.training
        pages = screen_pages(document, totals, desk.words, room=room)
        at, last = 0, len(pages) - 1
        while at <= last:
            options = [Option("on", word="ask.report-done" if at == last else "ask.report-more")]
            if at:
                options.append(Option("back", word="ask.report-back"))
            fields: dict[str, str | int] = {"page": at + 1, "pages": len(pages)}
            chosen = yield Question(code, options=tuple(options), rows=pages[at], fields=fields)
            at += -1 if chosen == "back" else 1

    async def _write_closing(
        self, day: OpenDay, facts: list[Fact], approvals: _Approvals
    ) -> tuple[DayClosed, int]:
        """All of it is one commit: the day is closed, or it is not."""
        desk = self._desk
        found = await self._facts_since(day)
        head = desk.world.journal.head
        placed = [(one.epoch, one.fact) for one in found] + [(head.epoch, fact) for fact in facts]
        later = next((other for other in head.days.open if other.seq > day.seq), None)
        last = (head.epoch, head.seq + len(facts))
        if later is not None:
            last = max((one.epoch, one.seq) for one in found if one.seq < later.seq)
        closed = DayClosed(
            number=head.days.next_z(head.epoch),
            day=day.day,
            business_day=day.business_day,
            operator=desk.operator_id(),
            closed_ms=desk.world.clock.wall_ms(),
            offset_min=desk.offset_min(),
            first_epoch=day.epoch,
            first_seq=day.seq,
            last_epoch=last[0],
            last_seq=last[1],
            totals=day_totals(placed, day.day),
            carried=tuple(cart.cart_id for cart in head.parked),
            currency=desk.setup.currency,
            language=desk.setup.language,
            software=desk.setup.software,
            approvals=approvals,
        )
        await self._ledger.append([*facts, closed], None)
        if desk.world.hub is not None:
            desk.world.hub.kick()
        return closed, head.epoch

    async def _facts_since(self, day: OpenDay) -> list[Found]:
        history = self._desk.world.history
        if history is None:
            raise Refusal("no-history")
        return [one for one in await history.session(f"{day.epoch}-{day.seq}") if one.seq >= day.seq]

    # -- one drawer

    def _session_close(self, _: c.Do) -> Flow:
        """The end of one insert's session; the day goes on, and the next sale opens the next session."""
        desk = self._desk
        desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("close-cart-open")
        day, session = desk.world.journal.head.days.today, desk.world.journal.head.days.current
        if day is None or session is None or session.closed:
            raise Refusal("nothing-to-close", level="info")
        desk.need(CLOSE_DAY)
        facts = yield from self._ending.end(day, session)
        yield self._ledger.append(facts, None)
        desk.warn("session-closed", level="info", drawer=session.drawer)

    # -- looking, and counting in between

    def _x_report(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_signed_in()
        desk.need(X_REPORT)
        opened = desk.world.journal.head.days.open
        if not opened:
            raise Refusal("nothing-to-close", level="info")
        day = opened[-1]
        found = yield self._facts_since(day)
        totals = day_totals([(one.epoch, one.fact) for one in found], day.day)
        document = x_report(
            totals,
            desk.setup,
            till=desk.world.journal.head.till,
            business_day=day.business_day,
            at=desk.world.clock.now(),
            operator=desk.operator_id(),
            names=desk.names,
        )
        self._surroundings.print_document(document)
        yield from self._pages("x-shown", document, totals)

    def _cash_check(self, _: c.Do) -> Flow:
        """A count without a closing."""
        desk = self._desk
        desk.must_be_selling()
        desk.need(CASH_CHECK)
        if self._selling.cart is not None:
            raise Refusal("close-cart-open")
        session = self._cash.session
        if session is None:
            raise Refusal("nothing-to-close", level="info")
        found = yield from self._counting.count_all(session)
        yield self._counting.write(session.session, found, session.counts)
        clock = desk.world.clock
        fact = CashCounted(
            session.session,
            desk.operator_id(),
            clock.wall_ms(),
            desk.offset_min(),
            found.pieces,
            found.counted_minor,
            foreign=found.foreign,
        )
        expected = session if desk.may(SEE_EXPECTED) else None
        self._surroundings.print_document(
            count_slip(fact, desk.setup, expected=expected, drawer=session.drawer, names=desk.names)
        )
        if expected is None:
            desk.warn("count-kept", level="info")
        elif abroad := foreign_texts(session, found, desk.language):
            difference = amount(fact.counted_minor - expected.expected_minor, desk.language)
            desk.warn("count-differences", level="info", amount=difference, foreign=abroad)
        else:
            desk.warn("count-difference", level="info", amount=fact.counted_minor - expected.expected_minor)

    def _z_again(self, _: c.Do) -> Flow:
        """The last Z once more, marked as a copy."""
        desk = self._desk
        desk.must_be_signed_in()
        desk.need(X_REPORT)
        found = yield self._last_z()
        if found is None:
            raise Refusal("no-z", level="info")
        document = z_report(
            found.fact, desk.world.journal.head.till, found.epoch, copy=True, names=desk.names
        )
        self._surroundings.print_document(document)
        yield from self._pages("z-shown", document, found.fact.totals)

    async def _last_z(self) -> Found | None:
        history, days = self._desk.world.history, self._desk.world.journal.head.days
        if not days.z_number or history is None:
            return None
        found = await history.session(f"{days.z_epoch}-{days.z_seq}")
        return next((one for one in found if isinstance(one.fact, DayClosed)), None)
