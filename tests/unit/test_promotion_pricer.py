"""A cart priced scan by scan: the same answers as from the beginning, for less."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pos.domain.promotions import Book, Evaluated, Left, Pricer, Promotion, PromotionLine, Selection
from pos.domain.promotions.book import Case
from pos.domain.promotions.kinds import Tally
from tests.unit.promotion_samples import AN_AMOUNT, FRIDAY, off, pieces, row

USUAL: dict[str, Any] = {"moment": FRIDAY, "groups": (), "coupons": {}, "left": {}}


class CountingBook(Book):
    """Notes which lines it was asked to price."""

    def __init__(self, promotions: Sequence[Promotion]) -> None:
        super().__init__(promotions)
        self.priced: list[list[int]] = []

    def work(self, lines: Sequence[Any], case: Case) -> list[tuple[int, Tally]]:
        self.priced.append([line.n for line in lines])
        return super().work(lines, case)


def of_department(name: str, *departments: int, **fields: Any) -> Promotion:
    return row(name, **AN_AMOUNT, selection=Selection(departments=departments), **fields)


def scanned(book: Book, lines: Sequence[PromotionLine]) -> tuple[Pricer, Evaluated]:
    """Each line on its own; every answer is the book's."""
    pricer = Pricer(book)
    answer = Evaluated()
    for count in range(1, len(lines) + 1):
        answer = pricer.evaluate(lines[:count], **USUAL)
        assert answer == Book(book.promotions).evaluate(lines[:count], **USUAL)
    return pricer, answer


def test_a_scan_prices_only_the_lines_that_share_promotions_with_it() -> None:
    book = CountingBook([of_department("a", 1), of_department("b", 2), of_department("c", 9, 8)])
    scanned(book, [pieces(n, 100, department=department) for n, department in enumerate((1, 2, 1, 5, 2), 1)])
    assert book.priced == [[1], [2], [1, 3], [2, 5]]


def test_a_line_under_two_promotions_joins_what_each_of_them_has() -> None:
    both = row("c", **AN_AMOUNT, selection=Selection(skus=("A1", "A2", "A4")), combinable=True, per_sale=1)
    book = CountingBook([of_department("a", 1, priority=1, combinable=True), of_department("b", 2), both])
    lines = [
        pieces(1, 100, department=1, sku="X"),
        pieces(2, 200, department=2, sku="Y"),
        pieces(3, 300, department=1, sku="A1"),
        pieces(4, 400, department=2, sku="A2"),
        pieces(5, 500, department=1, sku="X"),
    ]
    _, answer = scanned(book, lines)
    assert book.priced == [[1], [2], [1, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]]
    # a: 10 off 1, 3, 5; b: 10 off 2, 4, which closes them; c: once off the best of A1, A2 that is open: 3.
    assert off(answer) == {1: 10, 2: 10, 3: 20, 4: 10, 5: 10}


def test_promotions_stay_in_their_order_though_islands_were_priced_apart() -> None:
    book = Book([of_department("a", 2), of_department("b", 1)])
    _, answer = scanned(book, [pieces(1, 100, department=1), pieces(2, 100, department=2)])
    assert [made.promotion for made in answer.applications] == ["a", "b"]


def test_a_scan_that_no_promotion_reaches_changes_nothing() -> None:
    pricer, answer = scanned(Book([of_department("a", 1)]), [pieces(1, 100, department=1)])
    assert pricer.evaluate([pieces(1, 100, department=1), pieces(2, 100, department=7)], **USUAL) is answer


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"coupons": {"C": 1}}, {1: 20}),
        ({"groups": ("staff",)}, {1: 30}),
        ({"left": {"a": Left(uses=0)}}, {}),
        ({"moment": FRIDAY + dt.timedelta(days=1)}, {1: 50}),
    ],
)
def test_what_stands_around_the_cart_may_change(change: Mapping[str, Any], found: Mapping[int, int]) -> None:
    rows = [
        of_department("a", 1, combinable=True),
        of_department("b", 1, coupon="C", combinable=True),
        row("c", kind="amount", amount_minor=20, groups=("staff",), combinable=True),
        row("d", kind="amount", amount_minor=40, weekdays=(6,), combinable=True),
    ]
    pricer, answer = scanned(Book(rows), [pieces(1, 100, department=1)])
    assert off(answer) == {1: 10}
    lines = [pieces(1, 100, department=1)]
    assert off(pricer.evaluate(lines, **(USUAL | dict(change)))) == found
    assert pricer.evaluate(lines, **USUAL) == answer


def test_budgets_that_the_caller_changes_in_place_are_seen() -> None:
    left = {"a": Left(uses=1)}
    pricer = Pricer(Book([of_department("a", 1)]))
    lines = [pieces(1, 100, department=1)]
    assert off(pricer.evaluate(lines, **(USUAL | {"left": left}))) == {1: 10}
    left["a"] = Left(uses=0)
    assert off(pricer.evaluate(lines, **(USUAL | {"left": left}))) == {}


def test_a_line_that_left_or_changed_or_came_before_the_last_is_seen() -> None:
    book = Book([of_department("a", 1, per_sale=1)])
    one, two, three = (pieces(n, 100 * n, department=1) for n in (1, 2, 3))
    pricer, answer = scanned(book, [one, two, three])
    assert off(answer) == {3: 10}
    assert off(pricer.evaluate([one, two], **USUAL)) == {2: 10}
    assert off(pricer.evaluate([one, pieces(2, 5, department=1)], **USUAL)) == {1: 10}
    assert off(pricer.evaluate([three, one], **USUAL)) == {3: 10}
    assert off(pricer.evaluate([three, one, two], **USUAL)) == {3: 10}
    assert pricer.evaluate([], **USUAL) == Evaluated()


def test_a_number_given_twice_is_refused_scan_by_scan_too() -> None:
    line = pieces(1, 100, department=1)
    pricer, answer = scanned(Book([of_department("a", 1)]), [line])
    with pytest.raises(ValueError, match="line number is given twice"):
        pricer.evaluate([line, line], **USUAL)
    assert pricer.evaluate([line], **USUAL) == answer
