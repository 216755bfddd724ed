"""Every sentence of the till fits the two rows that the smallest screen (64 columns) has for it, with what is put into it."""

import re

import pytest

from pos.resources import read_words
from pos.tui.paint import wrap

_ROWS = 2
_MESSAGE, _QUESTION = 59, 62
"""Columns that the painter has at 64: a message stands behind its mark."""
_SAID = {
    "number": "10000042", "code": "4006381333931", "till": "12", "who": "Friederike", "text": "Bio-Vollmilch 3,8 % 1 l",
    "count": "12", "pieces": "24", "store": "Hamburg Eppendorf", "rest": "1.234,56", "down": "1.234,56",
    "limit": "1.000,00", "left": "1.000,00", "told": "1.234,56", "here": "1.234,56", "detail": "disk-full", "shelf": "B7",
    "day": "21.11.2026", "name": "Friederike Mustermann", "until": "17:35", "at": "17:35", "amount": "1.234,56",
    "total": "1.234,56", "back": "1.234,56", "what": "F9 7", "days": "14", "age": "18", "lines": "2", "node": "Hub",
}  # fmt: skip


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("part", "columns"), [("message", _MESSAGE), ("ask", _QUESTION)])
def test_no_sentence_is_cut_on_the_smallest_screen(language: str, part: str, columns: int) -> None:
    too_long = {}
    for key, text in read_words(language)[part].items():
        said = re.sub(r"\{([a-z_]+)[^}]*\}", lambda found: _SAID.get(found[1], "12345678"), text)
        said = re.sub(r"F9:[a-z-]+", "F9 8 3 4", said)
        if len(wrap(said, columns, 99)) > _ROWS:
            too_long[key] = said
    assert too_long == {}
