"""Facts of payments at a terminal or a payment service; the stored form is that of pos.facts.

A payment is an intent, before the first byte; what was said of it, before it is acknowledged; and its end, which is the sale that
holds it as a tender or, where it does not end so, a fact of its own.
"""

import msgspec

from pos.domain.card import CardMark, CardPaper, CardResult, CardTotals
from pos.domain.rights import Approval

__all__ = [
    "PaymentEnded",
    "PaymentIntent",
    "PaymentResult",
    "TerminalClosed",
    "TerminalMet",
    "TerminalPrinted",
]


class PaymentIntent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The till is about to ask `terminal` for a payment; from here on the card may be charged.

    `kind` is that of pos.domain.card.CardRequest, `amount_minor` positive. `provider` is "zvt" or a payment service's name.
    `before` is the terminal's last transaction, None: it had none. `receipt_no` is the terminal's number of what is taken back,
    `of` the payment (its id) that is, `of_reference` a payment service's own id of it. `cart_id` is empty where it belongs to no open cart.
    `note` says for whom a card is held to an amount ("preauth"); `receipt` is the receipt to which a tip is added, as pos.mentions writes it.
    """

    payment_id: str
    cart_id: str
    kind: str
    amount_minor: int
    currency: str
    provider: str
    terminal: str
    operator: str
    business_day: str
    begun_ms: int
    offset_min: int
    terminal_id: str = ""
    before: CardMark | None = None
    receipt_no: int | None = None
    of: str = ""
    tip_minor: int = 0
    attempt: int = 1
    approvals: tuple[Approval, ...] = ()
    of_reference: str = ""
    note: str = ""
    receipt: str = ""


class PaymentResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was said of a payment. `how`: "terminal" in its own conversation, "late" after it, "query" when it was asked."""

    payment_id: str
    result: CardResult
    heard_ms: int
    offset_min: int
    how: str = "terminal"


class PaymentEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a payment that no sale ends.

    `outcome` is "approved" (it is a part payment, or its sale waits; of a "preauth": the card is held to the amount until a
    "book" or a "release" of it, or until somebody states that it is over, as "unpaid"), "declined", "reversed" or "unpaid". `by`: "completion",
    "abort", "refused", "query" or "operator", who states it against the terminal's silence: then `approvals` says who agreed,
    `note` on what evidence, and the terminal's next end of day is looked at for it. `rule` is that of pos.domain.card_rules.
    """

    payment_id: str
    outcome: str
    by: str
    operator: str
    ended_ms: int
    offset_min: int
    code: int | None = None
    rule: str = ""
    result: CardResult | None = None
    note: str = ""
    paper: tuple[CardPaper, ...] = ()
    approvals: tuple[Approval, ...] = ()


class TerminalMet(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal was met for the first time in this epoch, or is another one now. `last` None: it has no transaction."""

    terminal: str
    terminal_id: str
    last: CardMark | None
    met_ms: int
    offset_min: int
    software: str = ""


class TerminalClosed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal's end of day, beside what the journal holds of it since the last one.

    `ours` are the journal's (brand, how many, sum), `totals` the terminal's own; None where it told none. `difference_minor`
    is the terminal's sum less ours, None where it is not known. `watched` are payments whose outcome a person had stated.
    """

    terminal: str
    terminal_id: str
    operator: str
    business_day: str
    closed_ms: int
    offset_min: int
    ours: tuple[tuple[str, int, int], ...] = ()
    totals: CardTotals | None = None
    difference_minor: int | None = None
    watched: tuple[str, ...] = ()


class TerminalPrinted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A terminal had something printed that belongs to no payment: sums, a diagnosis, what it did by itself. The shop's paper."""

    terminal: str
    terminal_id: str
    paper: CardPaper
    printed_ms: int
    offset_min: int
