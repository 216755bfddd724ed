"""PDF, PNG, eKaBS and JSON-LD: the same receipt in each, whatever reads it."""

import json
import re
from io import BytesIO

import msgspec
import pytest
from PIL import Image
from pypdf import PdfReader

from receipts import jsonld, png
from receipts.ekabs import receipt_ekabs
from receipts.html import receipt_page
from receipts.model import TooLongError, build
from receipts.pdf import receipt_pdf
from receipts.png import receipt_png
from receipts.sheet import HEIGHT_MAX
from tests.simulators.paper.codes import read_codes
from tests.unit.receipt_forms import READERS, disagreements, random_receipt, sums_of
from tests.unit.receipt_samples import LINK, SHOP, numbered_sale, receipt


def test_all_forms_of_sixty_random_receipts_show_the_same_sums() -> None:
    found = {seed: wrong for seed in range(60) if (wrong := disagreements(random_receipt(seed)))}
    assert found == {}


def test_a_form_with_another_sum_is_noticed() -> None:
    made = random_receipt(7)
    other = msgspec.structs.replace(made, total_minor=made.total_minor + 1)
    assert all(read(other) != sums_of(made) for read in READERS.values())


def test_the_pdf_is_one_searchable_page_in_the_receipts_language() -> None:
    data = receipt_pdf(receipt())
    reader = PdfReader(BytesIO(data))
    assert len(reader.pages) == 1
    assert reader.metadata is not None
    assert reader.metadata.title == f"Bon 3-1-20417 – {SHOP.name}"
    assert str(reader.root_object["/Lang"]) == "de"
    text = reader.pages[0].extract_text()
    assert "0,842 kg x 2,49 EUR/kg" in text
    assert text.count("DEMO - kein Beleg") == 2
    assert receipt_pdf(receipt()) == data, "the same receipt, the same bytes"


def test_a_receipt_longer_than_a_page_goes_on_on_the_next_and_is_too_long_for_a_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = build(
        numbered_sale(400), SHOP, till="3", epoch=1, public_url="https://x.example", copy=False, language="de"
    )
    reader = PdfReader(BytesIO(receipt_pdf(made)))
    assert len(reader.pages) > 1
    assert all(float(page.mediabox.height) <= HEIGHT_MAX for page in reader.pages)
    text = "".join(page.extract_text() for page in reader.pages)
    assert re.findall(r"Artikel 1-(\d+)", text) == [f"{n:03d}" for n in range(1, 401)]
    monkeypatch.setattr(png, "PICTURE_MAX", 1000)
    with pytest.raises(TooLongError):
        receipt_png(made)


def test_both_scanners_read_the_code_in_the_picture() -> None:
    image = Image.open(BytesIO(receipt_png(receipt())))
    assert image.width == 720
    assert read_codes(image.convert("L")) == {"zbar": {LINK}, "zxing": {LINK}}


def test_ekabs_has_the_samples_blocks_and_says_what_is_no_receipt() -> None:
    plain = json.loads(receipt_ekabs(receipt()))
    assert (plain["version"], plain["type"]) == ("0.0.1", "DEMO")
    assert plain["cash_register"] == {"serial_number": "3-1"}
    assert plain["head"]["date"] == "2026-11-22T14:07:31+01:00"
    assert plain["head"]["seller"]["address"] == {
        "street": "Musterweg 7",
        "postal_code": "00000",
        "city": "Musterstadt",
        "country_code": "DEU",
    }
    assert plain["data"]["full_amount_incl_vat"] == 16.61
    assert plain["data"]["lines"][1]["item"]["gtin"] == "4006381333931"
    assert "security" not in plain, "no fiscal device, no claim of one"
    assert LINK not in json.dumps(plain), "who gets the file gets no key to the page"
    assert json.loads(receipt_ekabs(receipt(demo=False)))["type"] == "RECEIPT"


def test_the_page_describes_itself_and_a_long_receipt_by_its_sums_alone() -> None:
    (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', receipt_page(receipt()))
    invoice = json.loads(data)
    assert (invoice["@type"], invoice["referencesOrder"]["orderNumber"]) == ("Invoice", "3-1-20417")
    assert invoice["totalPaymentDue"] == {"@type": "MonetaryAmount", "value": "16.61", "currency": "EUR"}
    prices = [offer["price"] for offer in invoice["referencesOrder"]["acceptedOffer"]]
    assert prices == ["2.10", "2.07", "0.75", "11.69"]
    long = build(
        numbered_sale(jsonld.LINES_MAX + 1), SHOP, till="3", epoch=1, public_url="", copy=False, language="de"
    )
    assert "acceptedOffer" not in jsonld.receipt_jsonld(long)
