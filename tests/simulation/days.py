"""Random business days: sales, returns, discounts, rounding and cash movements, held to a plain second accounting.

What is written is made by the till's own functions; what it comes to is added up here line by line, without them. Each
fact goes through its stored bytes. Lines = receipt = X = Z = journal, and no drawer ever holds less than nothing.
"""

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec

from pos.cash_facts import CashMoved, DayClosed, DayOpened, SessionClosed, SessionOpened
from pos.days import Days, OpenForeign, OpenSession, follow_days
from pos.domain.cart import Mark, cart_of
from pos.domain.day_totals import Totals
from pos.domain.foreign_cash import ForeignEnd
from pos.domain.line import Discount, Line
from pos.domain.money import round_minor
from pos.domain.rounding import PROFILES, cash_due
from pos.domain.tender import Foreign, Tender
from pos.facts import Fact, body_of, decode_fact, kind_of
from pos.sale_facts import Sale
from pos.till.settlement import SaleContext, sale_of
from pos.totals import canonical, day_totals

__all__ = ["Report", "random_day", "random_days"]

_TAXES = (("A", Decimal(19), 1), ("B", Decimal(7), 2), ("E", Decimal(0), 5))
_TENDERS = ("cash", "cash", "card-manual", "gift-card", "foreign")
_RATES = {"CHF": Decimal("1.06"), "USD": Decimal("0.8731")}
_MARK = Mark(0, "1")


class Report(msgspec.Struct):
    """What was done."""

    days: int = 0
    sales: int = 0
    returns: int = 0
    moves: int = 0
    refused: int = 0


class _Ledger:
    """The second accounting: sums of what was decided, kept beside the facts."""

    def __init__(self) -> None:
        self.total = self.rounding = self.discounts = self.returns = 0
        self.tax: Counter[str] = Counter()
        self.tender: Counter[str] = Counter()
        self.drawer: Counter[str] = Counter()
        self.float: dict[str, int] = {}
        self.moved: Counter[str] = Counter()
        self.abroad: Counter[tuple[str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()


class _Day:
    def __init__(self, rng: random.Random, report: Report, start_seq: int) -> None:
        self._rng = rng
        self._report = report
        self._books = _Ledger()
        self._profile = PROFILES[rng.choice(("off", "CH"))]
        self._number = 1
        self.placed: list[tuple[int, Fact]] = []
        self.days = Days()
        self._seq = start_seq

    def write(self, fact: Fact) -> None:
        """As the journal would keep it, and give it back."""
        kind, version = kind_of(fact)
        kept = decode_fact(kind, version, body_of(fact))
        assert kept == fact, "a fact comes back as it was"
        self._seq += 1
        self.days = follow_days(self.days, fact, 1, self._seq)
        self.placed.append((1, fact))

    @property
    def _session(self) -> OpenSession:
        session = self.days.current
        assert session is not None
        return session

    def run(self) -> None:
        rng = self._rng
        day = f"1-{self._seq + 1}"
        self.write(DayOpened("2026-11-21", day, left_minor=rng.choice((None, 5_000))))
        self._float()
        for _ in range(rng.randrange(2, 14)):
            rng.choices((self._sale, self._return, self._move, self._swap), (8, 2, 3, 1))[0]()
            session = self._session
            assert session.expected_minor >= 0, "a drawer holds less than nothing"
        self._check(day_totals(self.placed, day), closed=False)
        self._close(day)

    def _float(self) -> None:
        if self._rng.random() < 0.8:
            amount = self._rng.randrange(0, 30_000, 5)
            self._books.float[self._session.session] = amount
            self._moves("float", amount)
        else:
            self._books.float[self._session.session] = self._session.left_minor or 0

    def _moves(self, kind: str, amount: int, reason: str = "", currency: str = "") -> None:
        session = self._session.session
        moved = CashMoved(
            session, "2026-11-21", "1", 0, 60, kind, amount, reason, case="Geldtransit", currency=currency
        )
        self.write(moved)

    def _lines(self, sign: int) -> tuple[Line, ...]:
        rng, lines = self._rng, []
        for n in range(1, rng.randrange(2, 6)):
            code, percent, key = rng.choice(_TAXES)
            quantity = Decimal(rng.choice(("1", "1", "2", "0.842", "3"))) * sign
            unit = rng.randrange(1, 5_000)
            total = round_minor(quantity * unit)
            discounts: tuple[Discount, ...] = ()
            if total and rng.random() < 0.3:
                off = sign * rng.randrange(0, abs(total) + 1)
                discounts = (Discount("10", "Rabatt", off, source=rng.choice(("manual", "promotion"))),)
            voided = _MARK if sign > 0 and rng.random() < 0.1 else None
            kind = "return" if sign < 0 else "article"
            line = Line(
                n, kind, "x", quantity, unit, total, _MARK, tax_code=code, tax_percent=percent, tax_key=key
            )
            lines.append(msgspec.structs.replace(line, discounts=discounts, voided=voided))
        return tuple(lines)

    def _pay(self, lines: tuple[Line, ...], sign: int) -> None:
        rng, books = self._rng, self._books
        live = [line for line in lines if line.voided is None]
        total = sum(line.total_minor - sum(d.amount_minor for d in line.discounts) for line in live)
        parts = [("cash", total)] if sign < 0 or rng.random() < 0.6 else self._split(total)
        rounding, tenders = 0, []
        for kind, part in parts:
            paid = part
            if kind == "cash":
                paid, difference = cash_due(part, self._profile)
                rounding += difference
            tenders.append(self._foreign(paid) if kind == "foreign" else Tender(kind, paid, paid))
        cash = sum(tender.amount_minor for tender in tenders if tender.kind == "cash")
        if self._session.expected_minor + cash < 0:  # no drawer gives what is not in it
            self._report.refused += 1
            return
        cart = cart_of(f"c{self._number}", 0, "1", lines)
        context = SaleContext(
            self._number,
            "2026-11-21",
            self._session.session,
            "1",
            0,
            0,
            60,
            "EUR",
            "",
            "de",
            False,
            "sim",
            rounding_minor=rounding,
        )
        sale = sale_of(cart, tuple(tenders), context)
        assert sale.total_minor == total, "lines = receipt"
        self._number += 1
        self.write(sale)
        books.total += total
        books.rounding += rounding
        for tender in tenders:
            books.tender[tender.kind] += tender.amount_minor
        books.drawer[self._session.session] += cash
        for tender in tenders:
            if tender.foreign is not None:
                books.abroad[self._session.session, tender.foreign.currency] += tender.foreign.given_minor
        for line in live:
            books.tax[line.tax_code] += line.total_minor - sum(d.amount_minor for d in line.discounts)
            books.discounts += sum(d.amount_minor for d in line.discounts)
            if line.kind == "return":
                books.returns += line.total_minor - sum(d.amount_minor for d in line.discounts)
        self._report.sales += sign > 0
        self._report.returns += sign < 0

    def _split(self, total: int) -> list[tuple[str, int]]:
        first = self._rng.randrange(0, total + 1) if total > 0 else total
        kinds = self._rng.sample(sorted(set(_TENDERS)), 2)
        return [(kinds[0], first), (kinds[1], total - first)]

    def _foreign(self, worth: int) -> Tender:
        currency = self._rng.choice(sorted(_RATES))
        given = round_minor(worth / _RATES[currency])
        return Tender("foreign", worth, worth, foreign=Foreign(currency, given, _RATES[currency]))

    def _sale(self) -> None:
        self._pay(self._lines(1), 1)

    def _return(self) -> None:
        self._pay(self._lines(-1), -1)

    def _move(self) -> None:
        lying = [one for one in self._session.foreign if one.expected_minor > 0]
        if lying and self._rng.random() < 0.3:
            self._drop_abroad(self._rng.choice(lying))
            return
        kind = self._rng.choice(("pay-in", "pay-out", "drop"))
        amount = self._rng.randrange(1, 20_000)
        if kind != "pay-in" and amount > self._session.expected_minor:
            self._report.refused += 1
            return
        signed = amount if kind == "pay-in" else -amount
        self._moves(kind, signed, "other")
        self._books.moved[self._session.session] += signed
        self._report.moves += 1

    def _drop_abroad(self, one: OpenForeign) -> None:
        amount = self._rng.randrange(1, one.expected_minor + 1)
        self._moves("drop", -amount, "safe", one.currency)
        self._books.abroad[self._session.session, one.currency] -= amount
        self._books.dropped[self._session.session, one.currency] -= amount
        self._report.moves += 1

    def _swap(self) -> None:
        session = f"1-{self._seq + 1}"
        today = self.days.today
        assert today is not None
        self.write(
            SessionOpened(session, today.day, "2026-11-21", "1", 0, 60, drawer=len(today.sessions) + 1)
        )
        self._float()

    def _close(self, day: str) -> None:
        today = self.days.today
        assert today is not None
        facts: list[Fact] = []
        for session in today.to_close:
            counted = max(0, session.expected_minor + self._rng.choice((0, 0, 0, -5, 100)))
            lifted = self._rng.randrange(0, counted + 1)
            if lifted:
                facts.append(
                    CashMoved(session.session, "2026-11-21", "1", 0, 60, "lift", -lifted, reason="safe")
                )
            difference = counted - session.expected_minor
            facts.append(
                SessionClosed(
                    session.session,
                    "2026-11-21",
                    "1",
                    0,
                    60,
                    session.expected_minor,
                    counted,
                    difference,
                    counted - lifted,
                    foreign=tuple(self._abroad(one) for one in session.foreign),
                )
            )
        totals = day_totals([*self.placed, *((1, fact) for fact in facts)], day)
        for fact in facts:
            self.write(fact)
        number = self.days.next_z(1)
        self.write(
            DayClosed(number, day, "2026-11-21", "1", 0, 60, 1, today.seq, 1, self._seq, totals=totals)
        )
        closed = self.placed[-1][1]
        assert isinstance(closed, DayClosed)
        self._check(closed.totals, closed=True)
        again = day_totals(self.placed, day)
        assert canonical(again) == canonical(closed.totals), "the Z is the fold of its facts"
        kept = msgspec.json.decode(canonical(again), type=Totals)
        assert canonical(kept) == canonical(again), "the Z comes back as it was"
        assert self.days.open == ()
        assert self.days.next_z(1) == number + 1

    def _abroad(self, one: OpenForeign) -> ForeignEnd:
        counted = max(0, one.expected_minor + self._rng.choice((0, 0, -5, 100)))
        lifted = self._rng.choice((counted, 0))
        return ForeignEnd(
            one.currency,
            one.expected_minor,
            counted,
            counted - one.expected_minor,
            lifted_minor=lifted,
            left_minor=counted - lifted,
        )

    def _check(self, totals: Totals, *, closed: bool) -> None:
        books = self._books
        sales = [fact for _, fact in self.placed if isinstance(fact, Sale)]
        if sales:
            (book,) = totals.books
            assert book.receipts == len(sales)
            assert book.total_minor == books.total, "receipts = Z"
            assert book.rounding_minor == books.rounding
            assert {t.code: t.gross_minor for t in book.taxes if t.gross_minor} == {
                code: gross for code, gross in books.tax.items() if gross
            }, "lines = Z by tax"
            assert all(t.net_minor + t.vat_minor == t.gross_minor for t in book.taxes)
            assert sum(case.gross_minor for case in book.cases) == books.total
            assert {t.kind: t.amount_minor for t in book.tenders} == dict(books.tender), "tenders = Z"
            assert sum(t.amount_minor for t in book.tenders) == books.total + books.rounding
            assert sum(count.amount_minor for _, count in book.discounts) == books.discounts
            assert book.returns.amount_minor == books.returns
            assert (book.numbers[0].first, book.numbers[0].last) == (1, len(sales)), "no number is missing"
            assert sum(one.total_minor for one in book.operators) == books.total
        for session in totals.sessions:
            expected = (
                books.float[session.session] + books.drawer[session.session] + books.moved[session.session]
            )
            assert session.expected_minor == expected, "the drawer = Z"
            assert session.closed == closed
            abroad = {one.currency: one for one in session.foreign}
            for (name, currency), given in books.abroad.items():
                if name == session.session and given:
                    shown = abroad.pop(currency, None)
                    assert shown is not None, "the drawer = Z in each currency"
                    assert shown.expected_minor == given, "the drawer = Z in each currency"
            assert not [one for one in abroad.values() if one.expected_minor], "no currency of nowhere"
            for one in session.foreign:
                dropped = sum(move.amount_minor for move in one.moves)
                assert dropped == books.dropped[session.session, one.currency], "drops = Z in each currency"
                assert one.expected_minor == one.begins_minor + one.sales_minor + dropped
            for one in session.foreign if closed else ():
                assert one.counted_minor == one.expected_minor + one.difference_minor
                assert one.left_minor + one.lifted_minor == one.counted_minor
            if closed:
                assert session.counted_minor == expected + session.difference_minor
                assert session.left_minor + session.lifted_minor == session.counted_minor


def random_day(seed: int, report: Report) -> None:
    """One day from a seed. Raises AssertionError."""
    rng = random.Random(seed)
    day = _Day(rng, report, rng.randrange(0, 1000))
    day.run()
    report.days += 1


def random_days(seed: int, count: int, progress: Callable[[int], None] = lambda _: None) -> Report:
    """`count` days, one seed each from `seed` on. Raises AssertionError with the seed of the day that failed."""
    report = Report()
    for number in range(seed, seed + count):
        try:
            random_day(number, report)
        except AssertionError as error:
            raise AssertionError(f"day {number}: {error}") from error
        if (number - seed + 1) % 100 == 0:
            progress(number - seed + 1)
    return report
