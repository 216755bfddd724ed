"""The demo shop is the first thing a newcomer sells from: its articles must be as right as a real shop's."""

import csv
import datetime as dt
import tomllib
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest

from pos.domain.promotions import PromotionLine, evaluate
from pos.promotions.rows_file import read_rows
from tests.demo import sheet

DEMO = Path(__file__).parents[2] / "config" / "demo"
COLUMNS = (
    "gtin,sku,name,price,vat_rate,unit,department,plu,deposit,deposit_gtin,min_age,product,option_names,"
    "option_values,serial_required,content_quantity,content_unit"
)

# Articles whose rate differs from their department's, with the reason (UStG section 12 and its annex 2).
OTHER_RATE = {
    "Kaffee Becher zum Mitnehmen": "a drink handed out is no coffee of annex 2 no. 12",
    "Haferdrink ungesüßt 1 l": "plant drinks are no milk (annex 2 no. 4 and 35)",
    "Sojadrink Vanille 1 l": "plant drinks are no milk (annex 2 no. 4 and 35)",
    "Hummer gekocht, tiefgekühlt 400 g": "lobster is excepted in annex 2 no. 3 and 28",
    "Tampons normal 32 Stück": "annex 2 no. 55, monthly hygiene",
    "Binden Ultra 14 Stück": "annex 2 no. 55, monthly hygiene",
    "Kaminholz Buche Sack 7 kg": "annex 2 no. 48, firewood",
    "Katzenfutter nass Rind 400 g": "annex 2 no. 37, prepared animal feed",
    "Hundefutter trocken Geflügel 3 kg": "annex 2 no. 37, prepared animal feed",
    "Vogelfutter 1 kg": "annex 2 no. 37, prepared animal feed",
    "Ansichtskarte": "printed cards are not in annex 2 no. 49",
    "Wandkalender Landschaften": "calendars are not in annex 2 no. 49",
    "Blumenerde 20 l": "soil is no plant",
    "Übertopf Keramik 13 cm": "a pot is no plant",
    "Pfand Milchflasche Einweg 0,25": "a deposit has the rate of what is in the bottle",
    "Pfand Milch-/Joghurtglas 0,15": "a deposit has the rate of what is in the glass",
}

Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (DEMO / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


ARTICLES = read("articles.csv")
DEPARTMENTS = {row["number"]: row for row in read("departments.csv")}
BY_GTIN = {row["gtin"].split("|")[0]: row for row in ARTICLES}


def gtin_is_valid(code: str) -> bool:
    """From the right: odd places weigh 1, even places 3, the sum is a multiple of ten."""
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(reversed(code)))
    return len(code) == 13 and total % 10 == 0


def repeated(values: list[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def failing(rows: list[Row]) -> list[str]:
    return [f"{row['sku']} {row['name']}" for row in rows]


def test_the_columns_are_the_documented_ones_and_every_row_is_complete() -> None:
    assert (DEMO / "articles.csv").read_text(encoding="utf-8").splitlines()[0] == COLUMNS
    assert not failing([row for row in ARTICLES if None in row or None in row.values()])
    assert not failing([row for row in ARTICLES if any(value != value.strip() for value in row.values())])


def test_the_shop_has_about_three_hundred_articles() -> None:
    assert 280 <= len(ARTICLES) <= 340


def test_every_code_is_a_valid_store_internal_gtin_and_belongs_to_one_article() -> None:
    codes = [code for row in ARTICLES for code in row["gtin"].split("|")]
    assert not [code for code in codes if not (code.startswith("20") and gtin_is_valid(code))]
    assert not repeated(codes)
    assert any("|" in row["gtin"] for row in ARTICLES)


def test_main_codes_count_upwards() -> None:
    assert [int(code[:12]) for code in BY_GTIN] == list(range(200000000001, 200000000001 + len(ARTICLES)))


def test_skus_names_and_plus_are_unique() -> None:
    assert not repeated([row["sku"] for row in ARTICLES])
    assert not repeated([row["name"] for row in ARTICLES])
    plus = [row["plu"] for row in ARTICLES if row["plu"]]
    assert not repeated(plus)
    assert all(plu.isdecimal() and len(plu) in {3, 4} and plu[0] != "0" for plu in plus)


def test_a_name_fits_a_receipt_line() -> None:
    assert not failing([row for row in ARTICLES if not 0 < len(row["name"]) <= 42])


def test_every_price_is_above_zero_and_in_whole_cents() -> None:
    assert not failing(
        [
            row
            for row in ARTICLES
            if Decimal(row["price"]) <= 0 or Decimal(row["price"]).as_tuple().exponent != -2
        ]
    )


def test_departments_have_a_rate_with_its_tax_code() -> None:
    assert "Pfand" in {row["name"] for row in DEPARTMENTS.values()}
    assert {(row["vat_rate"], row["tax_code"]) for row in DEPARTMENTS.values()} == {("19", "A"), ("7", "B")}
    assert not failing([row for row in ARTICLES if row["department"] not in DEPARTMENTS])
    assert set(DEPARTMENTS) == {row["department"] for row in ARTICLES}


def test_a_rate_is_the_departments_unless_the_law_says_otherwise() -> None:
    differs = {
        row["name"] for row in ARTICLES if row["vat_rate"] != DEPARTMENTS[row["department"]]["vat_rate"]
    }
    assert differs == set(OTHER_RATE)
    assert {row["vat_rate"] for row in ARTICLES} == {"7", "19"}


def test_weighed_goods_have_a_plu() -> None:
    assert {row["unit"] for row in ARTICLES} == {"pc", "kg"}
    weighed = [row for row in ARTICLES if row["unit"] == "kg"]
    assert 35 <= len(weighed) <= 50
    assert not failing([row for row in weighed if not row["plu"]])


def test_a_deposit_is_an_article_of_its_own_with_the_same_amount_and_rate() -> None:
    assert not failing([row for row in ARTICLES if bool(row["deposit"]) != bool(row["deposit_gtin"])])
    for row in ARTICLES:
        if row["deposit"]:
            deposit = BY_GTIN[row["deposit_gtin"]]
            assert DEPARTMENTS[deposit["department"]]["name"] == "Pfand", row["name"]
            assert (deposit["price"], deposit["vat_rate"]) == (row["deposit"], row["vat_rate"]), row["name"]
            assert not deposit["deposit"], "a deposit has no deposit"


def test_ages_are_those_of_the_youth_protection_act() -> None:
    assert {row["min_age"] for row in ARTICLES} == {"0", "16", "18"}


def test_a_variant_has_one_value_for_each_option_and_no_twin() -> None:
    products: dict[str, list[Row]] = defaultdict(list)
    for row in ARTICLES:
        if row["product"]:
            products[row["product"]].append(row)
        else:
            assert not row["option_names"] + row["option_values"], row["name"]
    assert 3 <= len(products) <= 4
    for name, variants in products.items():
        assert 6 <= len(variants) <= 12, name
        assert len({row["option_names"] for row in variants}) == 1, name
        assert not repeated([row["option_values"] for row in variants]), name
        for row in variants:
            values = row["option_values"].split("|")
            assert len(values) == len(row["option_names"].split("|")), row["name"]
            assert all(values), row["name"]


def test_some_electronic_articles_ask_for_a_serial_number() -> None:
    assert {row["serial_required"] for row in ARTICLES} == {"0", "1"}
    assert 2 <= sum(row["serial_required"] == "1" for row in ARTICLES) <= 3


def test_a_content_has_a_quantity_and_a_unit() -> None:
    for row in ARTICLES:
        assert bool(row["content_quantity"]) == bool(row["content_unit"]), row["name"]
        if row["content_unit"]:
            assert row["content_unit"] in {"l", "ml", "kg", "g"}, row["name"]
            assert Decimal(row["content_quantity"]) > 0, row["name"]
            assert row["unit"] == "pc", "what is weighed is priced by the kilogram already"


def test_the_shop_has_what_a_receipt_needs() -> None:
    config = tomllib.loads((DEMO / "shop.toml").read_text(encoding="utf-8"))
    shop, receipt = config["shop"], config["receipt"]
    assert (shop["id"], shop["country"], shop["currency"], shop["language"]) == ("demo", "DE", "EUR", "de")
    assert shop["tax_number"] == "DE999999999", "the demo must never carry a number that could be someone's"
    lines = [shop["name"], *shop["address"], *receipt["footer_de"], *receipt["footer_en"]]
    assert all(0 < len(line) <= 42 for line in lines)


def test_the_sheet_shows_known_codes_one_broken_and_one_unknown() -> None:
    cells = sheet.barcodes()
    known = {code for row in ARTICLES for code in row["gtin"].split("|")}
    assert not repeated([cell.digits for cell in cells])
    assert [cell.name for cell in cells if not gtin_is_valid(cell.digits)] == ["Broken code"]
    others = [cell for cell in cells if cell.digits not in known]
    assert [cell.name for cell in others] == ["Broken code", "Unknown code"]
    assert sheet.page(cells).count("<svg ") == len(cells) == 26


def test_a_reader_that_is_not_ours_reads_every_code_of_the_sheet_but_the_broken_one() -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    for cell in sheet.barcodes():
        quiet = "0" * sheet.QUIET_MODULES
        row = b"".join(
            (b"\x00" if module == "1" else b"\xff") * 3
            for module in quiet + sheet.modules(cell.digits) + quiet
        )
        height = 60
        image = memoryview(row * height).cast("B", shape=[height, len(row)])
        found = [result.text for result in zxingcpp.read_barcodes(image)]
        assert found == ([cell.digits] if gtin_is_valid(cell.digits) else []), cell.name


def test_the_promotions_name_articles_of_the_shop_and_each_takes_something_off() -> None:
    rows = read_rows((DEMO / "promotions.toml").read_bytes(), toml=True)
    with (DEMO / "articles.csv").open(encoding="utf-8") as file:
        prices = {row["sku"]: int(Decimal(row["price"]) * 100) for row in csv.DictReader(file)}
    assert len(rows) >= 4
    for row in rows:
        wanted = [part.selection.skus for part in row.parts] or [row.selection.skus]
        assert set(chain(*wanted)) <= set(prices), row.id
        basket = [min(skus) for skus in wanted if skus] or ["MK-007"]
        lines = [
            PromotionLine(n, sku, 5, Decimal(40), "pc", prices[sku], prices[sku] * 40)
            for n, sku in enumerate(basket, start=1)
        ]
        found = evaluate(
            lines,
            [row],
            moment=dt.datetime(2026, 11, 23, 18, 30, tzinfo=dt.UTC),
            groups=(),
            coupons={row.coupon: 1} if row.coupon else {},
            left={},
        )
        assert found.used, row.id
