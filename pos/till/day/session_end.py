"""The end of a cash session: the drawer is counted blind, what is off is judged, and what stays in it is told."""

from collections.abc import Generator
from typing import Any, Final

import msgspec

from pos.cash_facts import CashMoved, SessionClosed
from pos.days import OpenDay, OpenSession
from pos.domain.foreign_cash import ForeignCount, ForeignEnd, home_minor
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.facts import Fact
from pos.till.day.counting import Counted, Counting, kept_counts
from pos.till.desk import Desk
from pos.till.flows import Need, approval_of
from pos.till.ledger import Ledger
from pos.words import amount, iso_day_text

__all__ = ["DIFFERENCE_REASONS", "SessionEnd", "foreign_texts"]

CASH_DIFFERENCE: Final = declare("cash-difference")
CLOSE_UNCOUNTED: Final = declare("close-uncounted")
DIFFERENCE_REASONS: Final = ("change", "tender", "count", "unknown", "other")

_Approvals = tuple[Approval, ...]
_Rows = tuple[tuple[str, str], ...]


class _Found(msgspec.Struct, frozen=True):
    """What lies in the drawer; why it is not what was expected, and who agreed. `counted` None: nobody counted."""

    counted: Counted | None = None
    reason: str = ""
    approvals: _Approvals = ()


class _Lifted(msgspec.Struct, frozen=True):
    """What goes to the safe: home currency, all of the others or nothing, and the bag."""

    home_minor: int = 0
    foreign: bool = False
    bag: str = ""


class SessionEnd:
    """One drawer. Its part of the closing is facts that the caller writes, in one commit with the rest."""

    def __init__(self, desk: Desk, ledger: Ledger, counting: Counting) -> None:
        self._desk = desk
        self._ledger = ledger
        self._counting = counting

    def end(self, day: OpenDay, session: OpenSession) -> Generator[Any, Any, list[Fact]]:
        """Count a drawer; the facts that end its session, not written yet."""
        if not session.float_known:
            session = yield from self._missing_float(day, session)
        later = self._later_of(session)
        if later is not None and later.float_minor is not None:  # it was counted when the next one began
            found = _Found(Counted((), told_minor=later.float_minor))
            return self._ended(day, session, found, since=0, later=later)
        since = later.moved_minor if later is not None else 0
        options = [Option("count", word="ask.close-count"), Option("without", word="ask.close-without")]
        if session.known_count:
            known = Option("known", word="ask.close-known", amount_minor=session.counted_minor)
            options.insert(0, known)
        fields: dict[str, str | int] = {"drawer": session.drawer, "day": self._day(day.business_day)}
        how = yield Question("close-session", options=tuple(options), fields=fields, scans="refuse")
        if how == "without":
            approvals = approval_of((yield Need(CLOSE_UNCOUNTED)))
            kept = yield kept_counts(self._desk, session.session)
            if kept.any:
                yield self._counting.write(session.session, kept, session.counts, complete=False)
            return self._ended(day, session, _Found(approvals=approvals), since=0, later=later)
        found = yield from self._count(session, later, known=how == "known")
        assert found.counted is not None, "it was counted"
        lifted = _Lifted()
        if later is None:
            lifted = yield from self._lift(found.counted)
        return self._ended(day, session, found, since=since, lifted=lifted, later=later)

    def _day(self, business_day: str) -> str:
        return iso_day_text(business_day, self._desk.language)

    def _missing_float(self, day: OpenDay, session: OpenSession) -> Generator[Any, Any, OpenSession]:
        """What lay in the drawer in the morning, if somebody still knows."""
        fields: dict[str, str | int] = {"day": self._day(day.business_day)}
        told = yield Question("float-late", "amount", empty=True, fields=fields, scans="refuse")
        yield self._ledger.append([self._moved(day, session, "float", told or 0, "late")], None)
        found = self._desk.world.journal.head.days.find(session.session)
        assert found is not None, "its day is open"
        return found

    def _later_of(self, session: OpenSession) -> OpenSession | None:
        """The session that has gone on with the same drawer, of a later day."""
        days = self._desk.world.journal.head.days
        own = days.day_of(session.session)
        after = [day for day in days.open if own is not None and day.seq > own.seq]
        sessions = (one for day in after for one in day.sessions if one.drawer == session.drawer)
        return next(sessions, None)

    # -- the count

    def _count(
        self, session: OpenSession, later: OpenSession | None, *, known: bool
    ) -> Generator[Any, Any, _Found]:
        """Blind; beyond the limit once more, then somebody else agrees, and there is a reason."""
        desk, counts = self._desk, session.counts
        enough = counts + 2
        while True:
            if known:
                counted, enough, known = _known(session), 2, False
            else:
                counted = yield from self._counting.count_all(session)
                yield self._counting.write(session.session, counted, counts)
                counts += 1
            rows, beyond = self._judged(session, later, counted)
            if not beyond:
                return _Found(counted)
            if counts >= enough:
                break
            desk.warn("count-again")
        approvals = approval_of((yield Need(CASH_DIFFERENCE, another=self._others(CASH_DIFFERENCE))))
        options = tuple(Option(name, word=f"reason.difference-{name}") for name in DIFFERENCE_REASONS)
        reason = yield Question("difference-reason", options=options, rows=rows, scans="refuse", confirm=True)
        if reason == "other":
            reason = yield Question("reason-other", "text", scans="refuse")
        return _Found(counted, reason, approvals)

    def _judged(
        self, session: OpenSession, later: OpenSession | None, counted: Counted
    ) -> tuple[_Rows, bool]:
        """What is off, as rows; and whether that is beyond the limit, in any currency by itself."""
        desk = self._desk
        limit, rates = desk.setup.cash.difference_limit_minor, desk.setup.tenders.foreign
        expected = session.expected_minor + (later.moved_minor if later is not None else 0)
        difference = counted.counted_minor - expected
        rows = [
            (desk.words(f"report.{name}"), amount(minor, desk.language))
            for name, minor in (
                ("expected", expected),
                ("counted", counted.counted_minor),
                ("difference", difference),
            )
        ]
        beyond = abs(difference) > limit
        for end in _foreign_ends(session, later, counted.foreign, lifted=False):
            off = abs(home_minor(end.currency, end.difference_minor, rates)) > limit
            beyond = beyond or off
            if end.difference_minor:
                left = f"{desk.words('report.difference')} {end.currency}"
                rows.append((left, amount(end.difference_minor, desk.language)))
        return tuple(rows), beyond

    def _others(self, right: str) -> bool:
        """Is there anybody else who could agree?"""
        desk = self._desk
        return any(
            person.operator_id != desk.operator_id() and desk.roles.may(person.role, right)
            for person in desk.world.people.operators()
        )

    def _lift(self, found: Counted) -> Generator[Any, Any, _Lifted]:
        """What stays as the next float, and the bag of what goes to the safe: other currencies whole."""
        desk = self._desk
        counted, left = found.counted_minor, 0
        abroad = [
            f"{amount(one.counted_minor, desk.language)} {one.currency}"
            for one in found.foreign
            if one.counted_minor
        ]
        usual = min(desk.setup.cash.float_minor or counted, counted)
        shown = {"counted": amount(counted, desk.language), "usual": amount(usual, desk.language)}
        while counted > 0:
            told = yield Question("left", "amount", empty=True, fields=dict(shown), scans="refuse")
            left = usual if told is None else told
            if left <= counted:
                break
            desk.warn("left-too-much", amount=counted)
        away = ([amount(counted - left, desk.language)] if counted > left else []) + abroad
        if not away:
            return _Lifted()
        fields: dict[str, str | int] = {"amount": " + ".join(away)}
        bag = yield Question("drop-bag", "text", empty=True, fields=fields, scans="refuse")
        return _Lifted(counted - left, bool(abroad), bag or "")

    # -- the facts

    def _ended(
        self,
        day: OpenDay,
        session: OpenSession,
        found: _Found,
        *,
        since: int,
        lifted: _Lifted = _Lifted(),  # noqa: B008 - frozen
        later: OpenSession | None = None,
    ) -> list[Fact]:
        desk, expected = self._desk, session.expected_minor
        counted = found.counted.counted_minor if found.counted is not None else None
        lies = expected if counted is None else counted - since
        foreign_counts = found.counted.foreign if found.counted is not None else ()
        facts: list[Fact] = []
        if lifted.home_minor:
            moved = self._moved(day, session, "lift", -lifted.home_minor, "safe", bag=lifted.bag)
            facts.append(msgspec.structs.replace(moved, case="Geldtransit"))
        foreign = _foreign_ends(session, later, foreign_counts, lifted=lifted.foreign)
        facts.append(
            SessionClosed(
                session.session,
                day.business_day,
                desk.operator_id(),
                desk.world.clock.wall_ms(),
                desk.offset_min(),
                expected,
                counted,
                lies - expected,
                lies - lifted.home_minor,
                since_minor=since,
                reason=found.reason,
                approvals=found.approvals,
                foreign=foreign,
                bag=lifted.bag if lifted.foreign else "",
                next_session=later.session if later is not None and foreign else "",
            )
        )
        if later is not None and later.float_minor is None:
            next_day = desk.world.journal.head.days.day_of(later.session)
            assert next_day is not None, "it was found among the open days"
            facts.append(self._moved(next_day, later, "float", lies - lifted.home_minor, "as-left"))
        return facts

    def _moved(
        self, day: OpenDay, session: OpenSession, kind: str, amount_minor: int, reason: str, *, bag: str = ""
    ) -> CashMoved:
        desk = self._desk
        return CashMoved(
            session.session,
            day.business_day,
            desk.operator_id(),
            desk.world.clock.wall_ms(),
            desk.offset_min(),
            kind,
            amount_minor,
            reason=reason,
            bag=bag,
            case="Anfangsbestand",
        )


def foreign_texts(session: OpenSession, counted: Counted, language: str) -> str:
    """How far each other currency is off, in one line; empty where none was in the drawer."""
    ends = _foreign_ends(session, None, counted.foreign, lifted=False)
    return ", ".join(f"{amount(end.difference_minor, language)} {end.currency}" for end in ends)


def _known(session: OpenSession) -> Counted:
    """The newest count, as it was kept."""
    assert session.counted_minor is not None, "it stood among the choices"
    foreign = tuple(ForeignCount(one.currency, one.counted_minor or 0) for one in session.foreign)
    return Counted((), foreign, told_minor=session.counted_minor)


def _foreign_ends(
    session: OpenSession, later: OpenSession | None, counts: tuple[ForeignCount, ...], *, lifted: bool
) -> tuple[ForeignEnd, ...]:
    """Each other currency that was in the drawer, be it for a while, or was found there. What was not counted is believed."""
    by_currency = {one.currency: one for one in counts}
    ends = []
    for currency in sorted(by_currency.keys() | {one.currency for one in session.foreign}):
        expected, count = session.foreign_in(currency).expected_minor, by_currency.get(currency)
        since = later.foreign_in(currency).moved_minor if later is not None and count is not None else 0
        lies = expected if count is None else count.counted_minor - since
        gone = lies if lifted else 0
        end = ForeignEnd(
            currency,
            expected,
            None if count is None else count.counted_minor,
            lies - expected,
            lifted_minor=gone,
            left_minor=lies - gone,
            since_minor=since,
            pieces=count.pieces if count is not None else (),
        )
        known = any(one.currency == currency for one in session.foreign)
        if known or lies or (count is not None and count.counted_minor):
            ends.append(end)
    return tuple(ends)
