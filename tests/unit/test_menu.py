"""The ways that sentences name lead where they say."""

import re

import pytest

from pos.menu import FUNCTIONS, GROUPS, MORE, with_ways
from pos.resources import read_words

ALL = [name for name in (*FUNCTIONS, *(name for group in GROUPS.values() for name in group)) if name != MORE]


@pytest.mark.parametrize("name", ALL)
def test_the_numbers_of_a_way_lead_to_its_function(name: str) -> None:
    first, *rest = [int(number) - 1 for number in with_ways(f"F9:{name}").removeprefix("F9 ").split()]
    found = FUNCTIONS[first]
    if rest:
        assert found == MORE
        found = list(GROUPS.values())[rest[0]][rest[1]]
    assert found == name


def test_a_way_to_nowhere_is_found_when_the_words_are_read() -> None:
    with pytest.raises(KeyError):
        with_ways("F9:nowhere")


LISTS = {"print-waits", "print-problem", "printing-title", "stopped-retry"}
"""Sentences for which F9 alone is enough: it opens their list."""


def ways(language: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group, keys in read_words(language).items():
        for key, text in keys.items():
            if "F9" in text:
                found[f"{group}.{key}"] = re.findall(r"F9(?: \d)*", text)
    return found


def test_sentences_that_send_to_f9_name_the_numbers_the_same_in_both_languages() -> None:
    german = ways("de")
    assert german == ways("en")
    assert {key.partition(".")[2] for key, named in german.items() if "F9" in named} == LISTS
