"""Messages written by hand from the specification, and the quirks of terminals that do not keep to it."""

import pytest

from drivers.card import zvt
from drivers.card.zvt import Apdu, Received, TcpReader, apdu
from drivers.card.zvt.facts import facts
from drivers.card.zvt.reading import parse
from tests.unit.card.samples import SAMPLES


def message(text: str) -> Apdu:
    (event,) = TcpReader().feed(bytes.fromhex(text))
    assert isinstance(event, Received)
    return event.apdu


def of(command: int, data: str) -> Apdu:
    """As it came, whatever its length."""
    found = apdu.received(apdu.encode(Apdu(command, bytes.fromhex(data))))
    assert found is not None
    return found


def status(data: str) -> zvt.StatusInformation:
    found = parse(of(0x040F, data))
    assert isinstance(found, zvt.StatusInformation)
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_says_what_it_was_written_to_say(name: str) -> None:
    text, wanted = SAMPLES[name]
    found = facts(message(text))
    assert {key: found.get(key) for key in wanted} == wanted
    assert "undecoded" not in found


@pytest.mark.parametrize("name", [name for name in SAMPLES if "approved" not in name])
def test_each_sample_is_written_as_it_was_read(name: str) -> None:
    raw = bytes.fromhex(SAMPLES[name][0])
    written = zvt.write(parse(message(raw.hex())))
    assert sorted(apdu.encode(written)) == sorted(raw)


def test_a_field_that_nobody_knows_leaves_what_stood_before_it() -> None:
    found = status("2700 04000000001250 5E 0102030405")
    assert (found.approved, found.amount_minor) == (True, 1250)
    (lost,) = found.undecoded
    assert (lost.field, lost.why, lost.size) == (0x5E, "unknown field", 6)
    assert lost.data == "5eeeeeeeeeee"


def test_a_field_that_is_cut_off_leaves_what_stood_before_it() -> None:
    found = status("276C 29280048")
    assert (found.result_code, found.terminal_id) == (0x6C, None)
    assert found.undecoded[0].why == "the field is cut off"


def test_digits_that_are_none_leave_the_field_empty_and_the_others_as_they_are() -> None:
    found = status("2700 0400000000A250 870017")
    assert (found.result_code, found.amount_minor, found.receipt_no) == (0, None, 17)
    assert found.undecoded[0].field == 0x04


def test_no_result_is_not_approved() -> None:
    assert not status("04000000001250").approved
    assert not status("").approved


def test_a_field_that_is_given_twice_and_differently_is_not_guessed_at() -> None:
    for data in ("2700 2705", "2705 2700", "2700 2705 2700"):
        found = status(data + " 04000000001250 04000000001250")
        assert (found.result_code, found.approved, found.amount_minor) == (None, False, 1250)
        assert found.undecoded[0].why == "given twice, differently"


def test_a_length_that_is_wrong_on_a_serial_line_is_said_and_the_fields_are_read() -> None:
    raw = bytes.fromhex("040F03 2700 04000000001250")
    (event,) = zvt.SerialReader().feed(zvt.frame(raw))
    assert isinstance(event, Received)
    found = parse(event.apdu)
    assert isinstance(found, zvt.StatusInformation)
    assert (found.result_code, found.amount_minor) == (0, 1250)
    assert found.undecoded[0].why == "the length says 3 bytes and 9 came"


def test_extended_lengths_are_low_byte_first() -> None:
    line = Apdu(0x06D1, bytes((0x40,)) + b"x" * 300)
    raw = apdu.encode(line)
    assert raw[:5] == bytes((0x06, 0xD1, 0xFF, 0x2D, 0x01))
    assert apdu.encode(Apdu(0x06D1, b"x" * 254))[:3] == bytes((0x06, 0xD1, 254))
    assert apdu.encode(Apdu(0x06D1, b"x" * 255))[:5] == bytes((0x06, 0xD1, 0xFF, 0xFF, 0x00))
    (event,) = TcpReader().feed(raw)
    assert event == Received(line)
    with pytest.raises(ValueError, match="65,535"):
        apdu.encode(Apdu(0x06D1, bytes(65_536)))


def test_the_second_byte_of_an_intermediate_status_is_minutes_unless_a_container_closes_there() -> None:
    six_minutes = parse(of(0x04FF, "04 06"))
    assert isinstance(six_minutes, zvt.IntermediateStatus)
    assert six_minutes.timeout_minutes == 6
    container = parse(of(0x04FF, "17 06 06 1F73 03 000002"))
    assert isinstance(container, zvt.IntermediateStatus)
    assert (container.timeout_minutes, container.message_id) == (None, "000002")


def test_a_container_behind_printed_text_is_no_text() -> None:
    line = parse(of(0x06D1, "40 2A2A 06 04 1F07 01 02"))
    assert isinstance(line, zvt.PrintLine)
    assert (line.text, line.receipt_type) == ("**", "customer")
    other = parse(
        of(0x06D1, "00 41 06 02 42 43")
    )  # closes as a container, and holds nothing that is for paper
    assert isinstance(other, zvt.PrintLine)
    assert other.text == "A\x06\x02BC"


@pytest.mark.parametrize(
    ("attribute", "last"), [(0x81, True), (0x8F, True), (0x80, False), (0xFF, False), (0x40, False)]
)
def test_bit_7_ends_a_receipt_but_for_80_and_ff(attribute: int, last: bool) -> None:
    line = parse(of(0x06D1, f"{attribute:02x}"))
    assert isinstance(line, zvt.PrintLine)
    assert line.line.last is last


def test_a_block_names_its_receipt_its_lines_and_what_they_look_like() -> None:
    block = parse(
        of(0x06D3, "06 1C 1F07 01 02 1F37 01 83 25 0F 0901 40 0702 4142 0700 0901 81 0701 43 14 01 02")
    )
    assert isinstance(block, zvt.PrintBlock)
    assert (block.receipt_type, block.signature, block.positive) == ("customer", True, True)
    assert [(line.attribute, line.text) for line in block.lines] == [(0x40, "AB"), (0x40, ""), (0x81, "C")]
    assert block.last
    assert block.charset == "iso8859_2"


def test_the_registration_may_have_no_currency_and_an_empty_container() -> None:
    found = parse(of(0x0600, "123456 BE 0600"))
    assert isinstance(found, zvt.Registration)
    assert (found.currency, found.tlv) == (None, ())
    short = parse(of(0x0600, "1234"))
    assert isinstance(short, zvt.Unknown)


def test_the_terminal_status_stands_alone_behind_a_version_or_before_a_container() -> None:
    for data in ("DC", "F0F0F1 31 DC", "DC 06 00"):
        found = parse(of(0x060F, data))
        assert isinstance(found, zvt.Completion)
        assert found.terminal_status == 0xDC
    fields = parse(of(0x060F, "19 03 29 29001006"))
    assert isinstance(fields, zvt.Completion)
    assert (fields.terminal_status, fields.initialisation_needed, fields.diagnosis_needed) == (
        None,
        True,
        True,
    )


def test_an_abort_with_its_code_as_a_field_is_understood() -> None:
    found = parse(of(0x061E, "276C"))
    assert isinstance(found, zvt.Abort)
    assert found.result_code == 0x6C


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("8194E1", "cp437", "üöß"),
        ("FCF6DF", "iso8859_1", "üöß"),
        ("7D7C7E", "din66003", "üöß"),
        ("C3BCC3B6C39F", "utf_8", "üöß"),
        ("8194E1", "auto", "üöß"),
        ("48C44E44", "auto", "HÄND"),
        ("C3BC", "auto", "ü"),
        ("C4C4C4", "auto", "───"),
        ("FF", "ascii", "�"),
        ("C3", "utf_8", "�"),
        ("E4", "no such set", "ä"),
    ],
)
def test_text_is_read_in_the_set_of_the_setting_and_never_fails(data: str, charset: str, text: str) -> None:
    line = parse(of(0x06D1, "00" + data), charset)
    assert isinstance(line, zvt.PrintLine)
    assert line.text == text


def test_a_block_that_names_its_set_goes_before_the_setting() -> None:
    line = parse(of(0x06D1, "00 E4 06 03 14 01 01"), "cp437")
    assert isinstance(line, zvt.PrintLine)
    assert line.text == "ä"


@pytest.mark.parametrize(
    "start",
    [("10020600", "serial-frames"), ("160301", "tls"), ("150300", "tls"), ("150369", "other-protocol")],
)
def test_other_protocols_are_named(start: tuple[str, str]) -> None:
    (event,) = TcpReader().feed(bytes.fromhex(start[0]))
    assert isinstance(event, zvt.NotZvt)
    assert event.protocol == start[1]


def test_after_another_protocol_nothing_is_read_until_a_new_connection() -> None:
    reader = TcpReader()
    (event,) = reader.feed(b"VER 1.0 card 4111111111111111\r\n")
    assert isinstance(event, zvt.NotZvt)
    assert (event.protocol, event.sample) == ("text", "VER 1.0 card ************1111")
    assert reader.feed(bytes.fromhex("040F022700")) == []
    reader.reset()
    assert len(reader.feed(bytes.fromhex("040F022700"))) == 1


def test_a_message_that_trips_the_reader_is_still_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("4111111111111111")

    monkeypatch.setattr("drivers.card.zvt.reading.split", broken)
    found = zvt.read(Apdu(0x040F, bytes.fromhex("2700")))
    assert isinstance(found, zvt.StatusInformation)
    assert not found.approved
    assert "4111" not in repr(found)


def test_card_data_and_what_is_not_understood_are_never_written() -> None:
    for other in (zvt.Other(0x22, "pan", "41"), zvt.Other(0x0E, "expiry", "2512"), zvt.Other(0x5E, "", "")):
        with pytest.raises(zvt.RefusedError, match="never sent"):
            zvt.write(zvt.Authorisation(amount_minor=1, others=(other,)))
    with pytest.raises(zvt.RefusedError, match="1f08"):
        zvt.write(zvt.Authorisation(amount_minor=1, tlv=(zvt.Tlv(0x1F08, b"4111"),)))
    with pytest.raises(zvt.RefusedError, match="line_1"):
        zvt.write(zvt.DisplayText(line_1="4111 1111 1111 1111"))
    with pytest.raises(zvt.RefusedError, match="not known"):
        zvt.write(zvt.Unknown(code=0x06C0))
    with pytest.raises(zvt.RefusedError, match="could not be read"):
        zvt.write(status("2700 5E"))


@pytest.mark.parametrize(
    "wrong",
    [
        zvt.Authorisation(amount_minor=-1),
        zvt.Authorisation(amount_minor=10**12),
        zvt.Authorisation(currency=99999),
        zvt.Registration(password="12345", config_byte=0xBE),
        zvt.Registration(password="12345x", config_byte=0xBE),
        zvt.Registration(password="123456", config_byte=0x1BE),
        zvt.Nack(error_code=0x100),
        zvt.SetTime(date_yymmdd="1", time_hhmmss="140507"),
        zvt.PrintLine(attribute=0, text="漢"),
        zvt.DisplayText(line_1="x" * 100),
    ],
)
def test_what_does_not_fit_its_field_is_not_written(wrong: zvt.Message) -> None:
    with pytest.raises(ValueError, match=r".+"):
        zvt.write(wrong)


def test_an_offer_of_a_registration_is_what_terminals_expect() -> None:
    sent = zvt.write(
        zvt.Registration(
            password="123456",
            config_byte=0xBE,
            currency=978,
            service_byte=1,
            tlv=zvt.offer(columns=32, max_apdu=4096, charset="cp437", message_ids=True),
        )
    )
    assert sent.data.hex() == (
        "123456be097803010618" + "120132" + "1a021000" + "26040a0206d3" + "27031401ff" + "1f7303000000"
    )
    with pytest.raises(ValueError, match="character set"):
        zvt.offer(charset="din66003")


def test_the_rest_of_a_message_with_a_wrong_length_shows_no_digits() -> None:
    line = b"Nr 4111111111111111"
    (event,) = TcpReader().feed(bytes((0x06, 0xD1, 8, 0x40)) + line)
    assert isinstance(event, zvt.NotZvt)
    assert event.protocol == "out-of-step"
    assert "31" not in event.sample


def test_totals_that_are_none_show_no_digits() -> None:
    found = status("2700 60 F0F0F8 4111111111111111")
    assert found.totals is None
    assert found.undecoded[0].field == 0x60
    assert "11" not in repr(found)


def test_a_password_is_not_in_the_repr_of_a_message() -> None:
    sent = zvt.Registration(password="482915", config_byte=0xBE, currency=978)
    assert repr(sent) == "Registration(password=hidden, config_byte=190, currency=978)"
    assert "482915" not in str(sent.__rich_repr__())
