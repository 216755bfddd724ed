"""What holds for any bytes and any message."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.card import zvt
from drivers.card.zvt import Apdu, BadFrame, LinkAck, LinkNak, Received, SerialReader, TcpReader, apdu, serial
from drivers.card.zvt.crc import crc16
from drivers.card.zvt.masking import luhn, mask, redact, scan
from drivers.card.zvt.reading import parse

STATUS = bytes.fromhex("040F0B2700 04000000001010 8A06")
GOOD = zvt.frame(STATUS)
MESSAGE = apdu.received(STATUS)

money = st.integers(0, 10**12 - 1)
currency = st.sampled_from([None, 978, 756])
password = st.from_regex(r"[0-9]{6}", fullmatch=True)
plain = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="0123456789"), max_size=40
)
no_edge = plain.map(str.strip)
byte = st.integers(0, 255)


def messages(events: list[Any]) -> list[Apdu]:
    return [event.apdu for event in events if isinstance(event, Received)]


def test_the_checksum_is_the_known_one() -> None:
    assert crc16(b"123456789") == 0x2189


@given(st.lists(st.integers(0, len(GOOD)), max_size=8))
def test_a_frame_may_come_in_any_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(GOOD)]
    reader = SerialReader()
    found = [event for start, end in pairwise(places) for event in reader.feed(GOOD[start:end])]
    assert messages(found) == [MESSAGE]
    assert len(found) == 1
    assert not reader.inside


@given(st.lists(st.sampled_from([STATUS, b"\x80\x00\x00", b"\x06\x0f\x00"]), max_size=5), st.data())
def test_messages_on_tcp_may_come_in_any_pieces(sent: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(sent)
    reader, at, found = TcpReader(), 0, []
    while at < len(raw):
        end = data.draw(st.integers(at + 1, len(raw)))
        found += messages(list(reader.feed(raw[at:end])))
        at = end
    assert [apdu.encode(message) for message in found] == sent


@given(st.binary(max_size=40).filter(lambda noise: b"\x10" not in noise))
def test_noise_between_frames_costs_nothing(noise: bytes) -> None:
    reader = SerialReader()
    assert messages(reader.feed(noise + GOOD)) == [MESSAGE]
    assert reader.noise == sum(one not in b"\x06\x15" for one in noise)


@given(st.integers(1, len(GOOD) - 1), st.sampled_from([b"", b"\x10", b"\x10\x03", b"\x10\x03\x00", b"\x06"]))
def test_a_frame_that_begins_in_the_middle_of_another_is_read(cut: int, more: bytes) -> None:
    reader = SerialReader()
    found = reader.feed(GOOD[:cut] + more + GOOD)
    assert MESSAGE in messages([*found, *reader.lost()])


def test_acknowledgements_and_a_frame_in_one_read_come_in_their_order() -> None:
    found = SerialReader().feed(b"\x06" + GOOD + b"\x15" + GOOD[:3])
    assert [type(event) for event in found] == [LinkAck, Received, LinkNak]


def test_ack_and_nak_in_a_frame_are_data() -> None:
    raw = bytes.fromhex("06D104 40 06 15 10")
    (event,) = SerialReader().feed(zvt.frame(raw))
    assert isinstance(event, Received)
    assert apdu.encode(event.apdu) == raw


@pytest.mark.parametrize("why", ["checksum", "stuffing", "length", "silence"])
def test_a_spoilt_frame_is_asked_for_again(why: str) -> None:
    reader = SerialReader()
    crc = crc16(b"\x06\x03")
    raw = {
        "checksum": GOOD[:-1] + bytes((GOOD[-1] ^ 1,)),
        "stuffing": b"\x10\x02\x06\x10\x11",
        "length": b"\x10\x02\x06\x10\x03" + bytes((crc & 0xFF, crc >> 8)),
        "silence": GOOD[:5],
    }[why]
    found = reader.feed(raw)
    if why == "silence":
        assert reader.inside
        found = reader.lost()
    assert found == [BadFrame(why)]
    assert not reader.inside
    assert messages(reader.feed(GOOD)) == [MESSAGE]


def test_a_checksum_that_looks_like_a_start_is_a_checksum() -> None:
    """The bytes behind 10 03 are never stuffed: find a message whose checksum is 10 02."""
    number = next(
        n for n in range(1 << 20) if crc16(b"\x06\xd1\x03" + n.to_bytes(3, "big") + b"\x03") == 0x0210
    )
    raw = b"\x06\xd1\x03" + number.to_bytes(3, "big")
    assert zvt.frame(raw)[-2:] == b"\x10\x02"
    (event,) = SerialReader().feed(zvt.frame(raw))
    assert isinstance(event, Received)
    assert event.apdu.command == 0x06D1


def test_a_line_that_never_ends_a_frame_is_given_up_once() -> None:
    reader = SerialReader()
    found = reader.feed(b"\x10\x02" + b"\x10\x10\x02" * 44_000)
    assert found == [BadFrame("length")]
    assert messages([*reader.feed(GOOD), *reader.lost()]) == [MESSAGE]


def test_many_beginnings_in_a_spoilt_frame_are_looked_at_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = 0
    take = serial._Parse.take

    def counted(parse: serial._Parse, byte: int) -> None:
        nonlocal taken
        taken += 1
        take(parse, byte)

    monkeypatch.setattr(serial._Parse, "take", counted)
    raw = b"\x10\x02" + b"\x10\x10\x02\x00" * 5_000 + b"\x10\x03\x00\x00"
    assert SerialReader().feed(raw) == [BadFrame("checksum")]
    assert taken <= len(raw) + serial._SEARCH


@given(
    st.sampled_from([0x040F, 0x060F, 0x061E, 0x04FF, 0x06D1, 0x06D3, 0x0600, 0x0624, 0x8000, 0x841E, 0x06C0]),
    st.binary(max_size=80),
)
def test_any_bytes_are_read_and_masking_keeps_every_length(command: int, data: bytes) -> None:
    once = mask(command, data)
    assert len(once) == len(data)
    assert mask(command, once) == once
    parse(Apdu(command, once))


def card_numbers() -> st.SearchStrategy[str]:
    def whole(digits: str) -> str:
        return next(digits + last for last in "0123456789" if luhn(digits + last))

    return st.from_regex(r"[2-6][0-9]{11,17}", fullmatch=True).map(whole)


@settings(max_examples=40)
@given(card_numbers(), st.sampled_from(["", " ", ".", "-"]), plain, plain)
def test_a_card_number_in_a_text_keeps_its_last_four(
    number: str, between: str, before: str, after: str
) -> None:
    groups = [number[at : at + 4] for at in range(0, len(number), 4)]
    found = scan(f"{before}#{between.join(groups)}#{after}")
    left = "".join(sign for sign in found.partition("#")[2].rpartition("#")[0] if sign.isdigit())
    assert left == number[-4:]
    assert scan(found) == found


@given(plain)
def test_a_text_without_long_numbers_stays_as_it_is(text: str) -> None:
    for whole in (
        text,
        f"{text} 29001006",
        f"VU-Nr: 100764992 {text}",
        "A0000000041010",
        "22.11.2026 14:05:07 0219",
    ):
        assert scan(whole) == whole


def test_a_card_number_at_either_end_of_more_digits_is_found() -> None:
    number = "4111111111111111"
    assert number not in scan(number + "25122011")
    assert number not in scan("0000" + number)
    assert "4111 1111 1111 1111" not in scan("17 4111 1111 1111 1111")


@given(st.binary(max_size=40))
def test_what_is_redacted_has_no_run_of_digits(data: bytes) -> None:
    digits = redact(data).hex().translate(str.maketrans("abcdef", "      "))
    assert max(map(len, digits.split()), default=0) < 8


MESSAGES = st.one_of(
    st.builds(zvt.Authorisation, amount_minor=money, currency=currency, payment_type=st.none() | byte),
    st.builds(
        zvt.Registration,
        password=password,
        config_byte=byte,
        currency=st.just(978),
        service_byte=st.none() | byte,
    ),
    st.builds(
        zvt.Reversal, password=password, receipt_no=st.integers(0, 9999), amount_minor=st.none() | money
    ),
    st.builds(zvt.Refund, password=password, amount_minor=money, currency=currency),
    st.builds(zvt.PreAuthorisation, amount_minor=money, currency=currency),
    st.builds(zvt.PartialReversal, receipt_no=st.just(zvt.OPEN_RECEIPTS) | st.integers(0, 9999)),
    st.builds(zvt.BookTotal, receipt_no=st.integers(0, 9999), amount_minor=money),
    st.builds(zvt.EndOfDay, password=password),
    st.builds(zvt.RepeatReceipt, password=password, service_byte=st.none() | byte),
    st.builds(zvt.StatusEnquiry, password=st.none() | password),
    st.builds(zvt.DisplayText, display_seconds=byte, line_1=no_edge, line_2=st.none() | no_edge),
    st.builds(zvt.IntermediateStatus, status=byte, timeout_minutes=st.none() | st.integers(7, 99)),
    st.builds(zvt.PrintLine, attribute=st.integers(0, 254), text=plain),
    st.builds(zvt.PrintLine, attribute=st.just(255), feed=byte),
    st.builds(zvt.Abort, result_code=byte),
    st.builds(zvt.Nack, error_code=byte.filter(lambda code: code != 0x1E)),
    st.builds(
        zvt.Completion, result_code=st.none() | byte, currency=currency, terminal_id=st.just("29001006")
    ),
    st.builds(
        zvt.StatusInformation,
        result_code=byte,
        amount_minor=st.none() | money,
        currency=currency,
        trace_no=st.none() | st.integers(0, 999_999),
        time_hhmmss=st.none() | password,
        date_mmdd=st.none() | st.just("1122"),
        vu_number=st.none() | no_edge.map(lambda text: text[:15].strip()),
        additional_text=st.none() | plain,
        receipt_no=st.none() | st.integers(0, 9999),
        card_name=st.none() | plain,
        totals=st.none()
        | st.builds(
            zvt.Totals,
            st.integers(0, 9999),
            st.integers(0, 9999),
            girocard=st.builds(zvt.Total, byte, money),
            other=st.builds(zvt.Total, byte, money),
        ),
    ),
)


@given(MESSAGES)
def test_what_is_written_is_read_again(message: zvt.Message) -> None:
    raw = apdu.encode(zvt.write(message))
    (event,) = TcpReader().feed(raw)
    assert isinstance(event, Received)
    (framed,) = SerialReader().feed(zvt.frame(raw))
    assert framed == event
    again = parse(event.apdu)
    assert type(again) is type(message)
    for name in message.__struct_fields__:
        if name != "charset":
            assert getattr(again, name) == getattr(message, name), name


@given(MESSAGES)
def test_no_digit_of_an_apdu_is_in_its_repr(message: zvt.Message) -> None:
    found = zvt.write(message)
    assert repr(found) == f"Apdu({found.command >> 8:02X} {found.command & 255:02X}, {len(found.data)} bytes)"
