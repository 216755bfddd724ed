"""What the codes of the protocol are called, in English. The sentences for cashiers stand with the till's other words."""

from typing import Final

__all__ = [
    "CARDHOLDER",
    "CARD_KINDS",
    "INTERMEDIATE",
    "REMOVE_CARD",
    "RESULTS",
    "TECHNOLOGY",
    "TERMINAL",
    "asks_removal",
    "cardholder_text",
    "host_code",
    "intermediate_text",
    "result_key",
    "result_text",
    "state_key",
    "technology_text",
    "terminal_key",
    "terminal_text",
]

RESULTS: Final[dict[int, str]] = {
    0x00: "no error",
    0x64: "card not readable",
    0x65: "card data not present",
    0x66: "processing error",
    0x67: "function not permitted for girocard and Maestro cards",
    0x68: "function not permitted for credit and tank cards",
    0x6A: "turnover file full",
    0x6B: "function deactivated, terminal not registered",
    0x6C: "abort via timeout or abort-key",
    0x6E: "card in blocked list",
    0x6F: "wrong currency",
    0x71: "credit not sufficient",
    0x72: "chip error",
    0x73: "card data incorrect",
    0x74: "key engine exhausted",
    0x75: "text not authentic",
    0x76: "card number not in white list",
    0x77: "end of day not possible",
    0x78: "card expired",
    0x79: "card not yet valid",
    0x7A: "card unknown",
    0x7B: "fallback to magnetic stripe not possible for girocard",
    0x7C: "fallback to magnetic stripe not possible",
    0x7D: "communication error",
    0x7E: "fallback to magnetic stripe not possible, debit advice possible",
    0x83: "function not possible",
    0x85: "key missing",
    0x89: "PIN pad defective",
    0x9A: "ZVT protocol error",
    0x9B: "error from dial-up or communication fault",
    0x9C: "please wait",
    0xA0: "receiver not ready",
    0xA1: "remote station does not respond",
    0xA3: "no connection",
    0xA4: "submission of Geldkarte not possible",
    0xA5: "function not allowed by PCI-DSS or P2PE rules",
    0xB1: "memory full",
    0xB2: "merchant journal full",
    0xB4: "already reversed",
    0xB5: "reversal not possible",
    0xB7: "amount wrong or pre-authorised amount exceeded",
    0xB8: "error in pre-authorisation",
    0xBF: "voltage supply too low",
    0xC0: "card locking mechanism defective",
    0xC1: "merchant card locked",
    0xC2: "diagnosis required",
    0xC3: "maximum amount exceeded",
    0xC4: "card profile invalid",
    0xC5: "payment method not supported",
    0xC6: "currency not applicable",
    0xC8: "amount too small",
    0xC9: "maximum transaction amount too small",
    0xCB: "function only allowed in euro",
    0xCC: "printer not ready",
    0xCD: "cashback not possible",
    0xD2: "function not permitted for service cards",
    0xDC: "card inserted",
    0xDD: "error during card eject",
    0xDE: "error during card insertion",
    0xE0: "remote-maintenance activated",
    0xE2: "card reader does not answer or is defective",
    0xE3: "shutter closed",
    0xE4: "terminal activation required",
    0xE7: "goods group not found",
    0xE8: "no goods groups loaded",
    0xE9: "restriction code not permitted",
    0xEA: "card code not permitted",
    0xEB: "function not executable, PIN algorithm unknown",
    0xEC: "PIN processing not possible",
    0xED: "PIN pad defective",
    0xF0: "open end of day batch present",
    0xF1: "girocard or Maestro offline error",
    0xF5: "OPT error",
    0xF6: "OPT data not available",
    0xFA: "error transmitting offline transactions",
    0xFB: "turnover data defective",
    0xFC: "necessary device not present or defective",
    0xFD: "baud rate not supported",
    0xFE: "register unknown",
    0xFF: "system error",
}
"""By result code: field 27, the code of an abort, the second byte of 84 xx. 01-63 are the host's."""

INTERMEDIATE: Final[dict[int, str]] = {
    0x00: "waiting for amount confirmation",
    0x01: "watch the PIN pad",
    0x02: "watch the PIN pad",
    0x03: "not accepted",
    0x04: "waiting for response from the host",
    0x05: "sending auto-reversal",
    0x06: "sending post-bookings",
    0x07: "card not admitted",
    0x08: "card unknown",
    0x09: "card expired",
    0x0A: "insert card",
    0x0B: "remove card",
    0x0C: "card not readable",
    0x0D: "processing error",
    0x0E: "please wait",
    0x0F: "automatic end of day is starting",
    0x10: "invalid card",
    0x11: "balance display",
    0x12: "system malfunction",
    0x13: "payment not possible",
    0x14: "credit not sufficient",
    0x15: "wrong PIN",
    0x16: "limit not sufficient",
    0x17: "please wait",
    0x18: "PIN tries exceeded",
    0x19: "card data incorrect",
    0x1A: "service mode",
    0x1B: "approved, fill up",
    0x1C: "approved, take goods",
    0x1D: "declined",
    0x26: "waiting for mobile number",
    0x27: "waiting for mobile number again",
    0x28: "currency selection",
    0x29: "language selection",
    0x2A: "insert card for loading",
    0x2B: "offline emergency transaction",
    0x2C: "application selection",
    0x68: "card inserted",
    0x69: "currency selection (DCC)",
    0xC7: "waiting for mileage",
    0xC8: "waiting for cashier",
    0xC9: "automatic diagnosis is starting",
    0xCA: "automatic initialisation is starting",
    0xCB: "merchant journal full",
    0xCC: "debit advice not possible, PIN required",
    0xD2: "connecting",
    0xD3: "connected",
    0xE0: "waiting for application confirmation",
    0xE1: "waiting for amount confirmation",
    0xE2: "waiting for PIN entry",
    0xFF: "text only",
}
"""By status of 04 FF. 41-67 are 01-27 with the request to take the card out (`REMOVE_CARD`)."""

REMOVE_CARD: Final = 0x40

TERMINAL: Final[dict[int, str]] = {
    0x00: "ready",
    0x51: "initialisation required",
    0x62: "date or time incorrect",
    0x9C: "please wait",
    0xB1: "memory full, end of day required",
    0xB2: "merchant journal full",
    0xBF: "voltage supply too low",
    0xC0: "card locking mechanism defective",
    0xC1: "merchant card locked",
    0xC2: "diagnosis required",
    0xC4: "card profile invalid",
    0xCC: "printer not ready",
    0xDC: "card inserted",
    0xDF: "out of order",
    0xE0: "remote-maintenance activated",
    0xE1: "card not completely removed",
    0xE2: "card reader does not answer or is defective",
    0xE3: "shutter closed",
    0xE4: "terminal activation required",
    0xF0: "reconciliation required",
    0xF6: "OPT data not available",
    0xFC: "necessary device not present or defective",
    0xFF: "system error",
}
"""By the terminal status byte that answers 05 01."""

CARDHOLDER: Final[dict[int, str]] = {
    0x00: "none",
    0x01: "signature",
    0x02: "online PIN",
    0x03: "offline encrypted PIN",
    0x04: "offline plaintext PIN",
    0x05: "offline encrypted PIN and signature",
    0x06: "offline plaintext PIN and signature",
    0x07: "online PIN and signature",
    0xFF: "unknown",
}
"""By tag 1F10."""

TECHNOLOGY: Final[dict[int, str]] = {0x00: "magnetic stripe", 0x01: "chip", 0x02: "NFC"}
"""By tag 1F12."""

CARD_KINDS: Final[dict[int, str]] = {
    2: "ec card",
    5: "girocard",
    6: "Mastercard",
    8: "American Express",
    9: "ELV",
    10: "Visa",
    11: "Visa Electron",
    12: "Diners",
    13: "V PAY",
    14: "JCB",
    46: "Maestro",
    47: "gift card",
    97: "Alipay",
}
"""By field 8A. What is printed is the card's own name (8B, tag 44), never this."""


def host_code(code: int) -> bool:
    """Whether a result code is the network operator's own (01 to 99 decimal)."""
    return 0x01 <= code <= 0x63


def result_text(code: int) -> str:
    if host_code(code):
        return f"declined by network operator/authorisation system (host code {code:02d})"
    return RESULTS.get(code, f"unknown result code {code:02X}")


def intermediate_text(code: int) -> str:
    found = INTERMEDIATE.get(code)
    if found is not None:
        return found
    base = INTERMEDIATE.get(code - REMOVE_CARD) if 0x41 <= code <= 0x67 else None
    return f"unknown status {code:02X}" if base is None else f"{base}, remove card"


def terminal_text(code: int) -> str:
    return TERMINAL.get(code, f"unknown terminal status {code:02X}")


def cardholder_text(code: int) -> str:
    """`02 online PIN`."""
    return f"{code:02X} {CARDHOLDER.get(code, 'unknown')}"


def technology_text(code: int) -> str:
    """`02 NFC`."""
    return f"{code:02X} {TECHNOLOGY.get(code, 'unknown')}"


# The keys under which a till keeps its sentences for cashiers; "unknown" and "host" take the code as `code`.

_HOST_SENTENCES: Final = frozenset(
    {
        0x02,
        0x05,
        0x0C,
        0x0D,
        0x0E,
        0x1E,
        0x21,
        0x2B,
        0x33,
        0x36,
        0x37,
        0x38,
        0x39,
        0x3A,
        0x3D,
        0x3E,
        0x41,
        0x4B,
        0x5B,
    }
)


def result_key(code: int) -> str:
    """`card.result.6C`."""
    if host_code(code) and code not in _HOST_SENTENCES:
        return "card.result.host"
    return f"card.result.{code:02X}" if code in RESULTS or host_code(code) else "card.result.unknown"


def asks_removal(status: int) -> bool:
    """Whether the card must be taken out: `card.state.remove` takes the sentence as `state`."""
    return 0x41 <= status <= 0x67 and status - REMOVE_CARD in INTERMEDIATE


def state_key(status: int) -> str:
    """`card.state.0A`; of a status that asks for the card to be taken out, that without."""
    base = status - REMOVE_CARD if asks_removal(status) else status
    return f"card.state.{base:02X}" if base in INTERMEDIATE else "card.state.unknown"


def terminal_key(status: int) -> str:
    """`card.terminal.DC`."""
    return f"card.terminal.{status:02X}" if status in TERMINAL else "card.terminal.unknown"
