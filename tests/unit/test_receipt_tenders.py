"""A receipt says all of its payment: each tender, rounding, tip, foreign cash with its rate, what is left on a card."""

import json
from decimal import Decimal

import msgspec

from pos.domain.tender import Foreign, Tender
from pos.resources import config_path
from pos.sale_facts import Reference, Sale
from receipts.escpos import compose
from receipts.html import receipt_page
from receipts.json import receipt_json
from receipts.model import Receipt, Shop, build
from receipts.profiles import load_profiles
from receipts.text import render_text

NUMBER = "7QZ9K2M4X8B1C3D5F6G7H8J9K"


def sale() -> Sale:
    tenders = (
        Tender("card-manual", 500, 500, reference="0815"),
        Tender("gift-card", 300, 300, reference=NUMBER, balance_minor=4_200),
        Tender("foreign", 1_843, 1_843, foreign=Foreign("USD", 2_000, Decimal("0.9215"))),
        Tender("cash", -843, 0, 843),
    )
    return Sale(
        "c", 7, "2026-11-21", "1-1", "1", 1_790_000_000_000, 1_790_000_000_000, 1_790_000_000_000, 60,
        (), tenders, (), 1_648, 0, rounding_minor=2, tip_minor=150,
        references=(Reference("retender", "3", 1, 6), Reference("order", external="A 1")),
    )  # fmt: skip


def receipt(language: str = "de") -> Receipt:
    return build(sale(), Shop("Laden"), till="3", epoch=1, public_url="", copy=False, language=language)


def test_the_text_holds_every_part_and_never_a_whole_card_number() -> None:
    for columns in (32, 42, 48):
        text = "\n".join(render_text(receipt(), columns))
        for part in (
            "Trinkgeld", "1,50", "Rundung (bar)", "0,02", "Zu zahlen", "18,00", "Karte", "Nr. 0815",
            "Geschenkkarte", "Nr. ...8J9K", "Restguthaben", "42,00", "Bar 20,00 USD", "18,43",
            "Kurs 1 USD = 0,9215 EUR", "Bar ausgezahlt", "-8,43", "Zahlung geändert zu Bon 3-1-6",
        ):  # fmt: skip
            assert part in text, (columns, part)
        assert NUMBER not in text
        assert "Gegeben" not in text


def test_page_json_and_paper_hold_the_same() -> None:
    page = receipt_page(receipt("en"))
    for part in (
        "Tip",
        "1.50",
        "0815",
        "...8J9K",
        "42.00",
        "1 USD = 0.9215 EUR",
        "Paid out in cash",
        "3-1-6",
    ):
        assert part in page, part
    assert NUMBER not in page
    plain = json.loads(receipt_json(receipt()))
    assert [tender["kind"] for tender in plain["tenders"]] == [
        "card-manual",
        "gift-card",
        "foreign",
        "paid-out",
    ]
    assert plain["tenders"][1]["balance_minor"] == 4_200
    assert plain["tenders"][2]["foreign_minor"] == 2_000
    assert (plain["rounding_minor"], plain["tip_minor"]) == (2, 150)
    assert plain["references"] == [{"kind": "retender", "number": "3-1-6"}]
    assert NUMBER not in json.dumps(plain)
    paper = compose(receipt(), load_profiles(config_path() / "printers.toml")["epson-80"])
    assert b"Restguthaben" in paper
    assert NUMBER.encode() not in paper


def test_an_invoice_names_its_buyer_only_where_the_till_knows_them() -> None:
    invoice = msgspec.structs.replace(sale(), invoice="3-1-R1", buyer="b")
    here = build(
        invoice,
        Shop("Laden"),
        till="3",
        epoch=1,
        public_url="",
        copy=False,
        language="de",
        buyer=("Muster GmbH",),
    )
    assert "Muster GmbH" in "\n".join(render_text(here, 42))
    assert "RECHNUNG 3-1-R1" in receipt_page(here)
    elsewhere = build(invoice, Shop("Laden"), till="3", epoch=1, public_url="", copy=False, language="de")
    assert "Muster" not in receipt_page(elsewhere)
