"""Facts of business days, cash sessions and the drawer; the stored form is that of pos.facts."""

import msgspec

from pos.domain.day_totals import Totals
from pos.domain.drawer import Pieces
from pos.domain.foreign_cash import ForeignAmount, ForeignCount, ForeignEnd
from pos.domain.rights import Approval

__all__ = [
    "CashCounted",
    "CashMoved",
    "DayClosed",
    "DayOpened",
    "SessionClosed",
    "SessionOpened",
    "SessionTaken",
]


class DayOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business day began, and its first cash session; declared here, never computed from a clock later.

    The day is known by the id of that session. The rest is as in SessionOpened.
    """

    business_day: str
    cash_session: str
    by: str = "auto"
    clock_doubt: str = ""
    drawer: int = 1
    operators: tuple[str, ...] = ()
    left_minor: int | None = None
    left_foreign: tuple[ForeignAmount, ...] = ()


class SessionOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """A further cash session of the day `day` began, and the till goes on with it: `drawer`, its `operators` (none: all).

    `left_minor` is what the drawer's last session left in it, where that is known: its float until somebody counts.
    `left_foreign` is the same of other currencies.
    """

    cash_session: str
    day: str
    business_day: str
    operator: str
    opened_ms: int
    offset_min: int
    drawer: int = 1
    operators: tuple[str, ...] = ()
    left_minor: int | None = None
    left_foreign: tuple[ForeignAmount, ...] = ()


class SessionTaken(msgspec.Struct, frozen=True, omit_defaults=True):
    """The till goes on with another cash session that is open: inserts were swapped, or the operators changed."""

    cash_session: str
    operator: str
    taken_ms: int
    offset_min: int


class CashMoved(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cash came into a session's drawer or left it without a sale. `amount_minor` is positive for what came.

    `kind` is one of pos.domain.drawer.MOVEMENTS; a "float" says what lies there as the session begins, and the newest
    one holds. `case` is the business case (GV_TYP), `bag` the number of the bag it was put in. `currency` is empty for
    the till's own; of another one `amount_minor` counts its minor units, and none of it is in the till's own cash.
    """

    cash_session: str
    business_day: str
    operator: str
    moved_ms: int
    offset_min: int
    kind: str
    amount_minor: int
    reason: str = ""
    note: str = ""
    bag: str = ""
    case: str = ""
    approvals: tuple[Approval, ...] = ()
    currency: str = ""


class CashCounted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found in a session's drawer, blind. `complete` False: the count was given up, and this is how far it came.

    `recount` is 0 for the first count, then 1, 2 and so on. `foreign` is what was counted of other currencies.
    """

    cash_session: str
    operator: str
    counted_ms: int
    offset_min: int
    pieces: tuple[Pieces, ...]
    counted_minor: int
    complete: bool = True
    recount: int = 0
    foreign: tuple[ForeignCount, ...] = ()


class SessionClosed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cash session ended. `difference_minor` = counted - since - expected is booked by this fact (DifferenzSollIst).

    `counted_minor` None: closed without a count. `since_minor` is what later sessions had put into the same drawer
    before it was counted. `left_minor` stays in the drawer: what was counted (or expected), less what was lifted.
    `foreign` says the same of each other currency that was in the drawer; `bag` is the bag of what of it was lifted. What stays of
    it is found by the session `next_session`, where one has gone on with the drawer already.
    """

    cash_session: str
    business_day: str
    operator: str
    closed_ms: int
    offset_min: int
    expected_minor: int
    counted_minor: int | None
    difference_minor: int
    left_minor: int
    since_minor: int = 0
    reason: str = ""
    approvals: tuple[Approval, ...] = ()
    foreign: tuple[ForeignEnd, ...] = ()
    bag: str = ""
    next_session: str = ""


class DayClosed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The closing of a business day: the Z. `number` counts from 1 in each epoch, without gaps.

    It covers the facts from `first_epoch`, `first_seq` (the one that opened `day`) to `last_epoch`, `last_seq`, and
    whatever names one of the day's sessions. `totals` follow from those facts alone. `carried` are the parked carts
    that wait for another day.
    """

    number: int
    day: str
    business_day: str
    operator: str
    closed_ms: int
    offset_min: int
    first_epoch: int
    first_seq: int
    last_epoch: int
    last_seq: int
    totals: Totals
    carried: tuple[str, ...] = ()
    currency: str = "EUR"
    language: str = "de"
    software: str = ""
    approvals: tuple[Approval, ...] = ()
