"""What a scanned or typed code is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.domain.codes import CodeKind, check_digit, is_gtin, key_of, read_code


@pytest.mark.parametrize("code", ["4006381333931", "96385074", "036000291452", "10012345000017", "00000017"])
def test_a_right_check_digit_makes_an_article_number(code: str) -> None:
    expected = is_gtin(code)
    assert expected == (check_digit(code[:-1]) == int(code[-1]))
    assert (read_code(code).kind is CodeKind.GTIN) == expected


def test_known_numbers() -> None:
    assert is_gtin("4006381333931")
    assert not is_gtin("4006381333932")
    assert not is_gtin("400638133393")
    assert not is_gtin("٤٠٠٦٣٨١٣٣٣٩٣١")


@pytest.mark.parametrize("code", ["4006381333932", "96385075", "", "   ", "\x11\x10", "9" * 81])
def test_a_broken_code_is_broken(code: str) -> None:
    assert read_code(code).kind is CodeKind.BROKEN


def test_upc_a_and_its_ean_13_are_the_same_article() -> None:
    assert key_of("036000291452") == key_of("0036000291452")
    assert read_code("]E00036000291452").key == key_of("036000291452")


@pytest.mark.parametrize("code", ["https://example.org/01/04006381333931", "wifi:T:WPA;", "käse"])
def test_a_web_address_or_other_text_is_no_article(code: str) -> None:
    assert read_code(code).kind is CodeKind.FOREIGN


def test_short_numbers_are_plus_and_odd_lengths_are_looked_up_as_they_are() -> None:
    assert read_code("4011").kind is CodeKind.PLU
    assert read_code("ABC-123").kind is CodeKind.OTHER
    assert read_code("123456789").kind is CodeKind.OTHER


@given(st.text(max_size=100))
def test_no_text_at_all_upsets_the_reader(text: str) -> None:
    code = read_code(text)
    assert len(code.text) <= 100
    if code.kind is CodeKind.GTIN:
        assert is_gtin(code.text)


@given(st.integers(10**11, 10**12 - 1), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(body: int, place: int, add: int) -> None:
    good = str(body) + str(check_digit(str(body)))
    wrong = str((int(good[place]) + add) % 10)
    bad = good[:place] + wrong + good[place + 1 :]
    assert not is_gtin(bad)
