"""Payments at a payment service: what is asked of it, what it says, and what that means. The id of a payment is its idempotency key.

Amounts are minor units, times milliseconds since 1970 UTC.
"""

from typing import Any, Final, Literal

import msgspec

from pos.domain.card import APPROVED, CardAnswer, CardResult
from pos.domain.card_rules import Verdict

__all__ = ["FINAL", "PspOrder", "PspSays", "Status", "result_of", "verdict_of", "verdict_of_answer"]

Status = Literal["open", "pending", "paid", "failed", "expired", "cancelled", "none"]
"""open: the customer has not paid yet; pending: has, and the money is not certain; none: the service knows of no such payment."""

_STATUSES: Final = frozenset({"open", "pending", "paid", "failed", "expired", "cancelled", "none"})
FINAL: Final = frozenset({"paid", "failed", "expired", "cancelled", "none"})


class PspOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order to a service. `reference` is the service's own id of it, once it is known; `of` that of the payment that is
    refunded. `text` is what its customer reads.
    """

    payment_id: str
    kind: Literal["sale", "refund"]
    amount_minor: int
    currency: str = "EUR"
    begun_ms: int = 0
    text: str = ""
    reference: str = ""
    of: str = ""


class PspSays(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a service said of a payment. `link` is where its customer pays, `method` by what means, `detail` its own word."""

    status: Status
    reference: str = ""
    amount_minor: int | None = None
    currency: str = ""
    link: str = ""
    method: str = ""
    detail: str = ""


def result_of(says: PspSays) -> CardResult:
    """What was said, as it is kept. The link is not: whoever has it can pay."""
    return CardResult(
        APPROVED if says.status == "paid" else None,
        says.amount_minor,
        says.currency,
        brand=says.method,
        reference=says.reference,
        text=says.detail or says.status,
    )


def verdict_of(order: PspOrder, says: PspSays | None) -> Verdict:
    """What it means for a payment; None: the service was not to be reached. Only what it says decides."""
    if says is None:
        return Verdict("unknown", "silent")
    result = result_of(says)
    if says.status in {"open", "pending"}:
        return Verdict("unknown", says.status, result)
    if says.status != "paid":
        return Verdict("declined", says.status, result)
    if says.currency != order.currency or says.amount_minor != order.amount_minor:
        return Verdict("unknown", "amount", result)
    return Verdict("approved", "ours", result)


def verdict_of_answer(order: PspOrder, answer: CardAnswer) -> Verdict:
    """The same for an answer as the line tells it: `detail` is the status of a result."""
    if answer.found == "nothing":
        return Verdict("declined", "none")
    result = answer.result
    if answer.found != "result" or result is None:
        return Verdict("unknown", "silent")
    status: Any = answer.detail if answer.detail in _STATUSES else "pending"
    says = PspSays(
        status, result.reference, result.amount_minor, result.currency, "", result.brand, result.text
    )
    return verdict_of(order, says)
