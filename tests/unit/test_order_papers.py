"""Papers about orders as they stand on narrow paper: amounts and measures in its language, titles in the middle, nothing empty."""

import datetime as dt
from decimal import Decimal

import pytest

from pos.domain.document import Document
from pos.domain.pickup import Fulfillment, FulfillmentLine, Order, OrderLine
from pos.order_facts import OrderHandedOver
from pos.till.orders.paper import bag_label, order_slip, parcel_label, pick_list, slip

_LINES = (
    OrderLine(1, "S1", "Bio-Vollmilch 3,8 % 1 l", Decimal(12), 1668, "4000000000013"),
    OrderLine(2, "W7", "Elstar", Decimal("1.250"), 249, unit="kg"),
)
_TASK = Fulfillment("f", "demo", "picking", tuple(FulfillmentLine(one.n, one.qty) for one in _LINES))
_ORDER = Order("o", "demo", 7, "JQBFEHB", "in_store", "open", 1, _LINES, (_TASK,), 1917, 0, 1917)
_FACT = OrderHandedOver("o", "f", 7, "2026-12-01", "1", 0, 60, (), 0)


@pytest.mark.parametrize(("language", "weight"), [("de", "1,250 kg"), ("en", "1.250 kg")])
def test_weights_stand_on_every_paper_as_its_language_writes_them(language: str, weight: str) -> None:
    day = dt.date(2026, 12, 1)
    assert f"{weight} x Elstar" in lefts(order_slip(_ORDER, 0, language, paid=False, day=day))
    picked = pick_list(_ORDER, _TASK, language)
    assert {row.left: row.right for row in picked.rows}["[ ] Elstar"] == weight
    assert "4000000000013" in lefts(picked)


def test_each_paper_has_its_title_large_in_the_middle_and_a_bag_its_shelf() -> None:
    titled = (
        bag_label(7, "Milch", "A4", "de"),
        order_slip(_ORDER, 0, "de", paid=True),
        parcel_label(7, "", "", "", "de"),
        pick_list(_ORDER, _TASK, "de"),
        slip(_ORDER, _FACT, 0, {}, "de"),
    )
    assert {paper.rows[0].style for paper in titled} == {"mark"}
    assert {row.left: row.style for row in titled[0].rows}["Fach A4"] == "mark"


def test_a_parcel_says_its_carrier_and_its_number_each_in_a_row_and_nothing_where_there_is_none() -> None:
    label = parcel_label(7, "Deutsche Post DHL", "00340434161094042557", "", "de")
    assert lefts(label) == ["Paket 7", "Deutsche Post DHL", "00340434161094042557", "00340434161094042557"]
    assert lefts(parcel_label(7, "", "", "", "de")) == ["Paket 7"]


def lefts(paper: Document) -> list[str]:
    return [row.left for row in paper.rows]
