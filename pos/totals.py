"""From a day's facts to its sums. The same facts give the same bytes, on whatever machine, and however often."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from pos.cart_facts import AgeRefused, CartAbandoned, CartParked, CartResumed
from pos.cash_facts import CashCounted, CashMoved, DayClosed, DayOpened, SessionClosed, SessionOpened
from pos.days import cash_of, foreign_of
from pos.domain.day_totals import (
    Book,
    CaseSum,
    Count,
    ForeignDrawer,
    ForeignSum,
    MovementSum,
    NumberRange,
    OperatorSum,
    SessionSum,
    TaxSum,
    TenderSum,
    Totals,
)
from pos.domain.drawer import Pieces
from pos.facts import Fact, Training
from pos.sale_facts import Sale, SaleLine
from pos.till_facts import DrawerOpenedFact, ReceiptCopied

__all__ = ["Placed", "canonical", "day_totals"]

Placed = tuple[int, Fact]
"""A fact and the epoch that it stands in."""

_VOUCHERS: Final = frozenset({"gift-card", "credit", "voucher"})


def canonical(totals: Totals) -> bytes:
    """The sums as JSON, one form for one content."""
    return msgspec.json.encode(totals)


def day_totals(placed: Iterable[Placed], day: str) -> Totals:
    """The sums of one business day; `placed` are facts in their order, from the one that opened `day` on.

    What names a cash session belongs to that session's day, wherever it stands; the rest to the day in which it
    stands. Facts after the day's closing change nothing.
    """
    fold = _Fold(day)
    for epoch, fact in placed:
        if isinstance(fact, DayClosed) and fact.day == day:
            break
        fold.take(epoch, fact)
    return fold.totals()


class _Fold:
    """One day, fact by fact."""

    def __init__(self, day: str) -> None:
        self._day = day
        self._here = False
        self._books: dict[str, _BookFold] = {}
        self._sessions: dict[str, _SessionFold] = {}
        self._cart_voids = Count()
        self._no_sales = self._copies = self._parked = self._resumed = self._age_refusals = 0

    def take(self, epoch: int, fact: Fact) -> None:
        match fact:
            case Sale():
                if fact.cash_session in self._sessions or (self._here and not fact.cash_session):
                    self._sale(epoch, fact)
                for name, cash in cash_of(fact).items():
                    if name in self._sessions:
                        self._sessions[name].cash += cash
                for (name, currency), minor in foreign_of(fact).items():
                    if name in self._sessions:
                        self._sessions[name].foreign.add(currency, amount=minor)
            case DayOpened():
                self._here = fact.cash_session == self._day
                if self._here:
                    self._open(fact)
            case SessionOpened():
                if fact.day == self._day:
                    self._open(fact)
            case CashMoved() | CashCounted() | SessionClosed():
                session = self._sessions.get(fact.cash_session)
                if session is not None:
                    session.take(fact)
                if isinstance(fact, SessionClosed) and fact.next_session in self._sessions:
                    self._sessions[fact.next_session].finds(fact)
            case _ if self._here:
                self._other(epoch, fact)

    def _open(self, fact: DayOpened | SessionOpened) -> None:
        self._sessions[fact.cash_session] = _SessionFold(fact)

    def _other(self, epoch: int, fact: Fact) -> None:
        """What belongs to the day in which it stands."""
        match fact:
            case CartAbandoned():
                lost = sum(line.pay_minor for line in fact.lines if line.voided_ms is None)
                self._cart_voids = Count(self._cart_voids.count + 1, self._cart_voids.amount_minor + lost)
            case CartParked():
                self._parked += 1
            case CartResumed():
                self._resumed += 1
            case DrawerOpenedFact():
                self._no_sales += not fact.cart_id
            case AgeRefused():
                self._age_refusals += 1
            case ReceiptCopied():
                self._copies += 1
            case Training():
                if isinstance(fact.fact, Sale):
                    self._book("training").sale(epoch, fact.fact)

    def _sale(self, epoch: int, sale: Sale) -> None:
        kind = "training" if sale.training else "demo" if sale.demo else ""
        self._book(kind).sale(epoch, sale)

    def _book(self, kind: str) -> "_BookFold":
        return self._books.setdefault(kind, _BookFold(kind))

    def totals(self) -> Totals:
        return Totals(
            books=tuple(self._books[kind].book() for kind in sorted(self._books)),
            sessions=tuple(session.sum() for session in self._sessions.values()),
            cart_voids=self._cart_voids,
            no_sales=self._no_sales,
            copies=self._copies,
            parked=self._parked,
            resumed=self._resumed,
            age_refusals=self._age_refusals,
        )


class _Counts:
    """Counts and amounts under a key."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, ...], list[int]] = {}

    def add(self, *key: str, amount: int, count: int = 1) -> None:
        found = self.sums.setdefault(key, [0, 0])
        found[0] += count
        found[1] += amount

    def of(self, *key: str) -> Count:
        return Count(*self.sums.get(key, (0, 0)))

    def sorted(self) -> list[tuple[tuple[str, ...], int, int]]:
        return [(key, count, amount) for key, (count, amount) in sorted(self.sums.items())]


class _BookFold:
    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._receipts = self._pieces = self._total = self._rounding = self._tips = 0
        self._retendered = 0
        self._numbers: dict[int, tuple[int, int]] = {}
        self._taxes: dict[tuple[str, int, Decimal], list[int]] = {}
        self._cases: dict[tuple[str, str, Decimal], int] = {}
        self._counts, self._tenders, self._foreign = _Counts(), _Counts(), _Counts()
        self._operators, self._discounts = _Counts(), _Counts()

    def sale(self, epoch: int, sale: Sale) -> None:
        self._receipts += 1
        self._pieces += sale.pieces
        self._total += sale.total_minor
        self._rounding += sale.rounding_minor
        self._tips += sale.tip_minor
        first, last = self._numbers.get(epoch, (sale.number, sale.number))
        self._numbers[epoch] = min(first, sale.number), max(last, sale.number)
        self._operators.add(sale.operator, amount=sale.total_minor)
        for tax in sale.taxes:
            sums = self._taxes.setdefault((tax.code, tax.key, tax.percent), [0, 0, 0])
            sums[0] += tax.gross_minor
            sums[1] += tax.net_minor
            sums[2] += tax.vat_minor
        for line in sale.lines:
            self._line(line)
        for tender in sale.tenders:
            self._tenders.add(tender.kind, tender.currency, amount=tender.amount_minor)
            if tender.foreign is not None:
                self._foreign.add(tender.foreign.currency, amount=tender.foreign.given_minor)
            if tender.kind in _VOUCHERS:
                self._counts.add("redeemed", amount=tender.amount_minor)
        for reference in sale.references:
            if reference.kind == "void":
                self._counts.add("voided", amount=sale.total_minor)
            elif reference.kind == "retender":
                self._retendered += 1

    def _line(self, line: SaleLine) -> None:
        if line.voided_ms is not None:
            self._counts.add("line-voids", amount=line.total_minor)
            return
        if line.kind == "open":
            return
        pay = line.pay_minor
        key = (line.case, line.tax, line.percent)
        self._cases[key] = self._cases.get(key, 0) + pay
        if line.kind == "return":
            self._counts.add("returns", amount=pay)
        elif line.kind == "deposit":
            self._counts.add("deposits" if line.qty > 0 else "empties", amount=pay)
        elif line.kind == "voucher":
            self._counts.add("vouchers-sold", amount=pay)
        for discount in line.discounts:
            self._discounts.add(discount.of or discount.source, amount=discount.amount_minor)

    def book(self) -> Book:
        of = self._counts.of
        return Book(
            self._kind,
            receipts=self._receipts,
            pieces=self._pieces,
            total_minor=self._total,
            rounding_minor=self._rounding,
            tips_minor=self._tips,
            numbers=tuple(NumberRange(epoch, *ends) for epoch, ends in sorted(self._numbers.items())),
            taxes=tuple(TaxSum(*key, *sums) for key, sums in sorted(self._taxes.items())),
            cases=tuple(CaseSum(*key, gross) for key, gross in sorted(self._cases.items())),
            tenders=tuple(
                TenderSum(key[0], key[1], count, amount) for key, count, amount in self._tenders.sorted()
            ),
            foreign=tuple(ForeignSum(key[0], count, amount) for key, count, amount in self._foreign.sorted()),
            operators=tuple(
                OperatorSum(key[0], count, amount) for key, count, amount in self._operators.sorted()
            ),
            discounts=tuple(
                (key[0], Count(count, amount)) for key, count, amount in self._discounts.sorted()
            ),
            line_voids=of("line-voids"),
            returns=of("returns"),
            deposits=of("deposits"),
            empties=of("empties"),
            vouchers_sold=of("vouchers-sold"),
            vouchers_redeemed=of("redeemed"),
            voided=of("voided"),
            retendered=self._retendered,
        )


class _SessionFold:
    def __init__(self, opened: DayOpened | SessionOpened) -> None:
        self._opened = opened
        self._float: int | None = None
        self._moves = _Counts()
        self._lifted = self._counts = 0
        self._bag = ""
        self._pieces: tuple[Pieces, ...] = ()
        self._closed: SessionClosed | None = None
        self._found = {one.currency: one.amount_minor for one in opened.left_foreign}
        self.foreign = _Counts()
        self.cash = 0

    def finds(self, before: SessionClosed) -> None:
        """The session before ended, with what it leaves of other currencies."""
        for one in before.foreign:
            self._found[one.currency] = self._found.get(one.currency, 0) + one.left_minor

    def take(self, fact: CashMoved | CashCounted | SessionClosed) -> None:
        match fact:
            case CashCounted():
                self._counts += fact.complete
                self._pieces = fact.pieces
            case SessionClosed():
                self._closed = fact
            case CashMoved(kind="float"):
                self._float = fact.amount_minor
            case CashMoved(kind="lift"):
                self._lifted -= fact.amount_minor
                self._bag = fact.bag
            case CashMoved():
                self._moves.add(fact.currency, fact.kind, fact.reason, amount=fact.amount_minor)

    def sum(self) -> SessionSum:
        opened, closed = self._opened, self._closed
        begins = self._float if self._float is not None else opened.left_minor or 0
        moves = self._moved("")
        expected = begins + self.cash + sum(move.amount_minor for move in moves)
        session = SessionSum(
            opened.cash_session,
            opened.drawer,
            opened.operators,
            float_told=self._float is not None,
            float_minor=begins,
            cash_minor=self.cash,
            moves=moves,
            expected_minor=expected,
            counts=self._counts,
            pieces=self._pieces,
            lifted_minor=self._lifted,
            bag=self._bag,
            foreign=self._foreign(),
        )
        if closed is None:
            return session
        return msgspec.structs.replace(
            session,
            counted_minor=closed.counted_minor,
            difference_minor=closed.difference_minor,
            reason=closed.reason,
            approved=tuple(approval.by for approval in closed.approvals),
            left_minor=closed.left_minor,
            closed=True,
            bag=self._bag or closed.bag,
        )

    def _moved(self, currency: str) -> tuple[MovementSum, ...]:
        """What moved of one currency; empty for the till's own."""
        return tuple(
            MovementSum(key[1], key[2], count, amount)
            for key, count, amount in self._moves.sorted()
            if key[0] == currency
        )

    def _foreign(self) -> tuple[ForeignDrawer, ...]:
        came = {key[0]: minor for key, _, minor in self.foreign.sorted()}
        ends = {one.currency: one for one in self._closed.foreign} if self._closed is not None else None
        drawers = []
        moved = {key[0] for key in self._moves.sums if key[0]}
        for currency in sorted(moved | (came.keys() | self._found.keys() if ends is None else ends.keys())):
            begins, sales = self._found.get(currency, 0), came.get(currency, 0)
            moves = self._moved(currency)
            expected = begins + sales + sum(move.amount_minor for move in moves)
            drawer = ForeignDrawer(currency, begins, sales, expected, moves=moves)
            end = ends.get(currency) if ends is not None else None
            if end is not None:
                drawer = msgspec.structs.replace(
                    drawer,
                    pieces=end.pieces,
                    counted_minor=end.counted_minor,
                    difference_minor=end.difference_minor,
                    lifted_minor=end.lifted_minor,
                    left_minor=end.left_minor,
                )
            if drawer != ForeignDrawer(currency):
                drawers.append(drawer)
        return tuple(drawers)
