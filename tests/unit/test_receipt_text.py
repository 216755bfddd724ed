"""What a receipt says, and that it fits its paper."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos.domain.line import Discount
from pos.domain.tender import Tender
from pos.sale_facts import SaleTax
from receipts import formats
from receipts.model import Shop
from receipts.text import render_text
from tests.unit.receipt_samples import NINETEEN, SHOP, line, receipt

WIDTHS = (32, 42, 48)


def test_amounts_dates_and_quantities_are_written_as_the_language_writes_them() -> None:
    when = dt.datetime(2026, 11, 22, 14, 7, 31, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert formats.amount(123456, "de") == "1.234,56"
    assert formats.amount(123456, "en") == "1,234.56"
    assert formats.amount(-5, "de") == "-0,05"
    assert formats.amount(100_000_000, "de") == "1.000.000,00"
    assert formats.amount(1234, "de", digits=0) == "1.234"
    assert formats.moment(when, "de") == "22.11.2026 14:07"
    assert formats.stamp(when, "en") == "22/11/2026 14:07:31 +01:00"
    assert formats.percent(Decimal("5.50"), "de") == "5,5 %"
    assert formats.quantity(Decimal("0.84"), "de", measured=True) == "0,840"
    assert formats.quantity(Decimal(10), "de") == "10"


def test_the_receipt_on_32_columns_reads_like_this() -> None:
    assert render_text(receipt(), 32) == [
        "       DEMO - kein Beleg",
        "    Kaufladen Wolkenkuckuck",
        "          Musterweg 7",
        "       00000 Musterstadt",
        "     USt-IdNr. DE999999999",
        "--------------------------------",
        "Bon 3-1-20417   22.11.2026 14:07",
        "Kasse 3-1          Bediener anna",
        "Start 22.11.2026 14:05:11 +01:00",
        "Ende  22.11.2026 14:07:31 +01:00",
        "--------------------------------",
        "Äpfel rot, süß            2,10 B",
        "  0,842 kg x 2,49 EUR/kg",
        "Mineralwasser Classic",
        "Einweg                    2,07 A",
        "  3 x 0,69",
        "  Pfand Einweg 0,25       0,75 A",
        "    3 x 0,25",
        "Bergkäse                 12,99 B",
        "  Rabatt MHD             -1,30",
        "--------------------------------",
        "SUMME EUR                16,61",
        "Sie sparen                1,30",
        "Bar                      16,61",
        "  Gegeben                50,00",
        "  Rückgeld               33,39",
        "--------------------------------",
        "MwSt     Netto  Steuer  Brutto",
        "A 19 %    2,37    0,45    2,82",
        "B 7 %    12,89    0,90   13,79",
        "Anzahl Artikel: 5",
        "",
        "https://bon.example/r/1.kq9Zr0x2",
        "Yb7mN4pT8sVw3A.9fX2",
        "Beleg, Rückgabe, Garantie: hier",
        "            scannen",
        "           3-1-20417",
        "",
        " Vielen Dank für Ihren Einkauf!",
        "Demo-Kasse: kein echter Verkauf.",
        "       DEMO - kein Beleg",
    ]


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(("language", "mark"), [("de", "DEMO - kein Beleg"), ("en", "DEMO - not a receipt")])
def test_a_demo_says_so_first_and_last(columns: int, language: str, mark: str) -> None:
    lines = render_text(receipt(language), columns)
    assert lines[0].strip() == mark
    assert lines[-1].strip() == mark
    assert mark not in "\n".join(render_text(receipt(language, demo=False), columns))


def test_a_copy_and_training_are_marked() -> None:
    text = "\n".join(render_text(receipt(copy=True, training=True), 42))
    assert text.count("KOPIE") == 2
    assert text.count("TRAINING - kein Beleg") == 2


def test_removed_lines_are_not_printed_and_deposits_stand_under_their_article() -> None:
    made = receipt()
    assert [(item.text, item.indented) for item in made.lines] == [
        ("Äpfel rot, süß", False),
        ("Mineralwasser Classic Einweg", False),
        ("Pfand Einweg 0,25", True),
        ("Bergkäse", False),
    ]


def test_the_link_is_made_of_the_shops_address_and_the_sales_token() -> None:
    assert receipt(link="abc").link == "https://bon.example/r/abc"
    assert receipt(link="/r/abc").link == "https://bon.example/r/abc"
    assert receipt(link="https://else.example/r/abc").link == "https://else.example/r/abc"
    offline = receipt(link="")
    assert (offline.link, offline.caption) == ("", "")


def test_no_article_name_can_send_commands_to_a_printer_or_terminal() -> None:
    evil = "Käse\x1b@\x1dV\x00\n\t\x9b31mrot\u200b\u202e"
    text = "\n".join(render_text(receipt(lines=(line(1, evil, 100),)), 48))
    assert "Käse@ V 31mrot" in text
    assert all(char == "\n" or char.isprintable() for char in text)


def test_a_foreign_shop_and_huge_amounts_fall_back_to_rows() -> None:
    big = 99_999_999
    lines = render_text(
        receipt(
            total_minor=big,
            taxes=(SaleTax("A", 1, NINETEEN, big, big - 15_966_386, 15_966_386),),
            tenders=(Tender("cash", big, big),),
            shop=Shop("Laden", tax_number="12/345/67890"),
        ),
        32,
    )
    assert "MwSt A 19 %" in lines
    assert "  Brutto            999.999,99" in lines
    assert any(row.strip() == "Steuernummer 12/345/67890" for row in lines)


texts = st.text(max_size=80) | st.sampled_from(
    ["Donaudampfschifffahrtsgesellschaft" * 3, "a b " * 30, "€" * 50]
)
amounts = st.integers(-99_999_999, 99_999_999)
quantities = st.decimals("0.001", "999", places=3) | st.integers(1, 999).map(Decimal)
lines_of_goods = st.builds(
    lambda text, total, unit_minor, qty, unit, parent: line(
        2, text, total, unit_minor=unit_minor, qty=qty, unit=unit, parent=parent
    ),
    texts,
    amounts,
    st.integers(0, 9_999_999),
    quantities,
    st.sampled_from(["pc", "kg", "m2"]),
    st.sampled_from([None, 1]),
)


@settings(max_examples=80, deadline=None)
@given(
    goods=st.lists(lines_of_goods, max_size=6),
    name=texts,
    footer=texts,
    operator=texts,
    total=amounts,
    columns=st.integers(32, 64),
    language=st.sampled_from(["de", "en"]),
)
def test_no_row_is_ever_longer_than_the_paper_and_no_price_is_cut(
    goods: list[object], name: str, footer: str, operator: str, total: int, columns: int, language: str
) -> None:
    made = receipt(
        language,
        shop=Shop(name, (name,), name, footer_de=footer, footer_en=footer),
        lines=(line(1, name, total), *goods),
        operator=operator,
        total_minor=total,
        taxes=(SaleTax("A", 1, NINETEEN, total, total, 0),),
    )
    lines = render_text(made, columns)
    assert max(map(len, lines)) <= columns
    ends = [row.split() for row in lines]
    for item in made.lines:
        assert [formats.amount(item.total_minor, language), item.tax] in [end[-2:] for end in ends]


def test_the_shops_own_sample_is_complete_in_both_languages() -> None:
    for language, words in (("de", ("SUMME", "Rückgeld", "MwSt")), ("en", ("TOTAL", "Change", "Gross"))):
        text = "\n".join(render_text(receipt(language), 48))
        for word in (*words, SHOP.name, "3-1-20417", "DE999999999", "16"):
            assert word in text


def test_what_promotions_take_off_is_summed_up_where_it_stands_under_several_lines() -> None:
    def share(minor: int) -> tuple[Discount, ...]:
        return (Discount("three", "3 für 2 Joghurt", minor, source="promotion"),)

    text = render_text(
        receipt(
            lines=(
                line(1, "Joghurt", 59, discounts=share(20)),
                line(2, "Joghurt", 59, discounts=(*share(20), Discount("", "", 4, source="manual"))),
                line(3, "Joghurt", 59, discounts=share(19)),
                line(4, "Weg", 59, discounts=share(59), voided_ms=1),
                line(5, "Brot", 1547, discounts=(Discount("b", "Brot-Tag", 5, source="promotion"),)),
            )
        ),
        32,
    )
    at = text.index("Sie sparen                0,68")
    assert text[at + 1] == "  davon 3 für 2 Joghurt   0,59"
    assert text[at + 2].startswith("Bar")
    assert "  Rabatt                 -0,04" in text
    assert all(len(row) <= 32 for row in text)
