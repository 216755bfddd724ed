"""Every public vector as it is annotated, both ways."""

import re
from typing import Any

import pytest

from drivers.card import zvt
from drivers.card.zvt import Apdu, Received, SerialReader, TcpReader, apdu, fields, tlv
from drivers.card.zvt.facts import facts
from drivers.card.zvt.layouts import split
from drivers.card.zvt.reading import parse
from tests.unit.card.vectors import names, vector

# What the annotations say for readers, and card data that is never handed out.
PROSE = {"note", "effect", "must", "trap", "pan_rule", "contains", "first_lines", "fragments", "text_de"}
NEVER = {"pan_field_raw", "expiry_yymm"}
CHARSETS = {"print_line_latin1_umlauts": "iso8859_1", "print_line_with_trailing_tlv_latin": "iso8859_1"}


def received(entry: dict[str, Any]) -> Apdu:
    raw = bytes.fromhex(entry["hex"])
    events = (SerialReader() if entry["transport"] == "serial" else TcpReader()).feed(raw)
    (event,) = events
    assert isinstance(event, Received)
    return event.apdu


def annotated(meaning: dict[str, Any], found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs, by name: (annotated, found)."""
    wrong = {}
    for name, wanted in meaning.items():
        got = found.get(name)
        if name in PROSE or name in NEVER or got == wanted:
            continue
        if name == "pan_masked" and wanted is not None and str(got)[-4:] == wanted[-4:]:
            continue  # of the number we keep the last four; how many stars there were, we do not
        if name == "charset":
            assert {"cp437": "CP437", "iso8859_1": "ISO 8859-1"}.get(str(got), "Latin") in wanted or (
                "Latin" in wanted
            )
            continue
        if name == "charset_used_by_terminal" and found["charset"] in {wanted, "iso8859_1"}:
            continue  # in German letters 8859-1 and 8859-15 are the same
        if name in {"line1", "line2"} and found.get(name.replace("line", "line_")) == wanted:
            continue
        if name == "timeout_s" and {"field": "00", "name": "timeout", "data": f"{wanted:02x}"} in found.get(
            "other_fields", []
        ):
            continue
        if name == "display_text" and got == [wanted]:
            continue
        if name == "text_en" and wanted.strip(".").lower() == found["text"]:
            continue
        if name == "receipt_information_1F37" and found["receipt_information"] == int(wanted, 16):
            continue
        if name == "approved" and found["command"] == "completion" and not wanted:
            continue  # a completion says nothing about a payment
        if name == "last_block" and found["last_block"] is wanted:
            continue
        wrong[name] = (wanted, got)
    return wrong


@pytest.mark.parametrize("name", names("serial", "tcp"))
def test_every_vector_is_read_as_annotated(name: str) -> None:
    entry = vector(name)
    message = received(entry)
    meaning = entry["meaning"]
    found = facts(message, CHARSETS.get(name, "auto"))
    assert annotated(meaning, found) == {}
    first = meaning.get("first_lines", [])
    assert found.get("lines", [])[: len(first)] == first
    for line in meaning.get("contains", ()):
        assert line in found["lines"]
    assert "undecoded" not in found


@pytest.mark.parametrize("name", names("serial"))
def test_frames_are_written_byte_for_byte(name: str) -> None:
    entry = vector(name)
    raw = bytes.fromhex(entry["apdu_hex"])
    assert zvt.frame(raw).hex().upper() == entry["hex"]
    if not entry.get("pci_trap"):
        assert zvt.frame(received(entry)).hex().upper() == entry["hex"]


@pytest.mark.parametrize("name", names("serial", "tcp"))
def test_what_was_read_has_the_same_bytes_but_for_what_is_masked(name: str) -> None:
    entry = vector(name)
    raw = bytes.fromhex(entry.get("apdu_hex", entry["hex"]))
    message = received(entry)
    again = apdu.encode(message)
    assert len(again) == len(raw)
    layout = split(message.command, message.data)
    hidden = {
        place
        for field in layout.fields
        if fields.FIELDS[field.tag].seen in {"nothing", "card-number"}
        for place in range(field.start, field.end)
    }
    start = len(raw) - len(message.data)
    assert {at - start for at in range(len(raw)) if raw[at] != again[at]} <= hidden


@pytest.mark.parametrize("name", names("serial", "tcp"))
def test_fields_and_containers_are_written_byte_for_byte(name: str) -> None:
    message = received(vector(name))
    layout = split(message.command, message.data)
    parts = [(field.tag, message.data[field.start : field.end]) for field in layout.fields]
    heads = message.data[: layout.fields[0].at] if layout.fields else message.data
    assert heads + fields.join(parts) == message.data
    for container in layout.containers:
        values = tlv.tree(message.data, container.nodes)
        assert tlv.encode(values) == message.data[container.nodes[0].at : container.end] if values else True


@pytest.mark.parametrize("name", names("serial", "tcp"))
def test_messages_are_written_as_they_were_read(name: str) -> None:
    """Requests byte for byte, but for the order of fields; what terminals say with all that it means."""
    entry = vector(name)
    message = received(entry)
    read = parse(message)
    if isinstance(read, zvt.Unknown):
        with pytest.raises(zvt.RefusedError):
            zvt.write(read)
        return
    charset = read.charset if read.charset != "auto" else "cp437"
    written = zvt.write(read, charset)
    assert written.command == message.command
    if entry["direction"] != "PT->ECR":
        assert sorted(written.data) == sorted(message.data)
    again = parse(written, charset)
    hidden = {"masked", "charset", "pan_last4", "authorisation_attribute"}
    for field in read.__struct_fields__:
        if field not in hidden:
            assert getattr(again, field) == getattr(read, field), field


def test_a_length_that_is_too_large_is_waited_for() -> None:
    entry = vector("status_abort_timeout_truncated")
    reader = TcpReader()
    assert reader.feed(bytes.fromhex(entry["hex"])) == []
    assert reader.inside
    assert reader.rest is not None
    found = facts(reader.rest)
    for name, wanted in entry["meaning"]["fields"].items():
        assert found[name] == wanted


@pytest.mark.parametrize("name", names("tcp", invalid=True))
def test_what_is_wrong_is_never_given_out_as_if_it_were_right(name: str) -> None:
    entry = vector(name)
    reader = TcpReader()
    events = reader.feed(bytes.fromhex(entry["hex"]))
    if name == "status_end_of_day_corrupt_must_reject":
        (event,) = events
        assert isinstance(event, Received)
        status = parse(event.apdu)
        assert isinstance(status, zvt.StatusInformation)
        assert (status.amount_minor, status.totals) == (2600, None)
        assert status.undecoded[0].field == 0x60
        assert "5d" not in re.findall("..", status.undecoded[0].data)
        assert entry["hex"].lower()[-80:] not in status.undecoded[0].data
    elif name.endswith("must_reject"):
        (event,) = events
        assert isinstance(event, zvt.NotZvt)
        assert event.protocol == "out-of-step"
    else:
        assert events == []
        assert reader.inside


def test_fragments_are_one_message_after_the_last_of_them() -> None:
    entry = vector("tcp_fragmented_print_block")
    reader = TcpReader()
    *first, last = entry["meaning"]["fragments"]
    for fragment in first:
        assert reader.feed(bytes.fromhex(fragment)) == []
    assert len(reader.feed(bytes.fromhex(last))) == 1


@pytest.mark.parametrize("name", names("tcp-session"))
def test_sessions_are_read_to_their_end_and_only_a_status_says_approved(name: str) -> None:
    entry = vector(name)
    meaning = entry["meaning"]
    reader = TcpReader()
    found = [
        parse(event.apdu) for event in reader.feed(bytes.fromhex(entry["hex"])) if isinstance(event, Received)
    ]
    assert not reader.inside
    assert not reader.spoilt
    states = [message for message in found if isinstance(message, zvt.StatusInformation)]
    assert isinstance(found[-1], zvt.Completion)
    assert not any(message.undecoded for message in found)
    approved = states[-1].approved if states else None
    if "approved" in meaning:
        assert approved is meaning["approved"]
    wanted = meaning.get("last_transaction", meaning)
    for field in ("amount_minor", "receipt_no", "trace_no", "terminal_id", "card_name", "result_code"):
        if field in wanted:
            assert getattr(states[-1], field) == wanted[field]
    if "lines" in meaning:
        assert [m.text for m in found if isinstance(m, zvt.PrintLine)] == meaning["lines"]
    for step in entry["steps"]:
        raw = bytes.fromhex(step["hex"])
        message = apdu.received(raw)
        assert message is not None
        if step["from"] == "ECR":
            assert apdu.encode(zvt.write(parse(message))) == raw


def test_the_trap_leaves_its_digits_nowhere() -> None:
    entry = vector("serial_status_info_payment_40eur_unmasked_track")
    message = received(entry)
    status = parse(message)
    shown = " ".join(
        (repr(message), message.data.hex(), repr(status), str(facts(message)), zvt.frame(message).hex())
    )
    for digits in ("5966666666", "20021220100", "6666", "0512"):
        assert digits not in shown
    assert isinstance(status, zvt.StatusInformation)
    assert status.pan_last4 is None
    assert status.masked == ("pan", "expiry")
    assert status.approved
