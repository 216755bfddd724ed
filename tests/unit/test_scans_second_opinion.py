"""What the library biip says of the same scans: where it differs, the reason stands here."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import pytest
from biip import ParseConfig, ParseError, parse
from biip.checksums import gs1_price_weight_check_digit
from biip.rcn import Rcn, RcnRegion

from pos.domain import gs1
from pos.domain.scans import ScanKind, read_scan
from tests.unit.scan_samples import ARTICLE, BROKEN, LABELS, SAMPLES, STORE_1, TODAY, Sample

DISAGREEMENTS: Final = {
    "biip takes any GTIN under any identifier of the EAN family; an identifier promises its own length": (
        "]E4 with 13 digits",
        "]E0 with 8 digits",
        "]E0 with 14 digits",
        "]E3 ISBN without add-on",
        "]E1 with an EAN-13",
        "]E2 with an EAN-13",
    ),
    "biip raises at what is no identifier": ("an identifier that is none", "a bracket alone"),
    "biip reads a number without identifier as elements as well": (
        "EAN-13 of prefix 10 is no AI 10",
        "UPC label as 8 digits is none",
    ),
    "no company has the number zero": ("EAN-13 of zeros", "(01) of zeros", "01 and no GTIN"),
    "biip takes digits of other scripts": ("digits of another script", "full-width digits"),
    "biip strips control characters and no-break spaces": (
        "RS in front",
        "a no-break space behind",
        "GS behind an EAN-13",
    ),
    "biip does not know coupons": (
        "coupon 981",
        "coupon 982",
        "coupon 983",
        "coupon 984",
        "coupon 99",
        "coupon 990",
        "coupon 999",
        "]E0 coupon 981",
        "coupon 981 as 14 digits",
    ),
    "biip reads no add-ons": (
        "ISBN with add-on 5",
        "]E3 ISBN with add-on 5",
        "ISBN with add-on 2",
        "ISSN with add-on 2",
        "ISSN with add-on 5",
        "]E3 ISSN with add-on 2",
        "]E3 ISSN with add-on 5",
        "]E3 EAN-13 with add-on 2",
        "]E3 weight and an add-on",
    ),
    "a UPC-E that ends in 5 to 9 has an EAN-8's check digit too; biip gives both, and no GTIN-8 begins with 0": (
        "UPC-E 723455",
        "UPC-E 723456",
        "UPC-E 723467",
        "UPC-E 723458",
        "UPC-E 723459",
    ),
    "the store's table is not biip's": tuple(
        sample.name
        for sample in LABELS
        if sample.table is not STORE_1
        and not (sample.kinds == BROKEN and "check digit wrong" in sample.name)
        and sample.name not in {"UPC label as 8 digits is none", "slip in a store without its rule"}
    ),
    "the article of a label is found by the item's number alone": (
        "weight, 4+1+5",
        "]E0 weight, 4+1+5",
        "weight as 14 digits",
        "weight of 500 g",
        "price, 4+1+5",
        "price of 123.45",
        "count, 4+1+5",
        "item number zero",
    ),
    "biip's German region has weights under prefix 29; this store has none": (
        "the same label in another store's table",
    ),
    "a label or pack of nothing is not printed right": (
        "weight zero",
        "price zero",
        "(3103) zero",
        "(3153) zero",
        "]e0 (30) zero",
        "(3922) zero",
    ),
    "biip keeps the other elements where the GTIN's check digit is wrong": (
        "]C1 (01), check digit wrong",
        "]d2 (01), check digit wrong",
        "(01), check digit wrong, without AIM",
        "(01), check digit wrong, and more",
        "a wrong check digit",
    ),
    "some scanners leave (01) out of a DataBar": ("]e0 the GTIN alone",),
    "biip lets elements contradict each other": (
        "(10) twice, different",
        "(01) twice, different",
        "(17) twice, different",
        "(3103) twice, different",
        "(3103) and (3102)",
        "(3922) and (3920)",
        "(3922) and (3932)",
        "(01)(02) contradict each other",
        "(01)(37) contradict each other",
        "(01)(255) contradict each other",
        "?17 twice, different",
        "?10 against the path",
        "?01 against the path",
        "(235) beside (21)",
    ),
    "a use-by time stands on a named day; biip takes day 00": ("(7003) day 00",),
    "biip does not ask what the till can charge": (
        "(3923) with a fraction of a cent",
        "(3932) francs are no cents of the till",
    ),
    "biip does not strip ]Q1 and ]d1 from an address": ("]Q1 link", "]d1 link"),
    "the scheme of an address has no case; biip wants small letters": ("HTTPS in capitals",),
    "biip takes the first 01 of the path for the key": ("a path with 01 in front",),
    "biip refuses a slash at the end, which resolvers send": (
        "a slash at the end",
        "(10)(21) in the path and a slash",
    ),
    "biip does not divide attributes at a semicolon": ("?17 behind a semicolon",),
    "biip passes over an attribute without a value": ("?17 empty",),
    "biip keeps a broken escape as text": (
        "a broken escape: %2",
        "a broken escape: %ZZ",
        "a lone %",
    ),
    "biip does not ask whether an address is one": (
        "no host",
        "one slash",
        "a space inside",
        "a right-to-left override in the host",
        "longer than any code",
    ),
}
_LISTED: Final = frozenset(name for names in DISAGREEMENTS.values() for name in names)
_GERMANY: Final = ParseConfig(rcn_region=RcnRegion.GERMANY)
_NO_REGION: Final = ParseConfig()


def opinion(sample: Sample) -> dict[str, Any] | None:
    """What biip says of a trade item in our words; None where it names none."""
    try:
        result = parse(sample.raw, config=_GERMANY if sample.table is STORE_1 else _NO_REGION)
    except (ParseError, IndexError) as error:
        return {"error": type(error).__name__}
    held = result.gs1_message or result.gs1_digital_link_uri
    elements = held.element_strings if held is not None else None
    first = elements.get(ai="01") if elements is not None and result.gtin is None else None
    gtin = first.gtin if first is not None else result.gtin
    if gtin is None:
        return {"error": first.gtin_error} if first is not None else None
    said: dict[str, Any] = {"key": gtin.value.lstrip("0")}
    for element in elements or ():
        ai = element.ai.ai
        if ai in {"15", "17", "7003"}:
            name = "best_before" if ai == "15" else "use_by"
            said[name] = min(said.get(name, dt.date.max), element.date or dt.date.max)
        elif ai in {"10", "21"}:
            said["batch" if ai == "10" else "serial"] = element.value
        elif ai[:3] in {"392", "393"}:
            said["price_minor"] = (element.decimal or Decimal()) * 100
        elif ai == "30":
            said["quantity"] = Decimal(element.value)
        elif ai[:2] == "31":
            said["quantity"] = element.decimal
    return said


def ours(sample: Sample) -> dict[str, Any] | None:
    meaning = read_scan(sample.raw, sample.table, TODAY)
    if meaning.kind is not ScanKind.ARTICLE:
        return None
    names = ("key", "quantity", "price_minor", "best_before", "use_by", "batch", "serial", "addon")
    return {name: value for name in names if (value := getattr(meaning, name)) not in (None, "")}


def test_biip_agrees_on_every_sample_but_the_listed_ones() -> None:
    differing = {sample.name for sample in SAMPLES if opinion(sample) != ours(sample)}
    assert differing == _LISTED
    assert sum(sample.kinds == ARTICLE for sample in SAMPLES if sample.name not in _LISTED) >= 100


def test_each_disagreement_is_listed_once() -> None:
    names = [name for listed in DISAGREEMENTS.values() for name in listed]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("prefix", ["22", "25", "28"])
def test_biip_reads_the_same_values_from_labels_of_the_german_layout(prefix: str) -> None:
    labels = [sample for sample in LABELS if sample.table is STORE_1 and sample.raw.startswith(prefix)]
    assert len(labels) >= 2
    for sample in labels:
        meaning = read_scan(sample.raw, STORE_1, TODAY)
        gtin = parse(sample.raw, config=_GERMANY).gtin
        if gtin is None:
            assert meaning.kind is ScanKind.BROKEN
            continue
        assert isinstance(gtin, Rcn)
        price = None if gtin.price is None else gtin.price * 100
        value = price if price is not None else gtin.weight if gtin.weight is not None else gtin.count
        assert value == (meaning.price_minor or meaning.quantity or 0)


def test_biip_computes_the_same_check_digit_of_any_price() -> None:
    for value in range(10_000):
        assert gs1.price_check_digit(f"{value:04}") == gs1_price_weight_check_digit(f"{value:04}")
    for value in range(0, 100_000, 7):
        assert gs1.price_check_digit(f"{value:05}") == gs1_price_weight_check_digit(f"{value:05}")


def test_biip_knows_the_same_identifiers() -> None:
    from biip.gs1_application_identifiers import _GS1_APPLICATION_IDENTIFIERS

    assert set(gs1._AIS) == set(_GS1_APPLICATION_IDENTIFIERS)
    needs_no_gs = {ai for ai, known in _GS1_APPLICATION_IDENTIFIERS.items() if not known.separator_required}
    fixed = {ai for ai, (low, high, _) in gs1._AIS.items() if ai[:2] in gs1._PREDEFINED and low == high}
    assert needs_no_gs == fixed
