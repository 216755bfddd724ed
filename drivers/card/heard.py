"""What a terminal said, as the till's own values. Nothing here raises: a status that cannot be read is still a status."""

import logging
from typing import Final

import msgspec

from drivers.card.zvt import (
    Abort,
    Apdu,
    Completion,
    IntermediateStatus,
    Nack,
    StatusInformation,
    Totals,
    codes,
    read,
    scan,
)
from drivers.card.zvt.values import BRANDS
from pos.domain.card import CardResult, CardState, CardTotals

__all__ = [
    "CURRENCIES",
    "Capabilities",
    "capabilities_of",
    "code_of",
    "code_text",
    "currency_name",
    "result_of",
    "state_of",
    "status_of",
    "totals_of",
]

CURRENCIES: Final = {
    "EUR": 978, "CHF": 756, "GBP": 826, "USD": 840, "SEK": 752, "DKK": 208, "NOK": 578, "CZK": 203, "PLN": 985,
    "HUF": 348, "RON": 946, "BGN": 975, "ISK": 352,
}  # fmt: skip
_NAMES: Final = {number: name for name, number in CURRENCIES.items()}
_ENTRY: Final = {0: "magstripe", 1: "chip", 2: "contactless"}
_CVM: Final = {
    0: "none", 1: "signature", 2: "online-pin", 3: "offline-pin", 4: "offline-pin", 5: "offline-pin",
    6: "offline-pin", 7: "online-pin",
}  # fmt: skip
_log = logging.getLogger(__name__)


class Capabilities(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal said of itself when it was registered. `tags` and `commands` in upper-case hexadecimal."""

    terminal_id: str = ""
    currency: str = ""
    software: str = ""
    charset: str = ""
    columns: int | None = None
    max_apdu: int | None = None
    tags: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    needs: str = ""
    """"initialise", "diagnosis" or empty."""


def currency_name(number: int | None) -> str:
    """`EUR` for 978; the number itself for one that is not known here."""
    return "" if number is None else _NAMES.get(number, str(number))


def result_of(apdu: Apdu, charset: str = "auto") -> CardResult:
    """A 04 0F."""
    message = read(apdu, charset)
    if not isinstance(message, StatusInformation):
        return CardResult(None, undecoded=True)
    try:
        return _result(message)
    except Exception:  # noqa: BLE001 - whatever is wrong with the rest, what it says of the payment stays
        _log.exception("a status could not be read whole")
        return CardResult(message.result_code, undecoded=True)


def _result(message: StatusInformation) -> CardResult:
    trace = message.trace_no
    if not trace and message.long_trace_number and message.long_trace_number.isdecimal():
        trace = int(message.long_trace_number)
    return CardResult(
        message.result_code,
        message.amount_minor,
        currency_name(message.currency),
        message.terminal_id or "",
        message.vu_number or "",
        message.receipt_no,
        trace,
        message.turnover_no,
        message.original_trace_no,
        message.date_mmdd or "",
        message.time_hhmmss or "",
        scan(message.authorisation_attribute or ""),
        scan((message.card_name or message.application_name or "").strip()),
        message.card_type,
        message.pan_last4 or "",
        message.card_sequence_no,
        message.application_id or "",
        scan((message.application_name or "").strip()),
        _ENTRY.get(-1 if message.card_technology is None else message.card_technology, ""),
        _CVM.get(-1 if message.cardholder_authentication is None else message.cardholder_authentication, ""),
        message.signature,
        message.tip_minor,
        message.tippable,
        scan(message.additional_text or ""),
        scan(message.emv_customer or ""),
        scan(message.emv_merchant or ""),
        bool(message.undecoded),
    )


def state_of(apdu: Apdu, charset: str = "auto") -> tuple[CardState, int | None]:
    """A 04 FF, and the minutes that it grants. Its own text goes before what its code means."""
    message = read(apdu, charset)
    if not isinstance(message, IntermediateStatus):
        return CardState(), None
    shown = " ".join(text.strip() for text in message.display_texts if text.strip())
    return CardState(message.status, scan(shown or message.text or "")), message.timeout_minutes


def totals_of(apdu: Apdu, charset: str = "auto") -> CardTotals | None:
    """The sums in a 04 0F of an end of day."""
    message = read(apdu, charset)
    if not isinstance(message, StatusInformation):
        return None
    if message.totals is not None:
        return _totals(message.totals, message)
    return None if message.amount_minor is None else CardTotals(total_minor=message.amount_minor)


def _totals(totals: Totals, message: StatusInformation) -> CardTotals:
    brands = tuple(
        (brand.replace("_", "-"), each.count, each.amount_minor)
        for brand in BRANDS
        if (each := getattr(totals, brand)).count or each.amount_minor
    )
    total = message.amount_minor if message.amount_minor is not None else totals.amount_minor
    return CardTotals(brands, (totals.receipt_no_start, totals.receipt_no_end), total)


def capabilities_of(apdu: Apdu, charset: str = "auto") -> Capabilities:
    """The completion of a registration."""
    message = read(apdu, charset)
    if not isinstance(message, Completion):
        return Capabilities()
    needs = "initialise" if message.initialisation_needed else "diagnosis" if message.diagnosis_needed else ""
    return Capabilities(
        message.terminal_id or message.tag(0x1F44) or "",
        currency_name(message.currency),
        message.tag(0x1F41) or message.sw_version or "",
        message.agreed_charset or "",
        message.printer_columns,
        message.max_apdu,
        _tags(message.permitted_tags or ""),
        message.permitted_commands,
        needs,
    )


def _tags(text: str) -> tuple[str, ...]:
    """The tags in a list of them, one behind the other: 1F on says that more bytes follow."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return ()
    found: list[str] = []
    at = 0
    while at < len(data):
        end = at + 1
        if data[at] & 0x1F == 0x1F:
            while end < len(data) and data[end] & 0x80:
                end += 1
            end += 1
        found.append(data[at:end].hex().upper())
        at = end
    return tuple(found)


def status_of(apdu: Apdu | None) -> int | None:
    """The status byte that answers 05 01; None where it says none."""
    message = read(apdu) if apdu is not None else None
    return message.terminal_status if isinstance(message, Completion) else None


def code_of(apdu: Apdu | None) -> int | None:
    """The code of an abort or a refusal."""
    message = read(apdu) if apdu is not None else None
    if isinstance(message, Abort):
        return message.result_code
    if isinstance(message, Nack):
        return (
            message.result_code if message.error_code == 0x1E and message.result_code else message.error_code
        )
    return None


def code_text(code: int | None) -> str:
    """For a log."""
    return "no code" if code is None else f"{code:02X} {codes.result_text(code)}"
