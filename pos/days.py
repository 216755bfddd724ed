"""Which business days and cash sessions are open: what follows from the facts alone, one fact after the other."""

import msgspec

from pos.cash_facts import (
    CashCounted,
    CashMoved,
    DayClosed,
    DayOpened,
    SessionClosed,
    SessionOpened,
    SessionTaken,
)
from pos.domain.foreign_cash import ForeignAmount
from pos.facts import Fact
from pos.sale_facts import Sale

__all__ = ["Days", "OpenDay", "OpenForeign", "OpenSession", "cash_of", "follow_days", "foreign_of"]


class OpenForeign(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cash of another currency in an open session, in its minor units; the rest as in OpenSession."""

    currency: str
    begins_minor: int = 0
    moved_minor: int = 0
    counted_minor: int | None = None
    counted_at_minor: int = 0

    @property
    def expected_minor(self) -> int:
        return self.begins_minor + self.moved_minor


class OpenSession(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cash session of an open day. `moved_minor` is the cash that came in, less what went out, beside the float.

    `counted_minor` is the newest whole count, which was made when `moved_minor` was `counted_at_minor`.
    """

    session: str
    drawer: int = 1
    operators: tuple[str, ...] = ()
    left_minor: int | None = None
    float_minor: int | None = None
    moved_minor: int = 0
    counts: int = 0
    counted_minor: int | None = None
    counted_at_minor: int = 0
    closed: bool = False
    foreign: tuple[OpenForeign, ...] = ()

    @property
    def float_known(self) -> bool:
        return self.float_minor is not None or self.left_minor is not None

    @property
    def begins_minor(self) -> int:
        """What lay in the drawer at the beginning: as told, else as it was left."""
        return self.float_minor if self.float_minor is not None else self.left_minor or 0

    @property
    def expected_minor(self) -> int:
        """What must lie in the drawer."""
        return self.begins_minor + self.moved_minor

    @property
    def known_count(self) -> bool:
        """Was all of it counted, and has nothing moved since?"""
        return (
            self.counted_minor is not None
            and self.counted_at_minor == self.moved_minor
            and all(
                one.counted_minor is not None and one.counted_at_minor == one.moved_minor
                for one in self.foreign
            )
        )

    def foreign_in(self, currency: str) -> OpenForeign:
        return next((one for one in self.foreign if one.currency == currency), OpenForeign(currency))


class OpenDay(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business day that is not closed, and the place of the fact that opened it."""

    day: str
    business_day: str
    epoch: int
    seq: int
    sessions: tuple[OpenSession, ...] = ()

    @property
    def to_close(self) -> tuple[OpenSession, ...]:
        return tuple(session for session in self.sessions if not session.closed)


class Days(msgspec.Struct, frozen=True, omit_defaults=True):
    """`open` are the days not closed, oldest first; the last one is today's if `session`, the current one, is not empty.

    `z_number` is the last closing's number, `z_epoch` and `z_seq` its place. `left` is what each drawer's last closed session left in it.
    `left_foreign` is the same of other currencies. `last_day`: the date of the newest day there ever was.
    """

    open: tuple[OpenDay, ...] = ()
    session: str = ""
    z_number: int = 0
    z_epoch: int = 0
    z_seq: int = 0
    left: tuple[tuple[int, int], ...] = ()
    last_day: str = ""
    left_foreign: tuple[tuple[int, tuple[ForeignAmount, ...]], ...] = ()

    @property
    def current(self) -> OpenSession | None:
        return self.find(self.session) if self.session else None

    @property
    def today(self) -> OpenDay | None:
        """The day to which the next sale belongs, if it is open."""
        return self.open[-1] if self.session and self.open else None

    def find(self, session: str) -> OpenSession | None:
        return next((one for day in self.open for one in day.sessions if one.session == session), None)

    def day_of(self, session: str) -> OpenDay | None:
        return next((day for day in self.open if any(one.session == session for one in day.sessions)), None)

    def left_in(self, drawer: int) -> int | None:
        """What a new session finds in this drawer; None while an older one has not been closed."""
        if any(one.drawer == drawer for day in self.open for one in day.to_close):
            return None
        return dict(self.left).get(drawer)

    def foreign_left_in(self, drawer: int) -> tuple[ForeignAmount, ...]:
        """As `left_in`, of other currencies; nothing while an older session has not been closed."""
        return () if self.left_in(drawer) is None else dict(self.left_foreign).get(drawer, ())

    def next_z(self, epoch: int) -> int:
        return self.z_number + 1 if self.z_epoch == epoch else 1


def cash_of(sale: Sale) -> dict[str, int]:
    """The cash of the till's currency that a sale brought into each session's drawer; what was paid out is negative."""
    cash: dict[str, int] = {}
    for tender in sale.tenders:
        if tender.kind == "cash":
            session = tender.cash_session or sale.cash_session
            cash[session] = cash.get(session, 0) + tender.amount_minor
    return cash


def foreign_of(sale: Sale) -> dict[tuple[str, str], int]:
    """The cash of other currencies by session and currency, in its minor units; what was given back is negative."""
    cash: dict[tuple[str, str], int] = {}
    for tender in sale.tenders:
        if tender.foreign is not None:
            key = tender.cash_session or sale.cash_session, tender.foreign.currency
            cash[key] = cash.get(key, 0) + tender.foreign.given_minor
    return cash


def follow_days(days: Days, fact: Fact, epoch: int, seq: int) -> Days:
    """The days after one more fact, which stands at this place."""
    match fact:
        case Sale():
            for name, cash in cash_of(fact).items():
                days = _moved(days, name, cash) if cash else days
            for (name, currency), minor in foreign_of(fact).items():
                days = _foreign_moved(days, name, currency, minor)
            return days
        case DayOpened():
            return _opened(days, fact, epoch, seq)
        case SessionOpened():
            session = _begun(fact)
            opened = tuple(
                msgspec.structs.replace(day, sessions=(*day.sessions, session))
                if day.day == fact.day
                else day
                for day in days.open
            )
            return msgspec.structs.replace(days, open=opened, session=fact.cash_session)
        case SessionTaken():
            return msgspec.structs.replace(days, session=fact.cash_session)
        case CashMoved(kind="float"):
            return _changed(days, fact.cash_session, float_minor=fact.amount_minor)
        case CashMoved() if fact.currency:
            return _foreign_moved(days, fact.cash_session, fact.currency, fact.amount_minor)
        case CashMoved():
            return _moved(days, fact.cash_session, fact.amount_minor)
        case CashCounted(complete=True):
            found = days.find(fact.cash_session)
            if found is None:
                return days
            return _changed(
                days,
                fact.cash_session,
                counts=found.counts + 1,
                counted_minor=fact.counted_minor,
                counted_at_minor=found.moved_minor,
                foreign=_counted(found, fact),
            )
        case SessionClosed():
            return _session_closed(days, fact)
        case DayClosed():
            today = days.today
            return msgspec.structs.replace(
                days,
                open=tuple(day for day in days.open if day.day != fact.day),
                session="" if today is not None and today.day == fact.day else days.session,
                z_number=fact.number,
                z_epoch=epoch,
                z_seq=seq,
            )
    return days


def _begun(fact: DayOpened | SessionOpened) -> OpenSession:
    foreign = tuple(OpenForeign(one.currency, one.amount_minor) for one in fact.left_foreign)
    return OpenSession(
        fact.cash_session, fact.drawer, fact.operators, fact.left_minor, foreign=_in_order(foreign)
    )


def _opened(days: Days, fact: DayOpened, epoch: int, seq: int) -> Days:
    session = _begun(fact)
    day = OpenDay(fact.cash_session, fact.business_day, epoch, seq, (session,))
    return msgspec.structs.replace(
        days, open=(*days.open, day), session=fact.cash_session, last_day=fact.business_day
    )


def _session_closed(days: Days, fact: SessionClosed) -> Days:
    session = days.find(fact.cash_session)
    if session is None:
        return days
    left = dict(days.left) | {session.drawer: fact.left_minor}
    stays = tuple(ForeignAmount(one.currency, one.left_minor) for one in fact.foreign if one.left_minor)
    foreign = {drawer: kept for drawer, kept in days.left_foreign if drawer != session.drawer}
    if stays and not fact.next_session:
        foreign[session.drawer] = stays
    days = msgspec.structs.replace(
        days, left=tuple(sorted(left.items())), left_foreign=tuple(sorted(foreign.items()))
    )
    if fact.next_session:
        for one in stays:
            days = _foreign_moved(days, fact.next_session, one.currency, one.amount_minor, begins=True)
    return _changed(days, fact.cash_session, closed=True)


def _moved(days: Days, session: str, amount_minor: int) -> Days:
    found = days.find(session)
    return days if found is None else _changed(days, session, moved_minor=found.moved_minor + amount_minor)


def _foreign_moved(days: Days, session: str, currency: str, minor: int, *, begins: bool = False) -> Days:
    """More of another currency: it lay there as the session began, or it came or went."""
    found = days.find(session)
    if found is None or not minor:
        return days
    before = found.foreign_in(currency)
    after = (
        msgspec.structs.replace(before, begins_minor=before.begins_minor + minor)
        if begins
        else msgspec.structs.replace(before, moved_minor=before.moved_minor + minor)
    )
    return _changed(days, session, foreign=_with(found.foreign, after))


def _counted(session: OpenSession, fact: CashCounted) -> tuple[OpenForeign, ...]:
    foreign = session.foreign
    for one in fact.foreign:
        before = session.foreign_in(one.currency)
        counted = msgspec.structs.replace(
            before, counted_minor=one.counted_minor, counted_at_minor=before.moved_minor
        )
        foreign = _with(foreign, counted)
    return foreign


def _with(foreign: tuple[OpenForeign, ...], one: OpenForeign) -> tuple[OpenForeign, ...]:
    return _in_order((*(other for other in foreign if other.currency != one.currency), one))


def _in_order(foreign: tuple[OpenForeign, ...]) -> tuple[OpenForeign, ...]:
    return tuple(sorted(foreign, key=lambda one: one.currency))


def _changed(days: Days, session: str, **changes: object) -> Days:
    opened = tuple(
        msgspec.structs.replace(
            day,
            sessions=tuple(
                msgspec.structs.replace(one, **changes) if one.session == session else one
                for one in day.sessions
            ),
        )
        if any(one.session == session for one in day.sessions)
        else day
        for day in days.open
    )
    return msgspec.structs.replace(days, open=opened)
