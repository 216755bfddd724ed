"""Every code has a name, and a sentence for cashiers in both languages that fits the screen."""

import string

import pytest

from drivers.card.zvt import codes
from pos.resources import texts

LANGUAGES = ("de", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence(language: str) -> None:
    words = texts(language)
    keys = {
        key(code) for key in (codes.result_key, codes.state_key, codes.terminal_key) for code in range(256)
    }
    assert keys <= words.keys()
    assert {"card.state.remove"} | keys == {
        key
        for key in sorted(words.keys())
        if key.startswith(("card.result.", "card.state.", "card.terminal."))
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_fits_a_row_and_takes_only_what_it_is_given(language: str) -> None:
    words = texts(language)
    for key in sorted(words.keys()):
        if key.startswith(("card.result.", "card.state.", "card.terminal.")):
            sentence = words(key)
            fields = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
            assert len(sentence) <= 75, key
            assert fields <= (
                {"state"} if key.endswith(".remove") else {"code"} if key[-2:] in {"st", "wn"} else set()
            ), key


def test_the_card_must_come_out_with_bit_6() -> None:
    assert codes.asks_removal(0x4A)
    assert codes.state_key(0x55) == "card.state.15"
    assert not codes.asks_removal(0x40)
    assert not codes.asks_removal(0x68)
    assert codes.intermediate_text(0x45) == "sending auto-reversal, remove card"


def test_codes_of_the_host_are_named_with_their_decimal_number() -> None:
    assert codes.result_text(0x37) == "declined by network operator/authorisation system (host code 55)"
    assert codes.result_key(0x37) == "card.result.37"
    assert codes.result_key(0x63) == "card.result.host"


def test_a_code_that_nobody_knows_is_said_to_be_unknown() -> None:
    assert codes.result_text(0xAB) == "unknown result code AB"
    assert codes.result_key(0xAB) == "card.result.unknown"
    assert codes.terminal_text(0x05) == "unknown terminal status 05"
    assert codes.cardholder_text(0x99) == "99 unknown"
