"""What of a card payment stands on the receipt: the customer's part, and nothing of the merchant's."""

import pytest

from pos.domain.card import CardPaper, CardResult
from pos.domain.card_slip import customer_lines, entry_words
from pos.domain.tender import Tender
from pos.resources import config_path
from receipts.escpos import compose
from receipts.html import receipt_page
from receipts.model import Receipt
from receipts.profiles import load_profiles
from receipts.text import render_text
from tests.unit.receipt_samples import receipt

RESULT = CardResult(
    0,
    329,
    "EUR",
    "60000001",
    receipt_no=42,
    trace_no=142,
    brand="girocard",
    pan_last4="1234",
    auth_code="A12345",
    entry_mode="contactless",
    date="1122",
    time="143005",
)
SENT = (
    CardPaper("merchant", ("H-Ä-N-D-L-E-R-B-E-L-E-G",)),
    CardPaper("customer", ("K-U-N-D-E-N-B-E-L-E-G", "  girocard", "Zahlung erfolgt")),
)


def card(**more: object) -> Tender:
    return Tender("card", 329, 329, reference="0042", payment="p1", card=RESULT, **more)  # type: ignore[arg-type]


def made(tender: Tender, language: str = "de") -> Receipt:
    return receipt(language, tenders=(tender,))


def test_the_terminals_own_lines_stand_as_they_came_and_the_shops_copy_stays_away() -> None:
    shown = made(card(paper=SENT))
    text = "\n".join(render_text(shown, 42))
    page = receipt_page(shown)
    for part in ("K-U-N-D-E-N-B-E-L-E-G", "girocard", "Zahlung erfolgt"):
        assert part in text
        assert part in page
    assert "H-Ä-N-D-L-E-R" not in text + page
    assert "0042" not in text, "it is among the terminal's lines, where it says it"


def test_without_lines_the_receipt_is_made_of_what_the_terminal_said() -> None:
    text = "\n".join(render_text(made(card()), 42))
    for part in ("girocard", "Terminal-ID: 60000001", "Beleg-Nr.: 0042", "**** 1234", "A12345", "kontaktlos"):
        assert part in text
    english = "\n".join(render_text(made(card(), "en"), 32))
    assert "contactless" in english


def test_other_tenders_have_no_card_receipt() -> None:
    assert customer_lines(Tender("cash", 329, 329), "de") == ()
    assert customer_lines(Tender("card", 329, 329), "de") == ()


def test_each_printer_takes_it() -> None:
    for profile in load_profiles(config_path() / "printers.toml").values():
        assert b"girocard" in compose(made(card(paper=SENT)), profile)


@pytest.mark.parametrize(
    ("entry", "proof", "german", "english"),
    [
        ("chip", "online-pin", "Chip, PIN", "chip, PIN"),
        ("contactless", "none", "kontaktlos, ohne PIN", "contactless, no PIN"),
        (
            "contactless",
            "device",
            "kontaktlos, am Gerät des Kunden bestätigt",
            "contactless, confirmed on the customer's device",
        ),
        ("magstripe", "signature", "Magnetstreifen, Unterschrift", "magnetic stripe, signature"),
        ("", "", "", ""),
        ("unheard-of", "device", "am Gerät des Kunden bestätigt", "confirmed on the customer's device"),
    ],
)
def test_how_a_card_was_read_is_said_in_words(entry: str, proof: str, german: str, english: str) -> None:
    result = CardResult(0, entry_mode=entry, cvm=proof)
    assert (entry_words(result, "de"), entry_words(result, "en")) == (german, english)
