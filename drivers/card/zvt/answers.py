"""What a terminal says of what it does, and the acknowledgements of both sides."""

from drivers.card.zvt import codes, tlv
from drivers.card.zvt.base import Message, named_charset, permitted_commands
from drivers.card.zvt.fields import TLVS
from drivers.card.zvt.requests import OPEN_RECEIPTS
from drivers.card.zvt.values import Totals
from drivers.card.zvt.values import read as read_value

__all__ = ["Abort", "Ack", "Completion", "IntermediateStatus", "Nack", "SetTimeHere", "StatusInformation"]


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
        return permitted_commands(self.tlv)

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
        return named_charset(self.tlv)

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
