"""Transfers by code: account numbers, references, and a payload that a banking app reads. segno's helper is the oracle."""

import io
from decimal import Decimal

import pytest
import segno.helpers
import zxingcpp
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pos.domain.transfer import (
    PAYLOAD_MAX,
    CreditorAccount,
    TransferError,
    epc_payload,
    grouped,
    iban_of,
    is_reference,
    names_reference,
    reference_of,
    sepa_text,
)
from receipts.qr import matrix

SHOP = CreditorAccount("Müller & Söhne GmbH", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX")
_NAMES = {1: "utf-8", 2: "iso-8859-1", 3: "iso-8859-2", 8: "iso-8859-15"}


def read(payload: bytes) -> str:
    """What a scanner reads from the code that is drawn of it."""
    rows, scale = matrix(payload.decode()), 4
    picture = Image.new("L", ((len(rows) + 8) * scale,) * 2, 255)
    draw = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                at = ((x + 4) * scale, (y + 4) * scale)
                draw.rectangle((*at, at[0] + scale - 1, at[1] + scale - 1), fill=0)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    (found,) = zxingcpp.read_barcodes(Image.open(buffer))
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    assert found.ec_level == "M"
    return found.text


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013000", "AT611904300234573201", "NL91ABNA0417164300", "FR1420041010050500013M02606"]
)  # fmt: skip
def test_account_numbers_are_read_in_groups_and_small_letters(iban: str) -> None:
    assert iban_of(grouped(iban).lower()) == iban


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DE88370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "XX00",
        "DE8937O400440532013000",
    ],
)
def test_an_account_number_with_a_slip_is_refused(text: str) -> None:
    with pytest.raises(TransferError, match="iban"):
        iban_of(text)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=21), st.integers(0, 24))
def test_references_are_true_and_one_wrong_sign_is_seen(body: str, at: int) -> None:
    made = reference_of(body)
    assert is_reference(grouped(made))
    at %= len(made)
    wrong = "Z" if made[at] != "Z" else "Y"
    assert not is_reference(made[:at] + wrong + made[at + 1 :])


def test_a_reference_of_the_standard_is_known() -> None:
    assert reference_of("539007547034") == "RF18539007547034"
    assert not is_reference("RF18539007547035")
    for body in ("", "A" * 22, "12-34", "Ü1"):
        with pytest.raises(TransferError):
            reference_of(body)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SVWZ+RF18539007547034", True),
        ("Danke rf18 5390 0754 7034 Einkauf Samstag", True),
        ("RF18-5390-0754-7034", True),
        ("RF17539007547034", False),
        ("Einkauf", False),
    ],
)
def test_a_reference_is_found_in_what_a_bank_prints(text: str, found: bool) -> None:
    assert names_reference(text, "RF18539007547034") is found
    assert not names_reference(text, "")


@pytest.mark.parametrize(
    ("charset", "text", "carried"),
    [
        (1, "Bäckerei „Weiß“ & Co. – Nr. 1", "Bäckerei 'Weiß' & Co. - Nr. 1"),
        (2, "Łódź Kiosk", "Lódz Kiosk"),
        (3, "Łódź Kiosk", "Łódź Kiosk"),
        (1, "Pizza 🍕 Roma\n\tAlt", "Pizza Roma Alt"),
        (5, "Müller", "Mueller"),
        (1, "Пекарня 24", "24"),
    ],
)
def test_what_banks_do_not_carry_is_written_otherwise(charset: int, text: str, carried: str) -> None:
    assert sepa_text(text, charset) == carried


@pytest.mark.parametrize("charset", sorted(_NAMES))
@pytest.mark.parametrize("minor", [1, 10, 1_99, 12_345_60, 99_999_999_999])
def test_the_payload_is_that_of_another_maker(charset: int, minor: int) -> None:
    reference = reference_of("3120417ABCDEF")
    ours = epc_payload(SHOP, minor, reference, charset=charset)
    buffer = io.BytesIO()
    segno.helpers.make_epc_qr(
        SHOP.name,
        iban_of(SHOP.iban),
        Decimal(minor) / 100,
        reference=reference,
        bic=SHOP.bic,
        encoding=_NAMES[charset],
    ).save(buffer, kind="png", scale=4)
    (found,) = zxingcpp.read_barcodes(Image.open(buffer))
    ours_rows, their_rows = ours.split(b"\n"), found.bytes.split(b"\n")
    amount = ours_rows.pop(7), their_rows.pop(7)
    assert ours_rows == their_rows
    assert amount[0].startswith(b"EUR")
    assert Decimal(amount[0][3:].decode()) == Decimal(amount[1][3:].decode()) == Decimal(minor) / 100
    assert len(amount[0].rpartition(b".")[2]) == 2


def test_a_scanner_reads_the_drawn_code() -> None:
    ours = epc_payload(SHOP, 1999, reference_of("3120417ABCDEF"))
    assert read(ours).encode() == ours


def test_without_bic_purpose_or_text_nothing_stands_after_the_last_row() -> None:
    account = CreditorAccount("Laden", "DE89370400440532013000")
    assert epc_payload(account, 250) == b"BCD\n002\n1\nSCT\n\nLaden\nDE89370400440532013000\nEUR2.50"
    assert epc_payload(account, 250, text="Dein Einkauf").endswith(b"EUR2.50\n\n\nDein Einkauf")


def test_the_longest_payload_still_fits_and_what_is_longer_is_refused() -> None:
    account = CreditorAccount("Ä" * 70, "MT84MALT011000012345MTLCAST001S", "COBADEFFXXX")
    with pytest.raises(TransferError, match="size"):
        epc_payload(account, 99_999_999_999, text="Ä" * 140, purpose="GDDS")
    long = epc_payload(account, 99_999_999_999, text="A" * 88, purpose="GDDS")
    assert len(long) <= PAYLOAD_MAX
    assert len(matrix(long.decode())) <= 69  # version 13
    assert read(long).encode() == long


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": 100_000_000_000}, "amount"),
        ({"account": CreditorAccount("🍕", SHOP.iban)}, "name"),
        ({"account": CreditorAccount("A" * 71, SHOP.iban)}, "name"),
        ({"account": CreditorAccount("A", SHOP.iban, "COBA")}, "bic"),
        ({"reference": "RF18000"}, "reference"),
        ({"reference": "RF18539007547034", "text": "both"}, "reference"),
        ({"purpose": "gd"}, "purpose"),
        ({"text": "A" * 141}, "text"),
    ],
)
def test_what_is_no_transfer_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(TransferError) as caught:
        epc_payload(**({"account": SHOP, "amount_minor": 100} | change))  # type: ignore[arg-type]
    assert caught.value.code == code


@given(
    st.text(min_size=1, max_size=70),
    st.integers(1, 99_999_999_999),
    st.text("ABC0123456789", min_size=1, max_size=21),
    st.sampled_from(range(1, 9)),
)
def test_every_payload_has_its_rows_and_fits(name: str, minor: int, body: str, charset: int) -> None:
    account = CreditorAccount(name, SHOP.iban)
    assume(0 < len(sepa_text(name, charset)) <= 70)
    payload = epc_payload(account, minor, reference_of(body), charset=charset)
    rows = payload.split(b"\n")
    assert len(rows) == 10
    assert len(payload) <= PAYLOAD_MAX
