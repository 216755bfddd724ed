"""Cash in the drawer beside sales: the float, what is paid in and out, what goes to the safe, whose insert it is."""

from collections.abc import Generator
from typing import Any, Final

from pos.cash_facts import CashMoved
from pos.days import OpenSession
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.drawer import PAY_IN_REASONS, PAY_OUT_REASONS, counted_minor
from pos.domain.foreign_cash import home_minor
from pos.domain.question import Option, Question, to_minor
from pos.domain.rights import Approval, Size, declare
from pos.till.day.counting import Counting
from pos.till.day.reports import movement_slip
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till.surroundings import NO_SALE, Surroundings
from pos.till_facts import DrawerOpenedFact
from pos.words import amount

__all__ = ["NO_SALE_REASONS", "SEE_EXPECTED", "Cash"]

FLOAT: Final = declare("float")
FLOAT_AGAIN: Final = declare("float-again")
CASH_DROP: Final = declare("cash-drop", amount=True)
PAY_IN: Final = declare("pay-in", amount=True)
PAY_OUT: Final = declare("pay-out", amount=True)
SWAP: Final = declare("cash-session")
SEE_EXPECTED: Final = declare("see-expected")

NO_SALE_REASONS: Final = ("change", "count", "mistake", "other")
_AMOUNT_MAX: Final = 9_999_999
_Approvals = tuple[Approval, ...]


class Cash:
    """Each movement is one commit; only after it the drawer opens and a slip is printed."""

    def __init__(
        self, desk: Desk, ledger: Ledger, selling: Selling, surroundings: Surroundings, counting: Counting
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._surroundings = surroundings
        self._counting = counting
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {
            "float": self._float,
            "cash-drop": self._drop,
            "pay-in": self._pay_in,
            "pay-out": self._pay_out,
            "no-sale": self._no_sale,
            "cash-session": self._swap,
        }

    # -- the float

    def _float(self, _: c.Do) -> Flow:
        self._desk.must_be_selling()
        self._desk.need(FLOAT)
        session = self.session
        if session is not None and session.float_minor is not None:
            self._desk.need(FLOAT_AGAIN)
        yield from self.ask_float(self._desk.approvals)

    def ask_float(self, approvals: _Approvals = ()) -> Flow:
        """A scan drops the question and sells: it is asked again later."""
        left = self.left_minor
        options = [Option("count", word="ask.float-count")]
        if left is not None:
            options.insert(0, Option("left", word="ask.float-left", amount_minor=left))
        question = Question("float", "amount", options=tuple(options))
        how: int | str = yield question
        while isinstance(how, int) and how > _AMOUNT_MAX:
            self._desk.warn("cash-amount-limit", limit=_AMOUNT_MAX)
            how = yield question
        if how == "left":
            assert left is not None, "it stood among the choices"
            amount_minor, reason = left, "as-left"
        elif how == "count":
            pieces = yield from self._counting.count("float")
            amount_minor, reason = counted_minor(pieces), "counted"
        else:
            assert isinstance(how, int), "what names no option is an amount"
            amount_minor, reason = how, "typed"
        yield self._move("float", amount_minor, reason, approvals=approvals)
        if how == "count":
            yield self._counting.forget()
        self._desk.warn("float-told", level="info", amount=amount_minor)

    @property
    def session(self) -> OpenSession | None:
        """The session to which the operator's next sale belongs; None where it opens with it."""
        facts = self._ledger.day_facts()
        return self._desk.world.journal.head.days.find(self._ledger.cash_session(facts))

    @property
    def left_minor(self) -> int | None:
        """What the session before left in the drawer."""
        session = self.session
        if session is not None:
            return session.left_minor
        opened = self._ledger.day_facts()
        return getattr(opened[-1], "left_minor", None) if opened else None

    @property
    def lacks_float(self) -> bool:
        """Must somebody still say what lies in the drawer?"""
        if not self._desk.setup.cash.ask_float or self._desk.training:
            return False
        session = self.session
        return session is None or session.float_minor is None

    # -- in and out

    def _drop(self, do: c.Do) -> Flow:
        self._desk.must_be_selling()
        self._desk.need(CASH_DROP)
        before = self._desk.approvals
        currency = yield from self._currency()
        code = "drop-foreign-amount" if currency else "drop-amount"
        amount_minor = yield from self._amount(code, do.text, in_drawer=True, currency=currency)
        worth = home_minor(currency, amount_minor, self._desk.setup.tenders.foreign)
        approvals = yield from self._within(CASH_DROP, worth, before)
        shown = f"{self._shown(amount_minor)} {currency}".rstrip()
        bag = yield Question("drop-bag", "text", fields={"amount": shown}, empty=True)
        yield self._move(
            "drop",
            -amount_minor,
            "safe",
            bag=bag or "",
            case="Geldtransit",
            approvals=approvals,
            currency=currency,
        )
        if currency:
            self._desk.warn("foreign-dropped", level="info", amount=amount_minor, currency=currency)
        else:
            self._desk.warn("cash-dropped", level="info", amount=amount_minor)

    def _currency(self) -> Generator[Any, Any, str]:
        """Which one goes to the safe; not asked while only the till's own lies in the drawer, which is the empty name."""
        others = [currency for currency, minor in self._foreign.items() if minor > 0]
        if not others:
            return ""
        home = self._desk.setup.currency
        chosen: str = yield Question(
            "drop-currency", options=tuple(Option(each, each) for each in (home, *others)), confirm=True
        )
        return "" if chosen == home else chosen

    @property
    def _foreign(self) -> dict[str, int]:
        """What lies in the drawer of other currencies, by the facts."""
        session = self.session
        if session is not None:
            return {one.currency: one.expected_minor for one in session.foreign}
        opened = self._ledger.day_facts()
        left = getattr(opened[-1], "left_foreign", ()) if opened else ()
        return {one.currency: one.amount_minor for one in left}

    def _pay_in(self, do: c.Do) -> Flow:
        self._desk.must_be_selling()
        self._desk.need(PAY_IN)
        before = self._desk.approvals
        reason, note = yield from self._reason("pay-in", tuple(PAY_IN_REASONS))
        amount_minor = yield from self._amount("pay-in-amount", do.text)
        approvals = yield from self._within(PAY_IN, amount_minor, before)
        case = PAY_IN_REASONS[reason]
        yield self._move("pay-in", amount_minor, reason, note=note, case=case, approvals=approvals)
        self._desk.warn("paid-in", level="info", amount=amount_minor)

    def _pay_out(self, do: c.Do) -> Flow:
        self._desk.must_be_selling()
        self._desk.need(PAY_OUT)
        before = self._desk.approvals
        reason, note = yield from self._reason("pay-out", tuple(PAY_OUT_REASONS))
        amount_minor = yield from self._amount("pay-out-amount", do.text, in_drawer=True)
        approvals = yield from self._within(PAY_OUT, amount_minor, before)
        case = PAY_OUT_REASONS[reason]
        yield self._move("pay-out", -amount_minor, reason, note=note, case=case, approvals=approvals)
        self._desk.warn("paid-out", level="info", amount=amount_minor)

    def _within(self, right: str, amount_minor: int, before: _Approvals) -> Generator[Any, Any, _Approvals]:
        """Who agreed `before` the amount was known, and who has to where it is beyond what their roles may."""
        size = Size(amount_minor)
        if self._desk.covered(before, right, size):
            return before
        return (*before, *approval_of((yield Need(right, size=size))))

    def _no_sale(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_selling()
        if desk.training:
            raise Refusal("training-drawer", level="info")
        if desk.world.drawer is None:
            raise Refusal("drawer-not-ready")
        desk.need(NO_SALE)
        approvals = desk.approvals
        reason, note = yield from self._reason("no-sale", NO_SALE_REASONS)
        yield self._open_for(note or reason, approvals)

    async def _open_for(self, reason: str, approvals: _Approvals) -> None:
        desk = self._desk
        facts = self._ledger.day_facts()
        facts.append(DrawerOpenedFact(desk.operator_id(), reason, approvals=approvals))
        await self._ledger.append(facts, None)
        drawer = desk.world.drawer
        if drawer is None or not drawer.open():
            raise Refusal("drawer-not-ready")
        desk.events.append(e.DrawerOpened(reason))

    def _reason(self, what: str, reasons: tuple[str, ...]) -> Generator[Any, Any, tuple[str, str]]:
        """One of the reasons, and what was typed where it is another one."""
        options = tuple(Option(reason, word=f"reason.{what}-{reason}") for reason in reasons)
        reason = yield Question(f"{what}-reason", options=options, confirm=True)
        note = ""
        if reason == "other":
            note = yield Question("reason-other", "text")
        return reason, note

    def _amount(
        self, code: str, typed: str, *, in_drawer: bool = False, zero: bool = False, currency: str = ""
    ) -> Generator[Any, Any, int]:
        """An amount above 0; what goes out must be in the drawer."""
        found = to_minor(typed, digits_are_cents=self._desk.setup.digits_are_cents) if typed else None
        while True:
            if found is None:
                fields: dict[str, str | int] = {"currency": currency} if currency else {}
                found = yield Question(code, "amount", fields=fields, scans="refuse")
            has = self._foreign.get(currency, 0) if currency else self._home_minor
            if found > _AMOUNT_MAX or (found == 0 and not zero):
                self._desk.warn("cash-amount-limit", limit=_AMOUNT_MAX)
            elif in_drawer and found > has:
                self._refuse_too_much(has, currency)
            else:
                return found
            found = None

    @property
    def _home_minor(self) -> int:
        """What lies in the drawer of the till's own currency, by the facts."""
        session = self.session
        return session.expected_minor if session is not None else self.left_minor or 0

    def _refuse_too_much(self, has_minor: int, currency: str) -> None:
        """How much there is is told to those who may know it."""
        told = self._desk.may(SEE_EXPECTED)
        if currency and told:
            self._desk.warn("foreign-not-in-drawer-of", amount=has_minor, currency=currency)
        elif currency:
            self._desk.warn("foreign-not-in-drawer", currency=currency)
        elif told:
            self._desk.warn("not-in-drawer-of", amount=has_minor)
        else:
            self._desk.warn("not-in-drawer")

    async def _move(
        self,
        kind: str,
        amount_minor: int,
        reason: str,
        *,
        note: str = "",
        bag: str = "",
        case: str = "",
        approvals: _Approvals = (),
        currency: str = "",
    ) -> None:
        """The fact, then the drawer and the slip."""
        desk = self._desk
        facts = self._ledger.day_facts()
        moved = CashMoved(
            self._ledger.cash_session(facts),
            self._ledger.business_day(facts),
            desk.operator_id(),
            desk.world.clock.wall_ms(),
            desk.offset_min(),
            kind,
            amount_minor,
            reason=reason,
            note=note,
            bag=bag,
            case=case or "Anfangsbestand",
            approvals=approvals,
            currency=currency,
        )
        await self._ledger.append([*facts, moved], None)
        if kind != "float":
            if desk.world.drawer is not None and desk.world.drawer.open():
                desk.events.append(e.DrawerOpened(kind))
            head = desk.world.journal.head
            self._surroundings.print_document(
                movement_slip(moved, f"{head.till}-{head.epoch}-{head.seq}", desk.setup, desk.names)
            )
        if desk.world.hub is not None:
            desk.world.hub.kick()

    def _shown(self, amount_minor: int) -> str:
        return amount(amount_minor, self._desk.language)

    # -- inserts

    def _swap(self, _: c.Do) -> Flow:
        """Another drawer or insert at this till: one that is open, or a further one. The day goes on."""
        desk = self._desk
        desk.must_be_selling()
        desk.need(SWAP)
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        days = desk.world.journal.head.days
        if self._ledger.unclosed() or days.today is None:
            raise Refusal("no-open-day", level="info")
        people = {one.operator_id: one.name for one in desk.world.people.operators()}
        options = [
            Option(
                one.session,
                word="ask.insert",
                fields={
                    "drawer": one.drawer,
                    "people": ", ".join(people.get(name, name) for name in one.operators),
                },
            )
            for one in days.today.to_close
            if one.session != days.session
        ]
        chosen = yield Question("cash-session", options=(*options, Option("new", word="ask.insert-new")))
        yield self._take(chosen)
        current = desk.world.journal.head.days.current
        assert current is not None, "it was opened or taken"
        desk.warn("insert-taken", level="info", drawer=current.drawer)
        if self.lacks_float:
            yield from self.ask_float()

    async def _take(self, chosen: str) -> None:
        head = self._desk.world.journal.head
        if chosen == "new":
            own = self._desk.setup.cash.own_insert
            owners = (self._desk.operator_id(),) if own else ()
            await self._ledger.append([self._ledger.session_opened(head, owners)], None)
        else:
            await self._ledger.append([self._ledger.session_taken(chosen)], None)
