"""The terminal's bytes against those of real terminals: where the vectors have a case, the terminal sends the same bytes."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.virtual import VirtualLoop, run_virtual
from tests.simulators.terminal import Setup, Terminal
from tests.simulators.terminal.cards import Card
from tests.simulators.terminal.memory import Transaction
from tests.simulators.terminal.papers import Line, Paper, block, print_line
from tests.simulators.terminal.statuses import Identity, completion, declined, intermediate, status, totals
from tests.simulators.terminal.till import REGISTER, connected
from tests.simulators.terminal.wire import apdu, crc, fields_of, frame, split_apdu, tags_of

FILE = Path(__file__).parents[3] / "shared" / "data" / "zvt_vectors.json"
MASTERCARD = Card("Debit Mastercard", "5555555555554771", 0x2E, 0x70, "A0000000041010", "", 2)
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the vectors are not on this machine")


@functools.cache
def _vectors() -> dict[str, dict[str, Any]]:
    return {vector["name"]: vector for vector in json.loads(FILE.read_text(encoding="utf-8"))}


def vector(name: str) -> str:
    return str(_vectors()[name]["hex"])


def said(command: str, *before: str, setup: Setup | None = None, **customer: Any) -> list[str]:
    """What a terminal says to a command, after a registration and others."""

    async def main(_loop: VirtualLoop) -> list[str]:
        terminal = Terminal(setup)
        for name, value in customer.items():
            setattr(terminal.customer, name, value)
        terminal.start()
        _, till = connected(terminal)
        for earlier in before:
            await till.run(earlier)
        heard = await till.run(command)
        terminal.stop()
        return heard

    return run_virtual(main)


def setup_of(terminal_id: str, **more: Any) -> Setup:
    return Setup(identity=Identity(terminal_id, "100461763"), faults=False, **more)


PAY = "06010A04000000001200490978"


def test_registrations_end_as_those_of_real_terminals() -> None:
    plain = said("060006000000BE0978")
    assert plain[-1] == vector("completion_registration")
    asked = vector("registration_with_msgseqid_request")
    heard = said(asked, setup=setup_of("65000028", tags=()))
    assert heard[-1] == vector("completion_registration_without_msgseqid")
    heard = said(vector("registration_full_tlv"), setup=setup_of("52001233", tags=(), blocks=False))
    assert heard[-1] == vector("completion_registration_charset")
    assert said("060006000000BE0840") == [vector("registration_wrong_currency")]


def test_what_a_payment_brings_is_what_real_terminals_send() -> None:
    heard = said(PAY, REGISTER, setup=setup_of("28004869"), stops=True)
    assert vector("status_abort_by_customer") in heard
    assert heard[-1] == vector("abort_6c")
    assert vector("intermediate_insert_card") in heard
    heard = said(PAY, REGISTER, setup=setup_of("29001006"), says=5, card=3)
    assert vector("status_declined_karte_abgelehnt") in heard
    assert heard[-1] == vector("completion_empty")
    assert heard[0] == vector("ecr_ack")
    assert said("06C00105", REGISTER) == [vector("nack_function_not_possible")]


def test_enquiries_end_as_those_of_real_terminals() -> None:
    assert frame(bytes.fromhex(said("050103000000")[-1])).hex().upper() == vector(
        "serial_completion_sw_version"
    )
    other = Setup(identity=Identity(version="061022a M IC_ Std"))
    assert frame(bytes.fromhex(said("050103000000", setup=other)[-1])).hex().upper() == vector(
        "serial_completion_sw_version_ingenico_i5310"
    )
    inside = Setup(terminal_status=0xDC)
    assert said("0501050000000302", setup=inside)[-1] == vector("completion_status_enquiry_card_inserted")
    nothing = said(vector("open_pre_authorisations_enquiry"), REGISTER)
    assert nothing[-1] == vector("abort_no_open_pre_authorisations")


@pytest.mark.parametrize(
    ("name", "trace", "time", "auth"),
    [
        ("status_payment_ok_20_40_a", 470, "223953", "611804"),
        ("status_payment_ok_20_40_b", 463, "210443", "978539"),
    ],
)
def test_the_status_of_a_payment_is_that_of_a_real_terminal(
    name: str, trace: int, time: str, auth: str
) -> None:
    who = Identity("28004869", "100461763", expiry="2512")
    tx = Transaction("sale", 0, 2040, trace, trace, trace, "1006", time, auth=auth)
    assert status(tx, who, with_tags=False, card=MASTERCARD).hex().upper() == vector(name)


def test_the_status_with_tags_is_that_of_a_real_terminal() -> None:
    name = "status_payment_ok_0_01_tlv"
    card = Card("Debit Mastercard", "5555555555555726", 0x2E, 0x70, "A0000000041010", "", 2)
    found = split_apdu(bytes.fromhex(vector(name)))
    assert found is not None
    (tags,) = [content for number, content in fields_of(found[1]) if number == 0x06]
    proof = dict(tags_of(tags))["46"].decode().split(" ")[1]
    who = Identity("29001006", "100764992", brief=True)
    tx = Transaction(
        "sale", 0, 1, 22, 22, 22, "0308", "164923", auth="291675", cryptogram=proof, entry=2, cvm=0
    )
    assert status(tx, who, with_tags=True, card=card).hex().upper() == vector(name)
    name = "status_reversal_ok_1_00_tlv"
    found = split_apdu(bytes.fromhex(vector(name)))
    assert found is not None
    (tags,) = [content for number, content in fields_of(found[1]) if number == 0x06]
    proof = dict(tags_of(tags))["46"].decode().split(" ")[1]
    who = Identity("28004869", "100461763", brief=True, expiry="2512")
    tx = Transaction(
        "reversal", 0, 100, 607, 607, 607, "0201", "154858",
        original_trace=606, auth="715691", cryptogram=proof, entry=2, cvm=0xFF,
    )  # fmt: skip
    assert status(tx, who, with_tags=True, card=MASTERCARD).hex().upper() == vector(name)


def test_short_statuses_totals_and_intermediate_statuses_are_those_of_real_terminals() -> None:
    made = {
        "status_abort_key_short": declined(0x6C, "29001006"),
        "status_system_error_amount_wrong": declined(0xFF, "28004869", "Betrag falsch"),
        "status_declined_abgelehnt_tlv": declined(5, "29000274", "Abgelehnt", 6),
        "status_minimal_ok": status(
            Transaction("sale", 0, 1, 1, 1, 1, "", "", fault="missing-fields"), Identity(), with_tags=True
        ),
        "status_end_of_day_totals": totals([(4, 2600), *[(0, 0)] * 6], 68, 71, "0331", "105937"),
        "completion_empty": completion(),
        "abort_card_not_readable": apdu("061E", b"\x64"),
        "intermediate_please_wait_0e": intermediate(0x0E),
        "intermediate_with_timeout_and_text": intermediate(
            0x0A, 1, ["Karte vorhalten\neinstecken/durchziehen"]
        ),
        "intermediate_karte_einstecken": intermediate(0x0A, 1, ["Bitte Karte einstecken"]),
        "intermediate_ff_two_lines": intermediate(0xFF, 10, ["EUR 1.23", "Bitte warten"]),
        "intermediate_cp437_umlauts": intermediate(0x0A, 1, ["Test ä ö ü ß"]),
        "print_line_centred_kassenschnitt": print_line(0x40, "** KASSENSCHNITT **", "cp437"),
        "print_line_empty": print_line(0x40, "", "cp437"),
        "print_line_last_line": print_line(0x81, "", "cp437"),
        "print_line_with_trailing_tlv_latin": print_line(
            0x40, "** HÄNDLERBELEG **", "iso8859-1", tail=bytes.fromhex("06041F070101")
        ),
        "print_line_cp437_umlauts": print_line(0, "Test ä ö ü ß", "cp437"),
        "print_line_latin1_umlauts": print_line(0, "Test ä ö ü ß", "iso8859-1"),
    }
    assert {name: message.hex().upper() for name, message in made.items()} == {
        name: vector(name) for name in made
    }


@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("print_block_customer_cp437", "customer"),
        ("print_block_merchant_cp437", "merchant"),
        ("print_block_admin_short_length81", "administration"),
    ],
)
def test_print_blocks_of_the_same_lines_are_the_same_bytes(name: str, paper: Paper) -> None:
    found = split_apdu(bytes.fromhex(vector(name)))
    assert found is not None
    inside = dict(tags_of(dict(fields_of(found[1]))[0x06]))
    lines: list[Line] = []
    attribute = 0
    for number, content in tags_of(inside["25"]):
        if number == "09":
            attribute = content[0]
            if attribute == 0x81:
                lines.append((attribute, ""))
        else:
            lines.append((attribute, content.decode("cp437")))
    assert block(paper, lines, "cp437").hex().upper() == vector(name)


def test_frames_of_the_serial_line_are_those_of_the_vectors() -> None:
    serial = [one for one in _vectors().values() if one["transport"] == "serial" and "apdu_hex" in one]
    assert len(serial) > 10
    for one in serial:
        message = bytes.fromhex(one["apdu_hex"])
        assert frame(message).hex().upper() == one["hex"], one["name"]
        if "crc_bytes_on_wire" in one:
            assert crc(message + b"\x03").hex(" ").upper() == one["crc_bytes_on_wire"]
