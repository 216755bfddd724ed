"""Money in a sentence is written as people write it, never in cents."""

import string

import pytest

from pos.domain.events import Message
from pos.resources import read_words, texts
from pos.words import message_text

_MONEY = {"amount", "rest", "back", "down", "limit", "total", "paid", "owed", "free", "due", "balance", "tip"}
_COUNTS = {
    "deposit-whole", "note-too-long", "order-text-long", "parked-full", "quantity-limit", "search-pick", "serial-not-one", "too-much-back",
}  # fmt: skip
"""Here the field is a count."""


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_sum_in_a_message_has_its_decimals(language: str) -> None:
    words = texts(language)
    raw = []
    for key, text in read_words(language)["message"].items():
        money = _fields(text) & _MONEY
        if not money or key in _COUNTS:
            continue
        fields: dict[str, str | int] = dict.fromkeys(_fields(text), 123_456)
        said = message_text(Message(key.removesuffix("-one"), fields), words)
        sum_as_written = "1.234,56" if language == "de" else "1,234.56"
        raw += [key] if sum_as_written not in said else []
    assert raw == []


@pytest.mark.parametrize(
    ("count", "pieces", "said"),
    [(1, 2, "1 Artikel, 2 Stück."), (1, 1, "1 Artikel, 1 Stück."), (2, 3, "2 Artikel, 3 Stück.")],
)
def test_two_pieces_of_one_article_are_never_called_one_piece(count: int, pieces: int, said: str) -> None:
    assert texts("de")("message.stock-received", count=count, pieces=pieces) == f"Eingang gebucht: {said}"


def test_one_of_what_is_counted_has_words_of_its_own() -> None:
    words = texts("de")
    assert words("message.customer-is-priced", name="Ada", points=5, count=1).endswith(
        "Eine Zeile hat einen neuen Preis."
    )
    assert words("message.customer-is-priced", name="Ada", points=1, count=3).endswith(
        "3 Zeilen haben neue Preise."
    )
