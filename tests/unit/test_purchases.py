"""What the hub tells of a purchase, as the till counts with it."""

from decimal import Decimal

from pos.domain.purchase import HowPaid, PaidBy, Purchase, PurchaseLine, how_paid, hub_counts, taken_by
from pos.domain.returns import Taken


def line(left: str, left_minor: int) -> Purchase:
    return Purchase("till", lines=(PurchaseLine(1, "x", Decimal(3), 100, Decimal(left), left_minor),))


def test_what_is_gone_is_what_was_bought_less_what_is_left() -> None:
    assert hub_counts(line("2", 67)) == {1: Taken(Decimal(1), 33)}


def test_more_that_came_back_than_was_bought_leaves_nothing_and_never_less() -> None:
    assert hub_counts(line("-1", -33)) == {1: Taken(Decimal(3), 100)}


def test_whoever_knows_of_more_that_is_gone_is_right_line_by_line() -> None:
    here = {1: Taken(Decimal(2), 66), 2: Taken(Decimal(1), 10)}
    hub = {1: Taken(Decimal(1), 33), 2: Taken(Decimal(1), 11), 3: Taken(Decimal(1), 5)}
    assert taken_by(here, hub) == {
        1: Taken(Decimal(2), 66),
        2: Taken(Decimal(1), 11),
        3: Taken(Decimal(1), 5),
    }


def test_payment_services_of_an_order_are_one_way_and_a_tills_tenders_stay_as_they_are() -> None:
    tenders = (
        PaidBy("a", "card", 500, 300, "p-1"),
        PaidBy("b", "card", 200, 200, "p-2"),
        PaidBy("till", "cash", 99, 99),
    )
    assert how_paid(tenders, "o1") == (
        HowPaid("prepaid", 500, "o1", "a, b"),
        HowPaid("cash", 99),
    )
    assert how_paid(tenders[:1], "") == (HowPaid("card", 300, "p-1"),)
