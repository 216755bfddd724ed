"""What a till says to a terminal."""

from typing import Final

from drivers.card.zvt.base import Message, named_charset, permitted_commands

__all__ = [
    "OPEN_RECEIPTS",
    "AbortCommand",
    "Authorisation",
    "BookTip",
    "BookTotal",
    "Diagnosis",
    "DisplayText",
    "EndOfDay",
    "Initialisation",
    "LogOff",
    "PartialReversal",
    "PreAuthorisation",
    "PreAuthorisationReversal",
    "Refund",
    "Registration",
    "RepeatReceipt",
    "Reprint",
    "Reversal",
    "SetTime",
    "StatusEnquiry",
    "TurnoverTotals",
]


OPEN_RECEIPTS: Final = 0xFFFF
"""As receipt number of `PartialReversal`: which pre-authorisations are open?"""


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
        return permitted_commands(self.tlv)

    @property
    def offered_charset(self) -> str | None:
        return named_charset(self.tlv)


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
