"""The entry grammar: what typed text means for each key."""

from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.entry import Entry, load_keymap
from pos.view import TillView

SELLING = TillView(state="selling", till="t", store="s")


def typed(text: str, *, cents: bool = True) -> Entry:
    entry = Entry(digits_are_cents=cents)
    for char in text:
        assert entry.type(char) is None
    return entry


@pytest.mark.parametrize(
    ("text", "minor"),
    [("2000", 2000), ("20,00", 2000), ("20.00", 2000), ("20,5", 2050), ("0,01", 1), ("5", 5), ("12,", 1200)],
)
def test_an_amount_before_the_cash_key(text: str, minor: int) -> None:
    assert typed(text).press("cash", SELLING) == c.PayCash(minor)


def test_digits_are_euros_where_the_shop_wants_it() -> None:
    assert typed("20", cents=False).press("cash", SELLING) == c.PayCash(2000)


def test_an_address_is_not_cut() -> None:
    address = f"{'a' * 64}@{'b' * 181}.example"
    assert typed(address).press("customer", SELLING) == c.Do("customer", address)


@pytest.mark.parametrize("text", ["12,345", "1,2,3", "abc", "4006381333931", "-5", "²"])
def test_what_is_no_amount_pays_nothing(text: str) -> None:
    command = typed(text).press("cash", SELLING)
    assert command == c.Mistyped("not-an-amount", text)


def test_a_star_sets_the_quantity_at_once() -> None:
    assert typed("3").type("*") == c.SetQuantity(Decimal(3))
    assert typed("0,842").type("*") == c.SetQuantity(Decimal("0.842"))


def test_a_scanned_number_before_the_star_is_never_a_quantity() -> None:
    assert typed("4006381333931").type("*") == c.Mistyped("quantity-too-long", "4006381333931")


def test_enter_on_an_empty_line_does_nothing() -> None:
    assert typed("").press("enter", SELLING) is None


def test_enter_sends_numbers_as_codes_and_words_as_a_search() -> None:
    assert typed("4011").press("enter", SELLING) == c.EnterCode("4011")
    assert typed("milch").press("enter", SELLING) == c.Search("milch")


def test_escape_clears_the_line_first_and_never_a_sale() -> None:
    entry = typed("12")
    assert entry.press("escape", SELLING) is None
    assert entry.text == ""
    assert entry.press("escape", SELLING) == c.Cancel()


def test_every_key_of_the_keymap_is_known_and_named() -> None:
    keymap = load_keymap()
    assert {"cash", "void-last", "enter", "escape", "search", "price"} <= keymap.names
    assert keymap.name_of("f12") == "cash"


def test_a_pin_does_not_show_in_a_command() -> None:
    assert "4711" not in repr(c.SignIn("Kim", "4711"))
