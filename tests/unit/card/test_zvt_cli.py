"""`tresen zvt decode`."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pos.cli import main
from tests.unit.card.vectors import names, vector

DECLINED = "04 0F 07 27 05 29 29 00 12 34"


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["zvt", "decode", *words], input=typed)


def answer(*words: str) -> list[dict[str, Any]]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return found


def test_a_message_is_told_with_its_fields_amounts_and_words() -> None:
    (found,) = answer("06 01 0A 04 00 00 00 01 10 00 49 09 78")
    assert (found["command"], found["amount_minor"], found["currency"]) == ("authorisation", 11000, 978)
    (found,) = answer(DECLINED)
    assert (found["result_code"], found["approved"], found["terminal_id"]) == (5, False, "29001234")
    assert found["result_text"].startswith("declined")


def test_people_read_the_same() -> None:
    done = run(DECLINED)
    assert done.exit_code == 0
    assert "04 0F  status_information, 7 bytes" in done.output
    assert "29001234" in done.output


def test_several_frames_come_with_ack_and_nak_between_them() -> None:
    found = answer("06", "1002 8000 0010 03F51F", "15", "1002 849C 0010 03C341 06")
    assert [item["kind"] for item in found] == ["ack", "message", "nak", "message", "ack"]
    assert found[3]["error_text"] == "please wait"


def test_the_transport_is_found_out_and_can_be_told() -> None:
    frame = "10028000001003F51F"
    assert json.loads(run(frame, "--json").stdout)["transport"] == "serial"
    assert json.loads(run("800000060F00", "--json").stdout)["transport"] == "tcp"
    assert json.loads(run("06", "--json").stdout)["transport"] == "serial"
    forced = run(frame, "--json", "--transport", "tcp")
    assert forced.exit_code == 1
    assert json.loads(forced.stdout)["messages"][0]["protocol"] == "serial-frames"


def test_one_message_alone_may_be_cut_off() -> None:
    (found,) = answer("--transport", "apdu", "04 0F 44 27 6C 04 00 00 00 00 12 00")
    assert (found["result_code"], found["amount_minor"]) == (0x6C, 1200)
    assert "68 bytes" in found["undecoded"][0]["why"]
    assert json.loads(run("04", "--transport", "apdu", "--json").stdout)["messages"] == [
        {"kind": "incomplete", "bytes_present": 1}
    ]


def test_a_stream_that_ends_in_a_message_says_what_was_there() -> None:
    done = run("800000 040F4427 6C04000000001200", "--json")
    first, rest = json.loads(done.stdout)["messages"]
    assert first["kind"] == "message"
    assert (rest["kind"], rest["data_length"], rest["bytes_present"]) == ("incomplete", 68, 9)
    assert rest["amount_minor"] == 1200


@pytest.mark.parametrize("typed", ["06XX", "0", "", "hello", "06 0"])
def test_what_is_no_hex_is_told_in_one_sentence(typed: str) -> None:
    done = run(typed)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "hexadecimal" in done.stderr
    assert "hello" not in done.output


def test_hex_may_come_as_tools_print_it_and_from_standard_input() -> None:
    assert answer("0x80 0x00 0x00")[0]["command"] == "positive_acknowledgement"
    assert answer("80:00:00")[0]["command"] == "positive_acknowledgement"
    done = run("-", "--json", typed="80 00\n00\n")
    assert json.loads(done.stdout)["messages"][0]["command"] == "positive_acknowledgement"


def test_another_protocol_is_named_and_the_exit_code_says_so() -> None:
    done = run("56 45 52 20 31 2E 30")
    assert done.exit_code == 1
    assert "VER 1.0" in done.output


def test_an_unknown_charset_is_told() -> None:
    assert run(DECLINED, "--charset", "ebcdic").exit_code == 2
    (found,) = answer("06D10200E4", "--charset", "cp437")
    assert found["text"] == "Σ"


@pytest.mark.parametrize("name", names("serial", "tcp", "tcp-session"))
def test_every_vector_is_told_with_both_forms(name: str) -> None:
    entry = vector(name)
    done = run(entry["hex"], "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["transport"] == ("serial" if entry["transport"] == "serial" else "tcp")
    assert run(entry["hex"]).exit_code == 0
    if entry.get("pci_trap"):
        for digits in ("5966666666", "20021220100", "0512"):
            assert digits not in done.output + run(entry["hex"]).output


def test_card_data_is_in_neither_form() -> None:
    raw = (
        "2700 22F0F84111111111111111 23F1F34111111111111111D251220100 0E2512 3A0123"
        "2DF1F0 42343131313131313131"
        "060F 1F0808 4111111111111111 5A02 4111"
    )
    data = bytes.fromhex(raw.replace(" ", ""))
    raw = f"040F{len(data):02X}{data.hex()}"
    for form in ((), ("--json",)):
        output = run(raw, *form).output
        assert "4111111" not in output
        assert "2512" not in output
        assert "1111" in output  # the last four
    (found,) = answer(raw)
    assert found["masked"] == ["pan", "track_2", "expiry", "cvv", "track_1", "card_data"]
    assert found["pan_last4"] == "1111"
