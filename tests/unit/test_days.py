"""A day's sums: a seeded slice of random days, and that the rig notices what is wrong."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import pos.till.receipts.paid_with
import pos.till.tenders.refunds
import pos.till.tenders.retender
import pos.totals
from pos.cash_facts import DayClosed, DayOpened, SessionClosed
from pos.days import Days, follow_days
from pos.domain.drawer import Pieces, counted_minor, denominations, read_pieces
from pos.domain.foreign_cash import ForeignAmount, ForeignCount, ForeignEnd, read_foreign
from pos.domain.line import Discount
from pos.domain.tender import Foreign, Tender
from pos.sale_facts import Sale, SaleLine
from pos.totals import Placed
from tests.simulation.days import random_days
from tests.simulation.money_days import money_days
from tests.simulation.till_days import till_days


def test_random_days_add_up() -> None:
    report = random_days(1, 300)
    assert report.days == 300
    assert min(report.sales, report.returns, report.moves, report.refused) > 100


def test_random_days_at_the_till_add_up() -> None:
    assert till_days(1, 6) == 6


def test_random_days_of_money_at_the_till_leave_no_way_of_payment_wrong() -> None:
    assert money_days(1, 30) == 30


def _each_alone(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda shares, before, profile: original(shares, {}, profile)


def _voids_forgotten(original: Callable[..., Any]) -> Callable[..., Any]:
    def void(sale: Sale, *args: Any) -> Sale:
        made: Sale = msgspec.structs.replace(original(sale, *args), given_back=())
        return made

    return void


def _exchanges_forgotten(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sale: {}


@pytest.mark.parametrize(
    ("owner", "name", "make", "seed"),
    [
        (pos.till.tenders.refunds, "in_coins", _each_alone, 84),
        (pos.till.tenders.retender, "void_of", _voids_forgotten, 14),
        (pos.till.receipts.paid_with, "_traded", _exchanges_forgotten, 2),
    ],
)
def test_money_that_goes_back_wrong_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, make: Callable[..., Any], seed: int
) -> None:
    money_days(seed, 1)
    monkeypatch.setattr(owner, name, make(getattr(owner, name)))
    with pytest.raises(AssertionError):
        money_days(seed, 1)


def _no_rounding(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, epoch, sale: original(self, epoch, msgspec.structs.replace(sale, rounding_minor=0))


def _removed_lines_too(original: Callable[..., Any]) -> Callable[..., Any]:
    def line(self: Any, line: SaleLine) -> None:
        original(self, msgspec.structs.replace(line, voided_ms=None))

    return line


@pytest.mark.parametrize(
    ("owner", "name", "make"),
    [
        (pos.totals._BookFold, "sale", _no_rounding),
        (pos.totals._BookFold, "_line", _removed_lines_too),
        (pos.totals, "cash_of", lambda _: lambda sale: {sale.cash_session: abs(sale.total_minor)}),
        (pos.totals, "foreign_of", lambda _: lambda sale: {}),
        (pos.totals._SessionFold, "take", lambda _: lambda self, fact: None),
    ],
)
def test_a_sum_that_is_wrong_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, make: Callable[..., Any]
) -> None:
    monkeypatch.setattr(owner, name, make(getattr(owner, name)))
    with pytest.raises(AssertionError):
        random_days(1, 20)


@pytest.mark.parametrize(
    ("typed", "pieces"),
    [
        ("3", ((5000, 3),)),
        ("0", ((5000, 0),)),
        ("3x50 2x0,20", ((5000, 3), (20, 2))),
        ("12*0.5", ((50, 12),)),
        ("3x49", None),
        ("-1", None),
        ("drei", None),
        ("", None),
        ("100000", None),
    ],
)
def test_pieces_are_read_as_one_types_them(typed: str, pieces: tuple[tuple[int, int], ...] | None) -> None:
    found = read_pieces(typed, 5000, denominations("EUR"))
    assert found == (None if pieces is None else tuple(Pieces(*entry) for entry in pieces))


@pytest.mark.parametrize(
    ("typed", "counted"),
    [
        ("250,00", ForeignCount("CHF", 25_000)),
        ("25000", ForeignCount("CHF", 25_000)),
        ("0", ForeignCount("CHF", 0)),
        ("2x100 1x50", ForeignCount("CHF", 25_000, (Pieces(10_000, 2), Pieces(5_000, 1)))),
        ("1x1000", ForeignCount("CHF", 100_000, (Pieces(100_000, 1),))),
        ("1x500", None),
        ("-5", None),
        ("viel", None),
        ("99999999,00", None),
    ],
)
def test_a_foreign_currency_is_counted_as_a_sum_or_by_its_pieces(
    typed: str, counted: ForeignCount | None
) -> None:
    assert read_foreign(typed, "CHF", digits_are_cents=True) == counted


def test_a_count_is_the_sum_of_its_pieces() -> None:
    assert counted_minor((Pieces(5000, 3), Pieces(20, 2))) == 15_040


def test_a_drawer_that_is_not_closed_leaves_nothing_that_is_known() -> None:
    days = follow_days(Days(), DayOpened("2026-11-21", "1-2"), 1, 2)
    assert days.left_in(1) is None
    days = follow_days(days, SessionClosed("1-2", "2026-11-21", "1", 0, 0, 500, 500, 0, 300), 1, 5)
    assert days.left_in(1) == 300
    closed = DayClosed(1, "1-2", "2026-11-21", "1", 0, 0, 1, 2, 1, 5, totals=pos.totals.day_totals((), ""))
    after = follow_days(days, closed, 1, 6)
    assert (after.open, after.session, after.next_z(1), after.next_z(2)) == ((), "", 2, 1)


def _abroad(currency: str, given: int, session: str = "1-2") -> Sale:
    tender = Tender("foreign", given, given, foreign=Foreign(currency, given, Decimal(1)))
    return Sale(
        "c", 1, "2026-11-21", session, "1", 0, 0, 0, 0, (), (tender,), (), total_minor=given, pieces=1
    )


def _end(*foreign: ForeignEnd, session: str = "1-2", after: str = "") -> SessionClosed:
    return SessionClosed(session, "2026-11-21", "1", 0, 0, 0, 0, 0, 0, foreign=foreign, next_session=after)


def test_other_currencies_are_expected_each_by_itself_and_what_is_left_is_found_again() -> None:
    days = follow_days(Days(), DayOpened("2026-11-21", "1-2"), 1, 2)
    for seq, sale in enumerate((_abroad("CHF", 5_000), _abroad("USD", 300), _abroad("CHF", -1_000)), start=3):
        days = follow_days(days, sale, 1, seq)
    session = days.find("1-2")
    assert session is not None
    assert [(one.currency, one.expected_minor) for one in session.foreign] == [("CHF", 4_000), ("USD", 300)]
    days = follow_days(days, _end(ForeignEnd("CHF", 4_000, None, 0, left_minor=4_000)), 1, 6)
    assert days.foreign_left_in(1) == (ForeignAmount("CHF", 4_000),)
    opened = DayOpened("2026-11-22", "1-7", left_minor=0, left_foreign=days.foreign_left_in(1))
    found = follow_days(days, opened, 1, 7).find("1-7")
    assert found is not None
    assert found.foreign_in("CHF").expected_minor == 4_000


def test_what_an_older_session_leaves_of_a_currency_is_found_by_the_one_that_went_on() -> None:
    left = _end(ForeignEnd("CHF", 5_000, 5_000, 0, left_minor=5_000, since_minor=200), after="1-7")
    placed: list[Placed] = [
        (1, DayOpened("2026-11-21", "1-2")),
        (1, _abroad("CHF", 5_000)),
        (1, DayOpened("2026-11-22", "1-7")),
        (1, _abroad("CHF", 200, "1-7")),
        (1, left),
    ]
    (drawer,) = pos.totals.day_totals(placed[2:], "1-7").sessions[0].foreign
    assert (drawer.begins_minor, drawer.sales_minor, drawer.expected_minor) == (5_000, 200, 5_200)
    days = Days()
    for seq, (epoch, fact) in enumerate(placed, start=2):
        days = follow_days(days, fact, epoch, seq)
    later = days.find("1-7")
    assert later is not None
    assert later.foreign_in("CHF").expected_minor == 5_200


def test_a_session_that_was_closed_before_currencies_were_counted_means_what_it_meant() -> None:
    placed: list[Placed] = [(1, DayOpened("2026-11-21", "1-2")), (1, _abroad("CHF", 5_000)), (1, _end())]
    (session,) = pos.totals.day_totals(placed, "1-2").sessions
    assert session.foreign == ()
    assert b"foreign" not in msgspec.json.encode(session)


def test_what_a_return_takes_back_of_a_promotion_stands_with_the_promotion_and_old_facts_stay_as_they_were() -> (
    None
):
    def sale(*discounts: Discount, sign: int) -> Sale:
        line = SaleLine(
            1,
            "Joghurt",
            59,
            59 * sign,
            "B",
            Decimal(7),
            0,
            qty=Decimal(sign),
            kind="return",
            discounts=discounts,
        )
        return Sale("c", 1, "2026-11-21", "1-2", "1", 0, 0, 0, 0, (line,), (), (), total_minor=0, pieces=1)

    opened = (1, DayOpened("2026-11-21", "1-2"))
    given = (1, sale(Discount("p", "Aktion", 20, source="promotion"), sign=1))
    now = (1, sale(Discount("origin", "", -20, of="promotion"), sign=-1))
    then = (1, sale(Discount("origin", "", -20), sign=-1))
    (book,) = pos.totals.day_totals((opened, given, now), "1-2").books
    assert [(name, sums.amount_minor) for name, sums in book.discounts] == [("promotion", 0)]
    (book,) = pos.totals.day_totals((opened, given, then), "1-2").books
    assert [(name, sums.amount_minor) for name, sums in book.discounts] == [("", -20), ("promotion", 20)]


def test_what_names_another_days_session_is_not_this_days() -> None:
    sale = Sale("c", 1, "2026-11-21", "1-2", "1", 0, 0, 0, 0, (), (), (), total_minor=100, pieces=1)
    placed: list[Placed] = [
        (1, DayOpened("2026-11-21", "1-2")),
        (1, DayOpened("2026-11-22", "1-3")),
        (1, sale),
    ]
    assert pos.totals.day_totals(placed, "1-2").books[0].total_minor == 100
    assert pos.totals.day_totals(placed[1:], "1-3").books == ()
