"""Promotions as rows: read, written, and refused with a sentence."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pos.domain.promotions import Part, Promotion, Selection
from tests.unit.promotion_samples import AN_AMOUNT


def test_a_row_is_read_from_json_and_toml_and_goes_back_unchanged() -> None:
    text = """
id = "menu"
text = "Mittagsmenü"
kind = "mix"
price_minor = 700
weekdays = [1, 2, 3, 4, 5]
time_from = 11:00:00
time_to = 14:30:00
valid_from = 2026-01-01
parts = [{ count = 1, selection = { departments = [1] } }, { count = 2, selection = { skus = ["A2"] } }]
"""
    menu = msgspec.toml.decode(text, type=Promotion)
    assert menu.parts == (Part(1, Selection(departments=(1,))), Part(2, Selection(skus=("A2",))))
    assert menu.time_to == dt.time(14, 30)
    assert msgspec.json.decode(msgspec.json.encode(menu), type=Promotion) == menu
    tenth = msgspec.json.decode('{"id":"p","text":"t","kind":"percent","percent":33.3}', type=Promotion)
    assert tenth.percent == Decimal("33.3")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"id": ""}, "id is not 1 to 64"),
        ({"id": "x" * 65}, "id is not 1 to 64"),
        ({"text": "a\nb"}, "text is not 1 to 200"),
        ({"text": ""}, "text is not 1 to 200"),
        ({"kind": "gift"}, "kind 'gift' is none of percent, amount"),
        ({"amount_minor": None}, "amount needs amount_minor"),
        ({"percent": Decimal(5)}, "amount has no percent"),
        ({"parts": (Part(1),)}, "amount has no parts"),
        ({"each": True}, "each belongs to a threshold"),
        ({"amount_minor": 0}, "amount_minor is 1 to"),
        ({"amount_minor": 100_000_000}, "amount_minor is 1 to 99999999"),
        ({"kind": "percent", "amount_minor": None, "percent": Decimal(0)}, "percent is above 0"),
        ({"kind": "percent", "amount_minor": None, "percent": Decimal("100.01")}, "percent is above 0"),
        ({"kind": "percent", "amount_minor": None, "percent": Decimal("1.00001")}, "percent is above 0"),
        ({"kind": "percent", "amount_minor": None, "percent": Decimal("NaN")}, "percent is above 0"),
        ({"kind": "fixed-price", "amount_minor": None, "price_minor": -1}, "price_minor is 0 to"),
        ({"kind": "n-for-m", "amount_minor": None, "n": 3}, "n-for-m needs m"),
        ({"kind": "n-for-m", "amount_minor": None, "n": 3, "m": 3}, "m is 0 or more and below n"),
        ({"kind": "n-for-m", "amount_minor": None, "n": 3, "m": -1}, "m is 0 or more and below n"),
        ({"kind": "n-for-price", "amount_minor": None, "n": 0, "price_minor": 5}, "n is at least 1"),
        (
            {"kind": "n-for-price", "amount_minor": None, "n": 2, "m": 1, "price_minor": 5},
            "n-for-price has no m",
        ),
        ({"kind": "mix"}, "mix needs parts"),
        ({"kind": "mix", "parts": (Part(1),), "price_minor": 5}, "mix needs exactly one of"),
        ({"kind": "mix", "parts": (Part(1),), "amount_minor": None}, "mix needs exactly one of"),
        ({"kind": "threshold"}, "threshold needs min_minor"),
        ({"kind": "threshold", "min_minor": 0}, "min_minor is 1 to"),
        ({"kind": "threshold", "min_minor": 5, "amount_minor": None}, "threshold needs exactly one of"),
        ({"kind": "threshold", "min_minor": 5, "price_minor": 5}, "threshold has no price_minor"),
        (
            {
                "kind": "threshold",
                "min_minor": 5,
                "amount_minor": None,
                "percent": Decimal(5),
                "each": True,
            },
            "each belongs to a threshold with amount_minor",
        ),
        (
            {"valid_from": dt.date(2026, 2, 1), "valid_to": dt.date(2026, 1, 31)},
            "valid_to 2026-01-31 is before",
        ),
        ({"weekdays": (0,)}, "weekdays are 1"),
        ({"weekdays": (8,)}, "weekdays are 1"),
        ({"weekdays": (1, 1)}, "weekdays are 1"),
        ({"time_from": dt.time(1)}, "time_from and time_to are given together"),
        ({"time_to": dt.time(1)}, "time_from and time_to are given together"),
        ({"time_from": dt.time(1), "time_to": dt.time(2, tzinfo=dt.UTC)}, "without a zone"),
        ({"per_sale": -1}, "per_sale is not below 0"),
        ({"per_coupon": -1, "coupon": "C"}, "per_coupon is not below 0"),
        ({"per_coupon": 1}, "per_coupon needs a coupon"),
        ({"coupon": "a\tb"}, "coupon is not printable"),
        ({"budget_uses": -1}, "budget_uses is not below 0"),
        ({"budget_minor": -1}, "budget_minor is not below 0"),
        ({"groups": ("",)}, "a group has an empty name"),
    ],
)
def test_a_row_that_could_never_be_meant_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Promotion(**({"id": "P", "text": "Aktion", **AN_AMOUNT} | fields))


def test_a_part_and_a_selection_are_refused_too() -> None:
    with pytest.raises(ValueError, match="counts at least 1 piece, not 0"):
        Part(0)
    with pytest.raises(ValueError, match="names an empty sku"):
        Selection(without_skus=("A", ""))


@pytest.mark.parametrize(
    "record",
    [
        '{"id":"p","text":"t","kind":"amount","amount_minor":1,"colour":"red"}',
        '{"id":"p","text":"t","kind":"amount","amount_minor":1,"selection":{"brand":["x"]}}',
        '{"id":"p","text":"t","kind":"mix","price_minor":1,"parts":[{"count":1,"sku":"x"}]}',
        '{"id":"p","text":"t","kind":"amount","amount_minor":0}',
        '{"id":"p","text":"t","kind":"gift"}',
    ],
)
def test_a_record_with_unknown_or_impossible_fields_is_refused(record: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(record, type=Promotion)
