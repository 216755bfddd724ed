"""Payments by card at a terminal: what is asked of it, what it says. Card numbers are never in here but for their last four.

Amounts are minor units. Counters of a terminal (receipt, trace, turnover) wrap after their last number.
"""

from typing import Final, Literal

import msgspec

__all__ = [
    "APPROVED",
    "CardAnswer",
    "CardEnd",
    "CardMark",
    "CardPaper",
    "CardRequest",
    "CardResult",
    "CardState",
    "CardTotals",
    "Kind",
    "mark_of",
]

APPROVED: Final = 0
"""The one result code that says that the card was charged."""

Kind = Literal["sale", "refund", "reversal", "preauth", "book", "reduce", "release", "tip"]


class CardRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order to a terminal. `receipt_no` is the terminal's number of what is reversed, booked or tipped.

    A "reversal" takes back all of it. A pre-authorisation is settled by "book" with what was used, or by "reduce" with what was
    not, and given back whole by "release". `amount_minor` is positive in every kind. `begun_ms` is the time of its intent;
    `of_reference` a payment service's id of the payment that is refunded.
    """

    payment_id: str
    kind: Kind
    amount_minor: int
    currency: str = "EUR"
    receipt_no: int | None = None
    tip_minor: int = 0
    begun_ms: int = 0
    of_reference: str = ""


class CardMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which transaction of a terminal: what of its counters is known. `date` is MMDD, `time` HHMMSS, both by its own clock."""

    receipt_no: int | None = None
    trace_no: int | None = None
    turnover_no: int | None = None
    date: str = ""
    time: str = ""


class CardResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal said of one transaction, masked. `code` 0 alone approves; None: it said no code.

    `entry_mode` is "chip", "contactless", "magstripe", "manual" or empty; `cvm` "none", "signature", "online-pin",
    "offline-pin", "device" or empty. `text` is additional text for the receipt. `undecoded`: a part could not be read.
    `reference` is a payment service's own id of the payment.
    """

    code: int | None
    amount_minor: int | None = None
    currency: str = ""
    terminal_id: str = ""
    vu_number: str = ""
    receipt_no: int | None = None
    trace_no: int | None = None
    turnover_no: int | None = None
    original_trace_no: int | None = None
    date: str = ""
    time: str = ""
    auth_code: str = ""
    brand: str = ""
    card_type: int | None = None
    pan_last4: str = ""
    card_seq: int | None = None
    aid: str = ""
    app_label: str = ""
    entry_mode: str = ""
    cvm: str = ""
    signature: bool = False
    tip_minor: int | None = None
    tippable: bool = False
    text: str = ""
    emv_customer: str = ""
    emv_merchant: str = ""
    undecoded: bool = False
    reference: str = ""


class CardPaper(msgspec.Struct, frozen=True, omit_defaults=True):
    """One receipt that a terminal wants printed, line by line as it came. `must`: it may not be left out."""

    kind: Literal["customer", "merchant", "administration"]
    lines: tuple[str, ...]
    signature: bool = False
    negative: bool = False
    must: bool = False


class CardState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal does just now. `code` is that of an intermediate status, None for the driver's own word in `text`.

    The driver's own words: "connecting", "registering", "sent", "asking", "waiting" (it is busy), "reversing"; of a payment
    service "psp-open", "psp-pending", "away", with the `link` by which its customer pays.
    """

    code: int | None = None
    text: str = ""
    link: str = ""


class CardEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the conversation about a request ended.

    "completion": 06 0F; "abort": 06 1E with `code`; "refused": nothing was begun, the terminal said no to the request itself
    (`code`) or it never left the till (`detail` "not-sent"); "unknown": nobody knows (`detail` says why).
    """

    by: Literal["completion", "abort", "refused", "unknown"]
    code: int | None = None
    detail: str = ""


class CardAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal answered when it was asked for its last transaction.

    `found` "result": `result` is it; "nothing": it has none, in its own words; "no-status": it answered without saying which
    (`code`); "silent": it did not answer in time, or is away (`detail`).
    """

    found: Literal["result", "nothing", "no-status", "silent"]
    result: CardResult | None = None
    code: int | None = None
    detail: str = ""


class CardTotals(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal's own sums at its end of day: (brand, how many, sum). `receipts` are the first and the last number."""

    brands: tuple[tuple[str, int, int], ...] = ()
    receipts: tuple[int, int] | None = None
    total_minor: int | None = None


def mark_of(result: CardResult) -> CardMark | None:
    """Which transaction a result speaks of; None where it says nothing that another could be told from."""
    mark = CardMark(result.receipt_no, result.trace_no, result.turnover_no, result.date, result.time)
    return None if mark == CardMark() else mark
