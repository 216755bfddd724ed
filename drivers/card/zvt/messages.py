"""Messages as objects: what is in the fields by name, what is in the TLV container by properties.

What a terminal sends may lack anything: every field can be None. Amounts are in minor units, always positive. Numbers
of receipts, traces and turnovers count up to 9999 or 999999 and begin anew. No object holds card data beyond the last
four digits; `masked` names the fields that held some, `undecoded` what could not be read.
"""

from typing import Any, ClassVar, Final

import msgspec

from drivers.card.zvt import charsets, codes, tlv
from drivers.card.zvt.fields import TLVS
from drivers.card.zvt.tlv import Tlv
from drivers.card.zvt.values import Totals
from drivers.card.zvt.values import read as read_value

__all__ = [
    "OPEN_RECEIPTS",
    "Abort",
    "AbortCommand",
    "Ack",
    "Authorisation",
    "BookTip",
    "BookTotal",
    "Completion",
    "Diagnosis",
    "DisplayText",
    "EndOfDay",
    "Initialisation",
    "IntermediateStatus",
    "LogOff",
    "Message",
    "Nack",
    "Other",
    "PartialReversal",
    "PreAuthorisation",
    "PreAuthorisationReversal",
    "PrintBlock",
    "PrintLine",
    "Printed",
    "Refund",
    "Registration",
    "RepeatReceipt",
    "Reprint",
    "Reversal",
    "SetTime",
    "SetTimeHere",
    "StatusEnquiry",
    "StatusInformation",
    "TurnoverTotals",
    "Undecoded",
    "Unknown",
]

OPEN_RECEIPTS: Final = 0xFFFF
"""As receipt number of `PartialReversal`: which pre-authorisations are open?"""

_RECEIPTS: Final = {1: "merchant", 2: "customer", 3: "administration"}


class Undecoded(msgspec.Struct, frozen=True):
    """Bytes that could not be read. `data` is hexadecimal, with every run of digits taken out."""

    why: str
    size: int
    data: str
    field: int | None = None


class Other(msgspec.Struct, frozen=True):
    """A field that this kind of message does not name; `data` hexadecimal, masked."""

    field: int
    name: str
    data: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all have. `tlv` is None without a container, () with an empty one. `charset`: what texts were read with."""

    command: ClassVar[int] = 0
    heads: ClassVar[tuple[str, ...]] = ()
    tlv: tuple[Tlv, ...] | None = None
    others: tuple[Other, ...] = ()
    masked: tuple[str, ...] = ()
    undecoded: tuple[Undecoded, ...] = ()
    charset: str = charsets.AUTO

    def tag(self, tag: int) -> Any:
        """The value of the first TLV with this tag, as what it is; None without one."""
        found = tlv.find(self.tlv, tag)
        kind = TLVS.get(tag)
        if found is None or kind is None:
            return None
        return read_value(kind, found.value, self.charset)

    def texts_of(self, container: int, tag: int = 0x07) -> tuple[str, ...]:
        """The texts in a container, one a line."""
        found = tlv.find(self.tlv, container)
        return tuple(
            charsets.decode(value.value, self.charset).rstrip("\x00")
            for value in tlv.every(found.children if found is not None else None, tag)
        )

    @property
    def display_texts(self) -> tuple[str, ...]:
        """What the terminal shows, for the till to show too."""
        return self.texts_of(0x24)

    @property
    def message_id(self) -> str | None:
        """Six digits; a repeated message has the same."""
        found: str | None = self.tag(0x1F73)
        return found

    @property
    def extended_error_code(self) -> str | None:
        """The maker's own code, hexadecimal."""
        found: str | None = self.tag(0x1F16)
        return found.upper() if found is not None else None

    @property
    def extended_error_text(self) -> str | None:
        found: str | None = self.tag(0x1F17)
        return found


class Unknown(Message, frozen=True, kw_only=True):
    """A command that is not spoken here; `code` is its number."""

    code: int = 0


# From the till.


class Registration(Message, frozen=True, kw_only=True):
    """06 00. Config bits: 02 till prints payments, 04 and administration, 08 wants states, 10 and 20 only the till
    starts payments and administration, 80 receipts come as lines. `tlv`: see `offer`.
    """

    command = 0x0600
    heads = ("password", "config_byte", "currency")
    password: str
    config_byte: int
    currency: int | None = None
    service_byte: int | None = None

    @property
    def printer_columns(self) -> int | None:
        found: int | None = self.tag(0x12)
        return found

    @property
    def max_apdu(self) -> int | None:
        found: int | None = self.tag(0x1A)
        return found

    @property
    def permitted_commands(self) -> tuple[str, ...]:
        return _commands(self.tlv)

    @property
    def offered_charset(self) -> str | None:
        return _named_charset(self.tlv)


class Authorisation(Message, frozen=True, kw_only=True):
    """06 01: a payment."""

    command = 0x0601
    max_status_infos: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    payment_type: int | None = None
    timeout: int | None = None
    receipt_no: int | None = None


class LogOff(Message, frozen=True, kw_only=True):
    """06 02. Answered with 80 00 00 alone."""

    command = 0x0602


class BookTip(Message, frozen=True, kw_only=True):
    """06 0C: a tip for a payment that is done."""

    command = 0x060C
    heads = ("password",)
    password: str | None = None
    amount_minor: int | None = None
    currency: int | None = None
    receipt_no: int | None = None


class TurnoverTotals(Message, frozen=True, kw_only=True):
    """06 10."""

    command = 0x0610
    heads = ("password",)
    password: str | None = None


class Reprint(Message, frozen=True, kw_only=True):
    """06 12."""

    command = 0x0612
    heads = ("password",)
    password: str | None = None


class RepeatReceipt(Message, frozen=True, kw_only=True):
    """06 20: the last transaction again. Service byte 03: as a status and without paper."""

    command = 0x0620
    heads = ("password",)
    password: str | None = None
    service_byte: int | None = None


class PreAuthorisation(Message, frozen=True, kw_only=True):
    """06 22."""

    command = 0x0622
    max_status_infos: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    payment_type: int | None = None
    timeout: int | None = None


class PartialReversal(Message, frozen=True, kw_only=True):
    """06 23: gives back what of a pre-authorisation is not used. With `OPEN_RECEIPTS`: which are open?"""

    command = 0x0623
    heads = ("password",)
    password: str | None = None
    receipt_no: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    payment_type: int | None = None


class BookTotal(Message, frozen=True, kw_only=True):
    """06 24: books what of a pre-authorisation was used."""

    command = 0x0624
    heads = ("password",)
    password: str | None = None
    receipt_no: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    payment_type: int | None = None


class PreAuthorisationReversal(Message, frozen=True, kw_only=True):
    """06 25: gives a whole pre-authorisation back."""

    command = 0x0625
    heads = ("password",)
    password: str | None = None
    receipt_no: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    payment_type: int | None = None


class Reversal(Message, frozen=True, kw_only=True):
    """06 30: takes a payment back that no end of day has settled yet."""

    command = 0x0630
    heads = ("password",)
    password: str | None = None
    receipt_no: int | None = None
    amount_minor: int | None = None
    currency: int | None = None


class Refund(Message, frozen=True, kw_only=True):
    """06 31: gives money to a card that is presented."""

    command = 0x0631
    heads = ("password",)
    password: str | None = None
    amount_minor: int | None = None
    currency: int | None = None


class EndOfDay(Message, frozen=True, kw_only=True):
    """06 50."""

    command = 0x0650
    heads = ("password",)
    password: str | None = None


class Diagnosis(Message, frozen=True, kw_only=True):
    """06 70."""

    command = 0x0670


class SetTime(Message, frozen=True, kw_only=True):
    """06 91: the till tells the terminal the time, YYMMDD and HHMMSS."""

    command = 0x0691
    date_yymmdd: str | None = None
    time_hhmmss: str | None = None


class Initialisation(Message, frozen=True, kw_only=True):
    """06 93."""

    command = 0x0693
    heads = ("password",)
    password: str | None = None


class AbortCommand(Message, frozen=True, kw_only=True):
    """06 B0: end what you are doing, if you can."""

    command = 0x06B0


class DisplayText(Message, frozen=True, kw_only=True):
    """06 E0."""

    command = 0x06E0
    display_seconds: int | None = None
    line_1: str | None = None
    line_2: str | None = None
    line_3: str | None = None
    line_4: str | None = None
    line_5: str | None = None
    line_6: str | None = None
    line_7: str | None = None
    line_8: str | None = None
    beeps: int | None = None


class StatusEnquiry(Message, frozen=True, kw_only=True):
    """05 01. Service byte 02: without the version, 04: with more in TLV."""

    command = 0x0501
    heads = ("password",)
    password: str | None = None
    service_byte: int | None = None


# From the terminal.


class StatusInformation(Message, frozen=True, kw_only=True):
    """04 0F: what came of it. Approved is result code 00 here and nothing else anywhere."""

    command = 0x040F
    result_code: int | None = None
    amount_minor: int | None = None
    currency: int | None = None
    trace_no: int | None = None
    original_trace_no: int | None = None
    time_hhmmss: str | None = None
    date_mmdd: str | None = None
    card_sequence_no: int | None = None
    payment_type: int | None = None
    pan_last4: str | None = None
    terminal_id: str | None = None
    vu_number: str | None = None
    authorisation_attribute: str | None = None
    additional_text: str | None = None
    receipt_no: int | None = None
    turnover_no: int | None = None
    card_type_id: int | None = None
    card_name: str | None = None
    network_card_type_id: int | None = None
    result_code_as: int | None = None
    totals: Totals | None = None

    @property
    def approved(self) -> bool:
        return self.result_code == 0

    @property
    def result_text(self) -> str | None:
        return None if self.result_code is None else codes.result_text(self.result_code)

    @property
    def application_id(self) -> str | None:
        found: str | None = self.tag(0x43)
        return found.upper() if found is not None else None

    @property
    def application_name(self) -> str | None:
        found: str | None = self.tag(0x44)
        return found

    @property
    def cardholder_authentication(self) -> int | None:
        """See `codes.CARDHOLDER`."""
        found: int | None = self.tag(0x1F10)
        return found

    @property
    def card_technology(self) -> int | None:
        """See `codes.TECHNOLOGY`."""
        found: int | None = self.tag(0x1F12)
        return found

    @property
    def online(self) -> bool | None:
        found = self.tag(0x1F11)
        return None if found is None else found != 0

    @property
    def emv_customer(self) -> str | None:
        found: str | None = self.tag(0x46)
        return found

    @property
    def emv_merchant(self) -> str | None:
        found: str | None = self.tag(0x47)
        return found

    @property
    def long_trace_number(self) -> str | None:
        """Where it is there, `trace_no` is 0."""
        found: str | None = self.tag(0x1F2B)
        return found

    @property
    def tip_minor(self) -> int | None:
        """Part of `amount_minor`."""
        found: int | None = self.tag(0x1F36)
        return found

    @property
    def tippable(self) -> bool:
        """Whether a tip may be booked afterwards."""
        return bool((self.tag(0x1F3B) or 0) & 1)

    @property
    def cashback_minor(self) -> int | None:
        found: int | None = self.tag(0x1F25)
        return found

    @property
    def receipt_information(self) -> int | None:
        """Bits: 01 positive, 02 signature needed, 04 negative, 80 must be printed."""
        found: int | None = self.tag(0x1F37)
        return found

    @property
    def receipt_parameter(self) -> str | None:
        found: str | None = self.tag(0x45)
        return found

    @property
    def signature(self) -> bool:
        """Whether the customer must sign."""
        by_card = self.cardholder_authentication in {0x01, 0x05, 0x06, 0x07}
        return bool((self.receipt_information or 0) & 0x02) or by_card

    @property
    def card_type(self) -> int | None:
        """Field 8A, or tag 41 where the number is above 255."""
        found: int | None = self.tag(0x41)
        return found if found is not None else self.card_type_id


class IntermediateStatus(Message, frozen=True, kw_only=True):
    """04 FF: what it is doing. `timeout_minutes`: how long it may take from now on (T4)."""

    command = 0x04FF
    heads = ("status", "timeout_minutes")
    status: int | None = None
    timeout_minutes: int | None = None

    @property
    def text(self) -> str | None:
        return None if self.status is None else codes.intermediate_text(self.status)


class SetTimeHere(Message, frozen=True, kw_only=True):
    """04 01: the terminal tells the till the time."""

    command = 0x0401
    date_yymmdd: str | None = None
    time_hhmmss: str | None = None


class Completion(Message, frozen=True, kw_only=True):
    """06 0F: the sequence has ended. It says nothing about a payment."""

    command = 0x060F
    heads = ("sw_version", "terminal_status")
    result_code: int | None = None
    status_byte: int | None = None
    terminal_id: str | None = None
    currency: int | None = None
    sw_version: str | None = None
    terminal_status: int | None = None

    @property
    def permitted_commands(self) -> tuple[str, ...]:
        return _commands(self.tlv)

    @property
    def permitted_tags(self) -> str | None:
        found: str | None = self.tag(0x1F71)
        return found

    @property
    def initialisation_needed(self) -> bool:
        return bool((self.status_byte or 0) & 0x01)

    @property
    def diagnosis_needed(self) -> bool:
        return bool((self.status_byte or 0) & 0x02)

    @property
    def agreed_charset(self) -> str | None:
        """The one that the terminal took over from the registration."""
        return _named_charset(self.tlv)

    @property
    def printer_columns(self) -> int | None:
        found: int | None = self.tag(0x12)
        return found

    @property
    def max_apdu(self) -> int | None:
        found: int | None = self.tag(0x1A)
        return found


class Abort(Message, frozen=True, kw_only=True):
    """06 1E: the sequence has ended and nothing came of it. A failure with and without a code."""

    command = 0x061E
    heads = ("result_code",)
    result_code: int | None = None
    receipts: tuple[int, ...] = ()

    @property
    def open_receipts(self) -> tuple[int, ...]:
        """The receipt numbers of open pre-authorisations (result code B8)."""
        kind = TLVS[0x08]
        inside = tlv.find(self.tlv, 0x23)
        found = [*self.receipts]
        for value in tlv.every(inside.children if inside is not None else None, 0x08):
            number = read_value(kind, value.value, self.charset)
            if number is not None:
                found.append(number)
        return tuple(number for number in found if number != OPEN_RECEIPTS)

    @property
    def result_text(self) -> str | None:
        return None if self.result_code is None else codes.result_text(self.result_code)


class Printed(msgspec.Struct, frozen=True):
    """One line for paper. Attribute: 40 centred, 20 double width, 10 double height, low four bits: indent."""

    attribute: int
    text: str

    @property
    def last(self) -> bool:
        """Whether the receipt ends with this line."""
        return bool(self.attribute & 0x80) and self.attribute not in {0x80, 0xFF}

    @property
    def centred(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x40)

    @property
    def double_width(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x20)

    @property
    def double_height(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x10)

    @property
    def indent(self) -> int:
        return 0 if self.attribute & 0x80 else self.attribute & 0x0F


class PrintLine(Message, frozen=True, kw_only=True):
    """06 D1. With attribute FF it is `feed` empty lines."""

    command = 0x06D1
    heads = ("attribute", "text")
    attribute: int | None = None
    text: str = ""
    feed: int = 0

    @property
    def line(self) -> Printed:
        return Printed(self.attribute or 0, self.text)

    @property
    def receipt_type(self) -> str | None:
        return _RECEIPTS.get(self.tag(0x1F07) or 0)


class PrintBlock(Message, frozen=True, kw_only=True):
    """06 D3: a receipt, or a part of one."""

    command = 0x06D3

    @property
    def lines(self) -> tuple[Printed, ...]:
        found: list[Printed] = []
        for container in tlv.every(self.tlv, 0x25):
            attribute = 0
            for value in container.children or ():
                if value.tag == 0x09 and value.value:
                    attribute = value.value[0]
                elif value.tag == 0x07:
                    text = charsets.decode(value.value, self.charset).rstrip("\x00")
                    found.append(Printed(attribute, text))
        return tuple(found)

    @property
    def last(self) -> bool:
        """Whether the receipt ends with this block: so says its last attribute, FF included."""
        attributes = [
            value.value[0]
            for container in tlv.every(self.tlv, 0x25)
            for value in container.children or ()
            if value.tag == 0x09 and value.value
        ]
        return bool(attributes) and bool(attributes[-1] & 0x80) and attributes[-1] != 0x80

    @property
    def receipt_type(self) -> str | None:
        return _RECEIPTS.get(self.tag(0x1F07) or 0)

    @property
    def receipt_information(self) -> int | None:
        """Bits: 01 positive, 02 signature needed, 04 negative, 80 must be printed."""
        found: int | None = self.tag(0x1F37)
        return found

    @property
    def signature(self) -> bool:
        return bool((self.receipt_information or 0) & 0x02)

    @property
    def positive(self) -> bool | None:
        found = self.receipt_information
        return None if found is None or not found & 0x05 else bool(found & 0x01)


# From either.


class Ack(Message, frozen=True, kw_only=True):
    """80 00."""

    command = 0x8000


class Nack(Message, frozen=True, kw_only=True):
    """84 xx. `error_code` 00 counts as an acknowledgement, 9C means wait.

    Never an answer to a 04 0F, but for 9C: the terminal would take the payment back.
    """

    command = 0x8400
    heads = ("result_code", "currency")
    error_code: int = 0
    result_code: int | None = None
    amount_minor: int | None = None
    currency: int | None = None

    @property
    def error_text(self) -> str:
        return codes.result_text(self.error_code)

    @property
    def result_text(self) -> str | None:
        return None if self.result_code is None else codes.result_text(self.result_code)


def _commands(values: tuple[Tlv, ...] | None) -> tuple[str, ...]:
    container = tlv.find(values, 0x26)
    return tuple(
        value.value.hex().upper() for value in tlv.every(container.children if container else None, 0x0A)
    )


def _named_charset(values: tuple[Tlv, ...] | None) -> str | None:
    container = tlv.find(values, 0x27)
    code = tlv.find(container.children, 0x14) if container is not None else None
    return charsets.charset_name(code.value[0]) if code is not None and code.value else None
