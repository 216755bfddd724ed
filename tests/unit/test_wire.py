"""What travels between till and hub reads back as it was, and links cannot be invented."""

import base64
import gzip

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos.facts import GENESIS, StoredFact
from receipts.model import Shop
from sync.links import gift_link, mint_link, receipt_of_gift, split_link, verify_link
from sync.wire import (
    Ack,
    Batch,
    Fork,
    Gap,
    Hello,
    Problem,
    ShopInfo,
    WireError,
    decode_answer,
    decode_batch,
    decode_hello,
    encode_batch,
    encode_json,
)

KEY = bytes(range(32))
TOKEN = bytes(range(16))

facts = st.builds(
    StoredFact,
    epoch=st.integers(1, 9),
    seq=st.integers(1, 2**63 - 1),
    kind=st.text(max_size=9),
    version=st.integers(1, 99),
    wall_ms=st.integers(-(2**62), 2**62),
    mono_ms=st.integers(0, 2**62),
    boot_id=st.text(max_size=9),
    body=st.binary(max_size=99),
    hash=st.binary(min_size=32, max_size=32),
)


@given(st.lists(facts, max_size=5))
def test_a_batch_reads_back_as_it_was(some: list[StoredFact]) -> None:
    batch = Batch("demo", "1", 1, 1, GENESIS, tuple(some))
    content, size = encode_batch(batch)
    raw = gzip.decompress(content)
    assert len(raw) == size
    assert decode_batch(raw) == batch


@pytest.mark.parametrize("store", ["", "a b", "a/b", "a.b", "ä", "a\n", "-a", "a" * 33, "../x"])
def test_names_that_could_do_harm_in_an_address_are_refused(store: str) -> None:
    with pytest.raises(WireError):
        decode_hello(encode_json(Hello(store, "1", 1)))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b'{"store":"a","till":"1","epoch":-1}',
        b'{"store":"a","till":"1","epoch":1e99}',
        b"\xff",
    ],
)
def test_what_is_no_message_is_an_error_with_words(raw: bytes) -> None:
    with pytest.raises(WireError, match=r"\w"):
        decode_hello(raw)
    with pytest.raises(WireError, match=r"\w"):
        decode_batch(raw)


def test_a_hash_has_32_bytes() -> None:
    raw = encode_json(Batch("demo", "1", 1, 1, b"short", ()))
    with pytest.raises(WireError):
        decode_batch(raw)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert decode_hello(b'{"store":"a","till":"1","epoch":1,"newer":{}}') == Hello("a", "1", 1)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Ack(1, 7, bytes(32), 99)),
        (409, Gap(expected_seq=3)),
        (409, Fork(seq=3, hub_hash=bytes(32))),
        (413, Problem(413, "too large")),
        (400, Problem(400, "no", "because")),
    ],
)
def test_each_answer_reads_back_as_it_was(status: int, answer: Ack | Gap | Fork | Problem) -> None:
    assert decode_answer(status, encode_json(answer)) == answer


@pytest.mark.parametrize("status", [200, 409, 502])
def test_an_answer_from_something_else_is_a_problem(status: int) -> None:
    answer = decode_answer(status, b"<html>a proxy</html>")
    assert isinstance(answer, Problem)
    assert answer.status == status


def test_the_shop_on_the_wire_has_the_fields_of_a_receipts_shop_but_those_of_its_brand() -> None:
    assert (*ShopInfo.__struct_fields__, "brand", "contact") == Shop.__struct_fields__
    info = ShopInfo("n", ("a",), "t", "AT", "EUR", "d", "e")
    assert msgspec.convert(msgspec.to_builtins(info), Shop) == Shop("n", ("a",), "t", "AT", "EUR", "d", "e")


@given(st.binary(min_size=16, max_size=16), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True))
def test_a_link_is_good_under_its_key_only(token: bytes, store: str) -> None:
    link = mint_link(store, token, KEY)
    assert verify_link(link, KEY)
    assert not verify_link(link, KEY[::-1])
    parts = split_link(link)
    assert parts is not None
    assert parts[:2] == (store, token)


@given(st.binary(min_size=16, max_size=16))
def test_a_gift_receipts_link_leads_to_its_receipt_under_the_key_only(token: bytes) -> None:
    link = mint_link("demo", token, KEY)
    gift = gift_link(link, KEY)
    assert receipt_of_gift(gift, KEY) == link
    assert not verify_link(gift, KEY)
    assert receipt_of_gift(gift, KEY[::-1]) == receipt_of_gift(link, KEY) == gift_link(link, KEY[::-1]) == ""


def test_a_link_is_short_and_needs_no_escaping() -> None:
    link = mint_link("demo", TOKEN, KEY)
    store, token, mac = link.split(".")
    assert (store, len(token), len(mac)) == ("demo", 22, 8)
    assert base64.urlsafe_b64decode(token + "==") == TOKEN


@given(st.integers(0, 35), st.characters(codec="ascii"))
def test_a_changed_link_is_no_link(position: int, char: str) -> None:
    link = mint_link("demo", TOKEN, KEY)
    changed = link[:position] + char + link[position + 1 :]
    assert verify_link(changed, KEY) == (changed == link)


@pytest.mark.parametrize(
    "link",
    ["", "demo", "demo..", "a.b.c", "demo." + "A" * 22, "x" * 10_000, "demo." + "A" * 22 + "." + "A" * 9],
)
def test_what_is_no_link_is_none(link: str) -> None:
    assert split_link(link) is None
    assert not verify_link(link, KEY)


def test_a_token_has_one_spelling_only() -> None:
    store, token, mac = mint_link("demo", TOKEN, KEY).split(".")
    last = chr(ord(token[-1]) + 1)  # differs only in bits that base64 throws away
    assert base64.urlsafe_b64decode(token[:-1] + last + "==") == TOKEN
    assert not verify_link(f"{store}.{token[:-1]}{last}.{mac}", KEY)


@pytest.mark.parametrize("token", [b"", bytes(15), bytes(17)])
def test_a_link_takes_128_bits_of_chance(token: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        mint_link("demo", token, KEY)


def test_a_store_that_cannot_stand_in_a_link_gets_none() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        mint_link("a.b", TOKEN, KEY)
