"""What a scanned code means, by the table of samples; and what holds for any text at all."""

import datetime as dt
import socket
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pos.domain import gs1
from pos.domain.scans import (
    LabelRule,
    Meaning,
    ScanKind,
    ScanTable,
    SlipRule,
    read_scan,
)
from tests.unit.scan_samples import (
    BOOK,
    CASE,
    GS,
    NONE,
    NOTHING,
    PAPER,
    PEN,
    SAMPLES,
    STORE_1,
    STORE_2,
    STORE_3,
    TODAY,
    Sample,
    full,
)

MEANT = ("key", "quantity", "unit", "price_minor", "best_before", "use_by", "batch", "serial", "addon")
few = settings(max_examples=150, deadline=None)


def read(raw: str, table: ScanTable = NONE) -> Meaning:
    return read_scan(raw, table, TODAY)


# The table


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_a_scan_means_what_the_specifications_say(sample: Sample) -> None:
    meaning = read(sample.raw, sample.table)
    assert meaning.kind in sample.kinds
    assert {name: getattr(meaning, name) for name in sample.fields} == sample.fields
    if meaning.kind is ScanKind.ARTICLE:  # what the code does not say must not be made up
        unsaid = {name: getattr(meaning, name) for name in MEANT if name not in sample.fields}
        assert not any(unsaid.values()), unsaid


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_what_is_no_code_names_no_article_and_what_is_shown_is_printable(sample: Sample) -> None:
    meaning = read(sample.raw, sample.table)
    assert meaning.text.isprintable()
    assert len(meaning.text) <= 80
    if meaning.kind in NOTHING:
        assert not any(getattr(meaning, name) for name in MEANT)


def test_the_samples_are_many_and_none_comes_twice() -> None:
    assert len(SAMPLES) >= 400
    assert len({(sample.raw, id(sample.table)) for sample in SAMPLES}) == len(SAMPLES)
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES)


def test_the_samples_own_numbers_are_the_published_ones() -> None:
    assert [full(code[:-1]) for code in (PEN, BOOK, PAPER, "96385074", "036000291452", CASE)] == [
        "4006381333931",
        "9783161484100",
        "9772049363002",
        "96385074",
        "036000291452",
        "15400141288763",
    ]


def test_an_address_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, opened)
    for sample in SAMPLES:
        read(sample.raw, sample.table)


@pytest.mark.parametrize("year", [1999, 2024, 2026, 2049, 2050, 2051, 2099])
def test_a_year_of_two_digits_is_at_most_49_years_back_and_50_ahead(year: int) -> None:
    for two in range(100):
        found = gs1.date_of(f"{two:02}0615", dt.date(year, 3, 15))
        assert found is not None
        assert found.year % 100 == two
        assert -49 <= found.year - year <= 50


# Any text


@few
@given(st.text(max_size=120), st.sampled_from([NONE, STORE_1, STORE_2, STORE_3]))
def test_no_text_upsets_the_reader(text: str, table: ScanTable) -> None:
    meaning = read(text, table)
    assert meaning.text.isprintable()


@few
@given(
    st.sampled_from(
        ["]C1", "]e0", "]d2", "]Q3", "]Q1", "]E0", "]E3", "]E4", "]X0", "]I1", "", "https://a/01/", GS]
    ),
    st.text("0123456789" + GS + "ABz/%?&=.#;]", max_size=60),
)
def test_no_text_behind_an_identifier_upsets_the_reader(identifier: str, text: str) -> None:
    assert read(identifier + text).text.isprintable()


@few
@given(
    st.text("0123456789", min_size=13, max_size=13),
    st.booleans(),
    st.sampled_from(["", "]E0", "]C0", "]Q1", "]X0"]),
    st.sampled_from([NONE, STORE_1, STORE_2, STORE_3]),
)
def test_thirteen_digits_sell_or_count_only_with_their_check_digit(
    digits: str, mended: bool, identifier: str, table: ScanTable
) -> None:
    digits = full(digits[:-1]) if mended else digits
    meaning = read(identifier + digits, table)
    if digits != full(digits[:-1]):
        assert meaning.kind is ScanKind.BROKEN
    if meaning.kind not in NOTHING:
        assert digits == full(digits[:-1])


@few
@given(
    st.integers(0, 9_999),
    st.integers(1, 99_999),
    st.integers(0, 9),
    st.sampled_from(STORE_1.label),
)
def test_a_label_is_read_with_the_one_right_inner_check_digit(
    item: int, value: int, inner: int, rule: LabelRule
) -> None:
    from biip.checksums import gs1_price_weight_check_digit

    meaning = read(full(f"{rule.prefix}{item:04}{inner}{value:05}"), STORE_1)
    if inner != gs1_price_weight_check_digit(f"{value:05}"):
        assert meaning.kind is ScanKind.BROKEN
    else:
        assert meaning.key == str(item)
        assert (meaning.price_minor == value) == (rule.value == "price")
        assert (meaning.quantity == value) == (rule.value == "count")
        assert (meaning.quantity == Decimal(value) / 1000) == (rule.value == "weight")


# Element strings

_SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


def _digits(low: int, high: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=low, max_size=high or low)


def _free(longest: int) -> st.SearchStrategy[str]:
    return st.text(_SET_82, min_size=1, max_size=longest)


_NO_GS_NEEDED = {
    "00": _digits(17).map(full),
    "01": _digits(13).map(full),
    "11": _digits(6),
    "15": _digits(6),
    "17": _digits(6),
    "20": _digits(2),
    "3103": _digits(6),
    "3152": _digits(6),
    "3370": _digits(6),
    "410": _digits(12).map(full),
}
_GS_NEEDED = {
    "10": _free(20),
    "21": _free(20),
    "22": _free(20),
    "235": _free(28),
    "240": _free(30),
    "30": _digits(1, 8),
    "3922": _digits(1, 15),
    "3932": _digits(4, 18),
    "400": _free(30),
    "422": _digits(3),
    "7003": _digits(10),
    "7040": st.text(_SET_82, min_size=4, max_size=4),
    "8005": _digits(6),
    "8112": _free(70),
    "91": _free(90),
}
_ELEMENTS = st.fixed_dictionaries({}, optional={**_NO_GS_NEEDED, **_GS_NEEDED}).filter(bool)


def _joined(elements: list[tuple[str, str]]) -> str:
    text = "".join(ai + value + ("" if ai in _NO_GS_NEEDED else GS) for ai, value in elements)
    return text.removesuffix(GS)


@few
@given(_ELEMENTS.flatmap(lambda found: st.permutations(list(found.items()))), st.booleans())
def test_elements_in_any_order_read_to_themselves_with_and_without_spare_separators(
    elements: list[tuple[str, str]], spare: bool
) -> None:
    text = GS + GS.join(ai + value for ai, value in elements) + GS if spare else _joined(elements)
    assert gs1.read_elements(text) == dict(elements)


@settings(few, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(st.tuples(_ELEMENTS, st.sampled_from(["", GS])), min_size=1, max_size=3))
def test_what_was_read_reads_to_the_same_when_joined_again(parts: list[tuple[dict[str, str], str]]) -> None:
    """Also where separators are missing, so that one value holds what was meant as the next element."""
    text = "".join(gap + gap.join(ai + value for ai, value in some.items()) for some, gap in parts)
    found = gs1.read_elements(text)
    assume(found is not None)
    assert found is not None
    assert gs1.read_elements(_joined(list(found.items()))) == found


# A table that cannot be meant


@pytest.mark.parametrize(
    "rule",
    [
        {"prefix": "28", "item_digits": 5, "value_digits": 4, "value": "price"},  # 12 digits
        {"prefix": "28", "item_digits": 5, "value_digits": 5, "value": "price", "inner_check": True},  # 14
        {"prefix": "2A", "item_digits": 5, "value_digits": 5, "value": "price"},
        {"prefix": "", "item_digits": 7, "value_digits": 5, "value": "price"},
        {"prefix": "28", "item_digits": 5, "value_digits": 5, "value": "colour"},
        {"prefix": "28", "item_digits": 5, "value_digits": 5, "value": "price", "lookup": "name"},
        {"prefix": "28", "item_digits": 3, "value_digits": 6, "value": "price", "inner_check": True},
        {"prefix": "28", "item_digits": 5, "value_digits": 5, "value": "price", "decimals": 6},
        {"prefix": "28", "item_digits": 10, "value_digits": 0, "value": "price"},
    ],
)
def test_a_label_rule_that_cannot_be_meant_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="label"):
        LabelRule(**rule)


@pytest.mark.parametrize(
    ("prefix", "number", "amount"), [("99", 5, 4), ("9A", 6, 4), ("", 8, 4), ("99", 0, 10), ("99", 11, -1)]
)
def test_a_slip_rule_that_cannot_be_meant_is_refused(prefix: str, number: int, amount: int) -> None:
    with pytest.raises(ValueError, match="slip"):
        SlipRule(prefix=prefix, number_digits=number, amount_digits=amount)


def test_a_prefix_stands_for_one_rule_only() -> None:
    label = LabelRule(prefix="28", item_digits=5, value_digits=5, value="price")
    with pytest.raises(ValueError, match="twice"):
        ScanTable(label=(label,), slip=(SlipRule(prefix="28", number_digits=6, amount_digits=4),))
