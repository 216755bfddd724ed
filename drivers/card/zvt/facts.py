"""What is in a capture, as plain values for JSON and for people: masked, every name a word."""

from typing import Any

import msgspec

from drivers.card.zvt import codes, messages, tlv
from drivers.card.zvt.apdu import Apdu
from drivers.card.zvt.layouts import NAMES
from drivers.card.zvt.messages import Message
from drivers.card.zvt.reading import read
from drivers.card.zvt.tlv import Tlv

__all__ = ["command_name", "facts"]

_BASE = frozenset(Message.__struct_fields__)
_CONFIG = (
    ("ecr_prints_payment_receipt", 0x02),
    ("ecr_prints_admin_receipt", 0x04),
    ("intermediate_status", 0x08),
    ("ecr_controls_payment", 0x10),
    ("ecr_controls_admin", 0x20),
    ("print_lines_via_06D1", 0x80),
)


def command_name(command: int) -> str:
    if command >> 8 == 0x84:
        return "negative_acknowledgement"
    return NAMES.get(command, "unknown")


def facts(apdu: Apdu, charset: str = "auto") -> dict[str, Any]:
    """One message: its command, its fields by name, amounts in minor units, codes with their words, texts."""
    message = read(apdu, charset)
    found: dict[str, Any] = {
        "class": f"{apdu.command >> 8:02X}",
        "instr": f"{apdu.command & 0xFF:02X}",
        "command": command_name(apdu.command),
        "data_length": len(apdu.data) if apdu.declared is None else apdu.declared,
        "extended_length": (len(apdu.data) if apdu.declared is None else apdu.declared) > 0xFE,
    }
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if name not in _BASE and value is not None and value not in ((), ""):
            found[name] = msgspec.to_builtins(value)
    found |= {name: value for name, value in _derived(message).items() if value is not None}
    if message.tlv is not None and not isinstance(message, messages.PrintBlock):
        found["tlv"] = tree(message.tlv)
    if message.others:
        found["other_fields"] = [
            {"field": f"{other.field:02X}", "name": other.name, "data": other.data}
            for other in message.others
        ]
    if message.masked:
        found["masked"] = list(message.masked)
    if message.undecoded:
        found["undecoded"] = [
            {
                "why": lost.why,
                "bytes": lost.size,
                "data": lost.data,
                **({} if lost.field is None else {"field": f"{lost.field:02X}"}),
            }
            for lost in message.undecoded
        ]
    return found


def tree(values: tuple[Tlv, ...]) -> list[Any]:
    """Each value as its tag and its content: hexadecimal, or the list of what is in it."""
    return [
        [tlv.tag_name(value.tag), value.value.hex() if value.children is None else tree(value.children)]
        for value in values
    ]


def _derived(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {
        "display_text": list(message.display_texts) or None,
        "message_id": message.message_id,
        "extended_error_code": message.extended_error_code,
        "extended_error_text": message.extended_error_text,
    }
    if isinstance(message, messages.StatusInformation):
        found |= _status(message)
    elif isinstance(message, messages.IntermediateStatus):
        found |= {"text": message.text, "charset": message.charset if message.display_texts else None}
    elif isinstance(message, messages.Registration):
        found |= {
            "config_bits": {name: bool(message.config_byte & bit) for name, bit in _CONFIG},
            "printer_width_chars": message.printer_columns,
            "max_apdu": message.max_apdu,
            "charset": message.offered_charset,
            "permitted_commands": list(message.permitted_commands) or None,
            "languages": [value.value.decode("ascii", "replace") for value in tlv.every(message.tlv, 0x15)]
            or None,
        }
    elif isinstance(message, messages.Completion):
        found |= _completion(message)
    elif isinstance(message, messages.Abort):
        found["result_text"] = message.result_text
        if message.receipts or message.open_receipts:
            found["open_receipts"] = list(message.open_receipts)
    elif isinstance(message, messages.Nack):
        found |= {"error_text": message.error_text, "result_text": message.result_text}
    elif isinstance(message, messages.PartialReversal) and message.receipt_no == messages.OPEN_RECEIPTS:
        found["receipt_no"] = "FFFF"
    elif isinstance(message, messages.PrintLine):
        found |= {"text": message.text, "receipt_type": message.receipt_type, "charset": message.charset}
        found |= _line(message.line)
    elif isinstance(message, messages.PrintBlock):
        found |= {
            "receipt_type": message.receipt_type,
            "receipt_information": message.receipt_information,
            "signature": message.signature or None,
            "last_block": message.last,
            "charset": message.charset,
            "line_count": len(message.lines),
            "lines": [line.text for line in message.lines],
        }
    return found


def _line(line: messages.Printed) -> dict[str, Any]:
    return {
        "centred": line.centred or None,
        "double_width": line.double_width or None,
        "double_height": line.double_height or None,
        "last_line": line.last or None,
    }


def _completion(message: messages.Completion) -> dict[str, Any]:
    return {
        "result_text": None if message.result_code is None else codes.result_text(message.result_code),
        "terminal_status_text": None
        if message.terminal_status is None
        else codes.terminal_text(message.terminal_status),
        "permitted_commands": list(message.permitted_commands) or None,
        "charset": message.agreed_charset,
        "printer_width_chars": message.printer_columns,
        "max_apdu": message.max_apdu,
        "device_name": message.tag(0x1F40),
        "software": message.tag(0x1F41),
        "serial_number": (message.tag(0x1F42) or "").upper() or None,
        "terminal_id_tlv": message.tag(0x1F44),
        "terminal_date": message.tag(0x1F0E),
        "terminal_time": message.tag(0x1F0F),
        "msgseqid_supported": None if message.tlv is None else message.message_id is not None,
    }


def _status(message: messages.StatusInformation) -> dict[str, Any]:
    by_card, technology = message.cardholder_authentication, message.card_technology
    return {
        "approved": None if message.result_code is None else message.approved,
        "result_text": message.result_text,
        "pan_masked": None if message.pan_last4 is None else f"************{message.pan_last4}",
        "card_kind": codes.CARD_KINDS.get(message.card_type or -1),
        "application_id": message.application_id,
        "application_name": message.application_name,
        "cardholder_authentication": None if by_card is None else codes.cardholder_text(by_card),
        "card_technology": None if technology is None else codes.technology_text(technology),
        "online": message.online,
        "emv_receipt_data": message.emv_customer,
        "emv_receipt_data_merchant": message.emv_merchant,
        "long_trace_number": message.long_trace_number,
        "tip_minor": message.tip_minor,
        "cashback_minor": message.cashback_minor,
        "receipt_information": message.receipt_information,
        "receipt_parameter": message.receipt_parameter,
        "signature": message.signature or None,
    }
